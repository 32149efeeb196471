"""A server that answers as `seep serve` does, with states that a real program does not take on demand: a finding that arises
when it is told to, events that stop, an answer that is an error, a wait graph with a cycle, names made to break a page.

Reports, threads and comparisons are what `seep` makes of forged recordings; the rest is made here. The page is served from
the source tree under the policy that `seep serve` has.

    GET /mock?do=WHAT    reset, finding, worse, gone, grow, mute, speak, away, back, forbid, buffer

SPDX-License-Identifier: MIT
"""
import copy
import json
import math
import queue
import re
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "analyzer/serve/page"
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
          "base-uri 'none'; frame-ancestors 'none'; form-action 'none'")
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;</script>\u202e\u0007<svg onload=alert(2)>"
WAITS = [{"from": 5000, "to": 5001, "what": "mutex"}, {"from": 5001, "to": 5000, "what": "mutex"},
         {"from": 5002, "to": 5001, "what": "mutex"}, {"from": 5003, "to": 5001, "what": "mutex"},
         {"from": 5004, "to": 5005, "what": "join"}]


def hostile(data):
    """The same with names that no page may take for markup."""
    text = json.dumps(data)
    for name in ("auth_service_new", "auth-clean", "pma.yaml", "event_loop"):
        text = text.replace(name, json.dumps(HOSTILE)[1:-1])
    return json.loads(text)


