"""The memory API: shapes, leaks with their call sites, limits of the cgroup, faults.

SPDX-License-Identifier: MIT
"""
import os
import socket
import tempfile
import threading
import unittest

import backend

MEMORY = "/api/v1/memory"
FAULTS = "/api/v1/debug/faults"
LIBRARY = os.path.join(os.path.dirname(backend.BINARY), "..", "lib", "libseep.so")
POOLS = {"buffer", "json_response", "string_builder", "byte_slice_small", "byte_slice_medium",
         "byte_slice_large"}
POOL_STATS = {"name", "gets", "puts", "hits", "misses", "size", "max_size", "hit_rate",
              "last_reset", "created_at"}
LEAK = {"type", "size", "location", "stack_trace", "detected_at", "severity", "suggestions",
        "resource"}


def timers(pid):
    """How many POSIX timers a process has, as the kernel tells."""
    with open(f"/proc/{pid}/timers", encoding="ascii") as file:
        return sum(line.startswith("ID:") for line in file)


def is_sanitized():
    with open(backend.BINARY, "rb") as file:
        content = file.read()
    return b"__asan_init" in content or b"__tsan_init" in content


class Health(backend.TestCase):
    def test_one_collection_right_after_the_start_is_no_bad_health(self):
        with backend.Backend("memory_monitor.enabled=false") as server:
            self.assertEqual(server.ask("POST", MEMORY + "/gc", {})[0], 200)
            data = server.get(MEMORY + "/status")["data"]
            self.assertAlmostEqual(data["memory"]["gc_frequency"], 1 / 60)
            self.assertGreater(data["health_score"], 50)


