"""Threads, end to end: what is left when a program exits, and what `seep run` says of it.

Usage: threads_test.py SEEP PROGRAM UNWRAPPED [unittest options]. SPDX-License-Identifier: MIT
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

SEEP, PROGRAM, UNWRAPPED = map(os.path.abspath, sys.argv[1:4])


class ThreadsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "threads.seep")

    def run_seep(self, how, *options):
        return subprocess.run([SEEP, "run", "-o", self.file, *options, "--", PROGRAM, how], capture_output=True, text=True,
                              timeout=60, check=False)

    def findings(self, *options):
        text = subprocess.run([SEEP, "report", self.file, "--format", "json", *options], capture_output=True, check=True).stdout
        return [row for row in json.loads(text)["findings"] if row["kind"] == "thread"]

    def test_a_thread_that_is_left_fails_the_run(self):
        for how, cause in (("running", "left_at_exit"), ("at_once", "left_at_exit"), ("unjoined", "unjoined")):
            ended = self.run_seep(how, "--fail-on", "definite", "--at-exit-threads", "none=0.1")
            self.assertEqual(ended.returncode, 1, f"{how}: {ended.stderr}")
            self.assertIn("start_worker", ended.stderr)
            finding, = self.findings("--at-exit-threads", "none")
            self.assertEqual((finding["verdict"], finding["cause"]), ("definite", cause), how)

    def test_a_thread_that_was_taken_back_does_not(self):
        for how in ("joined", "raw"):
            ended = self.run_seep(how, "--fail-on", "definite", "--at-exit-threads", "none")
            self.assertEqual(ended.returncode, 0, f"{how}: {ended.stderr}")
            self.assertEqual(self.findings("--at-exit-threads", "none"), [], how)

    def test_a_thread_about_to_end_gets_its_time(self):
        ended = self.run_seep("late", "--fail-on", "definite", "--at-exit-threads", "none=20")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        ended = self.run_seep("late", "--fail-on", "definite", "--at-exit-threads", "none=0.001")
        self.assertEqual(ended.returncode, 1, ended.stderr)

    def test_nobody_waits_longer_than_needed(self):
        began = time.monotonic()
        self.assertEqual(self.run_seep("joined", "--at-exit-threads", "none=600").returncode, 0)
        self.assertLess(time.monotonic() - began, 60)

    def test_without_the_option_a_thread_may_be_left(self):
        ended = self.run_seep("running", "--fail-on", "definite")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        finding, = self.findings()
        self.assertEqual(finding["verdict"], "bounded")
        finding, = self.findings("--at-exit-threads", "none")
        self.assertEqual(finding["verdict"], "definite")

    def test_a_suppressed_thread_does_not_fail(self):
        rules = os.path.join(os.path.dirname(self.file), "rules")
        with open(rules, "w", encoding="ascii") as out:
            out.write("thread:start_worker\n")
        ended = self.run_seep("running", "--fail-on", "definite", "--at-exit-threads", "none=0.05", "--suppress", rules)
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_a_wrong_value_is_said(self):
        for value in ("some", "none=", "none=0", "none=601", "none=x"):
            ended = self.run_seep("joined", "--at-exit-threads", value)
            self.assertEqual(ended.returncode, 2, value)
            self.assertIn("at-exit-threads", ended.stderr)

    def test_a_program_may_ask_which_threads_are_there(self):
        ended = self.run_seep("asks", "-q")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        rows = sorted(line.split(" ", 1)[1] for line in ended.stdout.splitlines())
        self.assertEqual(rows, ["  unjoined 0", " pool running 1", "forgetful  running 0"])

    def unwrapped(self, how, seconds):
        subprocess.run([SEEP, "run", "-q", "-o", self.file, "--interval", "0.1", "--", UNWRAPPED, how, str(seconds)],
                       timeout=90, check=True)
        text = subprocess.run([SEEP, "report", self.file], capture_output=True, text=True, check=True).stdout
        report = json.loads(subprocess.run([SEEP, "report", self.file, "--format", "json"], capture_output=True,
                                           check=True).stdout)
        return text, report["totals"]["thread"]["unwrapped"]

    def test_a_thread_past_the_wrappers_is_shown_as_such(self):
        for seconds in (1, 2, 4, 8, 16):  # longer where the collector hardly gets to look
            text, said = self.unwrapped("raw", seconds)
            if said["live"] == 1 and said["threads"][0]["target"]:
                break
        self.assertEqual(said["live"], 1)
        row, = said["threads"]
        self.assertEqual((row["name"], row["target"][:6]), ("raw-one", "pipe:["))
        self.assertIn("1 was not made by a function that the shim wraps: \"raw-one\"", text)

    def test_a_made_thread_is_not(self):
        text, said = self.unwrapped("made", 1)
        self.assertEqual(said, {"live": 0, "threads": []})
        self.assertNotIn("that the shim wraps", text)

    def test_an_unjoined_thread_says_what_became_of_it(self):
        self.assertEqual(self.run_seep("unjoined", "-q", "--at-exit-threads", "none=20").returncode, 0)
        finding, = self.findings()
        said = finding["lifetimes"]
        self.assertEqual([said[key] for key in ("created", "started", "ended", "joined", "detached", "left", "cancelled")],
                         [1, 1, 1, 0, 0, 0, 0])
        self.assertEqual((sum(said["ended_by_log2_us"]), said["stacks"]["count"]), (1, 1))
        self.assertEqual(said["stacks"]["mapped_bytes"], finding["evidence"]["live_bytes"])
        self.assertGreater(said["all_below_s"], 0)

    def test_without_the_shim_no_thread_is_known(self):
        self.assertEqual(subprocess.run([PROGRAM, "asks"], timeout=60, check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[4:])
