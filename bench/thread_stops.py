#!/usr/bin/python3
"""How long `seep threads PID` stops a program, and how long others would.

The program is a python3 whose threads wait for a lock, each with a stack of its own. Seep says
itself how long each stop was (upper bounds: from the last instant at which the thread was seen
running); bench-stop-peers measures the same of libunwind-ptrace and of elfutils, which unwind
while the thread stands still.

usage: thread_stops.py [--seep BIN] [--peers BIN] [--rounds N] [--threads N,N...]
Prints two tables. Exit status: 0; 1 when 100 threads were stopped for more than 50 ms in sum.

SPDX-License-Identifier: MIT
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "build" / "release"
PROGRAM = """
import sys, threading, time
threading.stack_size(1 << 18)
lock = threading.Lock()
lock.acquire()
for _ in range(int(sys.argv[1]) - 1):
    threading.Thread(target=lock.acquire, daemon=True).start()
print("ready", flush=True)
time.sleep(3600)
"""
MUST_MS = 50


def start(threads):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(threads)],
                               stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    time.sleep(0.5)  # the last ones have come to their lock
    return process


def stops(seep, pid):
    began = time.monotonic()
    answer = subprocess.run([seep, "threads", str(pid), "--format", "json"], capture_output=True,
                            text=True, check=True)
    return {**json.loads(answer.stdout)["stops"], "wall_s": time.monotonic() - began}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seep", default=BUILD / "bin" / "seep")
    parser.add_argument("--peers", default=BUILD / "bench" / "bench-stop-peers")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", default="1,10,100,1000")
    options = parser.parse_args()
    sums = {}
    print("| threads | stopped in sum, median (worst) | the longest stop, median (worst) |"
          " the command |\n|---|---|---|---|")
    for threads in map(int, options.threads.split(",")):
        process = start(threads)
        try:
            rows = [stops(options.seep, process.pid) for _ in range(options.rounds)]
        finally:
            process.kill()
            process.wait()
        total = [row["total_ms"] for row in rows]
        longest = [row["longest_ms"] for row in rows]
        sums[threads] = statistics.median(total)
        print(f"| {threads} | {statistics.median(total):.2f} ms ({max(total):.2f}) |"
              f" {statistics.median(longest):.3f} ms ({max(longest):.3f}) |"
              f" {statistics.median(row['wall_s'] for row in rows):.2f} s |", flush=True)
    print("\n| unwound while it stands still by | first thread | others, median | the longest |"
          "\n|---|---|---|---|")
    process = start(100)
    try:
        lines = subprocess.run([options.peers, str(process.pid)], capture_output=True, text=True,
                               check=True).stdout.splitlines()
    finally:
        process.kill()
        process.wait()
    for row in map(json.loads, lines):
        print(f"| {row['tool']} | {row['first_us'] / 1e3:.2f} ms | {row['stop_us'] / 1e3:.3f} ms |"
              f" {row['longest_us'] / 1e3:.2f} ms |")
    return 1 if sums.get(100, 0) > MUST_MS else 0


if __name__ == "__main__":
    sys.exit(main())
