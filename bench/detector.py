#!/usr/bin/env python3
"""The detector judged by the backend: each fault found and named, each healthy load left in peace.

usage: bench/detector.py [--seconds N] [--only NAME,...] [--docs] | --list | --again DIR

SPDX-License-Identifier: MIT
"""
import argparse
import concurrent.futures
import contextlib
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
# The provocations of the fault matrix are the tests'; a second set of them would drift away from the first.
sys.path[:0] = [str(BENCH), str(ROOT / "tests" / "server")]

# pylint: disable=wrong-import-position
import backend  # noqa: E402
import controls  # noqa: E402
import detector_rows as rows  # noqa: E402
import machine  # noqa: E402

DOCS = ROOT / "docs" / "statistics.md"
MARK = re.compile(r"(<!-- detector:begin -->\n).*?(<!-- detector:end -->)", re.S)
TOP = 3
CERTAIN = ("definite", "probable")
STOP_S = 60.0
STAGGER_S = 0.5  # between two starts, which are the only moments that take processor time
LATE_S = 40.0    # that a run may take longer on a busy machine, until its fault was committed often enough
ORPHAN_S = 120.0  # programs end by themselves so long after their time, should this one be killed
OFTEN_ENOUGH = 0.7  # of the occurrences that the rate promises
# The rate makes up for the time: a stretch of the window is a second, and a busy machine may miss one.
SHORT = {"seconds": 24.0, "interval": 0.2, "jobs": 64, "rate": 4.0}

HELP = """\
Each case is a backend of its own below `seep run`, under a household's light load unless it says otherwise, for
--seconds; --jobs of them at a time. What the report says is held against bench/detector_rows.py:

    fault     leaks for ever: a definite or probable finding of its kind, its subsystem and with its function in the
              stack, among the first three of the report
    healing   slow release, bursts, what leaks elsewhere: nothing definite
    at exit   named by the report, whatever its verdict
    control   healthy, and looks like a leak (bench/controls.py), or a plain load: nothing definite or probable

    bench/detector.py                       all of them, a quarter of an hour
    bench/detector.py --short               ten of them side by side in half a minute, for continuous integration. So
                                            short a window may only say suspect, of all kinds but threads, so a suspect
                                            among the first three is enough there; the controls are of threads
    bench/detector.py --only F01,F30        these
    bench/detector.py --keep runs           leaves the recordings in runs/
    bench/detector.py --again runs          judges them anew, by the present build, without running anything
    bench/detector.py --docs                the table of docs/statistics.md made anew

Exit status: 0 all as expected; 1 not; 2 wrong usage, or nothing built.
"""


interrupted = threading.Event()


class Failed(Exception):
    """What went wrong, for people."""


def all_cases():
    return (*rows.FAULTS, *rows.HEALING, *rows.AT_EXIT, *rows.control_cases(controls.CONTROLS), *rows.LOADS)


def recording_of(folder, case):
    return folder / (case.name.replace(" ", "-") + ".seep")


def settings_of(case, options):
    """What the backend gets besides its own; the later ones win."""
    chosen = [*rows.HOUSE]
    for fault, rate in case.faults.items():
        chosen += [f"faults.{fault}.enabled=true", f"faults.{fault}.rate={rate * options.rate:g}"]
    return chosen


def await_occurrences(case, server, options):
    """Waits until the faults that drive themselves have been committed often enough, by the server's own count."""
    end = time.monotonic() + LATE_S
    for fault, rate in case.faults.items():
        least = OFTEN_ENOUGH * rate * options.rate * options.seconds
        while time.monotonic() < end and not interrupted.is_set() and \
                server.get("/api/v1/debug/resources")["data"]["leaked"][fault] < least:
            time.sleep(0.2)


