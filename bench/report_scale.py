#!/usr/bin/env python3
"""What `seep report` takes for a recording of a big program: seconds and peak memory, for each format.

usage: bench/report_scale.py [--build DIR] [--sites N] [--snapshots N] [--rounds N] [--docs]

SPDX-License-Identifier: MIT
"""
import argparse
import os
import statistics
import subprocess
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
FORMATS = ("text", "json", "markdown", "html", "folded", "pprof", "sarif", "junit")
MUST_S, MUST_MIB, AIM_S, AIM_MIB = 3, 1024, 1, 300
# Files whose functions stand in the stacks: two with debug information, two with symbols alone.
BINARIES = ("bin/pma-backend", "bin/seep", "/usr/bin/python3", "/lib/x86_64-linux-gnu/libc.so.6")
EXIT_MISSED, EXIT_USAGE = 1, 2

HELP = """\
The recording is made by bin/large-recording (tests/tools/large_recording.c says what is in it): the same for the same
numbers and files. Seconds are the median of the rounds; processor time beside it, because wall time is also the
neighbours'. Peak memory is ru_maxrss, the pages of mapped symbol files included. --docs makes the table of
docs/benchmarks.md anew.

Exit status: 0 done; 1 a figure that must be reached is missed; 2 wrong usage, or nothing built.
"""


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/report_scale.py", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    parser.add_argument("--sites", type=int, default=100000, metavar="N", help="default 100000")
    parser.add_argument("--snapshots", type=int, default=2000, metavar="N", help="default 2000")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each format (default 3)")
    parser.add_argument("--docs", action="store_true", help="make the table of docs/benchmarks.md anew")
    given = parser.parse_args(argv)
    if min(given.sites, given.snapshots, given.rounds) < 1:
        parser.error("--sites, --snapshots and --rounds must be positive")
    return given


def run(command):
    """(wall seconds, processor seconds, peak MiB) of one run. Raises RuntimeError when it fails."""
    started = time.monotonic()
    pid = os.posix_spawn(command[0], command, {**os.environ, "DEBUGINFOD_URLS": ""})
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(seep, recording, folder, rounds):
    """A row for each format: (format, wall seconds, processor seconds, peak MiB, bytes written)."""
    for name in FORMATS:
        out = f"{folder}/report.{name}"
        found = [run([seep, "report", recording, "--format", name, "-o", out]) for _ in range(rounds)]
        wall, cpu = (statistics.median(one[i] for one in found) for i in (0, 1))
        yield name, wall, cpu, max(one[2] for one in found), os.path.getsize(out)


def table(rows):
    def verdict(seconds, mib):
        if seconds > MUST_S or mib > MUST_MIB:
            return "MISSED"
        return "ok, aim reached" if seconds <= AIM_S and mib <= AIM_MIB else "ok"

    return tables.table(["format", "seconds", "processor seconds", "peak memory", "writes", f"must {MUST_S} s, 1 GiB;"
                         f" aim {AIM_S} s, {AIM_MIB} MiB"],
                        [[name, f"{wall:.2f}", f"{cpu:.2f}", f"{mib:.0f} MiB", f"{size / 1024:,.0f} KiB",
                          verdict(wall, mib)] for name, wall, cpu, mib, size in rows])


def put(path, made):
    """Puts the table between the markers of the document."""
    before, marker, rest = path.read_text(encoding="utf-8").partition("<!-- scale:report -->\n")
    _, end, after = rest.partition("\n<!-- /scale:report -->")
    if not marker or not end:
        raise ValueError(f"{path}: no markers scale:report")
    path.write_text(f"{before}{marker}\n{made}\n{end}{after}", encoding="utf-8")


def main(argv):
    given = parse(argv)
    seep, maker = (given.build / "bin" / name for name in ("seep", "large-recording"))
    binaries = [given.build / name for name in BINARIES]
    missing = [str(path) for path in [seep, maker, *binaries] if not path.exists()]
    if missing:
        print(f"report_scale: not there: {', '.join(missing)}; build first, or say --build", file=sys.stderr)
        return EXIT_USAGE
    with tempfile.TemporaryDirectory(prefix="seep-scale-") as folder:
        recording = f"{folder}/large.seep"
        subprocess.run([maker, "--sites", str(given.sites), "--snapshots", str(given.snapshots), recording, *binaries],
                       check=True)
        mib = os.path.getsize(recording) / (1 << 20)
        rows = list(measure(str(seep.resolve()), recording, folder, given.rounds))
    facts = machine.describe(ROOT, given.build)
    text = (table(rows) + f"\n\n{given.sites:,} sites, {given.snapshots:,} snapshots, a file of {mib:.0f} MiB;"
            f" median of {given.rounds} rounds; {facts['cpu']}, commit {facts['commit']}")
    print(text)
    if given.docs:
        put(ROOT / "docs" / "benchmarks.md", text)
    return EXIT_MISSED if any(row[1] > MUST_S or row[3] > MUST_MIB for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
