# May strangers use a service without a key? A part of validate_setup.sh, after lib.sh.
# shellcheck shell=bash

# Services that need no key may be reached from this machine alone: by HOST without containers, by
# the published ports with them, where docker-compose.yml sets ALLOW_UNAUTHENTICATED=1 by itself.
check_exposure() {
  local allowed host open
  allowed=$(setting ALLOW_UNAUTHENTICATED '')
  host=$(setting HOST 127.0.0.1)
  case ${allowed,,} in
    0 | false | no | off | n | f) ok exposure "nothing listens to strangers without keys"; return ;;
  esac
  open=$(open_ports)
  if [ -n "$allowed" ] && ! is_loopback "$host"; then open+="HOST=$host "; fi
  if [ -z "$open" ]; then
    ok exposure "services are on this machine's own address"
  else
    fail exposure "open to strangers without a key: $open" "set ALLOW_UNAUTHENTICATED=0 in .env and make keys (docs/operations.md, Security), or publish on 127.0.0.1"
  fi
}

# The port lines of the compose files that put a service on another address than 127.0.0.1; without
# an address it is every one.
open_ports() {
  local -a files
  local file line name port beside=''
  [ -f docker-compose.override.yml ] && beside=:docker-compose.override.yml
  IFS=: read -ra files <<<"$(setting COMPOSE_FILE "docker-compose.yml$beside")"
  for file in "${files[@]}"; do
    [ -r "$file" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
      line=${line%%#*}
      while read -r name port; do
        [[ $line =~ ([^\"\'[:space:]]*):$port(/tcp)?[]\"\'[:space:],]*$ ]] || continue
        is_loopback "${BASH_REMATCH[1]}" || printf '%s (%s in %s) ' "$name" "${BASH_REMATCH[1]}:$port" "$file"
      done < <(services)
    done <"$file"
  done
}

# is_loopback ADDRESS[:...]
is_loopback() {
  case ${1#[} in 127.* | localhost | localhost:* | ::1 | ::1]*) return 0 ;; *) return 1 ;; esac
}
