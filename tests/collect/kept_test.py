"""Idle workers whose queue is known from one odd place each, end to end: none of them may be called lost.

The program says which worker is which; two are forgotten in truth, and show that the searches find.

Usage: kept_test.py SEEP PROGRAM [unittest options]. SPDX-License-Identifier: MIT
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SEEP, PROGRAM = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
DEADLINE_S = 120
FORGOTTEN = {"forgotten", "forgotten-too"}


class KeptTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = os.path.join(self.folder.name, "kept.seep")
        self.process = subprocess.Popen(
            [SEEP, "run", "--quiet", "--interval", "0.5", "--stuck-after", "1", "-o", self.file, "--", PROGRAM, "300"],
            stdout=subprocess.PIPE, text=True)
        self.ways = {}
        for line in self.process.stdout:
            if line == "ready\n":
                break
            tid, way = line.split()
            self.ways[int(tid)] = way

    def tearDown(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        self.folder.cleanup()

    def said(self, what, *options):
        path = self.file if os.path.exists(self.file) else self.file + ".partial"
        ended = subprocess.run([SEEP, what, path, *options], capture_output=True, text=True, check=False)
        return ended.stdout if ended.returncode == 0 else ""

    def reaches(self):
        """The newest answer for each way."""
        rows = [json.loads(line) for line in self.said("dump", "--no-symbols").splitlines()]
        return {self.ways[row["tid"]]: row["reach"] for row in rows if row["type"] == "probe" and row["tid"] in self.ways}

    def test_only_the_forgotten_are_called_lost(self):
        self.assertGreaterEqual(len(self.ways), 20)
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            reaches = self.reaches()
            if len(reaches) == len(self.ways) and "unknown" not in reaches.values():
                break
            time.sleep(0.5)
        for way in self.ways.values():
            self.assertEqual(reaches.get(way), "nobody" if way in FORGOTTEN else "somebody", way)
        findings = json.loads(self.said("report", "--format", "json"))["findings"]
        lost = [row for row in findings if row["cause"] == "unreachable"]
        self.assertEqual(sum(int(row["summary"].split()[0]) for row in lost), len(FORGOTTEN))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
