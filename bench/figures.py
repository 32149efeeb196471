"""From records to numbers: ratios within a round, medians over rounds, and the table of figures to reach.

SPDX-License-Identifier: MIT
"""
import dataclasses
import math
import statistics

import machine as machine_facts

MIB = 1024 * 1024
SLOW_SERVERS = ("redis-server -P 1", "memcached", "nginx")
FAST_SERVER = "redis-server -P 16"
HOT = "one hot stack of 26 frames"


@dataclasses.dataclass
class Spread:
    """Median, lowest and highest of what the rounds gave."""
    middle: float
    low: float
    high: float
    rounds: int


def spread(values):
    values = [value for value in values if value is not None]
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


class Records:
    """The records of one run of the bench, by what they are about."""

    def __init__(self, records):
        self.all = records
        self.machine = next((record for record in records if record["suite"] == "machine"), {})

    def of(self, suite, **wanted):
        return [record for record in self.all
                if record["suite"] == suite and all(record.get(name) == value for name, value in wanted.items())]

    def cases(self, suite):
        return list(dict.fromkeys(record["case"] for record in self.of(suite)))

    def problem(self, suite, case, tool):
        """Why there is no figure: the last problem seen."""
        found = [record["problem"] for record in self.of(suite, case=case, tool=tool) if record["problem"]]
        return found[-1] if found else None

    def _timed(self, suite, case, tool):
        """round -> record of the runs whose time counts. Round 0 counts for those that have no other."""
        good = [record for record in self.of(suite, case=case, tool=tool) if not record["problem"]]
        rounds = {record["round"]: record for record in good if record["round"] > 0}
        return rounds or {record["round"]: record for record in good if record["reduced"]}

    def _bare(self, suite, case, record):
        found = [bare for bare in self.of(suite, case=case, tool="bare", round=record["round"],
                                          reduced=record["reduced"]) if not bare["problem"]]
        return found[0] if found else None

    def pairs(self, suite, case, tool):
        """(bare, tool) of each round."""
        found = []
        for record in self._timed(suite, case, tool).values():
            bare = self._bare(suite, case, record)
            if bare is not None:
                found.append((bare, record))
        return found

    def ratio(self, suite, case, tool, field):
        """Of each round; of each slice of the load, where the field is what a slice gave."""
        found = []
        for bare, record in self.pairs(suite, case, tool):
            slices = zip(record.get("slices", ()), bare.get("slices", ())) if field == "per_s" else ()
            paired = [one / other for one, other in slices if other]
            found += paired or ([record[field] / bare[field]] if bare.get(field) else [])
        return spread(found)

    def absolute(self, suite, case, tool, field):
        return spread([record.get(field) for record in self._timed(suite, case, tool).values()])

    def peak(self, case, tool):
        """(peak bytes of bare, of the tool) with the same work; None without."""
        for record in self.of("program", case=case, tool=tool, round=0):
            bare = self._bare("program", case, record)
            if not record["problem"] and bare is not None:
                return bare["peak_bytes"], record["peak_bytes"]
        return None

    def micro(self, case, variant):
        """round -> value."""
        return {record["round"]: record["value"] for record in self.of("micro", case=case, variant=variant)
                if record["value"] is not None}

    def micro_problem(self, case, variant):
        found = [record["problem"] for record in self.of("micro", case=case, variant=variant) if record["problem"]]
        return found[-1] if found else None

    def micro_difference(self, case, variant, base):
        one, other = self.micro(case, variant), self.micro(case, base)
        return spread([one[number] - other[number] for number in one if number in other])

    def held(self, case, tool):
        found = [record["bytes"] for record in self.of("held", case=case, tool=tool) if not record["problem"]]
        return statistics.median(found) if found else None


def against_us(value, digits, lower):
    """Rounded, but never to the better side."""
    step = 10 ** digits
    return (math.ceil(value * step - 1e-9) if lower else math.floor(value * step + 1e-9)) / step


