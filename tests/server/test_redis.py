"""Redis as cache and backplane: a real redis-server, killed, frozen and restarted.

SPDX-License-Identifier: MIT
"""
import asyncio
import contextlib
import json
import os
import signal
import tempfile
import threading
import time
import unittest

import websockets

import backend
from redis_server import INSTALLED, MISSING, Redis

BROADCAST = "/api/v1/websocket/broadcast"
REDIS_STATS = "/api/v1/redis/stats"
CACHE_STATS = "/api/v1/cache/stats"
RESOURCES = "/api/v1/debug/resources"
FAULTS = "/api/v1/debug/faults"
DEADLINE_S = backend.DEADLINE_S
FAST = ("debug.port=0", "entities.flush_interval=20ms", "entities.reconcile_interval=100ms",
        "redis.enabled=true",
        "redis.backoff_min=5ms", "redis.backoff_max=40ms", "redis.pool_size=4",
        "redis.min_idle_conns=2", "redis.connect_timeout=1s", "redis.command_timeout=1s",
        "redis.health_interval=100ms")
# For tests in which Redis does not answer: others wait for a slow machine.
IMPATIENT = ("redis.connect_timeout=50ms", "redis.command_timeout=50ms")


@unittest.skipUnless(INSTALLED, MISSING)
class RedisCase(unittest.IsolatedAsyncioTestCase):
    """Each test has a Redis of its own."""

    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.kill)

    def serve(self, *settings, **changes):
        """A backend that has reached Redis."""
        server = backend.Backend(*FAST, f"redis.port={self.redis.port}", *settings, **changes)
        self.addCleanup(server.__exit__)
        self.await_up(server)
        return server

    def stats(self, server, part="pool"):
        return server.get(REDIS_STATS)["data"][part]

    def await_up(self, server, part=None, state="up"):
        for each in ("pool", "backplane") if part is None else (part,):
            backend.eventually(lambda: self.stats(server, each)["state"] == state,
                               f"{each} is {state}")

    def counters(self, server):
        return server.get(RESOURCES)["data"]["counters"]

    @contextlib.asynccontextmanager
    async def client(self, server, *topics):
        """A client with its welcome read and its topics subscribed."""
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/ws", ping_interval=None,
                                      close_timeout=1) as client:
            await receive(client)
            if topics:
                await client.send(json.dumps({"type": "subscribe", "data": {"topics": topics}}))
                await receive(client)
            yield client


async def receive(client):
    """The next document."""
    return json.loads(await asyncio.wait_for(client.recv(), DEADLINE_S))


def say(server, number, **members):
    """Has a backend tell its clients a number."""
    status, body, _ = server.ask("POST", BROADCAST,
                                 {"type": "told", "data": {"n": number}, **members})
    if status != 200:
        raise AssertionError(body)


