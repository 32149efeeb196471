"""The rows of the fault matrix: how each fault is provoked, and what grows by it.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import contextlib
import socket
import subprocess
import tempfile
import time

import backend
import websocket_client
from fake_provider import FakeProvider

API = "/api/v1"
TIMES = 8
# Settings that make what the server keeps for a while short-lived, for all tests of the matrix.
SHORT = ("entities.flush_interval=20ms",)


class Row:
    """How one fault is provoked and what of the truth grows by it."""

    def __init__(self, provoke, grows, *, settings=(), surroundings=None, switch=None,
                 occurrences=TIMES, warm_up=False, is_quiet_when_off=True, slack=None, measures=None, judge=None):
        """provoke(server): what the fault needs to be committed. grows: {figure: by at least};
        names as in GET debug/resources. surroundings: a context manager that gives settings.
        switch: what is PUT; None: {"enabled": true}. occurrences: at least so many are counted.
        warm_up: provoke once before counting. slack: {figure: growth that is none}.
        measures: {figure: function(server)} for what the server cannot count itself.
        judge(test, server, fault): instead of all this, for faults of another kind."""
        self.provoke, self.grows = provoke, grows
        self.switch = switch or {"enabled": True}
        self.occurrences, self.warm_up = occurrences, warm_up
        self.is_quiet_when_off = is_quiet_when_off
        self.slack, self.measures = slack or {}, measures or {}
        self.judge = judge
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


def by_itself(grows, rate=200, count=TIMES, occurrences=None, **more):
    """A row of a fault that drives itself at a rate up to a limit."""
    return Row(driven, grows, switch={"enabled": True, "rate": rate, "limit": count},
               occurrences=occurrences or count, is_quiet_when_off=False, **more)


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


def end_with_a_request_under_way(server, is_hub_gone):
    """SIGTERM while a request that broadcasts is half sent. Returns the exit status."""
    body = b'{"type":"notification","data":{}}'
    with server.connect() as client:
        client.sendall(b"POST /api/v1/websocket/broadcast HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                       % len(body) + body[:5])
        # Its own question is a request under way as well.
        backend.eventually(lambda: server.get(f"{API}/debug/resources")["data"]["http"]
                           ["active_requests"] >= 2, "the request is under way")
        server.process.terminate()
        backend.eventually(lambda: "http" in [line["part"] for line in server.logged("Stopping")],
                           "HTTP is being stopped")
        stopped = [line["part"] for line in server.logged("Stopping")]
        if ("hub" in stopped) != is_hub_gone:
            raise AssertionError(f"order of the shutdown: {stopped}")
        client.sendall(body[5:])
        return server.process.wait(timeout=backend.DEADLINE_S)


def wrong_order(test, server, fault):
    """F34: the process is ended by the watch, which names the part; without it all ends well."""
    test.assertEqual(end_with_a_request_under_way(server, False), 0)
    test.assertEqual(server.logged("Server stopped")[0]["threads_left"],
                     backend.sanitizer_threads())
    with backend.Backend("logging.level=debug", "server.shutdown_timeout=800ms",
                         PMA_FAULTS=fault) as broken:
        test.assertEqual(end_with_a_request_under_way(broken, True), 4)
        overdue = broken.logged("Shutdown took too long; the process ends now")
        test.assertEqual([line["part"] for line in overdue], ["http"])


@times()
def unwelcome_client(server, _):
    """A client that upgrades, waits a moment for its welcome, and leaves."""
    with server.connect() as client:
        client.sendall(websocket_client.UPGRADE)
        client.settimeout(0.02)
        with contextlib.suppress(TimeoutError):
            client.recv(4096)


def active_client(server):
    """A client that pings for longer than the time-out of silent ones."""
    client = websocket_client.Client(server.port)
    with contextlib.suppress(ConnectionError):
        for _ in range(16):
            client.send("ping")
            client.await_type("pong")
            time.sleep(0.05)
    client.socket.close()


@times(2)
def deaf_client(server, _):
    """A client that pings without reading the answers, until the server ends it."""
    client = websocket_client.Client(server.port)
    ended = server.get(f"{API}/websocket/stats")["data"]["slow_closed"]
    client.socket.settimeout(0.01)

    def is_ended():
        with contextlib.suppress(OSError):
            for _ in range(50):
                client.send("ping", request_id="x" * 4000)
        return server.get(f"{API}/websocket/stats")["data"]["slow_closed"] > ended
    backend.eventually(is_ended, "its queue is full")
    client.reset()


@times()
def refused_client(server, _):
    """One client more than the server takes."""
    with server.connect() as client:
        client.sendall(websocket_client.UPGRADE)
        if b" 503 " not in client.recv(4096):
            raise AssertionError("the client was not refused")


def slow_release(test, server, fault):
    """F09, a negative control: what a refused client leaves goes by itself, a ping later."""
    client = websocket_client.Client(server.port)
    begin = server.get(f"{API}/debug/resources")["data"]["threads"]

    def threads():
        return server.get(f"{API}/debug/resources")["data"]["threads"]
    refused_client(server)
    test.assertEqual(threads(), begin)
    server.ask("PUT", f"{API}/debug/faults/{fault}", {"enabled": True})
    refused_client(server)
    test.assertGreaterEqual(threads(), begin + TIMES)
    backend.eventually(lambda: threads() == begin, "they end at their first ping")
    client.reset()


def absent_messages(server):
    """Messages for a client that named itself and is away; one clean-up later."""
    websocket_client.Client(server.port, "/ws?client_id=absent").close()

    def stats():
        return server.get(f"{API}/websocket/stats")["data"]
    backend.eventually(lambda: stats()["offline_clients"] > 0, "its session is kept")
    for at in range(TIMES):
        server.ask("POST", f"{API}/websocket/broadcast", {"type": "notification", "data": {"n": at}})
    runs = stats()["cleanup_runs"]
    backend.eventually(lambda: stats()["cleanup_runs"] > runs + 2, "it was cleaned up")


@times(4)
def impatient_broadcast(server, _):
    """A request that broadcasts, of somebody who gives up."""
    with server.connect() as client:
        client.sendall(b"POST /api/v1/websocket/broadcast HTTP/1.1\r\nHost: x\r\n"
                       b"Connection: close\r\nContent-Length: 33\r\n\r\n"
                       b'{"type":"notification","data":{}}')
        client.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            client.recv(4096)
@contextlib.contextmanager
def mute_provider():
    """A provider that takes requests and never answers. Asked last, so that chats do not wait."""
    with FakeProvider("ollama", mode="hang_all") as fake:
        yield (*fake.settings(500), "ai.health_timeout=2s", "ai.health_interval=1h",
               "http.later_threads=16")


def providers_and_chats(server):
    """The list of providers, then chats, which wait for it while the fault is on."""
    def waiting():
        return server.get(f"{API}/debug/resources")["data"]["counters"]["http.later_running"]
    is_on = any(fault["enabled"] for fault in server.get(f"{API}/debug/faults")["data"]["faults"])
    with concurrent.futures.ThreadPoolExecutor(1 + TIMES) as pool:
        pool.submit(server.ask, "GET", f"{API}/ai/providers")
        if is_on:
            backend.eventually(lambda: waiting() >= 1, "the list is on its way")
        for _ in range(TIMES):
            pool.submit(server.ask, "POST", f"{API}/ai/chat", {"message": "hello"})
        if is_on:
            backend.eventually(lambda: waiting() > TIMES, "the chats wait")
            PiledUp.most = waiting()


class PiledUp:
    """How many requests waited at once, by the server's own count; it is over when they end."""
    most = 0

    @classmethod
    def read(cls, _):
        return cls.most


