"""What the house keeps: over a restart, and between backends that share one Redis.

SPDX-License-Identifier: MIT
"""
import os
import signal
import sqlite3
import tempfile
import time
import unittest

import backend
import websocket_client
from redis_server import INSTALLED, MISSING, Redis

ENTITIES = "/api/v1/entities"
ROOMS = "/api/v1/rooms"


def post(server, name, **members):
    status, reply, _ = server.ask("POST", ENTITIES, {
        "id": name, "type": "light", "friendly_name": name, "state": "off", **members})
    assert status == 200, reply


def set_state(server, name, state):
    status, reply, _ = server.ask("PUT", f"{ENTITIES}/{name}/state", {"state": state})
    assert status == 200, reply


def states(server, name):
    return [past["state"] for past in server.get(f"{ENTITIES}/{name}/history")["data"]]


def entity(server, name):
    """The entity, or None."""
    status, reply, _ = server.ask("GET", f"{ENTITIES}/{name}")
    return reply["data"]["entity"] if status == 200 else None


class Restart(backend.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "pma.db")

    def serve(self, *settings):
        return backend.Backend(f"database.path={self.path}", *settings)

    def stored(self, table="documents"):
        """How many rows the database has, read by SQLite's own library."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as database:
            return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    def test_an_end_in_order_loses_nothing(self):
        with self.serve("entities.flush_interval=1h", "entities.history_states=10") as server:
            status, room, _ = server.ask("POST", ROOMS, {"name": "Hall", "icon": "door"})
            self.assertEqual(status, 200)
            room_id = room["data"]["room_id"]
            post(server, "lamp", room_id=room_id, attributes={"brightness": 3})
            post(server, "gone")
            for n in range(25):
                set_state(server, "lamp", f"s{n}")
            server.ask("DELETE", f"{ENTITIES}/gone")
            before = entity(server, "lamp")
            history = server.get(f"{ENTITIES}/lamp/history")["data"]
            self.assertEqual(server.stop()[0], 0)
        with self.serve("entities.history_states=10") as server:
            self.assertEqual(server.get(f"{ENTITIES}")["meta"]["total"], 1)
            after = entity(server, "lamp")
            for both in (before, after):
                both["metadata"].pop("last_synced")
            self.assertEqual(after, before)
            self.assertEqual(server.get(f"{ENTITIES}/lamp/history")["data"], history)
            self.assertEqual(server.get(f"{ROOMS}/{room_id}")["data"]["entity_ids"], ["lamp"])
            set_state(server, "lamp", "later")
            self.assertEqual(states(server, "lamp"), [f"s{n}" for n in range(16, 25)] + ["later"])

    def test_a_crash_loses_only_what_was_not_written_yet(self):
        with self.serve("entities.flush_interval=5ms") as server:
            post(server, "lamp")
            set_state(server, "lamp", "written")
            backend.eventually(
                lambda: server.get("/api/v1/debug/resources")["data"]["totals"]
                ["entities.store_written"] >= 1 and self.stored() == 1, "it is written")
            # The write of the state comes with the next interval at the latest.
            written = server.get("/api/v1/debug/resources")["data"]["totals"]
            self.assertEqual(written["entities.store_errors"], 0)
            post(server, "other")
            backend.eventually(lambda: self.stored() == 2, "the next interval")
            server.stop(signal.SIGKILL)
        with self.serve() as server:
            self.assertEqual(entity(server, "lamp")["state"], "written")
            self.assertEqual(states(server, "lamp"), ["off", "written"])

    def test_the_journal_is_cut(self):
        with self.serve("entities.flush_interval=1ms", "entities.history_states=5") as server:
            post(server, "lamp")
            for n in range(60):
                set_state(server, "lamp", f"s{n}")
            self.assertEqual(server.stop()[0], 0)
        with self.serve("entities.history_states=1000") as server:
            kept = states(server, "lamp")
            self.assertLessEqual(len(kept), 10)
            self.assertEqual(kept[-1], "s59")

    def test_what_is_not_taken_is_logged_and_the_server_starts(self):
        with self.serve() as server:
            for name in ("a", "b", "c"):
                post(server, name, metadata={"source": "ring"})
            self.assertEqual(server.stop()[0], 0)
        with self.serve("entities.max_entities=2") as server:
            self.assertEqual(server.get(ENTITIES)["meta"]["total"], 2)
            self.assertEqual(len(server.logged("Stored entity not taken")), 1)


@unittest.skipUnless(INSTALLED, MISSING)
class Shared(backend.TestCase):
    """Two backends, one Redis."""

    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.kill)
        self.one, self.two = self.serve(), self.serve()

    def serve(self, *settings):
        server = backend.Backend(
            "redis.enabled=true", f"redis.port={self.redis.port}", "redis.backoff_min=5ms",
            "redis.backoff_max=40ms", "redis.command_timeout=1s", "redis.connect_timeout=1s",
            "entities.flush_interval=5ms", "entities.reconcile_interval=20ms", *settings)
        self.addCleanup(server.__exit__)
        for part in ("pool", "backplane"):
            backend.eventually(
                lambda: server.get("/api/v1/redis/stats")["data"][part]["state"] == "up",
                f"{part} is up")
        return server

    def test_a_change_is_known_to_the_other(self):
        post(self.one, "lamp", attributes={"brightness": 5})
        backend.eventually(lambda: entity(self.two, "lamp"), "the other has it")
        set_state(self.one, "lamp", "on")
        backend.eventually(lambda: entity(self.two, "lamp")["state"] == "on", "and its state")
        self.assertEqual(states(self.two, "lamp"), ["off", "on"])
        set_state(self.two, "lamp", "dim")
        backend.eventually(lambda: entity(self.one, "lamp")["state"] == "dim", "and back")
        status, room, _ = self.one.ask("POST", ROOMS, {"name": "Hall"})
        self.assertEqual(status, 200)
        room_id = room["data"]["room_id"]
        backend.eventually(lambda: self.two.ask("GET", f"{ROOMS}/{room_id}")[0] == 200, "a room")
        self.one.ask("PUT", f"{ENTITIES}/lamp/room", {"room_id": room_id})
        backend.eventually(
            lambda: self.two.get(f"{ROOMS}/{room_id}")["data"]["entity_ids"] == ["lamp"],
            "who is in it")
        self.two.ask("PUT", f"{ENTITIES}/lamp/room", {"room_id": None})
        backend.eventually(
            lambda: self.one.get(f"{ROOMS}/{room_id}")["data"]["entity_ids"] == [], "who left it")
        self.two.ask("DELETE", f"{ENTITIES}/lamp")
        backend.eventually(lambda: entity(self.one, "lamp") is None, "it is gone")
        self.two.ask("DELETE", f"{ROOMS}/{room_id}")
        backend.eventually(lambda: self.one.ask("GET", f"{ROOMS}/{room_id}")[0] == 404, "it too")

    def test_clients_of_both_hear_of_a_change_once(self):
        post(self.one, "lamp")
        backend.eventually(lambda: entity(self.two, "lamp"), "the other has it")
        clients = [websocket_client.Client(server.port) for server in (self.one, self.two)]
        for client in clients:
            client.send("subscribe", {"topics": ["entity:*"]})
            client.await_type("subscription_confirmed")
        for n in range(10):
            set_state(self.one, "lamp", f"s{n}")
        for client in clients:
            heard = []
            while len(heard) < 10:
                message = client.await_type("pma_entity_state_changed")
                heard.append(message["data"]["new_state"])
            self.assertEqual(heard, [f"s{n}" for n in range(10)])
            client.close()

    def test_who_comes_later_finds_what_is_there(self):
        post(self.one, "lamp")
        post(self.one, "gone")
        set_state(self.one, "lamp", "on")
        backend.eventually(lambda: self.keys() == {"entity:gone", "entity:lamp"}, "both are shared")
        self.one.ask("DELETE", f"{ENTITIES}/gone")
        backend.eventually(lambda: "entity:gone" not in self.keys(), "one is not any more")
        third = self.serve("entities.reconcile_interval=1h")  # one look, once Redis is there
        backend.eventually(lambda: third.get(ENTITIES)["meta"]["total"] == 1, "it knows")
        self.assertEqual(entity(third, "lamp")["state"], "on")
        self.assertIsNone(entity(third, "gone"))

    def test_who_has_no_room_is_left_in_peace(self):
        for n in range(6):
            post(self.one, f"e{n}")
        backend.eventually(lambda: len(self.keys()) == 6, "all are shared")
        small = self.serve("entities.max_entities=3")
        backend.eventually(lambda: small.get(ENTITIES)["meta"]["total"] == 3, "as many as fit")
        time.sleep(0.1)  # several looks at the cache
        totals = small.get("/api/v1/debug/resources")["data"]["totals"]
        self.assertEqual((small.get(ENTITIES)["meta"]["total"], totals["entities.evicted"]), (3, 0))
        missing = next(f"e{n}" for n in range(6) if f"e{n}" not in
                       [each["id"] for each in small.get(ENTITIES)["data"]])
        self.assertEqual(entity(small, missing)["id"], missing)  # asked for, so it comes
        self.assertEqual(small.get(ENTITIES)["meta"]["total"], 3)
        self.assertEqual(self.one.get(ENTITIES)["meta"]["total"], 6)

    def keys(self):
        return {key.removeprefix("pma:") for key in self.redis.command("KEYS", "pma:entity:*")}

    def test_without_redis_nothing_fails_and_later_all_is_shared(self):
        post(self.one, "before")
        backend.eventually(lambda: entity(self.two, "before"), "it is shared")
        self.redis.kill()
        for n in range(20):
            post(self.one, f"away{n}")
            set_state(self.one, f"away{n}", "on")
            self.assertEqual(entity(self.one, f"away{n}")["state"], "on")
            self.assertIsNone(entity(self.two, f"away{n}"))
        self.one.ask("DELETE", f"{ENTITIES}/before")
        self.redis.start()
        backend.eventually(
            lambda: all(entity(self.two, f"away{n}") for n in range(20)), "all are shared")
        backend.eventually(lambda: entity(self.two, "before") is None, "it is gone")
        backend.eventually(lambda: self.keys() == {f"entity:away{n}" for n in range(20)},
                           "who comes later finds them")
        for server in (self.one, self.two):
            self.assertEqual(server.stop()[0], 0)


if __name__ == "__main__":
    backend.main()
