"""How fast firsttouch reads: the report of a large recording, and the import of a strace log."""

import random

from harness import FIRSTTOUCH, OUT, Figure, helper, progress, publish, report_of, table, timed

FAULTS = 2_000_000
LOG_BYTES = 300 * 10**6


def budgets(figures):
    return table(["budget", "measured", "allowed", ""], [figure.row() for figure in figures])


def report(rounds=5):
    """`report` of a recording with two million faults: time and memory."""
    recording = OUT / "touch.ft"
    progress(f"recording {FAULTS} faults")
    timed([FIRSTTOUCH, "record", "--backend", "bpf", "-o", recording, "--", helper("touch"),
           str(FAULTS)])
    seconds, peak = zip(*(timed([FIRSTTOUCH, "report", recording]) for _ in range(rounds)))
    faults = report_of(recording)["faults"]["count"]
    publish("report", f"Report of {faults} faults (best of {rounds})", budgets([
        Figure("time", min(seconds), f"{min(seconds):.2f} s", 1.0, "≤ 1 s"),
        Figure("peak memory", max(peak), f"{max(peak) / 2**20:.0f} MiB", 256 * 2**20, "≤ 256 MiB"),
    ]))


def strace_lines(seed=1):
    """Lines as `strace -f -T -ttt` writes them: mappings made, protected and removed again."""
    numbers = random.Random(seed)
    now, address = 1_700_000_000.0, 0x7F0000000000
    while True:
        tid = 4000 + numbers.randrange(24)
        length = 4096 << numbers.randrange(12)
        address -= length
        for call in (
            f"mmap(NULL, {length}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE,"
            f" -1, 0) = {address:#x}",
            f"mprotect({address:#x}, 4096, PROT_NONE) = 0",
            f"munmap({address:#x}, {length}) = 0",
        ):
            now += 0.000013
            yield f"{tid} {now:.6f} {call} <0.{numbers.randrange(2, 90):06d}>\n"


def write_log(path, size):
    """A log of at least `size` bytes; random.Random(1) makes it the same each time."""
    written = 0
    with open(path, "w", encoding="ascii") as log:
        for line in strace_lines():
            written += log.write(line)
            if written >= size:
                return written


def import_strace(rounds=3):
    """`import strace` of a 300 MB log, to a closed recording."""
    log, recording = OUT / "large.strace", OUT / "import.ft"
    progress(f"writing {LOG_BYTES} bytes of strace log")
    size = write_log(log, LOG_BYTES)
    command = [FIRSTTOUCH, "import", "strace", log, "-o", recording]
    try:
        seconds, peak = zip(*(timed(command) for _ in range(rounds)))
    finally:
        log.unlink()
    speed = size / min(seconds) / 1e6
    publish("import", f"strace import of {size} bytes (best of {rounds})", budgets([
        Figure("speed, log to closed recording", speed, f"{speed:.0f} MB/s", 300, "≥ 300 MB/s",
               at_least=True),
    ]) + f"\n\nPeak memory {max(peak) / 2**20:.0f} MiB, recording {recording.stat().st_size} bytes.")
