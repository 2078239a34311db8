#!/bin/sh
# What the tests of engines need besides .venv: Prism, Beam's portable runner in Go, of the locked Beam's version.
# It is built once, into .engines/. The rest comes with Beam's Python package.
set -eu
cd "$(dirname "$0")/.."

beam=$(sed -n 's/^apache-beam==//p' requirements.lock)
bin=$PWD/.engines/bin
mkdir -p "$bin"
[ -x "$bin/prism" ] && [ "$(cat "$bin/version" 2>/dev/null)" = "$beam" ] && exit 0
if ! command -v go >/dev/null 2>&1; then
  echo "test-engines: Go is not there, so Prism is not tested (Debian: apt-get install golang)" >&2
  exit 0
fi
echo "test-engines: building Prism $beam (minutes)"
GOBIN=$bin go install "github.com/apache/beam/sdks/v2/go/cmd/prism@v$beam"
echo "$beam" >"$bin/version"
