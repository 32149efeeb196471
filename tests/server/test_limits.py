"""Limits that hold, each refusal counted; the access log; what F01 and F33 leak by requests.

SPDX-License-Identifier: MIT
"""
import socket
import time

import backend

LIMITS = "/api/v1/system/limits"
AUTH = "/api/v1/auth"
# This machine has no limit per address while it needs no proof.
STRICT = ("auth.allow_localhost_bypass=false", "auth.api_secret=of-the-test")
PROOF = {"X-API-Secret": "of-the-test"}


def limits(server):
    """What is refused, and what is in use, by now. The connection of the question before may still
    have its place."""
    def answer():
        status, body, _ = server.ask("GET", LIMITS, headers=PROOF)
        if status not in (200, 429):
            raise AssertionError(f"{status} {body}")
        return status == 200 and body["data"]
    return backend.eventually(answer, "a place for the question")


def request(path="/health", **headers):
    """A request as bytes, for a connection that stays open."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()


def is_closed(connection):
    """Reads what is there. Whether the server has closed the connection."""
    connection.settimeout(0.01)
    try:
        while connection.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


class Addresses(backend.TestCase):
    def test_one_address_has_so_many_connections_and_they_are_free_again(self):
        with backend.Backend(*STRICT, "http.max_connections_per_address=3") as server:
            held = [server.connect() for _ in range(3)]
            for connection in held:
                connection.sendall(request())
                self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))
            with server.connect() as connection:
                connection.sendall(request())
                reply = backend.read_reply(connection)
            self.assertTrue(reply.startswith("HTTP/1.1 429 "), reply)
            self.assertIn("Retry-After:", reply)
            held.pop().close()
            backend.eventually(lambda: server.ask("GET", "/health")[0] == 200, "a place is free")
            for connection in held:
                connection.close()
            self.assertGreaterEqual(limits(server)["refused"]["address"], 1)
            backend.eventually(lambda: limits(server)["now"]["connections"] == 1, "all are gone")
            self.assertEqual(limits(server)["now"]["addresses"], 1)

    def test_one_address_has_so_many_connections_without_a_request(self):
        with backend.Backend(*STRICT, "acceptor.max_pending_per_address=4") as server:
            silent = [server.connect() for _ in range(4)]
            backend.eventually(lambda: self.is_refused(server), "a fifth is refused")
            for connection in silent:
                connection.close()
            backend.eventually(lambda: not self.is_refused(server), "places are free")
            self.assertGreaterEqual(limits(server)["refused"]["address"], 1)

    def is_refused(self, server):
        """Whether a connection that says nothing is answered at once."""
        with server.connect() as connection:
            connection.settimeout(0.05)
            try:
                return connection.recv(100).startswith(b"HTTP/1.1 429 ")
            except TimeoutError:
                return False

    def test_a_trusted_proxy_and_this_machine_have_no_such_limit(self):
        for settings in (("auth.trusted_proxies=127.0.0.1", "auth.allow_localhost_bypass=false"), ()):
            with backend.Backend(*settings, "http.max_connections_per_address=1",
                                 "acceptor.max_pending_per_address=1") as server:
                held = [server.connect() for _ in range(5)]
                for connection in held:
                    connection.sendall(request())
                    self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))
                for connection in held:
                    connection.close()


class Sizes(backend.TestCase):
    def test_each_is_refused_with_its_status_and_counted(self):
        with backend.Backend("http.max_body_bytes=1000", "http.max_url_bytes=300",
                             "http.max_headers=20", "acceptor.max_head_bytes=4000") as server:
            many = {f"X-{number}": "1" for number in range(25)}
            self.assertEqual(server.ask("GET", "/health", headers=many)[0], 431)
            self.assertEqual(server.ask("GET", "/health?" + "a" * 400)[0], 414)
            self.assertEqual(server.ask("POST", f"{AUTH}/login", b"x" * 1001)[0], 413)
            with server.connect() as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nX: " + b"x" * 5000)
                self.assertTrue(backend.read_reply(connection).startswith("HTTP/1.1 431 "))
            refused = limits(server)["refused"]
            for name in ("too_many_headers", "url_too_long", "body_too_large", "head_too_long"):
                self.assertEqual(refused[name], 1, name)
            self.assertEqual(limits(server)["limits"]["max_headers"], 20)

    def test_a_head_too_long_on_a_connection_in_use_ends_it(self):
        with backend.Backend("acceptor.max_head_bytes=2000", "http.max_url_bytes=500") as server:
            with server.connect() as connection:
                connection.sendall(request())
                self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))
                connection.sendall(b"GET /health HTTP/1.1\r\nX: " + b"x" * 40000 + b"\r\n\r\n")
                reply = backend.read_reply(connection)
            self.assertFalse(reply.startswith("HTTP/1.1 200 "), reply[:100])
            self.assertEqual(server.ask("GET", "/health")[0], 200)


class Times(backend.TestCase):
    def test_a_head_that_comes_byte_by_byte_ends_a_connection_in_use(self):
        with backend.Backend("http.idle_timeout=1s", "acceptor.head_timeout=100ms") as server:
            with server.connect() as connection:
                connection.sendall(request())
                self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))
                begin = time.monotonic()

                def is_cut():
                    try:
                        connection.sendall(b"G" if connection.fileno() >= 0 else b"")
                    except OSError:
                        return True
                    return is_closed(connection)
                connection.sendall(b"GET /health HTTP/1.1\r\nX: ")
                backend.eventually(is_cut, "it was cut off")
                self.assertGreater(time.monotonic() - begin, 0.9)
            self.assertEqual(limits(server)["refused"]["late_heads"], 1)

    def test_a_silent_body_is_cut_off_and_counted(self):
        with backend.Backend("http.read_timeout=100ms") as server, server.connect() as connection:
            connection.sendall(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n"
                               b"Content-Length: 50\r\n\r\n{")
            backend.eventually(lambda: is_closed(connection), "it was cut off")
            self.assertEqual(limits(server)["refused"]["late_bodies"], 1)
            backend.eventually(lambda: limits(server)["refused"]["unanswered"] == 1,
                               "its request has ended")

    def test_a_reply_that_is_not_taken_is_cut_off(self):
        with backend.Backend("http.write_timeout=200ms") as server:
            for number in range(250):
                status, body, _ = server.ask("POST", "/api/v1/entities", {
                    "id": f"e{number}", "type": "generic", "friendly_name": "x" * 200,
                    "attributes": {f"a{at}": "x" * 200 for at in range(20)}})
                self.assertEqual(status, 200, body)
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", server.port))
                # More than the kernel takes by itself, 4 MiB.
                connection.sendall(request("/api/v1/entities") * 8)
                backend.eventually(lambda: limits(server)["refused"]["late_replies"] == 1,
                                   "it was cut off")
                backend.eventually(lambda: limits(server)["now"]["connections"] == 1,
                                   "its connection is given back, although it is still there")
            self.assertEqual(server.ask("GET", "/health")[0], 200)

    def test_a_fast_client_is_never_cut_off(self):
        with backend.Backend("http.read_timeout=300ms", "http.write_timeout=300ms") as server:
            with server.connect() as connection:
                for _ in range(3):
                    connection.sendall(request())
                    self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))
                    time.sleep(0.4)  # silent for longer than both, between two requests
            refused = limits(server)["refused"]
            self.assertEqual((refused["late_heads"], refused["late_bodies"],
                              refused["late_replies"]), (0, 0, 0))


class AccessLog(backend.TestCase):
    def test_a_hundred_successes_are_one_line_and_failures_one_each(self):
        with backend.Backend() as server:
            for number in range(100):
                server.get(f"/health?secret={number}")
            server.ask("GET", "/api/v1/none?secret=7")
            line, = server.logged("Requests")
            self.assertEqual((line["method"], line["route"], line["status"], line["count"]),
                             ("GET", "/health", 200, 100))
            self.assertLessEqual(line["min_ms"], line["avg_ms"])
            self.assertLessEqual(line["avg_ms"], line["max_ms"])
            failed, = server.logged("Request")
            self.assertEqual((failed["method"], failed["path"], failed["status"],
                              failed["client"]), ("GET", "/api/v1/none", 404, "127.0.0.1"))
            for _ in range(7):
                server.get("/health")
            server.get(f"{AUTH}/pin-status")
            server.stop()
            told = {(line["method"], line["route"]): line["count"]
                    for line in server.logged("Requests")[1:]}
            self.assertEqual(told[("GET", "/health")], 7)
            self.assertEqual(told[("GET", f"{AUTH}/pin-status")], 1)
            with open(server.log_path, encoding="utf-8") as file:
                self.assertNotIn("secret", file.read())

    def test_a_route_is_told_by_its_pattern(self):
        with backend.Backend("logging.access_batch=5") as server:
            for number in range(5):
                server.ask("PUT", f"/api/v1/debug/faults/F0{number % 2}", {"enabled": False})
            line, = server.logged("Requests")
            self.assertEqual((line["route"], line["count"]), ("/api/v1/debug/faults/:id", 5))

    def test_what_waits_is_told_after_a_while(self):
        with backend.Backend("logging.access_batch_age=100ms", "http.read_timeout=100ms") as server:
            server.get("/health")
            backend.eventually(lambda: server.logged("Requests"), "the summary")

    def test_each_alone_or_none(self):
        with backend.Backend("logging.access_batch=1") as server:
            server.get("/health")
            self.assertEqual(server.logged("Request")[0]["status"], 200)
        with backend.Backend("logging.access_batch=0") as server:
            server.get("/health")
            server.stop()
            self.assertEqual(server.logged("Request") + server.logged("Requests"), [])


class Leaks(backend.TestCase):
    def truth(self, server):
        return server.get("/api/v1/debug/resources")["data"]

    def test_f01_is_at_every_endpoint_of_authentication(self):
        calls = (("GET", "pin-status"), ("GET", "session"), ("GET", "remote-status"),
                 *(("POST", name) for name in (
                     "set-pin", "register", "verify-pin", "login", "change-pin", "disable-pin",
                     "logout", "validate", "user/login", "user/register")))
        with backend.Backend("faults.F01.enabled=true") as server:
            for at, (method, name) in enumerate(calls):
                server.ask(method, f"{AUTH}/{name}", {} if method == "POST" else None)
                self.assertEqual(self.truth(server)["leaked"]["F01"], at + 1, name)
            backend.eventually(lambda: server.threads().count("auth-cleanup") == 1 + len(calls),
                               "a thread for each")

    def test_f33_keeps_each_distinct_url_and_without_it_none_is_kept(self):
        with backend.Backend() as server:
            def kept(times):
                """Asks for 40 URLs, and how many are kept by it."""
                before = self.truth(server)["counters"]["http.log_raw_paths"]
                for number in range(40 * times):
                    server.get(f"/health?{number % 40}")
                return self.truth(server)["counters"]["http.log_raw_paths"] - before
            self.assertEqual(kept(1), 0)
            server.ask("PUT", "/api/v1/debug/faults/F33", {"enabled": True})
            # The forty, and the question itself.
            self.assertIn(kept(3), (40, 41))
            self.assertEqual(kept(1), 0)
            server.ask("PUT", "/api/v1/debug/faults/F33", {"enabled": False})
            truth = self.truth(server)
            self.assertEqual(truth["counters"]["http.log_raw_paths"], truth["leaked"]["F33"])

    def test_f33_grows_the_heap_of_http_by_what_it_keeps(self):
        def used(server):
            http = self.truth(server)["subsystems"]["http"]
            return http["bytes"] - http["cached_bytes"]

        def ask(server, count):
            """So many URLs of 200 bytes, on one connection."""
            with server.connect() as connection:
                for number in range(count):
                    connection.sendall(request(f"/health?{'x' * 180}{number}"))
                    connection.recv(65536)
        with backend.Backend("logging.access_batch=0") as server:
            if "http" not in self.truth(server)["subsystems"]:
                self.skipTest("a sanitizer's allocator has no arenas")
            ask(server, 2000)
            before = used(server)
            ask(server, 2000)
            unchanged = used(server) - before
            server.ask("PUT", "/api/v1/debug/faults/F33", {"enabled": True})
            ask(server, 2000)
            self.assertGreater(used(server) - before - unchanged, 2000 * 200)
            self.assertLess(abs(unchanged), 2000 * 100)

    def test_f33_drives_itself_at_a_rate(self):
        with backend.Backend("faults.F33.enabled=true", "faults.F33.rate=500",
                             "faults.F33.limit=30") as server:
            backend.eventually(lambda: self.truth(server)["counters"]["http.log_raw_paths"] == 30,
                               "the limit")


class Shutdown(backend.TestCase):
    def test_requests_that_hold_it_up_are_named(self):
        with backend.Backend("faults.F34.enabled=true", "server.shutdown_timeout=1s",
                             "logging.level=debug") as server:
            with server.connect() as connection:
                body = b'{"type": "notification", "data": {}}'
                connection.sendall(b"POST /api/v1/websocket/broadcast HTTP/1.1\r\nHost: x\r\n"
                                   b"Content-Length: %d\r\n\r\n" % len(body))
                backend.eventually(lambda: server.get("/api/v1/debug/resources")["data"]["http"]
                                   ["active_requests"] == 2, "it has begun")
                server.process.terminate()
                backend.eventually(lambda: [line for line in server.logged("Stopping")
                                            if line["part"] == "http"], "the hub is gone")
                connection.sendall(body)
                self.assertEqual(server.process.wait(backend.DEADLINE_S), 4)
            named, = server.logged("A request is still running")
            self.assertEqual(named["request"], "POST /api/v1/websocket/broadcast")
            self.assertEqual(server.logged("Shutdown took too long; the process ends now")[0]
                             ["part"], "http")


if __name__ == "__main__":
    backend.main()