@dataclasses.dataclass
class Figure:
    """measured: None when this run did not measure it. lower: whether less is better. unit "1/": a part of one."""
    what: str
    must: float
    aim: float
    measured: float
    unit: str
    digits: int = 0
    lower: bool = True
    note: str = ""

    def reaches(self, goal):
        return self.measured <= goal if self.lower else self.measured >= goal

    def verdict(self):
        if self.measured is None:
            return self.note or "not measured"
        if not self.reaches(self.must):
            return "MISSED"
        return "ok, aim reached" if self.reaches(self.aim) else "ok"

    def text(self, value, is_goal=False):
        if value is None:
            return "-"
        if self.unit == "1/":
            if value <= 0:
                return "0"
            return f"1/{round(1 / value)}" if is_goal else f"1/{against_us(1 / value, 1, False):.1f}"
        if is_goal:
            return f"{value:g}{self.unit}"
        return f"{against_us(value, self.digits, self.lower):.{self.digits}f}{self.unit}"


def _geometric(values):
    return math.exp(statistics.fmean(math.log(value) for value in values)) if values else None


def _worst(values, largest=True):
    values = [value for value in values if value is not None]
    return (max if largest else min)(values) if values else None


def _named_programs(records):
    """Without the extremes, which the tables show beside them."""
    return [case for case in records.cases("program") if "-" not in case]


def _cpu(records):
    ratios = [found.middle for case in _named_programs(records)
              if (found := records.ratio("program", case, "full", "cpu_s")) is not None]
    return [Figure("CPU against bare, geometric mean of the programs", 1.20, 1.10, _geometric(ratios), "x", 3),
            Figure("CPU against bare, the worst of them", 1.45, 1.20, _worst(ratios), "x", 3)]


def _against_heaptrack(records):
    parts = []
    for case in _named_programs(records):
        ours = {record["round"]: record["cpu_s"] - bare["cpu_s"] for bare, record in
                records.pairs("program", case, "full")}
        theirs = {record["round"]: record["cpu_s"] - bare["cpu_s"] for bare, record in
                  records.pairs("program", case, "heaptrack")}
        both = [ours[number] / theirs[number] for number in ours if theirs.get(number, 0) > 0]
        if both:
            parts.append(max(statistics.median(both), 1e-4))  # noise may make less than nothing of it
    return [Figure("added CPU against heaptrack's, the worst program", 1 / 6, 1 / 12, _worst(parts), "1/"),
            Figure("added CPU against heaptrack's, geometric mean", 1 / 20, 1 / 40, _geometric(parts), "1/")]


def _hot(records):
    found = []
    for options, title, must, aim in (("simd=avx512", "AVX-512", 16, 12), ("simd=scalar", "scalar", 22, 16)):
        difference = records.micro_difference(HOT, options, "bare")
        note = records.micro_problem(HOT, options) or ""
        if options == "simd=avx512" and records.machine and not machine_facts.has_avx512(records.machine):
            difference, note = None, "this CPU has none"
        found.append(Figure(f"added CPU per malloc/free pair, one hot stack of 26 frames, {title}", must, aim,
                            difference.middle if difference else None, " ns", 1, note=note))
    return found


def _changing(records):
    """The worst case of all changing stacks: added time of a pair against one unwinding at the same place."""
    unwind, rules = [], []
    for case in records.cases("micro"):
        if case == HOT or not records.micro(case, "unwind"):
            continue
        full, bare = records.micro(case, "full"), records.micro(case, "bare")
        descent, libunwind, plain = (records.micro(case, name) for name in ("descent", "unwind", "rules"))
        shared = [number for number in full if number in bare and number in descent]
        parts = [(full[n] - bare[n]) / (libunwind[n] - descent[n]) for n in shared if n in libunwind]
        unwind.append(statistics.median(parts) if parts else None)
        parts = [(full[n] - bare[n]) / (plain[n] - bare[n]) for n in shared if n in plain and plain[n] > bare[n]]
        rules.append(statistics.median(parts) if parts else None)
    note = next((record["problem"] for record in records.of("micro", variant="rules") if record["problem"]), "")
    return [Figure("changing stacks, the worst case: added time against unw_backtrace's", 0.5, 0.25, _worst(unwind), "x", 3),
            Figure("changing stacks, the worst case: against plain rule unwinding", 1.0, 1.0, _worst(rules), "x", 3,
                   note=note)]


