# shellcheck shell=sh
# Where a pretouched heap lands. LAB_NUMA: quick, or full with the collectors that know nodes.
# shellcheck source=lab/guest/lib.sh
. "${LAB_SCRIPT%/*}/lib.sh"
host_facts
numactl -H >"$OUT/hardware"
for node in /sys/devices/system/node/node[0-9]*; do
  keep "$node/meminfo" "${node##*/}.meminfo"
done
heap="-Xms64m -Xmx64m -XX:+AlwaysPreTouch"
hello="$heap -XX:+UseSerialGC -cp $CLASSES Hello"
pause="$heap -cp $CLASSES Pause"

# shellcheck disable=SC2086  # words
recorded() {
  _recorded=$1
  shift
  keep_counters "$_recorded.before"
  evidence "$_recorded" "$@" "$FT" record -o "/tmp/$_recorded.ft" -- "$JAVA" $hello
  keep_counters "$_recorded.after"
  mv "/tmp/$_recorded.ft" "$OUT"
}

setup_thp never
recorded local numactl --cpunodebind=0
recorded interleave numactl --cpunodebind=0 --interleave=all
recorded bind numactl --cpunodebind=0 --membind=1
recorded preferred-recorded numactl --cpunodebind=0 --preferred=1
# shellcheck disable=SC2086
PREFIX="numactl --cpunodebind=0 --preferred=1" with_jvm preferred "$JAVA" -XX:+UseSerialGC $pause
[ "$LAB_NUMA" = full ] || exit 0

if setup_thp always; then
  recorded interleave-huge numactl --cpunodebind=0 --interleave=all
  setup_thp never
fi

# shellcheck disable=SC2086
{
  PREFIX="" with_jvm default "$JAVA" -XX:+UseSerialGC $pause
  if [ -d /sys/kernel/mm/mempolicy/weighted_interleave ]; then
    echo 3 >/sys/kernel/mm/mempolicy/weighted_interleave/node0
    all=$(((1 << $(echo /sys/devices/system/node/node[0-9]* | wc -w)) - 1))
    PREFIX="python3 $LAB/guest/with_policy.py 6 $all" with_jvm weighted "$JAVA" -XX:+UseSerialGC $pause
    recorded weighted-recorded python3 "$LAB/guest/with_policy.py" 6 $all
  fi
  PREFIX="numactl --interleave=all" with_jvm g1-interleave "$JAVA" -XX:+UseG1GC $pause
  PREFIX="numactl --membind=1" with_jvm z-bind "$JAVA" -XX:+UseZGC $pause
  PREFIX="" with_jvm parallel-numa "$JAVA" -XX:+UseParallelGC -XX:+UseNUMA $pause
  PREFIX="" with_jvm g1-numa "$JAVA" -XX:+UseG1GC -XX:+UseNUMA -XX:G1HeapRegionSize=1m $pause
  PREFIX="" with_jvm z-numa "$JAVA" -XX:+UseZGC -XX:+UseNUMA $pause
  PREFIX="" with_jvm z-no-numa "$JAVA" -XX:+UseZGC -XX:-UseNUMA $pause
}
