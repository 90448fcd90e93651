# shellcheck shell=sh
# beside.sh MIB COMMAND...: runs a command while another process holds so much memory.
held=$(mktemp -u /tmp/held.XXXXXX)
python3 "${0%/*}/hold.py" "$1" "$held" &
holder=$!
shift
until [ -e "$held" ]; do
  kill -0 $holder 2>/dev/null || exit 125
  sleep 0.1
done
"$@"
status=$?
kill $holder 2>/dev/null
rm -f "$held"
exit $status
