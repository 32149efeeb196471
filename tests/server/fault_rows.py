"""The rows of the fault matrix: how each fault is provoked, and what grows by it.

SPDX-License-Identifier: MIT
"""
import contextlib
import socket
import subprocess
import tempfile

import backend
import websocket_client

API = "/api/v1"
TIMES = 8
# Settings that make what the server keeps for a while short-lived, for all tests of the matrix.
SHORT = ()


class Row:
    """How one fault is provoked and what of the truth grows by it."""

    def __init__(self, provoke, grows, *, settings=(), surroundings=None, switch=None,
                 occurrences=TIMES, warm_up=False, is_quiet_when_off=True, slack=None, measures=None):
        """provoke(server): what the fault needs to be committed. grows: {figure: by at least};
        names as in GET debug/resources. surroundings: a context manager that gives settings.
        switch: what is PUT; None: {"enabled": true}. occurrences: at least so many are counted.
        warm_up: provoke once before counting. slack: {figure: growth that is none}.
        measures: {figure: function(server)} for what the server cannot count itself."""
        self.provoke, self.grows = provoke, grows
        self.switch = switch or {"enabled": True}
        self.occurrences, self.warm_up = occurrences, warm_up
        self.is_quiet_when_off = is_quiet_when_off
        self.slack, self.measures = slack or {}, measures or {}
        self._settings, self._surroundings = settings, surroundings

    @contextlib.contextmanager
    def surroundings(self):
        if self._surroundings is None:
            yield self._settings
        else:
            with self._surroundings() as settings:
                yield (*self._settings, *settings)

    def figures_when_off(self, before):
        del before
        return [(name, self.slack.get(name, 0)) for name in self.grows]


def times(count=TIMES):
    """Makes a provocation that is repeated."""
    def repeat(once):
        def provoke(server):
            for at in range(count):
                once(server, at)
        return provoke
    return repeat


def get(path, expected=(200,)):
    """Requests of one path."""
    def once(server, at):
        status, body, _ = server.ask("GET", path.format(at=at))
        if status not in expected:
            raise AssertionError(f"GET {path}: {status} {body}")
    return times()(once)


def driven(server):
    """The fault commits itself; see `switch`."""


def by_itself(grows, rate=200, count=TIMES, **more):
    """A row of a fault that drives itself at a rate up to a limit."""
    return Row(driven, grows, switch={"enabled": True, "rate": rate, "limit": count},
               occurrences=count, is_quiet_when_off=False, **more)


class Redis:
    """The redis-server of the present row."""
    port = 0

    @classmethod
    @contextlib.contextmanager
    def running(cls):
        """Runs one without persistence. Gives the settings for the backend."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            cls.port = probe.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                ["redis-server", "--port", str(cls.port), "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", folder],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                backend.eventually(cls.is_up, "redis-server answers")
                yield ("redis.enabled=true", f"redis.port={cls.port}", "redis.pool_size=12",
                       "redis.min_idle_conns=1", "redis.health_interval=50ms")
            finally:
                process.kill()
                process.wait()

    @classmethod
    def ask(cls, command):
        """One command, by the inline protocol. Returns the first line of the answer."""
        with socket.create_connection(("127.0.0.1", cls.port), timeout=5) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(4096).decode().split("\r\n")[0]

    @classmethod
    def is_up(cls):
        try:
            return cls.ask("PING") == "+PONG"
        except OSError:
            return False

    @classmethod
    def keys(cls, _):
        """How many keys there are."""
        return int(cls.ask("DBSIZE").removeprefix(":"))


@times()
def vanishing_client(server, _):
    """A client that subscribes and loses its network."""
    client = websocket_client.Client(server.port)
    client.send("subscribe", {"topics": ["entity:*"]})
    client.await_type("subscription_confirmed")
    client.reset()


@times(1)
def forgotten_topics(server, _):
    """Topics that nobody wants any more."""
    client = websocket_client.Client(server.port)
    for number in range(TIMES):
        for kind in ("subscribe", "unsubscribe"):
            client.send(kind, {"topics": [f"own:{number}"]})
    client.close()
    backend.eventually(
        lambda: server.get(f"{API}/websocket/stats")["data"]["connected_clients"] == 0, "it left")


@times()
def monitor_cycle(server, _):
    """The memory monitor is stopped and started."""
    for what in ("stop", "start"):
        status, body, _ = server.ask("POST", f"{API}/memory/monitor/{what}", {})
        if status != 200:
            raise AssertionError(f"monitor/{what}: {status} {body}")


@times(1)
def slow_readers(server, _):
    """Clients that read nothing, until the server ends them for their full queues."""
    clients = [websocket_client.Client(server.port) for _ in range(TIMES)]
    ended = server.get(f"{API}/websocket/stats")["data"]["slow_closed"]
    text = "x" * 500_000

    def all_ended():
        server.ask("POST", f"{API}/websocket/broadcast", {"type": "notification",
                                                           "data": {"text": text}})
        stats = server.get(f"{API}/websocket/stats")["data"]
        return stats["slow_closed"] >= ended + TIMES
    backend.eventually(all_ended, "the slow ones are ended")
    for client in clients:
        client.reset()


def changed_states(server):
    """More changes of one entity's state than its history holds."""
    status, body, _ = server.ask("POST", f"{API}/entities", {
        "id": "matrix", "type": "light", "friendly_name": "Matrix", "state": "off"})
    if status not in (200, 201):
        raise AssertionError(f"POST entities: {status} {body}")
    for at in range(5 + TIMES):
        status, body, _ = server.ask("PUT", f"{API}/entities/matrix/state",
                                     {"state": f"at-{at}-{status}"})
        if status != 200:
            raise AssertionError(f"PUT state: {status} {body}")


ROWS = {
    "F00": by_itself({"threads": TIMES, "workers.threads": TIMES}),
    "F01": Row(get(f"{API}/auth/pin-status"), {"threads": TIMES, "timers": TIMES}),
    "F05": Row(vanishing_client, {"websocket.subscription_records": TIMES}),
    "F06": Row(slow_readers, {"websocket.subscription_records": TIMES},
               settings=("websocket.send_queue_messages=2", "websocket.max_queue_messages=50")),
    "F11": Row(forgotten_topics, {"websocket.topics": TIMES}),
    "F12": by_itself({"threads": TIMES}),
    "F15": Row(changed_states, {"entities.states": TIMES}, warm_up=True,
               settings=("entities.history_states=5",)),
    "F16": by_itself({"store.cache_forgotten": TIMES}),
    "F17": by_itself({"store.redis_lent": TIMES, "fds": TIMES - 2}, surroundings=Redis.running),
    "F18": by_itself({"redis keys": TIMES}, surroundings=Redis.running,
                     measures={"redis keys": Redis.keys}),
    "F27": Row(monitor_cycle, {"threads": 2 * TIMES, "timers": 2 * TIMES}),
    "F28": by_itself({"threads": TIMES, "timers": TIMES}),
}