class Mock:
    """State of all recordings. `prefix`: the path that the page is below, "" or "/leaks"."""

    def __init__(self, seep, folder, prefix=""):
        self.seep, self.folder, self.prefix = seep, Path(folder), prefix
        self.stage, self.generation, self.seconds = 0, 1, 60
        self.is_mute = self.is_away = self.is_forbidden = self.is_buffered = False
        self.asked = []
        self.listeners = set()
        self.lock = threading.Lock()
        self.made = {}
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                try:
                    owner.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the page went on to something else

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{prefix}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.tell_all(None)
        self.server.shutdown()
        self.server.server_close()

    # What `seep` says of a recording, asked once.
    def said(self, *command):
        if command not in self.made:
            done = subprocess.run([self.seep, *command], capture_output=True, text=True, check=True)
            self.made[command] = json.loads(done.stdout)
        return copy.deepcopy(self.made[command])

    def report(self, name):
        if name == "hostile.seep":
            return self.hostile()
        if name != "soak.seep":
            return self.said("report", str(self.folder / name), "--format", "json")
        report = self.said("report", str(self.folder / "thread_leak.seep"), "--format", "json")
        findings = report["findings"]
        report["program"]["ending"] = {"kind": "running", "status": 0, "signal": None, "text": "running"}
        report["program"]["duration_s"] = float(self.seconds)
        if self.stage == 0:
            report["findings"], report["verdict"] = [], "clean"
        elif self.stage == 1:
            report["findings"], report["verdict"] = findings[1:2], "leak"
        report["findings_total"] = len(report["findings"])
        for finding in report["findings"]:
            finding["evidence"]["live"] += self.generation
        return report

    def hostile(self):
        report = hostile(self.said("report", str(self.folder / "thread_leak.seep"), "--format", "json"))
        report["subsystems"][0]["name"] = report["findings"][0]["subsystem"] = HOSTILE
        report["notes"] = [HOSTILE]
        return report

    def row(self, name):
        report = self.report(name)
        worst = report["findings"][0]["verdict"] if report["findings"] else None
        return {"name": name, "path": f"/var/{name}", "state": "running" if name == "soak.seep" else "ended", "why": None,
                "pid": report["program"]["pid"], "command": report["program"]["command"], "host": "soak-1",
                "started_realtime_ns": 1767225600000000000, "duration_s": report["program"]["duration_s"], "interval_s": 1.0,
                "snapshots": report["recording"]["snapshots"], "outcome": report["verdict"], "worst": worst,
                "finding_count": len(report["findings"]), "heap_live_bytes": 4194304, "rss_bytes": 8388608, "threads": 9,
                "fds": 12, "generation": self.generation if name == "soak.seep" else 1}

    def rows(self):
        refused = {"name": "broken.seep", "path": "/var/broken.seep", "state": "refused", "why": "not a recording (byte 0)",
                   "generation": 1}
        return [self.row(name) for name in ("soak.seep", "healthy.seep", "hostile.seep")] + [refused]

    def timeline(self):
        times = list(range(1, self.seconds + 1))
        return {"generation": self.generation, "t_s": times, "heap_live_bytes": [4e6 + 2e4 * t for t in times],
                "rss_bytes": [8e6 + 1e6 * math.sin(t / 7) for t in times], "threads": [5 + t // 5 for t in times],
                "fds": [12] * len(times)}

    def site_rows(self, name, kind):
        rows = []
        for number, finding in enumerate(self.report(name)["findings"], 1):
            evidence = finding["evidence"]
            if finding["kind"] == kind:
                rows.append({"id": finding["id"], "site": number, "kind": kind, "headline": finding["stack"][0]["function"],
                             "place": "golden_program.S:20", "subsystem": finding["subsystem"], "live": evidence["live"],
                             "live_bytes": evidence["live_bytes"], "growth_per_s": evidence["growth_per_s"],
                             "growth_bytes_per_s": evidence["growth_bytes_per_s"], "acquired_per_s": 0.2,
                             "finding": finding["id"], "verdict": finding["verdict"]})
        return rows

    def sites(self, name, query):
        kind = query.get("kind", "heap")
        rows = self.site_rows(name, kind)
        rows += [{"id": f"{n:012x}", "site": 100 + n, "kind": kind, "headline": f"function_{n}", "place": f"file.c:{n}",
                  "subsystem": "cache" if n % 2 else "auth", "live": 500 - n, "live_bytes": 1000 * (500 - n),
                  "growth_per_s": 0, "growth_bytes_per_s": 0, "acquired_per_s": 1.5, "finding": None, "verdict": None}
                 for n in range(150)]
        rows = [row for row in rows if query.get("subsystem", "") in row["subsystem"]]
        rows.sort(key=lambda row: row["growth_per_s" if query.get("sort") == "growth" else "live"], reverse=True)
        return {"generation": self.generation, "kind": kind, "window_s": 10, "count": len(rows),
                "rows": rows[:int(query.get("top", 100))]}

    def site(self, name, number):
        found = [row for kind in ("heap", "thread") for row in self.site_rows(name, kind) if row["site"] == number]
        finding = self.report(name)["findings"][number - 1] if found else self.report("fd_leak.seep")["findings"][0]
        row = found[0] if found else {"id": f"{number:012x}", "site": number, "kind": "heap", "place": "file.c:1",
                                      "headline": f"function_{number - 100}", "subsystem": "", "finding": None}
        times = list(range(1, self.seconds + 1))
        row["headline"] = HOSTILE if name == "hostile.seep" else row["headline"]
        return {**row, "stack": finding["stack"], "stack_end": "", "series": {
            "t_s": times, "live": times, "live_bytes": [1000 * t for t in times]}}

    def flame(self, name, query):
        growth = query.get("value") == "growth"
        bytes_ = query.get("kind", "heap") in ("heap", "mapping")
        top = HOSTILE if name == "hostile.seep" else "serve_request"
        leaf = {"name": "pma_alloc", "value": 600.0 + self.generation, "role": "program", "children": []}
        callees = [{"name": top, "value": 700.0 + self.generation, "role": "program", "children": [leaf]},
                   {"name": "cache_put", "value": 300.0, "role": "library", "children": []}]
        main = {"name": "main", "value": 1000.0 + self.generation, "role": "program", "children": callees}
        return {"name": "all", "value": 1000.0 + self.generation, "unit": ("bytes" if bytes_ else "") if not growth
                else ("bytes/h" if bytes_ else "1/h"), "left_off": 3, "children": [main]}

    def threads(self, name):
        data = self.said("threads", str(self.folder / "thread_leak.seep"), "--format", "json")
        data = hostile(data) if name == "hostile.seep" else data
        data["waits"] = WAITS if name == "soak.seep" else []
        data["stuck"] = ["2 threads are in a cycle of 2: neither can go on."] if name == "soak.seep" else []
        return data

    def route(self, path, query):
        """Returns the object of an address; None: there is none."""
        if path == "/api/v1/recordings":
            return {"recordings": self.rows(), "unread": 0, "left_out": 0}
        if path == "/api/v1/diff":
            file = {"soak.seep": "thread_leak.seep", "hostile.seep": "thread_leak.seep"}
            pair = [str(self.folder / file.get(query[side], query[side])) for side in ("base", "new")]
            changes = self.said("diff", *pair, "--format", "json")
            return hostile(changes) if "hostile.seep" in query.values() else changes
        found = re.fullmatch(r"/api/v1/recordings/([^/]+)/(report|timeline|flame|threads|sites)(?:/(\d+))?", path)
        if found is None or found.group(1) not in [row["name"] for row in self.rows()]:
            return None
        name, what, number = found.groups()
        if number is not None:
            return self.site(name, int(number))
        return {"report": lambda: self.report(name), "timeline": self.timeline, "flame": lambda: self.flame(name, query),
                "threads": lambda: self.threads(name), "sites": lambda: self.sites(name, query)}[what]()

    def tell_all(self, row):
        with self.lock:
            for listener in self.listeners:
                listener.put(row)

    def do(self, what):
        if what == "reset":
            self.is_mute = self.is_away = self.is_forbidden = self.is_buffered = False
        self.stage = {"finding": 1, "worse": 2, "gone": 0, "reset": 2}.get(what, self.stage)
        self.is_mute = {"mute": True, "speak": False}.get(what, self.is_mute)
        self.is_away = {"away": True, "back": False}.get(what, self.is_away)
        self.is_forbidden = {"forbid": True, "back": False}.get(what, self.is_forbidden)
        self.is_buffered = {"buffer": True, "speak": False}.get(what, self.is_buffered)
        if what in ("mute", "away"):
            self.tell_all(None)  # ends the streams
        if what in ("finding", "worse", "gone", "grow"):
            self.generation += 1
            self.seconds += 1
            if not self.is_buffered:
                self.tell_all(self.row("soak.seep"))

    def send(self, request, status, body, type_="application/json", **headers):
        request.send_response(status)
        for name, value in {"Content-Type": type_, "Content-Length": len(body), "Content-Security-Policy": POLICY,
                            "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
                            **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
            request.send_header(name, str(value))
        request.end_headers()
        if status != 304:
            request.wfile.write(body)

    def events(self, request):
        listener = queue.Queue()
        with self.lock:
            self.listeners.add(listener)
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(b"retry: 100\n\n")  # the browser's own choice is 3 s
        request.wfile.flush()
        try:
            while (row := listener.get()) is not None:
                request.wfile.write(f"event: state\ndata: {json.dumps(row)}\n\n".encode())
                request.wfile.flush()
        except OSError:
            pass  # the page was closed
        finally:
            with self.lock:
                self.listeners.discard(listener)
            request.close_connection = True

    def answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        path = urllib.parse.unquote(url.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if path == "/mock":
            self.do(query["do"])
            self.send(request, 200, b"{}")
            return
        self.asked.append(request.path)
        if not path.startswith(self.prefix + "/"):
            self.send(request, 404, b'{"error":"outside of the prefix"}')
            return
        path = path[len(self.prefix):]
        if self.is_away or (self.is_mute and path == "/api/v1/events"):
            self.send(request, 503, b'{"error":"too many listeners: close another page"}')
        elif self.is_forbidden and path.startswith("/api/"):
            self.send(request, 401, b'{"error":"a token is needed"}')
        elif path == "/api/v1/events":
            self.events(request)
        elif path.startswith("/api/"):
            found = self.route(path, query)
            body = json.dumps(found if found is not None else {"error": f"there is no {path}"}).encode()
            etag = f'"{hash(body)}"'
            if request.headers.get("If-None-Match") == etag:
                self.send(request, 304, b"", ETag=etag)
            else:
                self.send(request, 404 if found is None else 200, body, ETag=etag)
        else:
            file = PAGE / (path.removeprefix("/assets/") if path.startswith("/assets/") else "index.html")
            if path == "/" or (path.startswith("/assets/") and file.parent == PAGE and file.is_file()):
                self.send(request, 200, file.read_bytes(), TYPES[file.suffix])
            else:
                self.send(request, 404, b'{"error":"no such page"}')
