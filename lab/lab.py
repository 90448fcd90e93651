#!/usr/bin/env python3
"""Usage: lab.py [--all] [--ci] [--list] [--build DIR] [NAME[@KERNEL]...]     (through ./dev lab)

Boots stock Debian kernels in QEMU, without hardware support, runs firsttouch and real JVMs in them,
and judges on the host what they left in build/lab/results/. Without names, a few boots;
--all runs every one and writes the table in docs/lab.md. What cannot run here is skipped, with the
reason. Exit status: 0, or 1 if anything failed.
"""

import argparse
import dataclasses
import pathlib
import signal
import subprocess
import sys
import traceback

LAB = pathlib.Path(__file__).resolve().parent
ROOT = LAB.parent
sys.path.insert(0, str(LAB))

# pylint: disable=wrong-import-position
import ci
import guest
import kernels
import table
from checks import Checks
from evidence import Evidence, Missing
from scenarios.boots import BOOTS, CI

WORK = ROOT / "build/lab"


def say(text):
    print(text, flush=True)


class Lab:
    def __init__(self, build, overrides, again, clock=None):
        self.build = build
        self.clock = clock  # of a CI: for all boots together
        self.again = again  # judge what an earlier run left
        self.overrides = overrides  # settings of the parts, for looking closer at one
        self.kernels = {}
        self.environment = None

    def programs(self):
        """What the guests' scripts call, by the name they know it under. Raises Unavailable."""
        if self.environment:
            return self.environment
        found = {"FT": self.build / "bin/firsttouch",
                 "FT_DIFFERENTIAL": self.build / "bin/ft-differential",
                 "LAB": LAB, "CLASSES": self.compiled_classes()}
        for name in ("FT", "FT_DIFFERENTIAL"):
            if not found[name].exists():
                raise kernels.Unavailable(f"{found[name]} is not built")
        jdks = sorted(pathlib.Path("/usr/lib/jvm").glob("*/bin/java"))
        if not jdks:
            raise kernels.Unavailable("no JVM in /usr/lib/jvm")
        first = [java for java in jdks if "-17-" in str(java)] or jdks
        newest = [java for java in jdks if "-25-" in str(java)]
        found["JAVA"] = first[0].resolve()
        found["JAVA_25"] = newest[0].resolve() if newest else ""
        self.environment = found
        return found

    @staticmethod
    def compiled_classes():
        classes = WORK / "classes"
        sources = sorted((LAB / "guest").glob("*.java")) + [ROOT / "examples/Hello.java"]
        done = classes / "done"
        if done.exists() and all(done.stat().st_mtime > path.stat().st_mtime for path in sources):
            return classes
        classes.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["javac", "--release", "17", "-d", classes, *sources], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise kernels.Unavailable(f"javac: {error}") from error
        done.touch()
        return classes

    def kernel(self, name):
        if name not in self.kernels:
            seconds = self.clock.fetch_seconds() if self.clock else kernels.FETCH_SECONDS
            self.kernels[name] = kernels.prepare(name, WORK / "kernels", say, seconds)
        return self.kernels[name]

    def run(self, boot, kernel_name):
        """Boots once and judges each part. Returns a list of table.Row."""
        try:
            kernel, outcome = self.outcome(boot, kernel_name)
        except kernels.Unavailable as reason:
            why = str(reason)
        except (OSError, subprocess.SubprocessError) as error:  # a full disk, a tool that fails
            why = f"not to be had here: {error}"
        else:
            return self.judged(boot, kernel, outcome)
        return [table.Row(boot.name, part.name, kernel_name, "skip", why) for part in boot.parts]

    def outcome(self, boot, kernel_name):
        """The kernel, and how its boot ended. Raises Unavailable and what programs that fail raise."""
        guest.need_tools()
        environment = self.programs()
        kernel = self.kernel(kernel_name)
        folder = WORK / ("ci" if self.clock else "results") / f"{boot.name}@{kernel_name}"
        if self.again and (folder / "ended").exists():
            return kernel, guest.outcome_of(folder)
        parts = " ".join(f"{part.name}={part.script}" for part in boot.parts)
        settings = {key: value for part in boot.parts for key, value in part.settings.items()}
        settings.update(self.overrides)
        timeout = boot.timeout
        if self.clock:
            self.clock.need(ci.LEAST_SECONDS)
            timeout = min(timeout, self.clock.left())
        return kernel, guest.boot(kernel, self.machine(boot),
                                  {"LAB_PARTS": parts, **environment, **settings}, folder, timeout)

    def judged(self, boot, kernel, outcome):
        say(f"  {boot.name}@{kernel.name} ({kernel.release}): {outcome.end.value}"
            f"{': ' + outcome.detail if outcome.detail else ''}, {outcome.seconds:.0f} s")
        return [self.judge(boot, part, kernel, outcome) for part in boot.parts]

    def machine(self, boot):
        """In a CI nothing may fail by chance: see Machine.one_thread."""
        return dataclasses.replace(boot.machine, one_thread=True) if self.clock else boot.machine

    def judge(self, boot, part, kernel, outcome):
        checks = Checks()
        ended = "" if outcome.ok else f"{outcome.end.value}: {outcome.detail}"
        if ended:
            checks.that("the boot comes to its end", False, ended)
        evidence = Evidence(outcome.out / part.name, self.programs()["FT"], kernel.name)
        try:
            part.judge(evidence, checks)
        except Missing as missing:
            checks.that("all evidence is there", False, missing)
        except (OSError, subprocess.SubprocessError) as error:  # the host's trouble: too slow, full
            ended = ended or f"judging it came to no end: {error}"
            checks.that("the evidence can be judged", False, error)
        except Exception:  # pylint: disable=broad-exception-caught
            checks.that("the evidence can be judged", False, traceback.format_exc(limit=-2))
        for failure in checks.failures:
            say(f"    not ok: {part.name}: {failure.what}: {failure.detail}")
        state = "FAIL" if checks.failures else "pass"
        say(f"    {state}: {part.name}, {len(checks.verdicts)} checks"
            f"{'; ' + '; '.join(checks.figures) if checks.figures else ''}")
        return table.Row(boot.name, part.name, kernel.name, state, "", kernel.release,
                         len(checks.verdicts), [vars(failure) for failure in checks.failures],
                         checks.deviations, checks.figures, checks.skipped, outcome.seconds, ended)


