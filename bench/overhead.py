"""What recording costs the target: its wall time from exec to exit, plain and under each recorder.

All recorders take turns in each round, so that a slow minute of the machine hits all of them; see
harness.run_once for what is and is not part of the measured time.
"""

import dataclasses
import pathlib
import re
import statistics
import subprocess

from harness import (FIRSTTOUCH, OUT, ROOT, Figure, Skip, bpf_helper, held_at_end, helper,
                     milliseconds, progress, publish, ratio_text, report_of, require, run_once, table)


@dataclasses.dataclass
class Recorder:
    name: str
    words: list  # the recorder's command line, to which the target's is appended
    output: pathlib.Path | None = None
    holds: bool = False  # the target at its end, to look at it, which its recording tells


def firsttouch(backend):
    output = OUT / f"{backend}.ft"
    return Recorder(f"firsttouch record --backend {backend}",
                    [str(FIRSTTOUCH), "record", "--backend", backend, "-o", str(output), "--"],
                    output, holds=backend == "bpf")


def strace(*options):
    output = OUT / "strace.log"
    name = " ".join(["strace -f", *options, "-e trace=mmap,mprotect,munmap"])
    return Recorder(name, [*name.split(), "-o", str(output)], output)


def perf_record():
    output = OUT / "perf.data"
    name = "perf record -e page-faults -c 1 -d"
    return Recorder(name, [*name.split(), "-q", "-o", str(output), "--"], output)


def perf_trace():
    output = OUT / "perf-trace.log"
    return Recorder("perf trace", ["perf", "trace", "-o", str(output), "--"], output)


def probe_floor():
    """Programs that do nothing at the tracepoints we watch: what the kernel asks for a probe."""
    return Recorder("empty probes at the same tracepoints", bpf_helper("probe_floor"))


def stop_floor():
    """Two stops for each followed call and nothing else: what the kernel asks for ptrace."""
    numbers = re.findall(r"^  [A-Z]\w+ = (\d+),", (ROOT / "src/event/syscall_table.h").read_text(),
                         re.MULTILINE)
    return Recorder("a tracer that does nothing at the same stops",
                    [helper("stop_floor"), ",".join(numbers)])


PLAIN = Recorder("plain", [])


def java(*flags):
    classes = OUT / "classes"
    if not (classes / "Hello.class").exists():
        subprocess.run(["javac", "--release", "17", "-d", classes, ROOT / "examples/Hello.java"],
                       check=True)
    return ["java", *flags, "-cp", str(classes), "Hello"]


def measure(recorders, target, rounds):
    """{recorder name: [Run, ...]} of those that work here, and why the others do not."""
    runs, skipped = {}, {}
    for number in range(-1, rounds):  # round -1 warms the caches and finds out what works
        for recorder in recorders:
            if recorder.name in skipped:
                continue
            try:
                run = run_once(recorder.words, target)
            except Skip as reason:
                skipped[recorder.name] = str(reason)
                progress(f"without {recorder.name}: {reason}")
                continue
            if recorder.holds:
                run.held = held_at_end(recorder.output)
                run.wall -= run.held
            if number >= 0:
                runs.setdefault(recorder.name, []).append(run)
        progress(f"round {number + 1} of {rounds}")
    return runs, skipped


def walls(runs):
    return [run.wall for run in runs]


def compare(runs, skipped, recorders):
    plain = walls(runs[PLAIN.name])
    rows = []
    for recorder in recorders:
        if recorder.name in skipped:
            rows.append([recorder.name, f"not here: {skipped[recorder.name]}", "", "", ""])
            continue
        own = walls(runs[recorder.name])
        ratios = ["1", "1"] if recorder is PLAIN else [
            ratio_text(own, plain), f"{min(own) / min(plain):.2f}"]
        rows.append([f"`{recorder.name}`", milliseconds(statistics.median(own)),
                     milliseconds(min(own)), *ratios])
    return table(["recorder", "median", "best", "median / plain (middle half of the rounds)",
                  "best / plain's best"], rows)


