# May strangers use a service without a key, or read its secrets? A part of validate_setup.sh, after
# lib.sh.
# shellcheck shell=bash

# Services that need no key may be reached from this machine alone: by HOST without containers, by
# the published ports with them, where docker-compose.yml sets ALLOW_UNAUTHENTICATED=1 by itself.
check_exposure() {
  local allowed host open
  if keys_are_needed; then
    ok exposure "nothing listens to strangers without keys"
    return
  fi
  allowed=$(setting ALLOW_UNAUTHENTICATED '')
  host=$(setting HOST 127.0.0.1)
  open=$(open_ports)
  if [ -n "$allowed" ] && ! is_loopback "$host"; then open+="HOST=$host "; fi
  if [ -z "$open" ]; then
    ok exposure "services are on this machine's own address"
  else
    fail exposure "open to strangers without a key: $open" "set ALLOW_UNAUTHENTICATED=0 in .env and make keys (docs/operations.md, Security), or publish on 127.0.0.1"
  fi
}

keys_are_needed() {
  local allowed
  allowed=$(setting ALLOW_UNAUTHENTICATED '')
  case ${allowed,,} in 0 | false | no | off | n | f) return 0 ;; *) return 1 ;; esac
}

# Secrets may be among the settings: WEBHOOK_SECRET, PROMPT_HELP_API_KEY, DATABASE_URL's password.
check_env_file() {
  local file=${ENV_FILE:-.env}
  [ -e "$file" ] || return 0
  if [[ $(stat -c %a "$file" 2>/dev/null) == *[4-7] ]]; then
    warn env "$file may hold secrets, and everybody on this machine can read it" "chmod 600 $file"
  else
    ok env "$file is kept from others on this machine"
  fi
}

# May a neighbour reach what is published on 127.0.0.1? Docker's rules change the target of a packet
# before anything looks at where it came from. Until 28.0.0 nothing dropped those that came from
# outside, so whoever shares the link, or sets a route, reached the container (moby's issues 41872 and
# 45610, pull request 49325). Until 28.3.3 a reload of firewalld took the new rules away again
# (CVE-2025-54388). Docker Desktop and rootless engines publish in another way.
check_neighbours() {
  local version system backend fix
  version=$(docker info --format '{{.ServerVersion}}' 2>/dev/null)
  system=$(docker info --format '{{.OperatingSystem}} {{.SecurityOptions}}' 2>/dev/null)
  backend=$(firewall_backend)
  fix="update the engine to 28.3.3 or newer (docker-ce, or your system's docker.io), or make keys and set ALLOW_UNAUTHENTICATED=0 in .env (docs/operations.md, Security)"
  if [[ $system == *"Docker Desktop"* || $system == *rootless* ]] || at_least "$version" 28.3.3; then
    ok neighbours "ports on 127.0.0.1 are kept from neighbours (firewall: $backend)"
  elif keys_are_needed; then
    ok neighbours "engine $version does not keep ports on 127.0.0.1 from neighbours, but keys are needed"
  elif ! at_least "$version" 28.0.0; then
    fail neighbours "engine $version lets neighbours on the network reach ports on 127.0.0.1, without a key" \
      "$fix; until then: sudo iptables -t raw -I PREROUTING ! -i lo -d 127.0.0.0/8 -j DROP, which is gone after a restart and leaves the containers' own addresses open"
  elif [[ $backend == *firewalld* ]]; then
    fail neighbours "engine $version with firewalld: after its reload neighbours reach ports on 127.0.0.1 (CVE-2025-54388)" \
      "$fix; until then restart docker after every firewall-cmd --reload"
  else
    ok neighbours "ports on 127.0.0.1 are kept from neighbours (firewall: $backend)"
  fi
}

# iptables, iptables+firewalld or nftables, as the engine says (since 28.2); older ones say nothing.
firewall_backend() {
  local said
  said=$(docker info --format '{{.FirewallBackend.Driver}}' 2>/dev/null)
  case $said in
    *tables*) echo "$said" ;;
    *) if have firewall-cmd && firewall-cmd --state >/dev/null 2>&1; then echo iptables+firewalld; else echo iptables; fi ;;
  esac
}

# The port lines of the compose files that put a service on another address than 127.0.0.1; without
# an address it is every one.
open_ports() {
  local -a files
  local file line name port listed beside=''
  listed=$(services)
  [ -f docker-compose.override.yml ] && beside=:docker-compose.override.yml
  IFS=: read -ra files <<<"$(setting COMPOSE_FILE "docker-compose.yml$beside")"
  for file in "${files[@]}"; do
    [ -r "$file" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
      line=${line%%#*}
      while read -r name port; do
        [[ $line =~ ([^\"\'[:space:]]*):$port(/tcp)?[]\"\'[:space:],]*$ ]] || continue
        is_loopback "${BASH_REMATCH[1]}" || printf '%s (%s in %s) ' "$name" "${BASH_REMATCH[1]}:$port" "$file"
      done <<<"$listed"
    done <"$file"
  done
}

# is_loopback ADDRESS[:...]
is_loopback() {
  case ${1#[} in 127.* | localhost | localhost:* | ::1 | ::1]*) return 0 ;; *) return 1 ;; esac
}
