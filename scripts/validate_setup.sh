#!/usr/bin/env bash
# Can VideosDGX run on this machine? Looks, changes nothing, and says how to mend what is missing.
#
#   scripts/validate_setup.sh [--no-gpu]
#
# --no-gpu leaves the driver and the container runtime out, for a machine that only has a CPU.
# Exit status: 0 ready (warnings allowed), 1 something has to be mended, 2 wrong arguments.
# Needs bash and coreutils alone: it is the first thing that one runs.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/exposure.sh
source scripts/exposure.sh
# shellcheck source=scripts/room.sh
source scripts/room.sh

# The pins, and why: PyTorch's arm64 wheel of 2.13.0 is built for CUDA 13.0, and the first driver
# that runs CUDA 13.0 is r580 (docs/decisions, NVIDIA's compatibility table).
torch_pin=2.13.0
min_cuda=13.0
min_driver=580
min_memory_gb=${MIN_MEMORY_GB:-100} # a Spark has 128; on less some jobs are refused, no more
meminfo=${MEMINFO:-/proc/meminfo}

check_docker() {
  if ! have docker; then
    fail docker "there is no docker command" "sudo apt-get install docker.io docker-compose-v2 (DGX OS has it already)"
    return 1
  fi
  local version said
  if ! version=$(docker info --format '{{.ServerVersion}}' 2>&1) || [ -z "$version" ]; then
    said=${version%%$'\n'*}
    if [[ $said == *"permission denied"* ]]; then
      fail docker "this user may not talk to the engine" "sudo usermod -aG docker \$USER, then log out and in again"
    else
      fail docker "the engine does not answer: ${said:-no words}" "sudo systemctl enable --now docker"
    fi
    return 1
  fi
  ok docker "engine $version"
}

check_compose() {
  local version
  if have docker && version=$(docker compose version --short 2>/dev/null); then
    ok compose "version $version"
  elif have docker-compose && version=$(docker-compose version --short 2>/dev/null); then
    warn compose "only the old docker-compose $version is there" "sudo apt-get install docker-compose-v2; it replaces the old one"
  else
    fail compose "there is neither 'docker compose' nor docker-compose" "sudo apt-get install docker-compose-v2"
  fi
}

check_driver() {
  local said driver cuda
  if ! have nvidia-smi; then
    fail driver "there is no nvidia-smi: no NVIDIA driver" "sudo apt-get install nvidia-driver-$min_driver-open and reboot (DGX OS has it already); without a GPU: --no-gpu"
    return
  fi
  if ! said=$(nvidia-smi 2>&1); then
    fail driver "nvidia-smi fails: ${said%%$'\n'*}" "reboot; if it stays so, reinstall the driver (sudo apt-get install --reinstall nvidia-driver-$min_driver-open)"
    return
  fi
  [[ $said =~ Driver\ Version:\ *([0-9.]+) ]] && driver=${BASH_REMATCH[1]}
  [[ $said =~ CUDA\ (UMD\ )?Version:\ *([0-9.]+) ]] && cuda=${BASH_REMATCH[2]}
  if at_least "${driver:-0}" "$min_driver"; then
    ok driver "$driver"
  else
    fail driver "version ${driver:-unknown}, and PyTorch $torch_pin needs $min_driver or newer" "sudo apt-get update && sudo apt-get dist-upgrade, then reboot (DGX OS 7)"
  fi
  if at_least "${cuda:-0}" "$min_cuda"; then
    ok cuda "the driver runs CUDA $cuda"
  else
    fail cuda "the driver runs CUDA ${cuda:-unknown}, and PyTorch $torch_pin is built for $min_cuda" "it comes with driver $min_driver or newer"
  fi
}

check_runtime() {
  local runtimes
  runtimes=$(docker info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}' 2>/dev/null)
  if [[ " $runtimes " == *" nvidia "* ]]; then
    ok runtime "docker knows the runtime 'nvidia'"
  elif have nvidia-ctk; then
    fail runtime "docker does not know the NVIDIA runtime" "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
  else
    fail runtime "the NVIDIA container toolkit is not installed" "sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
  fi
}

check_pins() {
  local file line found wrong=''
  for file in */requirements.txt; do
    found=''
    while IFS= read -r line || [ -n "$line" ]; do
      [[ $line =~ ^torch==([^[:space:]]+) ]] && found=${BASH_REMATCH[1]}
    done <"$file"
    [ "$found" = "$torch_pin" ] || wrong+="$file (${found:-no torch}) "
  done
  if [ -z "$wrong" ]; then
    ok pins "PyTorch $torch_pin in every requirements.txt"
  else
    fail pins "not PyTorch $torch_pin: $wrong" "git checkout -- '*/requirements.txt'; another PyTorch is built for another CUDA"
  fi
}

