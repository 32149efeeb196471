#!/usr/bin/env python3
"""What recording costs, measured against the program as it is and against the peers, in one run.

usage: bench/run.py [--build DIR] [options]

SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import figures  # noqa: E402
import machine  # noqa: E402
import programs  # noqa: E402
import quick  # noqa: E402
import servers  # noqa: E402
import tables  # noqa: E402
from runner import Progress, Runner  # noqa: E402
from tools import Seep, all_tools  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
EXIT_MISSED, EXIT_USAGE = 1, 2

HELP = """\
The whole run takes a quarter of an hour on two cores:

    bench/run.py                                   all of it; tables to standard output, records to bench.jsonl
    bench/run.py --docs                            the same, and the tables of README.md and docs/benchmarks.md made anew
    bench/run.py --only python3,micro --tools full,heaptrack --rounds 3
    bench/run.py --from bench.jsonl                the tables again, from records; nothing runs
    bench/run.py --quick                           instruction counts under callgrind against bench/expected.json
    bench/run.py --quick --update                  what they are now becomes what is expected

A round runs all tools of a program in turn; ratios are made within a round, and shown as median (lowest..highest) over
the rounds. Processor time and memory are those of all processes of a tool. A tool that is missing, crashes, records
nothing or changes what the program prints shows that in its cell. Columns with * get a twentieth of the work,
and are compared with bare at that. scripts/setup.sh --bench installs the peers.

Exit status: 0 done; 1 --quick: something got worse, or --strict: a figure is missed; 2 wrong usage, or nothing built.
"""


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.split("\n", maxsplit=1)[0], epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    parser.add_argument("--only", metavar="NAMES", help="these programs, servers or 'micro', with commas between")
    parser.add_argument("--tools", metavar="NAMES", help="these tools (and bare), with commas between")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="timed rounds (default 9)")
    parser.add_argument("--budget", type=float, default=15, metavar="MINUTES",
                        help="start no round that would end later than this (default 15)")
    parser.add_argument("--json", type=Path, default=Path("bench.jsonl"), metavar="FILE",
                        help="where the records go, a line each (default bench.jsonl)")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="tables from these records; run nothing")
    parser.add_argument("--docs", action="store_true", help="make the tables of README.md and docs/benchmarks.md anew")
    parser.add_argument("--strict", action="store_true", help="exit status 1 when a figure to reach is missed")
    parser.add_argument("--list", action="store_true", help="name programs and tools, and why one cannot run here")
    parser.add_argument("--quick", action="store_true", help="instruction counts only, for continuous integration")
    parser.add_argument("--update", action="store_true", help="with --quick: write bench/expected.json")
    given = parser.parse_args(argv)
    if given.rounds < 1 or given.budget <= 0:
        parser.error("--rounds and --budget must be positive")
    return given


def names(text, known, what):
    """The set that the user named; None for all. Exits on a name that does not exist."""
    if text is None:
        return None
    wanted = set(text.split(","))
    unknown = wanted - set(known)
    if unknown:
        print(f"bench: no such {what}: {', '.join(sorted(unknown))}; there are: {', '.join(known)}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    return wanted


def list_all(tools, cases):
    for tool in tools:
        print(f"tool     {tool.key:14} {tool.how}" + (f" [{tool.missing}]" if tool.missing else ""))
    for case in cases:
        print(f"program  {case.name}" + (f" [{case.missing()}]" if case.missing() else ""))
    print("program  micro          the bench's own programs")


def header(tools, seep_build):
    facts = machine.describe(ROOT, seep_build)
    facts.update(suite="machine", started=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                 tools=[{"key": tool.key, "title": tool.title, "how": tool.how, "rounds": tool.rounds,
                         "reduced": tool.reduced, "records": tool.records} for tool in tools])
    return facts


def measure_all(given, seep, tools, cases):
    """Runs the rounds that fit. Returns: the records, which are in the file as well."""
    known_cases = [case.name for case in cases] + ["micro"]
    only = names(given.only, known_cases, "program")
    wanted_tools = names(given.tools, [tool.key for tool in tools], "tool")
    records, said = [], set()
    progress = Progress(sys.stderr, given.budget * 60)

    def chosen(case, key):
        return (only is None or case in only) and (wanted_tools is None or key in wanted_tools or key == "bare")

    with open(given.json, "w", encoding="ascii") as file:
        def record(entry):
            records.append(entry)
            file.write(json.dumps(entry) + "\n")
            file.flush()
            if entry.get("problem") and (entry["tool"], entry["problem"]) not in said:
                said.add((entry["tool"], entry["problem"]))
                progress.say(f"    {entry['case']}, {entry.get('variant', entry['tool'])}: {entry['problem']}")

        record(header(tools, given.build))
        used = [tool for tool in tools if wanted_tools is None or tool.key in wanted_tools or tool.key == "bare"]
        runner = Runner(seep, used, [case for case in cases if isinstance(case, programs.Program)], record, chosen)
        rounds = [runner.steps(number) for number in range(given.rounds + 1)]
        try:
            for number, steps in enumerate(rounds):
                if number > 1 and not progress.has_time_for(steps):
                    steps = runner.program_steps(number)  # the shortest, and the least certain
                    if not steps or not progress.has_time_for(steps):
                        progress.say(f"no time for round {number}: it would end after {given.budget:g} minutes")
                        break
                    rounds[number] = steps
                left = [step for later in rounds[number:] for step in later]
                for at, step in enumerate(steps):
                    with progress.step(step, left[at:]):
                        step.work()
        finally:
            runner.close()
    return records


def write_documents(records):
    for path in (ROOT / "README.md", ROOT / "docs" / "benchmarks.md"):
        text = path.read_text(encoding="utf-8")
        made = tables.fill(text, records)
        if made != text:
            path.write_text(made, encoding="utf-8")


def main(argv):
    given = parse(argv)
    given.build = given.build.resolve()
    try:
        if given.source:
            lines = given.source.read_text(encoding="ascii").splitlines()
            found = [json.loads(line) for line in lines]
        else:
            seep = Seep(given.build)
            if given.quick:
                return quick.run(seep, ROOT / "bench" / "expected.json", given.update)
            tools = all_tools(seep)
            cases = programs.all_programs() + servers.all_servers(seep.micro)
            if given.list:
                list_all(tools, cases)
                return 0
            found = measure_all(given, seep, tools, cases)
    except (FileNotFoundError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_USAGE
    records = figures.Records(found)
    print(tables.everything(records))
    if given.docs:
        write_documents(records)
    missed = [figure for figure in figures.to_reach(records) if figure.verdict() == "MISSED"]
    return EXIT_MISSED if given.strict and missed else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
