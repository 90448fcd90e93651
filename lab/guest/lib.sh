# shellcheck shell=sh
# What the scenarios' scripts share. They only collect: nothing is judged here.
# OUT: where evidence goes. FT, FT_DIFFERENTIAL, JAVA, JAVA_25, CLASSES: from the host.
set -u

say() { echo "lab: $*"; }

# A failing command ends the script, and its boot counts as failed.
must() {
  "$@" || {
    say "failed ($?): $*"
    exit 1
  }
}

# evidence NAME COMMAND...: keeps output and exit status; the scenario goes on.
evidence() {
  _name=$1
  shift
  say "$_name: $*"
  "$@" >"$OUT/$_name" 2>"$OUT/$_name.err"
  echo $? >"$OUT/$_name.rc"
}

# What a file of /proc or /sys says, as evidence.
keep() { cat "$1" >"$OUT/$2" 2>/dev/null; }

host_facts() {
  keep /proc/version version
  keep /proc/meminfo meminfo
  keep /proc/cmdline cmdline
  uname -r >"$OUT/release"
}

setup_thp() { echo "$1" >/sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null; }

# with_jvm NAME SECONDS COMMAND...: starts a JVM that runs Pause, waits until it is ready, looks at it,
# and lets it end. PREFIX (numactl ...) stands before the JVM; where it starts it as a child of its
# own, CHILD=yes.
with_jvm() {
  _jvm=$1
  shift
  rm -f /tmp/in /tmp/out.jvm
  mkfifo /tmp/in
  # Opened for both: neither side waits for the other.
  exec 9<>/tmp/in
  keep_counters "$_jvm.before"
  # shellcheck disable=SC2086  # PREFIX is words
  ${PREFIX:-} "$@" </tmp/in >/tmp/out.jvm 2>"$OUT/$_jvm.jvm.err" 9>&- &
  _pid=$!
  _tries=0
  until grep -q ready /tmp/out.jvm; do
    _tries=$((_tries + 1))
    if [ "$_tries" -gt 600 ] || ! kill -0 "$_pid" 2>/dev/null; then
      say "$_jvm: the JVM did not get ready"
      kill -9 "$_pid" 2>/dev/null
      break
    fi
    sleep 0.2
  done
  keep_counters "$_jvm.after"
  _parent=$_pid
  [ -z "${CHILD:-}" ] || _pid=$(cut -d' ' -f1 "/proc/$_pid/task/$_pid/children")
  evidence "$_jvm.map" "$FT" map -p "$_pid" --format json
  keep "/proc/$_pid/numa_maps" "$_jvm.numa_maps"
  keep "/proc/$_pid/smaps" "$_jvm.smaps"
  keep "/proc/$_pid/status" "$_jvm.status"
  exec 9>&-
  kill "$_pid" 2>/dev/null
  wait "$_parent" 2>/dev/null
  say "$_jvm: ended with $?"
}

# The six counters of every node, and the whole vmstat.
keep_counters() {
  keep /proc/vmstat "$1.vmstat"
  for _node in /sys/devices/system/node/node[0-9]*; do
    keep "$_node/numastat" "$1.${_node##*/}"
  done
}