class Backplane(RedisCase):
    async def heard(self, client, last):
        """The numbers that a client is told, up to `last`."""
        numbers = []
        while not numbers or numbers[-1] != last:
            message = await receive(client)
            if message["type"] == "told":
                numbers.append(message["data"]["n"])
        return numbers

    async def test_clients_of_either_backend_get_events_of_both_once(self):
        a, b = self.serve(), self.serve()
        async with self.client(a) as at_a, self.client(b) as at_b:
            for number in range(10):
                say(a if number % 2 else b, number)
            say(a, "end")
            # Each backend's events keep their order; the two mix freely.
            for client in (at_a, at_b):
                numbers = await self.heard(client, "end")
                self.assertEqual(sorted(numbers[:-1]), sorted(set(numbers[:-1])))
                odd = [n for n in numbers[:-1] if n % 2]
                self.assertEqual(odd, [1, 3, 5, 7, 9])
            say(b, "last")
            for client in (at_a, at_b):
                await self.heard(client, "last")
        for server in (a, b):
            stats = self.stats(server, "backplane")
            self.assertEqual(stats["received"], 6)  # the other's
            self.assertEqual(stats["own"], 6)       # heard and left alone: no loop
            self.assertEqual(stats["published"], 6)
            self.assertEqual((stats["missed"], stats["duplicates"], stats["dropped"]), (0, 0, 0))

    async def test_topics_filter_what_comes_from_the_other_backend(self):
        a, b = self.serve(), self.serve()
        async with self.client(a, "entity:light") as wants, self.client(a, "entity:other") as not_:
            say(b, 1, topic="entity:light")
            say(b, "end")
            self.assertEqual(await self.heard(wants, "end"), [1, "end"])
            self.assertEqual(await self.heard(not_, "end"), ["end"])

    async def test_a_changed_entity_is_told_to_the_other_backends_clients(self):
        a, b = self.serve(), self.serve()
        async with self.client(a, "entity:pma.lamp") as client:
            b.ask("POST", "/api/v1/entities", {"id": "pma.lamp", "type": "light",
                                               "friendly_name": "Lamp", "state": "off"})
            status, body, _ = b.ask("PUT", "/api/v1/entities/pma.lamp/state", {"state": "on"})
            self.assertEqual(status, 200, body)
            while True:
                message = await receive(client)
                if message["type"] == "pma_entity_state_changed":
                    break
            self.assertEqual((message["data"]["entity_id"], message["data"]["new_state"]),
                             ("pma.lamp", "on"))

    async def test_events_flow_again_after_redis_was_killed_and_restarted(self):
        a, b = self.serve(), self.serve()
        async with self.client(a) as client:
            for round_ in range(3):
                say(b, round_)
                self.assertEqual(await self.heard(client, round_), [round_])
                self.redis.kill()
                self.await_up(a, "backplane", "away")
                self.await_up(b, "backplane", "away")
                for number in range(5):
                    say(b, f"waits {number}")
                self.assertEqual(self.stats(b, "backplane")["waiting"], 5)
                self.redis.start()
                self.await_up(a)
                backend.eventually(lambda: self.stats(b, "backplane")["waiting"] == 0, "sent")
                # What waited came through, or A was the later one and has counted it.
                say(b, f"end {round_}")
                numbers = await self.heard(client, f"end {round_}")
                missed = self.stats(a, "backplane")["missed"]
                self.assertEqual(len(numbers) - 1 + missed, 5 * (1 + round_) - self.got)
                self.got += len(numbers) - 1
            stats = self.stats(a, "backplane")
            self.assertEqual((stats["duplicates"], stats["outages"]), (0, 3))

    got = 0

    async def test_a_full_queue_drops_the_oldest_and_counts(self):
        a = self.serve(*IMPATIENT)
        b = self.serve("redis.max_queue_messages=3", *IMPATIENT)
        async with self.client(a) as client:
            self.redis.freeze()
            self.await_up(b, "backplane", "away")
            for number in range(10):
                say(b, number)
            self.assertEqual(self.stats(b, "backplane")["waiting"], 3)
            self.assertEqual(self.stats(b, "backplane")["dropped"], 7)
            self.redis.thaw()
            self.await_up(a)
            backend.eventually(lambda: self.stats(b, "backplane")["waiting"] == 0, "sent")
            say(b, "end")
            numbers = await self.heard(client, "end")
            self.assertEqual(numbers[:-1], [7, 8, 9][4 - len(numbers):])

    def test_what_redis_did_not_acknowledge_is_sent_again(self):
        server = self.serve(*IMPATIENT)
        self.redis.freeze()
        say(server, 1)  # at once: the backplane does not know yet
        self.await_up(server, "backplane", "away")
        self.assertEqual(self.stats(server, "backplane")["waiting"], 1)
        self.redis.kill()
        self.redis.start()
        backend.eventually(lambda: self.stats(server, "backplane")["published"] == 1, "again")
        self.assertEqual(self.stats(server, "backplane")["waiting"], 0)

    async def test_what_others_publish_is_checked(self):
        a = self.serve("redis.max_message_bytes=1KiB")
        channel = "pma:bus:hub"
        good = {"v": 1, "from": "0123456789abcdef", "seq": 1, "body": {"type": "told",
                                                                      "data": {"n": "end"}}}
        wrong = ["", "{", "[]", "null", "\xff", '{"v":1}',
                 json.dumps({**good, "v": 2}), json.dumps({**good, "from": "me"}),
                 json.dumps({**good, "seq": 0}), json.dumps({**good, "seq": "1"}),
                 json.dumps({**good, "body": []}), json.dumps({**good, "x": "y" * 2000})]
        bodies = [{}, {"type": ""}, {"type": 1}, {"type": "t", "data": []},
                  {"type": "t", "topics": "a"}, {"type": "t", "topics": [1]},
                  {"type": "t", "topics": ["a"] * 40}]
        async with self.client(a) as client:
            for text in wrong:
                self.redis.command("PUBLISH", channel, text)
            for at, body in enumerate(bodies):
                self.redis.command("PUBLISH", channel, json.dumps(
                    {**good, "from": "0000000000000000", "seq": at + 1, "body": body}))
            self.redis.command("PUBLISH", channel, json.dumps(good))
            self.redis.command("PUBLISH", channel, json.dumps(good))
            self.assertEqual(await self.heard(client, "end"), ["end"])
            backend.eventually(lambda: self.stats(a, "backplane")["duplicates"] == 1, "twice")
        stats = self.stats(a, "backplane")
        self.assertEqual(stats["malformed"], len(wrong) + len(bodies))
        self.assertEqual(stats["received"], 1)