def _served(records):
    def share(case, tool):
        found = records.ratio("server", case, tool, "per_s")
        return 100 * found.middle if found else None
    found = []
    for tool, must, aim in (("full", 97, 99), ("sampled", 99, 100)):
        found.append(Figure(f"requests/s against bare, worst of redis -P 1, memcached, nginx, {tool}", must, aim,
                            _worst([share(case, tool) for case in SLOW_SERVERS], largest=False), " %", 2, lower=False,
                            note=records.problem("server", SLOW_SERVERS[0], tool) or ""))
    for tool, must, aim in (("full", 88, 95), ("sampled", 97, 99)):
        found.append(Figure(f"requests/s against bare, redis -P 16, {tool}", must, aim, share(FAST_SERVER, tool), " %", 2,
                            lower=False, note=records.problem("server", FAST_SERVER, tool) or ""))
    return found


def _scaling(records):
    """How much of bare's scaling from one thread to two is lost; the worse of own blocks and each other's."""
    losses = []
    for whose in ("their own", "each other's"):
        values = [records.micro(f"{threads}, {whose} blocks", tool) for tool in ("bare", "full")
                  for threads in ("1 thread", "2 threads")]
        shared = set.intersection(*(set(value) for value in values))
        parts = [100 * (1 - values[3][n] / values[2][n] / (values[1][n] / values[0][n])) for n in shared]
        losses.append(statistics.median(parts) if parts else None)
    return [Figure("2 threads against 1, loss of scaling", 5, 0, _worst(losses), " %", 2)]


def block_memory(records):
    """(bytes added per block, bytes added at none) from the two sizes; None without both."""
    added = []
    for case, count in sorted({(record["case"], record["count"]) for record in records.of("held")
                               if "blocks" in record["case"]}, key=lambda pair: pair[1]):
        bare, full = records.held(case, "bare"), records.held(case, "full")
        if bare is not None and full is not None:
            added.append((count, full - bare))
    if len(added) < 2:
        return None
    slope = (added[-1][1] - added[0][1]) / (added[-1][0] - added[0][0])
    return slope, added[0][1] - slope * added[0][0]


def _memory(records):
    line = block_memory(records)
    threads = [record for record in records.of("held") if "threads" in record["case"] and not record["problem"]]
    per_thread = None
    if {record["tool"] for record in threads} >= {"bare", "full"}:
        case, count = threads[0]["case"], threads[0]["count"]
        per_thread = (records.held(case, "full") - records.held(case, "bare")) / count / 1024
    return [Figure("added memory per live 32-byte block (1 to 4 million)", 24, 12, line[0] if line else None,
                   " bytes", 1),
            Figure("added memory beside that", 24, 8, line[1] / MIB if line else None, " MiB", 1),
            Figure("added memory per thread, 1,000 threads with 100 sites each", 256, 64, per_thread,
                   " KiB", 1)]


def _rest(records):
    create = records.micro_difference("pthread_create + join", "full", "bare")
    percents = [record["percent"] for record in records.of("collector") if not record["problem"]]
    return [Figure("pthread_create + join, added", 10, 3, create.middle if create else None,
                   " us", 2),
            Figure("collector CPU, 1 s interval, 10,000 sites, 1 million live blocks", 2, 0.5, _worst(percents),
                   " % of a core", 2)]


def to_reach(records):
    """All figures of the table, in its order."""
    return [*_cpu(records), *_against_heaptrack(records), *_hot(records), *_changing(records), *_served(records),
            *_scaling(records), *_memory(records), *_rest(records)]
