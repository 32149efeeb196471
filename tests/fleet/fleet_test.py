"""seep fleet against a server of its own: what it finds and says, and each way in which a server can refuse.

usage: fleet_test.py PATH/seep

SPDX-License-Identifier: MIT
"""
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fleet_data

UNTIL = 1_700_000_100 // 300 * 300
TOKEN = "s3cret-t0ken"
DATA = {}


def load():
    for metric, own, samples in fleet_data.series(UNTIL):
        DATA.setdefault((metric, own["instance"]), []).append((own, samples))


def matrix(rows):
    result = [{"metric": {"__name__": name, **own}, "values": [[t, str(v)] for t, v in samples]}
              for name, own, samples in rows]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm, wbufsize = True, -1
    counted = False

    def send(self, status, body, kind="application/json", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.answered()
        self.wfile.write(body)

    def answered(self):
        """Before the reply is out: the next question may come at once."""
        if self.counted:
            self.counted = False
            with self.server.lock:
                self.server.asking -= 1

    def names(self):
        self.send(200, json.dumps({"status": "success", "data": self.server.instances}).encode())

    def do_GET(self):
        self.server.seen.append(self.path)
        (self.server.on_names or Handler.names)(self)

    def query(self, form):
        name, matchers = form["query"][0].split("{", 1)
        instance = re.search(r'instance="([^"]*)"', matchers).group(1)
        kinds = re.search(r'kind=~"([^"]*)"', matchers)
        rows = [(name, own, samples) for own, samples in DATA.get((name, instance), [])
                if kinds is None or own.get("kind", "") in kinds.group(1).split("|")]
        self.send(200, matrix(rows))

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        with self.server.lock:
            self.server.asking += 1
            self.server.most_asking = max(self.server.most_asking, self.server.asking)
            self.server.posts += 1
            self.counted = True
        try:
            (self.server.on_query or Handler.query)(self, form)
        except ConnectionError:
            pass  # the client refused the rest
        finally:
            self.answered()

    def log_message(self, *arguments):
        pass


class FleetTest(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.lock, self.server.seen = threading.Lock(), []
        self.server.asking = self.server.most_asking = self.server.posts = 0
        self.server.on_names = self.server.on_query = None
        self.server.instances = [fleet_data.labels(i)["instance"] for i in range(fleet_data.INSTANCES)]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def seep(self, *arguments, url=None):
        env = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}
        return subprocess.run([SEEP, "fleet", "--prometheus", url or self.url, "--until", str(UNTIL), *arguments],
                              capture_output=True, text=True, timeout=60, check=False, env=env, stdin=subprocess.DEVNULL)

    def report(self, *arguments):
        result = self.seep("--format", "json", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return json.loads(result.stdout)

    def assert_refused(self, result, status, *words):
        """That exit status, nothing on stdout, one line on stderr with the words."""
        self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("seep fleet: "), result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_planted_leaks_are_found_with_what_their_instances_share(self):
        report = self.report()
        fleet_data.check(self, report)
        self.assertEqual(report["verdict"], "leak")
        self.assertLessEqual(self.server.most_asking, 3)
        self.assertGreater(self.server.posts, 2 * fleet_data.INSTANCES)
        match = urllib.parse.parse_qs(self.server.seen[0].split("?", 1)[1])["match[]"]
        self.assertEqual([m.split("{")[0] for m in match], ["seep_site_live_bytes", "seep_site_live"])

    def test_text_and_markdown_say_it_in_words(self):
        text = self.seep()
        self.assertEqual((text.returncode, text.stderr), (0, ""))
        joined = re.sub(r"\s+", " ", text.stdout)
        self.assertIn("definite heap hub_register (hub_register.c:0) in net", joined)
        self.assertIn("grows on 6 of 6 instances of version 2.0, on 0 of 24 of the others", joined)
        self.assertIn("grows on 10 of 10 instances of region ap, on 0 of 20 of the others", joined)
        self.assertIn("30 restarts: each life was judged for itself", joined)
        self.assertNotIn("\033", text.stdout)
        page = self.seep("--format", "markdown").stdout
        self.assertRegex(page, r"\| definite \| fd \| open_log \(open_log\.c")
        self.assertIn("on 0 of 24 of the others", page)

    def test_the_same_data_gives_the_same_report(self):
        self.assertEqual(self.seep("--format", "json").stdout, self.seep("--format", "json").stdout)

    def test_fail_on_top_output_and_suppress(self):
        path = self.folder / "report.json"
        result = self.seep("--fail-on", "definite", "--top", "1", "--format", "json", "-o", str(path))
        self.assertEqual((result.returncode, result.stdout, result.stderr), (1, "", ""))
        report = json.loads(path.read_text(encoding="utf-8"))
        self.assertEqual((len(report["findings"]), report["not_shown"], report["growing_sites"]), (1, 2, 3))
        rules = self.folder / "rules"
        rules.write_text("leak:hub_register\nfinding:000000000003\nheap:parse_*\n", encoding="utf-8")
        result = self.seep("--fail-on", "suspect", "--format", "json", "--suppress", str(rules))
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual((report["findings"], report["suppressed"], report["verdict"]), ([], 3, "clean"))

    def test_groups_and_match_are_the_users(self):
        report = self.report("--group", "host", "--match", 'job="api"')
        self.assertEqual(report["question"]["groups"], ["host"])
        for finding in report["findings"]:
            self.assertEqual(finding["common"], [])
        self.assertIn('job="api"', urllib.parse.unquote(self.server.seen[0]))

    def test_one_metric_of_the_users_choice(self):
        report = self.report("--query", "seep_site_live")
        self.assertEqual(report["question"]["metrics"], ["seep_site_live"])
        self.assertIn("open_log", [finding["function"] for finding in report["findings"]])
        self.assertEqual({finding["unit"] for finding in report["findings"]}, {"count"})

    def test_a_token_is_asked_for_and_sent(self):
        def names(handler):
            if handler.headers.get("Authorization") != f"Bearer {TOKEN}":
                return handler.send(401, b"unauthorized", "text/plain")
            return Handler.names(handler)
        self.server.on_names = names
        self.assert_refused(self.seep(), 2, "status 401", "--token-file")
        path = self.folder / "token"
        path.write_text(TOKEN + "\n", encoding="utf-8")
        result = self.seep("--token-file", str(path))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn(TOKEN, result.stdout + result.stderr)
        path.write_text("two words\n", encoding="utf-8")
        self.assert_refused(self.seep("--token-file", str(path)), 2, "a token alone")
        self.assert_refused(self.seep("--token-file", str(self.folder / "none")), 2, "No such file")

    def test_refusals_are_told_with_what_to_do(self):
        error = json.dumps({"status": "error", "errorType": "x", "error": "parse error: nope\n\033[31m"}).encode()
        cases = [(400, error, 2, "--query", "parse error: nope"), (403, b"", 2, "--token-file"),
                 (404, b"<html>not here</html>", 2, "no Prometheus API there"), (405, b"", 2, "no Prometheus API"),
                 (422, error, 2, "cannot answer", "nope"), (302, b"", 2, "it redirects"), (418, b"", 2, "not a reply")]
        for status, body, exit_status, *words in cases:
            self.server.on_query = lambda handler, form, status=status, body=body: handler.send(status, body)
            result = self.seep()
            self.assert_refused(result, exit_status, f"status {status}", *words)
            self.assertNotIn("\033", result.stderr)

    def test_a_server_that_is_overloaded_is_tried_three_times(self):
        self.server.instances = self.server.instances[:1]
        self.server.on_query = lambda handler, form: handler.send(503, b"")
        self.assert_refused(self.seep(), 3, "status 503", "overloaded")
        self.assertGreaterEqual(self.server.posts, 3)
        left = [2]

        def twice(handler, form):
            if left[0] > 0:
                left[0] -= 1
                return handler.send(503, b"")
            return Handler.query(handler, form)
        self.server.on_query = twice
        self.assertEqual(self.report()["series"], len(fleet_data.SITES))

    def test_replies_that_are_cut_or_strange_are_refused(self):
        whole = matrix([("m", {"id": "a", "instance": "x"}, [(UNTIL, 1)])])

        def cut(handler, form):
            handler.send(200, whole[:-9], length=len(whole))
            handler.close_connection = True
        self.server.instances = self.server.instances[:1]
        self.server.on_query = cut
        self.assert_refused(self.seep(), 3, self.url)
        for body, words in ((whole[:-9], "the end, too early"), (b"<!doctype html><p>Log in", "a page of HTML"),
                            (b"", "nothing"), (b'{"status":"success","data":{}}', "no status, no resultType"),
                            (b"\xff\xfe", "byte 0")):
            self.server.on_query = lambda handler, form, body=body: handler.send(200, body)
            self.assert_refused(self.seep(), 2, self.url, words)
        self.server.on_query = None
        for body in (b"<html>", b"{}", b'{"data":[1]}', b""):
            self.server.on_names = lambda handler, body=body: handler.send(200, body)
            self.assert_refused(self.seep(), 2, self.url, "/api/v1")

    def test_a_retried_reply_counts_once(self):
        self.server.instances = self.server.instances[:1]
        left = [1]

        def cut_first(handler, form):
            if left[0] > 0:
                left[0] -= 1
                own, samples = DATA[("seep_site_live_bytes", self.server.instances[0])][0]
                whole = matrix([("m", own, samples)] * 3)
                handler.send(200, whole[:-3], length=len(whole))
                handler.close_connection = True
                return None
            return Handler.query(handler, form)
        self.server.on_query = cut_first
        report = self.report()
        self.assertEqual((report["series"], report["data"]["lives"]), (len(fleet_data.SITES), len(fleet_data.SITES)))

    def test_addresses_that_lead_nowhere(self):
        self.assert_refused(self.seep(url="http://127.0.0.1:1"), 2, "http://127.0.0.1:1")
        self.assert_refused(self.seep(url="http://no-such-host.invalid"), 2, "no-such-host.invalid")
        for url in ("ftp://x", "localhost:9090", "http://x/?q=1"):
            self.assert_refused(self.seep(url=url), 2, "--prometheus")
        self.assert_refused(self.seep(url="http://me:secret@127.0.0.1"), 2, "--token-file")

    def test_nothing_there_is_said_and_no_success(self):
        self.server.instances = []
        self.assert_refused(self.seep(), 2, "no series of seep_site_live_bytes", "seep serve")

    def test_wrong_options_are_one_line_each(self):
        for arguments, word in ((("--since", "1h"), "20"), (("--since", "x"), "--since"), (("--step", "0s"), "--step"),
                                (("--since", "900d"), "10999"), (("--group", "a,,b"), "--group"), (("--group", "id"), "--group"),
                                (("--group", "a,b,c,d,e,f,g,h,i"), "at most 8"), (("--query", "a{b}"), "--match"),
                                (("--format", "html"), "markdown"), (("--top", "0"), "--top"), (("--fail-on", "bad"), "--fail-on"),
                                (("--until", "x"), "--until"), (("extra",), "--prometheus URL"), (("--sinse", "1h"), "--since")):
            self.assert_refused(self.seep(*arguments), 2, word)
        result = subprocess.run([SEEP, "fleet"], capture_output=True, text=True, timeout=20, check=False)
        self.assert_refused(result, 2, "--prometheus is missing")

    def test_what_is_no_sample_is_counted(self):
        own = {"instance": "a", "id": "1", "kind": "heap"}
        odd = [(UNTIL - 300, "NaN"), (UNTIL - 300, "1"), (UNTIL - 300, "2"), (UNTIL - 600, "3"), (UNTIL + 9999, "4")]

        def query(handler, form):
            handler.send(200, matrix([("m", own, odd)] if "live_bytes" in form["query"][0] and '"a"' in form["query"][0] else []))
        self.server.instances = ["a"]
        self.server.on_query = query
        report = self.report()
        data = report["data"]
        self.assertEqual((data["not_finite"], data["duplicates"], data["out_of_order"], data["off_grid"]), (1, 1, 1, 1))
        self.assertEqual((report["verdict"], data["short_lives"]), ("inconclusive", 1))

    def test_names_of_instances_cannot_break_out_of_the_question(self):
        self.server.instances = ['a"} or vector(1) #', "back\\slash"]
        asked = []

        def query(handler, form):
            asked.append(form["query"][0])
            handler.send(200, matrix([]))
        self.server.on_query = query
        self.assert_refused(self.seep(), 2, "no series")
        self.assertTrue(any(q.endswith('instance="a\\"} or vector(1) #"}') for q in asked), asked)
        self.assertTrue(any(q.endswith('instance="back\\\\slash"}') for q in asked), asked)

    def test_the_metrics_of_seep_serve_are_those_that_are_asked_for(self):
        recording = self.folder / "leak.seep"
        command = "import time; kept = [bytearray(5000) for _ in range(2000)]; time.sleep(1)"
        env = {**os.environ, "PYTHONMALLOC": "malloc"}
        subprocess.run([SEEP, "run", "--quiet", "--interval", "0.1", "-o", str(recording), "--", sys.executable, "-c", command],
                       env=env, check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server = subprocess.Popen([SEEP, "serve", str(recording), "--listen", "127.0.0.1:0", "--quiet"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 20)
        self.addCleanup(server.terminate)
        url = server.stdout.readline().strip() + "metrics"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline, text = time.monotonic() + 30, ""
        while "seep_site_live{" not in text:
            self.assertLess(time.monotonic(), deadline, text)
            time.sleep(0.05)
            with opener.open(url, timeout=10) as reply:
                text = reply.read().decode()
        asked = {"seep_site_live_bytes": ("id", "function", "place", "subsystem", "kind", "recording"),
                 "seep_site_live": ("id", "function", "place", "subsystem", "kind", "recording"),
                 "seep_recording_seconds": ("recording",)}
        for metric, names in asked.items():
            line = re.search(rf"^{metric}\{{(.*)\}} [0-9.e+]+$", text, re.MULTILINE)
            self.assertIsNotNone(line, metric)
            for name in names:
                self.assertIn(f'{name}="', line.group(1))

    def test_a_terminal_is_told_how_far_it_is_and_a_pipe_is_not(self):
        def slow(handler, form):
            time.sleep(0.06)
            Handler.query(handler, form)
        self.server.on_query = slow
        self.assertEqual(self.report()["instances"], fleet_data.INSTANCES)  # stderr is a pipe, and empty
        viewer, terminal = pty.openpty()
        self.addCleanup(os.close, viewer)
        process = subprocess.Popen([SEEP, "fleet", "--prometheus", self.url, "--until", str(UNTIL)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=terminal)
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(viewer, 4096):
                shown += piece
        except OSError:
            pass  # the other side is closed
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertRegex(shown.decode(), r"seep fleet: instances, \d+ %")
        self.assertEqual(shown.decode().rsplit("\r", 1)[1].strip(), "")


if __name__ == "__main__":
    SEEP = sys.argv.pop(1)
    load()
    unittest.main()
