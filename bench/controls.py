#!/usr/bin/env python3
"""Negative controls: growth of pma-backend that is none, and that a leak detector must not report.

usage: bench/controls.py --list | NAME... | --all  [--seconds N] [--under COMMAND] [--build DIR]

SPDX-License-Identifier: MIT
"""
import argparse
import contextlib
import json
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 20.0
SETTLE_S = 10.0
HEAP_SLACK_KIB = 512  # tables that doubled, queues of the last clients
UPGRADE = (b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
BROADCAST = {"type": "notification", "data": {"title": "Control", "message": "x" * 400}}

HELP = """\
Each control makes something grow for a while that has an end by design: it fills up to a limit, comes back, or rises
and falls like the teeth of a saw. The command shows the figure over time, from the server's own truth, and says
whether it kept to its bound.

    bench/controls.py --list
    bench/controls.py registry-fill --seconds 30
    bench/controls.py --all --seconds 10
    bench/controls.py history-ring --seconds 60 --under "build/release/bin/seep run -o ring.seep --"

With --under the backend runs below that command, so that a recording of the control can be judged: seep report
must have no finding of a leak in it.

Exit status: 0 every figure kept to its bound; 1 one did not; 2 wrong usage, or nothing built.
"""


class Failed(Exception):
    """What went wrong, for people."""


class Backend:
    """A running backend. A context manager; leaving it ends the server."""

    def __init__(self, build, settings, under):
        self.kept = []  # clients that stay connected until the end
        self.folder = tempfile.TemporaryDirectory(prefix="pma-controls-")
        port_file = Path(self.folder.name) / "port"
        self.log = open(Path(self.folder.name) / "log", "w+b")
        command = [*shlex.split(under), str(build / "bin" / "pma-backend"), "--port-file",
                   str(port_file), "--set", "server.host=127.0.0.1", "--set", "server.port=0",
                   "--set", "logging.level=error", "--set", "debug.port=0"]
        for setting in settings:
            command += ["--set", setting]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        end = time.monotonic() + DEADLINE_S
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                said = self.log.read().decode(errors="replace")[-400:]
                self.__exit__()
                raise Failed(f"the backend does not start: {said}")
            time.sleep(0.01)
        self.port = int(port_file.read_text(encoding="ascii"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def ask(self, method, path, body=None):
        """One request. Returns (status, parsed body)."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def truth(self):
        return self.ask("GET", "/api/v1/debug/resources")[1]["data"]

    def client(self):
        """A WebSocket client that never reads again after its upgrade."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
        client.sendall(UPGRADE)
        client.recv(4096)
        return client


def counter(name):
    """A figure of debug/resources."""
    def read(backend):
        truth = backend.truth()
        for group in ("counters", "totals"):
            if name in truth[group]:
                return truth[group][name]
        return truth["kept"][name]["value"] if name in truth["kept"] else truth[name]
    return read


def history(backend):
    return len(backend.ask("GET", "/api/v1/memory/monitor")[1]["data"]["history"])


def heap(backend):
    """KiB that the program holds, without what its threads keep for reuse."""
    subsystems = backend.truth()["subsystems"].values()
    if not subsystems:  # a sanitizer's allocator: no arenas, and nothing kept
        return backend.ask("GET", "/api/v1/memory/stats")[1]["heap_alloc"] // 1024
    return sum(max(0, each["bytes"] - each["cached_bytes"]) for each in subsystems) // 1024


def wait(_, __):
    time.sleep(0.05)


def register(backend, at):
    """Three virtual entities; the registry's limit makes older ones give way."""
    for number in range(3):
        backend.ask("POST", "/api/v1/entities", {
            "id": f"control_{3 * at + number}", "type": "sensor", "friendly_name": "Control",
            "state": "1", "metadata": {"source": "pma", "is_virtual": True}})


def read_anew(backend, at):
    """A document that nobody has read before: a conversation, made and read."""
    for number in range(3):
        said = backend.ask("POST", "/api/v1/conversations", {"title": f"Control {at}.{number}"})[1]
        backend.ask("GET", f"/api/v1/conversations/{said['conversation']['id']}")


def burst(backend, _):
    """Many clients come and go at once."""
    clients = [backend.client() for _ in range(100)]
    for client in clients:
        client.close()


def refused(backend, at):
    """Clients beyond the limit; the first one stays."""
    if at == 0:
        backend.kept.append(backend.client())
    for _ in range(5):
        with contextlib.suppress(ConnectionError):
            backend.client().close()
    time.sleep(0.05)


def execute(backend, _):
    """Tools, each with a context too many (F25)."""
    for _ in range(5):
        backend.ask("POST", "/api/v1/mcp/tools/execute", {
            "serverId": "builtin", "toolName": "get_system_status", "arguments": {}})


def act(backend, at):
    """Actions, each with its helpers."""
    if at == 0:
        backend.ask("POST", "/api/v1/entities", {"id": "control", "type": "light",
                                                 "friendly_name": "Control", "state": "off"})
    backend.ask("POST", "/api/v1/entities/control/action", {"action": "toggle"})
    time.sleep(0.03)


def churn(backend, at):
    """Documents that are made and dropped: broadcasts to a few clients that vanish in the end."""
    if at == 0:
        backend.kept += [backend.client() for _ in range(5)]
    for _ in range(20):
        backend.ask("POST", "/api/v1/websocket/broadcast", BROADCAST)


def request(backend, _):
    """Requests of many kinds, whose replies come from pools."""
    for path in ("/metrics", "/api/v1/entities?limit=50", "/api/v1/memory/stats", "/api/health"):
        with contextlib.suppress(ValueError):  # /metrics is no JSON
            backend.ask("GET", path)


# name: (what happens, settings, provoke, figure, bound, how it ends: "fills" or "returns")
CONTROLS = {
    "history-ring": (
        "the monitor's ring of 100 snapshots: a ramp of 50 minutes at the document's pace, of 2 s here",
        ("memory_monitor.check_interval=20ms", "memory_monitor.max_history_size=100"),
        wait, history, 100, "fills"),
    "registry-fill": (
        "the registry of entities fills up to its limit, then the oldest virtual ones give way",
        ("entities.max_entities=200",), register, counter("entities.registered"), 200, "fills"),
    "cache-warm-up": (
        "the cache of documents fills up to its cap, then the oldest give way",
        ("cache.max_entries=60", "ai.max_conversations=1000"), read_anew,
        counter("store.cache_entries"), 60, "fills"),
    "client-burst": (
        "a burst of clients: arenas and stacks stay with the allocator, nothing with the server",
        (), burst, counter("websocket.clients"), 100, "returns"),
    "refused-clients": (
        "F09: what a refused client leaves behind goes by itself at its first ping",
        ("websocket.max_clients=1", "websocket.ping_interval=1s", "faults.F09.enabled=true"),
        refused, counter("threads"), 500, "returns"),
    "saw-tooth": (
        "F25: a context too many per execution, reaped by the sweep: rises and falls",
        ("mcp.context_max_age=1s", "mcp.cleanup_interval=500ms", "faults.F25.enabled=true"),
        execute, counter("mcp.contexts"), 2000, "returns"),
    "action-helpers": (
        "F14 without F02: two helpers per action, which go when the device was asked again",
        ("entities.refresh_delay=1s", "faults.F14.enabled=true"), act, counter("threads"), 500,
        "returns"),
    "json-churn": (
        "documents are made and dropped: many allocations per second, none of them kept",
        (), churn, heap, 16384, "returns"),
    "pool-growth": (
        "pools of buffers grow to what is needed at one time",
        (), request, counter("pools.json_response"), 64, "fills"),
}


def show(options, begin, value):
    if options.verbose:
        print(f"  {time.monotonic() - begin:7.2f} s  {value}")
    return value


def run(name, options):
    """One control. Returns whether it kept to its bound."""
    what, settings, provoke, figure, bound, end_kind = CONTROLS[name]
    print(f"{name}: {what}", flush=True)
    with Backend(options.build, settings, options.under) as backend:
        start = top = figure(backend)
        back = start + (HEAP_SLACK_KIB if figure is heap else max(2, start // 4))
        begin, at = time.monotonic(), 0
        while time.monotonic() < begin + options.seconds:
            provoke(backend, at)
            top = max(top, show(options, begin, figure(backend)))
            at += 1
        for client in backend.kept:
            client.close()
        end = time.monotonic() + SETTLE_S
        last = figure(backend)
        while end_kind == "returns" and last > back and time.monotonic() < end:
            time.sleep(0.05)
            last = show(options, begin, figure(backend))
        is_kept = top <= bound and (end_kind == "fills" or last <= back)
        print(f"  {start} at the start, {top} at most (bound {bound}), {last} at the end: "
              f"{'as described' if is_kept else 'NOT as described'}", flush=True)
        return is_kept


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/controls.py",
                                     description=__doc__.split("\n", maxsplit=1)[0], epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a control")
    parser.add_argument("--list", action="store_true", help="name them and exit")
    parser.add_argument("--all", action="store_true", help="run every one")
    parser.add_argument("--seconds", type=float, default=10, metavar="N", help="of each (default 10)")
    parser.add_argument("--under", default="", metavar="COMMAND", help="what the backend runs below")
    parser.add_argument("--verbose", action="store_true", help="show every value")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in CONTROLS:
            parser.error(f"no control {name}; --list names them")
    if not options.list and not options.all and not options.names:
        parser.error("name a control, or --all; --list names them")
    if not options.list and not (options.build / "bin" / "pma-backend").exists():
        parser.error(f"no pma-backend in {options.build}")
    return options


def main(argv):
    options = parse(argv)
    if options.list:
        for name, row in CONTROLS.items():
            print(f"{name:16} {row[0]}")
        return 0
    try:
        return 0 if all([run(name, options) for name in (CONTROLS if options.all else options.names)]) else 1
    except (Failed, OSError) as failure:
        print(f"bench/controls.py: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
