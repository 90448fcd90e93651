# shellcheck shell=sh
# One JVM, looked at while it runs and recorded from its start, in each of the places where counting
# its memory is hard: swapped, over nodes, in large pages, in a cgroup, in a PID namespace.
# shellcheck source=lab/guest/lib.sh
. "${LAB_SCRIPT%/*}/lib.sh"
host_facts
jvm="-XX:-UseContainerSupport -XX:+UseSerialGC -Xms64m -Xmx64m -XX:+AlwaysPreTouch"
jvm="$jvm -XX:ReservedCodeCacheSize=32m -XX:CompressedClassSpaceSize=64m -cp $CLASSES"
setup_thp never
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
must mkswap "$LAB_SWAP_DISK" && must swapon "$LAB_SWAP_DISK"

# both NAME PREFIX...: the same JVM under a prefix, mapped while it runs, then recorded.
# shellcheck disable=SC2086  # words
both() {
  _both=$1
  shift
  PREFIX="$*" with_jvm "$_both" "$JAVA" $LARGE $jvm Pause 32
  keep /proc/vmstat "$_both.recorded.before"
  evidence "$_both.recorded" "$FT" record -o /tmp/recorded.ft -- "$@" "$JAVA" $LARGE $jvm Hello
  keep /proc/vmstat "$_both.recorded.after"
  mv /tmp/recorded.ft "$OUT/$_both.ft"
}

LARGE=
both plain env
both nodes numactl --interleave=all
mkdir /sys/fs/cgroup/roomy /sys/fs/cgroup/tight
echo 512M >/sys/fs/cgroup/roomy/memory.max
both cgroup sh "$LAB/guest/in_group.sh" /sys/fs/cgroup/roomy
echo 56M >/sys/fs/cgroup/tight/memory.high
both swapped sh "$LAB/guest/in_group.sh" /sys/fs/cgroup/tight
CHILD=yes both namespace unshare --pid --fork --mount-proc
echo 64 >/proc/sys/vm/nr_hugepages
keep /proc/meminfo pool.meminfo
LARGE=-XX:+UseLargePages
both large env
exit 0
