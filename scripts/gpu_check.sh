#!/usr/bin/env bash
# Everything that only a GPU can show, within eight minutes and without a network.
#
#   scripts/gpu_check.sh [--dry] [OUT]
#
# Figures go to OUT (.gpu-check), one JSON a step as soon as it is done, with what the step said
# beside it; at the end they are put into a copy of docs/gpu-figures.md there. A step that hangs or
# fails costs itself alone. Wheels that the machine lacks are taken from .gpu-wheels, where
# scripts/pack_gpu.sh puts them; its own torch is used, whichever that is.
#   --dry   the same on a CPU, at sizes that take seconds: shows that every step runs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

wheels=.gpu-wheels
seconds_in_all=${SECONDS_IN_ALL:-470}
size=check chip=full gib=2 scheme=fp8 dry=no
case "${1:-}" in -h | --help) help "${BASH_SOURCE[0]}"; exit ;; esac
if [ "${1:-}" = --dry ]; then
  size=small chip=small gib=1.2 scheme=none dry=yes
  export CUDA_VISIBLE_DEVICES='' OMP_NUM_THREADS=1
  if [ -x .venv/bin/python ]; then PYTHON=${PYTHON:-.venv/bin/python}; fi
  shift
fi
out=${1:-.gpu-check}
python=${PYTHON:-python3}
failed=0

main() {
  mkdir -p "$out"
  rm -f "$out"/*.json "$out"/*.log
  if [ $dry = no ]; then install; fi
  # In order of value, should time run out: the first that fails says most.
  step tests 120 "$python" -m pytest tests/gpu -rA -W default -m 'not slow' -p no:cacheprovider
  bench wan21 90 gpu --model wan21 --size $size --schemes none,fp8,fp8_compute,nf4,nvfp4 --no-compile
  bench decoding 40 chip --size $chip --only decoding
  bench fraction 20 chip --size $chip --only fraction
  bench ltx2 60 gpu --model ltx2 --size $size --schemes none,fp8,fp8_compute,nf4 --no-compile
  bench load 90 load --gib $gib --rounds 1 --scheme $scheme --folder "$out"
  bench offload 30 chip --size $chip --only offload
  bench nvenc 20 chip --size $chip --only nvenc
  cp docs/gpu-figures.md "$out/gpu-figures.md"
  step write 15 "$python" -m scripts.benchmark gpu --write "$out" --document "$out/gpu-figures.md"
  echo "$SECONDS s in all; figures and logs are in $out"
  exit $failed
}

# bench NAME SECONDS ARGUMENTS: a benchmark, whose numbers end in NAME.json.
bench() {
  local name=$1 limit=$2
  shift 2
  step "$name" "$limit" "$python" -W ignore -m scripts.benchmark "$@" --json "$out/$name.json"
}

# step NAME SECONDS COMMAND: at most so long, and no longer than there is time in all.
step() {
  local name=$1 limit=$2 left=$((seconds_in_all - SECONDS)) began=$SECONDS code=0
  shift 2
  if [ $left -lt 5 ]; then echo "$name: left out, the time is over"; failed=1; return; fi
  if [ "$limit" -gt $left ]; then limit=$left; fi
  timeout --kill-after=5 "$limit" "$@" > "$out/$name.log" 2>&1 || code=$?
  case $code in
    0) echo "$name: done in $((SECONDS - began)) s" ;;
    124 | 137) echo "$name: not done within $limit s"; failed=1 ;;
    *) echo "$name: failed, see $out/$name.log"; tail -n 5 "$out/$name.log"; failed=1 ;;
  esac
}

install() {
  if [ ! -d $wheels ]; then echo "no $wheels: what this machine has must do"; return; fi
  local site
  site=$(mktemp -d)
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
    --target "$site" $wheels/*.whl
  export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
}

main