def failed_installs(server):
    """Installations that fail, then the clean-up that forgets them."""
    for _ in range(TIMES):
        status, body, _ = server.ask("POST", f"{API}/ai/models/install",
                                     {"model_name": "none", "provider": "openai"})
        if (status, body["install_status"]) != (200, "failed"):
            raise AssertionError(f"install: {status} {body}")


def conversation(server):
    """More messages in one conversation than are kept."""
    for at in range(TIMES):
        status, body, _ = server.ask("POST", f"{API}/conversations/matrix/messages",
                                     {"content": f"message {at}"})
        if status != 200:
            raise AssertionError(f"POST messages: {status} {body}")


def locked_manager(server):
    """One optimisation, which locks itself out, and requests that wait for it ever after."""
    server.ask("POST", f"{API}/memory/optimize", {})
    for _ in range(TIMES):
        server.ask("GET", f"{API}/memory/status")


@times()
def distinct_urls(server, at):
    server.get(f"/health?{at}")
    server.get(f"/health?{at}")


def blocked_lists(server):
    """Lists of entities while F12 holds: clients see success."""
    server.ask("PUT", f"{API}/debug/faults/F12", {"enabled": True, "limit": 1})
    backend.eventually(
        lambda: server.get(f"{API}/debug/resources")["data"]["leaked"]["F12"] == 1, "F12")
    for _ in range(TIMES):
        status, body, _ = server.ask("GET", f"{API}/entities")
        if status not in (200, 503):
            raise AssertionError(f"GET entities: {status} {body}")


