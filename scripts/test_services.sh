#!/bin/sh
# What some tests need besides Python packages: a Redis server and a browser. On Debian and as root they are
# installed; elsewhere this says what is missing, and the tests that need it are skipped (not with CI=true).
set -eu

packages=
command -v redis-server >/dev/null 2>&1 || packages="$packages redis-server"
command -v chromium >/dev/null 2>&1 || packages="$packages chromium"
[ -n "$packages" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "test: installing$packages"
  export DEBIAN_FRONTEND=noninteractive
  # A service would take Redis's usual port; the tests start their own.
  log=$(mktemp)
  # shellcheck disable=SC2086
  if { apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
    rm -f "$log"
    exit 0
  fi
  tail -n 5 "$log" >&2
fi
echo "test: missing:$packages; tests that need it are skipped (Debian: apt-get install$packages)" >&2