check_memory() {
  local name kb total=''
  if [ -r "$meminfo" ]; then
    while read -r name kb _; do [ "$name" = MemTotal: ] && total=$kb; done <"$meminfo"
  fi
  if [ -z "$total" ]; then
    fail memory "$meminfo does not say how much there is" "this is made for Linux"
  elif ((total / 1048576 >= min_memory_gb)); then
    ok memory "$((total / 1048576)) GB"
  else
    warn memory "$((total / 1048576)) GB; a DGX Spark has 128" "larger jobs will be refused; take smaller checkpoints (.env.example, CHECKPOINT) or QUANTIZATION=nf4"
  fi
}

# Whoever listens there: nobody, ours (a running VideosDGX), or other.
listener() {
  local answer=''
  { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || { echo nobody; return; }
  printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 2>/dev/null
  IFS= read -r -t 3 -d '' -n 2000 answer <&3 2>/dev/null
  exec 3>&-
  if [[ $answer == *'"VideosDGX"'* ]]; then echo ours; else echo other; fi
}

check_ports() {
  local name port variable
  while read -r name port; do
    variable=${name^^}_PORT
    port=$(setting "$variable" "$port")
    case $(listener "$port") in
      nobody) ok port "$port is free for $name" ;;
      ours) ok port "$port: $name runs already" ;;
      *) fail port "$port, for $name, is taken by another program" "sudo ss -ltnp 'sport = :$port' names it; stop it, or set $variable in .env" ;;
    esac
  done < <(services)
}

check_folders() {
  local name folder trial
  for name in MODELS_DIR OUTPUTS_DIR STATE_DIR; do
    folder=${name%_DIR}
    folder=$(setting "$name" "${folder,,}")
    if trial=$(mktemp "$(existing "$folder")/.videosdgx.XXXXXX" 2>/dev/null); then
      rm -f "$trial"
      ok folder "$name=$folder can be written"
    else
      fail folder "$name=$folder cannot be written by $(id -un)" "sudo chown -R $(id -un) $(existing "$folder"), or set $name in .env"
    fi
  done
  check_state_disk "$(existing "$(setting STATE_DIR state)")"
}

# SQLite's locks and the memory ledger's need a real local file system.
check_state_disk() {
  case $(stat -f -c %T "$1" 2>/dev/null) in
    nfs* | smb* | cifs | fuseblk | 9p | virtiofs)
      fail state "STATE_DIR lies on a network disk, where file locks do not hold" "set STATE_DIR in .env to a folder on a local disk" ;;
    *) ok state "STATE_DIR lies on a local disk" ;;
  esac
}

check_volumes() {
  local name="videosdgx_check_$$"
  if docker volume create "$name" >/dev/null 2>&1 && docker volume rm "$name" >/dev/null 2>&1; then
    ok volumes "docker can make volumes"
  else
    fail volumes "docker cannot make a volume" "docker volume create $name shows why; often docker's disk is full"
  fi
}

check_tools() {
  local version
  if ! version=$(python3 --version 2>/dev/null) || ! at_least "${version#Python }" 3.11; then
    fail python "${version:-there is no python3}, and 3.11 or newer is needed" "sudo apt-get install python3 python3-venv"
  elif ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    fail python "${version#Python } makes no virtual environments" "sudo apt-get install python3-venv"
  else
    ok python "${version#Python }"
  fi
  if have make; then ok make "there"; else fail make "there is no make" "sudo apt-get install make"; fi
}

main() {
  local gpu=yes engine=yes
  case ${1:-} in
    '') ;;
    --no-gpu) gpu=no ;;
    -h | --help) help scripts/validate_setup.sh; exit 0 ;;
    *) echo "validate_setup.sh: unknown argument '$1'; try --help" >&2; exit 2 ;;
  esac
  echo "VideosDGX on $(uname -m), $(uname -sr)"
  check_tools
  check_docker || engine=no
  check_compose
  if [ "$gpu" = yes ]; then
    check_driver
    if [ "$engine" = yes ]; then check_runtime; fi
  fi
  check_pins
  check_disks
  check_memory
  check_ports
  check_folders
  check_exposure
  check_env_file
  if [ "$engine" = yes ]; then
    check_neighbours
    check_volumes
  fi
  summary
}

summary() {
  echo
  if ((failed)); then
    echo "$failed to mend, $warned to know, $passed well. Mend from the top: later checks lean on earlier ones."
    exit 1
  fi
  echo "Ready: $passed well, $warned to know. Next: make setup"
}

main "$@"