def drive(case, server, seconds):
    """The case's client, again and again until its time is over."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not interrupted.is_set():
        if case.client is not None:
            # What a provocation waits for may not come about on a busy machine: the next one may.
            with contextlib.suppress(AssertionError, OSError):
                case.client(server)
        interrupted.wait(max(0.0, min(case.every_s if case.client is not None else left, end - time.monotonic())))


@contextlib.contextmanager
def loaded(case, server, options):
    """pma-load beside it."""
    if case.load is None:
        yield
        return
    process = subprocess.Popen([options.build / "bin" / "pma-load", "--port", str(server.port), "--quiet",
                                "--duration", f"{options.seconds + ORPHAN_S:g}", *case.load],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def record(case, folder, options):
    """Runs one case. Leaves its recording."""
    under = [str(options.build / "bin" / "seep"), "run", "--quiet", "--no-children", "--interval",
             f"{options.interval:g}", "--duration", f"{options.seconds + ORPHAN_S:g}",
             "-o", str(recording_of(folder, case)), "--"]
    if case.control:
        command = [sys.executable, "-B", str(BENCH / "controls.py"), case.control, "--seconds", str(options.seconds),
                   "--build", str(options.build), "--under", " ".join(under)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{case.name}: {done.stdout[-300:]}{done.stderr[-300:]}")
        return
    around = case.surroundings() if case.surroundings else contextlib.nullcontext(())
    with around as given, \
            backend.Backend(*settings_of(case, options), *given, *case.settings, under=under) as server:
        try:
            with loaded(case, server, options):
                drive(case, server, options.seconds)
                await_occurrences(case, server, options)
        finally:
            if case.end is not None:
                case.end(server)
            else:
                server.stop()


def report(case, folder, options):
    """What the report says; its exit status has to agree with its findings."""
    done = subprocess.run([options.build / "bin" / "seep", "report", "--format", "json", "--top", "1000",
                           "--fail-on", "probable", recording_of(folder, case)],
                          capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise Failed(f"{case.name}: seep report: {done.stderr.strip()}")
    said = json.loads(done.stdout)
    if (done.returncode == 1) != any(each["verdict"] in CERTAIN for each in said["findings"]):
        raise Failed(f"{case.name}: seep report --fail-on probable ended with {done.returncode} beside its findings")
    return said


def names(finding):
    """The functions of a finding's stack; where none is the backend's, the libraries as well."""
    stack = finding.get("stack") or []
    known = [frame["function"] for frame in stack if frame.get("function") not in (None, "??")]
    if not own_functions(finding):
        known += [frame["module"] for frame in stack if frame.get("module")]
    return known


def own_functions(finding):
    return [frame["function"] for frame in finding.get("stack") or []
            if frame.get("function") and "pma-backend" in (frame.get("module") or "")]


def is_it(case, finding):
    return (finding["kind"], finding["subsystem"]) == (case.kind, case.subsystem) and \
        (not case.function or case.function in names(finding))


def is_of(case, finding):
    """Whether the fault explains it: what has to be found, or what else it leaks."""
    return case.kind is not None and not {case.function, *case.also}.isdisjoint(names(finding))


def judge(case, said, enough=CERTAIN):
    """What a report says of a case, against what it should. enough: verdicts by which a fault counts as found."""
    findings = said["findings"]
    certain = [each for each in findings if each["verdict"] in CERTAIN]
    result = {"name": case.name, "rank": 0, "found": None, "verdict": said["verdict"],
              "others": [brief(each) for each in certain if not is_of(case, each)]}
    for rank, finding in enumerate(findings, 1):
        if case.kind is not None and is_it(case, finding):
            result |= {"rank": rank, "found": brief(finding)}
            break
    if case.end is not None:
        result["ok"] = result["found"] is not None
    elif case.kind is not None:
        result["ok"] = 0 < result["rank"] <= TOP and result["found"]["verdict"] in enough
    elif case.heals:
        result["ok"] = all(each["verdict"] != "definite" for each in certain)
    else:
        result["ok"] = not certain
    return result


def brief(finding):
    return {"verdict": finding["verdict"], "kind": finding["kind"], "subsystem": finding["subsystem"],
            "cause": finding["cause"], "summary": finding["summary"],
            "functions": (own_functions(finding) or names(finding))[:3]}


def run(cases, folder, options):
    """All cases, side by side. Gives results as they come."""
    def one(at, case):
        if not options.again:
            interrupted.wait(STAGGER_S * (at % options.jobs))
            if interrupted.is_set():
                raise Failed("interrupted")
            record(case, folder, options)
        return judge(case, report(case, folder, options), (*CERTAIN, "suspect") if options.short else CERTAIN)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = {pool.submit(one, at, case): case for at, case in enumerate(cases)}
        for future in concurrent.futures.as_completed(futures):
            case = futures[future]
            try:
                result = future.result()
            except (Failed, AssertionError, OSError, subprocess.SubprocessError) as failure:
                result = {"name": case.name, "ok": False, "rank": 0, "found": None, "verdict": "not run",
                          "others": [], "failure": f"{type(failure).__name__}: {failure}"}
            show(result)
            yield result


def show(result):
    found = result["found"]
    words = [f"{result['name']:16}", "ok    " if result["ok"] else "NOT OK", f"report: {result['verdict']}"]
    if found:
        words.append(f"#{result['rank']} {found['verdict']} {found['kind']} {found['subsystem']} {found['functions']}")
    words.append(result.get("failure", ""))
    print("  ".join(words), file=sys.stderr)
    for other in result["others"]:
        print(f"{'':18}+ {other['verdict']} {other['kind']} {other['subsystem']} {other['functions']}",
              file=sys.stderr, flush=True)


def expectation(case):
    if case.kind is not None:
        return f"{case.kind}, {case.subsystem}" + (f", `{case.function}`" if case.function else "")
    return "nothing definite" if case.heals else "silence"


def described(finding):
    return f"{finding['kind']}, {finding['subsystem'] or '-'}, `{' < '.join(finding['functions']) or '?'}`"


def row(case, result):
    """A line of the table."""
    found = result["found"]
    first = found or next(iter(result["others"]), None)
    cells = (case.name, expectation(case), described(first) if first else "-",
             result["rank"] or ("-" if case.kind is None else "not found"),
             first["verdict"] if first else result["verdict"], len(result["others"]),
             "yes" if result["ok"] else "**no**")
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(results, options, about):
    """The table in Markdown, and the two figures."""
    by_name = {result["name"]: result for result in results}
    lines = ["| case | expected | reported, innermost first | rank | verdict | unexplained | as expected |",
             "|---|---|---|--:|---|--:|---|"]
    lines += [row(case, by_name[case.name]) for case in all_cases() if case.name in by_name]
    faults = [by_name[case.name] for case in rows.FAULTS if case.name in by_name]
    quiet = [by_name[case.name] for case in all_cases()
             if case.kind is None and not case.heals and case.name in by_name]
    lines += ["", f"Faults found: {sum(each['ok'] for each in faults)} of {len(faults)}; findings beside them that no "
                  f"fault explains: {sum(len(each['others']) for each in faults)}. Controls and plain loads "
                  f"flagged: {sum(not each['ok'] for each in quiet)} of {len(quiet)}. Runs of {options.seconds:g} s, "
                  f"{options.jobs} at a time; {about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, "
                  f"{about['build']}, commit {about['commit']}."]
    return "\n".join(lines)


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/detector.py", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, metavar="N", help="of each run (default 120)")
    parser.add_argument("--interval", type=float, default=1, metavar="S", help="between snapshots (default 1)")
    parser.add_argument("--rate", type=float, default=1, metavar="X", help="faults X times as often (default 1)")
    parser.add_argument("--jobs", type=int, default=8, metavar="N", help="runs at a time (default 8)")
    parser.add_argument("--only", metavar="NAME,...", help="these cases; a name's beginning is enough")
    parser.add_argument("--short", action="store_true", help="ten cases, half a minute")
    parser.add_argument("--list", action="store_true", help="name the cases and exit")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the recordings there")
    parser.add_argument("--again", type=Path, metavar="DIR", help="judge the recordings that --keep left")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/statistics.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all results")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    options = parser.parse_args(argv)
    options.build = options.build.absolute()
    chosen = all_cases()
    if options.short:
        vars(options).update(SHORT)
        chosen = rows.short_cases(chosen)
    if options.only:
        wanted = options.only.split(",")
        chosen = [case for case in chosen if any(case.name.startswith(name) for name in wanted)]
    if options.docs and options.again:
        parser.error("--docs wants runs of its own, to say how they were made")
    if options.again:
        chosen = [case for case in chosen if recording_of(options.again, case).exists()]
    if not chosen:
        parser.error("no such case, or no recording of one; --list names them")
    for program in ("pma-backend", "pma-load", "seep"):
        if not options.list and not (options.build / "bin" / program).exists():
            parser.error(f"no {program} in {options.build}; build it first")
    return options, chosen


def write_docs(text):
    page = DOCS.read_text(encoding="utf-8")
    if not MARK.search(page):
        raise Failed(f"{DOCS} has no place for the table")
    DOCS.write_text(MARK.sub(lambda match: match.group(1) + "\n" + text + "\n\n" + match.group(2), page),
                    encoding="utf-8")


def main(argv):
    options, cases = parse(argv)
    if options.list:
        for case in cases:
            print(f"{case.name:16} {expectation(case):60} {case.why}")
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    backend.BINARY = str(options.build / "bin" / "pma-backend")
    backend.DEADLINE_S = STOP_S
    with contextlib.ExitStack() as stack:
        folder = options.again or options.keep or \
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seep-detector-")))
        folder.mkdir(parents=True, exist_ok=True)
        results = list(run(cases, folder.absolute(), options))
    text = table(results, options, machine.describe(ROOT, options.build))
    print(text)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.docs:
        write_docs(text)
    return 0 if all(result["ok"] for result in results) else 1


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main(sys.argv[1:]))
