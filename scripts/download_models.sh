#!/usr/bin/env bash
# Brings the checkpoints that the settings name into MODELS_DIR, safetensors and small files only.
#
#   scripts/download_models.sh [OPTION ...] [MODEL ...]
#
# A model is a service's name, or the repository on the hub that services are set to; upscalers is
# the network that makes any video larger by request (realesrgan-x4plus), and comes by name only.
# Without arguments, at a terminal, it shows a menu; elsewhere it takes all models.
#   --list             sizes, licences and free space; fetches nothing
#   --verify           fetches nothing, and checks what is there against the hub's checksums
#   --accept-licence   accept the licences that want it, where nobody can be asked
#   --quantize         make the quantized weights too, so that the first job need not
#   --docker           work inside the services' containers, into the volume videosdgx_models
# What is there is not fetched again; an interrupted download goes on where it stopped.
#
# A gated model wants three things once: an account on huggingface.co, its terms accepted on the
# model's page, and a read token (huggingface.co/settings/tokens) in HF_TOKEN, or in a file that
# HF_TOKEN_PATH names; with --docker in secrets/hf_token.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
PATH="${VENV:-.venv}/bin:$PATH"

action=fetch accept=no quantize=no docker=no upscalers=no
models=() options=() plan=() sizes=()

main() {
  local line
  parse "$@"
  if [ $# = 0 ] || [ "$*" = --docker ]; then
    if [ -t 0 ] && [ -t 1 ] && have python; then menu; fi
  fi
  if [ "$docker" = yes ]; then in_containers; exit; fi
  if ! have python || ! have hf; then stop "python and hf are not there" "run 'make setup' first"; fi
  if [ "$upscalers" = yes ]; then
    python -m scripts.fetch_upscalers "$action" </dev/null
    [ ${#models[@]} -gt 0 ] || exit 0
  fi
  read_plan
  if [ "$action" = verify ]; then for line in "${plan[@]}"; do verify "$line"; done; exit; fi
  measure
  show
  if [ "$action" = list ]; then exit; fi
  check_space
  accept_licences
  fetch_all
  magi1_special_tokens
  magi1_text_encoder
  if [ "$quantize" = yes ]; then python -m scripts.prequantize "${models[@]}"; fi
  echo "Done. Next: make up, or make serve."
}

parse() {
  local argument
  for argument in "$@"; do
    case "$argument" in
      -h | --help) help scripts/download_models.sh; exit 0 ;;
      --list) action=list ;;
      --verify) action=verify ;;
      --accept-licence) accept=yes ;;
      --quantize) quantize=yes ;;
      --docker) docker=yes; continue ;;
      -*) stop "unknown option $argument" "--help lists them" 2 ;;
      upscalers) upscalers=yes; continue ;;
      */*) set_to "$argument"; continue ;;
      *) known "$argument" || stop "no such model: $argument" "there are: $(names)upscalers" 2
         models+=("$argument"); continue ;;
    esac
    options+=("$argument")
  done
}

names() { services | cut -d ' ' -f 1 | tr '\n' ' '; }
known() { [[ " $(names) " == *" $1 "* ]]; }
# set_to REPOSITORY: the services that are set to it, as an error's hint names it.
set_to() {
  local found
  have python || stop "there is no python to look $1 up with" "name the service instead: $(names)" 2
  found=$(python -m scripts.checkpoints --set-to "$1") || exit 1
  [ -n "$found" ] || stop "no service is set to $1" "set CHECKPOINT of one to it; services are $(names)" 2
  mapfile -t -O ${#models[@]} models <<<"$found"
}
stop() { echo "$1." >&2; echo "  fix: $2." >&2; exit "${3:-1}"; }

# Each service's container has this script, its own model's requirements, and the volume.
in_containers() {
  local model compose=(docker compose) chosen=("${models[@]}")
  "${compose[@]}" version >/dev/null 2>&1 || compose=(docker-compose)
  if [ "$upscalers" = yes ]; then # any container will do
    "${compose[@]}" run --rm --no-deps "${chosen[0]:-$(names | cut -d ' ' -f 1)}" scripts/download_models.sh "${options[@]}" upscalers
    [ ${#chosen[@]} -gt 0 ] || return 0
  fi
  [ ${#chosen[@]} -gt 0 ] || read -ra chosen <<<"$(names)"
  for model in "${chosen[@]}"; do
    "${compose[@]}" run --rm --no-deps "$model" scripts/download_models.sh "${options[@]}" "$model"
  done
}

menu() {
  local model checkpoint licence answer number chosen
  local -a listed=()
  echo "Which models?"
  while IFS='|' read -r model checkpoint licence; do
    listed+=("$model")
    printf '  %d) %-7s %s\n     %s\n' "${#listed[@]}" "$model" "$checkpoint" "$licence"
  done < <(python -m scripts.checkpoints --licences)
  read -rp "Numbers (1 3), a for all, q to leave: " answer
  case $answer in
    a) models=("${listed[@]}") ;;
    '' | q) exit 0 ;;
    *)
      for number in $answer; do
        chosen=
        [[ $number =~ ^[0-9]+$ ]] && ((number > 0)) && chosen=${listed[number - 1]:-}
        [ -n "$chosen" ] || stop "there is no number $number" "1 to ${#listed[@]}"
        models+=("$chosen")
      done ;;
  esac
}

read_plan() {
  local text
  text=$(python -m scripts.checkpoints "${models[@]}") || exit 1
  mapfile -t plan <<<"$text"
}

# hub MODELS_DIR REPOSITORY REVISION [!]PATTERN ... [-- OPTION ...]: what is used of a repository.
hub() {
  local models_dir=$1 repository=$2 revision=$3 what=() pickle
  shift 3
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    if [[ $1 == !* ]]; then what+=(--exclude "${1:1}"); else what+=(--include "$1"); fi
    shift
  done
  [ $# -gt 0 ] && shift
  # The services read no pickles: a file of such a name that the plan names is none, as CTranslate2's
  # model.bin. MAGI-1's text encoder is published as nothing else: see below.
  if [ "$repository" != sand-ai/MAGI-1 ]; then
    for pickle in bin ckpt pkl pt pth; do
      [[ "${what[*]} " == *[!*]".$pickle "* ]] || what+=(--exclude "*.$pickle")
    done
  fi
  hf download "$repository" "${what[@]}" --revision "$revision" --cache-dir "$models_dir" "$@" </dev/null
}

# hf's dry run names the size of what is missing: "... totalling 38.5G."
measure() {
  local line words said
  for line in "${plan[@]}"; do
    read -ra words <<<"$line"
    said=$(hub "${words[@]}" -- --dry-run --format human) || refused "${words[1]}"
    [[ $said =~ totalling\ ([0-9.]+[KMGTP]?)\. ]] || stop "hf says no size of ${words[1]}" "make setup brings the hf that this was written for"
    sizes+=("$(numfmt --from=si --format=%.0f "${BASH_REMATCH[1]}")")
  done
}

refused() {
  cat >&2 <<TEXT
${1} cannot be fetched; hf's own words are above.
  fix: without a network, try again later. If access is refused, the model is gated:
       1. make an account on huggingface.co and accept the terms on https://huggingface.co/${1}
       2. make a read token on https://huggingface.co/settings/tokens
       3. run HF_TOKEN=hf_... scripts/download_models.sh, or put the token into a file that HF_TOKEN_PATH
          names; with --docker into secrets/hf_token
TEXT
  exit 1
}

show() {
  local i words
  printf '%10s  %-45s %s\n' "to fetch" checkpoint revision
  for i in "${!plan[@]}"; do
    read -ra words <<<"${plan[i]}"
    printf '%10s  %-45s %s\n' "$(numfmt --to=si --suffix=B "${sizes[i]}")" "${words[1]}" "${words[2]}"
  done
  python -m scripts.checkpoints --licences "${models[@]}" | while IFS='|' read -r model _ licence; do
    printf 'licence of %s: %s\n' "$model" "$licence"
  done
}

check_space() {
  local folder=${plan[0]%% *} need=0 size free
  for size in "${sizes[@]}"; do need=$((need + size)); done
  ((need > 0)) || return 0
  free=$(df -Pk "$(existing "$folder")" | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)
  if ((free * 1024 < need + spare_gb * 10 ** 9)); then
    stop "$folder has $((free / 1000000)) GB free; $((need / 10 ** 9)) GB to fetch and $spare_gb GB to spare are needed" \
      "free space, take fewer models, or set MODELS_DIR to a larger disk"
  fi
}

# A licence that is not Apache-2.0 has conditions that somebody has to agree to, once.
accept_licences() {
  local model licence answer file=${plan[0]%% *}/.accepted_licences
  while IFS='|' read -r model _ licence <&4; do
    [[ $licence == Apache-2.0* ]] && continue
    [ -f "$file" ] && [[ $'\n'$(<"$file") == *$'\n'"$model|$licence|"* ]] && continue
    if [ "$accept" = no ]; then
      [ -t 0 ] || stop "the licence of $model has to be accepted: $licence" \
        "read it on the model's page, then run scripts/download_models.sh --accept-licence $model; or leave $model out: name the others"
      read -rp "Accept the licence of $model ($licence)? [y/N] " answer
      [[ $answer == [yY]* ]] || stop "the licence of $model was not accepted" "leave $model out: name the others"
    fi
    mkdir -p "${file%/*}"
    echo "$model|$licence|$(date +%F)" >>"$file"
  done 4< <(python -m scripts.checkpoints --licences "${models[@]}")
}

fetch_all() {
  local i words
  for i in "${!plan[@]}"; do
    read -ra words <<<"${plan[i]}"
    echo "== ${words[1]} (${words[2]}) into ${words[0]}"
    if ((sizes[i] > 0)); then mkdir -p "${words[0]}" && : >"$(unchecked "${words[@]}")"; fi
    hub "${words[@]}" || stop "${words[1]} did not come whole" "run this again: it goes on where it stopped"
    if [ -e "$(unchecked "${words[@]}")" ]; then verify "${plan[i]}"; fi
  done
}

# unchecked MODELS_DIR REPOSITORY ...: the file that is there from a fetch until all has been checked.
unchecked() { echo "$1/.unchecked--${2//\//--}"; }

verify() {
  local words
  read -ra words <<<"$1"
  echo "Checking ${words[1]} against the hub's checksums; this reads all of it."
  hf cache verify "${words[1]}" --revision "${words[2]}" --cache-dir "${words[0]}" </dev/null ||
    stop "${words[1]} is not what the hub has" "delete the files named above below ${words[0]}, with the blobs that they link to, and run this again"
  rm -f "$(unchecked "${words[@]}")"
}

# snapshots: the folders of MAGI-1, if it is in the plan.
snapshots() {
  local line folder
  for line in "${plan[@]}"; do
    [[ $line == *" sand-ai/MAGI-1 "* ]] || continue
    for folder in "${line%% *}"/models--sand-ai--MAGI-1/snapshots/*/; do echo "$folder"; done
  done
}

# They are in its code's repository only; this is the commit that was checked.
magi1_special_tokens() {
  local url=https://raw.githubusercontent.com/SandAI-org/MAGI-1/6ff822e/example/assets/special_tokens.npz
  local sha256=b54bc664d5f4a722dfd8bb22201c025df61f22acddc07c0a2529d7b5cd6be5a7 folder
  while read -r folder; do
    [ -f "$folder/ckpt/special_tokens.npz" ] && continue
    python -m scripts.fetch_file "$url" "$sha256" "$folder/ckpt/special_tokens.npz" </dev/null
  done < <(snapshots)
}

# Published as pickles; converted once, by a reader that takes tensors only.
magi1_text_encoder() {
  local folder
  while read -r folder; do
    python -m scripts.convert_pickles "$folder/ckpt/t5/t5-v1_1-xxl" </dev/null
  done < <(snapshots)
}

main "$@"
