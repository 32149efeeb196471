#!/usr/bin/env python3
"""Threads that never run again, all found; healthy programs, none of them flagged, none of them changed.

usage: bench/thread_matrix.py [--seconds N] [--only NAME,...] [--short] [--docs]

SPDX-License-Identifier: MIT
"""
import argparse
import concurrent.futures
import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(BENCH), str(ROOT / "tests" / "server")]

# pylint: disable=wrong-import-position
import backend  # noqa: E402
import machine  # noqa: E402
import servers  # noqa: E402
import thread_programs as programs  # noqa: E402

DOCS = ROOT / "docs" / "threads.md"
MARK = re.compile(r"(<!-- matrix:begin -->\n).*?(<!-- matrix:end -->)", re.S)
ORDER = ("definite", "probable", "suspect", "bounded")
WAIT_S = 120
STAGGER_S = 0.2  # between two starts, which are the only moments that take processor time
SHORT = ("grow-condition", "grow-pipe", "grow-forgotten", "grow-join", "barrier", "dead-recursive", "lost-promise",
         "steady-pipe", "dead-robust", "shared", "convoy", "kept-promise", "static-object", "pma-backend")

HELP = """\
Each program runs below `seep run --stuck-after 3 --interval 0.5` for --seconds, all of them side by side: most of them
sleep. Planted leaks are those of tests/collect; each has to be found with its cause, its verdict, and the place and the
object in the summary. Healthy are their twins, and the servers that are installed: idle, under a light load, after a burst of
clients, idle again. Of these nothing may be said to be stuck, deadlocked or out of reach, each answer to a client has
to be right, and what ends by itself has to print what it prints without seep, with the same status.

    bench/thread_matrix.py           all of them
    bench/thread_matrix.py --short   fourteen of them, for continuous integration
    bench/thread_matrix.py --docs    the table of docs/threads.md made anew

Exit status: 0 all as expected; 1 not; 2 wrong usage, or nothing built.
"""


