#!/usr/bin/python3
"""What is wrong with the options of alerts is said before anything runs, and how it is written.

usage: test_alert_options.py SEEP ALERT_RECORDING GOLDEN_PROGRAM ALERT_LEAKY

SPDX-License-Identifier: MIT
"""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from alert_fakes import PATIENCE_S, SEEP, Receiver, free_port, main

HOOK = ("--alert-to", "webhook:http://127.0.0.1:1/")


def seep(*words):
    return subprocess.run([SEEP, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE_S)


class Options(unittest.TestCase):
    def refused(self, words, *said):
        for command, rest in (("serve", ("--listen", "0")), ("run", ("--", "/bin/true"))):
            with self.subTest(command=command, words=words):
                got = seep(command, *words, *rest)
                self.assertEqual(got.returncode, 2, got.stderr)
                for text in said:
                    self.assertIn(text, got.stderr)
                self.assertEqual(got.stderr.count("\n"), 1 if "\n" in got.stderr else 0, got.stderr)

    def test_a_receiver_that_is_none_is_refused_with_how_it_is_written(self):
        self.refused(("--alert-to", "http://am:9093"), "alertmanager:http://HOST:9093", "webhook:", "command:")
        self.refused(("--alert-to", "webhook:am:9093"), "http://")
        self.refused(("--alert-to", "command:page-me"), "whole path")
        self.refused(("--alert-to", "command:/no/such/program"), "No such file")
        self.refused(HOOK * 9, "at most 8 times")

    def test_levels_and_times_are_checked(self):
        self.refused(HOOK + ("--alert-at", "bounded"), "suspect, probable or definite")
        self.refused(HOOK + ("--alert-forecast", "6 hours"), "30m, 6h or 2d")
        self.refused(HOOK + ("--alert-forecast", "0"), "30m, 6h or 2d")
        self.refused(("--push", "localhost:4040"), "http://localhost:4040")
        self.refused(("--push", "http://localhost:4040", "--push-every", "1ms"), "30s or 5m")

    def test_options_without_a_receiver_are_refused(self):
        for words in (("--alert-at", "suspect"), ("--alert-forecast", "6h"), ("--alert-secret-file", "x")):
            self.refused(words, "to whom?", "--alert-to")

    def test_a_secret_is_long_and_nobody_elses(self):
        with tempfile.TemporaryDirectory() as folder:
            secret = Path(folder) / "secret"
            words = HOOK + ("--alert-secret-file", str(secret))
            self.refused(words, "No such file")
            secret.write_text("short\n")
            secret.chmod(0o600)
            self.refused(words, "16 to 1024 characters", "/dev/urandom")
            secret.write_text("long enough for anybody\n")
            secret.chmod(0o644)
            self.refused(words, "chmod 600")
            secret.chmod(0o600)
            self.refused(("--alert-to", "command:/bin/true", "--alert-secret-file", str(secret)), "signs webhooks")

    def test_a_test_alert_says_who_took_it(self):
        with Receiver() as good, Receiver(status=404) as bad:
            got = seep("serve", "--alert-to", f"webhook:{good.url}", "--alert-to", f"webhook:{bad.url}", "--alert-to",
                       f"alertmanager:http://127.0.0.1:{free_port()}", "--alert-to", "command:/bin/false",
                       "--alert-test")
        self.assertEqual(got.returncode, 1, got.stderr)
        lines = got.stdout.splitlines()
        self.assertEqual(len(lines), 4, got.stdout)
        self.assertRegex(lines[0], rf"^taken: {good.url}, in \d+ ms$")
        self.assertIn("HTTP 404: seen", lines[1])
        self.assertIn("not taken", lines[2])
        self.assertIn("exit status 1", lines[3])
        self.assertEqual(good.notes()[0]["name"], "SeepTest")

    def test_help_names_them(self):
        for command in ("serve", "run"):
            self.assertIn("--alert-to", seep("help", command).stdout)
            self.assertIn("--push URL", seep("help", command).stdout)


if __name__ == "__main__":
    os.environ.pop("HTTP_PROXY", None)
    main()
