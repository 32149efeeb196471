#!/usr/bin/env python3
"""Pairs of real runs for seep diff: the planted regression first, nothing said where nothing changed.

usage: bench/diff_pairs.py [--seconds N] [--short] [--docs] | --list | --again DIR

SPDX-License-Identifier: MIT
"""
import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import typing
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(BENCH), str(ROOT / "tests" / "server")]

# pylint: disable=wrong-import-position
import backend  # noqa: E402
import detector  # noqa: E402
import detector_rows as rows  # noqa: E402
import machine  # noqa: E402

SOURCE = BENCH / "pairs" / "pairs_main.c"
DOCS = ROOT / "docs" / "attribution.md"
MARK = re.compile(r"(<!-- pairs:begin -->\n).*?(<!-- pairs:end -->)", re.S)
STOP_S = 60.0
STAGGER_S = 0.3  # between two starts, which are the only moments that take processor time
LATE_S = 120.0

HELP = """\
Two kinds of programs run below seep run, many at a time because they mostly wait: bench/pairs/pairs_main.c, compiled
several times (with and without a leak, lines inserted above, inlined in other ways), and the backend with one of its
faults switched on as the regression. Every two runs of a pair are compared by seep diff:

    planted    the first thing said is the regression (new or worse, of its kind, its function in the stack)
    unchanged  another seed and another layout in memory, a longer run, a larger cache, another load, another
               build of the same code: nothing is new or worse, better or gone; a leak that both have is as before

    bench/diff_pairs.py                all pairs, some two minutes
    bench/diff_pairs.py --short        four pairs of the small program in 20 s, for continuous integration
    bench/diff_pairs.py --keep runs    leaves the recordings in runs/
    bench/diff_pairs.py --again runs   compares them anew, by the present build, without running anything
    bench/diff_pairs.py --docs         the table of docs/attribution.md made anew

Exit status: 0 all as expected; 1 not; 2 wrong usage, or nothing built.
"""


@dataclasses.dataclass(frozen=True)
class Program:
    """A run of the small program."""
    flags: tuple = ("-O2",)
    moved: bool = False  # lines and a function inserted above everything
    leaks: tuple = ()    # (kind, one in so many requests)
    stretch: float = 1.0
    cache: int = 500
    rate: float = 100
    seed: int = 1
    warm: bool = False   # its cache is full within seconds

    def name(self):
        leaks = "-".join(f"{kind}{n}" for kind, n in self.leaks)
        return "-".join(filter(None, ("program", *(flag.strip("-") for flag in self.flags), "moved" * self.moved, leaks,
                                      f"{self.stretch:g}x", str(self.cache), f"{self.rate:g}", str(self.seed),
                                      "warm" * self.warm)))

    def build(self):
        return (self.flags, self.moved, self.leaks)


@dataclasses.dataclass(frozen=True)
class Server:
    """A run of the backend."""
    fault: str = ""
    stretch: float = 1.0
    rest: int = 10
    settings: tuple = ()
    which: int = 1

    def name(self):
        return f"backend-{self.fault or 'sound'}-{self.stretch:g}x-{self.rest}-{len(self.settings)}-{self.which}"

    def case(self):
        plain = rows.Case(self.name(), "a household, no fault")
        of = next((case for case in rows.FAULTS if case.name == self.fault), plain)
        load = list(rows.HOUSE_LOAD)
        load[load.index("--rest") + 1] = str(self.rest)
        return dataclasses.replace(of, name=self.name(), load=tuple(load), settings=(*of.settings, *self.settings))


Run = typing.Union[Program, Server]


@dataclasses.dataclass(frozen=True)
class Pair:
    """kind, function: of the regression; "": nothing changed. also: functions of what else it leaves behind, of any
    kind (a connection that is lost is a thread as well)."""
    name: str
    base: Run
    fresh: Run
    kind: str = ""
    function: str = ""
    also: tuple = ()
    per: str = "both"


OTHER = {"flags": ("-O1", "-fno-inline"), "moved": True}  # the same code in another build
LATER = {"stretch": 1.4, "cache": 3000, "warm": True, "seed": 9}  # the same build in another run
PLANTS = (("HEAP", 20, "heap", "keep_name"), ("HEAP", 100, "heap", "keep_name"), ("FD", 100, "fd", "read_file"),
          ("THREAD", 150, "thread", "leave_thread"), ("TIMER", 100, "timer", "arm_timer"),
          ("MAPPING", 100, "mapping", "map_buffer"))
