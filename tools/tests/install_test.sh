#!/usr/bin/env bash
# Installs a build into an empty folder and looks for what a user expects there.
# Usage: install_test.sh BUILD-FOLDER
set -euo pipefail
build=$1
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

cmake --install "$build" --prefix "$prefix" >/dev/null

failures=0
for file in bin/firsttouch share/man/man1/firsttouch.1 \
  share/bash-completion/completions/firsttouch share/doc/firsttouch/LICENSE \
  share/doc/firsttouch/LICENSES/BSD-2-Clause.txt share/doc/firsttouch/LICENSES/GPL-2.0-only.txt; do
  if [[ ! -s $prefix/$file ]]; then
    echo "FAILED: $file is missing or empty"
    failures=$((failures + 1))
  fi
done
installed=$(cd "$prefix" && find . -type f | wc -l)
if ((installed != 6)); then
  echo "FAILED: $installed files instead of 6:"
  (cd "$prefix" && find . -type f)
  failures=$((failures + 1))
fi
"$prefix/bin/firsttouch" --version
((failures == 0))
