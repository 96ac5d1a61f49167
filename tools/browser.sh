#!/usr/bin/env bash
# Install Debian's chromium for the page's tests, where that can be done; say so where it can't.
set -u
if command -v chromium >/dev/null; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing chromium for the page's tests (once)…"
  { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; } >/dev/null 2>&1 ||
    echo "chromium could not be installed: the page's tests will be skipped" >&2
else
  echo "no chromium here: the page's tests will be skipped (apt-get install chromium as root)" >&2
fi