FAULTS = ("F01", "F03", "F05", "F11", "F15", "F16", "F26", "F29", "F30", "F33")


def planted_pairs():
    sound = Program()
    for macro, n, kind, function in PLANTS:
        leak = ((macro, n),)
        yield Pair(f"{kind}, one in {n}", sound, Program(leaks=leak, seed=2), kind, function)
        yield Pair(f"{kind}, one in {n}, another build, longer, larger cache", Program(seed=3),
                   Program(leaks=leak, **OTHER, **LATER), kind, function)
    yield Pair("heap, four times as much", Program(leaks=(("HEAP", 40),)), Program(leaks=(("HEAP", 10),), seed=2), "heap",
               "keep_name")
    yield Pair("heap beside an old leak of descriptors", Program(leaks=(("FD", 50),)),
               Program(leaks=(("FD", 50), ("HEAP", 20)), seed=2), "heap", "keep_name")
    # By time twice the requests are twice the leak; by marks, and by default, they are the same (below).
    yield Pair("the same leak (heap), twice the requests, by time", Program(leaks=(("HEAP", 20),), seed=2),
               Program(leaks=(("HEAP", 20),), rate=200, seed=12), "heap", "keep_name", per="time")
    for at, fault in enumerate(FAULTS):
        of = next(case for case in rows.FAULTS if case.name == fault)
        yield Pair(f"backend, {fault}", Server(which=1 + at % 2), Server(fault), of.kind, of.function, of.also)


def unchanged_pairs():
    sound = Program()
    for seed in (4, 5, 6):
        yield Pair(f"again, seed {seed}", sound, Program(seed=seed))
    yield Pair("longer", sound, Program(stretch=1.4, seed=9))
    yield Pair("shorter", Program(stretch=1.4, seed=9), sound)
    for cache in (3000, 10000):
        yield Pair(f"a warm cache of {cache} instead of 500", sound, Program(cache=cache, seed=7, warm=True))
    yield Pair("a cold cache of 1000 instead of 500", sound, Program(cache=1000, seed=7))
    yield Pair("lines moved", sound, Program(moved=True, seed=8))
    yield Pair("inlined otherwise", sound, Program(flags=("-O1", "-fno-inline"), seed=8))
    yield Pair("another build, longer, larger cache", sound, Program(**OTHER, **LATER))
    yield Pair("twice the requests", sound, Program(rate=200, seed=10))
    yield Pair("half the requests", Program(rate=200, seed=10), sound)
    for macro, n, kind, _ in (PLANTS[0], *PLANTS[2:]):
        yield Pair(f"the same leak ({kind}), another build, longer, larger cache", Program(leaks=((macro, n),), seed=2),
                   Program(leaks=((macro, n),), **OTHER, **LATER))
    yield Pair("the same leak (heap), twice the requests", Program(leaks=(("HEAP", 20),), seed=2),
               Program(leaks=(("HEAP", 20),), rate=200, seed=12))
    yield Pair("backend, again", Server(which=1), Server(which=2))
    yield Pair("backend, longer", Server(which=1), Server(stretch=1.4))
    yield Pair("backend, half the requests", Server(which=2), Server(rest=5))
    yield Pair("backend, larger caches", Server(which=1),
               Server(settings=("cache.max_entries=60", "logging.max_log_entries=400", "mcp.max_executions=60")))
    yield Pair("backend, the same fault (F15), longer", Server("F15"), Server("F15", stretch=1.4))


def short_pairs():
    other = Program(**OTHER, **{**LATER, "stretch": 1.05})
    sound = Program(warm=True)
    yield Pair("heap, one in 20, another build", sound, dataclasses.replace(other, leaks=(("HEAP", 20),)), "heap",
               "keep_name")
    yield Pair("thread, one in 50, another build", sound, dataclasses.replace(other, leaks=(("THREAD", 50),)),
               "thread", "leave_thread")
    yield Pair("another build, longer, larger cache", sound, other)
    yield Pair("the same leak, another build", Program(leaks=(("HEAP", 20),), seed=2, warm=True),
               dataclasses.replace(other, leaks=(("HEAP", 20),)))


