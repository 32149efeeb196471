"""Sampled recordings: estimates lie where the statistics say, on average at the truth, and everything that was added is
taken off again.

Usage: sampled_test.py LIBRARY PROGRAM_DIR [unittest options]. SPDX-License-Identifier: MIT
"""
import json
import math
import os
import struct
import sys
import unittest

from segment_reader import Run

LIBRARY, PROGRAMS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
MEAN = 64 << 10
SEEDS = 24


def run(*arguments, options):
    program = os.path.join(PROGRAMS, "host_sampled")
    ended = Run(LIBRARY, os.path.join(PROGRAMS, "host_segment_facts"), [program, *arguments],
                env={"SEEP_OPTIONS": options})
    assert ended.status == 0, ended.stderr
    return ended.segments, json.loads(ended.stdout), [s.by_function(program) for s in ended.segments]


def variances(name, count):
    """Of the estimates of count and bytes of so many blocks of the function's size."""
    unit = {"k": 1 << 10, "m": 1 << 20}
    size = name.split("_")[1]
    size = int(size[:-1]) * unit[size[-1]] if size[-1] in unit else int(size)
    spread = 1 / math.expm1((size + 1) / MEAN)
    return count * (spread + 0.25), count * size * size * spread


class SampledTest(unittest.TestCase):
    def test_estimates_are_right_on_average(self):
        sums = {}
        for seed in range(1, SEEDS + 1):
            segments, truth, found = run("keep", options=f"mode=sampled={MEAN},sample-seed={seed}")
            self.assertEqual(segments[0].word("mode"), 2)
            self.assertEqual(segments[0].lost, {})
            for name, (acquired, released, acquired_bytes, released_bytes) in truth.items():
                live, live_bytes = acquired - released, acquired_bytes - released_bytes
                row = found[0].get(name, [0, 0, 0, 0])
                of_count, of_bytes = variances(name, live)
                errors = (row[0] - row[1] - live, row[2] - row[3] - live_bytes)
                self.assertLessEqual(abs(errors[0]), 4 * math.sqrt(of_count) + 1, (name, seed))
                self.assertLessEqual(abs(errors[1]), 4 * math.sqrt(of_bytes) + 1, (name, seed))
                at = sums.setdefault(name, [0, 0, of_count, of_bytes])
                at[0] += errors[0]
                at[1] += errors[1]
        for name, (count, size, of_count, of_bytes) in sums.items():
            self.assertLessEqual(abs(count), 3 * math.sqrt(of_count * SEEDS) + 1, name)
            self.assertLessEqual(abs(size), 3 * math.sqrt(of_bytes * SEEDS) + SEEDS, name)

    def test_releases_bring_everything_back_to_zero(self):
        for seed in range(1, 9):
            segments, truth, found = run("drop", options=f"mode=sampled=4k,sample-seed={seed}")
            self.assertEqual(len(segments), 2)
            for name in truth:
                acquired, released, acquired_bytes, released_bytes = found[0][name]
                self.assertGreater(acquired, 0)
                self.assertEqual((acquired, acquired_bytes), (released, released_bytes), (name, seed))
            self.assertEqual(found[0]["drop_rest"][0], found[0]["drop_rest"][1])
            self.assertEqual(found[0]["drop_rest"][2], found[0]["drop_rest"][3])
            for name in truth:  # the child: its own half is left, its parent's blocks never were
                row = found[1][name]
                self.assertLess(abs(row[1] / row[0] - 0.5), 0.3, name)

    def test_operators_of_cxx_are_sampled_once(self):
        program = os.path.join(PROGRAMS, "host_operators")
        ratios = {}
        for seed in range(1, 21):
            ended = Run(LIBRARY, os.path.join(PROGRAMS, "host_segment_facts"), [program],
                        env={"SEEP_OPTIONS": f"mode=sampled=64,sample-seed={seed}"})
            self.assertEqual(ended.status, 0, ended.stderr)
            recorded = ended.segments[0].by_function(program)
            for name, wanted in json.loads(ended.stdout).items():
                ratios.setdefault(name, []).append(recorded.get(name, [0])[0] / wanted[0])
        mean = sum(sum(row) / len(row) for row in ratios.values()) / len(ratios)
        self.assertLess(abs(mean - 1), 0.15, ratios)

    def test_one_seed_gives_one_result(self):
        first, second = (run("keep", options="mode=sampled=256k,sample-seed=5")[2] for _ in range(2))
        other = run("keep", options="mode=sampled=256k,sample-seed=6")[2]
        for name in ("take_16", "take_1k", "take_64k"):
            self.assertEqual([first[0].get(name, [0])[0] > 0], [second[0].get(name, [0])[0] > 0])
            # Weights hang on birth times; which blocks are sampled does not.
            self.assertAlmostEqual(first[0][name][2], second[0][name][2])
        self.assertNotEqual({k: v[2] for k, v in first[0].items()}, {k: v[2] for k, v in other[0].items()})

    def test_full_mode_is_the_default_and_wrong_words_give_it(self):
        for options in ("", "mode=full", "mode=sampled=7", "mode=sampled=9x", "mode=half"):
            segments, truth, found = run("keep", options=options)
            self.assertEqual(segments[0].word("mode"), 1, options)
            self.assertEqual(found[0]["take_16"], truth["take_16"], options)

    def test_the_last_mode_counts(self):
        for options, mode in (("mode=sampled,mode=full", 1), ("mode=full,interval=1,mode=sampled", 2)):
            self.assertEqual(run("keep", options=options)[0][0].word("mode"), mode, options)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