class Shapes(backend.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = backend.Backend("memory_monitor.check_interval=20ms",
                                     "memory_monitor.pressure_interval=20ms",
                                     "memory_monitor.optimize_interval=20ms")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def post(self, path, body=None, wanted=200):
        status, reply, _ = self.server.ask("POST", MEMORY + path, body)
        self.assertEqual(status, wanted, reply)
        self.assertEqual(reply["status"], "success" if wanted == 200 else "error")
        return reply.get("data", reply)

    def get(self, path):
        return self.server.get(MEMORY + path)["data"]

    def test_status_has_its_parts_and_a_score(self):
        data = self.get("/status")
        self.assertLessEqual({"heap_size", "heap_in_use", "heap_utilization", "num_goroutines",
                              "gc_pause_time", "alloc_rate", "gc_frequency"},
                             data["memory"].keys())
        self.assertIsInstance(data["memory"]["gc_pause_time"], str)
        self.assertLessEqual({"level", "event_count", "last_event"}, data["pressure"].keys())
        self.assertEqual(data["pools"]["count"], 6)
        self.assertEqual(set(data["pools"]["stats"]), POOLS)
        self.assertTrue(0 <= data["health_score"] <= 100)

    def test_leaks_of_a_healthy_server_are_none_or_small_and_scan_groups_them(self):
        data = self.get("/leaks")
        self.assertEqual(data["leaks_detected"], len(data["leaks"]))
        scan = self.get("/leaks/scan")
        self.assertEqual(set(scan["by_severity"]), {"low", "medium", "high", "critical"})
        self.assertIs(scan["scan_complete"], True)
        self.assertEqual(scan["total_leaks"],
                         sum(len(found) for found in scan["by_severity"].values()))
        for leak in data["leaks"]:
            self.assertLessEqual(LEAK, leak.keys())

    def test_pools_are_listed_read_and_really_resized(self):
        data = self.get("/pools")
        self.assertEqual(set(data["pools"]), POOLS)
        for name, pool in data["pools"].items():
            self.assertLessEqual(POOL_STATS, pool.keys())
            self.assertEqual(pool["name"], name)
        before = self.get("/pools/json_response")
        for _ in range(5):
            self.get("/pools")
        after = self.get("/pools/json_response")
        self.assertGreaterEqual(after["gets"], before["gets"] + 6)
        self.assertGreater(after["hits"], 0)
        resized = self.post("/pools/string_builder/resize", {"new_size": 3})
        self.assertEqual((resized["new_size"], resized["resized"]), (3, True))
        self.assertEqual(self.get("/pools/string_builder")["max_size"], 3)
        self.assertEqual(self.post("/pools/nothing/resize", {"new_size": 3}, 404)["error"],
                         "Pool not found")
        for wrong in ({"new_size": -1}, {"new_size": 99999}, {"new_size": "3"}, {}):
            self.post("/pools/buffer/resize", wrong, 400)
        status, _, _ = self.server.ask("GET", MEMORY + "/pools/nothing")
        self.assertEqual(status, 404)

    def test_pools_are_optimised_and_filled_beforehand(self):
        self.assertEqual(set(self.post("/pools/optimize")["pools"]), POOLS)
        self.assertEqual(len(self.post("/preallocation/analyze")["pools"]), 6)
        self.post("/gc")
        filled = self.post("/preallocation/optimize")["pools"]
        self.assertEqual({pool["pool"] for pool in filled}, POOLS)
        data = self.get("/preallocation")
        self.assertLessEqual({"active_pools", "preallocated_mb", "hit_rate", "efficiency_score"},
                             data.keys())
        self.assertGreater(data["active_pools"], 0)

    def test_optimize_runs_what_is_asked_for(self):
        data = self.post("/optimize", {})
        self.assertRegex(data["optimization_id"], r"^opt_\d+$")
        self.assertEqual(set(data["components"]), {"gc", "pools", "pressure", "preallocation"})
        for component in data["components"].values():
            self.assertEqual(component["status"], "completed")
            self.assertRegex(component["time_taken"], r"^[0-9.]+(ns|µs|ms|s)$")
        data = self.post("/optimize", {"components": ["gc", "magic"], "aggressive": True,
                                       "max_time": "5m"})
        self.assertEqual(set(data["components"]), {"gc", "magic"})
        self.assertEqual(data["components"]["magic"]["status"], "failed")
        data = self.post("/optimize", {"max_time": "0s"})
        self.assertEqual({c["status"] for c in data["components"].values()}, {"skipped"})
        for wrong in (b"", {"components": "gc"}, {"components": [3]}, {"max_time": "soon"},
                      {"aggressive": 1}):
            self.assertTrue(self.post("/optimize", wrong, 400)["error"]
                            .startswith("Invalid request format"))

    def test_optimisation_starts_stops_and_keeps_its_history(self):
        for _ in range(2):
            self.assertIs(self.post("/optimization/start")["is_running"], True)
        backend.eventually(lambda: self.get("/optimization/status")["total_optimizations"] > 3,
                           "it runs by itself")
        status = self.get("/optimization/status")
        self.assertIs(status["is_running"], True)
        self.assertLessEqual({"last_optimization", "average_response_time", "success_rate",
                              "enabled_optimizers", "current_config"}, status.keys())
        for _ in range(3):
            self.assertIs(self.post("/optimization/stop")["is_running"], False)
        history = self.get("/optimization/history?limit=2")
        self.assertEqual((history["count"], len(history["history"])), (2, 2))
        status, _, _ = self.server.ask("GET", MEMORY + "/optimization/history?limit=x")
        self.assertEqual(status, 400)
        report = self.get("/optimization/report")
        self.assertLessEqual({"generated_at", "current_stats", "detected_leaks", "gc_efficiency",
                              "recommendations", "health_score"}, report.keys())
        self.assertLessEqual({"average_pause_time", "max_pause_time", "gc_overhead",
                              "collection_rate", "efficiency_score"},
                             report["gc_efficiency"].keys())

    def test_pressure_is_watched_configured_and_handled(self):
        config = self.get("/pressure/config")
        self.assertEqual(set(config["thresholds"]), {"low_pressure", "medium_pressure",
                                                     "high_pressure", "critical_pressure"})
        self.assertEqual(config["thresholds"]["high_pressure"],
                         {"heap_utilization": 85.0, "goroutine_count": 5000,
                          "allocation_rate": 50.0 * 2**20, "gc_frequency": 0.5,
                          "sustained_duration": 10 * 10**9})
        for wrong in ({"monitor_interval": 0}, {"response_timeout": 0},
                      {"max_event_history": 0}, {"adaptive_thresholds": 1},
                      {"thresholds": {"low_pressure": {"goroutine_count": 0}}}):
            status, _, _ = self.server.ask("PUT", MEMORY + "/pressure/config", wrong)
            self.assertEqual(status, 400, wrong)
        self.assertEqual(self.get("/pressure/config"), config)
        events = self.get("/pressure")["event_count"]
        status, body, _ = self.server.ask(
            "PUT", MEMORY + "/pressure/config",
            {"thresholds": {"low_pressure": {"goroutine_count": 1, "sustained_duration": 0}}})
        self.assertEqual(status, 200, body)
        backend.eventually(lambda: self.get("/pressure")["event_count"] > events, "an event")
        data = self.get("/pressure")
        self.assertGreaterEqual(data["current_level"], 1)
        self.assertEqual(data["event_history"][-1]["before"], "none")
        handled = self.post("/pressure/handle")
        self.assertLessEqual({"handled_at", "duration", "before", "after"}, handled.keys())
        self.server.ask("PUT", MEMORY + "/pressure/config", config)
        backend.eventually(lambda: self.get("/pressure")["total_recoveries"] > 0, "recovered")
        self.assertEqual(self.server.threads().count("pressure-handle"), 1)


class Limits(backend.TestCase):
    def test_the_limits_follow_the_cgroup_down_and_up(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(root + "/proc/self")
            os.makedirs(root + "/sys/fs/cgroup/pma")

            def write(path, text):
                with open(root + path, "w", encoding="ascii") as file:
                    file.write(text)
            write("/proc/self/cgroup", "0::/pma\n")
            write("/sys/fs/cgroup/pma/memory.max", "max\n")
            with backend.Backend(f"memory_monitor.cgroup_root={root}",
                                 "memory_monitor.check_interval=20ms",
                                 "memory_monitor.dynamic_limit_percent=50") as server:
                def limits():
                    return server.get(MEMORY + "/monitor")["data"]["limits"]

                def usage(limit):
                    return lambda: limits()["max_memory_usage_bytes"] == limit
                self.assertIs(limits()["dynamic"], True)
                self.assertEqual(limits()["percent"], 50.0)
                backend.eventually(lambda: limits()["cgroup_version"] == 2, "it is found")
                self.assertIsNone(limits()["cgroup_limit_bytes"])
                self.assertEqual(limits()["max_memory_usage_bytes"], 2**30)
                write("/sys/fs/cgroup/pma/memory.max", f"{2**29}\n")
                backend.eventually(usage(2**28), "half of the cgroup's limit")
                self.assertEqual(limits()["max_heap_alloc_bytes"], 2**27)
                stats = server.get(MEMORY + "/stats")
                self.assertAlmostEqual(stats["memory_usage_percent"],
                                       stats["heap_alloc"] / 2**28 * 100, places=6)
                line = server.logged("Memory limits follow the cgroup")[0]
                self.assertEqual((line["cgroup_limit"], line["max_memory_usage"]),
                                 (2**29, 2**28))
                write("/sys/fs/cgroup/pma/memory.max", "max\n")
                backend.eventually(usage(2**30), "back to what is configured")

    def test_a_small_cgroup_brings_pressure(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(root + "/proc/self")
            os.makedirs(root + "/sys/fs/cgroup/memory/pma")
            with open(root + "/proc/self/cgroup", "w", encoding="ascii") as file:
                file.write("4:memory:/pma\n")
            with open(root + "/sys/fs/cgroup/memory/pma/memory.limit_in_bytes", "w",
                      encoding="ascii") as file:
                file.write("100000\n")
            with backend.Backend(f"memory_monitor.cgroup_root={root}",
                                 "memory_monitor.check_interval=20ms") as server:
                backend.eventually(lambda: server.logged("Memory pressure detected"), "pressure")
                self.assertEqual(server.get(MEMORY + "/monitor")["data"]["limits"]
                                 ["cgroup_version"], 1)

    def test_fixed_limits_stay_as_they_are(self):
        with backend.Backend("memory_monitor.dynamic_limits=false",
                             "memory_monitor.check_interval=20ms") as server:
            backend.eventually(lambda: server.logged("Memory statistics"), "a check")
            limits = server.get(MEMORY + "/monitor")["data"]["limits"]
            self.assertEqual((limits["dynamic"], limits["max_memory_usage_bytes"]),
                             (False, 2**30))


class Faults(backend.TestCase):
    def figure(self, server, name):
        return server.get("/api/v1/debug/resources")["data"]["counters"][name]

    def test_f26_leaves_an_alert_per_distinct_value(self):
        settings = ("memory_monitor.max_goroutines=1", "memory_monitor.check_interval=10ms")
        with backend.Backend(*settings) as server:
            backend.eventually(lambda: len(server.logged("Goroutine leak detected")) > 5, "checks")
            self.assertEqual(self.figure(server, "memory.stray_alerts"), 0)
        with backend.Backend("memory_monitor.max_heap_alloc=1", "memory_monitor.check_interval=10ms",
                             "faults.F26.enabled=true") as server:
            def raised():  # by the monitor's own checks: the heap is never the same
                server.get("/health")
                return self.figure(server, "memory.stray_alerts") >= 3
            backend.eventually(raised, "three values of one alert")
            alerts = server.get(MEMORY + "/monitor")["data"]["alerts"]
            self.assertEqual(sum(alert["type"] == "heap_alloc" for alert in alerts), 1)
        with backend.Backend("faults.F26.enabled=true", "faults.F26.rate=200",
                             "faults.F26.limit=40") as server:
            def grow():
                server.get("/health")  # the heap is never the same
                return self.figure(server, "memory.stray_alerts") == 40
            backend.eventually(grow, "forty records")
            self.assertEqual(server.get("/api/v1/debug/resources")["data"]["leaked"]["F26"], 40)

    def test_f28_leaves_a_thread_per_change_of_settings(self):
        with backend.Backend() as server:
            def change(interval_ms):
                status, body, _ = server.ask("PUT", MEMORY + "/pressure/config",
                                             {"monitor_interval": interval_ms * 10**6})
                self.assertEqual(status, 200, body)
            before = len(server.threads())
            for i in range(5):
                change(1000 + i)
            backend.eventually(lambda: len(server.threads()) == before, "no thread more")
            server.ask("PUT", FAULTS + "/F28", {"enabled": True, "limit": 4})
            for i in range(6):
                change(2000 + i)
            backend.eventually(lambda: server.threads().count("settings") == 4,
                               "four threads more")
            self.assertEqual(server.threads().count("pressure-handle"), 1)

    def test_f31_locks_the_manager_and_parks_a_thread_per_request(self):
        with backend.Backend() as server:
            paths = ("/status", "/leaks", "/leaks/scan", "/optimization/report")
            self.assertEqual(server.ask("POST", MEMORY + "/optimize", {})[0], 200)
            before = len(server.threads())
            server.ask("PUT", FAULTS + "/F31", {"enabled": True})
            for path in paths:
                self.assertEqual(server.ask("GET", MEMORY + path)[0], 200)
            self.assertEqual(server.ask("POST", MEMORY + "/optimize", {})[0], 503)
            for _ in range(3):
                for path in paths:
                    self.assertEqual(server.ask("GET", MEMORY + path)[0], 503)
            backend.eventually(lambda: self.figure(server, "memory.manager_waiters") == 13,
                               "all wait")
            self.assertEqual(len(server.threads()), before + 13)
            self.assertEqual(server.threads().count("memory-request"), 12)
            server.ask("PUT", FAULTS + "/F31", {"enabled": False})
            self.assertEqual(server.ask("GET", MEMORY + "/status")[0], 503)  # still locked
            self.assertEqual(len(server.threads()), before + 13)
            self.assertEqual(server.ask("GET", MEMORY + "/stats")[0], 200)
            self.assertEqual(server.ask("GET", "/health")[0], 200)


@unittest.skipIf(is_sanitized(), "a sanitizer has its own malloc")
@unittest.skipUnless(os.path.exists(LIBRARY), "libseep.so is not built")
class Leaks(backend.TestCase):
    """Under libseep.so: what leaks, and where in the program."""

    def setUp(self):
        name = f"@pma-leaks-{os.getpid()}-{self.id()}"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind("\0" + name[1:])
        self.listener.listen()
        self.kept = []
        threading.Thread(target=self.take, daemon=True).start()
        self.environment = {"LD_PRELOAD": os.path.abspath(LIBRARY), "SEEP_SOCKET": name}

    def tearDown(self):
        self.listener.close()
        for connection, fd in self.kept:
            connection.close()
            os.close(fd)

    def take(self):
        """The collector's part of a handover: takes the segment and keeps it."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            _, fds, _, _ = socket.recv_fds(connection, 4096, 1)
            connection.send(b"\x01")
            self.kept.append((connection, fds[0]))

    def leak(self, server, kind):
        def find():
            for leak in server.get(MEMORY + "/leaks")["data"]["leaks"]:
                if leak["type"] == kind:
                    return leak
            return None
        return backend.eventually(find, kind)

    def test_leaked_threads_are_found_with_their_stack(self):
        with backend.Backend("memory_monitor.check_interval=50ms", "faults.F01.enabled=true",
                             "faults.F01.rate=40", **self.environment) as server:
            leak = self.leak(server, "goroutine_leak")
            self.assertEqual(leak["resource"], "thread")
            self.assertLessEqual(LEAK, leak.keys())
            self.assertIn("pma_auth_simulate_request", leak["stack_trace"])
            self.assertIn("pma_worker_start", leak["location"])
            self.assertGreaterEqual(leak["size"], 5)
            self.assertGreater(leak["call_sites"][0]["grown"], 0)

    def test_leaked_blocks_are_found_with_their_stack(self):
        with backend.Backend("memory_monitor.check_interval=50ms", "faults.F26.enabled=true",
                             "faults.F26.rate=10000", **self.environment) as server:
            leak = self.leak(server, "heap_growth_leak")
            self.assertEqual(leak["resource"], "heap")
            stacks = [site["stack"] for site in leak["call_sites"]]
            self.assertTrue(any("pma_stray_alert_raise" in frame for stack in stacks
                                for frame in stack), stacks)


if __name__ == "__main__":
    backend.main()