def moved_source(text):
    """The program with lines, and a function that is used, inserted above everything that it has."""
    first = text.index("static void *cache")
    return (text[:first] + "\n" * 40 + "static unsigned added(unsigned n)\n{\n    return n * 3;\n}\n\n" +
            text[first:].replace("    double at_s = now_s();\n", "    double at_s = now_s() + 0 * added(n);\n\n\n", 1))


def compile_program(run, folder):
    """The executable of a run; builds that several runs share are made once."""
    at = folder / ("build-" + "-".join((*(flag.strip("-") for flag in run.flags), "moved" * run.moved,
                                        *(f"{kind}{n}" for kind, n in run.leaks))))
    if not at.exists():
        text = SOURCE.read_text(encoding="utf-8")
        source = folder / f"{at.name}.c"
        source.write_text(moved_source(text) if run.moved else text, encoding="utf-8")
        defines = [f"-DLEAK_{kind}={n}" for kind, n in run.leaks]
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-g", *run.flags, *defines,
                        f"-I{ROOT / 'include'}", str(source), "-o", str(at), "-lm", "-pthread"], check=True)
    return at


def recording_of(folder, run):
    return folder / f"{run.name()}.seep"


def record(run, folder, options):
    if isinstance(run, Server):
        vars_of = {**vars(options), "seconds": options.seconds * run.stretch, "rate": 1}
        detector.record(run.case(), folder, argparse.Namespace(**vars_of))
        return
    done = subprocess.run([options.build / "bin" / "seep", "run", "--quiet", "--interval", f"{options.interval:g}", "-o",
                           recording_of(folder, run), "--", folder / compile_program(run, folder).name,
                           f"{options.seconds * run.stretch:g}", str(run.cache), f"{run.rate:g}", str(run.seed),
                           *(["warm"] if run.warm else [])],
                          capture_output=True, text=True, check=False, timeout=options.seconds * run.stretch + LATE_S)
    if done.returncode != 0:
        raise detector.Failed(f"{run.name()}: status {done.returncode}: {done.stderr[-300:]}")


def record_all(pairs, folder, options):
    """All runs of the pairs, side by side; a run that several pairs need is made once."""
    runs = list(dict.fromkeys(run for pair in pairs for run in (pair.base, pair.fresh)))
    for run in runs:
        if isinstance(run, Program):
            compile_program(run, folder)
    # The longest first, so that the last ones to end are not alone.
    runs.sort(key=lambda run: -run.stretch)

    def one(at, jobs, run):
        detector.interrupted.wait(STAGGER_S * (at % jobs))
        if detector.interrupted.is_set():
            raise detector.Failed("interrupted")
        record(run, folder, options)

    futures = []
    with contextlib.ExitStack() as pools:
        # The small programs need next to nothing, so they all run beside the backends.
        for kind, jobs in ((Program, len(runs)), (Server, options.jobs)):
            pool = pools.enter_context(concurrent.futures.ThreadPoolExecutor(jobs))
            futures += [pool.submit(one, at, jobs, run)
                        for at, run in enumerate(run for run in runs if isinstance(run, kind))]
        for future in futures:
            future.result()


