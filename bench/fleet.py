#!/usr/bin/env python3
"""How long `seep fleet` takes for a large fleet, what memory, and what it finds of planted leaks.

usage: bench/fleet.py [--build DIR] [--instances N] [--sites N] [--hours H] [--step S] [--seed N] [--markdown]

SPDX-License-Identifier: MIT
"""
import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUST_S, MIB = 60, 1 << 20
UNTIL = 1_800_000_000

HELP = """\
The server is a fake Prometheus in this process: it answers query_range in Prometheus' own form, each reply put together
from series that were rendered before (so that it is not what is measured). Healthy sites are of eight shapes: noise with
memory of three lengths, caches that fill, saw-teeth, one step, a day's rhythm that all instances share, nothing at all.
20 leaks are planted: 12 sites in one version (4 % of the instances), 5 in another (20 %), 3 in one region (10 %), each
with noise around its line. Seep's time is wall time from start to end, its memory the peak of its resident set.

Exit status: 0 done and all found, nothing else; 1 slower than 60 s, a leak not found or a healthy site flagged as probable or worse;
2 wrong usage, or nothing built.
"""


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/fleet.py", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    parser.add_argument("--instances", type=int, default=1000, metavar="N", help="default 1000; at least 200")
    parser.add_argument("--sites", type=int, default=200, metavar="N", help="default 200; at least 40")
    parser.add_argument("--hours", type=int, default=24, metavar="H", help="default 24")
    parser.add_argument("--step", type=int, default=300, metavar="S", help="seconds between two samples (default 300)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default 1")
    parser.add_argument("--series", type=int, default=4000, metavar="N",
                        help="different healthy series; instances share them (default 4000)")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/fleet.md")
    return parser.parse_args(argv)


