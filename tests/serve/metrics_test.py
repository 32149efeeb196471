#!/usr/bin/python3
"""/metrics against promtool and a real Prometheus; the dashboard and the rules against what is there.

Without prometheus (Debian: prometheus) those tests are skipped (77 when all were); the others run.

usage: metrics_test.py SEEP WATCHED DOCS

SPDX-License-Identifier: MIT
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import openmetrics  # noqa: E402
from served import PATIENCE_S, Served, wait_for  # noqa: E402

SEEP, WATCHED, DOCS = (os.path.abspath(path) for path in sys.argv[1:4])
# Not a metric: functions, labels and words of PromQL.
PROMQL = re.compile(r"\b(seep_\w+)")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.run_ = subprocess.Popen([SEEP, "run", "--quiet", "--interval", "0.1", "-o",
                                     os.path.join(cls.folder.name, "w.seep"), "--", WATCHED],
                                    stdout=subprocess.PIPE, text=True)
        assert cls.run_.stdout.readline() == "ready\n"
        cls.served = Served(SEEP, cls.folder.name, "--interval", "0.1")
        wait_for(lambda: cls.served.recording("w.seep"), "it is listed")

    @classmethod
    def tearDownClass(cls):
        cls.served.__exit__()
        cls.run_.send_signal(signal.SIGTERM)
        cls.run_.communicate(timeout=PATIENCE_S)
        cls.folder.cleanup()

    def text(self):
        status, _, body = self.served.ask("/metrics")
        self.assertEqual(status, 200, body)
        return body.decode("utf-8")

    def names(self):
        """All names of samples."""
        return {name for _, samples in openmetrics.parse(self.text()).values() for name, _ in samples} | \
            {name + openmetrics.SUFFIX[kind] for name, (kind, _) in openmetrics.parse(self.text()).items()}

    def test_sites_are_those_of_the_program(self):
        families = openmetrics.parse(self.text())
        sites = {labels["function"]: (labels, value) for labels, value in
                 ((openmetrics.labels_of(l), v) for (_, l), v in families["seep_site_live_bytes"][1].items())
                 if labels["kind"] == "heap"}
        labels, value = sites["keeps_here"]
        self.assertEqual((value, labels["subsystem"], labels["recording"]), (30000000, "store", "w.seep"))
        self.assertRegex(labels["id"], r"^[0-9a-f]{12}$")
        self.assertRegex(labels["place"], r"^watched\.c:\d+$")
        threads = [v for (_, l), v in families["seep_site_live"][1].items()
                   if openmetrics.labels_of(l)["function"] == "starts_here" and 'kind="thread"' in l]
        self.assertEqual(threads, [4])
        self.assertLess(len(families["seep_site_live"][1]), 200)

    def test_ids_are_the_same_in_another_life_of_the_server(self):
        def ids():
            return {(l["kind"], l["id"], l["function"]) for l in
                    (openmetrics.labels_of(l) for _, l in openmetrics.parse(self.text())["seep_site_live"][1])}
        before = ids()
        with Served(SEEP, self.folder.name) as again:
            wait_for(lambda: again.recording("w.seep"), "it is listed")
            text = again.ask("/metrics")[2].decode()
        after = {(l["kind"], l["id"], l["function"]) for l in
                 (openmetrics.labels_of(l) for _, l in openmetrics.parse(text)["seep_site_live"][1])}
        self.assertLessEqual(before, after)

    def test_promtool_finds_no_fault_in_it(self):
        if shutil.which("promtool") is None:
            self.skipTest("promtool (Debian: prometheus) is not installed")
        # promtool check metrics reads the older text format, which has no info and no EOF; its linter knows names.
        text = re.sub(r"^# TYPE (\S+) info$", r"# TYPE \1_info gauge", self.text(), flags=re.M)
        text = re.sub(r"^# TYPE (\S+) counter$", r"# TYPE \1_total counter", text, flags=re.M)
        text = re.sub(r"^# HELP .*\n|^# EOF\n", "", text, flags=re.M)
        helped = re.sub(r"^# TYPE (\S+) (\S+)$", r"# HELP \1 Words.\n# TYPE \1 \2", text, flags=re.M)
        done = subprocess.run(["promtool", "check", "metrics"], input=helped, text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_a_real_prometheus_scrapes_it(self):
        if shutil.which("prometheus") is None:
            self.skipTest("prometheus is not installed")
        port = free_port()
        config = os.path.join(self.folder.name, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}\n"
                       f"rule_files: ['{DOCS}/prometheus-rules.yml']\n"
                       f"scrape_configs: [{{job_name: seep, static_configs: "
                       f"[{{targets: ['127.0.0.1:{self.served.port}']}}]}}]\n")
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder.name}/tsdb",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            def query(text):
                url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": text})
                try:
                    with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
                        return json.load(reply)["data"]["result"]
                except OSError:
                    return []
            result = wait_for(lambda: query('seep_site_live_bytes{function="keeps_here"}'), "prometheus has the site")
            self.assertEqual(result[0]["value"][1], "30000000")
            self.assertEqual(result[0]["metric"]["subsystem"], "store")
            self.assertEqual(query("up")[0]["value"][1], "1")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rules", timeout=PATIENCE_S) as reply:
                groups = json.load(reply)["data"]["groups"]
            rules = wait_for(lambda: [rule for group in groups for rule in group["rules"]], "the rules are loaded")
            self.assertTrue(all(rule.get("health") != "err" for rule in rules), rules)
        finally:
            prometheus.terminate()
            prometheus.communicate(timeout=PATIENCE_S)

    def test_the_rules_are_sound_and_name_metrics_that_exist(self):
        path = os.path.join(DOCS, "prometheus-rules.yml")
        with open(path, encoding="utf-8") as file:
            named = set(PROMQL.findall("\n".join(line for line in file if "expr:" in line)))
        self.assertTrue(named)
        self.assertLessEqual(named, self.names())
        if shutil.which("promtool") is None:
            self.skipTest("promtool (Debian: prometheus) is not installed")
        done = subprocess.run(["promtool", "check", "rules", path], text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_dashboard_names_metrics_that_exist(self):
        with open(os.path.join(DOCS, "grafana-dashboard.json"), encoding="utf-8") as file:
            dashboard = json.load(file)
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        queries += [variable["query"] for variable in dashboard["templating"]["list"] if "query" in variable]
        self.assertGreaterEqual(len(queries), 8)
        names = self.names()
        for query in queries:
            named = set(PROMQL.findall(query))
            self.assertTrue(named, query)
            self.assertLessEqual(named, names, query)


if __name__ == "__main__":
    sys.argv[1:4] = []
    program = unittest.main(verbosity=1, exit=False)
    result = program.result
    if result.wasSuccessful() and result.skipped:
        print("skipped:", "; ".join(sorted({why for _, why in result.skipped})))
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
