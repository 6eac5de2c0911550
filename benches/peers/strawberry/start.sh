#!/bin/sh
cd "$(dirname "$0")" || exit 1
exec .venv/bin/python -m uvicorn app:app --host 127.0.0.1 --port "$PORT" \
  --loop uvloop --http httptools --no-access-log --log-level warning
