"""What clients may ask of the hub, and what REST may do to them.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import socket
import unittest

import websockets

import backend
from test_hub import BROADCAST, CONNECTIONS, DEADLINE_S, HubCase, close_code, eventually, receive

HA = "/api/v1/websocket/ha/"
HANDSHAKE = (b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def frame(first, payload, mask=b"\0\0\0\0", length=None):
    """A client's frame of fewer than 126 bytes, masked with zeros."""
    return bytes([first, 0x80 | (len(payload) if length is None else length)]) + mask + payload


class Requests(HubCase):
    async def test_an_unknown_type_is_told_what_there_is(self):
        self.serve()
        async with self.client() as client:
            answer = await self.ask(client, "subscribe_rooms", request_id="q")
            self.assertEqual((answer["type"], answer["request_id"]), ("error", "q"))
            self.assertIn("subscribe_rooms", answer["data"]["message"])
            self.assertLessEqual({"ping", "authenticate", "subscribe", "subscribe_room",
                                  "subscribe_ha_entities"}, set(answer["data"]["supported"]))
            self.assertIn("error", (await self.ask(client, "\u00e4\u20ac" * 30))["type"])

    async def test_a_session_token_authenticates_and_five_wrong_ones_end_it(self):
        self.serve()
        self.server.ask("POST", "/api/v1/auth/set-pin", {"pin": "1234"})
        _, body, _ = self.server.ask("POST", "/api/v1/auth/login", {"pin": "1234"})
        token = body["data"]["token"]
        async with self.client() as client:
            answer = await self.ask(client, "authenticate", {"token": token}, request_id=1)
            self.assertEqual((answer["type"], answer["request_id"]), ("authentication_success", 1))
            self.assertTrue(answer["data"]["user_id"] and answer["data"]["message"])
            entry = self.server.get(CONNECTIONS)["data"]["connections"][0]
            self.assertIs(entry["authenticated"], True)
        client = await self.connect()
        await client.send(json.dumps({"type": "auth", "token": token}))
        self.assertEqual((await receive(client))["type"], "authentication_success")
        for data in ({}, {"token": 7}, {"token": "x" * 64}, {"token": token[:-1]}):
            answer = await self.ask(client, "authenticate", data)
            self.assertEqual(answer["type"], "authentication_failure", data)
            self.assertTrue(answer["data"]["error"])
        await client.send(json.dumps({"type": "authenticate", "data": {"token": ""}}))
        self.assertEqual(await close_code(client), 1008)
        self.assertEqual(self.stats()["authentication_failures"], 5)
        self.assertEqual(self.stats()["refused_closed"], 1)

    async def test_wrong_frames_get_the_right_close_code_and_the_server_lives(self):
        self.serve()
        client = await self.connect()
        await client.send(b'{"type":"ping"}')
        self.assertEqual(await close_code(client), 1003)
        for wrong, codes in (
                (frame(0x81, b"\xff\xfe{}"), {1007}),             # no UTF-8
                (frame(0x81, b'{"a":"\xed\xa0\x80"}'), {1007}),   # a surrogate
                (frame(0x83, b""), {1002}),                       # opcode 3
                (frame(0xf1, b"{}"), {1002}),                     # reserved bits
                (frame(0x80, b"{}"), {1002}),                     # continues nothing
                (frame(0x09, b"x"), {1002}),                      # a ping in fragments
                (b"\x81\xff" + b"\xff" * 8, {None}),              # a negative length
                (b"\x81\xff" + bytes(5) + b"\xff" * 3 + bytes(4) + b"x", {1009})):
            link = self.server.connect()
            link.sendall(HANDSHAKE)
            buffer = b""
            while b"welcome" not in buffer:
                buffer += link.recv(4096)
            link.sendall(wrong)
            link.settimeout(DEADLINE_S)
            rest = b""
            while b"\x88" not in rest and (piece := self.piece(link)):
                rest += piece
            link.close()
            found = rest.find(b"\x88")
            code = int.from_bytes(rest[found + 2:found + 4], "big") if found >= 0 else None
            self.assertIn(code, codes, wrong)
        async with self.client() as client:
            self.assertEqual((await self.ask(client, "ping"))["type"], "pong")
        await eventually(lambda: self.stats()["connected_clients"] == 0, "all are gone")

    @staticmethod
    def piece(link):
        try:
            return link.recv(4096)
        except ConnectionResetError:
            return b""

    async def test_a_broadcast_may_be_for_a_topic_or_for_one_client(self):
        self.serve()
        wants = await self.connect()
        wants_not = await self.connect("b")
        never = await self.connect("c")
        await self.ask(wants, "subscribe", {"topics": ["news:*"]})
        await self.ask(wants_not, "subscribe", {"topics": ["room:*"]})
        for body, count in (({"topic": "news:today"}, 2), ({"client_id": "b"}, 1), ({}, 3)):
            status, reply, _ = self.server.ask("POST", BROADCAST,
                                               {"type": "notification", "data": body, **body})
            self.assertEqual((status, reply["clients_count"]), (200, count), body)
        for client, bodies in ((wants, [{"topic": "news:today"}, {}]),
                               (wants_not, [{"client_id": "b"}, {}]),
                               (never, [{"topic": "news:today"}, {}])):
            self.assertEqual([(await receive(client))["data"] for _ in bodies], bodies)
        for wrong, status in (({"topic": "a:*"}, 400), ({"topic": 1}, 400), ({"topic": ""}, 400),
                              ({"client_id": "nobody"}, 404), ({"client_id": []}, 400),
                              ({"client_id": "b", "topic": "a"}, 400)):
            self.assertEqual(self.server.ask("POST", BROADCAST, {
                "type": "x", "data": {}, **wrong})[0], status, wrong)
        for client in (wants, wants_not, never):
            await client.close()

    async def test_a_message_for_one_client_waits_for_it(self):
        self.serve()
        client = await self.connect("panel")
        await client.close()
        await eventually(lambda: self.stats()["offline_clients"] == 1, "its session is kept")
        self.assertEqual(self.server.ask("POST", BROADCAST, {
            "type": "notification", "data": {"n": 1}, "client_id": "panel"})[0], 200)
        await eventually(lambda: self.stats()["offline_messages"] == 1, "the message is kept")
        client = await self.connect("panel")
        self.assertEqual((await receive(client))["data"], {"n": 1})
        await client.close()

    async def test_a_client_that_returns_still_wants_what_it_wanted(self):
        self.serve()
        for name, topics in (("all", None), ("one", ["room:1"]), ("none", [])):
            client = await self.connect(name)
            if topics is not None:
                await self.ask(client, "subscribe", {"topics": ["room:1"]})
            if topics == []:
                await self.ask(client, "unsubscribe", {"topics": ["room:1"]})
            await client.close()
        await eventually(lambda: self.stats()["offline_clients"] == 3, "their sessions are kept")
        for room in ("1", "2"):
            self.server.ask("POST", BROADCAST, {"type": "room_updated", "data": {"room_id": room},
                                                "topic": f"room:{room}"})
        await eventually(lambda: self.stats()["offline_messages"] == 3, "the messages are kept")
        for name, kept in (("all", 2), ("one", 1), ("none", 0)):
            client = await self.connect(name)
            self.assertEqual(client.welcome["data"]["queued_messages"], kept, name)
            for _ in range(kept):
                await receive(client)
            status, body, _ = self.server.ask("POST", BROADCAST, {
                "type": "room_updated", "data": {}, "topic": "room:2"})
            self.assertEqual((status, body["clients_count"]), (200, 1 if name == "all" else 0))
            await client.close()

    async def test_rest_pings_one_client(self):
        self.serve("ping_interval=1h")
        client = await self.connect("a")
        before = self.server.get(CONNECTIONS)["data"]["connections"][0]["last_seen"]
        self.assertEqual(self.server.ask("POST", CONNECTIONS + "/a/ping", {})[0], 200)
        await eventually(lambda: self.server.get(CONNECTIONS)["data"]["connections"][0]
                         ["last_seen"] > before, "the pong came")
        self.assertEqual(self.server.ask("POST", CONNECTIONS + "/b/ping", {})[0], 404)
        await client.close()

    async def test_rest_changes_a_clients_filters(self):
        self.serve()
        client = await self.connect("a")
        status, body, _ = self.server.ask("POST", HA + "subscribe?client_id=a", {
            "event_types": ["state_changed"], "room_ids": [1, "hall"], "entity_ids": ["light.x"]})
        self.assertEqual((status, body["success"]), (200, True))
        expected = {"event_subscriptions": ["state_changed"], "room_filters": ["1", "hall"],
                    "entity_filters": ["light.x"]}
        self.assertEqual(body["subscriptions"], expected)
        self.server.ask("POST", BROADCAST, {"type": "no", "data": {}, "topic": "room:2"})
        self.server.ask("POST", BROADCAST, {"type": "yes", "data": {}, "topic": "room:hall"})
        self.assertEqual((await receive(client))["type"], "yes")
        status, body, _ = self.server.ask("POST", HA + "unsubscribe?client_id=a",
                                          {"room_ids": ["hall"]})
        expected["room_filters"] = ["1"]
        self.assertEqual(body["subscriptions"], expected)
        got = self.server.get(HA + "subscriptions?client_id=a")
        self.assertEqual({key: got[key] for key in expected}, expected)
        for path, body, status in (("subscribe", {"room_ids": [1]}, 400),
                                   ("subscribe?client_id=x", {"room_ids": [1]}, 404),
                                   ("subscribe?client_id=a", {}, 400),
                                   ("subscribe?client_id=a", {"room_ids": 1}, 400),
                                   ("subscribe?client_id=a", {"room_ids": [""]}, 400),
                                   ("subscribe?client_id=a", {"room_ids": [{}]}, 400),
                                   ("subscribe?client_id=a", {"room_ids": ["x" * 125]}, 400),
                                   ("subscribe?client_id=a",
                                    {"room_ids": list(range(129))}, 400),
                                   ("subscribe?client_id=a",
                                    {"entity_ids": [f"e{n}" for n in range(126)]}, 409)):
            self.assertEqual(self.server.ask("POST", HA + path, body)[0], status, (path, body))
        self.assertEqual(self.server.ask("GET", HA + "subscriptions")[0], 400)
        self.assertEqual(self.server.ask("GET", HA + "subscriptions?client_id=x")[0], 404)
        await client.close()


if __name__ == "__main__":
    unittest.main()
