"""seep fleet against real servers, Prometheus and VictoriaMetrics, fed with a fleet that has planted leaks.

usage: fleet_servers_test.py PATH/seep; exit status 77: neither server is installed (scripts/setup.sh --with-integration).

SPDX-License-Identifier: MIT
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import fleet_data

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
VICTORIA = shutil.which("victoria-metrics")
DEADLINE_S = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def fetch(url, data=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data=data), timeout=30) as reply:
        return reply.read()


class ServersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.end_s = int(time.time() - 3600) // fleet_data.STEP_S * fleet_data.STEP_S
        self.env = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}

    def start(self, command, port, ready):
        log = open(self.folder / "log", "wb")
        self.addCleanup(log.close)
        process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.env)

        def stop():
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.addCleanup(stop)
        self.wait_for(lambda: fetch(f"http://127.0.0.1:{port}{ready}") is not None, process)
        return f"http://127.0.0.1:{port}"

    def wait_for(self, condition, process=None):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                if condition():
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            if process is not None and process.poll() is not None:
                self.fail((self.folder / "log").read_text(errors="replace")[-2000:])
            self.assertLess(time.monotonic(), deadline, "it never came")
            time.sleep(0.05)

    def seep(self, url, *arguments):
        return subprocess.run([SEEP, "fleet", "--prometheus", url, "--until", str(self.end_s), "--quiet", *arguments],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False, env=self.env)

    def check(self, url):
        result = self.seep(url, "--format", "json", "--fail-on", "definite")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        report = json.loads(result.stdout)
        fleet_data.check(self, report)
        wrong = self.seep(url, "--match", 'job="')
        self.assertEqual(wrong.returncode, 2, wrong.stderr)
        self.assertIn("--match", wrong.stderr)
        none = self.seep(url, "--match", 'job="nobody"')
        self.assertEqual(none.returncode, 2, none.stderr)
        self.assertIn("no series", none.stderr)

    @unittest.skipUnless(PROMETHEUS and PROMTOOL, "prometheus is not installed")
    def test_prometheus(self):
        families = {}
        for metric, own, samples in fleet_data.series(self.end_s):
            families.setdefault(metric, []).extend(f"{metric}{{{fleet_data.quoted(own)}}} {v} {t}\n" for t, v in samples)
        text = self.folder / "series.txt"
        with open(text, "w", encoding="utf-8") as out:
            for metric, lines in families.items():
                out.write(f"# TYPE {metric} gauge\n")
                out.writelines(lines)
            out.write("# EOF\n")
        made = subprocess.run([PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", str(text), str(self.folder / "data")],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(made.returncode, 0, made.stderr)
        (self.folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
        port = free_port()
        self.check(self.start([PROMETHEUS, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                               f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready"))

    @unittest.skipUnless(VICTORIA, "victoria-metrics is not installed")
    def test_victoria_metrics(self):
        port = free_port()
        url = self.start([VICTORIA, "-storageDataPath=data", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=1",
                          "-memory.allowedBytes=128MB"], port, "/health")
        lines = [json.dumps({"metric": {"__name__": metric, **own}, "values": [v for _, v in samples],
                             "timestamps": [t * 1000 for t, _ in samples]})
                 for metric, own, samples in fleet_data.series(self.end_s)]
        fetch(f"{url}/api/v1/import", "\n".join(lines).encode())
        fetch(f"{url}/internal/force_flush")
        count = f"{url}/api/v1/query?query=count(seep_site_live_bytes)&time={self.end_s}"
        self.wait_for(lambda: f'"{fleet_data.INSTANCES * len(fleet_data.SITES)}"' in fetch(count).decode())
        self.check(url)


if __name__ == "__main__":
    SEEP = sys.argv.pop(1)
    if not (PROMETHEUS and PROMTOOL) and not VICTORIA:
        print("skipped: neither prometheus nor victoria-metrics is installed (scripts/setup.sh --with-integration)")
        sys.exit(77)
    unittest.main()
