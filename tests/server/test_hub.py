"""The WebSocket hub, as its clients see it (python3-websockets).

SPDX-License-Identifier: MIT
"""
import asyncio
import contextlib
import json
import socket
import struct
import time
import unittest

import websockets

import backend

STATS = "/api/v1/websocket/stats"
CONNECTIONS = "/api/v1/websocket/connections"
BROADCAST = "/api/v1/websocket/broadcast"
DEADLINE_S = backend.DEADLINE_S


async def receive(client):
    """The next document."""
    return json.loads(await asyncio.wait_for(client.recv(), DEADLINE_S))


async def close_code(client):
    """Reads until the server closes. Returns the code."""
    try:
        while True:
            await asyncio.wait_for(client.recv(), DEADLINE_S)
    except websockets.ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


async def eventually(condition, what):
    """backend.eventually, but clients go on answering pings meanwhile."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        await asyncio.sleep(0.01)


def reset(client):
    """Ends a connection with RST, as a client that loses its network may."""
    client.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.transport.abort()


class HubCase(unittest.IsolatedAsyncioTestCase):
    """Each test has a server of its own, with the settings it needs."""

    def serve(self, *settings, **changes):
        server = backend.Backend(*[f"websocket.{setting}" for setting in settings], **changes)
        self.addCleanup(server.__exit__)
        self.server = server
        return server

    def stats(self):
        return self.server.get(STATS)["data"]

    @contextlib.asynccontextmanager
    async def client(self):
        """A client that says good-bye at the end of the block."""
        client = await self.connect()
        try:
            yield client
        finally:
            await client.close()

    async def connect(self, name=None, **options):
        """A client, after its welcome."""
        query = f"?client_id={name}" if name else ""
        client = await websockets.connect(
            f"ws://127.0.0.1:{self.server.port}/ws{query}", ping_interval=None,
            close_timeout=1, **options)
        client.welcome = await receive(client)
        return client

    async def ask(self, client, kind, data=None, **members):
        """Sends a document, returns the answer."""
        await client.send(json.dumps({"type": kind, "data": data or {}, **members}))
        return await receive(client)


class Hub(HubCase):
    async def test_the_first_frame_is_the_welcome(self):
        self.serve()
        async with self.client() as client:
            self.assertEqual(client.welcome["type"], "welcome")
            data = client.welcome["data"]
            self.assertEqual(len(data["client_id"]), 32)
            self.assertTrue(data["server_time"] and data["message"])
            self.assertTrue(client.welcome["timestamp"].endswith("Z"))

    async def test_ping_is_answered_with_its_request_id(self):
        self.serve()
        async with self.client() as client:
            for request_id in (7, "text"):
                answer = await self.ask(client, "ping", request_id=request_id)
                self.assertEqual((answer["type"], answer["request_id"]), ("pong", request_id))
                self.assertTrue(answer["data"]["timestamp"])
            self.assertNotIn("request_id", await self.ask(client, "ping"))

    async def test_subscriptions_are_confirmed_and_counted(self):
        self.serve()
        async with self.client() as client:
            answer = await self.ask(client, "subscribe", {"topics": ["entity:*", "room:1"]},
                                    request_id="a")
            self.assertEqual((answer["type"], answer["request_id"]),
                             ("subscription_confirmed", "a"))
            self.assertEqual(answer["data"]["topics"], ["entity:*", "room:1"])
            await self.ask(client, "subscribe", {"topics": ["room:1"]})
            self.assertEqual(self.stats()["clients_by_topic"], {"entity:*": 1, "room:1": 1})
            await self.ask(client, "unsubscribe", {"topics": ["entity:*"]})
            self.assertEqual(self.stats()["clients_by_topic"], {"room:1": 1})
            self.assertEqual(self.stats()["subscription_count"], 1)
        await eventually(lambda: self.stats()["topic_count"] == 0, "topics go with their client")

    async def test_every_form_of_subscription_means_topics(self):
        self.serve()
        async with self.client() as client:
            for kind, data, topics in (
                    ("subscribe_topic", {"topic": "entity:*"}, ["entity:*"]),
                    ("subscribe_room", {"room_id": 4}, ["room:4"]),
                    ("subscribe_ha_rooms", {"room_ids": ["a", "b"]}, ["room:a", "room:b"]),
                    ("subscribe_ha_events", {"event_types": ["x"]}, ["ha_events:x"]),
                    ("subscribe_ha_entities", {"entity_ids": ["l"]}, ["entity:l"]),
                    ("subscribe_entity_updates", {"entity_ids": ["l"]}, ["entity_updates:l"]),
                    ("subscribe_system_events", {"events": ["system_status"]},
                     ["system_status"])):
                answer = await self.ask(client, kind, data)
                self.assertEqual((answer["type"], answer["data"].get("topics")),
                                 ("subscription_confirmed", topics), kind)

    async def test_what_is_wrong_is_answered_with_an_error(self):
        self.serve()
        async with self.client() as client:
            for text in ("nonsense", "[1]", '{"data":{}}', '{"type":7}', '{"type":"ping","data":3}',
                         '{"type":"no_such"}', '{"type":"subscribe"}', "\x00",
                         '{"type":"subscribe","data":{"topics":[]}}',
                         '{"type":"subscribe","data":{"topics":["a*b"]}}',
                         json.dumps({"type": "subscribe", "data": {"topics": ["x" * 129]}})):
                await client.send(text)
                answer = await receive(client)
                self.assertEqual((answer["type"], answer["data"]["code"]),
                                 ("error", "invalid_message"), text)
            self.assertEqual(self.stats()["invalid_messages"], 11)

    async def test_a_client_may_have_128_topics(self):
        self.serve()
        async with self.client() as client:
            answer = await self.ask(client, "subscribe",
                                    {"topics": [f"t:{n}" for n in range(130)]})
            self.assertEqual(answer["data"]["code"], "subscription_failure")
            self.assertEqual(len(answer["data"]["topics"]), 128)
            self.assertEqual(self.stats()["subscription_count"], 128)

    async def test_statistics_list_256_topics_and_count_the_rest(self):
        self.serve()
        clients = [await self.connect() for _ in range(3)]
        for number, client in enumerate(clients):
            await self.ask(client, "subscribe",
                           {"topics": [f"own:{number}-{n}" for n in range(100)]})
        stats = self.stats()
        self.assertEqual((len(stats["clients_by_topic"]), stats["topics_not_listed"],
                          stats["topic_count"]), (256, 44, 300))
        for client in clients:
            await client.close()

    async def test_a_message_may_come_in_pieces_and_one_too_long_closes_1009(self):
        self.serve("max_message_bytes=8KiB")
        client = await self.connect()
        padded = json.dumps({"type": "ping", "data": {"pad": "x" * 7000}})
        await client.send([padded[:10], padded[10:5000], padded[5000:]])
        self.assertEqual((await receive(client))["type"], "pong")
        await client.send("x" * 8193)
        self.assertEqual(await close_code(client), 1009)
        self.assertEqual(self.stats()["oversized_closed"], 1)

    async def test_a_broadcast_reaches_all_one_document_per_frame(self):
        self.serve()
        clients = [await self.connect() for _ in range(5)]
        for number in range(20):
            status, body, _ = self.server.ask("POST", BROADCAST,
                                              {"type": "notification", "data": {"n": number}})
            self.assertEqual((status, body["data"]["clients_count"]), (200, 5))
        for client in clients:
            numbers = [(await receive(client))["data"]["n"] for _ in range(20)]
            self.assertEqual(numbers, list(range(20)))
            await client.close()

    async def test_heartbeats_come_again_and_again(self):
        self.serve("heartbeat_interval=50ms")
        async with self.client() as client:
            for _ in range(4):
                beat = await receive(client)
                self.assertEqual((beat["type"], beat["data"]["connected_clients"]),
                                 ("heartbeat", 1))
                self.assertIn("uptime", beat["data"])

    async def test_one_client_too_many_gets_503_and_is_counted(self):
        self.serve("max_clients=3")
        clients = [await self.connect() for _ in range(3)]
        with self.assertRaises(websockets.InvalidStatusCode) as refused:
            await self.connect()
        self.assertEqual(refused.exception.status_code, 503)
        self.assertEqual(self.stats()["rejected"], 1)
        await clients[0].close()
        await eventually(lambda: self.stats()["connected_clients"] == 2, "a place is free")
        await (await self.connect()).close()

    async def test_who_is_silent_is_closed_and_who_answers_pings_stays(self):
        self.serve("client_timeout=400ms", "cleanup_interval=50ms", "ping_interval=150ms",
                   "pong_timeout=5s")
        answering = await self.connect()
        silent = self.server.connect()
        silent.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                       b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        await eventually(lambda: self.stats()["idle_closed"] == 1, "the silent one is closed")
        silent.close()
        await asyncio.sleep(0.5)  # longer than the time-out: a client cut by mistake would be gone
        self.assertEqual((await self.ask(answering, "ping"))["type"], "pong")
        self.assertEqual(self.stats()["idle_closed"], 1)
        await answering.close()

    async def test_an_unanswered_ping_ends_the_client(self):
        self.serve("ping_interval=100ms", "pong_timeout=150ms")
        client = await self.connect()
        client.transport.pause_reading()
        await eventually(lambda: self.stats()["dead_closed"] == 1, "the dead one is noticed")
        self.assertEqual(self.stats()["connected_clients"], 0)
        client.transport.abort()

    async def test_a_slow_reader_is_closed_and_counted(self):
        self.serve("send_queue_messages=8")
        slow = await self.connect()
        quick = await self.connect()
        slow.transport.pause_reading()
        body = {"type": "notification", "data": {"pad": "x" * 100000}}

        async def drain():
            while True:
                await quick.recv()
        drainer = asyncio.create_task(drain())
        for _ in range(400):
            self.server.ask("POST", BROADCAST, body)
            await asyncio.sleep(0)
            if self.stats()["slow_closed"] == 1:
                break
        self.assertEqual(self.stats()["slow_closed"], 1)
        self.assertGreaterEqual(self.stats()["undelivered"], 9)
        self.assertEqual(self.stats()["connected_clients"], 1)
        drainer.cancel()
        slow.transport.abort()
        await quick.close()

    async def test_a_burst_of_broadcasts_closes_nobody_who_reads(self):
        self.serve("send_queue_messages=8")
        clients = [await self.connect() for _ in range(20)]
        body = b'{"type": "notification", "data": {}}'
        request = (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                   % (BROADCAST.encode(), len(body), body))
        with self.server.connect() as link:
            link.sendall(request * 100)
            for client in clients:
                for _ in range(100):
                    self.assertEqual((await receive(client))["type"], "notification")
                await client.close()
        self.assertEqual((self.stats()["slow_closed"], self.stats()["dropped"]), (0, 0))

    async def test_a_named_client_finds_its_topics_and_messages_again(self):
        self.serve()
        client = await self.connect("kitchen-panel")
        self.assertEqual(client.welcome["data"]["client_id"], "kitchen-panel")
        await self.ask(client, "subscribe", {"topics": ["room:9"]})
        reset(client)
        await eventually(lambda: self.stats()["offline_clients"] == 1, "its session is kept")
        for number in range(3):
            self.server.ask("POST", BROADCAST, {"type": "notification", "data": {"n": number}})
        await eventually(lambda: self.stats()["offline_messages"] == 3, "messages are kept")
        client = await self.connect("kitchen-panel")
        self.assertEqual(client.welcome["data"]["queued_messages"], 3)
        self.assertEqual([(await receive(client))["data"]["n"] for _ in range(3)], [0, 1, 2])
        self.assertEqual(self.stats()["clients_by_topic"], {"room:9": 1})
        await client.close()

    async def test_messages_for_the_absent_are_bounded_and_the_oldest_dropped(self):
        # The session outlives the posts on a busy machine too.
        self.serve("max_queue_messages=10", "client_timeout=4s", "cleanup_interval=50ms",
                   "ping_interval=100ms", "pong_timeout=200ms")
        reset(await self.connect("a"))
        await eventually(lambda: self.stats()["offline_clients"] == 1, "its session is kept")
        for number in range(15):
            self.server.ask("POST", BROADCAST, {"type": "notification", "data": {"n": number}})

        def kept_and_dropped():
            stats = self.stats()
            return (stats["offline_messages"], stats["dropped"]) == (10, 5)
        await eventually(kept_and_dropped, "five are pushed out")
        await eventually(lambda: self.stats()["offline_clients"] == 0, "the session expires")
        self.assertEqual(self.stats()["dropped"], 15)

    async def test_the_same_name_twice_ends_the_older_connection(self):
        self.serve()
        older = await self.connect("a")
        newer = await self.connect("a")
        self.assertEqual(await close_code(older), 4001)
        self.assertEqual(self.stats()["connected_clients"], 1)
        await newer.close()

    async def test_connections_are_listed_and_can_be_ended(self):
        self.serve()
        first = await self.connect("a", user_agent_header="panel/1")
        second = await self.connect()
        data = self.server.get(CONNECTIONS + "?limit=1")["data"]
        self.assertEqual((data["total"], len(data["connections"])), (2, 1))
        entry = data["connections"][0]
        self.assertEqual((entry["id"], entry["user_agent"], entry["ip_address"]),
                         ("a", "panel/1", "127.0.0.1"))
        for query, names in (("?offset=1", [second.welcome["data"]["client_id"]]),
                             ("?offset=2", []), ("?limit=0", []), ("?limit=1", ["a"])):
            data = self.server.get(CONNECTIONS + query)["data"]
            self.assertEqual([entry["id"] for entry in data["connections"]], names)
            self.assertEqual(data["total"], 2)
        status, _, _ = self.server.ask("DELETE", CONNECTIONS + "/a?reason=maintenance")
        self.assertEqual(status, 200)
        self.assertEqual(await close_code(first), 1000)
        self.assertEqual(self.server.ask("DELETE", CONNECTIONS + "/a")[0], 404)
        await second.close()

    async def test_every_way_to_leave_empties_every_table(self):
        self.serve()
        for leave in (lambda c: c.close(), None):
            client = await self.connect()
            await self.ask(client, "subscribe", {"topics": ["a:1", "b:*"]})
            if leave:
                await leave(client)
            else:
                reset(client)
        await eventually(lambda: self.stats()["connected_clients"] == 0, "both are gone")
        stats = self.stats()
        self.assertEqual((stats["subscription_records"], stats["subscription_count"],
                          stats["topic_count"]), (0, 0, 0))
        self.assertEqual((stats["total_connections"], stats["abrupt_closed"]), (2, 1))

    async def test_f05_forgets_the_records_of_clients_that_vanish(self):
        self.serve(PMA_FAULTS="F05")
        await (await self.connect()).close()
        for _ in range(10):
            reset(await self.connect())
        await eventually(lambda: self.stats()["abrupt_closed"] == 10, "ten have vanished")
        self.assertEqual(self.stats()["connected_clients"], 0)
        self.assertEqual(self.stats()["subscription_records"], 10)

    async def test_f11_forgets_the_topics_that_nobody_wants_any_more(self):
        self.serve(PMA_FAULTS="F11")
        async with self.client() as client:
            for number in range(10):
                await self.ask(client, "subscribe", {"topics": [f"own:{number}"]})
                await self.ask(client, "unsubscribe", {"topics": [f"own:{number}"]})
            self.assertEqual(self.stats()["topic_count"], 10)
            self.assertEqual(self.stats()["subscription_count"], 0)

    async def test_a_stop_closes_every_client_with_1001(self):
        self.serve()
        clients = [await self.connect() for _ in range(20)]
        codes = [asyncio.create_task(close_code(client)) for client in clients]
        self.server.process.terminate()
        self.assertEqual(await asyncio.gather(*codes), [1001] * 20)
        self.assertEqual(self.server.process.wait(DEADLINE_S), 0)


if __name__ == "__main__":
    unittest.main()
