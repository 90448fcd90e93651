"""check_layers accepts this tree, and names each broken rule of small made-up ones."""

import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "check_layers"


def check(root):
    done = subprocess.run([TOOL, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def check_tree(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check(root)


class CheckLayers(unittest.TestCase):
    def assert_broken(self, files, message):
        status, output = check_tree(files)
        self.assertEqual(status, 1, output)
        self.assertIn(message, output)

    def test_this_tree_is_sound(self):
        status, output = check(ROOT)
        self.assertEqual(status, 0, output)

    def test_downward_includes_are_fine(self):
        status, output = check_tree({
            "src/base/range.h": "#pragma once\n",
            "src/event/event.h": '#include "base/range.h"\n#include "other.h"\n',
            "src/event/other.h": "#include <vector>\n",
            "apps/firsttouch/main.cpp": '#include "event/event.h"\n#include <CLI/CLI.hpp>\n',
        })
        self.assertEqual(status, 0, output)

    def test_upward_include(self):
        self.assert_broken(
            {"src/base/a.cpp": "\n\n#include \"event/event.h\"\n", "src/event/event.h": ""},
            "src/base/a.cpp:3: base may not include event")

    def test_relative_path_does_not_hide_an_upward_include(self):
        self.assert_broken(
            {"src/base/a.cpp": '#  include "../event/event.h"\n', "src/event/event.h": ""},
            "base may not include event")

    def test_capture_and_recording_never_meet(self):
        self.assert_broken(
            {"src/capture/bpf/a.cpp": '#include "recording/writer.h"\n',
             "src/recording/writer.h": ""},
            "capture/bpf may not include recording")
        self.assert_broken(
            {"src/recording/a.cpp": '#include "capture/session.h"\n', "src/capture/session.h": ""},
            "recording may not include capture")

    def test_backends_do_not_know_each_other(self):
        self.assert_broken(
            {"src/capture/bpf/a.cpp": '#include "capture/ptrace/b.h"\n',
             "src/capture/ptrace/b.h": ""},
            "capture/bpf may not include capture/ptrace")

    def test_renderers_see_the_model_only(self):
        self.assert_broken(
            {"src/report/text/a.cpp": '#include "event/event.h"\n', "src/event/event.h": ""},
            "report/text may not include event")

    def test_a_library_may_not_include_the_application(self):
        self.assert_broken(
            {"src/host/a.cpp": '#include "../../apps/firsttouch/command.h"\n',
             "apps/firsttouch/command.h": ""},
            "a library may not include the application")

    def test_kernel_interfaces_stay_in_capture(self):
        self.assert_broken({"src/host/a.cpp": "#include <bpf/libbpf.h>\n"},
                           "<bpf/libbpf.h> belongs under capture only")
        self.assert_broken({"apps/firsttouch/a.cpp": "#include <sys/ptrace.h>\n"},
                           "<sys/ptrace.h> belongs under capture and apps/ft-differential only")

    def test_the_differential_test_may_trace(self):
        status, output = check_tree(
            {"apps/ft-differential/a.cpp": "#include <sys/ptrace.h>\n"})
        self.assertEqual(status, 0, output)

    def test_unit_tests_may_look_anywhere_in_src(self):
        status, output = check_tree({
            "src/base/a_test.cpp": '#include "event/event.h"\n', "src/event/event.h": ""})
        self.assertEqual(status, 0, output)

    def test_unknown_folder(self):
        self.assert_broken({"src/odd/a.cpp": ""}, "src/odd/a.cpp:1: this folder is in no layer")

    def test_wrong_root(self):
        status, output = check_tree({"README": ""})
        self.assertEqual(status, 1)
        self.assertIn("no source under", output)


if __name__ == "__main__":
    unittest.main()
