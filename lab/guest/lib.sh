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