def chosen(names, everything):
    """(boot, kernel) pairs; raises ValueError for a name that there is not."""
    pairs = [(boot, kernel) for boot in BOOTS for kernel in boot.kernels]
    if everything:
        return pairs
    if not names:
        return [(boot, kernel) for boot, kernel in pairs if boot.quick]
    found = []
    for name in names:
        matching = [(boot, kernel) for boot, kernel in pairs
                    if name in (boot.name, f"{boot.name}@{kernel}", f"@{kernel}")]
        if not matching:
            raise ValueError(f"no scenario {name} (--list names them)")
        found += [pair for pair in matching if pair not in found]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME[@KERNEL]")
    parser.add_argument("--all", action="store_true", help="every boot, and the table in docs/")
    parser.add_argument("--ci", action="store_true",
                        help="one boot of each kernel, within five minutes, into a folder of its own; "
                             "fails only if a second boot repeats it")
    parser.add_argument("--seconds", type=float, default=ci.SECONDS, metavar="S",
                        help="the time that --ci has")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--table", action="store_true", help="write the table from what has run")
    parser.add_argument("--set", action="append", default=[], metavar="LAB_KEY=VALUE",
                        help="another setting of the parts, such as LAB_SEED=7")
    parser.add_argument("--again", action="store_true",
                        help="judge what an earlier run left; boot only what has none")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                        help="where the programs under test are")
    options = parser.parse_args()
    if options.list:
        for boot in BOOTS:
            quick = ", without a name" if boot.quick else ""
            say(f"{boot.name:16} {boot.shows} ({', '.join(boot.kernels)}{quick})")
        return 0
    if options.ci and (options.all or options.names or options.table):
        parser.error("--ci goes with no other choice of what to boot")
    try:
        pairs = [] if options.ci else chosen(options.names, options.all)
    except ValueError as error:
        parser.error(str(error))

    # Ended by a signal, the guest has to be ended too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    lab = Lab(options.build.resolve(), dict(setting.split("=", 1) for setting in options.set),
              options.again, ci.Clock(options.seconds) if options.ci else None)
    rows = ci.run(lab, CI, lab.clock, say) if options.ci else []
    for boot, kernel in pairs if not (options.table and not options.names) else []:
        rows += lab.run(boot, kernel)
        table.remember(WORK / "results", rows)
    if options.all or options.table:
        table.write(ROOT / "docs/lab.md", BOOTS, table.remembered(WORK / "results"))
    for row in rows:
        if row.state == "skip":
            say(f"SKIP {row.boot}@{row.kernel} {row.part}: {row.why}")
    failed = [row for row in rows if row.state == "FAIL"]
    say(f"lab: {sum(row.state == 'pass' for row in rows)} passed, {len(failed)} failed, "
        f"{sum(row.state == 'skip' for row in rows)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
