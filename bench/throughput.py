"""How fast firsttouch reads: the report of a large recording, and the import of a strace log."""

import random
import re
import resource

from harness import (FIRSTTOUCH, OUT, ROOT, Figure, helper, progress, publish, report_of, table,
                     timed)

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


def made_up_lines(seed=1):
    """Lines as `strace -f -T -ttt` writes them: mappings made, protected and removed again.
    random.Random(seed) makes them the same each time."""
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


def repeated_lines(log):
    """The lines of a real log over and over, each time later than the last. Nobody ends: a log of
    this size is one program's, not ten thousand programs'."""
    text = (ROOT / "tests" / "fixtures" / "strace" / log).read_text(encoding="utf-8")
    parts = [re.match(r"(\d+ )(\d+\.\d{6})( .*)", line, re.DOTALL) or line
             for line in text.splitlines(keepends=True) if "+++" not in line]
    times = [float(part[2]) for part in parts if not isinstance(part, str)]
    later = 0.0
    while True:
        for part in parts:
            yield (part if isinstance(part, str)
                   else f"{part[1]}{float(part[2]) + later:.6f}{part[3]}")
        later += times[-1] - times[0] + 0.001


def write_log(path, lines, size):
    """A log of at least `size` bytes."""
    written = 0
    with open(path, "w", encoding="utf-8") as log:
        for line in lines:
            written += log.write(line)
            if written >= size:
                return written


def processor_seconds():
    """Of all children so far, user and system."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def import_strace(rounds=5):
    """`import strace` of logs of 300 MB, to a closed recording."""
    log, recording = OUT / "large.strace", OUT / "import.ft"
    command = [FIRSTTOUCH, "import", "strace", log, "-o", recording]
    figures, details = [], []
    for what, lines in (("made up", made_up_lines()),
                        ("threads of a JVM's start, repeated",
                         repeated_lines("jdk17-g1-threads.strace")),
                        ("start with stacks (-k), repeated",
                         repeated_lines("jdk17-g1-stacks.stracek"))):
        progress(f"writing {LOG_BYTES} bytes of strace log: {what}")
        size = write_log(log, lines, LOG_BYTES)
        seconds, processor, peaks = [], [], []
        try:
            for _ in range(rounds):
                before = processor_seconds()
                wall, peak = timed(command)
                seconds.append(wall)
                processor.append(processor_seconds() - before)
                peaks.append(peak)
        finally:
            log.unlink()
        speed = size / min(seconds) / 1e6
        figures.append(Figure(f"log to closed recording: {what}", speed, f"{speed:.0f} MB/s", 300,
                              "≥ 300 MB/s", at_least=True))
        details.append([what, f"{size / min(processor) / 1e6:.0f} MB/s",
                        f"{max(peaks) / 2**20:.0f} MiB", recording.stat().st_size])
    publish("import", f"strace import of {LOG_BYTES} bytes (best of {rounds})", budgets(figures) +
            "\n\n" + table(["log", "per second of processor time", "peak memory",
                            "bytes of recording"], details))
