# Is there room for the models? A part of validate_setup.sh, after lib.sh.
# shellcheck shell=bash

# The defaults of all services, by docs/checkpoints.md: 317 GB to fetch, 122 of quantized copies, and
# what is to spare.
min_disk_gb=${MIN_DISK_GB:-470}

check_disks() {
  local folder
  check_disk MODELS_DIR "$(setting MODELS_DIR models)"
  folder=$(docker info --format '{{.DockerRootDir}}' 2>/dev/null) && [ -n "$folder" ] &&
    check_disk "docker's folder" "$folder"
}

# check_disk LABEL FOLDER
check_disk() {
  local free needed=$min_disk_gb
  free=$(free_gb "$2")
  if [ -z "$free" ]; then
    fail disk "$1: df says nothing about $2" "df -h $2 shows why"
    return
  fi
  if ((free < needed)); then needed=$(still_needed_gb); fi
  if ((free >= needed)); then
    ok disk "$1: $free GB free ($2)"
  else
    fail disk "$1: $free GB free in $2, and $needed GB are needed for what is missing of all models" "free space (docker system prune; old jobs), put $1 elsewhere, or take fewer models and set MIN_DISK_GB to what they take"
  fi
}

free_gb() {
  local line free_kb='' header=yes
  while read -r line; do
    if [ "$header" = no ]; then read -r _ _ _ free_kb _ <<<"$line"; fi
    header=no
  done < <(df -Pk "$(existing "$1")" 2>/dev/null)
  [[ $free_kb =~ ^[0-9]+$ ]] && echo $((free_kb * 1024 / 10 ** 9))
}

# What is there already needs no room again, as processes or in containers; something is to spare
# all the same.
# shellcheck disable=SC2154 # lib.sh has spare_gb
still_needed_gb() {
  local least=$((min_disk_gb < spare_gb ? min_disk_gb : spare_gb)) needed
  needed=$((min_disk_gb - $(folder_gb "$(setting MODELS_DIR models)") - $(volume_gb)))
  echo $((needed > least ? needed : least))
}

folder_gb() {
  local kb=0
  read -r kb _ < <(du -sk "$1/" 2>/dev/null)
  echo $((${kb:-0} * 1024 / 10 ** 9))
}

# volume_gb: of the models' volume, which only docker may look into.
volume_gb() {
  local volume name size found=0
  volume=$(setting STACK videosdgx)_models
  while read -r name size; do
    if [ "$name" = "$volume" ]; then
      found=$(numfmt --from=si --to-unit=1000000000 --round=down "${size%B}" 2>/dev/null)
    fi
  done < <(docker system df -v --format '{{range .Volumes}}{{.Name}} {{.Size}}{{println}}{{end}}' 2>/dev/null)
  echo "${found:-0}"
}
