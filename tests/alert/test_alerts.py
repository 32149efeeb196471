#!/usr/bin/python3
"""Alerts of `seep serve`, to webhooks and commands of our own.

usage: test_alerts.py SEEP ALERT_RECORDING GOLDEN_PROGRAM ALERT_LEAKY

SPDX-License-Identifier: MIT
"""
import hashlib
import hmac
import json
import os
import stat
import subprocess
import time
import unittest

from alert_fakes import SEEP, AlertTest, Receiver, Served, free_port, main, wait_for

PROBABLE = ("leak 300", "leak 1")  # two judgements


class Webhook(AlertTest):
    def test_a_leak_fires_rises_and_resolves_with_its_program(self):
        with Receiver() as hook, Served(self.path, "--alert-to", f"webhook:{hook.url}/in?key=1", "--alert-at",
                                        "suspect") as served:
            self.pass_time(served, "leak 25")
            self.assertEqual(hook.notes(), [], "one judgement is not enough")
            self.pass_time(served, "leak 1")
            wait_for(lambda: hook.posts, "the alert")
            self.pass_time(served, "leak 300", "leak 1")
            wait_for(lambda: len(hook.posts) == 2, "the rise")
            self.pass_time(served, "leak 1", "leak 1", "leak 1")
            self.assertEqual(len(hook.posts), 2, "what was told is not told again")
            self.assertGreaterEqual(served.metric("seep_alerts_deduplicated_total"), 3)
            self.assertEqual(served.metric("seep_alerts_firing"), 1)
            self.recording.do("end")
            wait_for(lambda: len(hook.posts) == 3, "the end")
            wait_for(lambda: served.metric("seep_alerts_firing") == 0, "nothing fires")
            self.assertEqual(served.metric("seep_alerts_sent_total"), 3)
        first, second, third = hook.notes()
        self.assertEqual(hook.posts[0][1], "/in?key=1")
        self.assertEqual((first["status"], first["verdict"], first["severity"]), ("firing", "suspect", "info"))
        self.assertEqual((second["status"], second["verdict"], second["was"]), ("firing", "probable", "suspect"))
        self.assertEqual((third["status"], third["verdict"]), ("resolved", "probable"))
        self.assertEqual({note["key"] for note in hook.notes()}, {f"soak.seep/{first['finding']}"})
        self.assertEqual({note["starts_at"] for note in hook.notes()}, {first["starts_at"]})
        self.assertEqual((first["function"], first["subsystem"], first["kind"]), ("hub_register", "websocket", "heap"))
        self.assertEqual((first["host"], first["instance"], first["pid"]), ("soak-1", "soak-1:4242", 4242))
        self.assertIn("hub_register", second["summary"])
        self.assertIn("rss limit in", second["forecast"])
        self.assertGreater(second["live"], first["live"])
        report = json.loads(subprocess.run([SEEP, "report", self.path, "--format", "json"], check=True,
                                           stdout=subprocess.PIPE).stdout)
        self.assertEqual(report["findings"][0]["id"], first["finding"], "the report knows it by the same id")

    def test_a_finding_that_passes_resolves_after_three_judgements(self):
        with Receiver() as hook, Served(self.path, "--alert-to", f"webhook:{hook.url}") as served:
            self.pass_time(served, *PROBABLE)
            wait_for(lambda: hook.posts, "the alert")
            self.pass_time(served, "free 300", "flat 1")
            self.assertEqual(len(hook.posts), 1)
            self.pass_time(served, "flat 1")
            wait_for(lambda: len(hook.posts) == 2, "the end")
        self.assertEqual(hook.notes()[1]["status"], "resolved")

    def test_a_program_that_does_not_leak_is_not_told_of(self):
        with Receiver() as hook, Served(self.path, "--alert-to", f"webhook:{hook.url}", "--alert-at", "suspect",
                                        "--alert-forecast", "300d") as served:
            self.pass_time(served, "flat 100", "flat 1", "flat 1", "end")
            self.assertEqual(served.metric("seep_alerts_sent_total"), 0)
        self.assertEqual(hook.posts, [])

    def test_a_recording_of_the_past_is_not_told_of(self):
        self.recording.do(*PROBABLE, "leak 1", "end")
        with Receiver() as hook, Served(self.path, "--alert-to", f"webhook:{hook.url}") as served:
            wait_for(lambda: (served.judged("soak.seep") or {}).get("outcome") == "leak", "it is judged")
            self.assertEqual(served.end(), 0)
        self.assertEqual(hook.posts, [])

    def test_a_near_limit_is_told_whatever_the_verdict(self):
        with Receiver() as hook, Served(self.path, "--alert-to", f"webhook:{hook.url}", "--alert-at", "definite",
                                        "--alert-forecast", "60d") as served:
            self.pass_time(served, "leak 25", "leak 1")
            note = wait_for(hook.notes, "the alert")[0]
        self.assertEqual((note["verdict"], note["severity"]), ("suspect", "critical"))
        self.assertLess(note["time_to_limit_s"], 60 * 86400)

    def test_webhooks_are_signed(self):
        secret = self.folder / "secret"
        secret.write_text("correct horse battery\nignored\n")
        secret.chmod(0o600)
        with Receiver() as hook, Served(self.path, "--alert-to", f"webhook:{hook.url}", "--alert-secret-file",
                                        str(secret)) as served:
            self.pass_time(served, *PROBABLE)
            wait_for(lambda: hook.posts, "the alert")
        _, _, headers, body = hook.posts[0]
        self.assertEqual(headers["Seep-Signature"],
                         "sha256=" + hmac.new(b"correct horse battery", body, hashlib.sha256).hexdigest())
        self.assertEqual(headers["Content-Type"], "application/json")

    def test_a_receiver_that_was_away_gets_the_newest_state(self):
        port = free_port()
        with Served(self.path, "--alert-to", f"webhook:http://u:geheim@127.0.0.1:{port}/", "--alert-at",
                    "suspect") as served:
            self.pass_time(served, "leak 25", "leak 1")
            wait_for(lambda: "alerts wait" in served.stderr(), "it says that nobody is there")
            self.pass_time(served, "leak 300", "leak 1")
            self.assertEqual(served.metric("seep_alerts_pending"), 1)
            self.assertGreaterEqual(served.metric("seep_alerts_failed_total"), 1)
            with Receiver(port) as hook:
                wait_for(lambda: hook.posts, "the alert arrives")
                wait_for(lambda: "is back" in served.stderr(), "it says so")
                wait_for(lambda: served.metric("seep_alerts_pending") == 0, "nothing waits")
            self.assertNotIn("geheim", served.stderr())
        self.assertEqual([note["verdict"] for note in hook.notes()], ["probable"])

    def test_a_receiver_in_trouble_is_tried_again_and_one_that_refuses_is_not(self):
        with Receiver(status=503) as busy, Receiver(status=400) as strict, Served(
                self.path, "--alert-to", f"webhook:{busy.url}", "--alert-to", f"webhook:{strict.url}") as served:
            self.pass_time(served, *PROBABLE)
            wait_for(lambda: len(busy.posts) >= 2, "a second attempt")
            busy.status = 200
            wait_for(lambda: served.metric("seep_alerts_sent_total") == 1, "it is taken")
            wait_for(lambda: "an alert was refused" in served.stderr(), "the refusal is said")
            self.assertIn("HTTP 400: seen", served.stderr())
            self.assertEqual(len(strict.posts), 1)
            wait_for(lambda: served.metric("seep_alerts_dropped_total") == 1, "it is counted")

    def test_a_receiver_that_never_answers_delays_nobody(self):
        log = self.folder / "log"
        command = self.folder / "note"
        command.write_text(f"#!/bin/sh\nexec cat >> {log}\n")
        command.chmod(0o755)
        with Receiver(status=None) as deaf, Served(self.path, "--alert-to", f"webhook:{deaf.url}", "--alert-to",
                                                   f"command:{command}") as served:
            self.pass_time(served, *PROBABLE)
            wait_for(lambda: deaf.posts, "the deaf one is asked")
            started = time.monotonic()
            wait_for(lambda: log.exists() and log.read_text().count("firing") == 1, "the other is told")
            self.pass_time(served, "leak 1", "leak 1")
            self.recording.do("end")
            wait_for(lambda: log.read_text().count("resolved") == 1, "and told of the end")
            self.assertLess(time.monotonic() - started, 4.5, "within the time that the deaf one is waited for")


