"""/metrics against a strict parser of the text format, and against what was asked.

SPDX-License-Identifier: MIT
"""
import os
import shutil
import subprocess
import sys
import urllib.request

import backend

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import exposition  # noqa: E402  (a folder of its own)

SUFFIXES = {"histogram": {"_bucket", "_sum", "_count"}, "counter": {""}, "gauge": {""}}


def parse(text):
    """Returns {family: (type, {(name, labels): value})}; raises on what the format forbids."""
    families, current = {}, None
    if not text.endswith("\n"):
        raise AssertionError("the last line has no end")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            if current in families:
                raise AssertionError(f"{current} comes twice")
            families[current] = [None, {}]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != current or families[name][0] is not None:
                raise AssertionError(f"misplaced: {line}")
            families[name][0] = kind
        else:
            name, labels, value = exposition.sample(line)
            kind, samples = families[current]
            if not name.startswith(current) or name[len(current):] not in SUFFIXES[kind]:
                raise AssertionError(f"{name} under {current}")
            if (name, labels) in samples:
                raise AssertionError(f"sample twice: {line}")
            samples[name, labels] = value
    return families


def check_histogram(name, samples):
    """Buckets rise, and the last is the count."""
    series = {}
    for (sample, labels), value in samples.items():
        bound = [label for label in labels if label.startswith('le="')]
        rest = tuple(label for label in labels if not label.startswith('le="'))
        if sample == name + "_bucket":
            series.setdefault(rest, []).append((float(bound[0][4:-1]), value))
    for rest, buckets in series.items():
        assert buckets == sorted(buckets), buckets
        assert [v for _, v in buckets] == sorted(v for _, v in buckets), buckets
        assert buckets[-1][0] == float("inf")
        assert buckets[-1][1] == samples[name + "_count", rest]
        assert samples[name + "_sum", rest] >= 0


class Metrics(backend.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = backend.Backend("metrics.max_series=30")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def read(self):
        with urllib.request.urlopen(self.server.url + "/metrics") as reply:
            self.assertEqual(reply.headers["Content-Type"],
                             "text/plain; version=0.0.4; charset=utf-8")
            self.text = reply.read().decode("ascii")
        return parse(self.text)

    def test_the_text_is_well_formed_and_has_the_promised_names(self):
        families = self.read()
        for name in ("pma_http_requests_total", "pma_http_request_duration_seconds",
                     "pma_http_active_connections", "pma_websocket_connections",
                     "pma_websocket_messages_total", "pma_database_query_duration_seconds",
                     "pma_device_operations_total", "pma_automation_executions_total",
                     "pma_llm_requests_total", "pma_llm_tokens_used_total",
                     "pma_system_cpu_usage_percent", "pma_system_memory_usage_percent",
                     "pma_system_disk_usage_percent", "pma_alerts_total", "pma_alerts_active",
                     "memory_usage_bytes", "goroutines_count"):
            self.assertIn(name, families)
        for name, (kind, samples) in families.items():
            self.assertIsNotNone(kind, name)
            if kind == "histogram":
                check_histogram(name, samples)

    def test_promtool_finds_no_fault_in_it(self):
        if shutil.which("promtool") is None:
            self.skipTest("promtool (Debian: prometheus) is not installed")
        self.read()
        done = subprocess.run(["promtool", "check", "metrics"], input=self.text, text=True,
                              capture_output=True)
        self.assertNotIn("error", (done.stdout + done.stderr).lower())

    def test_requests_are_counted_by_the_pattern_of_their_route(self):
        def count(path, status):
            labels = ('method="GET"', f'path="{path}"', f'status="{status}"')
            samples = self.read()["pma_http_requests_total"][1]
            return samples.get(("pma_http_requests_total", labels), 0)
        before = count("/api/health", 200)
        for _ in range(3):
            self.server.get("/api/health")
        self.assertEqual(count("/api/health", 200), before + 3)
        unmatched = count("unmatched", 404)
        for i in range(200):
            self.server.ask("GET", f"/api/v1/no/such/{i}")
            self.server.ask("DELETE", f"/api/v1/websocket/connections/nobody{i}")
        families = self.read()
        self.assertEqual(count("unmatched", 404), unmatched + 200)
        self.assertIn(('pma_http_requests_total',
                       ('method="DELETE"', 'path="/api/v1/websocket/connections/:id"',
                        'status="404"')), families["pma_http_requests_total"][1])
        self.assertLess(len(families["pma_http_requests_total"][1]), 32)
        self.assertNotIn("nobody", self.text)

    def test_what_is_done_with_devices_and_clients_is_counted(self):
        self.server.ask("POST", "/api/v1/entities",
                        {"id": "lamp", "type": "light", "friendly_name": "Lamp"})
        for _ in range(3):
            status, body, _ = self.server.ask("POST", "/api/v1/entities/lamp/action",
                                              {"action": "turn_on"})
            self.assertEqual(status, 200, body)
        self.server.ask("POST", "/api/v1/entities/lamp/action", {"action": "fly"})
        families = self.read()
        self.assertEqual(families["pma_device_operations_total"][1], {
            ("pma_device_operations_total",
             ('device_type="light"', 'operation="turn_on"', 'success="true"')): 3})
        messages = families["pma_websocket_messages_total"][1]
        self.assertEqual({labels for _, labels in messages},
                         {('type="text"', 'direction="sent"'),
                          ('type="text"', 'direction="received"')})

    def test_gauges_agree_with_the_kernel(self):
        families = self.read()
        self.assertEqual(families["goroutines_count"][1]["goroutines_count", ()],
                         len(self.server.threads()))
        resident = families["process_resident_memory_bytes"][1]["process_resident_memory_bytes",
                                                                ()]
        with open(f"/proc/{self.server.pid}/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        self.assertAlmostEqual(resident / 4096 / pages, 1, delta=0.2)
        for name in ("cpu", "memory", "disk"):
            name = f"pma_system_{name}_usage_percent"
            self.assertTrue(0 <= families[name][1][name, ()] <= 100, name)


if __name__ == "__main__":
    backend.main()
