#!/usr/bin/python3
"""Heap profiles that are pushed: what Pyroscope's /ingest is sent, taken apart as its server does, and each profile
opened with a strict reader of the format.

usage: test_push.py SEEP ALERT_RECORDING GOLDEN_PROGRAM ALERT_LEAKY

SPDX-License-Identifier: MIT
"""
import email.parser
import email.policy
import gzip
import json
import subprocess
import sys
import time
import unittest
import urllib.parse
from pathlib import Path

from alert_fakes import LEAKY, PATIENCE_S, SEEP, AlertTest, Receiver, Served, free_port, main, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
import pprof_text  # noqa: E402


def opened(post):
    """(query, profile's sample sums by type, function names, sample type configuration) of a POST."""
    _, target, headers, body = post
    url = urllib.parse.urlsplit(target)
    query = dict(urllib.parse.parse_qsl(url.query, strict_parsing=True))
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    assert url.path.endswith("/ingest"), url.path
    assert parts["profile"].get_filename() == "profile.pprof"
    profile = pprof_text.decode("Profile", gzip.decompress(parts["profile"].get_payload(decode=True)))
    strings = profile["string_table"]
    types = [strings[one["type"]] for one in profile["sample_type"]]
    sums = {name: sum(sample["value"][i] for sample in profile["sample"]) for i, name in enumerate(types)}
    names = {strings[function["name"]] for function in profile["function"]}
    return query, sums, names, json.loads(parts["sample_type_config"].get_payload(decode=True))


class Push(AlertTest):
    def test_a_report_pushes_one_profile_for_each_subsystem(self):
        self.recording.do("leak 100", "end")
        with Receiver() as server:
            subprocess.run([SEEP, "report", self.path, "--push", f"{server.url}/prefix/"], check=True,
                           stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
        self.assertEqual([path.split("?")[0] for _, path, _, _ in server.posts], ["/prefix/ingest"] * 2)
        taken = {query["name"]: (query, sums, names) for query, sums, names, _ in map(opened, server.posts)}
        self.assertEqual(set(taken), {"pma-backend{host=soak-1,subsystem=websocket}",
                                      "pma-backend{host=soak-1,subsystem=cache}"})
        query, sums, names = taken["pma-backend{host=soak-1,subsystem=websocket}"]
        self.assertEqual((sums["inuse_objects"], sums["inuse_space"]), (98, 50176), "a run is judged up to 2 s before its end")
        self.assertIn("hub_register", names)
        self.assertNotIn("cache_put", names)
        self.assertEqual(query["format"], "pprof")
        self.assertEqual(int(query["until"]) - int(query["from"]), 101)
        self.assertLess(abs(int(query["from"]) - time.time()), 600)
        self.assertEqual(set(opened(server.posts[0])[3]), {"inuse_objects", "inuse_space"})

    def test_a_report_says_when_nobody_takes_it(self):
        self.recording.do("leak 100", "end")
        with Receiver(status=401) as server:
            for address, word in ((server.url, "HTTP 401: seen"), ("http://127.0.0.1:1", "Failed to connect")):
                address = address.replace("://", "://me:very-secret@")
                said = subprocess.run([SEEP, "report", self.path, "--push", address], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S)
                self.assertEqual(said.returncode, 3)
                self.assertIn(word, said.stderr)
                self.assertNotIn("secret", said.stderr)

    def test_serve_pushes_again_and_again_and_at_the_end(self):
        with Receiver() as server, Served(self.path, "--push", server.url, "--push-every", "1s") as served:
            deadline = time.monotonic() + PATIENCE_S
            while len(server.posts) < 4 and time.monotonic() < deadline:
                self.pass_time(served, "leak 10")
            self.assertGreaterEqual(len(server.posts), 4)
            before = len(server.posts)
            self.recording.do("leak 7", "end")
            wait_for(lambda: len(server.posts) >= before + 2, "the last ones")
            self.assertEqual(served.end(), 0)
        sums = [sums["inuse_objects"] for query, sums, _, _ in map(opened, server.posts) if "websocket" in query["name"]]
        self.assertEqual(sums, sorted(sums))
        self.assertEqual(sums[-1] % 10, 5, "what it held at its end, but for its last 2 s, which are not judged")

    def test_a_server_that_is_away_costs_profiles_not_the_page(self):
        with Served(self.path, "--push", f"http://127.0.0.1:{free_port()}", "--push-every", "1s") as served:
            deadline = time.monotonic() + PATIENCE_S
            while "a profile was not taken" not in served.stderr() and time.monotonic() < deadline:
                self.pass_time(served, "leak 10")
            self.assertIn("a profile was not taken", served.stderr())
            self.assertEqual(served.end(), 0)
            self.assertIn("given up", served.stderr())

    def test_run_pushes_its_program(self):
        with Receiver() as server:
            run = subprocess.Popen([SEEP, "run", "--interval", "0.2", "--quiet", "-o", str(self.folder / "run.seep"),
                                    "--push", server.url, "--push-every", "1s", "--", LEAKY], stdin=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
            try:
                wait_for(lambda: len(server.posts) >= 2, "profiles while it runs")
            finally:
                run.stdin.close()
                self.assertEqual(run.wait(PATIENCE_S), 0)
        names = {opened(post)[0]["name"].split("{")[0] for post in server.posts}
        self.assertEqual(names, {"alert-leaky"})
        self.assertTrue(any("subsystem=sessions}" in opened(post)[0]["name"] for post in server.posts))


if __name__ == "__main__":
    main()
