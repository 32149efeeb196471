"""Instruction counts of the recording paths, against those that were committed.

Times are too noisy for continuous integration, counts are not: callgrind counts what the program executes, Seep's
library in it. Each case runs with two numbers of iterations; the difference, divided by theirs, is the count of one
iteration without start and end. valgrind's own address space is small, and the segment is sized by the limit on it
(RLIMIT_AS), so one is set.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ADDRESS_SPACE_BYTES = 60 << 30
NOISE_RATIO = 0.03
NOISE_INSTRUCTIONS = 3
WAIT_S = 120
UPDATE_RUNS = 5  # counts vary by some hundredths, too
EXIT_WORSE, EXIT_SKIPPED = 1, 77
HOT = ("bench-stacks", "hot", 19, 1, "inner", "pair")
CHANGING = ("bench-stacks", "changing", 20)

MODE_SAMPLED = "sampled"
SCALAR = "simd=scalar"  # what the shim would choose by timing is nobody's guess under an emulator

# name -> (program and arguments without the last, the number of iterations), fewer and more iterations, SEEP_OPTIONS;
# MODE_SAMPLED instead of them: `seep run --mode sampled`
CASES = {
    "hot stack, 12 frames": (("bench-stacks", "hot", 5, 1, "inner", "pair"), 20000, 60000, SCALAR),
    "hot stack, 26 frames": (HOT, 20000, 60000, SCALAR),
    "hot stack, 67 frames": (("bench-stacks", "hot", 60, 1, "inner", "pair"), 20000, 60000, SCALAR),
    "changing, 20 calls, 16 paths near malloc": ((*CHANGING, 16, "inner", "pair"), 10000, 40000, SCALAR),
    "changing, 20 calls, 16 paths near main": ((*CHANGING, 16, "outer", "pair"), 10000, 40000, SCALAR),
    "changing, 20 calls, 4096 paths near malloc": ((*CHANGING, 4096, "inner", "pair"), 30000, 60000, SCALAR),
    "changing, 20 calls, 4096 paths near main": ((*CHANGING, 4096, "outer", "pair"), 30000, 60000, SCALAR),
    "depth changes": (("bench-stacks", "ragged", 60, 1, "inner", "pair"), 10000, 40000, SCALAR),
    "each other's blocks": (("bench-handoff", "others", 1), 20480, 61440, SCALAR),
    "hot stack, 26 frames, sampled": (HOT, 20000, 60000, MODE_SAMPLED),
}


def _limit():
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))


def _instructions(seep, arguments, iterations, options, is_bare):
    """Instructions of one run. Raises RuntimeError when it fails, or records nothing."""
    program, *rest = arguments
    with tempfile.TemporaryDirectory(prefix="seep-bench-") as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.out",
                   str(seep.micro / program), *map(str, rest), str(iterations)]
        # nothing of the outer environment: it lies on the stack, whose address counts
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "DEBUGINFOD_URLS": ""}
        if not is_bare:
            wrap = seep.run(("--mode", "sampled")) if options == MODE_SAMPLED else seep.run(seep_options=options)
            command, extra = wrap(command, {}, folder)
            env.update(extra)
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=WAIT_S, preexec_fn=_limit,
                              check=False)
        count = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode != 0 or not count or "not recorded" in done.stderr:
            raise RuntimeError(f"{' '.join(command)}: status {done.returncode}: {done.stderr.strip()[-400:]}")
        if not is_bare and not (Path(folder) / "program.seep").stat().st_size:
            raise RuntimeError(f"{' '.join(command)}: no recording")
        return int(count.group(1))


def _per_iteration(seep, case):
    """(bare, recorded) instructions of one iteration."""
    arguments, fewer, more, options = case
    bare, recorded = ((_instructions(seep, arguments, more, options, is_bare) -
                       _instructions(seep, arguments, fewer, options, is_bare)) / (more - fewer)
                      for is_bare in (True, False))
    return bare, recorded


def _added(seep, workers):
    """name -> instructions added per iteration; None where this build lacks the option."""
    def known(options):
        return seep.accepts("--mode", "sampled") if options == MODE_SAMPLED else not options or seep.knows(options)
    wanted = {name: case for name, case in CASES.items() if known(case[3])}
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        found = dict(zip(wanted, pool.map(lambda case: _per_iteration(seep, case), wanted.values())))
    return {name: found[name][1] - found[name][0] if name in found else None for name in CASES}


def _middle(runs):
    """The median of each case: what is written down is not to be a lucky run."""
    return {name: None if count is None else statistics.median(run[name] for run in runs)
            for name, count in runs[0].items()}


def compare(added, expected, out):
    """Prints a line per case. Returns: the names of those that got worse by more than noise."""
    worse = []
    for name, count in added.items():
        before = expected.get(name)
        if count is None:
            verdict = "not in this build" if before is None else "WORSE: gone from this build"
        elif before is None:
            verdict = "new: --update writes it down"
        elif count > before * (1 + NOISE_RATIO) + NOISE_INSTRUCTIONS:
            verdict = f"WORSE by {100 * (count / before - 1):.1f} %" if before > 0 else "WORSE"
        elif count < before * (1 - NOISE_RATIO) - NOISE_INSTRUCTIONS:
            verdict = "better: --update writes it down"
        else:
            verdict = "as expected"
        if verdict.startswith("WORSE"):
            worse.append(name)
        shown = ["-" if value is None else f"{value:.1f}" for value in (count, before)]
        out.write(f"{name:44} {shown[0]:>10} {shown[1]:>10}  {verdict}\n")
    return worse


def run(seep, expected_file, update):
    """Returns: the exit status; 77 without valgrind, as ctest takes it for skipped."""
    try:
        subprocess.run(["valgrind", "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        print("bench: valgrind is not installed (scripts/setup.sh)", file=sys.stderr)
        return EXIT_SKIPPED
    expected = json.loads(expected_file.read_text(encoding="ascii")) if expected_file.exists() else {}
    try:
        added = _middle([_added(seep, len(os.sched_getaffinity(0))) for _ in range(UPDATE_RUNS if update else 1)])
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_WORSE
    if not expected and not update:
        print(f"bench: {expected_file}: no counts to compare with; --quick --update makes it", file=sys.stderr)
        return EXIT_WORSE
    print(f"{'instructions added per malloc/free pair':44} {'now':>10} {'expected':>10}")
    worse = compare(added, expected, sys.stdout)
    if update:
        kept = {name: round(count, 1) for name, count in added.items() if count is not None}
        expected_file.write_text(json.dumps(kept, indent=1) + "\n", encoding="ascii")
        print(f"written: {expected_file}")
        return 0
    if worse:
        print(f"bench: worse: {'; '.join(worse)}. If it is worth it: bench/run.py --quick --update", file=sys.stderr)
    return EXIT_WORSE if worse else 0
