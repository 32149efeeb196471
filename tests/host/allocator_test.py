"""Mappings, and allocators that bring functions of their own: what the programs count is what was recorded.

Usage: allocator_test.py LIBRARY PROGRAM_DIR [unittest options]. SPDX-License-Identifier: MIT
"""
import json
import os
import subprocess
import sys
import unittest

from segment_reader import Run

LIBRARY, PROGRAMS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
JEMALLOC, TCMALLOC = "libjemalloc.so.2", "libtcmalloc_minimal.so.4"


def program(name):
    return os.path.join(PROGRAMS, "host_" + name)


def run(name, *arguments, before=None, after=None):
    """`before`, `after`: a library that is preloaded before or after ours."""
    preload = ":".join(filter(None, (before, LIBRARY, after)))
    return Run(LIBRARY, program("segment_facts"), [program(name), *arguments], env={"LD_PRELOAD": preload}, timeout_s=30)


class AllocatorTest(unittest.TestCase):
    def assert_counts(self, ended, name, kind="heap"):
        """The program's own counts equal those recorded, and its other functions have none of this kind."""
        self.assertEqual(ended.status, 0, ended.stderr)
        recorded = ended.segments[0].by_function(program(name), kind=kind)
        wanted = json.loads(ended.stdout)
        self.assertGreater(len(wanted), 0)
        for function, row in wanted.items():
            self.assertEqual(recorded.get(function, [])[:len(row)], row, function)
        return ended.segments[0], set(recorded) - set(wanted)

    def test_mappings_are_counted_with_their_parts(self):
        segment, others = self.assert_counts(run("mappings"), "mappings", kind="mapping")
        self.assertEqual((others, segment.lost), (set(), {}))

    def test_what_an_allocator_maps_is_not_a_mapping(self):
        cases = [("mappings_jemalloc", None), ("mappings", JEMALLOC), ("mappings", TCMALLOC)]
        for name, after in cases:
            with self.subTest(name=name, after=after):
                segment, others = self.assert_counts(run(name, after=after), name, kind="mapping")
                self.assertEqual(others, set())
                own = sum(row[0] for row in segment.by_function(program(name), kind="mapping").values())
                self.assertEqual(segment.total("mapping")[0], own, "mapped outside the program's functions")
                self.assertGreater(segment.by_function(program(name))["use_heap"][0], 0)

    def test_an_allocator_that_comes_first_is_seen_by_its_mappings(self):
        ended = run("mappings", before=JEMALLOC)
        segment, others = self.assert_counts(ended, "mappings", kind="mapping")
        self.assertIn("use_heap", others)
        self.assertNotIn("use_heap", segment.by_function(program("mappings")))

    def test_jemallocs_own_functions_are_counted(self):
        segment, _ = self.assert_counts(run("jemalloc_family"), "jemalloc_family")
        self.assertEqual(segment.lost, {})

    def test_tcmallocs_own_functions_are_counted(self):
        segment, _ = self.assert_counts(run("tcmalloc_family"), "tcmalloc_family")
        self.assertEqual(segment.lost, {})

    def test_sized_frees_of_c23_are_counted_once(self):
        for after in (None, JEMALLOC, TCMALLOC):
            with self.subTest(after=after):
                self.assert_counts(run("c23", after=after), "c23")

    def test_operators_of_allocators_are_counted_once(self):
        cases = [("operators_jemalloc", None), ("operators_tcmalloc", None), ("operators", JEMALLOC), ("operators", TCMALLOC)]
        for name, after in cases:
            with self.subTest(name=name, after=after):
                self.assert_counts(run(name, after=after), name)

    def test_every_allocation_function_of_tcmalloc_is_counted_once(self):
        ended = run("functions", after=TCMALLOC)
        self.assertEqual(ended.status, 0, ended.stderr)
        recorded = ended.segments[0].by_function(program("functions"))
        for function, (acquired, released, size_bytes) in json.loads(ended.stdout).items():
            self.assertEqual(recorded[function][:3], [acquired, released, size_bytes], function)

    def test_an_allocator_that_comes_first_is_left_alone(self):
        for name in ("operators", "c23"):
            for before in (JEMALLOC, TCMALLOC):
                with self.subTest(name=name, before=before):
                    ended = run(name, before=before)
                    self.assertEqual(ended.status, 0, ended.stderr)
                    recorded = ended.segments[0].by_function(program(name))
                    self.assertEqual(set(recorded) & set(json.loads(ended.stdout)), set())

    def test_nobody_sees_an_allocator_that_is_not_there(self):
        plugin = os.path.join(PROGRAMS, "libhost_probe_plugin.so")
        answers = set()
        for name in ("probes", "probes_fixed"):
            for other in (None, JEMALLOC, TCMALLOC):
                bare = subprocess.run([program(name), plugin], capture_output=True, check=True,
                                      env={**os.environ, "LD_PRELOAD": other or ""}).stdout.decode()
                answers.add(bare)
                for place in ({"before": other}, {"after": other}):
                    with self.subTest(name=name, place=place):
                        ended = run(name, plugin, **place)
                        self.assertEqual((ended.status, ended.stdout, ended.stderr), (0, bare, ""))
        self.assertGreaterEqual(len(answers), 3)  # none, jemalloc, tcmalloc


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