def compare(pair, folder, options):
    """What seep diff says of a pair."""
    done = subprocess.run([options.build / "bin" / "seep", "diff", recording_of(folder, pair.base),
                           recording_of(folder, pair.fresh), "--format", "json", "--per", pair.per],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise detector.Failed(f"{pair.name}: seep diff: {done.stderr.strip()}")
    return json.loads(done.stdout)


def is_it(pair, change):
    names = {frame["function"] for frame in change["stack"]}
    return change["change"] in ("new", "worse") and \
        (change["kind"] == pair.kind and pair.function in names or not names.isdisjoint(pair.also))


def brief(change):
    side = "base" if change["change"] == "gone" else "new"
    return f"{change['change']} {change[side]['verdict']} {change['kind']} {change['function']}"


def leaks(run):
    return bool(run.fault if isinstance(run, Server) else run.leaks)


def judge(pair, said):
    changes = said["changes"]
    if pair.kind:
        rank = next((at for at, change in enumerate(changes, 1) if is_it(pair, change)), 0)
        ok = rank == 1
    else:
        # A leak that both have must have been seen in both, or the pair shows nothing.
        rank, ok = 0, not changes and (said["counts"]["same"] > 0 or not leaks(pair.base))
    others = [brief(change) for change in changes if not (pair.kind and is_it(pair, change))]
    return {"name": pair.name, "planted": bool(pair.kind), "ok": ok, "rank": rank, "others": others,
            "first": brief(changes[0]) if changes else "-", "unsure": len(said["unsure"]),
            "same": said["counts"]["same"], "conclusive": said["conclusive"]}


def show(result):
    said = ["ok    " if result["ok"] else "NOT OK", f"{result['name']:62}", result["first"],
            f"({result['unsure']} not told apart, {result['same']} as before)"]
    print("  ".join(said), file=sys.stderr)
    for other in result["others"]:
        print(f"{'':12}+ {other}", file=sys.stderr)


def table(results, options, about):
    lines = ["| pair | expected first | said first | rank | other changes | as before | not told apart |",
             "|---|---|---|--:|--:|--:|--:|"]
    for pair, result in results:
        expected = f"{pair.kind}, `{pair.function}`" if pair.kind else "nothing"
        lines.append(f"| {pair.name} | {expected} | {result['first']} | "
                     f"{result['rank'] or '-'} | {len(result['others'])} | {result['same']} | {result['unsure']} |")
    planted = [result for _, result in results if result["planted"]]
    calm = [result for _, result in results if not result["planted"]]
    lines += ["", f"Planted regression first: {sum(each['ok'] for each in planted)} of {len(planted)} pairs. Something said "
                  f"where nothing changed: {sum(not each['ok'] for each in calm)} of {len(calm)}. Runs of "
                  f"{options.seconds:g} s and more, small programs side by side, {options.jobs} backends at a time; "
                  f"{about['cpu']}, {about['cores']} cores, Linux "
                  f"{about['kernel']}, {about['build']}, commit {about['commit']}."]
    return "\n".join(lines)


def parse(argv):
    parser = argparse.ArgumentParser(prog="bench/diff_pairs.py", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="of each run (default 60)")
    parser.add_argument("--interval", type=float, default=0.5, metavar="S", help="between snapshots (default 0.5)")
    parser.add_argument("--jobs", type=int, default=8, metavar="N", help="backends at a time (default 8)")
    parser.add_argument("--only", metavar="TEXT", help="pairs whose name has this in it")
    parser.add_argument("--short", action="store_true", help="four pairs, 20 s")
    parser.add_argument("--list", action="store_true", help="name the pairs and exit")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the recordings there")
    parser.add_argument("--again", type=Path, metavar="DIR", help="compare the recordings that --keep left")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/attribution.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all results")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR",
                        help="the build tree (default: build/release)")
    options = parser.parse_args(argv)
    options.build = options.build.absolute()
    pairs = list(short_pairs()) if options.short else [*planted_pairs(), *unchanged_pairs()]
    if options.short:
        options.seconds, options.interval = 18.5, 0.2
    pairs = [pair for pair in pairs if options.only is None or options.only in pair.name]
    if not pairs:
        parser.error("no such pair; --list names them")
    programs = ["seep"] if options.short else ["seep", "pma-backend", "pma-load"]
    for program in programs:
        if not options.list and not (options.build / "bin" / program).exists():
            parser.error(f"no {program} in {options.build}; build it first")
    return options, pairs


def write_docs(text):
    page = DOCS.read_text(encoding="utf-8")
    if not MARK.search(page):
        raise detector.Failed(f"{DOCS} has no place for the table")
    DOCS.write_text(MARK.sub(lambda match: match.group(1) + "\n" + text + "\n\n" + match.group(2), page), encoding="utf-8")


def main(argv):
    options, pairs = parse(argv)
    if options.list:
        for pair in pairs:
            print(f"{pair.name:62} {f'{pair.kind}, {pair.function}' if pair.kind else 'nothing'}")
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: detector.interrupted.set())
    backend.BINARY = str(options.build / "bin" / "pma-backend")
    backend.DEADLINE_S = STOP_S
    with contextlib.ExitStack() as stack:
        folder = options.again or options.keep or \
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seep-pairs-")))
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.absolute()
        if not options.again:
            record_all(pairs, folder, options)
        results = [(pair, judge(pair, compare(pair, folder, options))) for pair in pairs]
    for _, result in results:
        show(result)
    text = table(results, options, machine.describe(ROOT, options.build))
    print(text)
    if options.json:
        options.json.write_text(json.dumps([result for _, result in results], indent=1) + "\n", encoding="utf-8")
    if options.docs:
        write_docs(text)
    return 0 if all(result["ok"] for _, result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
