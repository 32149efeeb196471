"""The hub's faults: with each, what it leaks grows as its table says; without, it does not.

The truth is the kernel's: /proc of the server, read from outside.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import unittest

import websockets

import backend
from test_hub import BROADCAST, HubCase, close_code, eventually, receive, reset

FAULTS = "/api/v1/debug/faults"
RESOURCES = "/api/v1/debug/resources"


class Faults(HubCase):
    def fds(self):
        """Descriptors of the server, but for those of REST connections that come and go."""
        kept = 0
        for fd in os.listdir(f"/proc/{self.server.pid}/fd"):
            try:
                kept += os.readlink(f"/proc/{self.server.pid}/fd/{fd}").startswith("socket:")
            except FileNotFoundError:
                continue
        return kept

    def threads(self, name):
        return self.server.threads().count(name)

    def occurrences(self, fault):
        return self.server.get(RESOURCES)["data"]["leaked"][fault]

    def switch(self, fault, **setting):
        self.assertEqual(self.server.ask("PUT", f"{FAULTS}/{fault}", setting)[0], 200)

    def broadcast(self, **data):
        return self.server.ask("POST", BROADCAST, {"type": "notification", "data": data})[0]

    async def settle(self, baseline, what):
        """Waits until as many sockets are open as at `baseline`."""
        await eventually(lambda: self.fds() <= baseline, what)

    async def test_f02_loses_a_thread_per_broadcast_once_the_loop_stands_still(self):
        self.serve("heartbeat_interval=60ms", "cleanup_interval=20ms")
        client = await self.connect()
        self.assertEqual((await receive(client))["type"], "heartbeat")
        self.broadcast()
        self.assertEqual(self.threads("ws-broadcast"), 0)
        self.switch("F02", enabled=True)
        await eventually(lambda: self.broadcast() == 200 and self.threads("ws-broadcast") > 0,
                         "the loop stands still")
        before, runs = self.threads("ws-broadcast"), self.stats()["cleanup_runs"]
        for _ in range(20):
            self.assertEqual(self.broadcast(lost=True), 200)
        await eventually(lambda: self.threads("ws-broadcast") == before + 20, "twenty threads")
        self.assertEqual(self.occurrences("F02"), before + 20)
        self.assertLessEqual(self.stats()["cleanup_runs"], runs + 1)
        self.switch("F02", enabled=False)
        self.broadcast(lost=False)
        while "lost" not in (message := await receive(client))["data"]:
            pass
        self.assertIs(message["data"]["lost"], False)
        self.assertEqual(self.threads("ws-broadcast"), before + 20)
        await client.close()

    async def test_f02_drives_itself_at_a_rate(self):
        self.serve(PMA_FAULTS="F02")
        self.switch("F02", enabled=True, rate=200, limit=12)
        await eventually(lambda: self.threads("ws-broadcast") == 12, "the limit")

    async def test_f03_keeps_a_thread_and_the_socket_of_each_client_that_connects(self):
        self.serve(PMA_FAULTS="F03")
        before = self.fds()
        for _ in range(10):
            client = await websockets.connect(f"ws://127.0.0.1:{self.server.port}/ws",
                                              ping_interval=None, close_timeout=0.05)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(client.recv(), 0.02)
            reset(client)
        await eventually(lambda: self.threads("ws-accept") == 10, "ten threads")
        await eventually(lambda: self.fds() == before + 10, "ten sockets")
        self.assertEqual(self.stats()["connected_clients"], 0)
        self.switch("F03", enabled=False)
        await (await self.connect()).close()
        await eventually(lambda: self.fds() == before + 10, "no more")
        self.assertEqual(self.threads("ws-accept"), 10)

    async def test_a_stop_with_blocked_clients_is_in_time_and_tells_what_is_left(self):
        self.serve(PMA_FAULTS="F03,F04")
        client = await websockets.connect(f"ws://127.0.0.1:{self.server.port}/ws",
                                          ping_interval=None, close_timeout=0.05)
        await eventually(lambda: self.threads("ws-accept") == 1, "one is blocked")
        self.switch("F03", enabled=False)
        reset(await self.connect())
        await eventually(lambda: self.threads("ws-reader") == 1, "another one")
        status, seconds = self.server.stop()
        self.assertEqual(status, 0)
        self.assertLess(seconds, backend.STOP_S)
        stopped = self.server.logged("Server stopped")[0]
        self.assertEqual((stopped["threads_left"], stopped["fds_left"]),
                         (2 + backend.sanitizer_threads(), 1))
        client.transport.abort()

    async def test_f04_keeps_a_thread_for_ever_and_the_socket_until_the_next_ping(self):
        self.serve("ping_interval=700ms", PMA_FAULTS="F04")
        before = self.fds()
        clients = [await self.connect() for _ in range(10)]
        for client in clients:
            reset(client)
        await eventually(lambda: self.threads("ws-reader") == 10, "ten threads")
        self.assertEqual(self.stats()["connected_clients"], 0)
        self.assertEqual(self.stats()["lingering"], 10)
        self.assertGreaterEqual(self.fds(), before + 10)
        await self.settle(before, "the sockets are closed at the next ping")
        self.assertEqual((self.threads("ws-reader"), self.stats()["lingering"]), (10, 0))

    async def test_f05_and_f06_records_have_the_size_of_the_originals(self):
        for fault in ("F05", "F06"):
            self.serve(PMA_FAULTS=fault)
            sizes = []
            for _ in range(2):
                for _ in range(50):
                    reset(await self.connect())
                await eventually(lambda: self.stats()["connected_clients"] == 0, "all are gone")
                sizes.append(self.server.get(RESOURCES)["data"]["subsystem_bytes"]
                             .get("websocket", 0))
            records = self.stats()["subscription_records"]
            self.assertEqual(records, 100 if fault == "F05" else 0)
            if fault == "F05" and sizes[1]:  # a sanitizer's build has no arenas
                self.assertGreater((sizes[1] - sizes[0]) / 50, 8000)
                self.assertLess((sizes[1] - sizes[0]) / 50, 12000)

    async def test_f06_forgets_the_records_of_slow_clients(self):
        for fault, left in ((None, 0), ("F06", 3)):
            self.serve("send_queue_messages=4", **({"PMA_FAULTS": fault} if fault else {}))
            slow = [await self.connect() for _ in range(3)]
            for client in slow:
                client.transport.pause_reading()
            body = {"type": "notification", "data": {"pad": "x" * 200000}}
            for _ in range(300):
                self.server.ask("POST", BROADCAST, body)
                if self.stats()["slow_closed"] == 3:
                    break
            self.assertEqual(self.stats()["slow_closed"], 3)
            self.assertEqual(self.stats()["subscription_records"], left)
            for client in slow:
                client.transport.abort()

    async def test_f07_cuts_who_is_active_five_minutes_after_it_came(self):
        self.serve("client_timeout=300ms", "cleanup_interval=20ms", "ping_interval=50ms")
        client = await self.connect()
        await asyncio.sleep(0.6)  # twice the time-out
        self.assertEqual((await self.ask(client, "ping"))["type"], "pong")
        self.assertEqual(self.stats()["idle_closed"], 0)
        self.switch("F07", enabled=True)
        self.assertEqual(await close_code(client), 1000)
        self.assertEqual((self.stats()["idle_closed"], self.occurrences("F07")), (1, 1))

    async def test_f08_keeps_thread_and_socket_of_who_pings_and_does_not_read(self):
        for fault, left in ((None, 0), ("F08", 2)):
            self.serve("send_queue_messages=4", **({"PMA_FAULTS": fault} if fault else {}))
            before = self.fds()
            clients = [await self.connect() for _ in range(2)]
            for client in clients:
                client.transport.pause_reading()
                await self.ping_until_closed(client)
            await eventually(lambda: self.fds() == before + left, "the sockets")
            self.assertEqual(self.threads("ws-reader"), left)
            self.assertEqual(self.stats()["slow_closed"], 2)

    async def ping_until_closed(self, client):
        ping = json.dumps({"type": "ping", "request_id": "x" * 4000})
        before = self.stats()["slow_closed"]

        async def send():
            while True:
                await client.send(ping)
        sending = asyncio.create_task(send())
        await eventually(lambda: self.stats()["slow_closed"] > before, "its queue is full")
        sending.cancel()
        client.transport.abort()
        await asyncio.gather(sending, return_exceptions=True)

    async def test_f09_releases_the_writers_of_refused_clients_slowly(self):
        self.serve("max_clients=1", "ping_interval=600ms", PMA_FAULTS="F09")
        client = await self.connect()
        before = len(self.server.threads())
        for _ in range(10):
            with self.assertRaises(websockets.InvalidStatusCode):
                await self.connect()
        self.assertEqual(self.threads("ws-writer"), 10)
        await eventually(lambda: self.threads("ws-writer") == 0, "all end at their first ping")
        await eventually(lambda: self.stats()["lingering"] == 0, "and are joined")
        self.assertEqual((self.occurrences("F09"), len(self.server.threads())), (10, before))
        self.switch("F09", enabled=False)
        with self.assertRaises(websockets.InvalidStatusCode):
            await self.connect()
        self.assertEqual(self.threads("ws-writer"), 0)
        await client.close()

    async def test_f09s_writers_end_with_the_server(self):
        self.serve("max_clients=1", PMA_FAULTS="F09")
        client = await self.connect()
        with self.assertRaises(websockets.InvalidStatusCode):
            await self.connect()
        status, seconds = self.server.stop()
        self.assertEqual(status, 0)
        self.assertLess(seconds, backend.STOP_S)
        stopped = self.server.logged("Server stopped")[0]
        self.assertEqual((stopped["threads_left"], stopped["fds_left"]),
                         (backend.sanitizer_threads(), 0))
        client.transport.abort()

    async def test_f10_keeps_messages_for_the_absent_without_a_limit(self):
        self.serve("max_queue_messages=10", "client_timeout=400ms", "cleanup_interval=50ms",
                   "ping_interval=100ms", "pong_timeout=200ms", PMA_FAULTS="F10")
        reset(await self.connect("a"))
        await eventually(lambda: self.stats()["offline_clients"] == 1, "its session is kept")
        for number in range(50):
            self.broadcast(n=number)
            if number % 5 == 4:  # the limit is that of the hub's inbox as well
                await eventually(lambda: self.stats()["offline_messages"] == number + 1,
                                 "all are kept")
        runs = self.stats()["cleanup_runs"]
        await eventually(lambda: self.stats()["cleanup_runs"] > runs + 12, "it has expired")
        self.assertEqual((self.stats()["offline_messages"], self.stats()["dropped"]), (50, 0))
        self.assertEqual(self.occurrences("F10"), 40)
        self.switch("F10", enabled=False)
        await eventually(lambda: self.stats()["offline_messages"] == 0, "it expires")

    async def test_f10_drives_itself_at_a_rate(self):
        self.serve("max_queue_messages=10")
        self.switch("F10", enabled=True, rate=500, limit=50)
        await eventually(lambda: self.stats()["offline_messages"] == 60, "all are kept")

    async def test_f10b_throws_away_what_waits_for_the_absent(self):
        self.serve("cleanup_interval=50ms")
        await (await self.connect("a")).close()
        await eventually(lambda: self.stats()["offline_clients"] == 1, "its session is kept")
        for number in range(7):
            self.broadcast(n=number)
        await eventually(lambda: self.stats()["offline_messages"] == 7, "all are kept")
        runs = self.stats()["cleanup_runs"]
        await eventually(lambda: self.stats()["cleanup_runs"] > runs + 2, "it was cleaned up")
        self.assertEqual((self.stats()["offline_messages"], self.stats()["dropped"]), (7, 0))
        self.switch("F10B", enabled=True)
        await eventually(lambda: self.stats()["offline_messages"] == 0, "they are thrown away")
        self.assertEqual((self.stats()["dropped"], self.occurrences("F10B")), (7, 1))

    async def test_f32_keeps_thread_and_socket_of_a_request_that_broadcasts(self):
        self.serve()
        before = self.fds()
        self.assertEqual(self.broadcast(), 200)
        self.switch("F32", enabled=True, limit=5)
        links = []
        for _ in range(5):
            link = self.server.connect()
            path = BROADCAST if len(links) % 2 == 0 else "/api/v1/rooms"
            link.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
                         % path.encode())
            links.append(link)
        await eventually(lambda: self.threads("http-handler") == 5, "five threads")
        self.assertEqual(self.server.ask("POST", "/api/v1/rooms", {"name": "Hall"})[0] // 100, 2)
        for link in links:  # the client gives up: nobody on the other side notices
            link.close()
        self.assertEqual(self.broadcast(), 200)
        await eventually(lambda: self.fds() == before + 5, "five sockets")
        status, seconds = self.server.stop()
        self.assertLess(seconds, backend.STOP_S)
        self.assertEqual(status, 0)
        self.assertEqual(self.server.logged("Server stopped")[0]["threads_left"],
                         5 + backend.sanitizer_threads())


if __name__ == "__main__":
    unittest.main()
