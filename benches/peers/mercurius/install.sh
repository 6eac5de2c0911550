#!/bin/sh
# Installs what the server needs into node_modules, a Node of its own among it.
set -u
cd "$(dirname "$0")" || exit 1

fail() {
  echo "$1" >&2
  exit 1
}

# Runs a command quietly; if it fails, says why by its first line about an error that is a sentence.
run() {
  output=$("$@" 2>&1) && return
  reason=$(printf '%s\n' "$output" | grep -i 'error' | grep -Ev ' (code|errno|syscall) ' | head -n 1 | cut -c 1-200)
  fail "$1: ${reason:-failed}"
}

if cmp -s package-lock.json node_modules/.installed && [ -x node_modules/node/bin/node ]; then
  exit 0
fi
command -v npm >/dev/null || fail "npm is not installed"
run npm ci --no-audit --no-fund
# The package `node` fetches the program in a script of its own, which npm may have been told not to run.
[ -x node_modules/node/bin/node ] || (cd node_modules/node && run node installArchSpecificPackage.js) || exit 1
[ -x node_modules/node/bin/node ] || fail "the npm package node has no program for this machine"
cp package-lock.json node_modules/.installed
