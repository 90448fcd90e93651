"""How fast firsttouch looks at a large running process."""

import os
import statistics
import subprocess
import sys

from harness import FIRSTTOUCH, ROOT, Figure, Skip, helper, progress, publish, require, table, timed

AREAS = 50_000
WANTED = 16 * 2**30
SPARE = 3 * 2**30  # for everybody else on the machine


def available_bytes():
    with open("/proc/meminfo", encoding="utf-8") as meminfo:
        fields = dict(line.split(":") for line in meminfo)
    return int(fields["MemAvailable"].split()[0]) * 1024


def memory_map(rounds=5):
    """`map` of a process with 50,000 mappings and up to 16 GiB in memory, beside pmap -X."""
    require("pmap")
    size = min(WANTED, available_bytes() - SPARE)
    if size < 2**30:
        raise Skip("less than 4 GiB of memory are available")
    progress(f"filling {size / 2**30:.1f} GiB")
    with subprocess.Popen([helper("many_areas"), str(AREAS), str(size // 4096)],
                          stdout=subprocess.PIPE, text=True) as target:
        try:
            if target.stdout.readline() != "ready\n":
                raise Skip("the target could not get its memory")
            pid = str(target.pid)
            with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
                areas = sum(1 for _ in maps)
            commands = {
                "map -p": [str(FIRSTTOUCH), "map", "-p", pid],
                "map -p --regions --format csv":
                    [str(FIRSTTOUCH), "map", "-p", pid, "--regions", "--format", "csv"],
                "map -p --format json": [str(FIRSTTOUCH), "map", "-p", pid, "--format", "json"],
                "pmap -X": ["pmap", "-X", pid],
                "cat smaps": ["cat", f"/proc/{pid}/smaps"],
                "cat smaps_rollup": ["cat", f"/proc/{pid}/smaps_rollup"],
            }
            slow = {"as thpmaps does (Python)": [sys.executable, str(ROOT / "bench/folio_sizes.py"),
                                                 pid]}
            measured = {name: [] for name in commands}
            for _ in range(rounds):  # interleaved, so that a busy moment hits all
                for name, command in commands.items():
                    measured[name].append(timed(command))
            for name, command in slow.items():
                measured[name] = [timed(command)]
        finally:
            target.kill()
    rows = []
    for name, runs in measured.items():
        seconds, peak = zip(*runs)
        rows.append([name, f"{min(seconds):.2f} s", f"{statistics.median(seconds):.2f} s",
                     f"{max(peak) / 2**20:.0f} MiB"])
    seconds, peak = zip(*measured["map -p"])
    rows_of_budget = table(["budget", "measured", "allowed", ""], [
        Figure("time of map -p", min(seconds), f"{min(seconds):.2f} s", 2.0, "≤ 2 s").row(),
        Figure("peak memory", max(peak), f"{max(peak) / 2**20:.0f} MiB", 256 * 2**20,
               "≤ 256 MiB").row(),
    ])
    publish("map", f"Map of {areas:,} mappings, {size / 2**30:.1f} GiB in memory, "
            f"{os.cpu_count()} CPUs ({rounds} rounds)",
            table(["command", "best", "median", "peak memory"], rows) + "\n\n" + rows_of_budget)
