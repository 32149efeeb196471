"""The database: found wrong at the start in words, kept over an end in order and a kill.

SPDX-License-Identifier: MIT
"""
import os
import signal
import sqlite3
import tempfile
import urllib.request

import backend

STATS = "/api/v1/store/stats"


class Store(backend.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "pma.db")

    def serve(self, *settings):
        server = backend.Backend("debug.port=0", *settings, DATABASE_PATH=self.path)
        self.addCleanup(server.__exit__)
        return server

    def refused(self, path=None):
        """What the server says when it does not start."""
        result = backend.run_once("--set", "server.port=0", "--set", "debug.port=0",
                                  DATABASE_PATH=path or self.path)
        self.assertEqual(result.returncode, 4, result.stderr)
        return result.stderr

    def test_a_wrong_file_is_told_with_its_path_and_what_to_do(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("no database at all" * 100)
        said = self.refused()
        self.assertIn(self.path, said)
        self.assertIn("damaged or not an SQLite database: restore it", said)
        with open(self.path, encoding="ascii") as file:
            self.assertTrue(file.read().startswith("no database"))  # left as it was
        self.assertIn("its folder does not exist", self.refused(f"{self.folder}/none/pma.db"))
        self.assertIn("it is a folder", self.refused(self.folder))

    def test_a_database_of_another_program_is_left_alone(self):
        with sqlite3.connect(self.path) as database:
            database.execute("CREATE TABLE theirs(a)")
        database.close()
        self.assertIn("belongs to another program", self.refused())

    def test_what_was_kept_survives_an_end_in_order_and_a_kill(self):
        for end in (signal.SIGTERM, signal.SIGKILL):
            server = self.serve()
            if end == signal.SIGTERM:
                status, body, _ = server.ask("POST", "/api/v1/auth/set-pin", {"pin": "4711"})
                self.assertEqual(status, 200, body)
            self.assertIs(server.get("/api/v1/auth/pin-status")["data"]["pinSet"], True)
            server.process.send_signal(end)
            server.process.wait(backend.DEADLINE_S)
        self.assertIs(self.serve().get("/api/v1/auth/pin-status")["data"]["pinSet"], True)
        with open(self.path, "rb") as file:
            self.assertNotIn(b"4711", file.read())

    def test_figures_and_times_of_queries_are_told(self):
        server = self.serve()
        server.ask("POST", "/api/v1/auth/set-pin", {"pin": "4711"})
        data = server.get(STATS)["data"]
        self.assertEqual(data["path"], self.path)
        self.assertGreaterEqual(data["documents"], 1)
        self.assertGreaterEqual(data["writes"], 1)
        self.assertEqual(data["errors"], 0)
        with urllib.request.urlopen(f"{server.url}/metrics") as reply:
            text = reply.read().decode()
        self.assertRegex(text, r'pma_database_query_duration_seconds_count\{operation="put"\} [1-9]')


if __name__ == "__main__":
    backend.main()
