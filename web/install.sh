#!/bin/sh
# Usage: install.sh [NPM]: web/node_modules as package-lock.json has it. Does nothing where that is so
# already; builds that run at the same time take turns.
set -eu
cd "$(dirname "$0")"
npm=${1:-npm}
stamp=node_modules/.installed-lock.json
exec 9<.
flock 9
cmp -s package-lock.json "$stamp" && exit 0
"$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp package-lock.json "$stamp"
