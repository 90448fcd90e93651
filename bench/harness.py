"""What the benchmarks share: helpers built from C, timed runs, figures against budgets, tables."""

import dataclasses
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench"
FIRSTTOUCH = pathlib.Path(os.environ.get("FIRSTTOUCH",
                                         ROOT / "build" / "release" / "bin" / "firsttouch"))


class Skip(Exception):
    """This benchmark, or this row of it, cannot run here; the text says why."""


@dataclasses.dataclass
class Figure:
    """One measured value beside its budget."""

    what: str
    value: float
    text: str
    budget: float
    budget_text: str
    at_least: bool = False

    def row(self):
        met = self.value >= self.budget if self.at_least else self.value <= self.budget
        return [self.what, self.text, self.budget_text, "met" if met else "**not met**"]


@dataclasses.dataclass
class Run:
    """One run of a target under a recorder; times in nanoseconds."""

    wall: int  # the target's, from exec to exit, without what it was held
    start: int  # from the recorder's start to the target's exec
    end: int  # from the target's exit to the recorder's
    faults: int  # the target's ru_minflt + ru_majflt
    held: int = 0  # for a snapshot at its end, when it had done its work


def helper(name):
    """bench/NAME.c, built."""
    source, binary = ROOT / "bench" / f"{name}.c", OUT / name
    OUT.mkdir(parents=True, exist_ok=True)
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-static", "-o", binary, source],
                       check=True)
    return str(binary)


def bpf_helper(name):
    """bench/NAME.bpf.c, compiled, and bench/NAME.c, the program that loads it."""
    source, compiled = ROOT / "bench" / f"{name}.bpf.c", OUT / f"{name}.bpf.o"
    clang = shutil.which("clang-19")
    if not clang:
        raise Skip("clang-19 is not there")
    OUT.mkdir(parents=True, exist_ok=True)
    subprocess.run([clang, "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c",
                    source, "-o", compiled], check=True)
    loader = OUT / name
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", loader, ROOT / "bench" / f"{name}.c",
                    "-lbpf"], check=True)
    return [str(loader), str(compiled)]


def run_once(recorder, target):
    """Runs the target under the recorder (a list of words, empty for none) and measures it."""
    times = OUT / "walltime.txt"
    times.unlink(missing_ok=True)
    command = [*recorder, helper("walltime"), *target]
    if not shutil.which(command[0]):
        raise Skip(f"{command[0]} is not there")
    before = time.monotonic_ns()
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False, env={**os.environ, "WALLTIME_FILE": str(times)})
    after = time.monotonic_ns()
    if not times.exists():
        raise Skip(f"{' '.join(recorder[:3])} failed: {last_line(done.stderr)}")
    start, end, status, minor, major = (int(word) for word in times.read_text().split())
    if status != 0 or done.returncode != 0:
        raise Skip(f"{' '.join([*recorder, *target])} ended with {done.returncode}: "
                   f"{last_line(done.stderr)}")
    return Run(end - start, start - before, after - end, minor + major)


def last_line(text):
    return (text.strip().splitlines() or ["no message"])[-1]


def timed(command):
    """Wall seconds and peak resident bytes of a command, which must succeed."""
    require(command[0])
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Skip(f"{' '.join(map(str, command))} failed: {last_line(errors)}")
    return time.monotonic() - began, usage.ru_maxrss * 1024


def require(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def held_at_end(recording):
    """Nanoseconds that the target of `walltime` was held before its address space went."""
    done = subprocess.run([FIRSTTOUCH, "query", recording, "--format", "csv",
                           "SELECT value FROM meta WHERE key = 'others.held_ns'"],
                          capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def report_of(recording):
    """The JSON report of a recording."""
    done = subprocess.run([FIRSTTOUCH, "report", recording, "--format", "json"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"report failed: {last_line(done.stderr)}")
    return json.loads(done.stdout)


def milliseconds(nanoseconds):
    return f"{nanoseconds / 1e6:.1f} ms"


def ratio_text(values, plain):
    """How much longer, with the spread from round to round."""
    rounds = sorted(value / base for value, base in zip(values, plain))
    quarter = len(rounds) // 4
    return (f"{statistics.median(values) / statistics.median(plain):.2f} "
            f"({rounds[quarter]:.2f} to {rounds[-1 - quarter]:.2f})")


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def machine():
    """One line on where this was measured."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), "unknown CPU")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True,
                            capture_output=True, check=False).stdout.strip()
    return (f"{datetime.date.today()}, commit {commit or 'unknown'}, Linux {os.uname().release}, "
            f"{cpu}, {os.cpu_count()} CPUs, {memory:.0f} GiB")


def publish(name, title, body):
    """Prints the result and keeps it in build/bench/NAME.md."""
    text = f"### {title}\n\n{machine()}\n\n{body}\n"
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.md").write_text(text, encoding="utf-8")
    print(text, flush=True)


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
