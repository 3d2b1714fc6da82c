# What the shell scripts share; they source it from the repository's root. bash and coreutils alone.
# shellcheck shell=bash

# Sizes come with a point (38.5G), and numfmt reads them as the locale has them.
export LC_ALL=C

passed=0 warned=0 failed=0
# shellcheck disable=SC2034 # read by those that source this
spare_gb=25 # beside the models: MAGI-1's converted text encoder (19 GB), the file system's own needs
green='' yellow='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  green=$'\033[32m' yellow=$'\033[33m' red=$'\033[31m' plain=$'\033[0m'
fi

ok() { passed=$((passed + 1)); printf '%sok  %s  %-10s %s\n' "$green" "$plain" "$1" "$2"; }
warn() { warned=$((warned + 1)); printf '%swarn%s  %-10s %s\n' "$yellow" "$plain" "$1" "$2"; fix "$3"; }
fail() { failed=$((failed + 1)); printf '%sFAIL%s  %-10s %s\n' "$red" "$plain" "$1" "$2"; fix "$3"; }
fix() { printf '      %-10s fix: %s\n' '' "$1"; }
have() { command -v "$1" >/dev/null 2>&1; }

# at_least HAVE WANTED: versions, number by number.
at_least() {
  local -a have_parts wanted_parts
  IFS=. read -ra have_parts <<<"$1"
  IFS=. read -ra wanted_parts <<<"$2"
  local i a b
  for i in "${!wanted_parts[@]}"; do
    a=${have_parts[i]:-0} b=${wanted_parts[i]}
    a=${a%%[!0-9]*}
    ((10#${a:-0} > 10#$b)) && return 0
    ((10#${a:-0} < 10#$b)) && return 1
  done
  return 0
}

# setting NAME DEFAULT: from the environment, else from .env, as compose and the services read it.
setting() {
  local line found=''
  if [ -n "${!1:-}" ]; then printf '%s' "${!1}"; return; fi
  if [ -r .env ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      [[ $line == "$1="* ]] && found=${line#*=}
    done <.env
  fi
  found=$(plain "$found")
  printf '%s' "${found:-$2}"
}

# plain TEXT: a value of .env without what is around it: quotes, or a comment and spaces.
plain() {
  local text=${1%$'\r'}
  case $text in
    \"*\"*) text=${text#\"} text=${text%%\"*} ;;
    \'*\'*) text=${text#\'} text=${text%%\'*} ;;
    *) text=${text%%[[:space:]]#*} text=${text%"${text##*[![:space:]]}"} ;;
  esac
  printf '%s' "$text"
}

# existing FOLDER: itself, or the nearest folder above it that is there.
existing() {
  local folder=$1
  until [ -e "$folder" ]; do folder=$(dirname "$folder"); done
  printf '%s' "$folder"
}

# services: "name port" for each, by port, as services.py has them: folders with app.py, and the line
# of their SPEC that names the port.
services() {
  local config line
  for config in */model_config.py; do
    [ -f "${config%/*}/app.py" ] || continue
    while IFS= read -r line; do
      if [[ $line =~ ^\ +port=([0-9]+),$ ]]; then echo "${config%/*} ${BASH_REMATCH[1]}"; fi
    done <"$config"
  done | sort -n -k 2
}

# help FILE: the comment at its top.
help() {
  local line
  while IFS= read -r line; do
    [[ $line == \#!* ]] && continue
    [[ $line == \#* ]] || break
    line=${line#\#}
    echo "${line# }"
  done <"${1}"
}
