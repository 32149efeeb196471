"""Programs whose stacks are hard to take: each stack recorded is the one that libunwind saw, as often as it saw it.

Usage: stack_test.py LIBRARY PROGRAM_DIR [unittest options]. SPDX-License-Identifier: MIT
"""
import bisect
import collections
import json
import os
import random
import sys
import tempfile
import unittest

from segment_reader import Run, symbols_of

LIBRARY, PROGRAMS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
COMPLETE, DEEP, NO_RULE = 1, 2, 3  # SEEP_NODE_*
MAX_FRAMES = 1024
FIRST_STACK_LOSS = 32
CHECK_UNAVAILABLE = 0xffffffff


def program(name):
    return os.path.join(PROGRAMS, "host_" + name)


def run(name, *arguments, **options):
    return Run(LIBRARY, program("segment_facts"), [program(name), *arguments], timeout_s=120, **options)


def recorded_stacks(segment, name):
    """Acquisitions by (frames from the caller of a tally_ function outwards, how the stack ends)."""
    table = symbols_of(program(name))
    starts = [row[0] for row in table]
    real = os.path.realpath(program(name))
    stacks = collections.Counter()
    for site in segment.sites:
        if site["kind"] != "heap" or not site["frames"] or os.path.realpath(site["frames"][0][0]) != real:
            continue
        if table[bisect.bisect_right(starts, site["frames"][0][1] - 1) - 1][1].startswith("tally_"):
            frames = tuple((os.path.basename(path), offset) for path, offset in site["frames"][1:])
            stacks[frames, site["root"]] += site["counts"][0]
    return stacks


class StackTest(unittest.TestCase):
    maxDiff = 3000

    def check(self, name, *arguments, end_of=lambda frames: COMPLETE, **options):
        """Runs a program that tallies; gives its segment."""
        ended = run(name, *arguments, **options)
        self.assertEqual((ended.status, ended.stderr), (0, ""))
        wanted = collections.Counter()
        for count, frames in json.loads(ended.stdout)["stacks"]:
            frames = tuple((module, offset) for module, offset in frames)
            wanted[frames, end_of(frames)] += count
        segment = ended.segments[0]
        recorded = recorded_stacks(segment, name)
        self.assertGreater(sum(wanted.values()), 50)
        missing, extra = wanted - recorded, recorded - wanted
        self.assertEqual((list(missing.items())[:2], list(extra.items())[:2]), ([], []),
                         f"{len(missing)} of {len(wanted)} stacks are missing or too rare, {len(extra)} not the program's")
        self.assertEqual({k: v for k, v in segment.lost.items() if k < FIRST_STACK_LOSS}, {})
        return segment

    def test_frames_that_only_people_write(self):
        segment = self.check("odd")
        self.assertEqual(segment.lost, {})

    def test_coroutines_wherever_their_stack_lies(self):
        self.check("coroutines")

    def test_stacks_that_differ_only_far_out_or_in_moving_frames(self):
        seed = random.randrange(1 << 30)
        with self.subTest(seed=seed):
            self.check("alike", str(seed))

    def test_generated_code_ends_the_stack_marked(self):
        self.check("generated", end_of=lambda frames: NO_RULE)

    def test_exceptions_through_recorded_frames(self):
        self.check("exceptions")

    def test_a_library_at_the_address_of_another_that_was_closed(self):
        plugins = [os.path.join(PROGRAMS, f"libhost_{size}_caller.so") for size in ("small", "large")]
        self.check("reload", *plugins)

    def test_the_inner_part_of_deep_stacks_is_kept(self):
        self.check("deep", end_of=lambda frames: DEEP if len(frames) == MAX_FRAMES - 1 else COMPLETE)

    def test_wild_frames_hurt_nobody(self):
        ended = run("wild")
        self.assertEqual((ended.status, ended.stderr), (0, ""))
        recorded = ended.segments[0].by_function(program("wild"))
        wanted = json.loads(ended.stdout)["take"]
        self.assertEqual(recorded["take"][:2], wanted)
        self.assertEqual({k: v for k, v in ended.segments[0].lost.items() if k < FIRST_STACK_LOSS}, {})

    def test_the_checking_mode_finds_no_difference(self):
        for name, every in (("odd", 1), ("coroutines", 1), ("exceptions", 1), ("generated", 1), ("deep", 1),
                            ("jumps", 50), ("threads", 2)):
            ended = run(name, env={"SEEP_OPTIONS": f"check={every}"})
            self.assertEqual((ended.status, ended.stderr), (0, ""), name)
            segment = ended.segments[0]
            self.assertEqual((segment.differences, segment.check_text), (0, ""), name)
            self.assertGreaterEqual(segment.checked, segment.total()[0] // every // 2, name)
            self.assertEqual(segment.prefixes > 50, name in ("generated", "deep"), name)

    def test_checking_without_libunwind_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "libunwind.so.8"), "wb") as broken:
                broken.write(b"no library")
            ended = run("counted", env={"SEEP_OPTIONS": "check=1", "LD_LIBRARY_PATH": folder})
        self.assertEqual((ended.status, ended.stderr), (0, ""))
        segment = ended.segments[0]
        self.assertEqual((segment.word("check_every"), segment.checked), (CHECK_UNAVAILABLE, 0))
        self.assertGreater(segment.total()[0], 1000)

    def test_shapes_under_other_compiler_options(self):
        for name in ("stacks_cet", "stacks_framed", "stacks_plain"):
            ended = run(name)
            self.assertEqual((ended.status, ended.stderr), (0, ""), name)
            by_bytes = {site["counts"][2]: site for site in ended.segments[0].sites if site["counts"][0] == 1}
            cases = json.loads(ended.stdout)
            self.assertGreaterEqual(len(cases), 12)
            for number, (case, wanted) in enumerate(cases.items(), 100001):
                frames = [[os.path.basename(path), offset] for path, offset in by_bytes[number]["frames"]]
                self.assertEqual(frames[1:], wanted, f"{name}: {case}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
