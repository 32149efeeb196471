#!/usr/bin/env python3
"""What the fixes of pma-backend change: with --fixes off and with --fixes on, in one run.

usage: bench/fixes.py [--minutes N] [--build DIR] [--docs] [--json FILE]

SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import machine  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "backend.md"
MARK = re.compile(r"(<!-- fixes:begin -->\n).*?(<!-- fixes:end -->)", re.S)
DEADLINE_S = 20.0
IDLE_CLIENTS = 500
SAMPLES_MIN = 8
MIB = 1 << 20

HELP = """\
Two backends run beside each other, one as before the fixes and one with them, each under the same load with the
same seed: a household (pma-load --profile home, with a faster pulse), and at the end 500 idle clients. Memory and
threads are the kernel's (/proc/PID) and the server's own (memory/stats); growth is the Theil-Sen slope over the
second half of the run, when what is kept by design has had time to fill.

    bench/fixes.py                    two minutes; the table to standard output
    bench/fixes.py --minutes 30       what a person would quote
    bench/fixes.py --docs             the same, and the table of docs/backend.md made anew

Exit status: 0 done; 1 a backend did not start or went away; 2 wrong usage, or nothing built.
"""


class Failed(Exception):
    """What went wrong, for people."""


class Backend:
    """A running backend; `fixes` is what --fixes gets."""

    def __init__(self, binary, fixes, folder):
        self.fixes = fixes
        port_file = folder / f"port-{fixes}"
        self.log = (folder / f"log-{fixes}").open("w+b")
        self.process = subprocess.Popen(
            [binary, "--fixes", fixes, "--port-file", port_file, "--set", "server.host=127.0.0.1",
             "--set", "server.port=0", "--set", "logging.level=error",
             "--set", "debug.port=0"], stdout=self.log, stderr=self.log)
        end = time.monotonic() + DEADLINE_S
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                raise Failed(f"--fixes {fixes}: the backend does not start: "
                             f"{self.log.read().decode(errors='replace')[-400:]}")
            time.sleep(0.01)
        self.port = int(port_file.read_text(encoding="ascii"))

    def ask(self, method, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
                return json.loads(reply.read())
        except OSError as error:
            raise Failed(f"--fixes {self.fixes}: {path}: {error}") from error

    def sample(self):
        """Memory and threads now; the server's own figures and the kernel's."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return {"at_s": time.monotonic(),
                "heap": self.ask("GET", "/api/v1/memory/stats")["heap_alloc"],
                "rss": int(re.search(r"^VmRSS:\s+(\d+)", status, re.M).group(1)) * 1024,
                "threads": int(re.search(r"^Threads:\s+(\d+)", status, re.M).group(1)),
                "fds": len(os.listdir(f"/proc/{self.process.pid}/fd"))}

    def stop(self):
        """Returns (exit status or None when it had to be killed, seconds)."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = None
        self.log.close()
        return status, time.monotonic() - begin


def slope_per_hour(samples, key):
    """Theil and Sen's slope: the median of the slopes of all pairs."""
    pairs = [(later[key] - earlier[key]) / (later["at_s"] - earlier["at_s"])
             for at, earlier in enumerate(samples) for later in samples[at + 1:]]
    pairs.sort()
    return 3600 * pairs[len(pairs) // 2] if pairs else 0.0


def idle_connections(backend, count):
    """Bytes of heap per silent WebSocket client, between two samples; None when refused."""
    backend.ask("POST", "/api/v1/memory/gc")
    before = backend.sample()["heap"]
    clients = []
    try:
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", backend.port), timeout=DEADLINE_S)
            client.sendall(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            if b" 101 " not in client.recv(4096):
                return None
            clients.append(client)
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            stats = backend.ask("GET", "/api/v1/websocket/stats")["data"]
            if stats["connected_clients"] >= count:
                break
            time.sleep(0.05)
        backend.ask("POST", "/api/v1/memory/gc")
        return (backend.sample()["heap"] - before) / count
    finally:
        for client in clients:
            client.close()


def rest(backend):
    """A sample once the load's clients have gone, or at the deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        stats = backend.ask("GET", "/api/v1/websocket/stats")["data"]
        if stats["connected_clients"] == 0:
            break
        time.sleep(0.05)
    backend.ask("POST", "/api/v1/memory/gc")
    return backend.sample()


def load(build, port, seconds):
    """The household, with a pulse that makes minutes tell what hours would."""
    return subprocess.Popen(
        [build / "bin" / "pma-load", "--port", str(port), "--profile", "home", "--rest", "40",
         "--changes", "20", "--churn", "2", "--duration", str(seconds), "--json", "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def measure(build, minutes, folder, progress):
    """Both backends. Returns {"off": figures, "on": figures}."""
    seconds = minutes * 60
    every_s = max(0.5, seconds / 120)
    backends = {}
    try:
        for fixes in ("off", "on"):
            backends[fixes] = Backend(build / "bin" / "pma-backend", fixes, folder)
        results = {fixes: {"samples": [], "start": backend.sample()}
                   for fixes, backend in backends.items()}
        loads = {fixes: load(build, backend.port, seconds) for fixes, backend in backends.items()}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(every_s, max(0.0, end - time.monotonic())))
            for fixes, backend in backends.items():
                results[fixes]["samples"].append(backend.sample())
            progress(f"{max(0.0, end - time.monotonic()):.0f} s left")
        for fixes, backend in backends.items():
            told = loads[fixes].communicate(timeout=60)[0]
            results[fixes]["load"] = json.loads(told) if told else {"ok": False}
            results[fixes]["rest"] = rest(backend)
            results[fixes]["idle_bytes"] = idle_connections(backend, IDLE_CLIENTS)
            results[fixes]["leaked"] = {
                fault: count for fault, count in
                backend.ask("GET", "/api/v1/debug/resources")["data"]["leaked"].items() if count}
        for fixes, backend in backends.items():
            status, took_s = backend.stop()
            results[fixes]["stop"] = {"status": status, "took_s": took_s}
        return results
    finally:
        for backend in backends.values():
            if backend.process.poll() is None:
                backend.process.kill()
                backend.process.wait()


def figures(result):
    """The figures of one side of the table."""
    samples = result["samples"]
    half = samples[len(samples) // 2:]
    middle = sorted(sample["heap"] for sample in half)
    resident = sorted(sample["rss"] for sample in half)
    return {
        "heap_start": result["start"]["heap"], "rss_start": result["start"]["rss"],
        "threads_start": result["start"]["threads"],
        "heap": middle[len(middle) // 2], "rss": resident[len(resident) // 2],
        "heap_per_hour": slope_per_hour(half, "heap"), "rss_per_hour": slope_per_hour(half, "rss"),
        "threads_per_hour": slope_per_hour(half, "threads"),
        "threads_rest": result["rest"]["threads"], "fds_rest": result["rest"]["fds"],
        "heap_rest": result["rest"]["heap"], "fds_start": result["start"]["fds"],
        "idle_bytes": result["idle_bytes"],
        "stop_status": result["stop"]["status"], "stop_s": result["stop"]["took_s"],
    }


def mib(value):
    return f"{value / MIB:.1f} MiB"


def change(before, after):
    return f"{100 * (after - before) / before:+.0f} %" if before else ""


def per_connection(value):
    return "refused" if value is None else f"{value / 1024:.1f} KiB"


def stopped(side):
    return f"{side['stop_s']:.1f} s, " + \
        ("killed" if side["stop_status"] is None else f"status {side['stop_status']}")


def table(results, minutes, described):
    """The table in Markdown, with what the document says."""
    off, on = figures(results["off"]), figures(results["on"])
    rows = [
        ("memory at the start, resident", mib(off["rss_start"]), mib(on["rss_start"]),
         change(off["rss_start"], on["rss_start"]), ""),
        ("baseline under the household, heap", mib(off["heap"]), mib(on["heap"]),
         change(off["heap"], on["heap"]), "about 30 % less"),
        ("baseline under the household, resident", mib(off["rss"]), mib(on["rss"]),
         change(off["rss"], on["rss"]), "about 30 % less"),
        ("heap when the load is over", mib(off["heap_rest"]), mib(on["heap_rest"]),
         change(off["heap_rest"], on["heap_rest"]), "stable"),
        ("growth of the heap per hour", mib(off["heap_per_hour"]), mib(on["heap_per_hour"]), "",
         "stable"),
        ("threads at the start", off["threads_start"], on["threads_start"], "", ""),
        ("threads when the load is over", off["threads_rest"], on["threads_rest"],
         change(off["threads_rest"], on["threads_rest"]), "stable"),
        ("growth of threads per hour", f"{off['threads_per_hour']:.0f}",
         f"{on['threads_per_hour']:.0f}", "", "stable"),
        ("descriptors, at the start and when the load is over",
         f"{off['fds_start']}, {off['fds_rest']}", f"{on['fds_start']}, {on['fds_rest']}", "", ""),
        ("heap per idle connection", per_connection(off["idle_bytes"]),
         per_connection(on["idle_bytes"]),
         change(off["idle_bytes"] or 0, on["idle_bytes"] or 0), "reduced"),
        ("SIGTERM to the end", stopped(off), stopped(on), "", "all workers shut down"),
    ]
    lines = ["| what | --fixes off | --fixes on | change | the document says |",
             "|---|--:|--:|--:|---|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    leaked = ", ".join(f"{fault} {count}" for fault, count in results["off"]["leaked"].items())
    lines += ["", f"Measured over {minutes:g} minutes, {results['on']['load'].get('connections', 0)} "
                  f"connections and {results['on']['load'].get('rest', {}).get('calls', 0)} REST calls "
                  f"on each side; {IDLE_CLIENTS} idle clients. {described['cpu']}, "
                  f"{described['cores']} cores, Linux {described['kernel']}, {described['build']}, "
                  f"commit {described['commit']}. Faults committed with --fixes off: {leaked or 'none'}."]
    return "\n".join(lines)


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/fixes.py",
                                     description=__doc__.split("\n", maxsplit=1)[0], epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2, metavar="N", help="of load (default 2)")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/backend.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all samples")
    options = parser.parse_args(argv)
    if not 0 < options.minutes <= 24 * 60:
        parser.error("--minutes: expected a number above 0, up to 1440")
    for program in ("pma-backend", "pma-load"):
        if not (options.build / "bin" / program).exists():
            parser.error(f"no {program} in {options.build}; build it first: "
                         "cmake --preset release && cmake --build --preset release")
    return options


def main(argv):
    options = parse(argv)

    def progress(text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="pma-fixes-") as folder:
            results = measure(options.build, options.minutes, Path(folder), progress)
    except Failed as failure:
        print(f"bench/fixes.py: {failure}", file=sys.stderr)
        return 1
    progress("")
    described = machine.describe(ROOT, options.build)
    if len(results["on"]["samples"]) < SAMPLES_MIN:
        print(f"bench/fixes.py: {len(results['on']['samples'])} samples are too few for a slope; "
              "give --minutes more", file=sys.stderr)
    text = table(results, options.minutes, described)
    print(text)
    if options.json:
        options.json.write_text(json.dumps({"machine": described, "results": results}, indent=1) + "\n",
                                encoding="utf-8")
    if options.docs:
        page = DOCS.read_text(encoding="utf-8")
        if not MARK.search(page):
            print(f"bench/fixes.py: {DOCS} has no place for the table", file=sys.stderr)
            return 1
        DOCS.write_text(MARK.sub(lambda match: match.group(1) + "\n" + text + "\n\n" + match.group(2), page),
                        encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
