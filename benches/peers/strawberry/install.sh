#!/bin/sh
# Installs what the server needs into .venv.
set -u
cd "$(dirname "$0")" || exit 1

fail() {
  echo "$1" >&2
  exit 1
}

# Runs a command quietly; if it fails, says why by its last line about an error.
run() {
  output=$("$@" 2>&1) && return
  reason=$(printf '%s\n' "$output" | grep -i 'error' | tail -n 1 | cut -c 1-200)
  fail "$1: ${reason:-failed}"
}

if cmp -s requirements.txt .venv/installed.txt && [ -x .venv/bin/uvicorn ]; then
  exit 0
fi
command -v python3 >/dev/null || fail "python3 is not installed"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed"
run python3 -m venv .venv
run .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
cp requirements.txt .venv/installed.txt
