#!/usr/bin/python3
"""How long after its evidence an alert comes, from real programs under `seep run`.

usage: test_alert_delay.py SEEP ALERT_RECORDING GOLDEN_PROGRAM ALERT_LEAKY STUCK_THREADS

SPDX-License-Identifier: MIT
"""
import json
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from alert_fakes import LEAKY, PATIENCE_S, SEEP, Receiver, main, wait_for

STUCK = sys.argv.pop(5)


class Delay(unittest.TestCase):
    def test_an_alert_comes_within_two_intervals_of_sufficient_evidence(self):
        """A program that leaks is recorded and watched. When the recording had enough in it is found afterwards, by
        judging what was in the file at each moment."""
        with tempfile.TemporaryDirectory(prefix="seep-alert-") as folder, Receiver() as hook:
            path = Path(folder, "leaky.seep")
            run = subprocess.Popen([SEEP, "run", "--interval", "1", "-o", str(path), "--quiet", "--alert-at", "suspect",
                                    "--alert-to", f"webhook:{hook.url}", "--", LEAKY], stdin=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
            sizes = [(time.time(), 0)]

            def alerted():
                size = path.stat().st_size if path.exists() else 0
                if size != sizes[-1][1]:
                    sizes.append((time.time(), size))
                return hook.posts

            try:
                wait_for(alerted, "the alert", 60)
            finally:
                run.stdin.close()
                said = run.stderr.read()
                run.stderr.close()
                status = run.wait(PATIENCE_S)
            self.assertEqual(status, 0, said)
            self.assertEqual([note["status"] for note in hook.notes()], ["firing", "resolved"],
                             "the alert resolves before the run is over")
            whole, finding = path.read_bytes(), hook.notes()[0]["finding"]
            part = Path(folder, "part.seep")
            sufficient = None
            for at, size in reversed(sizes[1:]):
                part.write_bytes(whole[:size])
                if finding not in self.found(part):
                    break
                sufficient = at
            self.assertIsNotNone(sufficient)
            delay_s = hook.posts[0][0] - sufficient
            print(f"evidence {sufficient - sizes[0][0]:.2f} s after the start, the alert {delay_s:.2f} s later")
            self.assertLess(delay_s, 2.0, "two intervals")

    def found(self, path):
        """The ids of what `seep report` finds at least suspect."""
        report = json.loads(subprocess.run([SEEP, "report", str(path), "--format", "json"], check=True,
                                           stdout=subprocess.PIPE).stdout)
        return [one["id"] for one in report["findings"] if one["verdict"] in ("suspect", "probable", "definite")]

    def test_threads_that_stand_still_are_told_at_once(self):
        with tempfile.TemporaryDirectory(prefix="seep-alert-") as folder, Receiver() as hook:
            run = subprocess.Popen([SEEP, "run", "--interval", "0.5", "--stuck-after", "1", "-o", f"{folder}/stuck.seep",
                                    "--quiet", "--alert-to", f"webhook:{hook.url}", "--", STUCK, "cycle", "300"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                note = wait_for(hook.notes, "the alert", 60)[0]
            finally:
                run.send_signal(signal.SIGTERM)
                run.wait(PATIENCE_S)
            self.assertEqual((note["name"], note["cause"], note["severity"], note["kind"]),
                             ("SeepThreads", "lock_cycle", "critical", "thread"))
            self.assertIn("a cycle of 2", note["summary"])
            self.assertEqual(hook.notes()[-1]["status"], "resolved")


if __name__ == "__main__":
    main()
