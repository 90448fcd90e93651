"""test_summary counts what ctest really writes, and never calls an empty run a success."""

import pathlib
import subprocess
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[1] / "test_summary"

PASSED = '<testcase name="A.passes" status="run"><system-out>[  OK ]</system-out></testcase>'
FAILED = '<testcase name="A.fails" status="fail"><failure message=""/></testcase>'
SKIPPED = """<testcase name="A.skips" status="notrun"><skipped message=""/><system-out>
[ RUN      ] A.skips
/src/a_test.cpp:7: Skipped
no JDK 25
here

[  SKIPPED ] A.skips (0 ms)</system-out></testcase>"""
SCRIPT_SKIPPED = """<testcase name="script" status="notrun"><skipped message=""/><system-out>
SKIP: not root</system-out></testcase>"""


def summarise(*reports):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, text in enumerate(reports):
            paths.append(pathlib.Path(folder) / f"{number}.xml")
            paths[-1].write_text(text)
        done = subprocess.run([TOOL, *paths], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


def suite(*cases):
    return "<testsuite>" + "".join(cases) + "</testsuite>"


class TestSummary(unittest.TestCase):
    def test_adds_up_all_files(self):
        status, output = summarise(suite(PASSED, SKIPPED), suite(PASSED, SCRIPT_SKIPPED))
        self.assertEqual(status, 0, output)
        self.assertEqual(output.splitlines()[-1], "2 passed, 0 failed, 2 skipped")

    def test_tells_why_tests_were_skipped(self):
        _, output = summarise(suite(SKIPPED, SCRIPT_SKIPPED))
        self.assertIn("no JDK 25 here: A.skips", output)
        self.assertIn("not root: script", output)

    def test_a_failure_fails_the_run(self):
        status, output = summarise(suite(PASSED, FAILED))
        self.assertEqual(status, 1)
        self.assertIn("FAILED: A.fails", output)
        self.assertEqual(output.splitlines()[-1], "1 passed, 1 failed, 0 skipped")

    def test_a_test_that_could_not_be_run_failed(self):
        not_built = '<testcase name="B" status="notrun"><failure message="Not Run"/></testcase>'
        status, output = summarise(suite(PASSED, not_built))
        self.assertEqual(status, 1)
        self.assertIn("FAILED: B", output)

    def test_no_test_is_a_failure(self):
        self.assertEqual(summarise(suite())[0], 1)

    def test_a_damaged_report_is_a_failure(self):
        self.assertEqual(summarise("<testsuite><testcase")[0], 1)


if __name__ == "__main__":
    unittest.main()
