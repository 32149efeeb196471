"""Heap of idle WebSocket connections: at most 6 KiB each, and all of it comes back.

    PMA_IDLE_CLIENTS=5000 PMA_BACKEND=build/release/bin/pma-backend \
        /usr/bin/python3 tests/server/test_hub_memory.py -v

prints the figures for as many connections as the limit of open files allows.

SPDX-License-Identifier: MIT
"""
import os
import resource
import select
import socket
import unittest

import backend
from test_hub_requests import HANDSHAKE

CLIENTS = int(os.environ.get("PMA_IDLE_CLIENTS", "500"))
BYTES_MAX = 6 * 1024
MEMORY = "/api/v1/memory/"
STATS = "/api/v1/websocket/stats"
AGENT = b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"
AT_ONCE = 100


class IdleConnections(backend.TestCase):
    def setUp(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with open(backend.BINARY, "rb") as file:
            if b"__asan_init" in (content := file.read()) or b"__tsan_init" in content:
                self.skipTest("a sanitizer has no arenas and heap of its own")

    def heap(self):
        """(bytes of the hub's arena, bytes of the whole heap), after a collection."""
        self.server.ask("POST", MEMORY + "gc", {})
        arenas = self.server.get("/api/v1/debug/resources")["data"]["subsystem_bytes"]
        return arenas["websocket"], self.server.get(MEMORY + "stats")["heap_alloc"]

    def connect_many(self, count):
        """Clients in strokes of AT_ONCE, each with its welcome read; the source address
        changes, because one has only some 28,000 ports."""
        head, rest = HANDSHAKE.split(b"\r\n", 1)
        clients = []
        for begin in range(0, count, AT_ONCE):
            fresh = []
            for number in range(begin, min(begin + AT_ONCE, count)):
                link = socket.socket()
                link.bind((f"127.0.0.{2 + number // 20000}", 0))
                link.connect(("127.0.0.1", self.server.port))
                link.sendall(head + b"\r\n" + AGENT + rest)
                fresh.append(link)
            for link in fresh:
                text = b""
                while b'"welcome"' not in text:
                    readable, _, _ = select.select([link], [], [], backend.DEADLINE_S) \
                        if link.fileno() < 1024 else ([link], None, None)
                    self.assertTrue(readable, text)
                    text += link.recv(4096)
            clients += fresh
        return clients

    def connected(self):
        return self.server.get(STATS)["data"]["connected_clients"]

    def close_many(self, clients):
        for client in clients:
            client.close()
        backend.eventually(lambda: self.connected() == 0, "all are gone", 30)

    def measure(self, *settings):
        """Returns bytes per connection: of the hub's arena, of the whole heap."""
        self.server = backend.Backend(f"websocket.max_clients={max(CLIENTS, 1000)}",
                                      "websocket.ping_interval=1h",
                                      "websocket.heartbeat_interval=1h", *settings)
        with self.server:
            self.close_many(self.connect_many(AT_ONCE))  # tables of the first ones
            before = self.heap()
            clients = self.connect_many(CLIENTS)
            backend.eventually(lambda: self.connected() == CLIENTS, "all are connected")
            during = self.heap()
            # Caches of threads vary by some 100 KiB, tables by descriptor keep the size of the
            # peak: it is the second round that shows a record that stays.
            self.close_many(clients)
            after = self.heap()
            self.close_many(self.connect_many(CLIENTS))
            self.assertLess(self.heap()[0] - after[0], CLIENTS * 400)
        return tuple((b - a) / CLIENTS for a, b in zip(before, during))

    def test_one_takes_less_than_6_kib_and_gives_it_back(self):
        arena, heap = self.measure()
        whole, _ = self.measure("websocket.preallocate_buffers=true")
        print(f"\n{CLIENTS} idle connections: {arena:.0f} bytes each in the hub's arena, "
              f"{heap:.0f} in the whole heap; with preallocated buffers {whole:.0f}")
        self.assertGreater(arena, 500)
        self.assertLess(arena, BYTES_MAX)
        self.assertLess(heap, BYTES_MAX)
        self.assertGreater(whole, arena + 8000)


if __name__ == "__main__":
    unittest.main()
