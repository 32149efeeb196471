#!/usr/bin/env python3
"""What `seep top` takes while it shows a program of many sites that all change: CPU, memory, bytes to the terminal.

usage: bench/top_cost.py [--build DIR] [--sites N] [--seconds S] [--size COLUMNSxLINES]

SPDX-License-Identifier: MIT
"""
import argparse
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WARM_UP_S, MUST_PERCENT = 5, 5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

HELP = """\
The program (bench/micro/many_sites_main.c) leaks a block at each of its sites some 1.1 times a second. The viewer has a
pseudo-terminal of its own and refreshes each second; CPU is utime + stime of /proc/PID/stat, memory VmRSS, both of the
viewer alone. What it draws and reads at its start is not in the figures, the 5 s before them are.

Exit status: 0 done; 1 more than 5 % of a core; 2 wrong usage, or nothing built.
"""


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/top_cost.py", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    parser.add_argument("--sites", type=int, default=10000, metavar="N", help="default 10000")
    parser.add_argument("--seconds", type=float, default=20, metavar="S", help="default 20")
    parser.add_argument("--size", default="200x60", metavar="CxL", help="of the terminal (default 200x60)")
    return parser.parse_args(argv)


def start_viewer(seep, pid, columns, lines):
    """(process, descriptor of the terminal's other side)."""
    viewer, terminal = pty.fork()
    if viewer == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        os.execve(seep, [str(seep), "top", str(pid)], {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
    return viewer, terminal


def drain(terminal, seconds):
    """Reads what is drawn for that long: its bytes."""
    until, drawn = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            drawn += len(os.read(terminal, 1 << 16))
    return drawn


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def recorded(run):
    """The program's pid, once it has run for a while."""
    time.sleep(WARM_UP_S)
    return int(Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text(encoding="utf-8").split()[-1])


def measure(given, folder):
    columns, lines = (int(word) for word in given.size.split("x"))
    seep = given.build / "bin" / "seep"
    run = subprocess.Popen([seep, "run", "--quiet", "-o", f"{folder}/many.seep", "--",
                            given.build / "bench" / "bench-many-sites", str(given.sites), "900"],
                           stdout=subprocess.DEVNULL)
    program = recorded(run)
    viewer, terminal = start_viewer(seep, program, columns, lines)
    try:
        drain(terminal, WARM_UP_S)
        before_s, from_s = cpu_s(viewer), time.monotonic()
        drawn = drain(terminal, given.seconds)
        used_s, took_s = cpu_s(viewer) - before_s, time.monotonic() - from_s
        return {"sites": given.sites, "size": given.size, "seconds": round(took_s, 1),
                "cpu_percent": round(100 * used_s / took_s, 2), "rss_mib": round(rss_mib(viewer), 1),
                "terminal_bytes_per_s": round(drawn / took_s)}
    finally:
        os.kill(viewer, signal.SIGTERM)
        os.waitpid(viewer, 0)
        os.kill(program, signal.SIGTERM)
        run.wait()


def main(argv):
    given = parse(argv)
    if not (given.build / "bench" / "bench-many-sites").exists():
        print("top_cost: nothing built; type: cmake --preset release && cmake --build --preset release",
              file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given, folder)
    print(json.dumps(figures))
    return 0 if figures["cpu_percent"] <= MUST_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
