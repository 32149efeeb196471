"""Receivers of alerts and profiles, and programs that leak, for the tests of alerts.

SPDX-License-Identifier: MIT
"""
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tools"))
import conditions  # noqa: E402  pylint: disable=wrong-import-position

PATIENCE_S = 15
SEEP, RECORDER, GOLDEN, LEAKY = sys.argv[1:5] if len(sys.argv) >= 5 else [""] * 4


def main():
    """unittest.main() without our own arguments."""
    unittest.main(argv=sys.argv[:1] + sys.argv[5:], verbosity=2)


def wait_for(condition, what, patience_s=PATIENCE_S):
    return conditions.wait_for(condition, what, patience_s)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Receiver:
    """An HTTP server that keeps what is posted to it; a context manager.

    status: what it answers; None: it takes the request and never answers.
    """

    def __init__(self, port=0, status=200):
        receiver = self
        self.status, self.posts, self.over = status, [], threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append((time.time(), self.path, self.headers, body))
                if receiver.status is None:
                    receiver.over.wait(PATIENCE_S)
                    self.close_connection = True
                    return
                self.send_response(receiver.status)
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"seen")

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that went away

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def notes(self):
        """The webhooks' bodies, in order."""
        return [json.loads(body) for _, _, _, body in list(self.posts)]


class Recording:
    """A recording that grows on command (alert_recording.c); a context manager."""

    def __init__(self, path):
        self.process = subprocess.Popen([RECORDER, GOLDEN, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        wait_for(Path(path).exists, "the recording is begun")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()

    def do(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            if not self.process.stdout.readline().startswith("ok"):
                raise AssertionError(f"{command}: the recorder died")


class Served:
    """A running `seep serve`; a context manager."""

    def __init__(self, path, *options, environment=None):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([SEEP, "serve", path, "--listen", "0", "--quiet", "--interval", "0.1", *options],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise AssertionError(self.stderr())
        # The begun recording is judged: what is judged from now on is what a test lets happen.
        wait_for(lambda: self.metric("seep_serve_judgements_total"), lambda: "judged: " + self.stderr())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.errors.close()

    def end(self):
        """Ends it as Ctrl-C does. Returns: its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            finally:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
        return self.process.returncode

    def stderr(self):
        return os.pread(self.errors.fileno(), 1 << 16, 0).decode()

    def get(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url.rstrip("/") + path, timeout=PATIENCE_S) as reply:
            return reply.read().decode()

    def metric(self, name):
        """A metric without labels; None when there is none."""
        found = re.search(rf"^{name} (\S+)$", self.get("/metrics"), re.M)
        return float(found.group(1)) if found else None

    def judged(self, name):
        """The recording's row: how far it was judged is in `snapshots`."""
        rows = json.loads(self.get("/api/v1/recordings"))["recordings"]
        return next((row for row in rows if row["name"] == name), None)


class AlertTest(unittest.TestCase):
    """A test with a folder, a recording in it, and the way to have it judged."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="seep-alert-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = str(self.folder / "soak.seep")
        self.recording = Recording(self.path)
        self.addCleanup(self.recording.__exit__)

    def pass_time(self, served, *commands):
        """Does each command and waits until the judgement of it was made: one for each."""
        for command in commands:
            before = served.metric("seep_serve_judgements_total")
            self.recording.do(command)
            wait_for(lambda: served.metric("seep_serve_judgements_total") > before, f"{command} is judged")
