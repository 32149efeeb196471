"""Tools: built-in ones, and those of tool servers good and bad.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import contextlib
import itertools
import json
import os
import signal
import sys
import threading
import tempfile
import time
import urllib.request

import backend
import websocket_client

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import npm_package

API = "/api/v1/mcp"
FAULTS = "/api/v1/debug/faults"
FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_mcp_server.py")
QUICK = ("mcp.restart_backoff=20ms", "mcp.restart_backoff_max=100ms", "mcp.stop_grace=100ms")


def children(pid):
    """The children of a process: {pid: state}, zombies included."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid:
            found[int(name)] = state
    return found


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Served(backend.TestCase):
    """What the tests of this file share."""

    def serve(self, *settings, **changes):
        server = backend.Backend(*QUICK, *settings, **changes)
        self.addCleanup(server.__exit__)
        return server

    def add(self, server, *habits, id="fake", wait=True, **more):
        """Registers a fake server and waits until it is connected."""
        spec = {"id": id, "command": "/usr/bin/python3", "args": [FAKE, *habits],
                "env": ["PATH"], **more}
        status, body, _ = server.ask("POST", f"{API}/servers", spec)
        self.assertEqual(status, 201, body)
        if wait:
            backend.eventually(lambda: self.status(server, id) == "connected", "connected")

    def describe(self, server, id="fake"):
        found = [s for s in server.get(f"{API}/servers")["servers"] if s["id"] == id]
        return found[0] if found else None

    def status(self, server, id="fake"):
        return self.describe(server, id)["status"]

    def run_tool(self, server, tool, arguments=None, id="fake"):
        """Returns (status, body)."""
        body = {"serverId": id, "toolName": tool, "arguments": arguments or {}}
        return server.ask("POST", f"{API}/tools/execute", body)[:2]

    def said(self, server, tool, arguments=None):
        status, body = self.run_tool(server, tool, arguments)
        self.assertEqual((status, body["success"]), (200, True), body)
        return body["result"]["content"][0]["text"]

    def truth(self, server):
        return server.get("/api/v1/debug/resources")["data"]

    def switch(self, server, fault, **setting):
        self.assertEqual(server.ask("PUT", f"{FAULTS}/{fault}", setting)[0], 200)

    def end(self, server):
        """Stops the backend: clean, in time, nothing left."""
        pids = list(children(server.pid))
        status, seconds = server.stop()
        self.assertEqual(status, 0)
        self.assertLess(seconds, backend.STOP_S)
        last = server.logged("Server stopped")[0]
        self.assertEqual((last["threads_left"], last["fds_left"]),
                         (backend.sanitizer_threads(), 0))
        for pid in pids:
            self.assertFalse(is_alive(pid))


