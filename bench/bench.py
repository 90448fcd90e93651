#!/usr/bin/env python3
"""Usage: bench.py [--list] [--rounds N] [NAME...]   (through ./dev bench, which builds first)

Runs the named benchmarks, or all. Each prints a markdown table and keeps it in build/bench/NAME.md.
Budgets are shown as met or not met and never fail the run: figures are for reading. Exits 1 when a
benchmark could not be run at all.
"""

import argparse
import subprocess
import sys

import html_report
import memory_map
import overhead
import throughput
from harness import ROOT, Skip, progress, publish


def micro():
    """Single parts (codec, import, analysis): the Google Benchmark programs of bench/."""
    programs = sorted((ROOT / "build/release/bin").glob("*_bench"))
    if not programs:
        raise Skip("no *_bench program was built")
    for program in programs:
        done = subprocess.run([program, "--benchmark_min_time=0.2"], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise Skip(f"{program.name} ended with {done.returncode}")
        publish(program.name, program.name, f"```\n{done.stdout.rstrip()}\n```")


BENCHMARKS = {
    "hello": overhead.hello,
    "pretouch": overhead.pretouch,
    "report": throughput.report,
    "html": html_report.html_report,
    "import": throughput.import_strace,
    "map": memory_map.memory_map,
    "micro": micro,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--rounds", type=int, help="rounds of each (default: its own)")
    options = parser.parse_args()
    if options.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:10} {benchmark.__doc__.splitlines()[0]}")
        return 0
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))} (--list names them)")

    failed = []
    for name in options.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        progress(f"{name}: {benchmark.__doc__.splitlines()[0]}")
        try:
            benchmark(**({"rounds": options.rounds} if options.rounds and name != "micro" else {}))
        except Skip as reason:
            progress(f"{name} cannot run here: {reason}")
            failed.append(name)
    if failed:
        progress(f"not measured: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
