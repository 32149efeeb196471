"""A real redis-server of a test's own, on a free loopback port.

SPDX-License-Identifier: MIT
"""
import contextlib
import ctypes
import random
import shutil
import signal
import socket
import subprocess
import time

INSTALLED = shutil.which("redis-server") is not None
MISSING = "there is no redis-server on this machine"


PR_SET_PDEATHSIG = 1


def die_with_parent():
    """In the child: a test that is killed leaves no server behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    """A port that the kernel gives to nobody by itself. Out of its own range, 32768 and up, whoever
    connects to the port while the server is away may get that same port as his own: he is then
    connected to himself, and the server cannot come back to it."""
    while True:
        port = random.randrange(10000, 30000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class Redis:
    """A running redis-server; the port stays the same over restarts."""

    def __init__(self, password=""):
        self.port = free_port()
        self.password = password
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                   "--appendonly", "no"]
        if self.password:
            command += ["--requirepass", self.password]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.005)

    def kill(self):
        """Ends it without a good-bye."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self):
        """Connections stay, answers do not come."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def command(self, *words):
        """One command. Returns the reply: text, number, None or a list."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            stream = connection.makefile("rwb")
            if self.password:
                self._send(stream, "AUTH", self.password)
                self._read(stream)
            self._send(stream, *words)
            return self._read(stream)

    @staticmethod
    def _send(stream, *words):
        stream.write(b"*%d\r\n" % len(words))
        for word in words:
            data = str(word).encode()
            stream.write(b"$%d\r\n%s\r\n" % (len(data), data))
        stream.flush()

    def _read(self, stream):
        line = stream.readline()[:-2].decode()
        kind, rest = line[0], line[1:]
        if kind == "-":
            raise RuntimeError(rest)
        if kind == "+":
            return rest
        if kind == ":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == "$":
            return stream.read(int(rest) + 2)[:-2].decode()
        return [self._read(stream) for _ in range(int(rest))]
