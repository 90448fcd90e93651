"""check_docs finds what is undocumented, and what is documented and gone."""

import pathlib
import subprocess
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[1] / "check_docs"

FAKE = """#!/bin/sh
[ "$1" = --help ] && exec cat <<'TEXT'
Usage: firsttouch [OPTIONS] SUBCOMMAND

Options:
  -h,--help                   Print this help message and exit
  --version                   Display program version information and exit

Subcommands:
  record                      Records a thing
    over two lines
  frobnicate                  Does not exist
TEXT
cat <<'TEXT'
Usage: firsttouch record [OPTIONS] [command...]

Positionals:
  command TEXT ...            What to run

Options:
  -h,--help                   Print this help message and exit
  -Z,--zebra TEXT             An option nobody described

Examples:
  firsttouch record \\
    -e is an option of something else
TEXT
"""


def check(script):
    with tempfile.TemporaryDirectory() as folder:
        binary = pathlib.Path(folder) / "firsttouch"
        binary.write_text(script)
        binary.chmod(0o755)
        done = subprocess.run([TOOL, binary], capture_output=True, text=True, check=False)
        return done.returncode, (done.stdout + done.stderr).splitlines()


class CheckDocs(unittest.TestCase):
    def test_each_difference_is_named(self):
        status, output = check(FAKE)
        self.assertEqual(status, 1)
        for line in (
            "firsttouch.1.scd: firsttouch record has --zebra, which is not mentioned",
            "firsttouch.bash: firsttouch record has -Z, which is not mentioned",
            "firsttouch.1.scd: --output is mentioned, which firsttouch record does not have",
            "firsttouch.1.scd: no section for firsttouch frobnicate",
            "firsttouch.bash: firsttouch has frobnicate, which is not mentioned",
            "firsttouch.bash: report is mentioned, which firsttouch does not have",
        ):
            self.assertIn(line, output)
        self.assertFalse([line for line in output if " has -e," in line], output)

    def test_a_binary_that_does_not_run(self):
        status, output = check("#!/bin/sh\nexit 3\n")
        self.assertEqual(status, 1)
        self.assertIn("ended with 3", output[0])


if __name__ == "__main__":
    unittest.main()
