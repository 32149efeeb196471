#!/usr/bin/env python3
"""What watching threads costs, and what it does not miss: docs/threads.md has the figures.

    bench/threads.py [--build build/release] [--threads 1000] [--seconds 20]

Prints JSON lines: the machine, then one per case. For idle and waking threads: CPU of the collector and of the program,
each in percent of one core, the program alone beside it. For churn and for many threads: what the program made, what the
recording counts, and what was lost. SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine


def collector_of(run):
    """The child of `seep run` that is not the program."""
    for _ in range(200):
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text(encoding="ascii").split()
        for child in children:
            if Path(f"/proc/{child}/exe").resolve().name == "seep":
                return int(child)
        time.sleep(0.05)
    raise RuntimeError("no collector")


def cpu_s(pid):
    return sum(int(Path(f"/proc/{pid}/task/{tid}/schedstat").read_text(encoding="ascii").split()[0])
               for tid in os.listdir(f"/proc/{pid}/task")) / 1e9


class Bench:
    def __init__(self, build, folder):
        self.seep, self.program = build / "bin/seep", build / "bench/bench-many-threads"
        self.file = Path(folder) / "threads.seep"

    def alone(self, *arguments):
        return json.loads(subprocess.run([self.program, *arguments], capture_output=True, check=True, text=True).stdout)

    def dump(self, kind):
        lines = subprocess.run([self.seep, "dump", "--no-symbols", self.file], capture_output=True, check=True,
                               text=True).stdout.splitlines()
        return [row for row in map(json.loads, lines) if row["type"] == kind]

    def recorded(self, *arguments, warm_s=0, span_s=0):
        """The program's own line, and the collector's share of a core between warm_s and warm_s + span_s."""
        command = [self.seep, "run", "--quiet", "-o", self.file, "--", self.program, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            share = 0
            if span_s:
                collector = collector_of(run)
                time.sleep(warm_s)
                began_s, began_cpu_s = time.monotonic(), cpu_s(collector)
                time.sleep(span_s)
                share = (cpu_s(collector) - began_cpu_s) / (time.monotonic() - began_s)
            out, _ = run.communicate()
        return json.loads(out), 100 * share

    def watched(self, shape, threads, seconds):
        alone = self.alone(shape, str(threads), str(seconds))
        line, share = self.recorded(shape, str(threads), str(seconds), warm_s=3, span_s=seconds - 5)
        # the THREADS of the end: how fresh the figures were
        rows = self.dump("thread")
        return {"case": shape, "threads": threads, "collector_percent": round(share, 3),
                "program_percent": round(100 * line["cpu_s"] / seconds, 3),
                "program_alone_percent": round(100 * alone["cpu_s"] / seconds, 3),
                "recorded": len(rows), "file_bytes": self.file.stat().st_size}

    def churn(self, makers, seconds):
        alone = self.alone("churn", str(makers), str(seconds))
        line, _ = self.recorded("churn", str(makers), str(seconds))
        rows = [row for row in self.dump("lifetime") if row["joined"] == row["created"]]
        return {"case": "churn", "makers": makers, "made": line["made"] + makers,
                "per_s": round(line["made"] / line["wall_s"]), "alone_per_s": round(alone["made"] / alone["wall_s"]),
                "recorded_created": sum(row["created"] for row in rows), "recorded_ended": sum(row["ended"] for row in rows),
                "recorded_joined": sum(row["joined"] for row in rows), "lost": self.dump("loss")}

    def many(self, threads, seconds):
        line, share = self.recorded("idle", str(threads), str(seconds), warm_s=3, span_s=seconds - 5)
        rows = self.dump("lifetime")
        return {"case": "many", "threads": line["threads"], "collector_percent": round(share, 3),
                "recorded_started": sum(row["started"] for row in rows),
                "in_table": sum(row["os_state"] == "S" for row in self.dump("thread")), "waits": len(self.dump("wait")),
                "stack_resident_bytes": sum(row["stack_resident_bytes"] for row in rows), "lost": self.dump("loss")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path(__file__).resolve().parent.parent / "build/release")
    parser.add_argument("--threads", type=int, default=1000)
    parser.add_argument("--many", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.build.resolve(), folder)
        for row in (lambda: {"machine": machine.describe(Path(__file__).resolve().parent.parent, options.build.resolve())},
                    lambda: bench.watched("idle", 1, options.seconds),
                    lambda: bench.watched("idle", options.threads, options.seconds),
                    lambda: bench.watched("waking", options.threads, options.seconds),
                    lambda: bench.churn(1, 5), lambda: bench.churn(4, 5),
                    lambda: bench.many(options.many, options.seconds)):
            print(json.dumps(row()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
