#!/usr/bin/env bash
# Brings the checkpoints that the settings name into MODELS_DIR, safetensors and small files only.
#
#   scripts/download_models.sh [--quantize] [MODEL ...]      all models when none is named
#
# --quantize makes the quantized weights too, so that the first job need not. What is there already
# is not fetched again; an interrupted download goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin
quantize=no
models=()
for argument in "$@"; do
  case "$argument" in
    --quantize) quantize=yes ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) models+=("$argument") ;;
  esac
done
"$bin/python" -m scripts.checkpoints "${models[@]}" | while read -r models_dir repository revision patterns; do
  echo "== $repository ($revision) into $models_dir"
  what=()
  set -f # the patterns are the hub's to match, not the shell's
  for pattern in $patterns; do what+=(--include "$pattern"); done
  set +f
  "$bin/hf" download "$repository" "${what[@]}" --revision "$revision" --cache-dir "$models_dir" </dev/null
done
# MAGI-1's special tokens are in its code's repository only; this is the commit that was checked.
tokens_url=https://raw.githubusercontent.com/SandAI-org/MAGI-1/6ff822e/example/assets/special_tokens.npz
tokens_sha256=b54bc664d5f4a722dfd8bb22201c025df61f22acddc07c0a2529d7b5cd6be5a7
"$bin/python" -m scripts.checkpoints "${models[@]}" | { grep sand-ai/MAGI-1 || true; } |
  while read -r models_dir _; do
    for snapshot in "$models_dir"/models--sand-ai--MAGI-1/snapshots/*/; do
      file=$snapshot/ckpt/special_tokens.npz
      [ -f "$file" ] && continue
      curl --fail --location --silent --show-error --output "$file.part" "$tokens_url"
      echo "$tokens_sha256  $file.part" | sha256sum --check --quiet
      mv "$file.part" "$file"
    done
  done
# Its text encoder is published as pickles, which the services do not read.
"$bin/python" -m scripts.checkpoints "${models[@]}" | { grep sand-ai/MAGI-1 || true; } |
  while read -r models_dir _; do
    for snapshot in "$models_dir"/models--sand-ai--MAGI-1/snapshots/*/; do
      "$bin/python" -m scripts.convert_pickles "$snapshot/ckpt/t5/t5-v1_1-xxl" </dev/null
    done
  done
if [ "$quantize" = yes ]; then "$bin/python" -m scripts.prequantize "${models[@]}"; fi