@times()
def action(server, at):
    """An action on an entity, which succeeds."""
    server.ask("POST", f"{API}/entities", {
        "id": "matrix", "type": "light", "friendly_name": "Matrix", "state": "off"})
    status, body, _ = server.ask("POST", f"{API}/entities/matrix/action", {"action": "toggle"})
    if status != 200:
        raise AssertionError(f"action {at}: {status} {body}")


ROWS = {
    "F00": by_itself({"threads": TIMES, "workers.threads": TIMES}),
    "F01": Row(get(f"{API}/auth/pin-status"), {"threads": TIMES, "timers": TIMES}),
    "F02": by_itself({"threads": TIMES}),
    "F03": Row(unwelcome_client, {"threads": TIMES, "fds": TIMES}),
    "F04": Row(vanishing_client, {"threads": TIMES}),
    "F05": Row(vanishing_client, {"websocket.subscription_records": TIMES}),
    "F06": Row(slow_readers, {"websocket.subscription_records": TIMES},
               # Slow on a busy machine as well, and not ended for their silence before.
               settings=("websocket.send_queue_messages=2", "websocket.max_queue_messages=50",
                         "websocket.client_timeout=60s")),
    "F07": Row(active_client, {"websocket.idle_closed": 1}, occurrences=1,
               settings=("websocket.client_timeout=300ms", "websocket.cleanup_interval=20ms",
                         "websocket.ping_interval=50ms")),
    "F08": Row(deaf_client, {"threads": 2, "fds": 2}, occurrences=2,
               settings=("websocket.send_queue_messages=4",)),
    "F09": Row(None, {}, judge=slow_release,
               settings=("websocket.max_clients=1", "websocket.ping_interval=600ms")),
    "F10": by_itself({"websocket.offline_messages": 50}, count=50, occurrences=40,
                     settings=("websocket.max_queue_messages=10",)),
    "F10B": Row(absent_messages, {"websocket.dropped": TIMES}, occurrences=1,
                settings=("websocket.client_timeout=20s",)),
    "F11": Row(forgotten_topics, {"websocket.topics": TIMES}),
    "F12": by_itself({"threads": TIMES}),
    "F13": Row(blocked_lists, {"threads": TIMES}, warm_up=True,
               settings=("entities.list_timeout=1ms",)),
    # A burst that ends: test_entities waits for its end.
    "F14": Row(action, {"threads": TIMES}, settings=("entities.refresh_delay=2s",)),
    "F15": Row(changed_states, {"entities.states": TIMES}, warm_up=True,
               settings=("entities.history_states=5",)),
    "F16": by_itself({"store.cache_forgotten": TIMES}),
    "F17": by_itself({"store.redis_lent": TIMES, "fds": TIMES - 2}, surroundings=Redis.running),
    "F18": by_itself({"redis keys": TIMES}, surroundings=Redis.running,
                     measures={"redis keys": Redis.keys}),
    "F19": Row(get(f"{API}/ai/providers"), {"threads": TIMES, "ai.health_checks": TIMES},
               surroundings=mute_provider),
    "F20": Row(providers_and_chats, {"requests that waited": TIMES}, surroundings=mute_provider,
               occurrences=1, measures={"requests that waited": PiledUp.read}),
    "F21": Row(failed_installs, {"ai.installs_retained": TIMES}),
    "F22": Row(conversation, {"ai.messages_over_limit": 2 * TIMES}, warm_up=True,
               settings=("ai.max_messages=4",)),
    "F23": by_itself({"mcp.executions": TIMES}, settings=("mcp.max_executions=1",)),
    "F24": by_itself({"children": TIMES, "fds": 2 * TIMES}, rate=100),
    "F25": by_itself({"mcp.contexts": TIMES}),
    "F26": by_itself({"memory.stray_alerts": TIMES}),
    "F27": Row(monitor_cycle, {"threads": 2 * TIMES, "timers": 2 * TIMES}),
    "F30": by_itself({"threads": TIMES, "fds": TIMES - 1},
                     settings=("simulated.devices=7", "simulated.retry=1ms")),
    "F28": by_itself({"threads": TIMES, "timers": TIMES}),
    "F29": by_itself({"events.turn_timers": TIMES, "timers": TIMES}),
    "F31": Row(locked_manager, {"threads": TIMES, "memory.manager_waiters": TIMES}),
    "F32": Row(impatient_broadcast, {"threads": 4, "fds": 4}, occurrences=4),
    "F33": Row(distinct_urls, {"http.log_raw_paths": TIMES}),
    "F34": Row(None, {}, judge=wrong_order, settings=("logging.level=debug",)),
}
