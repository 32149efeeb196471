"""Starts pma-backend for a test: an ephemeral port on loopback, its log, its end.

SPDX-License-Identifier: MIT
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tools"))
import conditions  # noqa: E402  pylint: disable=wrong-import-position

BINARY = os.environ.get("PMA_BACKEND", "build/release/bin/pma-backend")
DEADLINE_S = 30.0  # for a condition to come true on a busy machine, under a sanitizer
# From SIGTERM to the end of the process, on a busy machine. That the server has kept to its own time,
# server.shutdown_timeout, is what status 0 says: at 1.8 s its watch ends it with 4.
STOP_S = 5.0


def eventually(condition, what, deadline_s=DEADLINE_S):
    """Waits until condition() is true and returns its value; fails with `what` otherwise."""
    return conditions.wait_for(condition, what, deadline_s)


def environment(**changes):
    """Our environment without what would configure the server."""
    ours = ("PORT", "LOG_LEVEL", "PMA_FAULTS", "PMA_FIXES")
    clean = {k: v for k, v in os.environ.items() if k not in ours}
    clean.update(changes)
    return clean


def sanitizer_threads():
    """How many threads of its own the binary's sanitizer starts."""
    with open(BINARY, "rb") as file:
        return 1 if b"__tsan_init" in file.read() else 0


def run_once(*arguments, **changes):
    """Runs the binary to its end, for what it does without serving."""
    return subprocess.run([BINARY, *arguments], env=environment(**changes), text=True,
                          capture_output=True, timeout=DEADLINE_S)


class Backend:
    """A running server. A context manager; leaving it stops the server in any case."""

    def __init__(self, *settings, arguments=(), before=None, under=(), **changes):
        """settings: KEY=VALUE; before: called in the child before it becomes the server; under: the
        command that runs it; changes: of its environment."""
        self.directory = tempfile.TemporaryDirectory()
        port_file = os.path.join(self.directory.name, "port")
        command = [*under, BINARY, "--port-file", port_file, "--set", "server.host=127.0.0.1",
                   "--set", "server.port=0", "--set", "debug.port=0",
                   # Quiet: clients that count messages hear only what their test causes.
                   "--set", "simulated.devices=0", *arguments]
        for setting in settings:
            command += ["--set", setting]
        self.log_path = os.path.join(self.directory.name, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.PIPE,
                                            preexec_fn=before, env=environment(**changes))
        self.pid = self.process.pid

        def port():
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: "
                                     f"{self.process.stderr.read().decode()}")
            return os.path.exists(port_file)
        eventually(port, "the server accepts connections")
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.directory.cleanup()

    def ask(self, method, path, body=None, headers=None):
        """One request. Returns (status, parsed body, headers)."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method,
                                         headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
                return reply.status, json.loads(reply.read()), reply.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read()), error.headers

    def get(self, path):
        """A GET that has to succeed. Returns the parsed body."""
        status, body, _ = self.ask("GET", path)
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {body}")
        return body

    def connect(self):
        """A bare TCP connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)

    def log(self):
        """All complete lines of the log so far, parsed."""
        with open(self.log_path, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def logged(self, message):
        """The lines with this message."""
        return [line for line in self.log() if line["msg"] == message]

    def threads(self):
        """The names of the server's threads, as the kernel has them."""
        names = []
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{tid}/comm", encoding="ascii") as file:
                    names.append(file.read().strip())
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile
        return names

    def stop(self, which=signal.SIGTERM):
        """Sends a signal and waits for the end. Returns (exit status, seconds it took)."""
        begin = time.monotonic()
        self.process.send_signal(which)
        status = self.process.wait(timeout=DEADLINE_S)
        return status, time.monotonic() - begin


def read_reply(connection):
    """Everything until the server closes, as text."""
    pieces = []
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            break
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces).decode()


main = unittest.main
TestCase = unittest.TestCase
