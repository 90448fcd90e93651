"""Which part of a fault does a recording's latency cover? Against a kprobe's handle_mm_fault().

Times of an emulated machine mean nothing; what encloses what does."""

import bisect
import re
import statistics

LINE = re.compile(r"^\s*.*-(\d+)\s+\[\d+\]\s+\S+\s+(\d+)\.(\d{6}): (ft_in|ft_out): ")
ROUNDED = 1000  # ns: the trace shows microseconds


def kprobes_in(text):
    """tid -> [(begin, end)] in ns, in order of time; pairs whose other half is missing are left out."""
    found, open_at = {}, {}
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        tid, at = int(match[1]), int(match[2]) * 10**9 + int(match[3]) * 1000
        if match[4] == "ft_in":
            open_at[tid] = at
        elif tid in open_at:
            found.setdefault(tid, []).append((open_at.pop(tid), at))
    return found


def matched(faults, kprobes):
    """Pairs of a recorded fault and the call of handle_mm_fault that began in it."""
    pairs = []
    for tid, begin, end in faults:
        calls = kprobes.get(tid, [])
        at = bisect.bisect_left(calls, (begin - ROUNDED,))
        if at < len(calls) and calls[at][0] <= end + ROUNDED:
            pairs.append(((begin, end), calls[at]))
    return pairs


def judge(evidence, checks):
    checks.equal("the program comes to its end", evidence.status("program"), 0)
    start = int(evidence.rows("program.ft", "select value from meta where key = "
                              "'start_monotonic_ns'")[0]["value"])
    faults = [(row["tid"], start + row["ts"], start + row["ts"] + row["dur"]) for row in
              evidence.rows("program.ft", "select tid, ts, dur from fault where dur > 0")]
    kprobes = kprobes_in(evidence.text("kprobes"))
    pairs = matched(faults, kprobes)
    checks.that("the program's faults were recorded", len(faults) > 2048, len(faults))
    checks.that("nearly every one has its call of handle_mm_fault",
                len(pairs) >= len(faults) * 0.99, f"{len(pairs)} of {len(faults)}")
    if not pairs:
        return
    before = [call[0] - fault[0] for fault, call in pairs]
    after = [call[1] - fault[1] for fault, call in pairs]
    sound = sum(gap >= -ROUNDED for gap in before)
    checks.that("a recorded fault begins before handle_mm_fault does", sound == len(pairs),
                f"{len(pairs) - sound} do not")
    sound = sum(gap >= -ROUNDED for gap in after)
    checks.that("and ends before handle_mm_fault returns: at the fault's account, the last it does",
                sound >= len(pairs) * 0.99, f"{len(pairs) - sound} do not")

    def median(values):
        return f"{statistics.median(values) / 1000:.1f} us"

    ours = median([end - begin for (begin, end), _ in pairs])
    theirs = median([end - begin for _, (begin, end) in pairs])
    checks.figure(f"{len(pairs):,} faults: recorded {ours} in the median, handle_mm_fault by kprobe "
                  f"{theirs}; begins {median(before)} before it, ends {median(after)} before its "
                  "return is seen (emulated: the sizes mean nothing)")
