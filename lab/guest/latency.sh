# shellcheck shell=sh
# The same faults seen by a recording and by a kprobe on handle_mm_fault, both by CLOCK_MONOTONIC.
# shellcheck source=lab/guest/lib.sh
. "${LAB_SCRIPT%/*}/lib.sh"
host_facts
tracing=/sys/kernel/tracing
touch="import mmap
memory = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, 8 << 20, 4096): memory[at] = 1"
setup_thp never
echo mono >$tracing/trace_clock
echo 16384 >$tracing/buffer_size_kb
must sh -c "echo 'p:ft_in handle_mm_fault address=%si:x64' >$tracing/kprobe_events"
# So many faults may be under way at once; a fault can wait for a long time.
must sh -c "echo 'r256:ft_out handle_mm_fault' >>$tracing/kprobe_events"
echo 1 >$tracing/events/kprobes/enable
: >$tracing/trace
evidence program "$FT" record --sample 0 -o /tmp/program.ft -- python3 -c "$touch"
echo 0 >$tracing/events/kprobes/enable
grep -E 'ft_in|ft_out' $tracing/trace >"$OUT/kprobes"
keep $tracing/kprobe_profile kprobe_profile
cat $tracing/per_cpu/cpu*/stats >"$OUT/kprobe_stats"
mv /tmp/program.ft "$OUT"
exit 0