class Bench:
    """Runs programs under seep, and reads what is said of them."""

    def __init__(self, options, folder):
        self.bin = options.build / "bin"
        self.seconds = options.seconds
        self.folder = folder
        self.lock = threading.Lock()
        self.started = 0

    def under(self, name):
        """The command in front of a program, and where its recordings will be."""
        home = self.folder / re.sub(r"\W+", "-", name)
        home.mkdir()
        return [str(self.bin / "seep"), "run", "--quiet", "--stuck-after", "3", "--interval", "0.5",
                "-o", str(home / "run.seep"), "--"], home

    def await_turn(self):
        with self.lock:
            self.started += 1
            time.sleep(STAGGER_S)

    def findings(self, home):
        """Of all processes that were recorded."""
        found = []
        paths = glob.glob(str(home / "*.seep"))
        for path in paths:
            said = subprocess.run([self.bin / "seep", "report", "--format", "json", "--top", "1000", path],
                                  capture_output=True, text=True, check=False)
            if said.returncode not in (0, 1):
                raise RuntimeError(f"{path}: {said.stderr.strip()}")
            found += json.loads(said.stdout)["findings"]
        if not paths:
            raise RuntimeError("no recording")
        return [each for each in found if each["kind"] == "thread" and each["verdict"] != "bounded"]

    def planted(self, case):
        self.await_turn()
        under, home = self.under(case.way)
        subprocess.run([*under, self.bin / case.program, case.way, f"{self.seconds:g}"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=self.seconds + WAIT_S, check=False)
        found = self.findings(home)
        right = [each for each in found if each["cause"] in case.causes and
                 ORDER.index(each["verdict"]) <= ORDER.index(case.verdict) and
                 all(word in each["summary"] for word in case.words)]
        best = next(iter(right or found), None)
        return {"name": case.way, "planted": True, "ok": bool(right), "said": brief(best)}

    def healthy_way(self, program, way):
        self.await_turn()
        under, home = self.under(way)
        done = subprocess.run([*under, self.bin / program, way, f"{self.seconds:g}"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, timeout=self.seconds + WAIT_S, check=False)
        trouble = [] if (done.stdout, done.returncode) == ("ready\n", 0) else [f"ended with {done.returncode}"]
        return self.healthy(way, home, trouble)

    def healthy(self, name, home, trouble):
        """Any finding of a cause of this matrix, and growth of threads, is a false one."""
        flagged = [each for each in self.findings(home) if each["cause"] in (*programs.STUCK_CAUSES, "growth")]
        return {"name": name, "planted": False, "ok": not flagged and not trouble,
                "said": "; ".join([*map(brief, flagged), *trouble]) or "silent"}

    def server(self, server):
        self.await_turn()
        under, home = self.under(server.name)
        process = subprocess.Popen([*under, *server.command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        failures, asked = [], []
        try:
            end = time.monotonic() + WAIT_S
            while not servers.answers(server.port) and time.monotonic() < end and process.poll() is None:
                time.sleep(0.2)
            programs.drive(server, self.seconds, failures, asked)
        finally:
            early = process.poll()
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            process.wait(WAIT_S)
            with contextlib.suppress(ProcessLookupError):  # workers of a pool outlive a parent that a signal ends
                os.killpg(process.pid, signal.SIGKILL)
        trouble = [f"{len(failures)} of {len(failures) + len(asked)} requests failed"] if failures else []
        trouble += [f"it ended by itself with {early}"] if early is not None else []
        result = self.healthy(server.name, home, trouble)
        result["said"] += f", {len(asked)} requests"
        return result

    def finisher(self, name, script):
        self.await_turn()
        under, home = self.under(name)
        said = []
        for prefix in ((), under):
            folder = home / "work"
            subprocess.run(["rm", "-rf", folder], check=True)
            folder.mkdir()
            done = subprocess.run([*prefix, "bash", "-c", script.replace("{}", str(folder))], capture_output=True,
                                  text=True, timeout=WAIT_S, check=False)
            said.append((done.returncode, done.stdout))
        return self.healthy(name, home, [] if said[0] == said[1] else [f"it behaves otherwise: {said}"])

    def backend(self):
        self.await_turn()
        under, home = self.under("pma-backend")
        wrong, asked = [], []
        with backend.Backend(under=under) as server:
            programs.drive(programs.Server("pma-backend", [], server.port, lambda *_: server.ask("GET", "/health")[0] == 200),
                           self.seconds, wrong, asked)
            status, _ = server.stop()
        trouble = [f"{len(wrong)} requests failed"] if wrong else []
        trouble += [f"it ended with {status}"] if status else []
        result = self.healthy("pma-backend", home, trouble)
        result["said"] += f", {len(asked)} requests"
        return result


def brief(finding):
    return "nothing" if finding is None else f"{finding['verdict']} {finding['cause']}: {finding['summary']}"


def jobs_of(bench, folder, options):
    """Name and what to run, of all that is there."""
    jobs = [(case.way, lambda case=case: bench.planted(case)) for case in programs.planted()]
    for program, ways in programs.HEALTHY_WAYS:
        jobs += [(way, lambda program=program, way=way: bench.healthy_way(program, way)) for way in ways]
    jobs += [("pma-backend", bench.backend)]
    if not options.short:
        jobs += [(each.name, lambda each=each: bench.server(each)) for each in programs.healthy_servers(folder)]
        jobs += [(name, lambda name=name, script=script: bench.finisher(name, script))
                 for name, script in programs.FINISHERS]
    else:
        jobs = [job for job in jobs if job[0] in SHORT]
    wanted = options.only.split(",") if options.only else [""]
    return [job for job in jobs if any(job[0].startswith(each) for each in wanted)]


def run(job):
    name, what = job
    try:
        result = what()
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as failure:
        result = {"name": name, "planted": None, "ok": False, "said": f"{type(failure).__name__}: {failure}"}
    print(f"{'ok    ' if result['ok'] else 'NOT OK'}  {name}: {result['said'][:400]}", file=sys.stderr, flush=True)
    return result


def table(results, options, about):
    """The table in Markdown, and the two figures."""
    lines = ["| program | | said, its beginning | as expected |", "|---|---|---|---|"]
    for each in results:
        said = re.sub(r"0x[0-9a-f]+", "0x...", each["said"].replace("|", "/"))
        said = said if len(said) <= 150 else said[:147] + "..."
        lines.append(f"| {each['name']} | {'planted' if each['planted'] else 'healthy'} | {said} | "
                     f"{'yes' if each['ok'] else '**no**'} |")
    planted = [each for each in results if each["planted"]]
    healthy = [each for each in results if not each["planted"]]
    lines += ["", f"Planted thread leaks found: {sum(each['ok'] for each in planted)} of {len(planted)}. Healthy programs flagged, "
                  f"or changed: {sum(not each['ok'] for each in healthy)} of {len(healthy)}. Runs of {options.seconds:g} s, side "
                  f"by side; {about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, {about['build']}, commit "
                  f"{about['commit']}."]
    return "\n".join(lines)


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/thread_matrix.py", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40, metavar="N", help="of each run (default 40)")
    parser.add_argument("--only", metavar="NAME,...", help="these; a name's beginning is enough")
    parser.add_argument("--short", action="store_true", help="fourteen programs, half a minute")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/threads.md")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the recordings there")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    options = parser.parse_args(argv)
    options.build = options.build.absolute()
    if options.short:
        options.seconds = 25
    backend.BINARY = str(options.build / "bin" / "pma-backend")
    if not (options.build / "bin" / "leaking-threads").exists():
        parser.error(f"{options.build}: nothing is built there")
    return options


def main(argv):
    options = parse(argv)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(exist_ok=True)
        jobs = jobs_of(Bench(options, folder), folder, options)
        with concurrent.futures.ThreadPoolExecutor(len(jobs) or 1) as pool:
            results = list(pool.map(run, jobs))
    text = table(results, options, machine.describe(ROOT, options.build))
    print(text)
    if options.docs:
        DOCS.write_text(MARK.sub(lambda found: found.group(1) + text + "\n" + found.group(2),
                                 DOCS.read_text(encoding="utf-8")), encoding="utf-8")
    return 0 if all(each["ok"] for each in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
