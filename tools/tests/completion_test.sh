#!/usr/bin/env bash
# Sources the bash completion and asks it what a user would.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=/dev/null
source "$root/packaging/completion/firsttouch.bash"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir recordings
touch start.ft busy.ft start.log

failures=0

# complete_line WORD...: COMPREPLY for the cursor at the end of the last word.
complete_line() {
  COMP_WORDS=(firsttouch "$@")
  COMP_CWORD=$#
  _firsttouch
}

# expect "WANTED..." WORD...: the wanted words, in any order, and no others.
expect() {
  local wanted got
  wanted=$(tr ' ' '\n' <<<"$1" | sort)
  shift
  complete_line "$@"
  got=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
  if [[ $wanted != "$got" ]]; then
    echo "FAILED: firsttouch $*: wanted [${wanted//$'\n'/ }], got [${got//$'\n'/ }]"
    failures=$((failures + 1))
  fi
}

# expect_among WANTED WORD...
expect_among() {
  local wanted=$1
  shift
  complete_line "$@"
  if ! printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -e "$wanted"; then
    echo "FAILED: firsttouch $*: $wanted is not in [${COMPREPLY[*]}]"
    failures=$((failures + 1))
  fi
}

expect "record replay report" re
expect "--version" --v
expect "--table" report x.ft --ta
expect "syscalls" report x.ft --format csv --table sy
expect "auto bpf ptrace" record --backend ""
expect "bpf" record --backend b
expect "bpf" record --backend = b
expect "auto bpf ptrace" record --backend =
expect_among "bash" record --backend = bpf -o out.ft bas
expect "--duration" record --d
expect "" record --duration ""
expect "root" record -u roo
expect_among "$$" record -p "$$"
expect_among "bash" record -- bas
expect_among "$$" watch -p "$$"
expect "--json" watch -p 1 --j
expect_among "bash" watch --once -- bas
expect_among "bash" record bas
expect "start.log" record -o x.ft -- cat start.l
expect "start.log" record cat start.l
expect "busy.ft recordings start.ft" report ""
expect "start.ft" check st
expect "text json csv html perfetto folded strace" report start.ft --format ""
expect "json" report --format j
expect "table csv json" query start.ft --format ""
expect "" query start.ft ""
expect "strace" import s
expect "start.log" import strace start.l
expect "--output" import strace --o
expect "" nonsense ""

((failures == 0))
