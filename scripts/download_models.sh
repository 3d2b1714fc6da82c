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
"$bin/python" -m scripts.checkpoints "${models[@]}" | while read -r models_dir repository revision file; do
  echo "== $repository ($revision) into $models_dir"
  # A checkpoint's folders, not the single files beside them that repeat their weights; of a LoRA's
  # repository only the file that is used.
  what=(--include '*/*' --include model_index.json)
  if [ -n "$file" ]; then what=(--include "$file"); fi
  "$bin/hf" download "$repository" "${what[@]}" --exclude '*.bin' --exclude '*.pt' --exclude '*.pth' \
    --exclude '*.onnx' --revision "$revision" --cache-dir "$models_dir"
done
if [ "$quantize" = yes ]; then "$bin/python" -m scripts.prequantize "${models[@]}"; fi