class Entities(RedisCase):
    """Entities of several backends."""

    LAMP = {"id": "pma.lamp", "type": "light", "friendly_name": "Lamp", "state": "off",
            "attributes": {"brightness": 7}, "capabilities": ["dimmable"]}

    def put(self, server, **members):
        status, body, _ = server.ask("POST", "/api/v1/entities", {**self.LAMP, **members})
        self.assertIn(status, (200, 201), body)

    def set_state(self, server, state, entity="pma.lamp"):
        status, body, _ = server.ask("PUT", f"/api/v1/entities/{entity}/state", {"state": state})
        self.assertEqual(status, 200, body)

    def find(self, server, entity="pma.lamp"):
        """The entity, or None."""
        status, body, _ = server.ask("GET", f"/api/v1/entities/{entity}")
        return body["data"]["entity"] if status == 200 else None

    def await_state(self, server, state, entity="pma.lamp"):
        backend.eventually(lambda: (self.find(server, entity) or {}).get("state") == state, state)

    def await_cached(self, server, entity="pma.lamp"):
        """Until Redis has what the backend has, or has it not either."""
        def is_same():
            ours, theirs = self.find(server, entity), self.cached(entity)
            return (ours is None and theirs is None or
                    None not in (ours, theirs) and self.content(ours) == self.content(theirs))
        backend.eventually(is_same, "in the cache as it is")

    def content(self, entity):
        """An entity but for what each backend notes itself."""
        metadata = {k: v for k, v in entity["metadata"].items() if k != "last_synced"}
        return {**entity, "metadata": metadata}

    def cached(self, entity="pma.lamp"):
        text = self.redis.command("GET", f"pma:entity:{entity}")
        return json.loads(text) if text else None

    def test_an_entity_made_changed_and_removed_at_one_is_so_at_the_other(self):
        a, b = self.serve(), self.serve()
        self.put(a)
        self.await_state(b, "off")
        self.await_cached(a)
        self.assertEqual(self.content(self.find(b)), self.content(self.find(a)))
        self.assertEqual(self.find(b)["attributes"]["brightness"], 7)
        self.set_state(b, "on")
        self.await_state(a, "on")
        self.await_cached(b)
        self.assertEqual(self.content(self.cached()), self.content(self.find(a)))
        self.assertEqual(a.ask("DELETE", "/api/v1/entities/pma.lamp")[0], 200)
        backend.eventually(lambda: self.find(b) is None, "removed")
        self.await_cached(a)
        self.assertIsNone(self.cached())

    async def test_a_shared_change_is_told_to_each_client_once(self):
        a, b = self.serve(), self.serve()
        self.put(b)
        self.await_state(a, "off")
        async with self.client(a) as at_a, self.client(b) as at_b:
            self.set_state(b, "on")
            self.await_state(a, "on")
            self.set_state(a, "off")
            self.await_state(b, "off")
            say(a, "end")
            for client in (at_a, at_b):
                states = []
                while True:
                    message = await receive(client)
                    if message["type"] == "told":
                        break
                    if message["type"] == "pma_entity_state_changed":
                        states.append(message["data"]["new_state"])
                self.assertEqual(states, ["on", "off"])

    def test_a_backend_that_starts_finds_what_the_others_have(self):
        a = self.serve()
        for number in range(50):
            self.put(a, id=f"pma.e{number}", state=str(number))
        for number in range(50):
            self.await_cached(a, f"pma.e{number}")
        self.redis.command("SET", "pma:entity:broken", "{")
        self.redis.command("SET", "pma:entity:odd", '{"id": "odd", "type": 7}')
        b = self.serve()
        backend.eventually(lambda: len(b.get("/api/v1/entities")["data"]) == 50, "all")
        self.assertEqual(self.content(self.find(b, "pma.e7")),
                         self.content(self.find(a, "pma.e7")))
        # And when Redis comes back empty, what it lost is written again.
        self.redis.kill()
        self.await_up(a, state="away")
        self.await_up(b, state="away")
        self.redis.start()
        backend.eventually(lambda: len(self.redis.command("KEYS", "pma:entity:*")) == 50, "again")

    def test_changes_made_while_redis_is_away_are_there_when_it_is_back(self):
        a, b = self.serve(), self.serve()
        self.put(a)
        self.put(a, id="pma.gone")
        self.await_state(b, "off", "pma.gone")
        self.redis.kill()
        for server in (a, b):
            self.await_up(server, state="away")
        for number in range(20):
            self.set_state(a, f"s{number}")
        self.assertEqual(a.ask("DELETE", "/api/v1/entities/pma.gone")[0], 200)
        self.put(b, id="pma.new", state="fresh")
        self.redis.start()
        self.await_state(b, "s19")
        self.await_state(a, "fresh", "pma.new")
        self.await_cached(a)
        backend.eventually(lambda: self.find(a, "pma.gone") is None and
                           self.find(b, "pma.gone") is None and
                           self.cached("pma.gone") is None, "gone everywhere")

    def test_a_peer_cannot_overwrite_what_is_newer(self):
        a, b = self.serve(), self.serve()
        self.put(a)
        self.await_state(b, "off")
        old = {**self.find(a), "state": "old", "last_updated": "2020-01-01T00:00:00Z"}
        self.set_state(a, "on")
        self.await_cached(a)
        self.redis.command("SET", "pma:entity:pma.lamp", json.dumps(old))
        self.set_state(a, "off")
        self.await_state(b, "off")
        self.await_cached(a)
        self.assertEqual((self.find(a)["state"], self.find(b)["state"]), ("off", "off"))

    def test_an_entity_that_gives_way_at_one_stays_at_the_other(self):
        a = self.serve()
        b = self.serve("entities.max_entities=2", "entities.reconcile_interval=60s")
        for number in range(4):
            self.put(a, id=f"pma.e{number}", state="unavailable")
        backend.eventually(lambda: b.get(RESOURCES)["data"]["totals"]["entities.evicted"] >= 2,
                           "gave way")
        self.assertEqual(len(b.get("/api/v1/entities")["data"]), 2)
        # What B says comes in order: this is after whatever it said of the two.
        self.set_state(b, "told", b.get("/api/v1/entities")["data"][0]["id"])
        backend.eventually(lambda: "told" in [e["state"] for e in a.get("/api/v1/entities")["data"]],
                           "told")
        self.assertEqual(len(a.get("/api/v1/entities")["data"]), 4)
        for number in range(4):
            self.await_cached(a, f"pma.e{number}")

    def test_f18_leaves_the_key_of_an_entity_that_was_removed(self):
        a = self.serve("entities.reconcile_interval=60s")
        for fault in (True, False):
            a.ask("PUT", f"{FAULTS}/F18", {"enabled": fault})
            entity = f"pma.fault-{fault}".lower()
            self.put(a, id=entity)
            self.await_cached(a, entity)
            self.assertEqual(a.ask("DELETE", f"/api/v1/entities/{entity}")[0], 200)
            if fault:
                backend.eventually(
                    lambda: a.get(RESOURCES)["data"]["leaked"]["F18"] >= 1, "not removed")
            else:
                self.await_cached(a, entity)
            self.assertEqual(self.cached(entity) is not None, fault)


