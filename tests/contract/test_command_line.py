"""The command line's contract: help, exit statuses, and error texts of one line that name the place.

usage: test_command_line.py PATH/seep

SPDX-License-Identifier: MIT
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

COMMANDS = ("run", "report", "dump", "top", "fleet")


class CommandLineTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def seep(self, *arguments):
        env = {name: value for name, value in os.environ.items() if not name.startswith("SEEP_")}
        return subprocess.run([SEEP, *arguments], capture_output=True, text=True, timeout=60,
                              check=False, cwd=self.folder, env=env, stdin=subprocess.DEVNULL)

    def record(self):
        """A small real recording."""
        path = self.folder / "small.seep"
        result = self.seep("run", "--quiet", "-o", str(path), "--", "sh", "-c", "exit 0")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertGreater(path.stat().st_size, 8)
        return path

    def assert_refused(self, result, *words):
        """Exit 2, nothing on stdout, one line on stderr that holds the words."""
        self.assertEqual(result.returncode, 2, (result.stdout, result.stderr))
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("seep"), result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_what_is_the_collector_too_loads_no_network_and_no_database(self):
        """They take longer to load than a recording of a short program costs."""
        said = subprocess.run(["readelf", "-d", SEEP], capture_output=True, text=True, check=True).stdout
        needed = [line for line in said.splitlines() if "(NEEDED)" in line]
        self.assertTrue(any("libdw" in line for line in needed), needed)
        for library in ("curl", "microhttpd", "gnutls", "libpq", "sqlite"):
            self.assertFalse([line for line in needed if library in line], library)

    def test_a_seep_without_its_seep_net_says_what_belongs_where(self):
        (self.folder / "seep").write_bytes(Path(SEEP).read_bytes())
        (self.folder / "seep").chmod(0o755)
        for arguments in (["serve"], ["help", "gate"], ["report", "x.seep", "--push", "http://localhost"]):
            result = subprocess.run([self.folder / "seep", *arguments], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((result.returncode, result.stdout), (3, ""), arguments)
            self.assertIn(f"cannot start {self.folder.resolve()}/seep-net, which belongs beside seep", result.stderr)

    def test_help_names_every_command(self):
        for option in ("--help", "help"):
            result = self.seep(option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            for command in COMMANDS:
                self.assertIn(command, result.stdout)

    def test_each_command_has_a_page(self):
        for command in COMMANDS:
            page = self.seep("help", command)
            self.assertEqual((page.returncode, page.stderr), (0, ""))
            self.assertIn(f"seep {command}", page.stdout)
            self.assertEqual(self.seep(command, "--help").stdout, page.stdout)
        self.assertIn("--interval", self.seep("help", "run").stdout)

    def test_version_is_one_line(self):
        result = self.seep("--version")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^seep \d+\.\d+\.\d+\n$")

    def test_no_arguments_is_wrong_usage(self):
        result = self.seep()
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stdout, "")

    def test_an_unknown_command_is_refused(self):
        self.assert_refused(self.seep("no-such-command"), "no-such-command")
        self.assert_refused(self.seep("help", "no-such-command"), "no-such-command")

    def test_an_unknown_option_is_refused(self):
        for command in COMMANDS:
            self.assert_refused(self.seep(command, "--no-such-option", "x"), "--no-such-option")

    def test_a_missing_program_is_refused_and_leaves_no_file(self):
        path = self.folder / "out.seep"
        self.assert_refused(self.seep("run", "-o", str(path), "--", "/no/such/program"),
                            "/no/such/program")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_run_without_a_program_is_refused(self):
        self.assert_refused(self.seep("run"))
        self.assert_refused(self.seep("run", "--"))

    def test_a_missing_program_keeps_the_file_that_was_there(self):
        path = self.folder / "out.seep"
        path.write_bytes(b"older bytes")
        self.assert_refused(self.seep("run", "-o", str(path), "--", "/no/such/program"))
        self.assertEqual(path.read_bytes(), b"older bytes")
        self.assertEqual(list(self.folder.iterdir()), [path])

    def test_a_program_that_is_not_executable_is_refused(self):
        path = self.folder / "data"
        path.write_text("no program\n", encoding="utf-8")
        path.chmod(0o644)
        self.assert_refused(self.seep("run", "--", str(path)), str(path))

    def test_bad_intervals_are_refused_before_the_program_starts(self):
        for value in ("0", "-1", "0.05", "abc", "", "1x", "nan", "inf", "1e400"):
            self.assert_refused(self.seep("run", "--interval", value, "--", "touch", "started"),
                                "interval")
        self.assertFalse((self.folder / "started").exists())

    def test_a_folder_that_cannot_be_written_is_refused_before_the_program_starts(self):
        self.assert_refused(self.seep("run", "-o", "/no/such/folder/x.seep", "--", "touch", "started"),
                            "/no/such/folder")
        self.assertFalse((self.folder / "started").exists())

    def test_a_missing_recording_is_refused(self):
        for command in ("report", "dump"):
            self.assert_refused(self.seep(command, "none.seep"), "none.seep")

    def test_a_folder_is_no_recording(self):
        for command in ("report", "dump"):
            self.assert_refused(self.seep(command, str(self.folder)), str(self.folder))

    def test_an_empty_or_foreign_file_is_refused(self):
        path = self.folder / "foreign.seep"
        for content in (b"", b"SEEP", b"\x7fELF" + bytes(5000), b"#!/bin/sh\necho\n"):
            path.write_bytes(content)
            for command in ("report", "dump"):
                self.assert_refused(self.seep(command, str(path)), "foreign.seep")

    def test_a_corrupt_recording_is_refused_with_its_place(self):
        path = self.record()
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x55
        path.write_bytes(content)
        self.assert_refused(self.seep("report", str(path)), "small.seep", "byte")

    def test_a_recording_cut_short_is_read_up_to_there(self):
        path = self.record()
        path.write_bytes(path.read_bytes()[:-3])
        result = self.seep("report", str(path), "--format", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(json.loads(result.stdout)["recording"]["truncated"])

    def test_an_unknown_format_is_refused(self):
        self.assert_refused(self.seep("report", str(self.record()), "--format", "no-such-format"),
                            "no-such-format")

    def test_a_report_that_fails_keeps_the_file_that_was_there(self):
        out = self.folder / "report.txt"
        out.write_text("older words", encoding="utf-8")
        self.assert_refused(self.seep("report", "none.seep", "-o", str(out)))
        self.assertEqual(out.read_text(encoding="utf-8"), "older words")

    def test_the_same_recording_gives_the_same_bytes(self):
        path = str(self.record())
        for options in (("--format", "json"), ("--format", "text")):
            first, second = (self.seep("report", path, *options) for _ in range(2))
            self.assertEqual(first.returncode, 0, first.stderr)
            self.assertEqual(first.stdout, second.stdout)
            self.assertNotEqual(first.stdout, "")

    def test_a_dump_is_json_lines(self):
        result = self.seep("dump", str(self.record()))
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertGreater(len(lines), 3)
        self.assertTrue(all(isinstance(line, dict) for line in lines))

    def test_a_text_report_to_a_file_has_no_colour(self):
        out = self.folder / "report.txt"
        result = self.seep("report", str(self.record()), "-o", str(out))
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertNotIn("\x1b", out.read_text(encoding="utf-8"))

    def test_a_full_device_is_said(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        path = self.record()
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([SEEP, "report", str(path)], stdout=full, timeout=60, check=False,
                                    stderr=subprocess.PIPE, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} PATH/seep")
    SEEP = os.path.abspath(sys.argv.pop(1))
    unittest.main()
