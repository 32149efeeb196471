"""Starts `seep serve` for a test, and what it watches.

SPDX-License-Identifier: MIT
"""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tools"))
import conditions  # noqa: E402  pylint: disable=wrong-import-position

PATIENCE_S = 40


def wait_for(condition, what, patience_s=PATIENCE_S):
    return conditions.wait_for(condition, what, patience_s)


class Served:
    """A running `seep serve`; a context manager."""

    def __init__(self, seep, *arguments, listen="0", **options):
        self.process = subprocess.Popen([seep, "serve", *arguments, "--listen", listen, "--quiet"],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise AssertionError(self.process.communicate()[1])
        self.host, port = re.fullmatch(r"http://(.+):(\d+)/", self.url).groups()
        self.host, self.port = self.host.strip("[]"), int(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()

    def ask(self, path, method="GET", headers=None, body=None):
        """(status, headers, body) over a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def json(self, path, status=200, **options):
        got, _, body = self.ask(path, **options)
        if got != status:
            raise AssertionError(f"{path}: {got} {body[:300]!r}")
        return json.loads(body)

    def recording(self, name):
        """Its row of the list; None: not there (yet)."""
        return next((row for row in self.json("/api/v1/recordings")["recordings"] if row["name"] == name), None)

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS:"))


def fds_of(pid):
    return sorted(os.listdir(f"/proc/{pid}/fd"))
