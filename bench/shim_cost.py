#!/usr/bin/env python3
"""What recording costs a program: each one bare and with libseep.so preloaded, in turns, as a ratio of processor times
(user and system, of the program and its children; the collector is a process of its own and not in it).

usage: bench/shim_cost.py BUILD_DIR [--rounds N]

Prints a line per program: seconds bare, seconds recorded (medians), their ratio, and the lowest and highest ratio of a
round. A program that is not installed is left out, and said so. SPDX-License-Identifier: MIT
"""
import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PYTHON = ("d = {}\nfor i in range(1500000):\n d[i % 5000] = [str(i), (i, i + 1)]\n"
          "print(sum(len(v[0]) for v in d.values()))")
PERL = "my %h; for my $i (1..3000000) { $h{$i % 5000} = [\"v$i\", $i] } print scalar(keys %h), \"\\n\""
SQL = ("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
       "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<1000000) INSERT INTO t SELECT x, 'v'||x FROM c;"
       "CREATE INDEX i ON t(b); SELECT count(*), max(b) FROM t WHERE b LIKE 'v1%' ORDER BY b;")
FORKS = "for i in $(seq 1000); do (exit 0); done"
THREADS = """#include <pthread.h>
static void *run(void *a) { return a; }
int main(void) { for (int i = 0; i < 20000; i++) { pthread_t t; pthread_create(&t, 0, run, 0); pthread_join(t, 0); } return 0; }
"""
BLOCKS = """#include <stdlib.h>
int main(void) { for (int i = 0; i < 50000000; i++) { void *volatile p = malloc(i % 500 + 1); free(p); } return 0; }
"""


def compiled(folder, name, source):
    path = os.path.join(folder, name)
    subprocess.run(["cc", "-O2", "-fno-builtin", "-x", "c", "-", "-o", path, "-pthread"], input=source, text=True, check=True)
    return [path]


def start(command, folder, env):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
                            env={**os.environ, **env})


def finish(process):
    """Processor seconds of a program and of the children that it has waited for."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{process.args[0]}: status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def redis_seconds(folder, env):
    """The server's processor seconds for 800,000 requests, 16 at a time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = start(["redis-server", "--port", port, "--save", ""], folder, env)
    for _ in range(200):
        if subprocess.run(["redis-cli", "-p", port, "ping"], capture_output=True, check=False).returncode == 0:
            break
        time.sleep(0.05)
    subprocess.run(["redis-benchmark", "-p", port, "-P", "16", "-n", "400000", "-c", "20", "-t", "set,lpush", "-q"],
                   capture_output=True, check=False)
    subprocess.run(["redis-cli", "-p", port, "shutdown", "nosave"], capture_output=True, check=False)
    return finish(server)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    library = os.path.join(given.build, "lib", "libseep.so")
    if not os.path.exists(library):
        sys.exit(f"{library}: no such file (build first)")
    preload = {"LD_PRELOAD": library}
    with tempfile.TemporaryDirectory() as folder:
        rows = [("malloc+free, one thread", compiled(folder, "blocks", BLOCKS), None),
                ("pthread create+join", compiled(folder, "threads", THREADS), None),
                ("python3, PYTHONMALLOC=malloc", ["python3", "-c", PYTHON], {"PYTHONMALLOC": "malloc"}),
                ("python3", ["python3", "-c", PYTHON], None), ("perl", ["perl", "-e", PERL], None),
                ("sqlite3", ["sqlite3", ":memory:", SQL], None), ("bash, 1000 forks", ["bash", "-c", FORKS], None),
                ("redis-server, pipelined", ["redis-server"], None)]
        print(f"{'program':30} {'bare s':>8} {'seep s':>8} {'ratio':>6}   lowest..highest")
        for name, command, env in rows:
            if shutil.which(command[0]) is None:
                print(f"{name:30} not installed")
                continue
            pairs = []
            for _ in range(given.rounds):
                if command == ["redis-server"]:
                    pairs.append((redis_seconds(folder, {}), redis_seconds(folder, preload)))
                else:
                    pairs.append((finish(start(command, folder, env or {})),
                                  finish(start(command, folder, {**(env or {}), **preload}))))
            ratios = sorted(after / before for before, after in pairs)
            bare, with_seep = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
            print(f"{name:30} {bare:8.3f} {with_seep:8.3f} {statistics.median(ratios):6.2f}   {ratios[0]:.2f}..{ratios[-1]:.2f}",
                  flush=True)


if __name__ == "__main__":
    main()
