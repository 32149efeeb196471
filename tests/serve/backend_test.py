#!/usr/bin/python3
"""Seep's page from the backend's port: /leaks/ and live_findings, when the backend runs under `seep run --listen`.

usage: backend_test.py SEEP          (PMA_BACKEND: the backend)

SPDX-License-Identifier: MIT
"""
import json
import os
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
import backend  # noqa: E402

SEEP = os.path.abspath(sys.argv[1])


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def fetch(server, path, **headers):
    """(status, headers, body) as it comes."""
    request = urllib.request.Request(server.url + path, headers=headers)
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=backend.DEADLINE_S) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class Watched(backend.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.server = backend.Backend(under=(SEEP, "run", "--quiet", "--listen=0", "--interval", "0.2", "-o",
                                            os.path.join(cls.folder.name, "b.seep"), "--"))

    @classmethod
    def tearDownClass(cls):
        status, _ = cls.server.stop(signal.SIGTERM)  # seep run passes it on
        cls.server.__exit__()
        cls.folder.cleanup()
        assert status == 0, status

    def listed(self):
        status, headers, body = fetch(self.server, "/leaks/api/v1/recordings")
        self.assertEqual(status, 200, body)
        self.assertEqual(headers["Content-Type"], "application/json")
        return json.loads(body)["recordings"]

    def test_the_page_is_reached_below_a_slash(self):
        status, headers, _ = fetch(self.server, "/leaks")
        self.assertEqual((status, headers["Location"]), (308, "leaks/"))
        status, headers, page = fetch(self.server, "/leaks/")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'; script-src 'self'", headers["Content-Security-Policy"])
        self.assertIn(b"<!DOCTYPE html>", page)
        self.assertEqual(fetch(self.server, "/leaks/assets/index.html")[2], page)

    def test_what_is_below_is_passed_on_with_its_question(self):
        rows = backend.eventually(self.listed, "the recording is listed")
        self.assertEqual((rows[0]["name"], rows[0]["state"]), ("b.seep", "running"))
        status, _, body = fetch(self.server, "/leaks/api/v1/recordings/b.seep/sites?kind=thread&top=1")
        self.assertEqual((status, len(json.loads(body)["rows"])), (200, 1))
        status, headers, body = fetch(self.server, "/leaks/api/v1/recordings/b.seep/report?format=html")
        self.assertEqual((status, headers["Content-Security-Policy"]), (200, "frame-ancestors 'none'; base-uri 'none'"))
        self.assertTrue(body.startswith(b"<!DOCTYPE html>"))
        status, _, body = fetch(self.server, "/leaks/api/v1/recordings/b.seep/sites?kind=cpu")
        self.assertEqual((status, "kind: heap" in json.loads(body)["error"]), (400, True))
        self.assertEqual(fetch(self.server, "/leaks/../api/health")[0], 404)
        self.assertEqual(fetch(self.server, "/leaks/metrics")[1]["Content-Type"],
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")

    def test_nothing_but_reading_is_passed_on(self):
        self.assertEqual(self.server.ask("POST", "/leaks/api/v1/recordings", {})[0], 405)
        status, body, _ = self.server.ask("GET", "/leaks/api/v1/events")
        self.assertEqual((status, "ask for api/v1/recordings" in body["error"]), (503, True))

    def test_the_leaks_of_the_api_have_the_live_findings(self):
        backend.eventually(self.listed, "the recording is listed")
        found = backend.eventually(lambda: self.server.get("/api/v1/memory/leaks")["data"], "leaks are told")
        self.assertIsInstance(found["live_findings"], list)

    def test_the_monitor_has_them_too(self):
        backend.eventually(self.listed, "the recording is listed")
        found = self.server.get("/api/v1/memory/monitor")["data"]
        self.assertIsInstance(found["live_findings"], list)
        self.assertIn("monitoring_active", found)


class Alone(backend.TestCase):
    def test_without_seep_there_is_a_word_and_no_page(self):
        with backend.Backend() as server:
            for path in ("/leaks", "/leaks/", "/leaks/metrics"):
                status, body, _ = server.ask("GET", path)
                self.assertEqual((status, "seep run --listen" in body["error"]), (404, True))
            for path in ("leaks", "monitor"):
                self.assertNotIn("live_findings", server.get("/api/v1/memory/" + path)["data"])

    def test_no_other_machine_is_asked(self):
        for address in ("http://10.0.0.1:80/", "http://127.0.0.1.example:80/", "https://127.0.0.1:80/",
                        "http://127.0.0.1:80/x", "http://127.0.0.1:/", "http://127.0.0.1:80@example/", ""):
            with backend.Backend(SEEP_LISTEN=address) as server:
                self.assertEqual(server.ask("GET", "/leaks/")[0], 404, address)

    def test_a_server_that_is_gone_is_a_bad_gateway(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with backend.Backend(SEEP_LISTEN=f"http://127.0.0.1:{port}/") as server:
            status, body, _ = server.ask("GET", "/leaks/")
            self.assertEqual((status, body["error"]), (502, "Seep's server does not answer"))
            for path in ("leaks", "monitor"):
                self.assertIsNone(server.get("/api/v1/memory/" + path)["data"]["live_findings"])


if __name__ == "__main__":
    del sys.argv[1]
    backend.main(verbosity=1)
