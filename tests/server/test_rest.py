"""The REST API against urllib: shapes, envelopes, limits.

SPDX-License-Identifier: MIT
"""
import contextlib

import backend

SNAPSHOT = {"heap_alloc", "heap_sys", "heap_idle", "heap_inuse", "heap_released", "heap_objects",
            "goroutines", "memory_usage_percent"}
MEMORY_STATS = {"heap_size", "heap_in_use", "stack_in_use", "stack_sys", "mspan_in_use",
                "mspan_sys", "mcache_in_use", "mcache_sys", "buck_hash_sys", "gc_sys",
                "other_sys", "next_gc", "last_gc", "gc_pause_time", "num_goroutines", "num_gc",
                "alloc_rate", "gc_frequency", "heap_utilization"}


class Rest(backend.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = backend.Backend("http.max_body_bytes=1000", "http.max_url_bytes=300",
                                     "memory_monitor.check_interval=50ms",
                                     "memory_monitor.max_history_size=5")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_health_has_its_shape_under_each_of_its_names(self):
        for path in ("/health", "/api/health", "/api/status", "/api/v1/status", "/health/"):
            body = self.server.get(path)
            self.assertEqual(body["status"], "healthy")
            self.assertIs(body["success"], True)
            self.assertRegex(body["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            data = body["data"]
            self.assertEqual(data["status"], "healthy")
            self.assertEqual(data["service"], "pma-backend")
            self.assertEqual(data["adapters"], {})
            self.assertEqual(data["adapter_count"], 0)
            self.assertIs(data["connected"], True)
            self.assertIs(data["backendAvailable"], True)
            self.assertIn("error_handling", data)
            self.assertTrue(data["version"])

    def test_memory_stats_has_the_top_level_fields_of_the_scripts(self):
        body = self.server.get("/api/v1/memory/stats")
        self.assertEqual(body["status"], "success")
        self.assertLessEqual(SNAPSHOT, body.keys())
        self.assertLessEqual(SNAPSHOT | MEMORY_STATS, body["data"].keys())
        self.assertIsInstance(body["heap_alloc"], int)
        self.assertGreater(body["heap_alloc"], 0)
        self.assertIsInstance(body["goroutines"], int)
        self.assertAlmostEqual(body["memory_usage_percent"], body["heap_alloc"] / 2**30 * 100,
                               places=6)

    def test_goroutines_is_the_number_of_threads(self):
        self.assertEqual(self.server.get("/api/v1/memory/stats")["goroutines"],
                         len(self.server.threads()))

    def test_performance_memory_is_the_same_as_memory_stats(self):
        self.assertEqual(self.server.get("/api/v1/performance/memory").keys(),
                         self.server.get("/api/v1/memory/stats").keys())

    def test_gc_reports_before_and_after_and_is_counted(self):
        before = self.server.get("/api/v1/memory/stats")["data"]["num_gc"]
        status, body, _ = self.server.ask("POST", "/api/v1/memory/gc")
        self.assertEqual(status, 200)
        data = body["data"]
        for name in ("triggered_at", "duration", "before", "after", "memory_freed", "efficiency",
                     "before_heap", "after_heap", "gc_duration"):
            self.assertIn(name, data)
        self.assertEqual(data["before"].keys(), {"heap_in_use", "heap_size"})
        self.assertEqual(data["memory_freed"], data["before_heap"] - data["after_heap"])
        self.assertRegex(data["duration"], r"^[0-9.]+(ns|µs|ms|s)$")
        after = self.server.get("/api/v1/memory/stats")["data"]
        self.assertGreaterEqual(after["num_gc"], before + 1)
        self.assertIsNotNone(after["last_gc"])

    def test_gc_runs_the_hubs_clean_up(self):
        runs = self.server.get("/api/v1/websocket/stats")["data"]["cleanup_runs"]
        self.server.ask("POST", "/api/v1/memory/gc")
        backend.eventually(lambda: self.server.get("/api/v1/websocket/stats")["data"]
                           ["cleanup_runs"] > runs, "the hub has cleaned up")

    def test_monitor_shows_settings_history_and_workers(self):
        def full():
            data = self.server.get("/api/v1/memory/monitor")["data"]
            return data if data["checks"] > 5 else None
        data = backend.eventually(full, "more checks than the history keeps")
        self.assertIs(data["monitoring_active"], True)
        self.assertEqual(data["update_interval"], "50ms")
        self.assertEqual(data["config"], {
            "max_memory_usage_bytes": 2**30, "max_goroutines": 10000,
            "max_heap_alloc_bytes": 2**29, "check_interval": "50ms", "cleanup_interval": "5m0s",
            "max_history_size": 5, "memory_alert_percent": 80.0})
        self.assertEqual(len(data["history"]), 5)
        self.assertLessEqual(SNAPSHOT, data["history"][0].keys())
        times = [entry["timestamp"] for entry in data["history"]]
        self.assertEqual(times, sorted(times))
        self.assertEqual(data["alerts"], [])
        names = {worker["name"] for worker in data["workers"]}
        self.assertLessEqual({"acceptor", "memory-monitor", "auth-cleanup"}, names)

    def test_monitor_start_and_stop_are_idempotent(self):
        def active():
            return self.server.get("/api/v1/memory/monitor")["data"]["monitoring_active"]
        for _ in range(3):
            status, body, _ = self.server.ask("POST", "/api/v1/memory/monitor/stop")
            self.assertEqual(status, 200)
            self.assertIn("stopped_at", body["data"])
            self.assertIs(active(), False)
        # A joined thread leaves /proc a moment after its join.
        backend.eventually(lambda: "memory-monitor" not in self.server.threads(), "it ended")
        for _ in range(3):
            status, body, _ = self.server.ask("POST", "/api/v1/memory/monitor/start")
            self.assertEqual(status, 200)
            self.assertIn("started_at", body["data"])
            self.assertIs(active(), True)
        self.assertEqual(self.server.threads().count("memory-monitor"), 1)

    def test_system_status_is_of_this_machine(self):
        data = self.server.get("/api/v1/system/status")["data"]
        self.assertEqual(data["server"]["status"], "running")
        with open("/proc/meminfo", encoding="ascii") as file:
            total = int(file.readline().split()[1]) * 1024
        self.assertEqual(data["memory"]["total"], total)
        self.assertGreaterEqual(data["uptime"], 0)

    def test_unknown_path_is_a_404_envelope_with_suggestions(self):
        status, body, _ = self.server.ask("GET", "/api/v1/memory/stat?a=b%20c")
        self.assertEqual(status, 404)
        self.assertIs(body["success"], False)
        self.assertEqual(body["code"], 404)
        self.assertEqual(body["error"], "Endpoint not found: GET /api/v1/memory/stat")
        self.assertEqual(body["request"], {"method": "GET", "path": "/api/v1/memory/stat",
                                           "query": "a=b%20c"})
        self.assertEqual(body["details"]["suggestions"],
                         ["GET /api/v1/memory/stats", "GET /api/v1/memory/status"])

    def test_wrong_method_is_a_405_with_allow(self):
        status, body, headers = self.server.ask("DELETE", "/api/v1/memory/gc")
        self.assertEqual((status, body["code"]), (405, 405))
        self.assertEqual(headers["Allow"], "POST")

    def test_broadcast_wants_type_and_data(self):
        path = "/api/v1/websocket/broadcast"
        for wrong in (b"", b"{", b"[]", {"type": "x"}, {"data": {}}, {"type": "", "data": {}},
                      {"type": 5, "data": {}}, {"type": "x", "data": "text"}):
            status, body, _ = self.server.ask("POST", path, wrong)
            self.assertEqual(status, 400, wrong)
            self.assertIs(body["success"], False)
        status, body, _ = self.server.ask("POST", path, {"type": "note", "data": {"a": 1}})
        self.assertEqual(status, 200)
        self.assertEqual(body["data"]["message_type"], "note")
        self.assertEqual(body["data"]["clients_count"], 0)

    def test_connections_checks_its_numbers(self):
        data = self.server.get("/api/v1/websocket/connections?limit=7&offset=2")["data"]
        self.assertEqual((data["limit"], data["offset"], data["total"]), (7, 2, 0))
        for query in ("limit=-1", "limit=x", "offset=1e3", "limit=99999"):
            status, _, _ = self.server.ask("GET", f"/api/v1/websocket/connections?{query}")
            self.assertEqual(status, 400, query)
        status, _, _ = self.server.ask("DELETE", "/api/v1/websocket/connections/nobody")
        self.assertEqual(status, 404)

    def test_pin_login_session_and_logout(self):
        self.assertEqual(self.server.get("/api/v1/auth/pin-status")["data"],
                         {"pinSet": False, "setupComplete": False})
        status, _, _ = self.server.ask("POST", "/api/v1/auth/login", {"pin": "1234"})
        self.assertEqual(status, 409)
        status, _, _ = self.server.ask("POST", "/api/v1/auth/set-pin", {"pin": "12"})
        self.assertEqual(status, 400)
        status, _, _ = self.server.ask("POST", "/api/v1/auth/set-pin", {"pin": "1234"})
        self.assertEqual(status, 200)
        self.assertEqual(self.server.get("/api/v1/auth/pin-status")["data"],
                         {"pinSet": True, "setupComplete": True, "pinLength": 4})
        status, _, _ = self.server.ask("POST", "/api/v1/auth/verify-pin", {"pin": "4321"})
        self.assertEqual(status, 401)
        status, body, _ = self.server.ask("POST", "/api/v1/auth/login", {"pin": "1234"})
        self.assertEqual(status, 200)
        self.assertEqual(body["data"]["expiresIn"], 86400)
        bearer = {"Authorization": "Bearer " + body["data"]["token"]}
        _, body, _ = self.server.ask("GET", "/api/v1/auth/session", headers=bearer)
        self.assertIs(body["data"]["valid"], True)
        self.assertIn("expiresAt", body["data"])
        self.assertIs(self.server.get("/api/v1/auth/session")["data"]["valid"], False)
        status, _, _ = self.server.ask("POST", "/api/v1/auth/logout", headers=bearer)
        self.assertEqual(status, 200)
        status, _, _ = self.server.ask("POST", "/api/v1/auth/logout", headers=bearer)
        self.assertEqual(status, 401)

    def test_body_of_the_limit_is_taken_and_one_byte_more_refused(self):
        path = "/api/v1/websocket/broadcast"
        empty = len(b'{"type": "x", "data": {"p": ""}}')
        status, _, _ = self.server.ask("POST", path, {"type": "x",
                                                      "data": {"p": "y" * (1000 - empty)}})
        self.assertEqual(status, 200)
        status, body, _ = self.server.ask("POST", path, {"type": "x",
                                                         "data": {"p": "y" * (1001 - empty)}})
        self.assertEqual((status, body["code"]), (413, 413))

    def test_a_body_announced_too_large_is_refused_before_it_comes(self):
        with self.server.connect() as connection:
            connection.sendall(b"POST /api/v1/websocket/broadcast HTTP/1.1\r\nHost: a\r\n"
                               b"Content-Length: 1001\r\n\r\n")
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 413 "))

    def test_chunked_body_beyond_the_limit_is_refused(self):
        with self.server.connect() as connection:
            connection.sendall(b"POST /api/v1/websocket/broadcast HTTP/1.1\r\nHost: a\r\n"
                               b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(5):
                connection.sendall(b"100\r\n" + b"z" * 256 + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            self.assertTrue(backend.read_reply(connection).startswith("HTTP/1.1 413 "))

    def test_bodies_that_come_byte_by_byte_do_not_keep_their_connections(self):
        with backend.Backend("http.read_timeout=200ms", "http.max_connections=2") as server:
            slow = [server.connect() for _ in range(2)]
            for connection in slow:
                connection.sendall(b"POST /api/v1/websocket/broadcast HTTP/1.1\r\nHost: x\r\n"
                                   b"Content-Length: 5000\r\n\r\n")

            def are_cut_off():
                for connection in slow:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"x")
                return len(server.logged("Request cut off: its body takes too long")) == 2
            backend.eventually(are_cut_off, "both have had their time")
            backend.eventually(lambda: server.ask("GET", "/health")[0] == 200,
                               "their connections are free again")
            for connection in slow:
                connection.close()

    def test_url_beyond_the_limit_is_a_414(self):
        status, _, _ = self.server.ask("GET", "/health?" + "a" * 292)
        self.assertEqual(status, 200)
        status, body, _ = self.server.ask("GET", "/health?" + "a" * 293)
        self.assertEqual((status, body["code"]), (414, 414))

    def test_several_requests_share_a_connection(self):
        with self.server.connect() as connection:
            for _ in range(3):
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))

    def test_ws_without_upgrade_is_a_426(self):
        status, _, _ = self.server.ask("GET", "/ws")
        self.assertEqual(status, 426)


if __name__ == "__main__":
    backend.main()
