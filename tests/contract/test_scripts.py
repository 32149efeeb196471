"""The scripts refuse what they do not understand, and say how to go on.

SPDX-License-Identifier: MIT
"""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def run(name, *arguments, path=None, cwd=None):
    env = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    return subprocess.run(["bash", str(SCRIPTS / name), *arguments], capture_output=True, text=True,
                          timeout=60, check=False, env=env, cwd=cwd, stdin=subprocess.DEVNULL)


class ScriptsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def fake(self, name, script):
        """Puts a program of that name first in the PATH of a run."""
        path = self.folder / name
        path.write_text("#!/bin/sh\n" + script + "\n", encoding="utf-8")
        path.chmod(0o755)

    def assert_refused(self, result, *words):
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_every_script_has_a_help_page(self):
        for name in ("setup.sh", "run-tests.sh", "test-memory-leak.sh"):
            result = run(name, "--help")
            self.assertEqual((result.returncode, result.stderr), (0, ""), name)
            self.assertIn(f"usage: scripts/{name}", result.stdout)
            self.assertIn("Exit status", result.stdout)

    def test_unknown_options_are_refused(self):
        for name in ("setup.sh", "run-tests.sh", "test-memory-leak.sh"):
            self.assert_refused(run(name, "--no-such-option"), "--no-such-option")

    def test_the_soak_refuses_values_out_of_range(self):
        for option, value in (("--duration", "9"), ("--duration", "1.5"), ("--duration", "x"),
                              ("--interval", "0"), ("--port", "65536"), ("--clients", "0"),
                              ("--fault", "one"), ("--program", ""), ("--program", "'open")):
            self.assert_refused(run("test-memory-leak.sh", option, value), option)

    def test_the_soak_refuses_an_option_without_its_value(self):
        self.assert_refused(run("test-memory-leak.sh", "--out"), "--out")

    def test_faults_belong_to_the_backend(self):
        self.assert_refused(run("test-memory-leak.sh", "--fault", "F01", "--program", "true"),
                            "--fault")

    def test_a_recording_that_exists_is_not_overwritten(self):
        recording = self.folder / "program.seep"
        recording.write_text("kept", encoding="utf-8")
        self.assert_refused(run("test-memory-leak.sh", "--out", str(self.folder)), "program.seep")
        self.assertEqual(recording.read_text(encoding="utf-8"), "kept")

    def test_a_folder_that_cannot_be_made_is_one_line(self):
        (self.folder / "file").write_text("kept", encoding="utf-8")
        self.assert_refused(run("test-memory-leak.sh", "--out", str(self.folder / "file")),
                            "cannot make the folder", "File exists")

    def test_two_soaks_of_the_same_second_have_folders_of_their_own(self):
        self.fake("date", "echo 20260101-000000")
        for _ in range(2):
            run("test-memory-leak.sh", "--binaries", str(self.folder), path=self.folder,
                cwd=self.folder)
        self.assertEqual(sorted(path.name for path in self.folder.glob("memory-leak-*")),
                         ["memory-leak-20260101-000000", "memory-leak-20260101-000000-2"])

    def test_the_soak_does_not_start_without_its_programs(self):
        out = self.folder / "out"
        self.assert_refused(run("test-memory-leak.sh", "--out", str(out), "--binaries",
                                str(self.folder)), "bin/seep")

    def test_setup_lists_each_package_once(self):
        packages = run("setup.sh", "--list").stdout.split()
        self.assertIn("build-essential", packages)
        self.assertEqual(len(packages), len(set(packages)))

    def test_setup_takes_a_browser_only_when_asked(self):
        plain = run("setup.sh", "--list").stdout.split()
        self.assertNotIn("chromium", plain)
        self.assertLessEqual({"chromium", "chromium-driver", *plain},
                             set(run("setup.sh", "--browser", "--list").stdout.split()))

    def test_setup_names_what_is_missing(self):
        self.fake("dpkg-query", "echo 'ii  cmake'; echo 'rc  ninja-build'; exit 1")
        result = run("setup.sh", "--check", path=self.folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn(" ninja-build ", result.stderr)
        self.assertNotIn(" cmake ", result.stderr)

    def test_setup_without_root_says_the_command_to_type(self):
        self.fake("dpkg-query", "exit 1")
        self.fake("id", "echo 1000")
        self.fake("sudo", "exit 1")
        self.fake("apt-get", "echo called >&2; exit 9")
        self.assert_refused(run("setup.sh", path=self.folder), "type: sudo sh -c 'apt-get update &&",
                            "build-essential")

    def test_setup_does_not_touch_apt_when_nothing_is_missing(self):
        names = run("setup.sh", "--list").stdout.split()
        self.fake("dpkg-query", "\n".join(f"echo 'ii  {name}'" for name in names))
        self.fake("apt-get", "echo called >&2; exit 9")
        result = run("setup.sh", path=self.folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
