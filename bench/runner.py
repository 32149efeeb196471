"""Makes the runs, in turns, and hands each one's record to whoever writes it down.

A round runs every tool of a case directly after the other, so that what disturbs the machine disturbs them alike, and
each round begins with another tool, so that none is always the first; a ratio is only ever made within a round. Many
rounds are needed: address space randomization alone makes some programs (jq) a fifth slower in every other run. Round
0 is not timed: it looks at memory (which costs time), warms the caches, and is the only round of the tools that are
too slow for more.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import measure
import micros
import servers
from tools import ALL_ROUNDS, FEW_ROUNDS, ONE_ROUND

FEW = 2                 # rounds of the slow tools
MICRO_ROUNDS = 3        # each of these takes the fastest of five blocks already
REDUCED_SCALE = 0.05
EACH_STAND = ("bare", "full", "sampled")  # what a peer costs is many times the noise, what we cost is not
RUN_WAIT_S = 150
READY_WAIT_S = 60
HOLD_S = 2.5            # two intervals of the collector
COLLECTOR_SETTLE_S = 3
COLLECTOR_LOOK_S = 20
# Seconds that a run is expected to take before the first one has shown it: for the estimate alone.
GUESS_S = {"heaptrack": 5, "jemalloc-all": 3, "gperftools": 3, "massif": 6}


class Progress:
    """Says what runs, how long it has been, and about how much is left."""

    def __init__(self, out, budget_s):
        self.out, self.start, self.budget_s = out, time.monotonic(), budget_s
        self.seconds = {}

    def elapsed_s(self):
        return time.monotonic() - self.start

    def expected_s(self, steps):
        return sum(self.seconds.get(step.key, step.guess_s) for step in steps)

    def has_time_for(self, steps):
        return self.elapsed_s() + self.expected_s(steps) <= self.budget_s

    def say(self, text):
        passed = int(self.elapsed_s())
        self.out.write(f"[{passed // 60:2}:{passed % 60:02}] {text}\n")
        self.out.flush()

    @contextlib.contextmanager
    def step(self, step, left):
        expected = int(self.expected_s(left))
        self.say(f"about {expected // 60}:{expected % 60:02} left  {step.title}")
        start = time.monotonic()
        yield
        self.seconds[step.key] = time.monotonic() - start


class Step:
    def __init__(self, key, title, work, guess_s):
        self.key, self.title, self.work, self.guess_s = key, title, work, guess_s


class _Loaded:
    """A server under a tool: what loading it has shown, over all the times that it was started."""

    def __init__(self, tool, reduced):
        self.tool, self.reduced = tool, reduced
        self.problem, self.slices, self.requests, self.recording_bytes = None, [], 0, 0
        self.total = measure.Result()
        self.folder, self.port, self.run = None, 0, None  # of this time

    def takes_part(self, stand):
        return self.problem is None and (stand == 0 or (self.tool.key in EACH_STAND and not self.reduced))

    def load(self, server, counts):
        """One slice, if nothing went wrong before. counts: not one that only warms up."""
        if self.problem is not None:
            return
        try:
            requests = int(server.requests * (REDUCED_SCALE if self.reduced else 1))
            per_s, served = server.load(self.port, requests)
        except (subprocess.SubprocessError, ValueError, AttributeError) as error:
            self.problem = f"load fails: {error}"[:120]
            return
        self.requests += served
        if counts:
            self.slices.append(per_s)

    def add(self, result):
        """One of its runs has ended."""
        self.problem = self.problem or result.problem
        self.recording_bytes = measure.folder_bytes(self.folder / "out")
        if self.tool.records and self.recording_bytes == 0:
            self.problem = self.problem or "no recording"
        self.total.cpu_s += result.cpu_s
        self.total.rusage_cpu_s += result.rusage_cpu_s
        self.total.wall_s += result.wall_s
        self.total.peak_bytes = max(self.total.peak_bytes, result.peak_bytes)


class Runner:
    """record(dictionary) is called for each run; chosen(case, tool) says whether it is wanted."""

    def __init__(self, seep, tools, programs, record, chosen):
        self.seep, self.tools, self.programs, self.record, self.chosen = seep, tools, programs, record, chosen
        self.by_key = {tool.key: tool for tool in tools}
        self.inputs = Path(tempfile.mkdtemp(prefix="seep-bench-in-"))
        self.refused = {}  # options that this build of Seep does not know
        self.printed = {}  # by each program bare: no tool may change it

    def close(self):
        shutil.rmtree(self.inputs, ignore_errors=True)

    # --- what a round consists of

    def steps(self, number):
        """The steps of round `number`, in order."""
        found = self.program_steps(number) + self._server_steps(number)
        if 0 < number <= MICRO_ROUNDS:
            found += self._micro_steps(number)
        if number == 1:
            found += self._held_steps()
        return found

    def _tools_of_round(self, number, case):
        """(tool, reduced) of a round; a bare run of the reduced work comes before the tools that get it."""
        wanted = [tool for tool in self.tools
                  if self.chosen(case, tool.key) and (tool.missing is None or number == 0)]
        rounds = {ALL_ROUNDS: True, FEW_ROUNDS: number <= FEW, ONE_ROUND: number == 0}
        fast = [(tool, False) for tool in wanted if rounds[tool.rounds] and not tool.reduced]
        slow = [(tool, True) for tool in wanted if rounds[tool.rounds] and tool.reduced]
        if fast and number > 0:
            first = number % len(fast)
            fast = fast[first:] + fast[:first]
        return fast + ([(self.by_key["bare"], True)] + slow if slow else [])

    def program_steps(self, number):
        """Those of the distribution's programs."""
        steps = []
        for program in self.programs:
            for tool, reduced in self._tools_of_round(number, program.name):
                steps.append(Step((program.name, tool.key, reduced), f"round {number}  {program.name}  {tool.title}",
                                  lambda p=program, t=tool, r=reduced: self._run_program(p, t, r, number),
                                  GUESS_S.get(tool.key, 1.5)))
        return steps

    def _server_steps(self, number):
        """Round 0 looks at memory, one server after the other; in the others they are loaded by turns."""
        steps = []
        for server in servers.all_servers(self.seep.micro):
            entrants = self._tools_of_round(number, server.name)
            together = [entrants] if number > 0 and entrants else [[entrant] for entrant in entrants]
            for group in together:
                title = group[0][0].title if number == 0 else f"{len(group)} servers by turns"
                key = (server.name, *group[0]) if number == 0 else (server.name, "turns", len(group))
                steps.append(Step(key, f"round {number}  {server.name}  {title}",
                                  lambda s=server, g=group: self._run_servers(s, g, number),
                                  sum(GUESS_S.get(tool.key, 2.5) for tool, _ in group)))
        return steps

    def _micro_steps(self, number):
        steps = []
        for case in micros.stack_cases() + micros.other_cases():
            variants = [(name, what) for name, what in case.variants
                        if self.chosen("micro", what[2]) and (what[2] != "heaptrack" or number <= FEW)]
            if variants:
                steps.append(Step((case.name, "micro"), f"round {number}  {case.name}",
                                  lambda c=case, v=variants: self._run_micro(c, v, number), 2.0))
        return steps

    def _held_steps(self):
        steps = []
        for case in micros.held_cases():
            for key in ("bare", "full"):
                if self.chosen("micro", key):
                    steps.append(Step((case.name, key), f"memory of {case.name}  {self.by_key[key].title}",
                                      lambda c=case, k=key: self._run_held(c, k), HOLD_S + 1))
        for case in micros.collector_cases():
            if self.chosen("micro", "full"):
                steps.append(Step((case.name, "collector"), f"the collector, {case.name}",
                                  lambda c=case: self._run_collector(c), COLLECTOR_SETTLE_S + COLLECTOR_LOOK_S + 1))
        return steps

    # --- one run

    @contextlib.contextmanager
    def _folder(self):
        folder = Path(tempfile.mkdtemp(prefix="seep-bench-"))
        folder.chmod(0o777)  # memcached is another user
        (folder / "out").mkdir(mode=0o777)
        (folder / "out").chmod(0o777)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self, tool, command, folder, env, sampled):
        wrapped, wrapped_env = tool.wrap([str(part) for part in command], env, folder / "out")
        return measure.Run(self.seep.launcher, wrapped, folder, wrapped_env, sampled)

    def _write(self, suite, case, tool, number, result, recording, **more):
        problem = result.problem
        if problem is None and tool.records and recording == 0:
            problem = "no recording"
        self.record({"suite": suite, "case": case, "tool": tool.key, "round": number, "cpu_s": result.cpu_s,
                     "rusage_cpu_s": result.rusage_cpu_s, "wall_s": result.wall_s, "peak_bytes": result.peak_bytes,
                     "recording_bytes": recording, "problem": problem, **more})

    def _run_program(self, program, tool, reduced, number):
        scale = REDUCED_SCALE if reduced else 1
        missing = tool.missing or program.missing()
        with self._folder() as folder:
            result = measure.Result(problem=missing)
            if missing is None:
                if (program.name, scale) not in self.printed:
                    program.prepare(self.inputs, scale)
                with self._start(tool, program.command(self.inputs, scale), folder, program.env, number == 0) as run:
                    result = run.finish(RUN_WAIT_S)
                expected = self.printed.setdefault((program.name, scale), result.stdout)
                if result.problem is None and expected not in result.stdout:  # heaptrack has words of its own
                    result.problem = "prints something else"
            self._write("program", program.name, tool, number, result, measure.folder_bytes(folder / "out"),
                        reduced=reduced)

    def _run_servers(self, server, entrants, number):
        """Starts the server under each (tool, reduced), loads them by turns, ends them; several times in a round, since
        where a process's pages happen to lie makes it faster or slower for as long as it runs."""
        loaded = [_Loaded(tool, reduced) for tool, reduced in entrants]
        for one in loaded:
            one.problem = one.tool.missing or server.missing()
        for stand in range(server.stands if number > 0 else 1):
            self._stand_together(server, [one for one in loaded if one.takes_part(stand)], number)
        for one in loaded:
            one.total.problem = one.problem
            per_s = statistics.median(one.slices) if one.slices else 0.0
            cpu_us = 1e6 * one.total.cpu_s / one.requests if one.requests else 0.0
            self._write("server", server.name, one.tool, number, one.total, one.recording_bytes, reduced=one.reduced,
                        per_s=per_s, slices=one.slices, cpu_us_per_request=cpu_us)

    def _stand_together(self, server, group, number):
        with contextlib.ExitStack() as stack:
            for one in group:
                one.folder = stack.enter_context(self._folder())
                self._stand(server, one, stack, number == 0)
            for turn in range(1 + server.turns if number > 0 else 1):
                for at in range(len(group)):
                    group[(turn + at) % len(group)].load(server, turn > 0 or number == 0)
            stood = [one for one in group if not (one.problem or "").startswith("does not start")]
            for one in stood:  # all at once: some take seconds to end
                server.end(one.folder, one.port)
            for one in stood:
                one.add(one.run.finish(RUN_WAIT_S))

    def _stand(self, server, one, stack, sampled):
        one.port = servers.free_port()
        one.run = stack.enter_context(self._start(one.tool, server.command(one.folder, one.port), one.folder, {}, sampled))
        if not one.run.wait_for(lambda: servers.answers(one.port), servers.ANSWER_WAIT_S):
            one.problem = "does not start" + _last_words(one.run)

    def _refusal(self, options):
        if options not in self.refused:
            self.refused[options] = None if self.seep.knows(options) else "not in this build"
        return self.refused[options]

    def _run_micro(self, case, variants, number):
        for name, (program, arguments, key, options) in variants:
            tool = self.by_key[key]
            problem = tool.missing or (self._refusal(options) if options else None)
            value = None
            if problem is None:
                with self._folder() as folder:
                    wrap = self.seep.run(seep_options=options) if options else tool.inside or tool.wrap
                    command, env = wrap([str(self.seep.micro / program), *map(str, arguments)], {}, folder / "out")
                    with measure.Run(self.seep.launcher, command, folder, env) as run:
                        result = run.finish(RUN_WAIT_S)
                    problem = result.problem
                    if problem is None:
                        value = _number(result.stdout, case.value)
                        problem = None if value is not None else "prints no figure"
            self.record({"suite": "micro", "case": case.name, "variant": name, "tool": key, "options": options,
                         "round": number, "unit": case.value, "value": value, "problem": problem})

    @contextlib.contextmanager
    def _holding(self, case, key):
        """A program that is ready and waits."""
        with self._folder() as folder:
            with self._start(self.by_key[key], [self.seep.micro / case.program, *case.arguments], folder, {}, False) as run:
                ready = run.wait_for(lambda: b"ready" in run.output(0), READY_WAIT_S)
                yield run if ready else None
                if ready:
                    run.finish(RUN_WAIT_S)

    def _run_held(self, case, key):
        with self._holding(case, key) as run:
            held = 0
            if run is not None:
                time.sleep(HOLD_S)
                held = run.pss_bytes()
            self.record({"suite": "held", "case": case.name, "tool": key, "count": case.count, "bytes": held,
                         "problem": None if run else "does not get ready"})

    def _run_collector(self, case):
        with self._holding(case, "full") as run:
            percent, problem = 0.0, "does not get ready"
            if run is not None:
                ours = [pid for pid in run.processes()
                        if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(self.seep.program)]
                time.sleep(COLLECTOR_SETTLE_S)
                start, before_s = time.monotonic(), sum(map(measure.process_cpu_s, ours))
                time.sleep(COLLECTOR_LOOK_S)
                used_s = sum(map(measure.process_cpu_s, ours)) - before_s
                percent, problem = 100 * used_s / (time.monotonic() - start), None if used_s > 0 else "no collector"
            self.record({"suite": "collector", "case": case.name, "tool": "full", "percent": percent,
                         "problem": problem})


def _last_words(run):
    lines = run.output(1).decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    said = [line for line in said if not line.startswith("==")]  # valgrind's own
    return f": {said[-1][:36]}" if said else ""


def _number(text, name):
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and name in said:
                return said[name]
    return None
