# shellcheck shell=sh
# The same start with every kind of huge page this kernel has.
# shellcheck source=lab/guest/lib.sh
. "${LAB_SCRIPT%/*}/lib.sh"
host_facts
thp=/sys/kernel/mm/transparent_hugepage
heap="-XX:-UseContainerSupport -Xms64m -Xmx64m -XX:+AlwaysPreTouch"
end="-XX:ReservedCodeCacheSize=32m -cp $CLASSES Hello"

# shellcheck disable=SC2086  # words
recorded() {
  _recorded=$1
  shift
  keep /proc/vmstat "$_recorded.before"
  evidence "$_recorded" "$FT" record -o "/tmp/$_recorded.ft" -- "$JAVA" $heap "$@" $end
  keep /proc/vmstat "$_recorded.after"
  mv "/tmp/$_recorded.ft" "$OUT"
}

if [ -d $thp ]; then
  # Huge pages or none at once: nothing is made by compaction, so that counts can be foreseen.
  echo never >$thp/defrag
  echo 0 >$thp/khugepaged/defrag
  setup_thp never
  recorded never -XX:+UseG1GC
  setup_thp always
  recorded always -XX:+UseG1GC
  # Without touching the heap beforehand: what of a huge page nobody wrote to is bloat.
  roomy=$heap
  heap="-XX:-UseContainerSupport -Xms256m -Xmx256m"
  recorded sparse-always -XX:+UseG1GC
  setup_thp never
  recorded sparse-never -XX:+UseG1GC
  heap=$roomy
  setup_thp madvise
  recorded madvise -XX:+UseG1GC
  recorded advised -XX:+UseG1GC -XX:+UseTransparentHugePages
  if [ -d $thp/hugepages-64kB ]; then
    echo always >$thp/hugepages-64kB/enabled
    recorded mthp -XX:+UseG1GC
    echo never >$thp/hugepages-64kB/enabled
  fi
fi

echo 64 >/proc/sys/vm/nr_hugepages
keep /proc/meminfo pool.meminfo
recorded hugetlb-2m -XX:+UseParallelGC -XX:+UseLargePages
echo 0 >/proc/sys/vm/nr_hugepages
if [ "$(cat /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages)" -gt 0 ]; then
  heap="-XX:-UseContainerSupport -Xms1g -Xmx1g -XX:+AlwaysPreTouch"
  recorded hugetlb-1g -XX:+UseParallelGC -XX:+UseLargePages -XX:LargePageSizeInBytes=1g
  heap="-XX:-UseContainerSupport -Xms64m -Xmx64m -XX:+AlwaysPreTouch"
fi

if [ -d $thp ]; then
  # Nothing is to put together again what the helper took apart.
  echo 0 >/proc/sys/vm/compact_unevictable_allowed
  echo 0 >/proc/sys/vm/compaction_proactiveness
  mkfifo /tmp/fragment
  exec 8<>/tmp/fragment
  python3 "$LAB/guest/fragment.py" </tmp/fragment >/tmp/fragment.out 8>&- &
  tries=0
  until grep -q ready /tmp/fragment.out || [ $tries -gt 900 ]; do
    sleep 0.2
    tries=$((tries + 1))
  done
  keep /tmp/fragment.out fragmented.held
  # The last whole blocks, which the kernel keeps as its reserve, go to the pool.
  echo 256 >/proc/sys/vm/nr_hugepages
  keep /proc/buddyinfo fragmented.buddyinfo
  setup_thp never
  recorded fragmented-never -XX:+UseG1GC
  setup_thp always
  recorded fragmented -XX:+UseG1GC
  echo 0 >/proc/sys/vm/nr_hugepages
  exec 8>&-
fi
exit 0
