#!/bin/sh
# Makes .venv: finds or installs Python 3.10 and uv, then installs the locked packages and this project.
# Needs nothing but a shell, a Python 3 of any version with pip or venv, and a package registry.
set -eu
cd "$(dirname "$0")/.."

PYTHON_VERSION=3.10 # TFX 1.16, TensorFlow 2.16 and ScaNN 1.3 meet on no newer one
TOOLS=.venv-tools   # uv, where this machine has none
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# Whether "$1" starts and is a Python of the wanted version (a pyenv shim may exist and not start).
is_python() { "$1" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$PYTHON_VERSION')" 2>/dev/null; }

find_python() {
  for candidate in "$(command -v "python$PYTHON_VERSION" || true)" "$(command -v python3 || true)" \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$PYTHON_VERSION".*/bin/"python$PYTHON_VERSION" \
    "$HOME"/.pyenv/versions/"$PYTHON_VERSION".*/bin/"python$PYTHON_VERSION"; do
    if [ -n "$candidate" ] && is_python "$candidate"; then echo "$candidate"; return; fi
  done
}

find_uv() {
  for candidate in "$(command -v uv || true)" "$TOOLS/bin/uv" "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv"; do
    if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then echo "$candidate"; return; fi
  done
}

# Installs uv with pip into $TOOLS: as an environment, or, where Debian's python3-venv is absent, as a folder.
install_uv() {
  for any in "$1" python3 /usr/bin/python3; do
    [ -n "$any" ] && "$any" -c '' 2>/dev/null || continue
    rm -rf "$TOOLS"
    if "$any" -m venv "$TOOLS" >/dev/null 2>&1 && "$TOOLS/bin/python" -m pip install --quiet uv; then return; fi
    rm -rf "$TOOLS"
    if "$any" -m pip install --quiet --target "$TOOLS" uv; then return; fi
  done
  return 1
}

# Trust what the machine trusts (a company's own certificates), by uv's present and former name for it.
if [ -d /etc/ssl/certs ]; then
  export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" UV_NATIVE_TLS="${UV_NATIVE_TLS:-true}"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1

python=$(find_python)
uv=$(find_uv)
if [ -z "$uv" ]; then
  say "no uv on PATH; installing it with pip into $TOOLS"
  install_uv "$python" || die "uv could not be installed (the reason stands above)." \
    "Remedy: install uv or Python's pip and venv (Debian: apt-get install python3-venv), then run make setup again."
  uv=$(find_uv)
  [ -n "$uv" ] || die "uv was installed into $TOOLS but does not start; remove that folder and install uv by hand."
fi
if [ -z "$python" ]; then
  say "no working python$PYTHON_VERSION on PATH or under pyenv; letting uv install one"
  "$uv" python install "$PYTHON_VERSION" || die "uv could not install Python $PYTHON_VERSION (the reason stands above)." \
    "Remedy: install Python $PYTHON_VERSION, for example with pyenv install $PYTHON_VERSION, then run make setup again."
  python=$("$uv" python find "$PYTHON_VERSION")
fi
say "Python: $python ($("$python" --version))"
say "uv:     $uv ($("$uv" --version))"

# A cache on another file system cannot be linked to.
cache=$("$uv" cache dir)
mkdir -p "$cache"
[ "$(stat -c %d "$cache")" = "$(stat -c %d .)" ] || export UV_LINK_MODE=copy

if [ -d .venv ] && ! is_python .venv/bin/python; then
  say ".venv has no working Python $PYTHON_VERSION; making it anew"
  rm -rf .venv
fi
[ -d .venv ] || "$uv" venv --quiet --python "$python" .venv
say "installing the locked packages into .venv (3 GB; minutes when they have to be downloaded)"
"$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python requirements.lock requirements-data.txt
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
say "done: .venv/bin/recsys is $(.venv/bin/recsys --version)"
