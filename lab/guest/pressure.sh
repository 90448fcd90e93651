# shellcheck shell=sh
# Starts with too little memory. LAB_PRESSURE names the case.
# shellcheck source=lab/guest/lib.sh
. "${LAB_SCRIPT%/*}/lib.sh"
host_facts
flags="-XX:-UseContainerSupport -XX:+UseSerialGC -Xshare:auto"
hello="$flags -Xms96m -Xmx96m -XX:+AlwaysPreTouch -cp $CLASSES Hello"

if [ "$LAB_CGROUP" = 1 ]; then
  root=/sys/fs/cgroup/memory limit=memory.limit_in_bytes
else
  root=/sys/fs/cgroup limit=memory.max
  echo +memory >$root/cgroup.subtree_control
fi

in_group="sh $LAB/guest/in_group.sh"
group() { mkdir "$root/$1"; }

keep_group() {
  for _file in memory.events memory.stat memory.peak memory.pressure memory.swap.peak \
    memory.failcnt memory.max_usage_in_bytes memory.oom_control; do
    keep "$root/$1/$_file" "$2.$_file"
  done
}

# recorded NAME COMMAND...: a recording, with the host's counters around it.
recorded() {
  _recorded=$1
  shift
  keep /proc/vmstat "$_recorded.before"
  keep /proc/pressure/memory "$_recorded.psi.before"
  evidence "$_recorded" "$@"
  keep /proc/vmstat "$_recorded.after"
  keep /proc/pressure/memory "$_recorded.psi"
  mv "/tmp/$_recorded.ft" "$OUT"
}

use_swap() {
  case $1 in
    disk) must mkswap "$LAB_SWAP_DISK" && must swapon "$LAB_SWAP_DISK" ;;
    zram)
      echo 256M >/sys/block/zram0/disksize
      must mkswap /dev/zram0 && must swapon /dev/zram0
      ;;
  esac
}

# Without any limit: what the others are predicted from, and compared with.
group plain
# shellcheck disable=SC2086
recorded plain $in_group "$root/plain" "$FT" record -o /tmp/plain.ft -- "$JAVA" $hello
keep_group plain plain

# A target alone in its group: the recorder's own memory must not count.
limited() {
  _name=$1
  _limit=$2
  shift 2
  group "$_name"
  echo "$_limit" >"$root/$_name/$limit" || say "no $limit"
  # shellcheck disable=SC2086  # words
  recorded "$_name" "$FT" record -o "/tmp/$_name.ft" -- \
    $in_group "$root/$_name" "$JAVA" $hello
  keep_group "$_name" "$_name"
}

# What the model says that a recorded start needs.
needed_by() {
  "$FT" replay "$1" --set cgroup.limit=64G --set swap=0 --format json |
    sed -n 's/.*"needed_bytes": \([0-9]*\).*/\1/p' | head -n 1
}

case $LAB_PRESSURE in
  edge)
    # Starts around the edge, without swap: which of them live?
    # In hundredths of what the model says is needed.
    needed=$(needed_by "$OUT/plain.ft")
    say "needed: $needed"
    for percent in 90 95 97 98 102 103 105 110; do
      pages=$((needed * percent / 409600))
      size=$((pages * 4))
      group "edge-$size"
      echo "${size}k" >"$root/edge-$size/$limit"
      # shellcheck disable=SC2086
      evidence "edge-$size" $in_group "$root/edge-$size" "$JAVA" $hello
      keep_group "edge-$size" "edge-$size"
    done
    limited killed 64M
    # Two processes in a group that is too small for both: whom does the killer pick?
    for size in 24 192; do
      beside="sh $LAB/guest/beside.sh $size"
      group "two-$size"
      # shellcheck disable=SC2086
      recorded "two-$size" $in_group "$root/two-$size" "$FT" record -o "/tmp/two-$size.ft" -- \
        $beside "$JAVA" $hello
      needed=$(needed_by "$OUT/two-$size.ft")
      group "two-$size-tight"
      pages=$((needed * 88 / 409600))
      echo "$((pages * 4))k" | tee "$OUT/two-$size.limit" >"$root/two-$size-tight/$limit"
      dmesg >/tmp/dmesg.before
      # shellcheck disable=SC2086
      evidence "two-$size-tight" $in_group "$root/two-$size-tight" $beside "$JAVA" $hello
      dmesg | tail -n +$(($(wc -l </tmp/dmesg.before) + 1)) | grep "Killed process" >"$OUT/two-$size.killed"
    done
    ;;
  swap)
    use_swap "$LAB_SWAP"
    limited swapped 80M
    if [ "$LAB_CGROUP" = 2 ]; then
      group high
      echo 80M >$root/high/memory.high
      # shellcheck disable=SC2086
      recorded high "$FT" record -o /tmp/high.ft -- \
        $in_group "$root/high" "$JAVA" $hello
      keep_group high high
    fi
    ;;
  node)
    use_swap "$LAB_SWAP"
    # shellcheck disable=SC2086
    recorded small-node numactl --membind=1 "$FT" record -o /tmp/small-node.ft -- "$JAVA" $flags \
      -Xms160m -Xmx160m -XX:+AlwaysPreTouch -cp "$CLASSES" Hello
    ;;
  global)
    # A JVM as large as the machine, no swap. The recorder is not to be the one that goes.
    heap=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    heap=$((heap * 94 / 102400))m
    echo -1000 >/proc/self/oom_score_adj
    # shellcheck disable=SC2086
    recorded global "$FT" record -o /tmp/global.ft -- \
      sh -c 'echo 0 >/proc/self/oom_score_adj; exec "$@"' sh "$JAVA" $flags \
      "-Xms$heap" "-Xmx$heap" -XX:+AlwaysPreTouch -cp "$CLASSES" Hello
    ;;
esac
dmesg | grep -E "oom-kill|Out of memory|Killed process|invoked oom" >"$OUT/oom.dmesg"
exit 0
