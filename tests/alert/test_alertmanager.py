#!/usr/bin/python3
"""Alerts of `seep serve` to a real Alertmanager (Debian: prometheus-alertmanager; scripts/setup.sh
--with-integration), which passes them on to a webhook of ours. Without it the test says so and is skipped (exit
status 77). The route that docs/alerts.md shows is checked by amtool.

usage: test_alertmanager.py SEEP ALERT_RECORDING GOLDEN_PROGRAM ALERT_LEAKY

SPDX-License-Identifier: MIT
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from alert_fakes import PATIENCE_S, SEEP, AlertTest, Receiver, Served, free_port, main, wait_for

ALERTMANAGER, AMTOOL = shutil.which("prometheus-alertmanager"), shutil.which("amtool")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
PROBABLE = ("leak 300", "leak 1")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Alertmanager:
    """A real one on a port of loopback, without a cluster; a context manager."""

    def __init__(self, folder, port, hook):
        self.url = f"http://127.0.0.1:{port}"
        config = folder / "alertmanager.yml"
        config.write_text(f"""route:
  receiver: hook
  group_by: [alertname, recording, finding]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {hook}/
        send_resolved: true
""")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [ALERTMANAGER, f"--config.file={config}", f"--storage.path={folder}/data", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=self.log, stderr=self.log)

    def __enter__(self):
        wait_for(self.is_ready, lambda: "Alertmanager is ready: " + self.said())
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.log.close()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode()

    def is_ready(self):
        try:
            return OPENER.open(self.url + "/-/ready", timeout=1).status == 200
        except OSError:
            return False

    def alerts(self):
        with OPENER.open(self.url + "/api/v2/alerts", timeout=PATIENCE_S) as reply:
            return json.load(reply)


@unittest.skipUnless(ALERTMANAGER, "no prometheus-alertmanager")
class Real(AlertTest):
    def test_an_alert_fires_once_rises_and_resolves(self):
        with Receiver() as hook, Alertmanager(self.folder, free_port(), hook.url) as manager, Served(
                self.path, "--alert-to", f"alertmanager:{manager.url}/", "--alert-at", "suspect") as served:
            self.pass_time(served, "leak 25", "leak 1")
            alert = wait_for(manager.alerts, "Alertmanager has it")[0]
            labels = alert["labels"]
            self.assertEqual({key: labels[key] for key in ("alertname", "kind", "verdict", "function", "subsystem",
                                                           "recording", "host", "instance", "severity")},
                             {"alertname": "SeepLeak", "kind": "heap", "verdict": "suspect", "function": "hub_register",
                              "subsystem": "websocket", "recording": "soak.seep", "host": "soak-1",
                              "instance": "soak-1:4242", "severity": "info"})
            self.assertRegex(labels["finding"], "^[0-9a-f]{12}$")
            self.assertEqual(set(alert["annotations"]), {"summary", "description", "place", "forecast", "report"})
            self.assertEqual(alert["annotations"]["place"], "golden_program.S:21")
            self.pass_time(served, "leak 1", "leak 1", "leak 1")
            self.assertEqual(len(manager.alerts()), 1, "one alert, however often it was judged")

            def people_are_told(status, verdict):
                wait_for(lambda: any(one["status"] == status and one["labels"]["verdict"] == verdict
                                     for note in hook.notes() for one in note["alerts"]), f"{status}, {verdict}")

            people_are_told("firing", "suspect")
            self.pass_time(served, "leak 300", "leak 1")
            wait_for(lambda: [one["labels"]["verdict"] for one in manager.alerts()] == ["probable"],
                     lambda: f"the rise, in place of what was: {manager.alerts()}")
            people_are_told("firing", "probable")
            self.recording.do("end")
            wait_for(lambda: manager.alerts() == [], "it is resolved with its program")
            people_are_told("resolved", "probable")
            self.assertEqual(served.metric("seep_alerts_failed_total"), 0)

    def test_one_that_was_away_is_told_when_it_is_back(self):
        port = free_port()
        with Receiver() as hook, Served(self.path, "--alert-to", f"alertmanager:http://127.0.0.1:{port}") as served:
            self.pass_time(served, *PROBABLE)
            wait_for(lambda: "alerts wait" in served.stderr(), "it says that nobody is there")
            with Alertmanager(self.folder, port, hook.url) as manager:
                wait_for(manager.alerts, "the alert arrives")
                self.assertEqual(len(manager.alerts()), 1)
                wait_for(lambda: hook.posts, "and is passed on")
            wait_for(lambda: "is back" in served.stderr(), "it says so")

    def test_a_test_alert_arrives(self):
        with Receiver() as hook, Alertmanager(self.folder, free_port(), hook.url) as manager:
            said = subprocess.run([SEEP, "serve", "--alert-to", f"alertmanager:{manager.url}", "--alert-test"],
                                  stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S)
            self.assertEqual((said.returncode, said.stdout[:7]), (0, "taken: "))
            self.assertEqual(wait_for(manager.alerts, "the test")[0]["labels"]["alertname"], "SeepTest")


@unittest.skipUnless(AMTOOL, "no amtool")
class Documented(unittest.TestCase):
    def test_the_documented_route_is_right(self):
        blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.S)
        self.assertTrue(blocks)
        for block in blocks:
            with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
                file.write(block)
                file.flush()
                said = subprocess.run([AMTOOL, "check-config", file.name], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S)
                self.assertEqual(said.returncode, 0, said.stdout)
                for labels, receiver in (("severity=critical", "page"), ("severity=warning", "chat")):
                    route = subprocess.run([AMTOOL, "config", "routes", "test", f"--config.file={file.name}",
                                            "alertname=SeepLeak", labels], stdout=subprocess.PIPE, text=True,
                                           timeout=PATIENCE_S)
                    self.assertEqual(route.stdout.strip(), receiver)


if __name__ == "__main__":
    if not ALERTMANAGER:
        print("skipped: prometheus-alertmanager is not installed (scripts/setup.sh --with-integration)")
        sys.exit(77)
    main()
