"""The HTML report: its size, the time to write it, and the time until one can use it."""

import json
import subprocess

from harness import (FIRSTTOUCH, OUT, ROOT, Figure, Skip, last_line, progress, publish, report_of,
                     require, table, timed)

# name, the JVM's options, page faults it must have, bytes allowed
STARTS = [
    ("Hello World", ["-Xms256m", "-Xmx8g"], 1_000, 3_000_000),
    ("8 GiB touched in advance", ["-Xms8g", "-Xmx8g", "-XX:+AlwaysPreTouch"], 2_000_000,
     12_000_000),
]


def opened(page, rounds):
    """Milliseconds from opening the file until one can use it, and until everything is there."""
    done = subprocess.run(["node", ROOT / "web/test/opening_time.mjs", page, str(rounds)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"the page did not open: {last_line(done.stderr)}")
    best = json.loads(done.stdout)
    return best["usable"], best["complete"]


def html_report(rounds=3):
    """`report --format html` of a small start and of two million faults: size, time, opening."""
    require("java", "javac", "node", "chromium")
    classes = OUT / "classes"
    subprocess.run(["javac", "--release", "17", "-d", classes, ROOT / "tests/targets/Hello.java"],
                   check=True)
    figures = []
    for name, options, least, most in STARTS:
        recording, page = OUT / "start.ft", OUT / "start.html"
        progress(f"recording {name}")
        timed([FIRSTTOUCH, "record", "--backend", "bpf", "-o", recording, "--", "java", *options,
               "-cp", classes, "Hello"])
        faults = report_of(recording)["faults"]["count"]
        if faults < least:
            progress(f"{name} took {faults} page faults only: huge pages, or too little memory")
        seconds, peak = zip(*(timed([FIRSTTOUCH, "report", recording, "--format", "html", "-o",
                                     page]) for _ in range(rounds)))
        size = page.stat().st_size
        usable, complete = opened(page, rounds)
        what = f"{name}, {faults:,} faults"
        figures += [
            Figure(f"{what}: size", size, f"{size / 1e6:.2f} MB", most, f"≤ {most / 1e6:.0f} MB"),
            Figure(f"{what}: until one can use it", usable, f"{usable:.0f} ms", 1000, "≤ 1 s"),
            Figure(f"{what}: until everything is there", complete, f"{complete:.0f} ms", 2000,
                   "≤ 2 s"),
            Figure(f"{what}: writing", min(seconds), f"{min(seconds):.2f} s", 5, "≤ 5 s"),
            Figure(f"{what}: peak memory", max(peak), f"{max(peak) / 2**20:.0f} MiB", 512 * 2**20,
                   "≤ 512 MiB"),
        ]
    publish("html", f"HTML report (best of {rounds})",
            table(["budget", "measured", "allowed", ""], [figure.row() for figure in figures]))
