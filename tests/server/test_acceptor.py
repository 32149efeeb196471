"""The one port: slow, silent, endless and foreign clients stall nobody.

SPDX-License-Identifier: MIT
"""
import asyncio
import resource
import time

import backend
import websockets


class Acceptor(backend.TestCase):
    def counts(self, server):
        return server.get("/api/v1/debug/resources")["data"]["acceptor"]

    def test_slow_heads_do_not_stall_others_and_time_out(self):
        with backend.Backend("acceptor.head_timeout=2s") as server:
            slow = [server.connect() for _ in range(50)]
            begin = time.monotonic()
            for connection in slow:
                connection.sendall(b"GET /health HT")
            for _ in range(20):
                server.get("/health")
            counts = self.counts(server)
            self.assertEqual(counts["timed_out"], 0, "the others were served meanwhile")
            for connection in slow:
                self.assertTrue(backend.read_reply(connection).startswith("HTTP/1.1 408 "))
                connection.close()
            self.assertGreaterEqual(time.monotonic() - begin, 1.9)
            counts = self.counts(server)
            self.assertEqual((counts["timed_out"], counts["pending"]), (50, 0))

    def test_a_head_in_pieces_is_put_together(self):
        with backend.Backend() as server, server.connect() as connection:
            for byte in b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n":
                connection.sendall(bytes([byte]))
            self.assertTrue(backend.read_reply(connection).startswith("HTTP/1.1 200 "))

    def test_an_endless_head_is_a_431(self):
        with backend.Backend("acceptor.max_head_bytes=2000", "http.max_url_bytes=500") as server:
            with server.connect() as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nX: " + b"x" * 3000)
                self.assertTrue(backend.read_reply(connection).startswith("HTTP/1.1 431 "))
            self.assertEqual(self.counts(server)["head_too_long"], 1)

    def test_what_is_not_http_is_a_400_at_once(self):
        with backend.Backend() as server:
            with server.connect() as connection:
                connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
                self.assertTrue(backend.read_reply(connection).startswith("HTTP/1.1 400 "))
            self.assertEqual(self.counts(server)["not_http"], 1)

    def test_the_oldest_pending_gives_way_to_a_new_one(self):
        with backend.Backend("acceptor.max_pending=5", "acceptor.head_timeout=60s") as server:
            silent = [server.connect() for _ in range(5)]
            backend.eventually(lambda: self.counts(server)["pending"] == 4 or
                               self.counts(server)["evicted"] > 0, "the table was full")
            self.assertTrue(backend.read_reply(silent[0]).startswith("HTTP/1.1 503 "))
            server.get("/health")
            for connection in silent:
                connection.close()

    def test_a_client_that_leaves_early_is_forgotten(self):
        with backend.Backend() as server:
            fds = server.get("/api/v1/debug/resources")["data"]["fds"]
            for _ in range(20):
                server.connect().close()
            backend.eventually(lambda: self.counts(server)["closed_early"] == 20, "all noticed")
            backend.eventually(lambda: server.get("/api/v1/debug/resources")["data"]["fds"] <= fds,
                               "their descriptors are closed")

    def test_http_beyond_its_connections_is_a_503(self):
        with backend.Backend("http.max_connections=2", "http.threads=1") as server:
            held = []
            for _ in range(2):
                connection = server.connect()
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))
                held.append(connection)
            with server.connect() as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                reply = backend.read_reply(connection)
            self.assertTrue(reply.startswith("HTTP/1.1 503 "), reply)
            self.assertIn("Retry-After:", reply)
            for connection in held:
                connection.close()

            def served_again():
                return server.ask("GET", "/health")[0] == 200
            backend.eventually(served_again, "a connection is free again")

    def test_one_port_serves_http_and_websocket(self):
        async def talk(url):
            async with websockets.connect(url, open_timeout=backend.DEADLINE_S) as client:
                return await asyncio.wait_for(client.recv(), backend.DEADLINE_S)
        with backend.Backend() as server:
            welcome = asyncio.run(talk(f"ws://127.0.0.1:{server.port}/ws"))
            self.assertIn('"welcome"', welcome)
            server.get("/health")
            self.assertEqual(self.counts(server)["to_hub"], 1)

    def test_a_full_hub_is_a_503_before_the_upgrade(self):
        async def talk(url):
            async with websockets.connect(url, open_timeout=backend.DEADLINE_S) as client:
                await asyncio.wait_for(client.recv(), backend.DEADLINE_S)
                with self.assertRaises(websockets.InvalidStatusCode) as refusal:
                    await websockets.connect(url, open_timeout=backend.DEADLINE_S)
                return refusal.exception.status_code
        with backend.Backend("websocket.max_clients=1") as server:
            self.assertEqual(asyncio.run(talk(f"ws://127.0.0.1:{server.port}/ws")), 503)
            self.assertEqual(server.get("/api/v1/websocket/stats")["data"]["rejected"], 1)

    def test_the_limit_of_descriptors_is_raised_to_what_is_configured(self):
        def limits(soft, hard):
            return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with backend.Backend("websocket.max_clients=100", "http.max_connections=50",
                             "acceptor.max_pending=20", before=limits(150, 1024)) as server:
            allowed, _ = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            self.assertGreaterEqual(allowed, 100 + 50 + 20)
            self.assertEqual([line for line in server.log() if line["level"] == "warn"], [])
        with backend.Backend("websocket.max_clients=100", before=limits(150, 150)) as server:
            warning = [line for line in server.log() if line["level"] == "warn"][0]
            self.assertEqual(warning["allowed"], 150)
            self.assertGreater(warning["needed"], 600)

    def test_a_lack_of_descriptors_does_not_spin_and_ends(self):
        with backend.Backend() as server:
            fds = server.get("/api/v1/debug/resources")["data"]["fds"]
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (fds + 8, 1024))
            many = [server.connect() for _ in range(60)]
            backend.eventually(lambda: server.logged("Connections dropped: no file descriptor "
                                                     "left"), "it was noticed")
            for connection in many:
                connection.close()

            def served():
                try:
                    return server.ask("GET", "/health")[0] == 200
                except OSError:
                    return False
            backend.eventually(served, "served again")
            # One per connection that was dropped: a spinning loop would count thousands.
            self.assertLessEqual(self.counts(server)["accept_errors"], 60)
            self.assertLessEqual(len(server.log()), 20)


if __name__ == "__main__":
    backend.main()
