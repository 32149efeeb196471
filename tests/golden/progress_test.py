#!/usr/bin/env python3
"""Progress on a terminal: shown after a second, gone at the end, and nowhere else.

usage: progress_test.py SEEP LARGE_RECORDING BINARY

The second is made to pass by stopping the program for that long while it reads.

SPDX-License-Identifier: MIT
"""
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SEEP, MAKER, BINARY = sys.argv[1:4]
DEADLINE_S = 60
STOP_S = 1.2


def drain(descriptor):
    """All bytes that the terminal gets, until its last user has closed it."""
    found = b""
    while True:
        try:
            some = os.read(descriptor, 4096)
        except OSError:  # EIO: closed
            return found
        if not some:
            return found
        found += some


def reads(pid, recording):
    """Whether the process has the recording open."""
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}") == recording for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


class ProgressTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="seep-progress-")
        cls.recording = str(Path(cls.folder.name).resolve() / "large.seep")
        subprocess.run([MAKER, "--sites", "10000", "--snapshots", "300", cls.recording, BINARY], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_stopped(self, *arguments, terminal=True):
        """What stderr got from a run that was stopped for more than a second while it read. (bytes, exit status)"""
        master, slave = pty.openpty()
        errors = open(f"{self.folder.name}/errors", "w+b")
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "60", "NO_COLOR": "1", "DEBUGINFOD_URLS": ""}
        process = subprocess.Popen([SEEP, *arguments], stdout=subprocess.DEVNULL,
                                   stderr=slave if terminal else errors, env=environment)
        os.close(slave)
        ends = time.monotonic() + DEADLINE_S
        while not reads(process.pid, self.recording):
            self.assertIsNone(process.poll(), "it ended before it could be stopped")
            self.assertLess(time.monotonic(), ends)
        process.send_signal(signal.SIGSTOP)
        time.sleep(STOP_S)
        process.send_signal(signal.SIGCONT)
        shown = drain(master)
        os.close(master)
        status = process.wait(DEADLINE_S)
        errors.seek(0)
        with errors:
            return (shown if terminal else errors.read()), status

    def test_a_long_report_says_what_it_does_and_how_far(self):
        for command in (("report", self.recording), ("diff", self.recording, self.recording)):
            shown, status = self.run_stopped(*command)
            self.assertEqual(status, 0)
            self.assertRegex(shown.decode(), rf"\rseep {command[0]}: reading large\.seep, \d+ %")
            self.assertTrue(shown.endswith(b"\r"), shown[-80:])
            self.assertNotIn(b"\033", shown)
            self.assertNotIn(b"\n", shown)
            self.assertLess(max(len(part) for part in shown.split(b"\r")), 60)
            self.assertEqual(shown.split(b"\r")[-2].strip(), b"", "the line is gone")

    def test_a_quiet_one_says_nothing(self):
        self.assertEqual(self.run_stopped("report", "--quiet", self.recording), (b"", 0))

    def test_without_a_terminal_there_is_none(self):
        self.assertEqual(self.run_stopped("report", self.recording, terminal=False), (b"", 0))

    def test_short_work_says_nothing(self):
        master, slave = pty.openpty()
        small = f"{self.folder.name}/small.seep"
        subprocess.run([MAKER, "--sites", "10", "--snapshots", "30", small, BINARY], check=True)
        started = time.monotonic()
        subprocess.run([SEEP, "report", small], stdout=subprocess.DEVNULL, stderr=slave, check=True)
        took = time.monotonic() - started
        os.close(slave)
        shown = drain(master)
        os.close(master)
        if took < 1:
            self.assertEqual(shown, b"")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
