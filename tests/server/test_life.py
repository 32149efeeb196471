"""Start, settings, and the end of the server.

SPDX-License-Identifier: MIT
"""
import asyncio
import os
import signal
import socket
import tempfile

import backend
import websockets


class Start(backend.TestCase):
    def test_the_parts_stop_against_the_stream_of_work(self):
        with backend.Backend("logging.level=debug") as server:
            self.assertEqual(server.stop()[0], 0)
            parts = [line["part"] for line in server.logged("Stopping")]
            order = ["acceptor", "http", "sources", "workers", "ai", "hub", "store", "monitor"]
            self.assertEqual([part for part in parts if part in order], order)

    def test_a_port_that_is_taken_is_exit_3_with_advice(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = backend.run_once("--set", "server.host=127.0.0.1", PORT=str(port))
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"cannot listen on 127.0.0.1:{port}: Address already in use", done.stderr)
        self.assertIn("--set server.port=N", done.stderr)

    def test_an_address_of_another_machine_is_exit_3(self):
        done = backend.run_once("--set", "server.host=192.0.2.1", "--set", "server.port=0")
        self.assertEqual(done.returncode, 3)
        self.assertIn("no such address", done.stderr)

    def test_all_errors_of_a_file_are_listed_with_lines_and_exit_2(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("server:\n  port: 99999\nwebsoket:\n  max_clients: 3\n"
                       "memory_monitor:\n  check_interval: 30\n")
            file.flush()
            done = backend.run_once("-config", file.name, "--set", "http.threads=0")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 4, done.stderr)
        self.assertIn(f"{file.name}:2: server.port: \"99999\" is not a whole number", lines[0])
        self.assertIn(f"{file.name}:3: websoket: unknown key", lines[1])
        self.assertIn(f"{file.name}:6: memory_monitor.check_interval: \"30\"", lines[2])
        self.assertIn("--set: http.threads: \"0\"", lines[3])

    def test_a_wrong_option_is_exit_2_in_one_line(self):
        for arguments in (("--nonsense",), ("extra",), ("-config",), ("--set", "novalue"),
                          ("-config", "/nonexistent.yaml"), ("--set", "a.b=c"),
                          ("--version=3",)):
            done = backend.run_once(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_the_example_configuration_is_valid_and_holds_the_defaults(self):
        example = os.path.join(os.path.dirname(__file__), "..", "..", "configs",
                               "pma-backend.yaml")
        done = backend.run_once("-config", example, "--check-config")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with backend.Backend() as plain, backend.Backend(arguments=("-config", example)) as file:
            path = "/api/v1/memory/monitor"
            self.assertEqual(plain.get(path)["data"]["config"], file.get(path)["data"]["config"])

    def test_version_and_help_print_and_exit_0(self):
        for option in ("-version", "--version"):
            done = backend.run_once(option)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, r"^pma-backend \d+\.\d+\.\d+\n$")
        self.assertIn("usage: pma-backend", backend.run_once("-help").stdout)

    def test_the_log_is_json_lines_and_has_the_memory_statistics(self):
        with backend.Backend() as server:
            line = backend.eventually(lambda: server.logged("Memory statistics"), "logged")[0]
            self.assertEqual(line["level"], "info")
            for key in ("time", "heap_alloc", "max_heap_alloc", "usage_percent", "goroutines",
                        "max_goroutines"):
                self.assertIn(key, line)


class Pressure(backend.TestCase):
    def test_memory_pressure_is_logged_handled_and_shown(self):
        with backend.Backend("memory_monitor.max_heap_alloc=1KiB",
                             "memory_monitor.check_interval=40ms") as server:
            def critical():
                data = server.get("/api/v1/memory/monitor")["data"]
                alerts = {alert["type"]: alert for alert in data["alerts"]}
                critical = alerts.get("heap_alloc", {}).get("severity") == "critical"
                return data if critical and data["pressure_events"] >= 3 else None
            data = backend.eventually(critical, "sustained pressure becomes critical")
            self.assertIs(data["under_pressure"], True)
            warning = server.logged("Memory pressure detected")[0]
            self.assertEqual(warning["level"], "warn")
            self.assertTrue(server.logged("Collection forced by memory pressure"))
            self.assertTrue(server.logged("WebSocket clean-up"))
            self.assertTrue(server.logged("Memory pressure continues after clean-up"))
            self.assertGreater(server.get("/api/v1/memory/stats")["data"]["num_gc"], 0)

    def test_more_threads_than_allowed_are_a_leak_warning(self):
        with backend.Backend("memory_monitor.max_goroutines=3") as server:
            backend.eventually(lambda: server.logged("Goroutine leak detected"), "warned")
            backend.eventually(lambda: server.logged(
                "More threads than allowed; most of them share one name"), "callback")


class Stop(backend.TestCase):
    def assert_clean(self, server, which=signal.SIGTERM, leaked_threads=0):
        status, took_s = server.stop(which)
        self.assertEqual(status, 0, server.log()[-3:])
        self.assertLess(took_s, backend.STOP_S)
        end = server.logged("Server stopped")
        self.assertEqual(len(end), 1)
        self.assertIs(end[0]["clean"], True)
        self.assertEqual(end[0]["threads_left"], leaked_threads + backend.sanitizer_threads())
        self.assertEqual(end[0]["fds_left"], 0)
        self.assertEqual(server.logged("Worker did not stop in time"), [])

    def test_sigterm_and_sigint_end_an_idle_server_cleanly(self):
        for which in (signal.SIGTERM, signal.SIGINT):
            with backend.Backend() as server:
                self.assert_clean(server, which)

    def test_sigterm_under_load_is_clean_and_below_two_seconds(self):
        with backend.Backend() as server:
            half = server.connect()
            half.sendall(b"GET /heal")
            body = server.connect()
            body.sendall(b"POST /api/v1/memory/gc HTTP/1.1\r\nHost: a\r\n"
                         b"Content-Length: 100\r\n\r\nx")
            idle = server.connect()
            idle.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            idle.recv(65536)
            backend.eventually(lambda: server.get("/api/v1/debug/resources")["data"]["http"]
                               ["active_requests"] == 2, "the half request is running")
            self.assert_clean(server)
            for connection in (half, body, idle):
                connection.close()

    def test_websocket_clients_get_1001(self):
        async def talk(server):
            url = f"ws://127.0.0.1:{server.port}/ws"
            async with websockets.connect(url, open_timeout=backend.DEADLINE_S) as client:
                await asyncio.wait_for(client.recv(), backend.DEADLINE_S)
                server.process.send_signal(signal.SIGTERM)
                await asyncio.wait_for(client.wait_closed(), backend.DEADLINE_S)
                return client.close_code
        with backend.Backend() as server:
            self.assertEqual(asyncio.run(talk(server)), 1001)
            self.assertEqual(server.process.wait(backend.DEADLINE_S), 0)

    def test_the_port_is_free_again_after_the_end(self):
        with backend.Backend() as server:
            server.get("/health")
            server.stop()
            with backend.Backend(f"server.port={server.port}") as second:
                self.assertEqual(second.port, server.port)

    def test_blocked_and_leaked_threads_do_not_hold_up_the_end(self):
        with backend.Backend(PMA_FAULTS="F00,F01") as server:
            for _ in range(20):
                server.get("/api/v1/auth/pin-status")
            backend.eventually(lambda: "blocked" in server.threads(), "F00 has its thread")
            self.assert_clean(server, leaked_threads=21)


if __name__ == "__main__":
    backend.main()
