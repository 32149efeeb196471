"""Entities and rooms, over REST and as WebSocket clients hear of them.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import time
import unittest

import websockets

import backend

ENTITIES = "/api/v1/entities"
ROOMS = "/api/v1/rooms"
DEADLINE_S = backend.DEADLINE_S


def entity(name, kind="light", source="pma", **members):
    """The body of a POST."""
    return {"id": name, "type": kind, "friendly_name": name.title(), "state": "off",
            "metadata": {"source": source}, **members}


class EntityTest(backend.TestCase):
    """A server per class: tests use names of their own."""
    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.server = backend.Backend(*cls.settings)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def ask(self, method, path, body=None, status=200):
        got, reply, _ = self.server.ask(method, path, body)
        self.assertEqual(got, status, reply)
        return reply

    def post(self, name, *arguments, **members):
        return self.ask("POST", ENTITIES, entity(name, *arguments, **members))["data"]

    def data(self, path):
        return self.server.get(path)["data"]

    def state_of(self, name):
        return self.data(f"{ENTITIES}/{name}")["entity"]["state"]

    def counter(self, name):
        data = self.data("/api/v1/debug/resources")
        if name in data["kept"]:
            return data["kept"][name]["value"]
        return {**data["counters"], **data["totals"]}[name]


class Entities(EntityTest):
    def test_an_entity_is_made_read_and_removed(self):
        made = self.post("desk.lamp", attributes={"brightness": 9}, capabilities=["dimmable"])
        self.assertEqual((made["operation"], made["entity_id"]), ("create", "desk.lamp"))
        self.assertTrue(made["created_at"].endswith("Z"))
        read = self.data(f"{ENTITIES}/desk.lamp")["entity"]
        self.assertEqual(read, made["entity"])
        self.assertEqual((read["brightness"], read["available"]), (9, True))
        self.assertEqual(read["metadata"]["is_virtual"], True)
        again = self.post("desk.lamp", state="on")
        self.assertEqual(again["operation"], "update")
        self.assertEqual(self.state_of("desk.lamp"), "on")
        self.ask("DELETE", f"{ENTITIES}/desk.lamp")
        self.ask("GET", f"{ENTITIES}/desk.lamp", status=404)
        self.ask("DELETE", f"{ENTITIES}/desk.lamp", status=404)

    def test_a_device_of_a_source_cannot_be_deleted(self):
        self.post("ring.bell", "device", "ring")
        reply = self.ask("DELETE", f"{ENTITIES}/ring.bell", status=400)
        self.assertIn("pma", reply["error"])
        self.assertEqual(self.state_of("ring.bell"), "off")

    def test_what_is_wrong_is_refused(self):
        for wrong in ({}, {"id": "x"}, entity("x y"), entity("x", "spoon"),
                      entity("x", attributes=7), entity("x", state=["on"]),
                      entity("x", capabilities=["flying"]), entity("x", room_id=""),
                      entity("x", attributes={"a": "y" * 20000}), b"[]", b"{"):
            reply = self.ask("POST", ENTITIES, wrong, status=400)
            self.assertIs(reply["success"], False)
            self.assertTrue(reply["error"])
        self.post("owned", "light", "ring")
        self.ask("POST", ENTITIES, entity("owned", "light", "shelly"), status=409)
        self.ask("POST", ENTITIES,
                 entity("owned", "light", "ring", last_updated="2020-01-01T00:00:00+02:00"),
                 status=409)
        self.ask("GET", f"{ENTITIES}/x", status=404)

    def test_lists_by_everything(self):
        for name, kind, source in (("l.one", "lock", "net"), ("l.two", "lock", "net"),
                                   ("l.three", "fan", "net")):
            self.post(name, kind, source)
        def ids(path):
            return [e.get("entity", e)["id"] for e in self.data(f"{ENTITIES}{path}")]
        self.assertEqual(ids("?source=net"), ["l.one", "l.two", "l.three"])
        self.assertEqual(ids("?source=net&limit=1&offset=1"), ["l.two"])
        self.assertEqual(ids("?type=lock"), ["l.one", "l.two"])
        self.assertEqual(ids("?domain=fan"), ["l.three"])
        self.assertEqual(ids("/type/lock"), ["l.one", "l.two"])
        self.assertEqual(ids("/source/net"), ["l.one", "l.two", "l.three"])
        self.assertEqual(ids("/search?q=L.T"), ["l.two", "l.three"])
        reply = self.server.get(f"{ENTITIES}?source=net&limit=2")
        self.assertEqual((reply["meta"]["count"], reply["meta"]["total"]), (2, 3))
        self.assertEqual(reply["meta"]["by_source"], {"net": 2})
        self.ask("PUT", f"{ENTITIES}/l.one/state", {"state": "unavailable"})
        self.assertEqual(ids("?source=net&available_only=true"), ["l.two", "l.three"])
        self.post("l.dim", "light", "pma", capabilities=["dimmable", "colorable"])
        self.assertEqual(ids("?capabilities=%5B%22colorable%22%5D"), ["l.dim"])
        for wrong in ("?limit=-1", "?limit=x", "?capabilities=7", "/search", "/search?q="):
            self.ask("GET", f"{ENTITIES}{wrong}", status=400)
        self.assertIn("light", self.data(f"{ENTITIES}/types"))
        self.assertIn("dimmable", self.data(f"{ENTITIES}/capabilities"))

    def test_an_action_has_a_result(self):
        self.post("a.lamp")
        result = self.ask("POST", f"{ENTITIES}/a.lamp/action",
                          {"action": "set_brightness", "parameters": {"brightness": 40}})["data"]
        self.assertEqual((result["success"], result["new_state"], result["action"]),
                         (True, "on", "set_brightness"))
        self.assertEqual(result["attributes"], {"brightness": 40})
        self.assertRegex(result["duration"], r"^\d+\.\d+ms$")
        self.ask("POST", f"{ENTITIES}/a.lamp/action", {"action": "toggle"})
        self.assertEqual(self.state_of("a.lamp"), "off")

    def test_an_action_that_fails_says_why(self):
        self.post("a.other")
        self.post("a.orphan", "light", "ring")
        path = f"{ENTITIES}/a.other/action"
        for body in ({}, {"action": ""}, {"action": 5}, {"action": "lock", "parameters": []}):
            self.ask("POST", path, body, status=400)
        reply = self.ask("POST", path, {"action": "lock"}, status=422)
        self.assertTrue(reply["error"].startswith("Action failed: "))
        self.ask("POST", path, {"action": "set_brightness"}, status=422)
        self.ask("POST", f"{ENTITIES}/nobody/action", {"action": "turn_on"}, status=404)
        reply = self.ask("POST", f"{ENTITIES}/a.orphan/action", {"action": "turn_on"}, status=500)
        self.assertIn("no adapter", reply["error"])

    def test_a_state_is_switched_or_written(self):
        self.post("s.lamp")
        self.post("s.sensor", "sensor", attributes={"unit_of_measurement": "C"})
        for state, expected in ((True, "on"), ("off", "off"), ("on", "on"), (False, "off")):
            reply = self.ask("PUT", f"{ENTITIES}/s.lamp/state", {"state": state})["data"]
            self.assertEqual(reply["new_state"], expected)
        self.ask("PUT", f"{ENTITIES}/s.sensor/state", {"state": "21.5", "attributes": {"n": 1}})
        sensor = self.data(f"{ENTITIES}/s.sensor")["entity"]
        self.assertEqual((sensor["numeric_value"], sensor["unit"], sensor["attributes"]["n"]),
                         (21.5, "C", 1))
        for wrong in ({}, {"state": 5}, {"state": "x" * 300}, {"state": "on", "attributes": 3}):
            self.ask("PUT", f"{ENTITIES}/s.sensor/state", wrong, status=400)

    def test_the_history_has_the_newest_states_oldest_first(self):
        self.post("h.sensor", "sensor")
        for n in range(60):
            self.ask("PUT", f"{ENTITIES}/h.sensor/state", {"state": str(n)})
        states = self.data(f"{ENTITIES}/h.sensor/history")
        self.assertEqual([s["state"] for s in states], [str(n) for n in range(10, 60)])
        self.assertEqual([s["state"] for s in self.data(f"{ENTITIES}/h.sensor/history?limit=2")],
                         ["58", "59"])
        stamps = [s["timestamp"] for s in states]
        self.assertEqual(stamps, sorted(stamps))
        self.ask("GET", f"{ENTITIES}/nobody/history", status=404)
        self.ask("GET", f"{ENTITIES}/h.sensor/history?limit=x", status=400)


class Rooms(EntityTest):
    def make(self, name, **members):
        return self.ask("POST", ROOMS, {"name": name, **members})["data"]["room_id"]

    def test_a_room_is_made_changed_and_removed(self):
        room_id = self.make("Kitchen", icon="stove")
        self.assertRegex(room_id, r"^pma_room_\d+$")
        reply = self.ask("PUT", f"{ROOMS}/{room_id}", {"description": "with a view"})["data"]
        self.assertEqual(reply["room"]["name"], "Kitchen")
        room = self.data(f"{ROOMS}/{room_id}")
        self.assertEqual((room["icon"], room["description"], room["entity_ids"]),
                         ("stove", "with a view", []))
        self.assertIn(room_id, [r["id"] for r in self.data(ROOMS)])
        self.ask("DELETE", f"{ROOMS}/{room_id}")
        for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
            self.ask(method, f"{ROOMS}/{room_id}", body, status=404)

    def test_what_is_wrong_is_refused(self):
        for wrong in ({}, {"name": ""}, {"name": 5}, {"name": "x", "icon": []},
                      {"name": "x" * 600}, b"7"):
            self.ask("POST", ROOMS, wrong, status=400)

    def test_entities_move_with_their_room(self):
        first, second = self.make("First"), self.make("Second", parent_id=self.make("House"))
        for name in ("m.one", "m.two"):
            self.post(name)
            self.ask("PUT", f"{ENTITIES}/{name}/room", {"room_id": first})
        room = self.data(f"{ROOMS}/{first}")
        self.assertEqual((room["entity_ids"], room["entity_count"], room["source_counts"]),
                         (["m.one", "m.two"], 2, {"pma": 2}))
        self.assertEqual([e["id"] for e in room["entities"]], ["m.one", "m.two"])
        listed = self.data(f"{ENTITIES}/room/{first}")
        self.assertEqual([(e["entity"]["id"], e["room"]["name"]) for e in listed],
                         [("m.one", "First"), ("m.two", "First")])
        self.assertEqual(self.data(f"{ENTITIES}?room_id={first}&include_room=1")[0]["room"]["id"],
                         first)
        self.assertEqual(self.data(f"{ENTITIES}/m.one")["room"]["name"], "First")
        self.ask("DELETE", f"{ROOMS}/{first}", {"reassign_to_room_id": "nowhere"}, status=400)
        self.ask("DELETE", f"{ROOMS}/{first}", {"reassign_to_room_id": second})
        self.assertEqual(self.data(f"{ROOMS}/{second}")["entity_ids"], ["m.one", "m.two"])
        self.ask("PUT", f"{ENTITIES}/m.one/room", {"room_id": None})
        self.assertEqual(self.data(f"{ROOMS}/{second}")["entity_ids"], ["m.two"])
        self.ask("DELETE", f"{ROOMS}/{second}")
        self.assertNotIn("room_id", self.data(f"{ENTITIES}/m.two")["entity"])
        self.ask("PUT", f"{ENTITIES}/m.one/room", {"room_id": "nowhere"}, status=404)
        self.ask("PUT", f"{ENTITIES}/m.one/room", {}, status=400)
        stats = self.data(f"{ROOMS}/stats")
        self.assertEqual(stats["total_rooms"], len(self.data(ROOMS)))


class Limits(EntityTest):
    settings = ("entities.max_entities=20", "entities.max_rooms=2", "entities.history_age=50ms",
                "entities.cleanup_interval=20ms")

    def test_virtual_entities_give_way_and_connected_devices_do_not(self):
        for n in range(15):
            self.post(f"device{n}", "light", "ring")
        for n in range(10):
            self.post(f"virtual{n}")
        self.assertEqual(self.server.get(f"{ENTITIES}?limit=1")["meta"]["total"], 20)
        self.assertEqual(len(self.data(f"{ENTITIES}/source/ring")), 15)
        self.assertEqual([e["entity"]["id"] for e in self.data(f"{ENTITIES}/source/pma")],
                         [f"virtual{n}" for n in range(5, 10)])
        for n in range(15, 20):
            self.post(f"device{n}", "light", "ring")
        reply = self.ask("POST", ENTITIES, entity("one-more", "light", "ring"), status=507)
        self.assertIn("full", reply["error"])
        self.assertEqual((self.counter("entities.evicted"), self.counter("entities.refused_full"),
                          self.counter("entities.registered")), (10, 1, 20))
        self.ask("PUT", f"{ENTITIES}/device7/state", {"state": "unavailable"})
        self.post("one-more", "light", "ring")
        self.ask("GET", f"{ENTITIES}/device7", status=404)
        self.ask("PUT", f"{ENTITIES}/device1/state", {"state": "on"}, status=500)
        self.ask("PUT", f"{ENTITIES}/device1/state", {"state": "dim"})
        backend.eventually(lambda: len(self.data(f"{ENTITIES}/device1/history")) == 1,
                           "old states go, the present one stays")
        for name in ("a", "b"):
            self.ask("POST", ROOMS, {"name": name})
        self.ask("POST", ROOMS, {"name": "c"}, status=507)


class Events(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.server = backend.Backend()
        self.addCleanup(self.server.__exit__)

    async def connect(self, *topics):
        client = await websockets.connect(f"ws://127.0.0.1:{self.server.port}/ws",
                                          close_timeout=1)
        self.addAsyncCleanup(client.close)
        await self.receive(client, "welcome")
        if topics:
            await client.send(json.dumps({"type": "subscribe", "data": {"topics": topics}}))
            await self.receive(client, "subscription_confirmed")
        return client

    async def receive(self, client, kind):
        """The data of the next document, which has to be of that type."""
        document = json.loads(await asyncio.wait_for(client.recv(), DEADLINE_S))
        self.assertEqual(document["type"], kind, document)
        return document["data"]

    async def ask(self, *arguments):
        status, reply, _ = await asyncio.to_thread(self.server.ask, *arguments)
        self.assertEqual(status, 200, reply)
        return reply["data"]

    async def test_a_change_reaches_those_who_want_it_once(self):
        everybody = await self.connect()
        all_of_it = await self.connect("entity:lamp", "entity:*", "source:pma", "room:hall",
                                       "entity_updates:lamp")
        by_room = await self.connect("room:hall")
        other = await self.connect("entity:other")
        clients = (everybody, all_of_it, by_room, other)
        await self.ask("POST", ENTITIES, entity("lamp", room_id="hall"))
        for client in clients[:3]:
            data = await self.receive(client, "pma_entity_added")
            self.assertEqual(data["entity"]["id"], "lamp")
        await self.ask("POST", f"{ENTITIES}/lamp/action", {"action": "turn_on"})
        read = (await self.ask("GET", f"{ENTITIES}/lamp"))["entity"]
        for client in clients[:3]:
            data = await self.receive(client, "pma_entity_state_changed")
            self.assertEqual((data["entity_id"], data["old_state"], data["new_state"],
                              data["source"], data["change_source"]),
                             ("lamp", "off", "on", "pma", "action"))
            self.assertEqual(data["entity"], read)
        await self.ask("DELETE", f"{ENTITIES}/lamp")
        for client in clients[:3]:
            data = await self.receive(client, "pma_entity_removed")
            self.assertEqual((data["entity_id"], data["source"]), ("lamp", "pma"))
        await self.ask("POST", ENTITIES, entity("other"))  # the fourth heard nothing else
        data = await self.receive(other, "pma_entity_added")
        self.assertEqual(data["entity"]["id"], "other")

    async def test_rooms_tell_what_happened_to_them(self):
        client = await self.connect()
        room_id = (await self.ask("POST", ROOMS, {"name": "Hall"}))["room_id"]
        await self.ask("PUT", f"{ROOMS}/{room_id}", {"name": "Big Hall"})
        await self.ask("DELETE", f"{ROOMS}/{room_id}")
        for action, name in (("created", "Hall"), ("updated", "Big Hall"),
                             ("deleted", "Big Hall")):
            data = await self.receive(client, "room_updated")
            self.assertEqual((data["room_id"], data["action"], data["room_name"]),
                             (room_id, action, name))

    async def test_events_come_in_the_order_of_the_changes(self):
        client = await self.connect("entity:*")
        await self.ask("POST", ENTITIES, entity("counter", "sensor"))
        await self.receive(client, "pma_entity_added")
        await asyncio.gather(*[self.ask("PUT", f"{ENTITIES}/counter/state", {"state": f"s{n}"})
                               for n in range(40)])
        state = "off"
        for _ in range(40):
            data = await self.receive(client, "pma_entity_state_changed")
            self.assertEqual(data["old_state"], state)
            state = data["new_state"]


class Source(EntityTest):
    settings = ("simulated.devices=21", "simulated.change_interval=5ms", "simulated.retry=1ms",
                "entities.sync_interval=24h")

    def status(self):
        (source,) = self.data(f"{ENTITIES}/sync/status")
        return source

    def synchronised(self):
        return backend.eventually(lambda: self.status()["last_sync"] and self.status(),
                                  "the source is synchronised")

    def test_its_devices_are_there_with_their_rooms(self):
        source = self.synchronised()
        self.assertEqual((source["id"], source["source"], source["connected"],
                          source["entities_managed"], source["rooms_managed"],
                          source["sync_errors"]),
                         ("simulated", "simulated", True, 21, 4, 0))
        self.assertEqual(len(self.data(f"{ENTITIES}/source/simulated")), 21)
        self.assertEqual(sum(r["entity_count"] for r in self.data(ROOMS)), 21)

    def test_they_change_by_themselves(self):
        self.synchronised()
        before = self.counter("entities.changes")
        backend.eventually(lambda: self.counter("entities.changes") >= before + 50, "changes")
        for wrapped in self.data(f"{ENTITIES}/type/sensor"):
            backend.eventually(lambda: len(self.data(
                f"{ENTITIES}/{wrapped['entity']['id']}/history")) > 2, "a history")

    def test_they_do_what_they_are_told(self):
        self.synchronised()
        self.ask("POST", f"{ENTITIES}/sim_light_1/action", {"action": "turn_on"})
        self.ask("POST", f"{ENTITIES}/sim_sensor_1/action", {"action": "turn_on"}, status=422)
        self.ask("DELETE", f"{ENTITIES}/sim_light_1", status=400)

    def test_a_synchronisation_can_be_asked_for(self):
        syncs = self.synchronised()["syncs"]
        self.ask("PUT", f"{ENTITIES}/sim_lock_1/room", {"room_id": None})
        self.assertEqual(self.ask("POST", f"{ENTITIES}/sync?source=simulated")["data"]["requested"],
                         1)
        backend.eventually(lambda: self.status()["syncs"] > syncs, "it is synchronised again")
        self.assertNotIn("room_id", self.data(f"{ENTITIES}/sim_lock_1")["entity"])
        self.ask("PUT", f"{ENTITIES}/sim_lock_1/room", {"room_id": "sim_room_1"})
        self.ask("POST", f"{ENTITIES}/sync")
        self.ask("POST", f"{ENTITIES}/sync?source=nobody", status=404)


class End(backend.TestCase):
    def test_a_busy_house_ends_in_time(self):
        with backend.Backend("simulated.devices=100", "simulated.change_interval=1ms",
                             "simulated.reconnect_interval=15ms", "simulated.retry=1ms") as server:
            backend.eventually(lambda: server.get(f"{ENTITIES}?limit=1")["meta"]["total"] == 100,
                               "all devices are there")
            status, seconds = server.stop()
            self.assertEqual(status, 0)
            self.assertLess(seconds, backend.STOP_S)


class Faults(EntityTest):
    settings = ("simulated.devices=7", "simulated.change_interval=0", "simulated.retry=1ms",
                "simulated.reconnect_interval=10ms")

    def truth(self):
        data = self.data("/api/v1/debug/resources")
        return data["threads"], data["fds"], data["leaked"]["F30"]

    def switch(self, fault, **setting):
        self.ask("PUT", f"/api/v1/debug/faults/{fault}", setting)

    def reconnects(self):
        return self.data(f"{ENTITIES}/sync/status")[0]["reconnects"]

    def test_f30_leaves_a_socket_and_a_thread_per_reconnection(self):
        def settled():
            first = self.truth()
            return first if first == self.truth() else None
        backend.eventually(lambda: self.reconnects() > 5, "it reconnects")
        begin = backend.eventually(settled, "a quiet moment")
        seen = self.reconnects()
        backend.eventually(lambda: self.reconnects() > seen + 10, "it reconnects")
        quiet = backend.eventually(settled, "a quiet moment")
        self.assertLessEqual(abs(quiet[1] - begin[1]), 2)  # between two connections
        self.assertEqual((quiet[0], quiet[2]), (begin[0], 0))
        self.switch("F30", enabled=True, limit=10)
        backend.eventually(lambda: self.truth()[2] == 10, "ten are forgotten")
        backend.eventually(lambda: self.truth()[0] == begin[0] + 10, "ten threads more")
        self.assertLessEqual(abs(self.truth()[1] - begin[1] - 10), 2)
        self.assertEqual(self.server.threads().count("sim-reader"), 11)
        self.switch("F30", enabled=False)


class Burst(EntityTest):
    settings = ("entities.refresh_delay=150ms", "entities.cleanup_interval=10ms")

    def threads(self):
        return self.data("/api/v1/debug/resources")["threads"]

    def act(self, count):
        for n in range(count):
            reply = self.ask("POST", f"{ENTITIES}/lamp/action",
                             {"action": "turn_off" if n % 2 else "turn_on"})
            self.assertEqual(reply["data"]["new_state"], "off" if n % 2 else "on")

    def test_f14_starts_threads_per_action_and_all_of_them_end(self):
        self.post("lamp")
        begin = self.threads()
        self.act(10)
        self.assertEqual(self.threads(), begin)
        self.ask("PUT", "/api/v1/debug/faults/F14", {"enabled": True, "limit": 20})
        self.act(20)
        names = self.server.threads()
        self.assertGreater(names.count("action-refresh"), 0)
        self.assertEqual(self.data("/api/v1/debug/resources")["leaked"]["F14"], 20)
        backend.eventually(lambda: self.threads() == begin, "all of them have ended")
        backend.eventually(
            lambda: self.data("/api/v1/debug/resources")["counters"]["workers.unjoined"] == 0,
            "and are joined")
        self.ask("PUT", "/api/v1/debug/faults/F14", {"enabled": True, "limit": 40})
        self.act(5)
        status, seconds = self.server.stop()
        self.assertEqual(status, 0)
        self.assertLess(seconds, backend.STOP_S)


class Blocked(EntityTest):
    settings = ("entities.cleanup_interval=50ms", "entities.max_entities=3",
                "entities.list_timeout=1ms", "simulated.devices=2", "simulated.change_interval=1ms")

    def leaked(self, fault):
        return self.data("/api/v1/debug/resources")["leaked"][fault]

    def test_f12_and_f13_leave_a_thread_per_call_and_the_server_goes_on(self):
        backend.eventually(lambda: self.counter("entities.registered") == 2, "the devices")
        self.post("first")
        self.ask("PUT", "/api/v1/debug/faults/F12", {"enabled": True, "limit": 11})
        # The driver blocks it once per enabling.
        backend.eventually(lambda: self.leaked("F12") == 1, "it is blocked")
        backend.eventually(lambda: self.server.threads().count("entity-call") == 1, "its thread has its name")
        for n in range(10):
            self.ask(*(("GET", f"{ENTITIES}/first"), ("POST", ENTITIES, entity(f"e{n}")),
                       ("GET", ENTITIES), ("PUT", f"{ENTITIES}/first/state", {"state": "x"}),
                       ("GET", f"{ENTITIES}/first/history"))[n % 5], status=503)
        backend.eventually(lambda: self.server.threads().count("entity-call") == 11, "ten more")
        self.ask("GET", f"{ENTITIES}/first", status=503)  # beyond the limit: none
        self.assertEqual(self.leaked("F12"), 11)
        self.ask("PUT", "/api/v1/debug/faults/F13", {"enabled": True, "limit": 5})
        for n in range(7):
            reply = self.ask("GET", ENTITIES, status=200 if n < 5 else 503)
            if n < 5:
                self.assertEqual((reply["success"], reply["data"]), (True, []))
        backend.eventually(lambda: self.server.threads().count("entity-list") == 5, "five")
        self.assertEqual((self.leaked("F12"), self.leaked("F13")), (11, 5))
        self.assertEqual(self.server.get("/health")["status"], "healthy")
        status, seconds = self.server.stop()
        self.assertLess(seconds, backend.STOP_S)
        self.assertEqual(status, 0)


class Speed(EntityTest):
    settings = ("entities.max_entities=10000",)

    def test_a_page_of_ten_thousand_costs_little(self):
        connection = self.server.connect()
        for n in range(10000):
            body = json.dumps(entity(f"e{n}", "light", "ring", attributes={"brightness": n}))
            connection.sendall(f"POST {ENTITIES} HTTP/1.1\r\nHost: x\r\nContent-Length: "
                               f"{len(body)}\r\n\r\n{body}".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
        connection.close()
        self.assertEqual(self.counter("entities.registered"), 10000)
        def median_s(path):
            took = []
            for _ in range(7):
                begin = time.monotonic()
                reply = self.server.get(ENTITIES + path)
                took.append(time.monotonic() - begin)
            return sorted(took)[3], reply["meta"]["count"]
        whole_s, count = median_s("")
        self.assertEqual(count, 10000)
        for path in ("?limit=100", "?limit=100&offset=9900", "?type=light&limit=100",
                     "/search?q=e77&limit=100"):
            page_s, count = median_s(path)
            self.assertEqual(count, 100)
            self.assertLess(page_s, whole_s / 3, path)


del EntityTest  # is no test itself

if __name__ == "__main__":
    backend.main()
