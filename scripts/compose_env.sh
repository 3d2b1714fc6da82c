#!/usr/bin/env bash
# Makes what compose reads before anything runs: .env with this machine's files and limits, and the
# files of the secrets. What is there already stays as it is.
#
#   scripts/compose_env.sh [FOLDER]      this repository when none is named
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
[ -f .env ] || (umask 077 && cp .env.example .env) # passwords may come into it
[ -z "$(tail -c 1 .env)" ] || echo >>.env # the last line may lack its end

set_once() {
  grep -q "^$1=" .env || printf '%s=%s\n' "$1" "$2" >>.env
}

files=docker-compose.yml
if nvidia-smi -L >/dev/null 2>&1; then files=$files:docker-compose.gpu.yml; fi
set_once COMPOSE_FILE "$files"

# Two processors stay for the machine: a service that decodes and encodes would use them all.
cpus=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) # macOS has no nproc
set_once CPU_LIMIT "$((cpus > 2 ? cpus - 2 : cpus))"

# Others on this machine cannot enter the folder; the containers' user, who has another number than
# ours, reads the files that are mounted from it.
mkdir -p secrets
chmod 700 secrets
for name in hf_token jwt_secret jwt_public_key content_credentials_certificate content_credentials_key s3_keys; do
  [ -f "secrets/$name" ] || : >"secrets/$name"
done
[ -f secrets/api_keys ] || echo '# name scope sha256:hash, a line each: python -m scripts.make_key NAME' >secrets/api_keys
# By this the services know each other; nobody needs to read it.
[ -s secrets/stack_secret ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >secrets/stack_secret
# Caddy does not start with a file that is quite empty.
[ -f secrets/proxy_users ] || echo '# name hash, a line each' >secrets/proxy_users
[ -f secrets/grafana_password ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >secrets/grafana_password
chmod 644 secrets/*
