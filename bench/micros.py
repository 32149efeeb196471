"""The bench's own programs: what each case runs, and which number of it counts.

SPDX-License-Identifier: MIT
"""
import dataclasses

FRAMES_BESIDE_DEPTH = 7  # _start, two of libc's, main, run_block, bench_descend, and the one that allocates
HOT_DEPTH = 26 - FRAMES_BESIDE_DEPTH
THREADS_HELD = 1000


@dataclasses.dataclass(frozen=True)
class Case:
    """variants: name of a column -> (program, arguments, tool, SEEP_OPTIONS). Each prints `value`."""
    name: str
    value: str
    variants: tuple


def _stacks(name, shape, depth, paths, place, iterations, extra=()):
    def run(action, tool, options="", program="bench-stacks", share=1.0):
        return (program, (shape, depth, paths, place, action, int(iterations * share)), tool, options)
    unwind = "bench-stacks-unwind"
    return Case(name, "ns", (
        ("descent", run("none", "bare")),
        ("bare", run("pair", "bare")),
        ("pass", run("pair", "pass")),
        ("full", run("pair", "full")),
        ("sampled", run("pair", "sampled")),
        ("rules", run("pair", "full", "memo=off", share=0.5)),
        ("unwind", run("unwind", "bare", program=unwind, share=0.3)),
        ("heaptrack", run("pair", "heaptrack", share=0.2)),
        *((options, run("pair", "full", options)) for options in extra)))


def stack_cases():
    cases = [_stacks("one hot stack of 26 frames", "hot", HOT_DEPTH, 1, "inner", 3000000,
                     ("simd=scalar", "simd=avx2", "simd=avx512"))]
    for depth in (5, 20, 60):
        cases.append(_stacks(f"{depth} calls, 1 path", "changing", depth, 1, "inner", 200000))
        for paths in (16, 4096):
            for place in ("inner", "outer"):
                where = "differ near main" if place == "outer" else "differ near malloc"
                cases.append(_stacks(f"{depth} calls, {paths:,} paths, {where}", "changing", depth, paths, place, 200000))
    cases.append(_stacks("depth changes with every call (5 to 60)", "ragged", 60, 1, "inner", 200000))
    return cases


def other_cases():
    def under(tools, program, *arguments):
        return tuple((tool, (program, arguments, tool, "")) for tool in tools)
    seep = ("bare", "pass", "full", "sampled")
    cases = []
    for whose in ("own", "others"):
        for threads in (1, 2):
            word = "each other's" if whose == "others" else "their own"
            cases.append(Case(f"{threads} thread{'s' * (threads > 1)}, {word} blocks", "pairs_per_s",
                              under((*seep, "heaptrack"), "bench-handoff", whose, threads, 4000000)))
    cases.append(Case("pthread_create + join", "us", under((*seep, "heaptrack"), "bench-threads", "join", 4000, 0)))
    cases.append(Case("1,000 short threads, 100 sites each", "us", under((*seep, "heaptrack"), "bench-threads", "join", 1000,
                                                                       100)))
    for threads in (1, 2):
        cases.append(Case(f"a mark (seep_mark), {threads} thread{'s' * (threads > 1)} on one label", "ns",
                          under(seep, "bench-marks", threads, 10000000)))
    cases.append(Case("10,000 descriptors opened and closed", "ns", under(seep, "bench-descriptors", 10000, 10)))
    return cases


@dataclasses.dataclass(frozen=True)
class Held:
    """A program that holds something while it is looked at."""
    name: str
    program: str
    arguments: tuple
    count: int


def held_cases():
    return [Held(f"{million} million live 32-byte blocks", "bench-blocks", (million * 1000000, 32, 1000, 0),
                 million * 1000000) for million in (1, 4)] + [
        Held("1,000 threads, 100 sites each", "bench-threads", ("hold", THREADS_HELD, 100), THREADS_HELD)]


def collector_cases():
    """What the collector has to look at while nothing, and while every site, changes."""
    return [Held("at rest", "bench-blocks", (1000000, 32, 10000, 0), 1),
            Held("each site changes each second", "bench-blocks", (1000000, 32, 10000, 10000), 1)]
