#!/usr/bin/env bash
# Make stand-ins for base images that no registry gives here, of Debian's packages.
#
# Usage: tools/docker_base.sh FOLDER IMAGE…
#
# One root file system serves for all of them: unpacking packages is what takes the time. It has the
# machine's own CA bundle, since whatever stands between this machine and the package index stands
# between a build and the index, too. It is kept in .cache for the next time.
set -euo pipefail
work=$1; shift
cache=$(cd "$(dirname "$0")/.." && pwd)/.cache
tar="$cache/docker-base.tar"
bundle=/etc/ssl/certs/ca-certificates.crt
packages=python3,python3-venv,python3-pip,ca-certificates,redis-server

if [ ! -f "$tar" ]; then
  command -v mmdebstrap >/dev/null ||
    apt-get install -y -q --no-install-recommends mmdebstrap >"$work/mmdebstrap.log" 2>&1
  sources=/etc/apt/sources.list.d/debian.sources
  [ -f "$sources" ] || sources=/etc/apt/sources.list
  echo "Making stand-ins for $* (once)…"
  # As root of the same machine: no user namespace is needed, and none may be allowed.
  mmdebstrap --quiet --mode=root --variant=essential --include="$packages" \
    --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='ln -sf python3 "$1/usr/bin/python"; install -d -o 999 -g 999 "$1/data"' \
    --customize-hook="mkdir -p \"\$1/etc/ssl/certs\"; cp $bundle \"\$1$bundle\"" \
    bookworm "$work/base.tar" "$sources" >"$work/mmdebstrap.log" 2>&1 ||
    { tail -n 5 "$work/mmdebstrap.log" >&2; exit 1; }
  mkdir -p "$cache"
  mv "$work/base.tar" "$tar"
fi
for image in "$@"; do
  docker import --change "ENV PIP_CERT=$bundle" --change 'WORKDIR /data' "$tar" "$image" >/dev/null
done
