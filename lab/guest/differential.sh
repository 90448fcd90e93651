# shellcheck shell=sh
# Random programs in this kernel and in the model. LAB_PROGRAMS, LAB_SEED; LAB_SETTING says which of
# the kernel's settings is not as usual.
# shellcheck source=lab/guest/lib.sh
. "${LAB_SCRIPT%/*}/lib.sh"
export TMPDIR=/mnt/disk
programs=$LAB_PROGRAMS
case ${LAB_SETTING:-plain} in
  plain) ;;
  thp-always) must setup_thp always ;;
  mthp)
    must setup_thp madvise
    for size in 16 64 1024; do
      echo always >/sys/kernel/mm/transparent_hugepage/hugepages-${size}kB/enabled || exit 1
    done
    ;;
  hugetlb) echo 32 >/proc/sys/vm/nr_hugepages ;;
  overcommit-1) echo 1 >/proc/sys/vm/overcommit_memory ;;
  overcommit-2)
    # Enough for the comparing program itself.
    echo 90 >/proc/sys/vm/overcommit_ratio
    echo 2 >/proc/sys/vm/overcommit_memory
    ;;
  low-map-count) echo 64 >/proc/sys/vm/max_map_count ;;
esac
# What the kernel does of its own accord only makes programs to be skipped.
echo 0 >/sys/kernel/mm/transparent_hugepage/khugepaged/defrag 2>/dev/null
# shellcheck disable=SC2086  # LAB_MORE is words
evidence differential "$FT_DIFFERENTIAL" --seed "$LAB_SEED" --programs "$programs" --ops "${LAB_OPERATIONS:-100}" ${LAB_MORE:-}
host_facts
keep /sys/kernel/mm/transparent_hugepage/enabled thp
exit 0