class Tools(Served):
    # What is built in

    def test_the_eight_built_in_tools_are_listed_with_schemas(self):
        server = self.serve()
        body = server.get(f"{API}/tools")
        self.assertEqual({tool["name"] for tool in body["tools"]}, {
            "get_entity_state", "set_entity_state", "get_room_entities", "create_automation",
            "get_system_status", "get_energy_data", "analyze_patterns", "execute_scene"})
        self.assertEqual(body["count"], 8)
        for tool in body["tools"]:
            self.assertEqual(tool["serverId"], "builtin")
            self.assertEqual(tool["inputSchema"]["type"], "object")
            self.assertTrue(tool["description"])
        self.assertEqual(server.get("/api/v1/ai/mcp/tools")["count"], 8)

    def test_system_status_is_that_of_the_process(self):
        server = self.serve()
        status, body = self.run_tool(server, "get_system_status", id="builtin")
        self.assertEqual((status, body["success"], body["serverId"], body["toolName"]),
                         (200, True, "builtin", "get_system_status"))
        self.assertEqual(body["result"]["threads"]["total"], len(server.threads()))
        self.assertGreater(body["result"]["memory"]["heap_alloc"], 0)
        self.assertIsInstance(body["executionTime"], float)

    def test_wrong_requests_are_told_what_is_wrong(self):
        server = self.serve()
        for body, status, words in (
                ({}, 400, "toolName"), (b"[]", 400, "object"), (b"{", 400, "JSON"),
                ({"toolName": 3}, 400, "toolName"),
                ({"toolName": "get_system_status", "arguments": []}, 400, "arguments"),
                ({"toolName": "get_system_status", "serverId": 1}, 400, "serverId"),
                ({"toolName": "get_system_status", "arguments": {"a": 1}}, 400, '"a"'),
                ({"toolName": "get_entity_state"}, 400, "entity_id"),
                ({"toolName": "get_entity_state", "arguments": {"entity_id": 4}}, 400,
                 "arguments.entity_id must be a text"),
                ({"toolName": "no_such_tool"}, 404, "no_such_tool"),
                ({"toolName": "echo", "serverId": "nobody"}, 404, "nobody"),
                ({"toolName": "echo", "serverId": "builtin"}, 404, "echo")):
            got, reply, _ = server.ask("POST", f"{API}/tools/execute", body)
            self.assertEqual(got, status, (body, reply))
            self.assertIs(reply["success"], False)
            self.assertIn(words, reply["error"])

    def test_what_is_nested_too_deep_is_refused_by_a_server_that_lives_on(self):
        server = self.serve()
        self.add(server, "good")
        for levels, words in ((31, None), (40, "32 levels"), (2000, "64 levels"),
                              (100000, "64 levels")):
            deep = "[" * levels + "]" * levels
            status, reply, _ = server.ask("POST", f"{API}/tools/execute", (
                '{"serverId":"fake","toolName":"echo","arguments":{"text":%s}}' % deep).encode())
            self.assertEqual(status, 400 if words else 200, levels)
            self.assertIn(words or "", reply.get("error", ""))
            status, _, _ = server.ask("POST", "/api/v1/websocket/broadcast",
                                      ('{"type":"x","data":{"a":%s}}' % deep).encode())
            self.assertEqual(status, 200 if levels < 60 else 400, levels)
        self.end(server)

    def test_switched_off_nothing_is_executed(self):
        server = self.serve("mcp.enabled=false")
        self.assertIs(server.get(f"{API}/status")["enabled"], False)
        self.assertEqual(self.run_tool(server, "get_system_status", id="builtin")[0], 503)
        self.assertEqual(server.ask("POST", f"{API}/servers", {"id": "a", "command": "b"})[0], 503)

    # What is built in, on real entities

    def entity(self, server, id, type="light", **more):
        status, body, _ = server.ask("POST", "/api/v1/entities",
                                     {"id": id, "type": type, "friendly_name": id, **more})
        self.assertIn(status, (200, 201), body)

    def built_in(self, server, tool, arguments):
        """The result of a built-in tool that has to succeed."""
        status, body = self.run_tool(server, tool, arguments, id="builtin")
        self.assertEqual((status, body["success"]), (200, True), body)
        return body["result"]

    def refusal(self, server, tool, arguments):
        """Why a built-in tool failed."""
        status, body = self.run_tool(server, tool, arguments, id="builtin")
        self.assertEqual((status, body["success"]), (200, False), body)
        return body["error"]

    def state(self, server, id):
        return server.get(f"/api/v1/entities/{id}")["data"]["entity"]["state"]

    def test_states_are_read_and_set(self):
        server = self.serve()
        self.entity(server, "lamp", state="off")
        self.assertEqual(self.built_in(server, "get_entity_state", {"entity_id": "lamp"})["state"],
                         "off")
        result = self.built_in(server, "set_entity_state",
                               {"entity_id": "lamp", "state": "on",
                                "attributes": {"brightness": 40}})
        self.assertEqual((result["new_state"], result["attributes"]["brightness"]), ("on", 40))
        self.assertEqual(self.state(server, "lamp"), "on")
        self.assertIn('"ghost"', self.refusal(server, "get_entity_state", {"entity_id": "ghost"}))
        self.assertIn('"ghost"', self.refusal(server, "set_entity_state",
                                              {"entity_id": "ghost", "state": "on"}))

    def test_a_room_has_its_entities(self):
        server = self.serve()
        room = server.ask("POST", "/api/v1/rooms", {"name": "Kitchen"})[1]["data"]["room_id"]
        self.entity(server, "oven", "switch", room_id=room)
        self.entity(server, "elsewhere")
        result = self.built_in(server, "get_room_entities", {"room_id": room})
        self.assertEqual(([e["id"] for e in result["entities"]], result["room"]["name"]),
                         (["oven"], "Kitchen"))
        self.assertIn("no room", self.refusal(server, "get_room_entities", {"room_id": "attic"}))

    def test_energy_is_summed_over_the_sensors(self):
        server = self.serve()
        for id, state, unit, device in (("a", "120.5", "W", "plug"), ("b", "1.5", "kW", "stove"),
                                        ("c", "300", "Wh", "plug"), ("d", "2", "kWh", "stove")):
            self.entity(server, id, "sensor", state=state, device_id=device,
                        attributes={"unit_of_measurement": unit})
        self.entity(server, "t", "sensor", state="21",
                    attributes={"unit_of_measurement": "\u00b0C"})
        result = self.built_in(server, "get_energy_data", {})
        self.assertAlmostEqual(result["power_w"], 1620.5)
        self.assertAlmostEqual(result["energy_kwh"], 2.3)
        self.assertEqual(result["count"], 4)
        result = self.built_in(server, "get_energy_data", {"device_id": "plug"})
        self.assertAlmostEqual(result["power_w"], 120.5)
        self.assertIn("ghost", self.refusal(server, "get_energy_data", {"device_id": "ghost"}))

    def test_patterns_come_from_the_history(self):
        server = self.serve()
        self.entity(server, "lamp", state="off")
        for state in ("on", "off", "on"):
            self.built_in(server, "set_entity_state", {"entity_id": "lamp", "state": state})
        result = self.built_in(server, "analyze_patterns",
                               {"entity_ids": ["lamp"], "time_range": "hour"})
        lamp = result["patterns"]["lamp"]
        history = server.get("/api/v1/entities/lamp/history?limit=100")["data"]
        states = history["history"] if isinstance(history, dict) else history
        self.assertEqual(lamp["samples"], len(states))
        self.assertEqual(lamp["changes"], 3)
        self.assertAlmostEqual(sum(lamp["states"].values()), 100, delta=0.01)
        status, body = self.run_tool(server, "analyze_patterns",
                                     {"entity_ids": ["lamp"], "time_range": "aeon"}, id="builtin")
        self.assertEqual(status, 400)
        self.assertIn("time_range", body["error"])

    def test_a_scene_brings_its_entities_into_their_states(self):
        server = self.serve()
        self.entity(server, "lamp", state="off")
        self.entity(server, "evening", "generic", state="off", attributes={"actions": [
            {"entity_id": "lamp", "action": "set_brightness", "parameters": {"brightness": 30}},
            {"entity_id": "ghost", "action": "turn_on"}]})
        client = websocket_client.Client(server.port)
        self.addCleanup(client.socket.close)
        result = self.built_in(server, "execute_scene", {"scene_id": "evening"})
        self.assertEqual(client.await_type("scene_activated")["data"]["scene_id"], "evening")
        self.assertEqual([(a["entity_id"], a["success"]) for a in result["actions"]],
                         [("lamp", True), ("ghost", False)])
        self.assertEqual(self.state(server, "lamp"), "on")
        self.assertEqual(self.state(server, "evening"), "on")
        self.assertIn("cannot do that", self.refusal(server, "execute_scene",
                                                     {"scene_id": "lamp"}))
        self.assertIn("no scene", self.refusal(server, "execute_scene", {"scene_id": "ghost"}))

    RULE = {"name": "Light with the door", "triggers": [{"entity_id": "door", "to": "on"}],
            "actions": [{"entity_id": "lamp", "action": "turn_on"}]}

    def test_an_automation_acts_when_its_trigger_comes(self):
        server = self.serve("mcp.automation_cooldown=0")
        self.entity(server, "door", "switch", state="off")
        self.entity(server, "lamp", state="off")
        id = self.built_in(server, "create_automation", self.RULE)["id"]
        client = websocket_client.Client(server.port)
        self.addCleanup(client.socket.close)
        server.ask("PUT", "/api/v1/entities/door/state", {"state": "on"})
        self.assertEqual(client.await_type("automation_triggered")["data"]["automation_id"], id)
        backend.eventually(lambda: self.state(server, "lamp") == "on", "the lamp is on")
        listed = backend.eventually(
            lambda: [a for a in server.get("/api/v1/automations")["automations"] if a["runs"]],
            "the run is counted")
        self.assertEqual([(a["id"], a["runs"], a["failed_actions"]) for a in listed], [(id, 1, 0)])
        with urllib.request.urlopen(f"{server.url}/metrics") as reply:
            self.assertIn(f'pma_automation_executions_total{{rule_id="{id}",success="true"}} 1',
                          reply.read().decode())
        # the other way, nothing is triggered; and removed, it never is again
        server.ask("PUT", "/api/v1/entities/lamp/state", {"state": "off"})
        server.ask("PUT", "/api/v1/entities/door/state", {"state": "off"})
        self.assertEqual(server.ask("DELETE", f"/api/v1/automations/{id}")[0], 200)
        self.assertEqual(server.ask("DELETE", f"/api/v1/automations/{id}")[0], 404)
        server.ask("PUT", "/api/v1/entities/door/state", {"state": "on"})
        self.assertEqual(self.state(server, "lamp"), "off")
        self.assertIn("no automation", self.refusal(
            server, "create_automation",
            {**self.RULE, "actions": [{"entity_id": "ghost", "action": "turn_on"}]}))
        self.end(server)

    def test_two_automations_that_set_each_other_off_come_to_rest(self):
        server = self.serve("mcp.automation_cooldown=10s")
        for id in ("a", "b"):
            self.entity(server, id, "switch", state="off")
        for here, there in (("a", "b"), ("b", "a")):
            self.built_in(server, "create_automation", {
                "name": here, "triggers": [{"entity_id": here}],
                "actions": [{"entity_id": there, "action": "toggle"}]})
        server.ask("PUT", "/api/v1/entities/a/state", {"state": "on"})

        backend.eventually(lambda: self.truth(server)["totals"]["automation.cooled"],
                           "the cool-down holds")
        runs = [a["runs"] for a in server.get("/api/v1/automations")["automations"]]
        self.assertEqual(runs, [1, 1])

    def test_automations_survive_a_restart(self):
        with backend.Backend() as other:
            path = os.path.join(other.directory.name, "pma.db")
            with backend.Backend(f"database.path={path}") as server:
                self.entity(server, "door", "switch", state="off")
                self.entity(server, "lamp", state="off")
                id = self.built_in(server, "create_automation", self.RULE)["id"]
                self.assertEqual(server.stop()[0], 0)
            with backend.Backend(f"database.path={path}") as server:
                self.assertEqual([a["id"] for a in
                                  server.get("/api/v1/automations")["automations"]], [id])
                self.assertEqual(server.ask("DELETE", f"/api/v1/automations/{id}")[0], 200)
                self.assertEqual(server.stop()[0], 0)
            with backend.Backend(f"database.path={path}") as server:
                self.assertEqual(server.get("/api/v1/automations")["count"], 0)

    # Tool servers

    def test_a_server_is_listed_runs_its_tools_and_is_removed(self):
        server = self.serve()
        self.add(server, "good")
        listed = self.describe(server)
        self.assertEqual((listed["toolCount"], listed["server_name"], listed["connected"]),
                         (4, "fake", True))
        self.assertEqual(server.get(f"{API}/status")["connectedServers"], 2)
        tools = [t for t in server.get(f"{API}/tools")["tools"] if t["serverId"] == "fake"]
        self.assertEqual({t["name"] for t in tools},
                         {"echo", "environment", "fail", "descriptors"})
        self.assertEqual(self.said(server, "echo", {"text": "h\u00e9 \"\n"}), "h\u00e9 \"\n")
        # by its name alone, and by the name that language models use
        for name in ("echo", "fake__echo"):
            status, body = self.run_tool(server, name, {"text": "x"}, id="")
            self.assertEqual((status, body["serverId"]), (200, "fake"), body)
        pid = listed["pid"]
        self.assertEqual(children(server.pid), {pid: children(server.pid)[pid]})
        status, body, _ = server.ask("DELETE", f"{API}/servers/fake")
        self.assertEqual(status, 200, body)
        self.assertEqual(children(server.pid), {})
        self.assertFalse(is_alive(pid))
        self.assertEqual(server.ask("DELETE", f"{API}/servers/fake")[0], 404)
        self.assertEqual(self.run_tool(server, "echo")[0], 404)
        self.end(server)

    def test_a_child_gets_the_environment_and_descriptors_that_it_should(self):
        server = self.serve(SECRET="not for you", WANTED="for you")
        self.add(server, "good", env=["WANTED", "SET=a=b", "MISSING"])
        environment = json.loads(self.said(server, "environment"))
        self.assertIn("WANTED=for you", environment)
        self.assertIn("SET=a=b", environment)
        self.assertFalse([e for e in environment if e.startswith(("SECRET", "MISSING"))])
        # 3 is the folder that is being listed
        self.assertEqual(json.loads(self.said(server, "descriptors")), [0, 1, 2, 3])
        self.assertEqual(self.describe(server)["env"], ["WANTED", "SET", "MISSING"])
        self.end(server)

    def test_what_a_tool_says_when_it_fails_is_passed_on(self):
        server = self.serve()
        self.add(server, "good")
        status, body = self.run_tool(server, "fail")
        self.assertEqual((status, body["success"], body["error"]),
                         (200, False, "there is no such luck"))
        self.assertEqual(self.run_tool(server, "unknown")[0], 404)

    def test_registering_is_checked(self):
        server = self.serve("mcp.max_servers=2")
        for spec, words in (({"command": "x"}, '"id"'), ({"id": "a"}, '"command"'),
                            ({"id": "a b", "command": "x"}, "letters"),
                            ({"id": "a__b", "command": "x"}, "letters"),
                            ({"id": "builtin", "command": "x"}, "builtin"),
                            ({"id": "a", "command": "x", "args": "y"}, "server.args"),
                            ({"id": "a", "command": "x", "args": [1]}, "server.args[0]"),
                            ({"id": "a", "command": "x", "cwd": "/"}, '"cwd"')):
            status, body, _ = server.ask("POST", f"{API}/servers", spec)
            self.assertEqual(status, 400, body)
            self.assertIn(words, body["error"])
        self.add(server, "good")
        self.assertEqual(server.ask("POST", f"{API}/servers",
                                    {"id": "fake", "command": "x"})[0], 409)
        self.add(server, "good", id="two", enabled=False, wait=False)
        self.assertEqual(self.status(server, "two"), "stopped")
        self.assertEqual(self.run_tool(server, "echo", id="two")[0], 409)
        self.assertEqual(server.ask("POST", f"{API}/servers",
                                    {"id": "three", "command": "x"})[0], 503)
        self.assertEqual(server.ask("DELETE", f"{API}/servers/builtin")[0], 409)

    def test_no_page_of_another_site_can_start_a_program(self):
        server = self.serve("auth.enabled=false")
        spec = {"id": "fake", "command": "true"}
        for origin in ("http://evil.example", "null", "http://localhost.evil.example",
                       "http://127.0.0.1.evil.example:3001"):
            status, body, _ = server.ask("POST", f"{API}/servers", spec, {"Origin": origin})
            self.assertEqual(status, 403, (origin, body))
        # A name of theirs that leads to this machine makes their page our own, to a browser.
        status, body, _ = server.ask("POST", f"{API}/servers", spec,
                                     {"Origin": "http://evil.example:3001",
                                      "Host": "evil.example:3001"})
        self.assertEqual(status, 403, body)
        self.assertEqual(server.ask("POST", f"{API}/servers", spec,
                                    {"Origin": "http://localhost:5173"})[0], 201)

    def test_the_configuration_can_forbid_registering(self):
        server = self.serve("mcp.register_servers=false")
        self.assertEqual(server.ask("POST", f"{API}/servers", {"id": "a", "command": "b"})[0], 403)
        self.assertEqual(server.ask("DELETE", f"{API}/servers/a")[0], 403)

    def test_a_server_of_the_configuration_is_there_from_the_start(self):
        server = self.serve("mcp.servers.fake.command=/usr/bin/python3",
                            f"mcp.servers.fake.args={json.dumps([FAKE, 'good'])}",
                            'mcp.servers.fake.env=["PATH"]')
        backend.eventually(lambda: self.status(server) == "connected", "connected")
        self.assertEqual(self.said(server, "echo", {"text": "hello"}), "hello")
        self.end(server)

    # Chats

    def scripted(self, *rules):
        """The setting that makes the offline model follow these rules."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "script.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(rules, file)
        return f"ai.script={path}"

    def test_a_chat_uses_the_tools_of_a_tool_server(self):
        server = self.serve(self.scripted({"tool": "fake__echo", "arguments": {"text": "from afar"},
                                           "say": "It said {result}"}))
        self.add(server, "good")
        status, body, _ = server.ask("POST", "/api/v1/conversations/c/messages", {"content": "go"})
        self.assertEqual(status, 200, body)
        self.assertIn("from afar", body["content"])
        [execution] = server.get(f"{API}/executions")["executions"]
        self.assertEqual((execution["server_id"], execution["tool_name"], execution["success"],
                          execution["conversation_id"]), ("fake", "echo", True, "c"))
        self.end(server)

    def test_a_chat_hears_of_a_tool_server_that_fails(self):
        server = self.serve(self.scripted({"tool": "fake__echo", "say": "It said {result}"}),
                            "mcp.call_timeout=50ms")
        self.add(server, "slow")
        status, body, _ = server.ask("POST", "/api/v1/conversations/c/messages", {"content": "go"})
        self.assertEqual(status, 200, body)
        self.assertIn("50 ms", body["content"])
        self.end(server)

    def test_the_backend_stops_in_time_while_a_chat_waits_for_a_tool(self):
        server = self.serve(self.scripted({"tool": "fake__echo", "say": "It said {result}"}),
                            "mcp.call_timeout=60s")
        self.add(server, "slow", "stubborn")
        statuses = []

        def chat():
            try:
                statuses.append(server.ask("POST", "/api/v1/ai/chat", {"message": "go"})[0])
            except OSError:
                statuses.append("closed")
        thread = threading.Thread(target=chat)
        thread.start()
        backend.eventually(lambda: server.get(f"{API}/status")["runningCalls"] == 1, "the call")
        self.end(server)
        thread.join()

    # Bad ones

    def test_a_call_that_takes_too_long_is_given_up(self):
        server = self.serve("mcp.call_timeout=100ms")
        self.add(server, "slow")
        status, body = self.run_tool(server, "echo")
        self.assertEqual(status, 503)
        self.assertIn("100 ms", body["error"])
        self.assertEqual(server.get(f"{API}/status")["timedOutCalls"], 1)
        self.assertEqual(self.status(server), "connected")
        self.end(server)

    def test_an_answer_that_comes_late_is_nobodys(self):
        server = self.serve("mcp.call_timeout=100ms")
        self.add(server, "late")
        self.assertEqual(self.run_tool(server, "echo", {"text": "first"})[0], 503)
        self.assertEqual(self.said(server, "echo", {"text": "second"}), "second")
        self.assertEqual(self.describe(server)["unknown_answers"], 1)

    def test_a_call_that_nobody_waits_for_any_more_is_given_up(self):
        server = self.serve("mcp.call_timeout=60s")
        self.add(server, "slow")
        body = json.dumps({"serverId": "fake", "toolName": "echo"}).encode()
        with server.connect() as raw:
            raw.sendall(b"POST /api/v1/mcp/tools/execute HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(body) + body)
            backend.eventually(lambda: server.get(f"{API}/status")["runningCalls"] == 1, "it runs")
        backend.eventually(lambda: server.get(f"{API}/status")["runningCalls"] == 0, "given up")
        [execution] = server.get(f"{API}/executions")["executions"]
        self.assertEqual(execution["error"], "Nobody waits for the answer")
        self.end(server)

    def test_no_more_calls_wait_than_allowed(self):
        server = self.serve("mcp.call_timeout=700ms", "mcp.max_calls=2")
        self.add(server, "slow")
        results = []

        def call():
            results.append(self.run_tool(server, "echo"))
        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        backend.eventually(lambda: server.get(f"{API}/status")["runningCalls"] == 2, "two calls")
        status, body = self.run_tool(server, "echo")
        self.assertEqual(status, 503)
        self.assertIn("mcp.max_calls", body["error"])
        server.get("/health")  # HTTP has threads left
        for thread in threads:
            thread.join()
        self.assertEqual([status for status, _ in results], [503, 503])
        self.assertEqual(server.get(f"{API}/status")["refusedCalls"], 1)

    def test_garbage_is_passed_over(self):
        server = self.serve()
        self.add(server, "garbage")
        self.assertEqual(self.said(server, "echo", {"text": "hello"}), "hello")
        self.assertEqual(self.describe(server)["malformed_lines"], 5)
        self.end(server)

    def test_an_answer_that_is_too_long_fails_at_once_and_the_next_works(self):
        server = self.serve("mcp.max_line_bytes=64KiB")
        self.add(server, "huge")
        status, body = self.run_tool(server, "echo")
        self.assertEqual(status, 503)
        self.assertIn("mcp.max_line_bytes", body["error"])
        self.assertEqual(self.describe(server)["overlong_lines"], 1)
        self.assertEqual(self.run_tool(server, "echo", {"text": "x" * (70 << 10)})[0], 400)
        self.end(server)

    def test_a_server_that_dies_in_a_call_is_started_again(self):
        server = self.serve()
        self.add(server, "dying")
        first = self.describe(server)["pid"]
        status, body = self.run_tool(server, "echo")
        self.assertEqual(status, 503)
        self.assertIn("exit status 7", body["error"])
        backend.eventually(lambda: self.status(server) == "connected", "connected again")
        self.assertNotEqual(self.describe(server)["pid"], first)
        self.assertEqual(list(children(server.pid)), [self.describe(server)["pid"]])
        self.end(server)

    def test_a_server_that_is_killed_is_started_again(self):
        server = self.serve()
        self.add(server, "good")
        os.kill(self.describe(server)["pid"], signal.SIGKILL)
        backend.eventually(lambda: self.describe(server)["starts"] == 2 and
                           self.status(server) == "connected", "connected again")
        self.assertEqual(self.said(server, "echo", {"text": "hello"}), "hello")
        self.end(server)

    def test_ignored_children_end_as_well(self):
        server = self.serve(before=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.add(server, "dying")
        self.assertEqual(self.run_tool(server, "echo")[0], 503)
        backend.eventually(lambda: self.describe(server)["starts"] == 2 and
                           self.status(server) == "connected", "connected again")
        self.assertEqual(server.ask("DELETE", f"{API}/servers/fake")[0], 200)
        self.assertEqual(children(server.pid), {})
        self.end(server)

    def test_the_wait_between_restarts_grows_and_nothing_is_left(self):
        server = self.serve("mcp.restart_backoff=10ms", "mcp.restart_backoff_max=40ms")
        self.add(server, "mortal", wait=False)
        backend.eventually(lambda: self.describe(server)["starts"] >= 4, "four starts")
        self.assertTrue(server.get(f"{API}/status")["errors"])
        self.assertLessEqual(len(children(server.pid)), 1)
        times = [line["time"] for line in server.logged("Tool server started")]
        self.assertGreaterEqual(len(times), 4)
        self.end(server)

    def test_a_program_that_does_not_exist_is_said_so(self):
        server = self.serve()
        status, _, _ = server.ask("POST", f"{API}/servers",
                                  {"id": "fake", "command": "/no/such/program"})
        self.assertEqual(status, 201)
        self.assertEqual(self.status(server), "error")
        self.assertIn("No such file", self.describe(server)["last_error"])
        status, body = self.run_tool(server, "echo")
        self.assertEqual(status, 409)
        self.assertIn("No such file", body["error"])
        self.end(server)

    def test_a_silent_server_is_given_up_at_its_deadline(self):
        server = self.serve("mcp.start_timeout=150ms")
        self.add(server, "silent", wait=False)
        backend.eventually(lambda: self.describe(server).get("last_error", "") ==
                           "The tool server did not get ready in time", "the deadline")
        self.assertEqual(self.run_tool(server, "echo")[0], 409)
        self.end(server)

    def test_a_stubborn_server_is_killed(self):
        server = self.serve("mcp.stop_grace=100ms")
        self.add(server, "stubborn")
        pid = self.describe(server)["pid"]
        self.assertEqual(server.ask("DELETE", f"{API}/servers/fake")[0], 200)
        self.assertEqual(children(server.pid), {})
        self.assertFalse(is_alive(pid))
        self.add(server, "stubborn")
        self.end(server)  # also at the end of the backend

    def test_a_flood_on_error_output_blocks_nobody(self):
        server = self.serve()
        self.add(server, "chatty")
        self.assertEqual(self.said(server, "echo", {"text": "hello"}), "hello")
        described = self.describe(server)
        self.assertEqual(described["stderr_bytes"], 6 * (1 << 16) + 15)
        self.assertTrue(described["stderr"].strip().endswith("the last words"))
        self.assertLess(len(described["stderr"]), 600)
        self.end(server)

    def test_the_whole_family_ends(self):
        server = self.serve()
        self.add(server, "family")
        pid = self.describe(server)["pid"]
        grandchildren = list(children(pid))
        self.assertEqual(len(grandchildren), 1)
        self.assertEqual(server.ask("DELETE", f"{API}/servers/fake")[0], 200)
        backend.eventually(lambda: not is_alive(grandchildren[0]), "the grandchild ends")
        self.end(server)

    def test_the_backend_stops_in_time_while_calls_wait(self):
        server = self.serve("mcp.call_timeout=60s")
        self.add(server, "slow", "stubborn")
        results = []

        def call():
            try:
                results.append(self.run_tool(server, "echo")[0])
            except OSError:
                results.append("closed")
        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        backend.eventually(lambda: server.get(f"{API}/status")["runningCalls"] == 2, "two calls")
        self.end(server)
        for thread in threads:
            thread.join()
        self.assertEqual(results, [503, 503])

    def test_calls_changes_and_kills_at_once_leave_nothing(self):
        server = self.serve("mcp.restart_backoff=10ms", "mcp.restart_backoff_max=20ms",
                            "mcp.call_timeout=300ms", "mcp.cleanup_interval=10ms",
                            "mcp.max_executions=20", "mcp.context_max_age=20ms")
        self.add(server, "good", id="a")
        self.add(server, "dying", id="b")
        statuses, end = set(), time.monotonic() + 1.0

        def call():
            ids = itertools.cycle("abc")
            while time.monotonic() < end:
                statuses.add(self.run_tool(server, "echo", {"text": "x" * 5000}, next(ids))[0])

        def change():
            habits = itertools.cycle(("good", "stubborn", "slow"))
            while time.monotonic() < end:
                server.ask("DELETE", f"{API}/servers/c")
                self.add(server, next(habits), id="c", wait=False)
                time.sleep(0.05)

        def look():
            while time.monotonic() < end:
                for path in ("servers", "tools", "status", "executions"):
                    server.get(f"{API}/{path}")

        def kill():
            while time.monotonic() < end:
                for pid in children(server.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.1)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in [pool.submit(task) for task in (call, call, call, change, look, kill)]:
                done.result()
        self.assertLessEqual(statuses, {200, 404, 409, 503})
        for id in "abc":
            server.ask("DELETE", f"{API}/servers/{id}")
        self.assertEqual(children(server.pid), {})
        counters = self.truth(server)["counters"]
        self.assertEqual([counters[f"mcp.{name}"]
                          for name in ("processes", "servers", "calls", "contexts")], [0] * 4)
        self.end(server)

    # The log

    def test_executions_are_logged_newest_first_and_bounded(self):
        server = self.serve("mcp.max_executions=5")
        for number in range(8):
            self.run_tool(server, "get_entity_state", {"entity_id": str(number)}, id="builtin")
        body = server.get(f"{API}/executions")
        self.assertEqual([e["parameters"]["entity_id"] for e in body["executions"]],
                         ["7", "6", "5", "4", "3"])
        self.assertEqual(body["statistics"]["total_executions"], 8)
        self.assertEqual(body["statistics"]["evicted"], 3)
        self.assertEqual(body["statistics"]["tools"]["get_entity_state"]["count"], 8)
        page = server.get(f"{API}/executions?limit=2&offset=1")["executions"]
        self.assertEqual([e["parameters"]["entity_id"] for e in page], ["6", "5"])
        self.assertEqual(server.ask("GET", f"{API}/executions?limit=x")[0], 400)
        self.assertEqual(server.ask("POST", f"{API}/executions/cleanup")[1]["removed"], 5)
        self.assertEqual(server.get(f"{API}/executions")["count"], 0)

    def test_executions_survive_a_restart(self):
        with backend.Backend() as other:  # only for its folder, which ends with the test
            path = os.path.join(other.directory.name, "pma.db")
            for number in range(2):
                with backend.Backend(f"database.path={path}") as server:
                    self.assertEqual(server.get(f"{API}/executions")["count"], number)
                    self.run_tool(server, "get_system_status", id="builtin")
                    self.assertEqual(server.stop()[0], 0)

    def test_old_executions_go_by_themselves(self):
        server = self.serve("mcp.execution_max_age=50ms", "mcp.cleanup_interval=20ms")
        self.run_tool(server, "get_system_status", id="builtin")
        backend.eventually(lambda: server.get(f"{API}/executions")["count"] == 0, "swept")
        self.assertEqual(server.get(f"{API}/executions")["statistics"]["expired"], 1)

    # Faults

    def test_f23_keeps_every_execution(self):
        server = self.serve("mcp.max_executions=5", "mcp.cleanup_interval=20ms")
        for on, entries in ((False, 5), (True, 25)):
            self.switch(server, "F23", enabled=on)
            for _ in range(20):
                self.run_tool(server, "get_system_status", id="builtin")
            self.assertEqual(self.truth(server)["kept"]["mcp.executions"]["value"], entries)
        self.assertEqual(self.truth(server)["leaked"]["F23"], 20)
        self.end(server)

    def test_f23_drives_itself(self):
        server = self.serve("mcp.max_executions=1", "faults.F23.enabled=true",
                            "faults.F23.rate=500", "faults.F23.limit=10")
        backend.eventually(lambda: self.truth(server)["leaked"]["F23"] == 10, "the limit")
        self.assertEqual(self.truth(server)["kept"]["mcp.executions"]["value"], 11)

    def test_f24_leaves_a_zombie_two_pipes_and_two_threads_per_removal(self):
        server = self.serve()
        before = self.truth(server)
        threads = server.threads().count("mcp-copy")
        for fault, left in ((False, 0), (True, 1), (True, 2), (False, 2)):
            self.switch(server, "F24", enabled=fault)
            self.add(server, "good")
            self.assertEqual(server.ask("DELETE", f"{API}/servers/fake")[0], 200)
            backend.eventually(lambda: list(children(server.pid).values()) == left * ["Z"],
                               f"{left} zombies")
            self.assertEqual(server.threads().count("mcp-copy") - threads, 2 * left)
            now = self.truth(server)
            self.assertEqual(now["fds"] - before["fds"], 2 * left)
            self.assertEqual(now["children"], left)
            self.assertEqual(now["leaked"]["F24"], left)

    def test_f24_drives_itself(self):
        server = self.serve("faults.F24.enabled=true", "faults.F24.rate=100",
                            "faults.F24.limit=5")
        backend.eventually(lambda: list(children(server.pid).values()) == 5 * ["Z"], "5 zombies")
        self.assertEqual(self.truth(server)["leaked"]["F24"], 5)

    def test_f25_is_a_saw_tooth(self):
        server = self.serve("mcp.context_max_age=150ms", "mcp.cleanup_interval=3s")
        for _ in range(10):
            self.run_tool(server, "get_system_status", id="builtin")
        self.assertEqual(self.truth(server)["counters"]["mcp.contexts"], 0)
        self.switch(server, "F25", enabled=True)
        for tooth in (1, 2):
            for _ in range(10):
                self.run_tool(server, "get_system_status", id="builtin")
            self.assertEqual(self.truth(server)["counters"]["mcp.contexts"], 10)
            time.sleep(0.16)  # older than they may get: now a sweep reaps them
            self.assertEqual(server.ask("POST", "/api/v1/memory/gc")[0], 200)
            self.assertEqual(self.truth(server)["counters"]["mcp.contexts"], 0)
            self.assertEqual(self.truth(server)["totals"]["mcp.contexts_reaped"], 10 * tooth)

    def test_f25_without_an_age_is_permanent(self):
        server = self.serve("mcp.context_max_age=0", "mcp.cleanup_interval=10ms",
                            "faults.F25.enabled=true", "faults.F25.rate=500",
                            "faults.F25.limit=10")
        backend.eventually(lambda: self.truth(server)["leaked"]["F25"] == 10, "the limit")
        server.ask("POST", "/api/v1/memory/gc")
        # The driver goes on: an eleventh context may be that of a run at this moment.
        backend.eventually(lambda: self.truth(server)["counters"]["mcp.contexts"] == 10,
                           "all ten are still there")


class Everything(Served):
    """The reference server of the protocol's own authors, from npm."""

    PACKAGE = "@modelcontextprotocol/server-everything"

    @classmethod
    def setUpClass(cls):
        cls.program = npm_package.program_of(cls.PACKAGE)

    def test_the_reference_server_lists_and_runs_its_tools(self):
        if self.program is None:
            self.skipTest(f"npm cannot install {self.PACKAGE} here")
        server = self.serve("mcp.start_timeout=30s", "mcp.stop_grace=1s")
        status, body, _ = server.ask("POST", f"{API}/servers", {
            "id": "everything", "command": "node", "args": [self.program, "stdio"],
            "env": ["PATH", "HOME"]})
        self.assertEqual(status, 201, body)
        backend.eventually(lambda: self.status(server, "everything") == "connected",
                           "connected", 40)
        tools = {t["name"]: t for t in server.get(f"{API}/tools")["tools"]
                 if t["serverId"] == "everything"}
        self.assertIn("echo", tools)
        self.assertIn("message", tools["echo"]["inputSchema"]["properties"])
        status, body = self.run_tool(server, "echo", {"message": "h\u00e9llo"}, "everything")
        self.assertEqual((status, body["success"]), (200, True), body)
        self.assertEqual(body["result"]["content"][0]["text"], "Echo: h\u00e9llo")
        adder = next(name for name in tools if name in ("add", "get-sum"))
        status, body = self.run_tool(server, adder, {"a": 17, "b": 25}, "everything")
        self.assertEqual((status, body["success"]), (200, True), body)
        self.assertIn("42", body["result"]["content"][0]["text"])
        status, body = self.run_tool(server, adder, {"a": "x"}, "everything")
        self.assertIn((status, body["success"]), ((400, False), (200, False)))
        self.assertTrue(body["error"])
        self.end(server)


if __name__ == "__main__":
    backend.main()
