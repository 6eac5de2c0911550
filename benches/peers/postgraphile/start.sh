#!/bin/sh
cd "$(dirname "$0")" || exit 1
export NODE_ENV=production
exec node_modules/node/bin/node server.js
