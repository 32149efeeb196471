"""The event stream against bare sockets and http.client.

SPDX-License-Identifier: MIT
"""
import contextlib
import http.client
import json
import socket
import time

import backend

STREAM = "/api/v1/events/stream"
FAULTS = "/api/v1/debug/faults"


def timers(pid):
    """How many POSIX timers a process has, as the kernel tells."""
    with open(f"/proc/{pid}/timers", encoding="ascii") as file:
        return sum(line.startswith("ID:") for line in file)


class Client:
    """One client of the stream; leaving it closes its connection."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port,
                                                     timeout=backend.DEADLINE_S)
        self.connection.request("GET", STREAM)
        self.reply = self.connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reply.close()
        self.connection.close()

    def block(self):
        """The lines up to the next empty one; [] at the end of the stream."""
        lines = []
        while True:
            line = self.reply.readline().decode()
            if line in ("", "\n"):
                return lines
            lines.append(line.rstrip("\n"))

    def event(self):
        """The next event, parsed; keep-alives are passed over. None at the end."""
        while True:
            lines = self.block()
            if not lines:
                return None
            if lines != [":keepalive"]:
                assert len(lines) == 1 and lines[0].startswith("data: "), lines
                return json.loads(lines[0][len("data: "):])

    def await_type(self, kind):
        """The next event of a type."""
        while True:
            event = self.event()
            if event is None:
                raise AssertionError(f"the stream ended before {kind}")
            if event["type"] == kind:
                return event


class Events(backend.TestCase):
    def status(self, server):
        return server.get("/api/v1/events/status")["data"]

    def test_a_client_gets_a_heartbeat_then_the_status(self):
        with backend.Backend() as server, Client(server) as client:
            self.assertEqual(client.reply.status, 200)
            self.assertEqual(client.reply.headers["Content-Type"], "text/event-stream")
            first = client.event()
            self.assertEqual(first.keys(), {"type", "data", "timestamp"})
            self.assertEqual(first["type"], "heartbeat")
            self.assertEqual(first["data"].keys(), {"message", "connectionId", "serverTime"})
            begin = time.monotonic()
            self.assertEqual(client.event()["type"], "system_status")
            self.assertLess(time.monotonic() - begin, 8)  # other events come after 10 s
            self.assertEqual(self.status(server)["activeConnections"], 1)

    def test_messages_of_the_hub_and_changes_of_entities_are_events(self):
        with backend.Backend() as server, Client(server) as client:
            client.await_type("system_status")
            server.ask("POST", "/api/v1/websocket/broadcast",
                       {"type": "notification", "data": {"text": "hëllo\n"}})
            self.assertEqual(client.event()["data"], {"text": "hëllo\n"})
            status, body, _ = server.ask("POST", "/api/v1/entities",
                                         {"id": "lamp", "type": "light", "friendly_name": "Lamp"})
            self.assertEqual(status, 200, body)
            self.assertEqual(client.await_type("pma_entity_added")["data"]["entity"]["id"], "lamp")

    def test_memory_and_connections_come_at_their_interval(self):
        with backend.Backend("events.figures_interval=30ms") as server, Client(server) as client:
            memory = client.await_type("memory")["data"]
            self.assertGreater(memory["heap_alloc"], 0)
            self.assertEqual(client.await_type("connections")["data"]["events"], 1)
            with Client(server):
                self.assertEqual(client.await_type("connections")["data"]["events"], 2)

    def test_heartbeats_and_keep_alives_share_one_thread(self):
        with backend.Backend("events.heartbeat_interval=200ms",
                             "events.keepalive_interval=30ms") as server:
            before = len(server.threads())
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(Client(server)) for _ in range(20)]
                for client in clients:
                    client.await_type("heartbeat")
                    while client.block() != [":keepalive"]:
                        pass
                    self.assertEqual(client.await_type("heartbeat")["data"]["message"],
                                     "Server is alive")
                self.assertEqual(len(server.threads()), before)
                self.assertEqual(timers(server.pid), 0)

    def test_one_client_too_many_gets_503(self):
        with backend.Backend("events.max_clients=2") as server, Client(server), Client(server):
            status, body, _ = server.ask("GET", STREAM)
            self.assertEqual((status, body["success"]), (503, False))
            self.assertEqual(self.status(server)["refusedConnections"], 1)

    def test_a_client_that_leaves_is_noticed_and_frees_its_place(self):
        with backend.Backend("events.max_clients=1") as server:
            for _ in range(2):
                with Client(server) as client:
                    client.event()
                backend.eventually(lambda: self.status(server)["activeConnections"] == 0,
                                   "its place is free")
            self.assertEqual(self.status(server)["totalConnections"], 2)

    def test_a_slow_client_loses_events_that_are_counted_and_others_lose_none(self):
        with backend.Backend("events.queue_events=10") as server:
            slow = server.connect()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            with Client(server) as fast:
                fast.await_type("system_status")
                text = "x" * 100000

                def broadcast(number):
                    server.ask("POST", "/api/v1/websocket/broadcast",
                               {"type": "bulk", "data": {"number": number, "text": text}})
                for number in range(80):
                    broadcast(number)
                    self.assertEqual(fast.event()["data"]["number"], number)
                status = self.status(server)
                self.assertGreater(status["dropped"], 0)
                self.assertLessEqual(status["queued"], 10)
            slow.close()

    def test_the_end_of_the_server_ends_the_streams_at_once(self):
        with backend.Backend() as server, Client(server) as client, Client(server):
            client.await_type("system_status")
            status, seconds = server.stop()
            self.assertEqual(status, 0)
            self.assertLess(seconds, backend.STOP_S)
            self.assertIsNone(client.event())
            self.assertEqual(server.logged("Requests cut off by the shutdown"), [])
            last = server.logged("Server stopped")[0]
            self.assertEqual((last["threads_left"], last["fds_left"]),
                             (backend.sanitizer_threads(), 0))

    def test_head_asks_for_no_stream(self):
        with backend.Backend("events.max_clients=1") as server:
            for _ in range(3):
                connection = http.client.HTTPConnection("127.0.0.1", server.port,
                                                        timeout=backend.DEADLINE_S)
                connection.request("HEAD", STREAM)
                reply = connection.getresponse()
                self.assertEqual((reply.status, reply.read()), (200, b""))
                connection.close()
                backend.eventually(lambda: self.status(server)["activeConnections"] == 0, "ended")

    def test_a_client_that_leaves_at_once_does_no_harm(self):
        with backend.Backend() as server:
            for _ in range(50):
                with server.connect() as hasty:
                    hasty.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            backend.eventually(lambda: self.status(server)["activeConnections"] == 0, "all left")
            self.assertEqual(self.status(server)["status"], "running")


class TimerPerIteration(backend.TestCase):
    """F29: a slow release, and with an interval of 0 a leak."""

    def test_without_the_fault_turns_leave_no_timer(self):
        with backend.Backend() as server, Client(server) as client:
            for _ in range(20):
                server.ask("POST", "/api/v1/websocket/broadcast", {"type": "turn", "data": {}})
                client.await_type("turn")
            self.assertEqual(timers(server.pid), 0)

    def test_each_turn_leaves_a_timer_that_goes_when_its_time_is_over(self):
        with backend.Backend("events.keepalive_interval=1500ms") as server, \
                Client(server) as client:
            client.await_type("system_status")
            server.ask("PUT", FAULTS + "/F29", {"enabled": True})
            for _ in range(20):
                server.ask("POST", "/api/v1/websocket/broadcast", {"type": "turn", "data": {}})
                client.await_type("turn")
            backend.eventually(lambda: timers(server.pid) >= 20, "a timer per turn")
            data = server.get("/api/v1/debug/resources")["data"]
            self.assertGreaterEqual(data["counters"]["events.turn_timers"], 20)
            server.ask("PUT", FAULTS + "/F29", {"enabled": False})
            backend.eventually(lambda: timers(server.pid) == 0, "slow release")

    def test_at_a_rate_the_timers_are_rate_times_interval_and_no_more(self):
        with backend.Backend("events.keepalive_interval=200ms", "faults.F29.enabled=true",
                             "faults.F29.rate=200") as server:
            backend.eventually(lambda: timers(server.pid) >= 30, "about forty")
            most = 0
            for _ in range(20):
                most = max(most, timers(server.pid))
                time.sleep(0.02)
            self.assertLessEqual(most, 80)
            self.assertGreater(server.get("/api/v1/debug/resources")["data"]["leaked"]["F29"], 40)

    def test_timers_that_never_end_are_a_leak(self):
        with backend.Backend("events.keepalive_interval=0s", "faults.F29.enabled=true",
                             "faults.F29.rate=500", "faults.F29.limit=60") as server:
            backend.eventually(lambda: timers(server.pid) == 60, "all of them")
            server.ask("PUT", FAULTS + "/F29", {"enabled": False})
            self.assertEqual(timers(server.pid), 60)


if __name__ == "__main__":
    backend.main()
