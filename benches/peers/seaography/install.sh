#!/bin/sh
# Builds the server in its own workspace.
set -u
cd "$(dirname "$0")" || exit 1
command -v cargo >/dev/null || {
  echo "cargo is not installed" >&2
  exit 1
}
# Wherever else cargo has been told to build, start.sh looks here.
export CARGO_TARGET_DIR=target
output=$(cargo build --release --locked 2>&1) || {
  echo "cargo build: $(printf '%s\n' "$output" | grep -m 1 '^error' || echo "failed")" >&2
  exit 1
}
