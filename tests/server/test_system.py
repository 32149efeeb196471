"""The system family: status, metrics, info, health, logs.

SPDX-License-Identifier: MIT
"""
import os
import platform
import time

import backend

SYSTEM = "/api/v1/system"


class System(backend.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = backend.Backend("logging.max_log_entries=40", "logging.level=debug")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def get(self, path):
        return self.server.get(SYSTEM + path)["data"]

    def test_status_has_server_database_memory_and_home_assistant(self):
        data = self.get("/status")
        self.assertEqual(data["server"]["status"], "running")
        self.assertEqual(data["database"]["status"], "connected")
        self.assertIs(data["homeAssistant"]["connected"], False)
        self.assertEqual(data["memory"].keys(), {"used", "total", "percentage", "available"})

    def test_metrics_agree_with_the_machine_and_do_not_wait(self):
        begin = time.monotonic()
        for _ in range(5):
            data = self.get("/metrics")
        self.assertLess(time.monotonic() - begin, 4)  # a second of sampling for each is 5
        self.assertTrue(0 <= data["cpuUsage"] <= 100)
        disk = os.statvfs("/")
        self.assertEqual(data["diskTotal"], disk.f_blocks * disk.f_frsize)
        with open("/proc/meminfo", encoding="ascii") as file:
            self.assertEqual(data["memoryTotal"], int(file.readline().split()[1]) * 1024)
        self.assertEqual(data["processThreads"], len(self.server.threads()))

    def test_cpu_usage_is_of_the_time_between_two_looks(self):
        def ticks():
            with open("/proc/stat", encoding="ascii") as file:
                fields = [int(field) for field in file.readline().split()[1:9]]
            return sum(fields) - fields[3] - fields[4], sum(fields)
        self.get("/metrics")
        busy, total = ticks()
        time.sleep(0.2)
        usage = self.get("/metrics")["cpuUsage"]
        busy_after, total_after = ticks()
        truth = 100 * (busy_after - busy) / (total_after - total)
        self.assertAlmostEqual(usage, truth, delta=35)

    def test_info_names_the_process_and_the_machine(self):
        data = self.get("/info")
        self.assertEqual(data["pid"], self.server.pid)
        self.assertEqual(data["kernel"], platform.release())
        self.assertEqual(data["processors"], os.sysconf("SC_NPROCESSORS_ONLN"))
        self.assertIs(data["seepLoaded"], False)

    def test_health_is_bare_and_detailed_names_its_parts(self):
        body = self.server.get(SYSTEM + "/health")
        self.assertLessEqual({"status", "timestamp", "uptime", "version"}, body.keys())
        self.assertEqual(body["status"], "healthy")
        for path in (SYSTEM + "/health/detailed", "/api/v1/health"):
            data = self.server.get(path)["data"]
            self.assertEqual(data["overall_status"], "healthy")
            self.assertEqual(set(data["components"]), {"memory", "database", "redis", "websocket"})
            self.assertEqual(data["components"]["redis"]["status"], "disabled")
            self.assertEqual(data["components"]["database"]["status"], "healthy")

    def test_logs_are_the_newest_lines_of_the_log(self):
        for i in range(60):
            self.server.ask("GET", f"/no/such/page/{i}")
        data = self.get("/logs?limit=10")
        self.assertEqual((data["count"], len(data["logs"])), (10, 10))
        self.assertLessEqual(data["total"], 40)
        written = self.server.log()
        for line in data["logs"]:
            self.assertIn(line, written)
        for line in self.get("/logs?level=info&limit=1000")["logs"]:
            self.assertNotEqual(line["level"], "debug")
        for wrong in ("limit=x", "limit=99999", "level=loud"):
            status, _, _ = self.server.ask("GET", f"{SYSTEM}/logs?{wrong}")
            self.assertEqual(status, 400)


if __name__ == "__main__":
    backend.main()
