#!/usr/bin/python3
"""`seep serve` and `seep run --listen` from outside: what is served, that it follows, that nobody else gets in.

The truth is tests/attach/watched.c (three blocks of 10,000,000 bytes, four threads, a leak of 1,000 bytes at a
time) and the committed reports of the golden recordings.

usage: serve_test.py SEEP WATCHED GOLDEN_WRITE GOLDEN_PROGRAM

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import openmetrics  # noqa: E402
from served import PATIENCE_S, Served, wait_for  # noqa: E402

SEEP, WATCHED, GOLDEN_WRITE, GOLDEN_PROGRAM = (os.path.abspath(path) for path in sys.argv[1:5])
TOKEN = "0123456789abcdefTOKEN+/="


def outside(pid):
    """What a tracer, a stranger's descriptor or a thread more would show."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    fds = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    return (status["TracerPid"], status["Threads"], status["SigPnd"], status["SigCgt"], fds)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def serve(self, *arguments, **options):
        served = Served(SEEP, *arguments, **options)
        self.addCleanup(served.__exit__)
        return served

    def record(self, name="watched.seep", *options):
        """Starts the watched program: (process of seep run, its pid)."""
        run = subprocess.Popen([SEEP, "run", "--interval", "0.1", *options, "-o", self.path(name), "--",
                                WATCHED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.communicate)
        self.assertEqual(run.stdout.readline(), "ready\n")
        children = f"/proc/{run.pid}/task/{run.pid}/children"

        def child():
            with open(children, encoding="utf-8") as file:
                return [pid for pid in map(int, file.read().split())
                        if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(WATCHED)]
        pid = wait_for(child, "the program")[0]
        self.addCleanup(self.end, pid)
        return run, pid

    @staticmethod
    def end(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


class Finished(Folder):
    """Recordings that are complete."""

    @classmethod
    def setUpClass(cls):
        cls.golden = tempfile.TemporaryDirectory()
        subprocess.run([GOLDEN_WRITE, GOLDEN_PROGRAM, cls.golden.name], check=True)
        cls.served = Served(SEEP, cls.golden.name)
        wait_for(lambda: cls.served.json("/api/v1/recordings")["unread"] == 0, "all are read")

    @classmethod
    def tearDownClass(cls):
        cls.served.__exit__()
        cls.golden.cleanup()

    def report(self, name, *options):
        return subprocess.run([SEEP, "report", os.path.join(self.golden.name, name), "--quiet", *options],
                              check=True, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout

    def test_all_recordings_of_a_folder_are_listed_as_they_were_judged(self):
        rows = {row["name"]: row for row in self.served.json("/api/v1/recordings")["recordings"]}
        self.assertEqual(set(rows), set(os.listdir(self.golden.name)))
        for name, row in rows.items():
            report = json.loads(self.report(name, "--format", "json"))
            self.assertEqual((row["why"], row["outcome"], row["finding_count"]),
                             (None, report["verdict"], len(report["findings"])), name)
            self.assertEqual(row["command"], report["program"]["command"])
            self.assertEqual(row["snapshots"], report["recording"]["snapshots"])
        self.assertEqual(rows["healthy.seep"]["state"], "ended")

    def test_reports_are_the_bytes_of_seep_report(self):
        for name in ("heap_leak.seep", "thread_leak.seep", "healthy.seep"):
            for form in ("json", "markdown", "html", "folded", "pprof", "sarif", "junit"):
                status, headers, body = self.served.ask(f"/api/v1/recordings/{name}/report?format={form}")
                self.assertEqual(status, 200, body)
                self.assertEqual(body, self.report(name, "--format", form), f"{name} {form}")
        _, _, body = self.served.ask("/api/v1/recordings/one_cause.seep/report?format=json&kind=thread")
        self.assertEqual(body, self.report("one_cause.seep", "--format", "json", "--kind", "thread"))

    def test_a_report_that_is_known_is_not_sent_again(self):
        path = "/api/v1/recordings/heap_leak.seep/report?format=html"
        _, headers, body = self.served.ask(path)
        self.assertTrue(body)
        status, again, nothing = self.served.ask(path, headers={"If-None-Match": headers["ETag"]})
        self.assertEqual((status, nothing, again["ETag"]), (304, b"", headers["ETag"]))
        self.assertEqual(self.served.ask(path, headers={"If-None-Match": '"another"'})[0], 200)
        status, headers, nothing = self.served.ask(path, method="HEAD")
        self.assertEqual((status, nothing, int(headers["Content-Length"])), (200, b"", len(body)))

    def test_a_site_has_its_stack_and_its_series(self):
        table = self.served.json("/api/v1/recordings/heap_leak.seep/sites?kind=heap&sort=growth&top=1")
        row = table["rows"][0]
        self.assertEqual((table["kind"], len(table["rows"]), row["headline"], row["verdict"]),
                         ("heap", 1, "hub_register", "probable"))
        self.assertAlmostEqual(row["growth_per_s"], 1, places=3)
        report = json.loads(self.report("heap_leak.seep", "--format", "json"))
        self.assertEqual(row["finding"], report["findings"][0]["id"])
        for name in (row["id"], str(row["site"])):
            site = self.served.json(f"/api/v1/recordings/heap_leak.seep/sites/{name}")
            self.assertEqual(site["stack"], report["findings"][0]["stack"])
            self.assertEqual(len(site["series"]["t_s"]), 60)
            self.assertEqual(site["series"]["live"][-1], row["live"])
            self.assertEqual(site["series"]["live_bytes"][-1], row["live_bytes"])
        filtered = self.served.json("/api/v1/recordings/heap_leak.seep/sites?subsystem=nothing-like-it")
        self.assertEqual((filtered["count"], filtered["rows"]), (0, []))

    def test_a_flame_graph_adds_up(self):
        tree = self.served.json("/api/v1/recordings/heap_leak.seep/flame?value=live-bytes")
        total = self.served.json("/api/v1/recordings/heap_leak.seep/sites")["total"]["live_bytes"]
        self.assertEqual((tree["value"], tree["left_off"], tree["unit"]), (total, 0, "bytes"))

        def check(node):
            self.assertLessEqual(sum(child["value"] for child in node["children"]), node["value"])
            return {node["name"]}.union(*(check(child) for child in node["children"]))
        self.assertIn("hub_register", check(tree))

    def test_threads_are_those_of_seep_threads(self):
        said = subprocess.run([SEEP, "threads", os.path.join(self.golden.name, "thread_leak.seep"), "--format",
                               "json"], check=True, capture_output=True).stdout
        served = self.served.json("/api/v1/recordings/thread_leak.seep/threads")
        self.assertEqual(served.pop("waits"), [])
        served.pop("generation")
        stuck = served.pop("stuck")
        want = json.loads(said)
        self.assertEqual((want.pop("stuck"), served), (stuck, want))

    def test_two_recordings_are_compared(self):
        diff = self.served.json("/api/v1/diff?base=healthy.seep&new=heap_leak.seep")
        self.assertEqual((diff["base"]["verdict"], diff["new"]["verdict"]), ("clean", "leak"))
        status, headers, page = self.served.ask("/api/v1/diff?base=healthy.seep&new=heap_leak.seep&format=html")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"hub_register", page)

    def test_a_timeline_is_the_process_over_time(self):
        line = self.served.json("/api/v1/recordings/heap_leak.seep/timeline")
        self.assertEqual({len(line[key]) for key in ("t_s", "heap_live_bytes", "rss_bytes", "threads", "fds")}, {60})
        self.assertEqual(line["t_s"], sorted(line["t_s"]))
        total = self.served.json("/api/v1/recordings/heap_leak.seep/sites")["total"]["live_bytes"]
        self.assertEqual(line["heap_live_bytes"][-1], total)

    def test_wrong_questions_are_answered_with_what_to_ask(self):
        for path, status, word in (
                ("/api/v1/recordings/none.seep/report", 404, "no recording none.seep"),
                ("/api/v1/recordings/heap_leak.seep/reports", 404, "begin with"),
                ("/api/v1/recordings/heap_leak.seep/sites/999999", 404, "no site 999999"),
                ("/api/v1/recordings/heap_leak.seep/sites/ffffffffffff", 404, "no site ffffffffffff"),
                ("/api/v1/recordings/heap_leak.seep/sites?top=0", 400, "top: a whole number"),
                ("/api/v1/recordings/heap_leak.seep/sites?kind=cpu", 400, "kind: heap"),
                ("/api/v1/recordings/heap_leak.seep/sites?sort=name", 400, "sort: live"),
                ("/api/v1/recordings/heap_leak.seep/flame?value=cpu", 400, "value: live-bytes"),
                ("/api/v1/recordings/heap_leak.seep/report?format=pdf", 400, "format: one of"),
                ("/api/v1/recordings/heap_leak.seep/report?fromat=html", 400, 'no parameter "fromat"'),
                ("/api/v1/diff?base=healthy.seep", 400, "base=NAME&new=NAME"),
                ("/assets/none.js", 404, "/assets/none.js"),
                ("/api/v1/recordings/..%2f..%2fetc%2fpasswd/report", 404, "begin with"),
                ("/nothing", 404, "/nothing")):
            self.assertIn(word, self.served.json(path, status=status)["error"], path)

    def test_the_page_and_its_files_are_embedded(self):
        status, headers, body = self.served.ask("/")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual(self.served.ask("/", headers={"If-None-Match": headers["ETag"]})[0], 304)
        self.assertEqual(self.served.ask("/assets/index.html")[2], body)
        for name, value in (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")):
            self.assertEqual(headers[name], value)

    def test_metrics_are_sound_and_say_what_the_report_says(self):
        status, headers, body = self.served.ask("/metrics")
        self.assertEqual((status, headers["Content-Type"]),
                         (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
        families = openmetrics.parse(body.decode("utf-8"))
        for name in ("seep_heap_live_bytes", "seep_site_live", "seep_site_live_bytes", "seep_findings",
                     "seep_subsystem_heap_live_bytes", "seep_serve_judge_seconds", "seep_serve_recordings"):
            self.assertIn(name, families)
        findings = {labels["verdict"]: value for labels, value in
                    ((openmetrics.labels_of(l), v) for (_, l), v in families["seep_findings"][1].items())
                    if labels["recording"] == "heap_leak.seep"}
        report = json.loads(self.report("heap_leak.seep", "--format", "json"))
        for verdict, count in findings.items():
            self.assertEqual(count, sum(f["verdict"] == verdict for f in report["findings"]), verdict)

    def test_a_file_that_is_no_recording_is_listed_with_the_reason(self):
        shutil.copy(os.path.join(self.golden.name, "healthy.seep"), self.path("a.seep"))
        with open(self.path("b.seep"), "wb") as file:
            file.write(b"no recording at all, of any version")
        served = self.serve(self.folder)
        row = wait_for(lambda: served.recording("b.seep"), "b.seep is listed")
        self.assertEqual((row["state"], row["generation"] > 0), ("refused", True))
        self.assertIn("b.seep", row["why"])
        self.assertIn("b.seep", served.json("/api/v1/recordings/b.seep/timeline", status=503)["error"])
        # One that comes later is found.
        shutil.copy(os.path.join(self.golden.name, "heap_leak.seep"), self.path("c.seep"))
        row = wait_for(lambda: served.recording("c.seep"), "c.seep is found")
        self.assertEqual(row["outcome"], "leak")

    def test_rules_are_obeyed(self):
        with open(self.path("rules"), "w", encoding="utf-8") as file:
            file.write("leak:hub_register\n")
        with open(self.path("names"), "w", encoding="utf-8") as file:
            file.write("core function:main\n")
        name = os.path.join(self.golden.name, "heap_leak.seep")
        served = self.serve(name, "--suppress", self.path("rules"), "--subsystems", self.path("names"))
        row = wait_for(lambda: served.recording("heap_leak.seep"), "it is listed")
        self.assertEqual(row["outcome"], "clean")
        rows = served.json("/api/v1/recordings/heap_leak.seep/sites")["rows"]
        self.assertEqual({row["subsystem"] for row in rows}, {"core", "websocket"})

    def test_more_than_256_recordings_are_counted_not_served(self):
        for i in range(260):
            os.symlink(os.path.join(self.golden.name, "short_run.seep"), self.path(f"{i}.seep"))
        shutil.rmtree(self.folder)
        os.mkdir(self.folder)
        for i in range(260):
            shutil.copy(os.path.join(self.golden.name, "short_run.seep"), self.path(f"{i}.seep"))
        served = self.serve(self.folder)

        def read():
            listed = served.json("/api/v1/recordings")
            return listed if listed["unread"] == 0 else None
        listed = wait_for(read, "all are read")
        self.assertEqual((len(listed["recordings"]), listed["left_out"]), (256, 4))
        self.assertEqual(served.json("/api/v1/recordings/7.seep/timeline")["generation"] > 0, True)


class Running(Folder):
    def test_a_program_is_followed_from_its_start_to_its_end(self):
        _, pid = self.record()
        before = outside(pid)
        served = self.serve(self.folder, "--interval", "0.1")
        row = wait_for(lambda: served.recording("watched.seep"), "it is listed")
        self.assertEqual((row["state"], row["pid"]), ("running", pid))
        base = "/api/v1/recordings/watched.seep"
        first = row["generation"]
        wait_for(lambda: served.recording("watched.seep")["generation"] > first, "it goes on")
        sites = {row["headline"]: row for row in served.json(f"{base}/sites")["rows"]}
        self.assertEqual(sites["keeps_here"]["live_bytes"], 30000000)
        self.assertEqual(sites["keeps_here"]["subsystem"], "store")
        threads = served.json(f"{base}/sites?kind=thread")["rows"]
        self.assertEqual([(row["headline"], row["live"]) for row in threads], [("starts_here", 4)])
        # The leak becomes a finding while the program runs.
        row = wait_for(lambda: (lambda r: r if r["worst"] else None)(served.recording("watched.seep")),
                       "the leak is found")
        self.assertIn(row["outcome"], ("suspect", "leak"))
        report = served.json(f"{base}/report")
        self.assertEqual(report["program"]["ending"]["kind"], "running")
        self.assertIn("leaks_here", report["findings"][0]["summary"])
        line = served.json(f"{base}/timeline")
        self.assertLess(row["duration_s"] - line["t_s"][-1], 2)
        self.assertEqual(outside(pid), before)
        os.kill(pid, signal.SIGTERM)
        row = wait_for(lambda: (lambda r: r if r["state"] == "ended" else None)(served.recording("watched.seep")),
                       "it has ended")
        self.assertEqual(row["path"], self.path("watched.seep"))

    def test_events_come_when_something_has_changed(self):
        _, pid = self.record()
        served = self.serve(self.folder, "--interval", "0.1")
        wait_for(lambda: served.recording("watched.seep"), "it is listed")
        with socket.create_connection((served.host, served.port), timeout=PATIENCE_S) as stream:
            stream.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())
            reader = stream.makefile("r", encoding="utf-8")
            head = []
            while (line := reader.readline().strip()):
                head.append(line)
            self.assertIn("200", head[0])
            self.assertIn("Content-Type: text/event-stream", head)
            rows, states = [], set()
            while "ended" not in states:
                line = reader.readline()
                self.assertTrue(line, "the stream has ended")
                if line.startswith("data: "):
                    rows.append(json.loads(line[6:]))
                    states.add(rows[-1]["state"])
                    if len(rows) == 5:
                        os.kill(pid, signal.SIGTERM)
            generations = [row["generation"] for row in rows]
            self.assertEqual(generations, sorted(set(generations)))
            self.assertEqual(states, {"running", "ended"})

    def test_the_65th_listener_is_sent_away(self):
        self.record()
        served = self.serve(self.folder)
        request = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
        streams = []
        try:
            for _ in range(64):
                streams.append(socket.create_connection((served.host, served.port), timeout=PATIENCE_S))
                streams[-1].sendall(request)
                self.assertIn(b"200 OK", streams[-1].recv(64))
            streams.append(socket.create_connection((served.host, served.port), timeout=PATIENCE_S))
            streams[-1].sendall(request)  # bare: a stream that begins would never end
            self.assertIn(b"503 Service Unavailable", streams[-1].recv(64))
            metrics = openmetrics.parse(served.ask("/metrics")[2].decode())
            self.assertEqual(metrics["seep_serve_listeners"][1]["seep_serve_listeners", ()], 64)
        finally:
            for stream in streams:
                stream.close()
        served.process.send_signal(signal.SIGTERM)
        self.assertEqual(served.process.wait(PATIENCE_S), 0)

    def test_a_killed_collector_leaves_a_recording_that_is_lost(self):
        run, pid = self.record()
        served = self.serve(self.folder)
        wait_for(lambda: served.recording("watched.seep"), "it is listed")
        os.kill(pid, signal.SIGKILL)
        run.wait(PATIENCE_S)
        # As a collector that is killed leaves it: cut, and old.
        with open(self.path("watched.seep"), "rb") as file:
            data = file.read()
        with open(self.path("cut.seep"), "wb") as file:
            file.write(data[:len(data) * 2 // 3])
        os.utime(self.path("cut.seep"), (time.time() - 3600,) * 2)
        row = wait_for(lambda: served.recording("cut.seep"), "cut.seep is found")
        self.assertEqual(row["state"], "lost")
        self.assertIn("collector was killed", row["why"])


class Run(Folder):
    def test_a_run_shows_itself_and_the_program_is_told_where(self):
        script = ('import json, os, time, urllib.request\n'
                  'url = os.environ["SEEP_LISTEN"]\n'
                  'for _ in range(400):\n'
                  '    rows = json.load(urllib.request.urlopen(url + "api/v1/recordings"))["recordings"]\n'
                  '    if rows and rows[0]["pid"] == os.getpid() and rows[0]["state"] == "running":\n'
                  '        print("seen", sorted(os.listdir("/proc/self/fd"))); break\n'
                  '    time.sleep(0.02)\n')
        plain = "import os; print('seen', sorted(os.listdir('/proc/self/fd')))"

        def run(*options, script):
            done = subprocess.run([SEEP, "run", *options, "-o", self.path("x.seep"), "--", sys.executable, "-c",
                                   script], capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done
        shown = run("--listen=0", script=script)
        self.assertRegex(shown.stderr, r"seep run: http://127\.0\.0\.1:\d+/ shows it")
        self.assertEqual(shown.stdout, run("--quiet", script=plain).stdout)  # no descriptor more
        url = re.search(r"http://127\.0\.0\.1:(\d+)/", shown.stderr)
        with self.assertRaises(ConnectionRefusedError):  # it goes with the run
            socket.create_connection(("127.0.0.1", int(url[1])), timeout=PATIENCE_S)

    def test_an_address_that_is_taken_is_said_and_the_run_goes_on(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = subprocess.run([SEEP, "run", "--listen", str(port), "-o", self.path("x.seep"), "--", "sh", "-c",
                                   'echo "[$SEEP_LISTEN]"'], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual((done.returncode, done.stdout), (0, "[]\n"))
        self.assertIn("Address already in use; the run goes on", done.stderr)

    def test_it_stays_after_the_end_when_asked_to(self):
        run = subprocess.Popen([SEEP, "run", "--listen-after-end=0", "-o", self.path("x.seep"), "--", "true"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = []
        while not lines or "stays until Ctrl-C" not in lines[-1]:
            lines.append(run.stderr.readline())
            self.assertTrue(lines[-1], lines)
        port = int(re.search(r":(\d+)/", lines[-1])[1])
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S):
            pass
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE_S)
        self.assertEqual(run.returncode, 0)

    def test_an_address_for_others_is_refused(self):
        done = subprocess.run([SEEP, "run", "--listen=0.0.0.0:7337", "--", "true"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("use seep serve beside the run", done.stderr)


class Strangers(Folder):
    """Who must not get in, and who must not be able to disturb."""

    def setUp(self):
        super().setUp()
        _, self.pid = self.record()
        self.served = self.serve(self.folder)
        wait_for(lambda: self.served.recording("watched.seep"), "it is listed")
        self.before = outside(self.pid)

    def tearDown(self):
        self.assertEqual(outside(self.pid), self.before)  # the program under watch has noticed nothing

    def status(self, path="/api/v1/recordings", method="GET", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        status, _, body = self.served.ask(path, method=method, headers=headers)
        if status != 200:
            self.assertTrue(json.loads(body)["error"])
        return status

    def raw(self, request):
        """The reply's first line to bytes that no client would send; "" when it hangs up."""
        with socket.create_connection((self.served.host, self.served.port), timeout=PATIENCE_S) as connection:
            connection.sendall(request)
            try:
                return connection.recv(4096).decode("latin-1").split("\r\n", 1)[0]
            except ConnectionResetError:
                return ""

    def test_other_sites_are_refused(self):
        port = self.served.port
        self.assertEqual(self.status(Host=f"127.0.0.1:{port}"), 200)
        self.assertEqual(self.status(Host=f"localhost:{port}"), 200)
        self.assertEqual(self.status(Host="attacker.example"), 403)
        self.assertEqual(self.status(Host=f"attacker.example:{port}"), 403)
        self.assertEqual(self.status(Host=f"127.0.0.1.attacker.example:{port}"), 403)
        self.assertEqual(self.status(Host="127.0.0.1:1"), 403)
        self.assertEqual(self.status(Origin=f"http://127.0.0.1:{port}"), 200)
        self.assertEqual(self.status(Origin="http://attacker.example"), 403)
        self.assertEqual(self.status(Origin="null"), 403)
        self.assertEqual(self.status(Origin=f"https://127.0.0.1:{port}"), 403)
        self.assertEqual(self.status(Sec_Fetch_Site="cross-site"), 403)
        self.assertEqual(self.status(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="no-cors"), 403)
        self.assertEqual(self.status(Sec_Fetch_Site="same-origin"), 200)
        self.assertEqual(self.served.ask("/", headers={"Sec-Fetch-Site": "cross-site",
                                                       "Sec-Fetch-Mode": "navigate"})[0], 200)

    def test_nothing_but_reading_is_possible(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            self.assertEqual(self.status(method=method), 405, method)
        status, headers, _ = self.served.ask("/", method="POST", body=b"x" * 100000)
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.served.ask("/", body=b"body")[0], 413)

    def test_oversized_and_malformed_requests_are_refused(self):
        host = f"Host: 127.0.0.1:{self.served.port}\r\n"
        self.assertEqual(self.status(X_Long="x" * 9000), 431)
        self.assertEqual(self.status("/api/v1/recordings?" + "&".join(f"a{i}=1" for i in range(40))), 400)
        self.assertEqual(self.status("/" + "a" * 7000), 404)
        for request, words in (
                (b"GET / HTTP/1.1\r\n\r\n", ("400",)),
                (f"GET / HTTP/1.1\r\n{host}{host}\r\n".encode(), ("400",)),
                (f"GET / HTTP/1.1\r\n{host}X: {'y' * 200000}\r\n\r\n".encode(), ("431", "413", "414", "")),
                (f"GET /{'z' * 200000} HTTP/1.1\r\n{host}\r\n".encode(), ("431", "413", "414", "")),
                (f"GET / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(), ("413",)),
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", ("400", "")),
                (b"\r\n" * 3 + b"nonsense\r\n\r\n", ("400", ""))):
            line = self.raw(request)
            self.assertTrue(any(word in line if word else not line for word in words), (request[:60], line))
        self.assertEqual(self.status(), 200)

    def test_200_idle_connections_keep_nobody_out(self):
        idle = [socket.create_connection((self.served.host, self.served.port), timeout=PATIENCE_S)
                for _ in range(200)]
        try:
            for connection in idle[::2]:
                connection.sendall(b"GET / HT")
            began = time.monotonic()
            self.assertEqual(self.status(), 200)
            self.assertLess(time.monotonic() - began, 5)
            idle[0].settimeout(PATIENCE_S)
            self.assertIn(idle[1].recv(100), (b"",), "an idle connection is ended")
        finally:
            for connection in idle:
                connection.close()
        self.assertEqual(self.status(), 200)

    def test_many_questions_at_once_are_all_answered(self):
        paths = [f"/api/v1/recordings/watched.seep/{what}" for what in
                 ("sites", "sites?sort=rate", "flame", "threads", "timeline", "report", "report?format=html")]
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            replies = list(pool.map(lambda i: self.served.ask(paths[i % len(paths)])[0], range(280)))
        self.assertEqual(set(replies), {200})

    def test_a_token_is_demanded_and_compared(self):
        token = self.path("token")
        with open(token, "w", encoding="ascii") as file:
            file.write(TOKEN + "\n")
        for mode, status in ((0o644, 2), (0o600, None)):
            os.chmod(token, mode)
            if status is not None:
                done = subprocess.run([SEEP, "serve", self.folder, "--token-file", token], capture_output=True,
                                      text=True, timeout=PATIENCE_S)
                self.assertEqual(done.returncode, status)
                self.assertIn("chmod 600", done.stderr)
        self.served = self.serve(self.folder, "--token-file", token, listen="0.0.0.0:0")
        self.served.host = "127.0.0.1"
        self.assertEqual(self.status(), 401)
        self.assertEqual(self.status(Authorization=f"Bearer {TOKEN}"), 200)
        self.assertEqual(self.status(Authorization=f"Bearer {TOKEN}x"), 401)
        self.assertEqual(self.status(Authorization=f"Bearer {TOKEN[:-1]}"), 401)
        self.assertEqual(self.status(Cookie=f"seep_{self.served.port}=wrong"), 401)
        self.assertEqual(self.status(f"/api/v1/recordings?token={TOKEN.replace('+', '%2B')}"), 200)
        status, headers, _ = self.served.ask(f"/?token={TOKEN.replace('+', '%2B')}")
        self.assertEqual((status, headers["Location"]), (303, "./"))
        self.assertRegex(headers["Set-Cookie"], r"^seep_\d+=\S+; HttpOnly; SameSite=Strict; Path=/$")
        self.assertEqual(self.status(Cookie="other=1; " + headers["Set-Cookie"].split(";")[0]), 200)
        self.assertEqual(self.status(Host=f"attacker.example:{self.served.port}", Authorization=f"Bearer {TOKEN}"),
                         403)
        statuses = [self.status(Authorization="Bearer 0123456789abcdef") for _ in range(12)]
        self.assertEqual((statuses[0], statuses[-1]), (401, 429))
        self.assertEqual(self.status(Authorization=f"Bearer {TOKEN}"), 200)  # nobody is locked out by that

    def test_another_address_than_loopback_wants_a_token(self):
        done = subprocess.run([SEEP, "serve", self.folder, "--listen", "0.0.0.0:0"], capture_output=True, text=True,
                              timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--token-file", done.stderr)

    def test_a_port_that_is_taken_is_said(self):
        done = subprocess.run([SEEP, "serve", self.folder, "--listen", str(self.served.port)], capture_output=True,
                              text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"Address already in use; choose another port with --listen")


if __name__ == "__main__":
    sys.argv[1:5] = []
    unittest.main(verbosity=1)