def overhead_figure(runs, recorder, what, budget):
    plain, own = walls(runs[PLAIN.name]), walls(runs[recorder.name])
    return Figure(what, statistics.median(own) / statistics.median(plain), ratio_text(own, plain),
                  budget, f"≤ {budget:.2f}")


def own_time_figures(runs):
    start = statistics.median(run.start for run in runs)
    end = statistics.median(run.end for run in runs)
    return [Figure("`record` start to target's exec", start, milliseconds(start), 80e6, "≤ 80 ms"),
            Figure("target's exit to `record`'s end", end, milliseconds(end), 120e6, "≤ 120 ms")]


def held_note(runs):
    held = statistics.median(run.held for run in runs)
    return (f"\n\nWhen it had done its work the target was held for {milliseconds(held)} (median), to be "
            "looked at before its memory goes; that is not in its time.")


def recorded_figures(recorder, budget_bytes):
    """What the last recording holds: events lost, and bytes on disk for each fault."""
    report = report_of(recorder.output)
    size, faults = recorder.output.stat().st_size, report["faults"]["count"]
    lost = report["loss"]["total"]
    figures = [Figure("events lost", lost, f"{lost} beside {faults} faults", 0, "0")]
    if budget_bytes and faults:
        figures.append(Figure("bytes a fault on disk (whole file / faults)", size / faults,
                              f"{size / faults:.1f} ({size} / {faults})", budget_bytes,
                              f"≤ {budget_bytes}"))
    return figures


def budgets(figures):
    return table(["budget", "measured", "allowed", ""], [figure.row() for figure in figures])


def hello(rounds=15):
    """JVM Hello World, every recorder."""
    require("java", "javac", "strace", "perf")
    bpf, ptrace = firsttouch("bpf"), firsttouch("ptrace")
    recorders = [PLAIN, bpf, probe_floor(), ptrace, stop_floor(), strace(), strace("--seccomp-bpf"),
                 perf_record(), perf_trace()]
    target = java("-Xms256m", "-Xmx8g", "-XX:+UseG1GC")
    runs, skipped = measure(recorders, target, rounds)
    figures = []
    if bpf.name in runs:
        figures += [overhead_figure(runs, bpf, "Hello World, bpf: wall / plain", 1.03),
                    *own_time_figures(runs[bpf.name]), *recorded_figures(bpf, None)]
    if ptrace.name in runs:
        figures.append(overhead_figure(runs, ptrace, "Hello World, ptrace: wall / plain", 1.3))
    publish("hello", f"JVM Hello World ({rounds} rounds)",
            f"`{' '.join(target[:-3])} Hello`\n\n{compare(runs, skipped, recorders)}\n\n"
            f"{budgets(figures)}{held_note(runs[bpf.name]) if bpf.name in runs else ''}")


def pretouch(rounds=5):
    """4 GiB touched page by page at the JVM's start, every fault recorded."""
    require("java", "javac", "perf")
    bpf, perf = firsttouch("bpf"), perf_record()
    recorders = [PLAIN, bpf, probe_floor(), perf]
    target = java("-Xms4g", "-Xmx4g", "-XX:+AlwaysPreTouch")
    runs, skipped = measure(recorders, target, rounds)
    figures = []
    if bpf.name in runs:
        figures = [overhead_figure(runs, bpf, "4 GiB pretouched, bpf: wall / plain", 1.10),
                   *recorded_figures(bpf, 6)]
    note = held_note(runs[bpf.name]) if bpf.name in runs else ""
    if perf.name in runs:
        faults = runs[perf.name][-1].faults
        size = perf.output.stat().st_size
        note += (f"\n\nperf.data of the same target: {size} bytes, {size / faults:.0f} a fault, "
                 "without latencies.")
    publish("pretouch", f"4 GiB pretouched in small pages ({rounds} rounds)",
            f"`{' '.join(target[:-3])} Hello`\n\n{compare(runs, skipped, recorders)}\n\n"
            f"{budgets(figures)}{note}")
