#!/usr/bin/env python3
"""predictions.py FIRSTTOUCH JAVA CLASSES: the table of predictions in docs/fidelity.md, of one JDK.

Records plain starts, predicts from each what another configuration would do, really runs that one as
often, and prints the means of both. Starts of one configuration differ (where the kernel puts areas
decides how many page tables they share), so one start beside another says less. As root. With
--mthp it switches 64 KiB pages on for the real starts, and back."""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

# What changes, the options of replay, and the JVM's.
CHANGES = [
    ("UseTransparentHugePages", ["--jvm", "-XX:+UseTransparentHugePages"], ["-XX:+UseTransparentHugePages"]),
    ("AlwaysPreTouch", ["--jvm", "-XX:+AlwaysPreTouch"], ["-XX:+AlwaysPreTouch"]),
    (
        "both",
        ["--jvm", "-XX:+UseTransparentHugePages", "--jvm", "-XX:+AlwaysPreTouch"],
        ["-XX:+UseTransparentHugePages", "-XX:+AlwaysPreTouch"],
    ),
    ("-Xms1g", ["--jvm", "-Xms1g"], ["-Xms1g"]),
    ("-Xms2g", ["--jvm", "-Xms2g"], ["-Xms2g"]),
    (
        "-Xms2g, UseTransparentHugePages",
        ["--jvm", "-Xms2g", "--jvm", "-XX:+UseTransparentHugePages"],
        ["-Xms2g", "-XX:+UseTransparentHugePages"],
    ),
    ("-Xms4g", ["--jvm", "-Xms4g"], ["-Xms4g"]),
]
MTHP = ("mTHP 64 kB", ["--set", "thp.64k=always"], [])
MTHP_SETTING = pathlib.Path("/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled")

FIGURES = ["faults", "order_0", "order_4", "order_9", "RSS, kB", "VmPTE, kB"]


class Starts:
    def __init__(self, arguments):
        self.firsttouch = arguments.firsttouch
        self.java = [*arguments.prefix.split(), arguments.java, "-XX:+UseG1GC", *arguments.jvm.split()]
        self.classes = ["-cp", arguments.classes, arguments.main]

    def record(self, to, options):
        """Again where events were lost, which leaves nothing to count, and where files had to be read
        from disk: what another start finds in the page cache, none can tell."""
        for _ in range(9):
            command = [self.firsttouch, "record", "-o", to, "--", *self.java, *options, *self.classes]
            subprocess.run(command, check=True, capture_output=True)
            whole = subprocess.run([self.firsttouch, "check", to], capture_output=True).returncode == 0
            reads = self.query(to, "select count(*) n from fault where kind = 'major'")[0]["n"]
            if whole and reads == 0:
                return
        sys.exit(f"predictions.py: check fails, or files are read, in every start: {' '.join(command)}")

    def query(self, recording, sql):
        command = [self.firsttouch, "query", recording, sql, "--format", "json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def measured(self, recording):
        """What the kernel told the recorder, without the model."""
        pid, exec_ts = self.query(recording, "select pid, exec_ts from process where parent = 0")[0].values()
        faults = self.query(recording, f"select count(*) n from fault where ts >= {exec_ts}")
        orders = self.query(
            recording,
            "select order_, count(*) n from page_alloc where migratetype = 1 and context <> 'other' "
            f"and ts >= {exec_ts} group by 1",
        )
        status = self.query(
            recording,
            "select key, value from snapshot where source = 'status' and moment = 'end' "
            f"and pid = {pid} and key in ('VmRSS', 'VmPTE')",
        )
        order = {row["order_"]: row["n"] for row in orders}
        value = {row["key"]: row["value"] for row in status}
        return {
            "faults": faults[0]["n"],
            "order_0": order.get(0, 0),
            "order_4": order.get(4, 0),
            "order_9": order.get(9, 0),
            "RSS, kB": value["VmRSS"] / 1024,
            "VmPTE, kB": value["VmPTE"] / 1024,
        }

    def predicted(self, recording, options):
        command = [self.firsttouch, "replay", recording, *options, "--format", "json"]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["figures"]
        figure = {name: figures.get(name, {"predicted": 0})["predicted"] for name in figures}
        return {
            "faults": figure["faults"],
            "order_0": figure["order_0"],
            "order_4": figure.get("order_4", 0),
            "order_9": figure.get("order_9", 0),
            "RSS, kB": figure["resident_bytes"] / 1024,
            "VmPTE, kB": figure["page_table_bytes"] / 1024,
        }


@contextlib.contextmanager
def mthp_switched_on():
    before = MTHP_SETTING.read_text().split("[")[1].split("]")[0]
    MTHP_SETTING.write_text("always")
    try:
        yield
    finally:
        MTHP_SETTING.write_text(before)


def cell(predicted, measured):
    """Means of both, how far the first is off, and what the measured ones range over."""
    mean, real = statistics.mean(predicted), statistics.mean(measured)
    off = f" ({100 * (mean - real) / real:+.1f} %)" if real >= 100 else ""
    return f"{mean:,.0f} / {real:,.0f}{off}, {min(measured):,.0f} to {max(measured):,.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("firsttouch")
    parser.add_argument("java")
    parser.add_argument("classes", help="where the class is")
    parser.add_argument("--main", default="Hello", help="the class (Hello)")
    parser.add_argument("--jvm", default="-Xmx8g -Xms256m", help="options of every start (-Xmx8g -Xms256m)")
    parser.add_argument("--prefix", default="", help="before java, such as 'setarch -R'")
    parser.add_argument("--starts", type=int, default=8, help="of each configuration (8)")
    parser.add_argument("--only", default="", help="changes with this in their name")
    parser.add_argument("--mthp", action="store_true", help="64 KiB pages too")
    arguments = parser.parse_args()
    starts = Starts(arguments)

    with tempfile.TemporaryDirectory() as folder:
        plain = [f"{folder}/plain{i}.ft" for i in range(arguments.starts)]
        real = f"{folder}/real.ft"
        for recording in plain:
            starts.record(recording, [])
        print("| change | " + " | ".join(FIGURES) + " |")
        print("|---" * (1 + len(FIGURES)) + "|")
        for name, replay, java in CHANGES + ([MTHP] if arguments.mthp else []):
            if arguments.only not in name:
                continue
            predicted = [starts.predicted(recording, replay) for recording in plain]
            measured = []
            with mthp_switched_on() if name == MTHP[0] else contextlib.nullcontext():
                for _ in range(arguments.starts):
                    starts.record(real, java)
                    measured.append(starts.measured(real))
            cells = [cell([p[key] for p in predicted], [m[key] for m in measured]) for key in FIGURES]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
