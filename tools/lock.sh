#!/usr/bin/env bash
# Write requirements/*.txt: one universal, hashed resolution for each thing that is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
members=(wavemill-common wavemill-client wavemill-gateway wavemill-converter wavemill-janitor wavemill-standalone)
quiet=(); for member in "${members[@]}"; do quiet+=(--no-emit-package "$member"); done

lock() { # name, inputs...
  local name=$1; shift
  ${UV:-.venv/bin/uv} pip compile "$@" requirements/build.in --quiet --universal --python-version 3.11 \
    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    "${quiet[@]}" -o "requirements/$name.txt"
}

lock common libs/common/pyproject.toml
lock gateway services/gateway/pyproject.toml
lock converter services/converter/pyproject.toml
lock janitor services/janitor/pyproject.toml
lock aws deploy/docker/aws.in
lock otel deploy/docker/otel.in
lock run deploy/standalone/pyproject.toml
lock dev deploy/standalone/pyproject.toml --group dev
lock bench --group bench --constraint requirements/dev.txt

# The peers of the benches stand apart: some pin older versions of what we use.
${UV:-.venv/bin/uv} pip compile requirements/peers.in --quiet --universal --python-version 3.11 \
  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
  -o requirements/peers.txt