class Requests(RedisCase):
    def test_no_request_fails_or_waits_while_redis_dies_and_returns(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        database = os.path.join(directory.name, "pma.db")
        server = self.serve(*IMPATIENT, DATABASE_PATH=database)
        failures, slowest, written = [], [0.0], {}
        done = threading.Event()

        def ask(method, path, body=None):
            begin = time.monotonic()
            status, reply, _ = server.ask(method, path, body)
            slowest[0] = max(slowest[0], time.monotonic() - begin)
            if status != 200:
                failures.append((method, path, status, reply))

        def work(number):
            entity = f"pma.e{number}"
            count = 0
            ask("POST", "/api/v1/entities", {"id": entity, "type": "sensor",
                                             "friendly_name": "S", "state": "0"})
            while not done.is_set():
                count += 1
                ask("PUT", f"/api/v1/entities/{entity}/state", {"state": str(count)})
                ask("GET", f"/api/v1/entities/{entity}")
                ask("GET", CACHE_STATS)
                ask("POST", BROADCAST, {"type": "told", "data": {"n": count}})
                ask("DELETE", "/api/v1/cache/shared")
            written[entity] = str(count)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(2):
                self.redis.kill()
                self.await_up(server, state="away")
                self.redis.start()
                self.await_up(server)
                self.redis.freeze()
                self.await_up(server, state="away")
                self.redis.thaw()
                self.await_up(server)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        # A frozen Redis costs a request one or two time-outs of 50 ms; the rest is the machine.
        self.assertLess(slowest[0], 1.0)
        for entity, state in written.items():
            found = server.get(f"/api/v1/entities/{entity}")["data"]["entity"]["state"]
            self.assertEqual(found, state)
        backend.eventually(lambda: self.stats(server)["lent"] == 0, "every connection given back")
        self.assertGreaterEqual(self.stats(server)["outages"], 4)
        status, seconds = server.stop()
        self.assertEqual(status, 0)
        self.assertLess(seconds, backend.STOP_S)
        [stopped] = server.logged("Server stopped")
        self.assertEqual((stopped["threads_left"], stopped["fds_left"]),
                         (backend.sanitizer_threads(), 0))

    def test_a_backend_starts_without_redis_and_finds_it_later(self):
        self.redis.kill()
        server = backend.Backend(*FAST, f"redis.port={self.redis.port}")
        self.addCleanup(server.__exit__)
        self.assertEqual(self.stats(server)["state"], "away")
        self.assertEqual(server.get("/api/v1/cache/health")["data"]["caches"]["shared"], "away")
        self.assertEqual(len(server.logged(
            "Redis is away; the server goes on without its cache")), 1)
        self.redis.start()
        self.await_up(server)
        self.assertEqual(server.get("/api/v1/cache/health")["data"]["healthy"], True)

    def test_a_password_is_used_and_never_told(self):
        secret = "open-sesame-7381"
        with Redis(secret) as guarded:
            right = backend.Backend(*FAST, f"redis.port={guarded.port}", "logging.level=debug",
                                    REDIS_PASSWORD=secret)
            self.addCleanup(right.__exit__)
            self.await_up(right)
            wrong = backend.Backend(*FAST, f"redis.port={guarded.port}", "logging.level=debug",
                                    REDIS_PASSWORD=secret + "-not")
            self.addCleanup(wrong.__exit__)
            backend.eventually(lambda: "WRONGPASS" in self.stats(wrong).get("last_error", ""),
                               "the refusal is told")
            for server in (right, wrong):
                replies = json.dumps([server.get(path) for path in (REDIS_STATS, CACHE_STATS)])
                self.assertNotIn(secret, replies)
                server.stop()
                with open(server.log_path, encoding="utf-8") as log:
                    self.assertNotIn(secret, log.read())

    def test_the_process_ends_in_time_while_redis_is_frozen(self):
        server = self.serve(*IMPATIENT)
        self.redis.freeze()
        status, seconds = server.stop(signal.SIGTERM)
        self.assertEqual(status, 0)
        self.assertLess(seconds, backend.STOP_S)


class Caches(RedisCase):
    def cache(self, server, name):
        [stats] = server.get(f"{CACHE_STATS}?cache={name}")["data"]["caches"]
        return stats

    def test_the_shared_cache_is_listed_and_cleared(self):
        server = self.serve()
        for number in range(30):
            self.redis.command("SET", f"pma:entity:{number}", "{}")
        self.redis.command("SET", "other", "1")
        keys = server.get("/api/v1/cache/shared/keys?limit=1000")["data"]["keys"]
        self.assertEqual(sorted(keys), sorted(f"entity:{number}" for number in range(30)))
        _, body, _ = server.ask("POST", "/api/v1/cache/invalidate",
                                {"cache_name": "shared", "keys": ["entity:0", "entity:1"]})
        self.assertEqual(body["data"]["keys"], 2)
        self.assertEqual(self.redis.command("DBSIZE"), 29)
        status, body, _ = server.ask("POST", "/api/v1/cache/clear", {"caches": ["shared"]})
        self.assertEqual((status, body["data"]["removed"]), (200, 28))
        self.assertEqual(self.redis.command("KEYS", "*"), ["other"])
        stats = self.cache(server, "shared")
        self.assertEqual((stats["type"], stats["is_healthy"], stats["remove_count"]),
                         ("redis", True, 2))

    def test_wrong_requests_are_refused(self):
        server = self.serve()
        for method, path, body in (
                ("POST", "/api/v1/cache/clear", {"caches": ["nothing"]}),
                ("POST", "/api/v1/cache/clear", {"caches": "shared"}),
                ("POST", "/api/v1/cache/clear", b"{"),
                ("POST", "/api/v1/cache/invalidate", {"cache_name": "shared"}),
                ("POST", "/api/v1/cache/invalidate", {"cache_name": "x", "keys": []}),
                ("POST", "/api/v1/cache/invalidate", {"cache_name": "shared", "keys": [1]}),
                ("GET", "/api/v1/cache/shared/keys?limit=x", None)):
            status, reply, _ = server.ask(method, path, body)
            self.assertEqual(status, 400, (path, body))
            self.assertTrue(reply["error"])
        self.assertEqual(server.ask("GET", "/api/v1/cache/nothing/stats")[0], 404)
        self.assertEqual(server.ask("POST", "/api/v1/cache/nothing/clear")[0], 404)

    def test_f16_grows_by_one_entry_per_key_and_without_it_nothing_grows(self):
        server = self.serve("cache.max_entries=5", "cache.sweep_interval=10ms", "cache.ttl=1ms")
        self.assertEqual(self.counters(server)["store.cache_forgotten"], 0)
        server.ask("PUT", f"{FAULTS}/F16", {"enabled": True, "rate": 500, "limit": 40})
        backend.eventually(lambda: self.counters(server)["store.cache_forgotten"] == 40, "F16")
        server.ask("PUT", f"{FAULTS}/F16", {"enabled": False})
        self.assertEqual(server.get(RESOURCES)["data"]["leaked"]["F16"], 40)
        server.ask("POST", "/api/v1/cache/optimize")
        self.assertEqual(self.counters(server)["store.cache_forgotten"], 40)

    def test_f17_loses_one_descriptor_per_failed_command_up_to_the_pools_size(self):
        server = self.serve()
        self.redis.command("LPUSH", "pma:list", "1")

        def lent():
            return self.counters(server)["store.redis_lent"]

        def fds():
            return self.connections(server)
        server.ask("PUT", f"{FAULTS}/F17", {"enabled": True, "rate": 200, "limit": 4})
        backend.eventually(lambda: lent() == 4, "F17")
        self.assertEqual(server.get(RESOURCES)["data"]["leaked"]["F17"], 4)
        backend.eventually(lambda: fds() == 4 + 2, "4 lost, 2 of the backplane")
        # All are gone: the cache is out of order, the requests are not.
        self.assertEqual(server.ask("DELETE", "/api/v1/cache/shared")[0], 200)
        self.assertGreaterEqual(self.stats(server)["refused_busy"], 1)
        server.stop()
        [stopped] = server.logged("Server stopped")
        self.assertEqual((stopped["threads_left"], stopped["fds_left"]),
                         (backend.sanitizer_threads(), 4))

    def connections(self, server):
        """How many connections to our Redis the kernel knows of the server."""
        with open(f"/proc/{server.pid}/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in list(table)[1:]]
        ours = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(f":{self.redis.port:04X}")}
        links = []
        for fd in os.listdir(f"/proc/{server.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{server.pid}/fd/{fd}"))
        return sum(link in ours for link in links)

    def test_f18_leaves_keys_and_without_it_there_are_none(self):
        server = self.serve()
        server.ask("PUT", f"{FAULTS}/F18", {"enabled": True, "rate": 500, "limit": 20})
        backend.eventually(lambda: server.get(RESOURCES)["data"]["leaked"]["F18"] == 20, "F18")
        server.ask("PUT", f"{FAULTS}/F18", {"enabled": False})

        def left():
            return self.redis.command("KEYS", "pma:entity:simulated-*")
        # One more may have been put and not yet removed.
        backend.eventually(lambda: len(left()) == 20, "as many keys as removals were forgotten")
        keys = left()
        self.assertGreater(self.redis.command("TTL", keys[0]), 80000)  # of 24 h
        self.redis.command("SET", "pma:entity:gone", "1")
        server.ask("POST", "/api/v1/cache/invalidate",
                   {"cache_name": "shared", "keys": ["entity:gone"]})
        self.assertEqual(self.redis.command("EXISTS", "pma:entity:gone"), 0)


class WithoutRedis(backend.TestCase):
    def test_redis_is_off_by_default_and_everything_answers(self):
        with backend.Backend("debug.port=0") as server:
            self.assertEqual(server.get(REDIS_STATS)["data"]["enabled"], False)
            caches = server.get(CACHE_STATS)["data"]["caches"]
            self.assertEqual([(c["name"], c["type"]) for c in caches],
                             [("queries", "memory"), ("shared", "redis")])
            self.assertEqual(server.get("/api/v1/cache/shared/keys")["data"]["keys"], [])
            self.assertEqual(server.ask("POST", "/api/v1/cache/clear")[0], 200)
            self.assertEqual(server.get("/api/v1/cache/health")["data"]["healthy"], True)
            self.assertEqual(server.get("/api/v1/store/stats")["data"]["path"], ":memory:")
            self.assertNotIn("redis-pool", server.threads())
            self.assertEqual(server.stop()[0], 0)


if __name__ == "__main__":
    backend.main()
