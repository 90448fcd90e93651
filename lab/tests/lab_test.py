#!/usr/bin/env python3
"""Tests of the lab itself: nothing here boots."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
import ci
import evidence
import guest
import kernels
import lab
import table
from checks import Checks
from guest import End, Machine
from scenarios import boots, latency, pressure, recorder, sound


class Kernels(unittest.TestCase):
    def test_the_package_behind_a_metapackage(self):
        self.assertEqual(kernels.dependency("linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n"
                                            "  Conflicts: linux-image-amd64\n"),
                         "linux-image-6.1.0-56-amd64")
        self.assertIsNone(kernels.dependency("linux-image-amd64\n"))
        self.assertIsNone(kernels.dependency(""))

    def test_a_half_made_folder_is_no_kernel(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "6.1").mkdir()
            self.assertIsNone(kernels.cached("6.1", pathlib.Path(folder)))

    def test_an_image_without_a_kernel_is_refused(self):
        with self.assertRaises(kernels.Unavailable):
            kernels.unpack_image(b"MZ" + kernels.XZ_MAGIC + b"no stream")


class Guests(unittest.TestCase):
    def test_how_a_boot_ended(self):
        for want, arguments in (
                (End.DONE, (33, "0\n", "Linux version\n", "")),
                (End.SCRIPT, (33, "1\n", "", "")),
                (End.LOST, (33, "", "", "")),
                (End.LOST, (1, "", "", "qemu: no memory")),
                (End.TIMEOUT, (None, "", "", "")),
                (End.PANIC, (0, "", "[ 1] Kernel panic - not syncing: x\n", "")),
                (End.PANIC, (0, "", "BUG: first\n[ 1] Kernel panic - not syncing: x\n", "")),
                (End.TROUBLE, (33, "0\n", "[ 9] rcu: INFO: rcu_sched detected stalls\n", "")),
                (End.TROUBLE, (None, "", "watchdog: BUG: soft lockup - CPU#1\n", ""))):
            self.assertIs(guest.judge(*arguments)[0], want, arguments)

    def test_nodes_stand_before_distances(self):
        words = guest.topology(Machine(nodes=(64, 64), distances=((0, 1, 21),)))
        numa = [words[i + 1] for i, word in enumerate(words) if word == "-numa"]
        self.assertEqual([text.split(",")[0] for text in numa], ["node", "node", "dist"])
        self.assertEqual(words[words.index("-m") + 1], "128M")

    def test_processors_are_dealt_to_nodes(self):
        words = " ".join(guest.topology(Machine(nodes=(64, 64), cpus=4)))
        self.assertIn("nodeid=0,memdev=m0,cpus=0,cpus=2", words)
        self.assertIn("nodeid=1,memdev=m1,cpus=1,cpus=3", words)


class Reading(unittest.TestCase):
    def test_policies_with_a_blank(self):
        areas = evidence.parse_numa_maps(
            "feb00000 prefer (many):0 anon=2 dirty=2 N0=2 kernelpagesize_kB=4\n"
            "ffb00000 weighted interleave:0-1 anon=3 N0=2 N1=1 kernelpagesize_kB=2048\n"
            "ffc00000 default file=/lib/x mapped=1 N1=1 kernelpagesize_kB=4\n"
            "ffd00000 interleave:0-3\n")
        self.assertEqual([area.policy for area in areas],
                         ["prefer (many):0", "weighted interleave:0-1", "default", "interleave:0-3"])
        self.assertEqual(areas[1].bytes_by_node(), {0: 4 << 20, 1: 2 << 20})
        self.assertEqual(areas[3].nodes, {})

    def test_what_is_no_numa_maps(self):
        with self.assertRaises(evidence.Missing):
            evidence.parse_numa_maps("<html>")

    def test_counts(self):
        self.assertEqual(evidence.parse_counts("high 3\nmax: 4\nHugePages_Total:  5\nfull avg10=0\n"),
                         {"high": 3, "max": 4, "HugePages_Total": 5})

    def test_evidence_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as folder:
            nothing = evidence.Evidence(folder, "/bin/false", "6.1")
            with self.assertRaises(evidence.Missing):
                nothing.text("hello")
            with self.assertRaises(evidence.Missing):
                nothing.ask("report", "x.ft")

    def test_arguments_of_tracepoints(self):
        dump = ("[1] STRUCT 'task_struct' size=1 vlen=0\n[2] PTR '(anon)' type_id=1\n"
                "[3] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n"
                "[4] PTR '(anon)' type_id=0\n"
                "[5] FUNC_PROTO '(anon)' ret_type_id=0 vlen=3\n\t'__data' type_id=4\n"
                "\t'p' type_id=2\n\t'pid' type_id=3\n"
                "[6] PTR '(anon)' type_id=5\n[7] TYPEDEF 'btf_trace_x' type_id=6\n")
        self.assertEqual(recorder.prototypes_in(dump), {"x": ["task_struct*", "int"]})


class Judging(unittest.TestCase):
    def test_near(self):
        checks = Checks()
        self.assertTrue(checks.near("a", 102, 100, 0.02))
        self.assertFalse(checks.near("b", 103, 100, 0.02))
        self.assertTrue(checks.near("c", 3, 0, 0.02, 3))
        self.assertEqual([failure.what for failure in checks.failures], ["b"])

    def test_every_boot_can_be_chosen(self):
        names = [boot.name for boot in boots.BOOTS]
        self.assertEqual(len(names), len(set(names)))
        for boot in boots.BOOTS:
            self.assertTrue(lab.chosen([boot.name], False))
            for part in boot.parts:
                self.assertTrue((guest.LAB / "guest" / part.script).exists(), part.script)
                self.assertNotIn(" ", part.name)
        self.assertTrue(lab.chosen([], False))
        self.assertGreater(len(lab.chosen([], True)), len(lab.chosen([], False)))
        with self.assertRaises(ValueError):
            lab.chosen(["no-such-boot"], False)


class Sound(unittest.TestCase):
    """Which complaints of `check` count in a guest."""

    class Told:
        """Evidence of one recording, with the lines that do not reconcile and what was lost."""

        def __init__(self, wrong, lost=0, counted=None):
            self.wrong, self.lost, self.counted = wrong, lost, counted

        @staticmethod
        def path(name):
            return name

        def ask(self, command, _):
            if command == "report":
                return {"reconcile": [{"what": what, "unit": unit, "agrees": False}
                                      for what, unit in self.wrong] or
                                     [{"what": "a", "unit": "bytes", "agrees": True}],
                        "loss": {"total": self.lost, "by_kind": {"x": self.lost, "y": 0}}}
            return {"events": 5000,
                    "counts": {"does not reconcile": len(self.wrong) if self.counted is None
                               else self.counted},
                    "violations": [{"rule": "does not reconcile", "what": f"{what}: 1, not 2"}
                                   for what, _ in self.wrong]}

    def failures(self, *arguments, may_lose=False, **more):
        checks = Checks()
        sound.judge_sound(self.Told(*arguments, **more), checks, "a", may_lose)
        return [failure.what for failure in checks.failures]

    def test_times_are_told_only(self):
        self.assertEqual(self.failures([]), [])
        self.assertEqual(self.failures([("time of a clock", "ns")]), [])

    def test_all_else_counts(self):
        self.assertEqual(len(self.failures([("resident bytes", "bytes")])), 2)
        self.assertEqual(len(self.failures([("time of a clock", "ns"), ("pages", "pages")])), 2)
        self.assertEqual(len(self.failures([], counted=1)), 1, "counted, and not listed")

    def test_losses(self):
        lost = [("events lost", "events")]
        self.assertEqual(len(self.failures(lost, lost=1)), 3)
        self.assertEqual(self.failures(lost, lost=1, may_lose=True), [])
        self.assertEqual(self.failures(lost, lost=900, may_lose=True), ["a: little was lost"])
        self.assertEqual(self.failures([], may_lose=True), [])


class Tables(unittest.TestCase):
    def row(self, state, **more):
        boot = boots.BOOTS[0]
        return table.Row(boot.name, boot.parts[0].name, "6.1", state, **more)

    def test_what_stands_in_a_cell(self):
        boot = boots.BOOTS[0]
        self.assertEqual(table.cell(boot, self.row("pass", checks=7), "6.1"), "pass, 7")
        self.assertEqual(table.cell(boot, self.row("skip", why="no qemu"), "6.1"), "skip: no qemu")
        self.assertIn("1 of 7 fail", table.cell(
            boot, self.row("FAIL", checks=7, failures=[{"what": "a", "detail": "b"}]), "6.1"))
        self.assertEqual(table.cell(boot, None, "6.1"), "not run")
        self.assertEqual(table.cell(boot, None, "2.6"), "-")

    def test_only_what_is_between_the_markers_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "lab.md"
            page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
            table.write(page, boots.BOOTS, [self.row("pass", checks=7)])
            text = page.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
            self.assertNotIn("old", text)
            self.assertIn("pass, 7", text)
            page.write_text("no markers")
            with self.assertRaises(ValueError):
                table.write(page, boots.BOOTS, [])

    def test_a_newer_row_takes_the_place_of_an_older(self):
        with tempfile.TemporaryDirectory() as folder:
            table.remember(folder, [self.row("FAIL")])
            table.remember(folder, [self.row("pass")])
            self.assertEqual([row.state for row in table.remembered(folder)], ["pass"])


class Latency(unittest.TestCase):
    TRACE = ("# tracer: nop\n"
             "         python3-77      [000] d....    12.000010: ft_in: (handle_mm_fault+0x0/0x2a0) address=0x7f00\n"
             "    Thread-1 (a)-78      [001] d....    12.000011: ft_in: (handle_mm_fault+0x0/0x2a0) address=0x1\n"
             "         python3-77      [000] d....    12.000014: ft_out: (do_user_addr_fault+0x1/0x2 <- handle_mm_fault)\n"
             "         python3-77      [000] d....    12.000020: ft_out: (do_user_addr_fault+0x1/0x2 <- handle_mm_fault)\n"
             "    Thread-1 (a)-78      [001] d....    12.000019: ft_out: (do_user_addr_fault+0x1/0x2 <- handle_mm_fault)\n")

    def test_pairs_by_thread(self):
        self.assertEqual(latency.kprobes_in(self.TRACE),
                         {77: [(12000010000, 12000014000)], 78: [(12000011000, 12000019000)]})

    def test_a_call_belongs_to_the_fault_it_began_in(self):
        kprobes = latency.kprobes_in(self.TRACE)
        self.assertEqual(latency.matched([(77, 12000009500, 12000013500), (77, 12000030000, 12000031000),
                                          (99, 12000009500, 12000013500)], kprobes),
                         [((12000009500, 12000013500), (12000010000, 12000014000))])


class Pressure(unittest.TestCase):
    def test_stalls(self):
        self.assertEqual(pressure.stalled("some avg10=2.43 avg60=0.50 avg300=0.10 total=330641\n"
                                          "full avg10=2.10 avg60=0.44 avg300=0.09 total=310855\n"),
                         {"some": 330641000, "full": 310855000})

    def test_the_kernels_line_about_a_kill(self):
        line = ("[   29.2] Memory cgroup out of memory: Killed process 363 (java) total-vm:564484kB, "
                "anon-rss:65068kB, file-rss:12272kB, shmem-rss:0kB, UID:0 pgtables:252kB oom_score_adj:-9\n")
        self.assertEqual(pressure.KILL.findall(line),
                         [("363", "java", "65068", "12272", "0", "252", "-9")])


class Ci(unittest.TestCase):
    """When a CI is red."""

    def setUp(self):
        self.said = []

    @staticmethod
    def row(state, *failed, seconds=20, **more):
        return table.Row("ci", "recorder", "6.1", state, seconds=seconds,
                         failures=[{"what": what, "detail": ""} for what in failed], **more)

    def settled(self, *tries):
        return ci.settled(boots.CI, "recorder", "6.1", list(tries), self.said.append)

    def test_what_two_boots_repeat_is_red(self):
        row = self.settled(self.row("FAIL", "a", "b"), self.row("FAIL", "b", "c"))
        self.assertEqual(row.state, "FAIL")
        self.assertEqual([failure["what"] for failure in row.failures], ["b"])

    def test_what_one_boot_shows_is_told(self):
        self.assertEqual(self.settled(self.row("FAIL", "a"), self.row("pass")).state, "pass")
        self.assertIn("a", self.said[0])
        alone = self.settled(self.row("FAIL", "a"))
        self.assertEqual(alone.state, "skip")
        self.assertIn("not seen again: a", alone.why)
        unlike = self.settled(self.row("FAIL", "a"), self.row("FAIL", "b"))
        self.assertEqual(unlike.state, "skip")
        self.assertIn("in different ways: a, then b", unlike.why)

    def test_a_guest_that_was_lost_is_never_red(self):
        lost = self.row("FAIL", "the boot comes to its end", ended="it ran out of time")
        for tries in ((lost,), (lost, lost), (lost, self.row("FAIL", "a")),
                      (self.row("FAIL", "a"), lost)):
            self.assertEqual(self.settled(*tries).state, "skip", tries)
        self.assertIn("it ran out of time", self.settled(lost, lost).why)
        self.assertEqual(self.settled(lost, self.row("pass")).state, "pass")
        self.assertEqual(self.said, [])

    def test_neither_is_one_that_was_slow(self):
        slow = self.row("FAIL", "a", seconds=ci.SLOW_SECONDS + 1)
        row = self.settled(slow, slow)
        self.assertEqual(row.state, "skip")
        self.assertIn("too slow to tell", row.why)

    def test_what_did_not_boot_at_all(self):
        self.assertIn("no time", self.settled().why)
        self.assertEqual(self.settled(self.row("skip", why="no QEMU")).why, "no QEMU")
        row = self.settled(self.row("FAIL", "a"), self.row("skip", why="no time"))
        self.assertIn("not seen again: a", row.why)

    def boots_of(self, answers, seconds=1000):
        """Runs with boots that answer as told, by kernel: what came of them, and their order."""
        order = []

        class Told:
            @staticmethod
            def run(boot, kernel):
                order.append(kernel)
                return [answers[kernel].pop(0)(boot, part, kernel) for part in boot.parts]
        rows = ci.run(Told, boots.CI, ci.Clock(seconds), self.said.append)
        return rows, order

    @staticmethod
    def answer(state, seconds=20.0):
        def made(boot, part, kernel):
            failures = [{"what": "a", "detail": ""}] if state == "FAIL" else []
            return table.Row(boot.name, part.name, kernel, state, failures=failures, seconds=seconds)
        return made

    def test_a_kernel_is_booted_again_only_after_a_failure(self):
        good, bad = self.answer("pass"), self.answer("FAIL")
        parts = len(boots.CI.parts)
        rows, order = self.boots_of({"6.1": [bad] * parts + [good] * parts, "6.12": [good] * parts})
        self.assertEqual(order, ["6.1", "6.12", "6.1"])
        self.assertEqual({row.state for row in rows}, {"pass"})
        rows, order = self.boots_of({"6.1": [good] * parts, "6.12": [bad] * 2 * parts})
        self.assertEqual({row.kernel: row.state for row in rows}, {"6.1": "pass", "6.12": "FAIL"})
        skipped = self.answer("skip")
        rows, order = self.boots_of({"6.1": [skipped] * parts, "6.12": [skipped] * parts})
        self.assertEqual(order, ["6.1", "6.12"])

    def test_no_second_boot_without_the_time_for_it(self):
        bad, parts = self.answer("FAIL", seconds=90.0), len(boots.CI.parts)
        rows, order = self.boots_of({"6.1": [bad] * parts, "6.12": [bad] * parts}, seconds=100)
        self.assertEqual(order, ["6.1", "6.12"])
        self.assertEqual({row.state for row in rows}, {"skip"})

    def test_the_clock_ends_whatever_runs(self):
        def forever(boot, part, kernel):
            while True:
                lab.signal.pause()
        rows, order = self.boots_of({"6.1": [forever], "6.12": []}, seconds=0.2)
        self.assertEqual(order, ["6.1"])
        self.assertEqual({row.state for row in rows}, {"skip"})
        self.assertEqual(len(rows), len(boots.CI.parts) * 2)

    def test_without_time_nothing_is_booted(self):
        with self.assertRaises(kernels.Unavailable):
            ci.Clock(5).need(ci.LEAST_SECONDS)

    def test_what_is_not_built_is_skipped_with_the_reason(self):
        made = lab.Lab(pathlib.Path("/nowhere"), {}, False, ci.Clock(300))
        rows = made.run(next(boot for boot in boots.BOOTS if boot.quick), "6.12")
        self.assertEqual({row.state for row in rows}, {"skip"})
        self.assertTrue(rows[0].why)

    def test_processors_are_emulated_in_turn(self):
        boot = next(boot for boot in boots.BOOTS if boot.quick)
        self.assertTrue(lab.Lab(pathlib.Path("/"), {}, False, ci.Clock(1)).machine(boot).one_thread)
        self.assertFalse(lab.Lab(pathlib.Path("/"), {}, False).machine(boot).one_thread)


if __name__ == "__main__":
    unittest.main()