class Command(AlertTest):
    def test_a_command_has_the_alert_on_stdin_and_in_its_environment(self):
        log = self.folder / "log"
        command = self.folder / "note"
        command.write_text(f"""#!/usr/bin/python3 -S
import os, sys, json
note = json.load(sys.stdin)
descriptors = os.listdir("/proc/self/fd")
with open({str(log)!r}, "a") as out:
    print(json.dumps([sys.argv[1:], {{k: v for k, v in os.environ.items() if k.startswith("SEEP_ALERT_")}}, note,
                      descriptors]), file=out)
""")
        command.chmod(0o755)
        environment = dict(os.environ, SEEP_ALERT_KEY="not ours", SEEP_ALERT_OTHER="x")
        with Served(self.path, "--alert-to", f"command:{command} --team $HOME; a", environment=environment) as served:
            self.pass_time(served, *PROBABLE)
            wait_for(lambda: log.exists() and log.read_text().endswith("\n"), "it ran")
        arguments, variables, note, descriptors = json.loads(log.read_text().splitlines()[0])
        self.assertEqual(arguments, ["--team", "$HOME;", "a"], "no shell")
        self.assertEqual(variables["SEEP_ALERT_STATUS"], "firing")
        self.assertEqual(variables["SEEP_ALERT_KEY"], note["key"])
        self.assertEqual(variables["SEEP_ALERT_FUNCTION"], "hub_register")
        self.assertEqual(variables["SEEP_ALERT_NAME"], "SeepLeak")
        self.assertNotIn("SEEP_ALERT_OTHER", variables)
        self.assertEqual(len(variables), 18)
        self.assertEqual(note["verdict"], "probable")
        self.assertLessEqual(len(descriptors), 4, "0, 1, 2 and that of the listing")

    def test_a_command_that_fails_is_run_again(self):
        log = self.folder / "log"
        command = self.folder / "note"
        command.write_text(f"#!/bin/sh\necho x >> {log}\n[ $(wc -l < {log}) -ge 2 ]\n")
        command.chmod(0o755)
        with Served(self.path, "--alert-to", f"command:{command}") as served:
            self.pass_time(served, *PROBABLE)
            wait_for(lambda: served.metric("seep_alerts_sent_total") == 1, "it took it")
            self.assertIn("exit status 1", served.stderr())
        self.assertEqual(log.read_text(), "x\nx\n")


if __name__ == "__main__":
    main()
