#!/usr/bin/env bash
# Gathers the wheels that a machine with a GPU lacks, for scripts/gpu_check.sh to use without a network.
#
#   scripts/pack_gpu.sh [FOLDER]
#
# They go to FOLDER (.gpu-wheels, which git ignores), for Python 3.12 on x86-64 (PYTHON_VERSION and
# ARCHITECTURE say otherwise), at the versions of constraints.txt. The machine brings torch for
# CUDA 13, pytest and the common rest. Of bitsandbytes only the libraries for CUDA 13 and for the
# CPU are taken; ffmpeg stays behind. Repository and FOLDER together stay below 64 MiB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

names=(
  annotated-types bitsandbytes diffusers ftfy httpcore2 httpx2 huggingface_hub
  importlib_metadata pydantic pydantic-settings pydantic_core python-dotenv python-json-logger
  sniffio tokenizers torchao transformers truststore typing-inspection wcwidth zipp
)
cuda=130 most_mib=64
case "${1:-}" in -h | --help) help "${BASH_SOURCE[0]}"; exit ;; esac
folder=${1:-.gpu-wheels}
PATH="${VENV:-.venv}/bin:$PATH"

main() {
  rm -rf "$folder"
  mkdir -p "$folder"
  local -a pins platforms
  mapfile -t pins < <(pinned)
  if [ ${#pins[@]} != ${#names[@]} ]; then
    echo "constraints.txt has not all of: ${names[*]}" >&2
    exit 1
  fi
  local glibc
  for glibc in 28 27 24 17; do platforms+=(--platform "manylinux_2_${glibc}_${ARCHITECTURE:-x86_64}"); done
  platforms+=(--platform "manylinux2014_${ARCHITECTURE:-x86_64}")
  python -m pip download --quiet --no-deps --only-binary=:all: --implementation cp \
    --python-version "${PYTHON_VERSION:-3.12}" "${platforms[@]}" --dest "$folder" "${pins[@]}"
  slim
  weigh
}

# pinned: "name==version" for each name, as constraints.txt has them.
pinned() {
  local name
  for name in "${names[@]}"; do grep --ignore-case "^$name==" constraints.txt; done
}

# slim: bitsandbytes without its libraries for other GPUs; they are nine tenths of it.
slim() {
  local wheel
  wheel=$(echo "$folder"/bitsandbytes-*.whl)
  python - "$wheel" "libbitsandbytes_cuda$cuda.so" libbitsandbytes_cpu.so <<'PY'
import os, sys, zipfile
wheel, *kept = sys.argv[1:]
with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(wheel + ".part", "w", zipfile.ZIP_DEFLATED) as part:
    for name in whole.namelist():
        base = os.path.basename(name)
        if base in kept or not base.startswith("libbitsandbytes_"):
            part.writestr(whole.getinfo(name), whole.read(name))
missing = set(kept) - {os.path.basename(name) for name in zipfile.ZipFile(wheel + ".part").namelist()}
if missing:
    sys.exit(f"{wheel} has no {', '.join(missing)}")
os.replace(wheel + ".part", wheel)
PY
}

weigh() {
  local wheels tree
  wheels=$(du --bytes --summarize "$folder" | cut -f 1)
  tree=$(git ls-files -z --cached --others --exclude-standard | du --bytes --total --files0-from=- | tail -n 1 | cut -f 1)
  echo "$folder: $((wheels >> 20)) MiB of wheels, and $((tree >> 20)) MiB of repository"
  if [ $(((wheels + tree) >> 20)) -ge $most_mib ]; then
    echo "that is more than $most_mib MiB" >&2
    exit 1
  fi
}

main