class Shapes:
    """Rendered series: text of `"values":[...]`."""

    def __init__(self, options):
        self.random = random.Random(options.seed)
        self.steps = options.hours * 3600 // options.step + 1
        self.step = options.step
        end = UNTIL // options.step * options.step
        self.times = [end - (self.steps - 1 - i) * options.step for i in range(self.steps)]
        self.day = [math.sin(2 * math.pi * t / 86400) for t in self.times]

    def render(self, values):
        return '"values":[' + ",".join(f'[{t},"{max(int(v), 0)}"]' for t, v in zip(self.times, values)) + "]"

    def noise(self, memory, sigma):
        at, out = 0.0, []
        scale = sigma * math.sqrt(1 - memory * memory)
        for _ in range(self.steps):
            at = memory * at + self.random.gauss(0, scale)
            out.append(at)
        return out

    def healthy(self, kind):
        level = self.random.uniform(1, 20) * MIB
        if kind == "quiet":
            return [level] * self.steps
        if kind.startswith("noise"):
            noise = self.noise({"noise": 0, "noise 0.7": 0.7, "noise 0.95": 0.95}[kind], level / 6)
            return [level + n for n in noise]
        noise = self.noise(0.3, level / 40)
        if kind == "cache":
            pace = self.random.uniform(4, 12) / self.steps
            return [level * (1 - math.exp(-pace * i)) + noise[i] * 0.2 for i in range(self.steps)]
        if kind == "saw-tooth":
            period = self.random.randrange(5, self.steps // 6)
            return [level * (1 + (i % period) / period) + noise[i] for i in range(self.steps)]
        if kind == "step":
            at = self.random.randrange(self.steps)
            return [level * (1 if i < at else 1.5) + noise[i] for i in range(self.steps)]
        return [level * (1 + 0.3 * self.day[i]) + noise[i] for i in range(self.steps)]  # a day

    def leak(self):
        level = self.random.uniform(1, 20) * MIB
        rise = self.random.uniform(0.4, 4) * MIB * self.step / 3600
        noise = self.noise(0.7, level / 50)
        return [level + rise * i + noise[i] for i in range(self.steps)]


KINDS = ("quiet", "noise", "noise 0.7", "noise 0.95", "cache", "saw-tooth", "step", "day")


class Fleet:
    """What the fake server answers."""

    def __init__(self, options):
        shapes = Shapes(options)
        self.options = options
        each = max(options.series // len(KINDS), 10)
        self.pool = {kind: [shapes.render(shapes.healthy(kind)) for _ in range(each)] for kind in KINDS}
        self.leaks = [shapes.render(shapes.leak()) for _ in range(200)]
        self.age = '"values":[' + ",".join(f'[{t},"{t - 1_700_000_000}"]' for t in shapes.times) + "]"
        self.random = random.Random(options.seed + 1)
        n = options.instances
        self.instances = []
        for i in range(n):
            version = "2.3.1" if i % 25 == 3 else "2.2.0" if i % 5 == 1 else "2.3.0"
            region = "ap" if i % 10 == 7 else ("eu", "us")[i * 7 // 3 % 2]
            self.instances.append({"instance": f"10.0.{i // 250}.{i % 250}:7337", "version": version,
                                   "region": region, "host": f"host-{i // 4}"})
        self.by_name = {row["instance"]: (i, row) for i, row in enumerate(self.instances)}
        self.planted = {}
        for k in range(20):
            where = ("version", "2.3.1") if k < 12 else ("version", "2.2.0") if k < 17 else ("region", "ap")
            self.planted[k * options.sites // 20] = where

    def site(self, k):
        return f"{0xabc000000000 + k * 7919:012x}"

    def series(self, i, row, k):
        where = self.planted.get(k)
        if where is not None and row[where[0]] == where[1]:
            values = self.leaks[(i * 31 + k * 17) % len(self.leaks)]
        else:
            pool = self.pool[KINDS[k % len(KINDS)]]
            values = pool[(i * 7907 + k * 104729) % len(pool)]
        return (f'{{"metric":{{"__name__":"seep_site_live_bytes","function":"function_{k}","host":"{row["host"]}",'
                f'"id":"{self.site(k)}","instance":"{row["instance"]}","job":"api","kind":"heap",'
                f'"place":"file_{k % 40}.c:{k + 10}","recording":"api.seep","region":"{row["region"]}",'
                f'"subsystem":"part{k % 9}","version":"{row["version"]}"}},{values}}}')

    def matrix(self, series):
        return ('{"status":"success","data":{"resultType":"matrix","result":[' + ",".join(series) + "]}}").encode()

    def answer(self, query):
        name = query.split("{")[0]
        instance = query.rsplit('instance="', 1)[1].split('"')[0]
        if instance not in self.by_name or name == "seep_site_live":
            return self.matrix([])
        i, row = self.by_name[instance]
        if name == "seep_recording_seconds":
            return self.matrix([f'{{"metric":{{"instance":"{instance}","recording":"api.seep"}},{self.age}}}'])
        return self.matrix(self.series(i, row, k) for k in range(self.options.sites))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm, wbufsize = True, -1

    def reply(self, body):
        self.server.sent += len(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        names = [row["instance"] for row in self.server.fleet.instances]
        self.reply(json.dumps({"status": "success", "data": names}).encode())

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.reply(self.server.fleet.answer(form["query"][0]))

    def log_message(self, *arguments):
        pass


def measure(options, server, report):
    """(seconds, CPU seconds, peak MiB) of one run of seep fleet."""
    command = [str(options.build / "bin" / "seep"), "fleet", "--prometheus",
               f"http://127.0.0.1:{server.server_address[1]}", "--since", f"{options.hours}h", "--step",
               f"{options.step}s", "--until", str(UNTIL), "--format", "json", "--top", "100000", "-o", report, "--quiet"]
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench/fleet.py: seep fleet ended with {process.returncode}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def judge(fleet, report):
    """(planted that were found with the right label, healthy flagged as probable or worse, healthy suspects)."""
    ids = {fleet.site(k): where for k, where in fleet.planted.items()}
    found, flagged, suspects = set(), [], []
    for finding in report["findings"]:
        where = ids.get(finding["id"])
        common = [(c["label"], c["value"]) for c in finding["common"]]
        if where is not None:
            if finding["verdict"] == "definite" and common[:1] == [where]:
                found.add(finding["id"])
        elif finding["verdict"] == "suspect":
            suspects.append(finding)
        else:
            flagged.append(finding)
    return found, flagged, suspects


def main(argv):
    options = parse(argv)
    if not (options.build / "bin" / "seep").exists() or options.instances < 200 or options.sites < 40:
        print("bench/fleet.py: nothing built there, or too small a fleet (see --help)", file=sys.stderr)
        return 2
    fleet = Fleet(options)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.fleet, server.sent = True, fleet, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fleet.json")
        wall, cpu, memory = measure(options, server, path)
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    server.shutdown()
    found, flagged, suspects = judge(fleet, report)
    rows = [("instances x sites x samples", f"{report['instances']:,} x {report['sites']} x {report['question']['steps']}"),
            ("replies", f"{server.sent / 1e6:,.0f} MB"),
            ("time", f"{wall:.1f} s"),
            ("CPU of seep", f"{cpu:.1f} s"),
            ("peak memory of seep", f"{memory:.0f} MiB"),
            ("planted leaks found, definite, with their label", f"{len(found)} of {len(fleet.planted)}"),
            ("healthy sites flagged (probable or worse)", f"{len(flagged)} of {options.sites - len(fleet.planted)}"),
            ("healthy sites that are suspect", f"{len(suspects)}")]
    if options.markdown:
        print("| what | measured |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |" if options.markdown else f"{name:50} {value}")
    for finding in flagged + suspects:
        print(f"{finding['verdict']} {finding['function']}: {finding['where']}", file=sys.stderr)
    good = len(found) == len(fleet.planted) and not flagged and wall <= MUST_S
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
