"""The clients of docs/websocket.md, as they are printed there, against the server.

SPDX-License-Identifier: MIT
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import backend

DOCUMENT = os.path.join(os.path.dirname(__file__), "../../docs/websocket.md")
STATS = "/api/v1/websocket/stats"


def example(language):
    """The first block of code in that language."""
    with open(DOCUMENT, encoding="utf-8") as file:
        return re.search(rf"```{language}\n(.*?)```", file.read(), re.S).group(1)


class Client:
    """A running example, whose output goes to a file. A context manager."""

    def __init__(self, command, code, suffix, *arguments):
        self.directory = tempfile.TemporaryDirectory()
        path = os.path.join(self.directory.name, "example" + suffix)
        with open(path, "w", encoding="utf-8") as file:
            file.write(code)
        self.output = os.path.join(self.directory.name, "output")
        with open(self.output, "wb") as file:
            self.process = subprocess.Popen([*command, path, *arguments], stdout=file,
                                            stderr=file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def said(self):
        with open(self.output, encoding="utf-8") as file:
            return file.read()

    def expect(self, text):
        backend.eventually(lambda: text in self.said() or self.process.poll() is not None, text)
        if text not in self.said():
            raise AssertionError(f"not {text!r} but {self.said()!r}")


class Examples(backend.TestCase):
    def serve(self):
        self.server = backend.Backend()
        self.addCleanup(self.server.__exit__)
        self.url = f"ws://127.0.0.1:{self.server.port}/ws"
        status, body, _ = self.server.ask("POST", "/api/v1/rooms", {"name": "Kitchen"})
        self.assertIn(status, (200, 201), body)
        self.room = body["data"].get("id") or body["data"]["room"]["id"]
        for name, kind, room in (("lamp", "light", self.room), ("heat", "sensor", None)):
            status, body, _ = self.server.ask("POST", "/api/v1/entities", {
                "id": name, "type": kind, "state": "off", "friendly_name": name,
                "metadata": {"source": "pma"}, **({"room_id": room} if room else {})})
            self.assertIn(status, (200, 201), body)

    def change(self, name, state):
        status, body, _ = self.server.ask("PUT", f"/api/v1/entities/{name}/state",
                                          {"state": state})
        self.assertEqual(status, 200, body)

    def test_the_javascript_client_receives_changes_of_lights_alone(self):
        node = shutil.which("node")
        options = [] if node is None else self.websocket_options(node)
        if options is None or node is None:
            self.skipTest("no Node.js with a WebSocket client (20 or newer)")
        self.serve()
        with Client([node, *options], example("javascript"), ".mjs", self.url) as client:
            client.expect("subscribed type:light")
            self.change("heat", "21")
            self.change("lamp", "on")
            client.expect("changed lamp off -> on")
            self.assertNotIn("heat", client.said())

    @staticmethod
    def websocket_options(node):
        """How this Node.js gets its client; None when it has none."""
        for options in ([], ["--experimental-websocket"]):
            told = subprocess.run([node, *options, "-e", "console.log(typeof WebSocket)"],
                                  capture_output=True, text=True, check=False)
            if told.stdout.strip() == "function":
                return options
        return None

    def test_the_python_client_receives_its_room_and_what_it_missed(self):
        self.serve()
        python = [sys.executable]
        with Client(python, example("python"), ".py", self.url, self.room) as client:
            client.expect("missed 0")
            client.expect(f"subscribed room:{self.room}")
            self.change("heat", "22")
            self.change("lamp", "on")
            client.expect("changed lamp on")
            self.assertNotIn("heat", client.said())
        backend.eventually(
            lambda: self.server.get(STATS)["data"]["offline_clients"] == 1, "it is away")
        self.change("heat", "23")
        self.change("lamp", "off")
        self.server.ask("PUT", f"/api/v1/rooms/{self.room}", {"name": "Big kitchen"})
        backend.eventually(
            lambda: self.server.get(STATS)["data"]["offline_messages"] == 2, "two are kept")
        with Client(python, example("python"), ".py", self.url, self.room) as client:
            client.expect("missed 2")
            client.expect("changed lamp off")
            client.expect("room updated Big kitchen")


if __name__ == "__main__":
    unittest.main()
