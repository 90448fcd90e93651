# shellcheck shell=sh
# in_group.sh FOLDER COMMAND...: runs a command in a control group.
echo $$ >"$1/cgroup.procs" || exit 125
shift
exec "$@"
