#!/usr/bin/env python3
"""What `seep serve` takes while a page looks at a program of many sites that all change: CPU, answer times, memory.

usage: bench/serve_cost.py [--build DIR] [--sites N] [--leaking N] [--seconds S] [--snapshots N]

SPDX-License-Identifier: MIT
"""
import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WARM_UP_S, MUST_PERCENT, MUST_FIRST_MS, MUST_UPDATE_MS, MUST_MIB = 30, 5, 500, 100, 100
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

HELP = """\
The program (bench/micro/many_sites_main.c) acquires a block at each of its sites some 1.1 times a second; all but
--leaking of them release it the round after. A client asks, each second, what an open page asks: the list, the
timeline, 50 sites, the report, the flame graph, the threads, and /metrics; it listens to no events. CPU is utime +
stime of /proc/PID/stat of the server, over --seconds after 30 s. "first" is the page, the list and the first table of
a server that has just started; "update" one round of the list and the table.

The memory is that of a server which follows a recording of --snapshots snapshots in all of which all sites change
(bench/serve_cost.py writes it with large-recording), after it was asked for the same.

Exit status: 0 done, all within what must be reached; 1 not; 2 wrong usage, or nothing built.
"""
PAGE = ("timeline", "sites?kind=heap&sort=growth&top=50", "report?format=json&top=50", "flame?value=live-bytes",
        "threads")


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/serve_cost.py", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    parser.add_argument("--sites", type=int, default=10000, metavar="N", help="default 10000")
    parser.add_argument("--leaking", type=int, default=20, metavar="N", help="of them (default 20)")
    parser.add_argument("--seconds", type=float, default=30, metavar="S", help="default 30")
    parser.add_argument("--snapshots", type=int, default=4096, metavar="N",
                        help="of the recording for the memory (default 4096; 0: leave it out)")
    return parser.parse_args(argv)


class Server:
    """A seep serve and a client of it."""

    def __init__(self, seep, path):
        self.process = subprocess.Popen([seep, "serve", path, "--listen", "0", "--quiet"], stdout=subprocess.PIPE,
                                        text=True)
        host, port = self.process.stdout.readline().strip().removeprefix("http://").rstrip("/").split(":")
        self.client = http.client.HTTPConnection(host, int(port), timeout=600)

    def get(self, path):
        """(milliseconds, body)."""
        began = time.perf_counter()
        self.client.request("GET", path)
        reply = self.client.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status} {body[:200]}")
        return (time.perf_counter() - began) * 1e3, body

    def name(self):
        while True:
            rows = json.loads(self.get("/api/v1/recordings")[1])["recordings"]
            if rows:
                return rows[0]["name"]
            time.sleep(0.01)

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_mib(self, key="VmRSS:"):
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(key):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no " + key)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def look(server, name, took):
    """One round of an open page; milliseconds by what was asked for into `took`."""
    for path in ("/api/v1/recordings", "/metrics", *(f"/api/v1/recordings/{name}/{what}" for what in PAGE)):
        took.setdefault(path.rsplit("/", 1)[-1].split("?")[0], []).append(server.get(path)[0])


def median(values):
    return round(sorted(values)[len(values) // 2], 2)


def measure_page(given, folder):
    seep = given.build / "bin" / "seep"
    run = subprocess.Popen([seep, "run", "--quiet", "-o", f"{folder}/many.seep", "--",
                            given.build / "bench" / "bench-many-sites", str(given.sites), "900",
                            str(given.leaking)], stdout=subprocess.DEVNULL)
    server = None
    try:
        time.sleep(3)
        server = Server(seep, folder)
        took, until = {}, time.monotonic() + WARM_UP_S
        name = server.name()
        while time.monotonic() < until:
            look(server, name, took)
            time.sleep(1)
        took, before_s, from_s = {}, server.cpu_s(), time.monotonic()
        while time.monotonic() - from_s < given.seconds:
            look(server, name, took)
            time.sleep(1)
        used_s, took_s = server.cpu_s() - before_s, time.monotonic() - from_s
        rows = json.loads(server.get("/api/v1/recordings")[1])["recordings"]
        figures = {"sites": given.sites, "leaking": given.leaking, "seconds": round(took_s, 1),
                   "findings": rows[0]["finding_count"], "cpu_percent": round(100 * used_s / took_s, 2),
                   "rss_mib": round(server.rss_mib(), 1),
                   "update_ms": round(median(took["recordings"]) + median(took["sites"]), 2),
                   "median_ms": {what: median(values) for what, values in took.items()},
                   "longest_ms": {what: round(max(values), 1) for what, values in took.items()}}
        server.end()
        began = time.perf_counter()
        server = Server(seep, folder)
        server.get("/")
        server.get(f"/api/v1/recordings/{server.name()}/sites")
        figures["first_ms"] = round((time.perf_counter() - began) * 1e3, 1)
        return figures
    finally:
        if server is not None:
            server.end()
        child = int(Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text(encoding="utf-8").split()[-1])
        os.kill(child, signal.SIGTERM)
        run.wait()


def measure_memory(given, folder):
    path = f"{folder}/large.seep"
    subprocess.run([given.build / "bin" / "large-recording", "--sites", str(given.sites), "--snapshots",
                    str(given.snapshots), "--restless", "100", path, given.build / "bin" / "seep"], check=True)
    server = Server(given.build / "bin" / "seep", path)
    began, took = time.monotonic(), {}
    name = server.name()
    figures = {"file_mib": round(os.path.getsize(path) / 2**20, 1), "read_s": round(time.monotonic() - began, 2)}
    look(server, name, took)
    figures.update({"rss_mib": round(server.rss_mib(), 1), "peak_mib": round(server.rss_mib("VmHWM:"), 1),
                    "sites": given.sites, "snapshots": given.snapshots})
    server.end()
    return figures


def main(argv):
    given = parse(argv)
    if not (given.build / "bench" / "bench-many-sites").exists():
        print("serve_cost: nothing built; type: cmake --preset release && cmake --build --preset release",
              file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        page = measure_page(given, folder)
        print(json.dumps({"page": page}), flush=True)
        good = page["cpu_percent"] <= MUST_PERCENT and page["first_ms"] <= MUST_FIRST_MS and \
            page["update_ms"] <= MUST_UPDATE_MS
    if given.snapshots > 0:
        with tempfile.TemporaryDirectory() as folder:
            memory = measure_memory(given, folder)
            print(json.dumps({"memory": memory}), flush=True)
            good = good and memory["rss_mib"] <= MUST_MIB
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
