#!/usr/bin/env python3
"""What a run costs before and after the program itself: programs that do next to nothing, bare and recorded.

usage: bench/startup.py [--build DIR] [--rounds N] [--docs]

SPDX-License-Identifier: MIT
"""
import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import machine  # noqa: E402
import tables  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = (("true", ("/bin/true",)), ("python3 -c pass", ("/usr/bin/python3", "-c", "pass")),
            ("500 children", ("/bin/sh", "-c", "for i in $(seq 500); do /bin/true; done")))
EXIT_USAGE = 2

HELP = """\
Milliseconds, the median and the fastest of the rounds; the ways take turns. Processor time is that of all processes that
were waited for: program, `seep run`, its collector (not that of a library that was preloaded alone: nobody waits for it).
--docs makes the table of docs/benchmarks.md anew.

Exit status: 0 done; 2 wrong usage, or nothing built.
"""


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/startup.py", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    parser.add_argument("--rounds", type=int, default=25, metavar="N", help="runs of each (default 25)")
    parser.add_argument("--docs", action="store_true", help="make the table of docs/benchmarks.md anew")
    given = parser.parse_args(argv)
    if given.rounds < 1:
        parser.error("--rounds must be positive")
    return given


def run(command, environment):
    """(wall, processor) milliseconds of one run. Raises RuntimeError when it fails."""
    null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)]
    started = time.monotonic()
    pid = os.posix_spawn(command[0], command, {**os.environ, "DEBUGINFOD_URLS": "", **environment}, file_actions=null)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - started
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def ways(build, program, folder):
    """name -> (command, what its environment has more)."""
    seep, file = str(build / "bin" / "seep"), f"{folder}/a.seep"
    return {"bare": (program, {}),
            "run --quiet": ((seep, "run", "--quiet", "-o", file, "--", *program), {}),
            "run": ((seep, "run", "-o", file, "--", *program), {}),
            "report": ((seep, "report", file), {}),
            "LD_PRELOAD": (program, {"LD_PRELOAD": str(build / "lib" / "libseep.so"), "SEEP_OUT": f"{folder}/out"})}


def measure(build, program, rounds):
    """name of a way -> [(wall, processor)]."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="seep-startup-", ignore_cleanup_errors=True) as folder:
        for _ in range(rounds):
            for name, (command, environment) in ways(build, program, folder).items():
                os.makedirs(f"{folder}/out", exist_ok=True)
                found.setdefault(name, []).append(run(command, environment))
                if name == "LD_PRELOAD":
                    shutil.rmtree(f"{folder}/out", ignore_errors=True)
    return found


def cell(runs):
    wall, cpu = ([one[i] for one in runs] for i in (0, 1))
    return f"{statistics.median(wall):.1f} ({min(wall):.1f}); {statistics.median(cpu):.1f}"


def put(path, made):
    """Puts the table between the markers of the document."""
    before, marker, rest = path.read_text(encoding="utf-8").partition("<!-- startup -->\n")
    _, end, after = rest.partition("\n<!-- /startup -->")
    if not marker or not end:
        raise ValueError(f"{path}: no markers startup")
    path.write_text(f"{before}{marker}\n{made}\n{end}{after}", encoding="utf-8")


def main(argv):
    given = parse(argv)
    build = given.build.resolve()
    missing = [str(path) for path in (build / "bin" / "seep", build / "lib" / "libseep.so") if not path.exists()]
    if missing:
        print(f"startup: not there: {', '.join(missing)}; build first, or say --build", file=sys.stderr)
        return EXIT_USAGE
    rows, head = [], None
    for name, program in PROGRAMS:
        found = measure(build, program, given.rounds if "children" not in name else max(1, given.rounds // 5))
        head = ["wall ms (fastest); CPU ms", *found]
        rows.append([name, *map(cell, found.values())])
    facts = machine.describe(ROOT, build)
    text = f"{tables.table(head, rows)}\n\nMedian of {given.rounds} rounds; {facts['cpu']}, commit {facts['commit']}"
    print(text)
    if given.docs:
        put(ROOT / "docs" / "benchmarks.md", text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
