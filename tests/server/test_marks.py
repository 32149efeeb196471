"""What the server marks as its work, in a recording of Seep's, against what its clients did.

SPDX-License-Identifier: MIT
"""
import asyncio
import json
import os
import subprocess
import tempfile
import unittest

import websockets

import backend

BUILD = os.path.join(os.path.dirname(os.path.abspath(backend.BINARY)), "..")
SEEP = os.path.join(BUILD, "bin", "seep")
API = "/api/v1"
HEALTHS, CHATS, CHANGES, MESSAGES = 150, 3, 25, 40


def is_sanitized():
    with open(backend.BINARY, "rb") as file:
        said = file.read()
    return b"__asan_init" in said or b"__tsan_init" in said


async def send_pings(port):
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as client:
        for number in range(MESSAGES):
            await client.send(json.dumps({"type": "ping", "request_id": number}))
            while json.loads(await client.recv()).get("request_id") != number:
                pass


@unittest.skipIf(is_sanitized(), "libseep.so is not loaded beside a sanitizer")
class Marks(backend.TestCase):
    def test_each_piece_of_work_is_marked_once(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "run.seep")
            with backend.Backend(under=(SEEP, "run", "-q", "-o", file, "--")) as server:
                for _ in range(HEALTHS):
                    server.get(f"{API}/health")
                for _ in range(CHATS):
                    status, reply, _ = server.ask("POST", f"{API}/ai/chat",
                                                  {"messages": [{"role": "user", "content": "hello"}]})
                    self.assertEqual(status, 200, reply)
                status, reply, _ = server.ask("POST", f"{API}/entities", {
                    "id": "lamp", "type": "light", "friendly_name": "Lamp", "state": "off",
                    "metadata": {"source": "pma"}})
                self.assertEqual(status, 200, reply)
                for number in range(CHANGES):
                    status, reply, _ = server.ask("PUT", f"{API}/entities/lamp/state",
                                                  {"state": "off" if number % 2 else "on"})
                    self.assertEqual(status, 200, reply)
                asyncio.run(send_pings(server.port))
                self.assertEqual(server.stop()[0], 0)
            lines = subprocess.run([SEEP, "dump", "--no-symbols", file], capture_output=True, text=True, check=True)
            marks = {row["text"]: row["count"] for row in map(json.loads, lines.stdout.splitlines())
                     if row["type"] == "mark_count"}
        self.assertEqual(marks, {"http request": HEALTHS + CHATS + 1 + CHANGES, "chat exchange": CHATS,
                                 "entity change": CHANGES, "websocket message": MESSAGES})


if __name__ == "__main__":
    backend.main()
