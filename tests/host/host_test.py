"""Host programs under the shim: what they count for themselves is what was recorded, whatever they do.

Usage: host_test.py LIBRARY PROGRAM_DIR [unittest options]. SPDX-License-Identifier: MIT
"""
import json
import os
import resource
import sys
import unittest

from segment_reader import Run

LIBRARY, PROGRAMS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
ENDED, COMPLETE, DEEP = 4, 1, 2  # SEEP_THREAD_ENDED, SEEP_NODE_COMPLETE, SEEP_NODE_DEEP
LOSS_MARKS_FULL, LOSS_NESTED, LOSS_STACK_DEEP = 8, 9, 32
SIGKILL = 9


def program(name):
    return os.path.join(PROGRAMS, "host_" + name)


def run(name, *arguments, **options):
    return Run(LIBRARY, program("segment_facts"), [program(name), *arguments], **options)


class HostTest(unittest.TestCase):
    def assert_counts(self, ended, name, status=0):
        """The program's own counts, for as many columns as it prints, equal those recorded."""
        self.assertEqual(ended.status, status, ended.stderr)
        segment = ended.segments[0]
        recorded = segment.by_function(program(name))
        for function, wanted in json.loads(ended.stdout).items():
            self.assertIn(function, recorded)
            self.assertEqual(recorded[function][:len(wanted)], wanted, function)
        return segment

    def test_counts_are_exact_at_the_end(self):
        segment = self.assert_counts(run("counted"), "counted")
        self.assertEqual(segment.lost, {})

    def test_counts_are_exact_at_sigkill(self):
        self.assert_counts(run("counted", "--kill"), "counted", status=-SIGKILL)

    def test_counts_are_exact_with_another_allocator(self):
        segment = self.assert_counts(run("counted_jemalloc"), "counted_jemalloc")
        self.assertEqual(segment.shift, 4)

    def test_every_allocation_function_is_counted(self):
        ended = run("functions")
        self.assertEqual(ended.status, 0, ended.stderr)
        recorded = ended.segments[0].by_function(program("functions"))
        for function, (acquired, released, size_bytes) in json.loads(ended.stdout).items():
            self.assertEqual(recorded[function][:3], [acquired, released, size_bytes], function)

    def test_operators_of_cxx_are_counted_once(self):
        self.assert_counts(run("operators"), "operators")

    def test_signal_handlers_are_recorded(self):
        segment = self.assert_counts(run("signals"), "signals")
        self.assertNotIn(LOSS_NESTED, segment.lost)

    def test_threads_are_counted_by_state(self):
        ended = run("threads")
        self.assertEqual(ended.status, 0, ended.stderr)
        segment = ended.segments[0]
        recorded = segment.by_function(program("threads"), kind="thread")
        wanted = json.loads(ended.stdout)
        for function, (acquired, released, _) in wanted.items():
            self.assertEqual(recorded[function][:2], [acquired, released], function)
        forgotten = [row for row in segment.threads if row[1] == "forgotten"]
        self.assertEqual(len(forgotten), 5)
        self.assertTrue(all(state & ENDED for state, _, _ in forgotten))

    def test_lifetimes_are_counted_as_the_program_counts_them(self):
        ended = run("lifetimes")
        self.assertEqual(ended.status, 0, ended.stderr)
        segment = ended.segments[0]
        recorded = segment.lifetimes_by_function(program("lifetimes"))
        wanted = json.loads(ended.stdout)
        self.assertEqual(recorded, wanted)
        self.assertGreater(wanted["race"][3], 500)  # joins that won the race
        self.assertGreater(wanted["race"][4], 500)  # detaches that did
        counts = segment.by_function(program("lifetimes"), kind="thread")
        for function, (created, _, ended_count, joined, detached, _, _) in wanted.items():
            self.assertEqual(counts[function][0], created, function)
            held = created - joined - detached if function != "make_running" else created
            self.assertEqual(counts[function][1], created - held, function)
        for counted, _, buckets in segment.lifetimes.values():
            self.assertEqual(sum(buckets), counted[2])
        self.assertEqual(segment.lost, {})

    def test_the_way_out_is_told_apart(self):
        for how, way, status in (("return", 1, 3), ("exit", 1, 3), ("_exit", 2, 3), ("_Exit", 2, 3), ("vfork", 0, -SIGKILL),
                                 ("kill", 0, -SIGKILL)):
            ended = run("ways_out", how)
            self.assertEqual(ended.status, status, how)
            segment = ended.segments[0]
            self.assertEqual((segment.way_out, segment.exit_status), (way, max(status, 0)), how)

    def test_forks_never_hang(self):
        ended = run("forks", timeout_s=120)
        self.assertEqual(ended.status, 0, ended.stderr)
        self.assertEqual(ended.stdout, "all children ended as they should\n")
        self.assertGreater(len(ended.segments), 180)  # 60 rounds of three children, and the daemon
        pids = [segment.pid for segment in ended.segments]
        self.assertEqual(pids.count(pids[0]), 1)
        for segment in ended.segments[1:]:
            self.assertGreater(segment.total()[0], 0, "a child without events")

    def test_stacks_equal_libunwinds(self):
        ended = run("stacks")
        self.assertEqual(ended.status, 0, ended.stderr)
        segment = ended.segments[0]
        by_bytes = {site["counts"][2]: site for site in segment.sites if site["counts"][0] == 1}
        cases = json.loads(ended.stdout)
        self.assertGreaterEqual(len(cases), 12)
        for number, (case, wanted) in enumerate(cases.items(), 100001):
            frames = [[os.path.basename(path), offset] for path, offset in by_bytes[number]["frames"]]
            self.assertEqual(frames[1:], wanted, case)
        deep = by_bytes[100099]
        self.assertEqual((deep["root"], len(deep["frames"])), (DEEP, 1024))
        self.assertEqual(segment.lost.get(LOSS_STACK_DEEP), 1)

    def test_a_closed_library_keeps_its_name(self):
        plugins = [os.path.join(PROGRAMS, f"libhost_{name}_plugin.so") for name in ("first", "second")]
        ended = run("unload", *plugins)
        self.assertEqual(ended.status, 0, ended.stderr)
        for plugin, wanted in zip(plugins, json.loads(ended.stdout).items()):
            sites = [site for site in ended.segments[0].sites
                     if site["counts"][2] % 100 == 0 and any(path == plugin for path, _ in site["frames"][:2])]
            self.assertEqual(sum(site["counts"][0] for site in sites), wanted[1], plugin)
            self.assertTrue(all(site["root"] == COMPLETE for site in sites))

    def test_subsystems_are_scoped_and_inherited(self):
        ended = run("annotated")
        self.assertEqual((ended.status, ended.stdout), (0, "1 1\n"))
        segment = ended.segments[0]
        self.assertEqual(segment.marks, ["warm"])
        by_name = {}
        for site in segment.sites:
            if site["kind"] == "heap" and site["frames"] and any("annotated" in p for p, _ in site["frames"][:1]):
                by_name[site["subsystem"]] = by_name.get(site["subsystem"], 0) + site["counts"][2]
        self.assertEqual(by_name, {"": 1100, "outer": 200, "inner": 200, "maker": 300})

    def sizes_of(self, segment):
        """Size: (subsystem, limit), of the blocks of a thousand bytes and some."""
        return {site["counts"][2]: (site["subsystem"], site["limit"]) for site in segment.sites
                if site["kind"] == "heap" and site["counts"][0] == 1 and 1000 < site["counts"][2] < 1100}

    def test_what_a_bounded_container_holds_is_told_from_its_subsystem(self):
        ended = run("bounded")
        self.assertEqual(ended.status, 0, ended.stderr)
        ring, cache = ("ring", 7), ("cache", 80)
        self.assertEqual(self.sizes_of(ended.segments[0]), {
            1001: ("log", None), 1002: ("log", ring), 1003: ("store", None), 1004: ("store", cache),
            1005: ("store", None), 1006: ("log", ring), 1007: ("log", None), 1008: ("", ("of nobody", 3)),
            1012: ("store", cache), 1013: ("", None)})
        made = [site for site in ended.segments[0].sites if site["kind"] == "thread" and site["counts"][0] == 1]
        self.assertEqual([(site["subsystem"], site["limit"]) for site in made], [("log", ring)])

    def test_a_child_made_in_a_scope_leaves_it_for_none(self):
        parent, child = run("bounded", "fork").segments
        self.assertEqual(self.sizes_of(parent)[1011], ("", None))
        self.assertEqual(self.sizes_of(child), {1009: ("first of the child", None), 1010: ("", None)})

    def test_marks_are_counted_exactly_by_many_threads_and_handlers(self):
        ended = run("marks", "threads")
        self.assertEqual(ended.status, 0, ended.stderr)
        own = json.loads(ended.stdout)
        self.assertEqual(own["http request"], 1000000)
        self.assertGreater(own["signal"], 0)
        self.assertEqual(ended.segments[0].mark_counts, own)
        self.assertEqual(ended.segments[0].lost.get(LOSS_MARKS_FULL), None)

    def test_marks_of_labels_beyond_the_table_are_refused_and_counted(self):
        ended = run("marks", "labels")
        segment = ended.segments[0]
        self.assertEqual(int(ended.stdout), 44 * 5 + 1)
        self.assertEqual(segment.lost.get(LOSS_MARKS_FULL), 44 * 5 + 1)
        self.assertEqual(segment.mark_counts, {f"label {i}": 5 for i in range(256)})

    def test_marks_of_a_child_are_its_own(self):
        parent, child = run("marks", "fork").segments
        self.assertEqual(parent.mark_counts, {"before": 8, "parent": 5})
        self.assertEqual(child.mark_counts, {"before": 7, "child": 7})

    def test_no_label_takes_the_times_of_all(self):
        segment = run("marks", "warm").segments[0]
        self.assertEqual(segment.mark_counts, {"http request": 5000, "warm": 1})
        self.assertEqual(segment.marks, ["http request"] * 64 + ["warm"])

    def test_a_program_reads_its_own_sites_and_stacks(self):
        ended = run("site_figures")
        self.assertEqual(ended.status, 0, ended.stderr)
        self.assertEqual(ended.stdout.splitlines(), [
            "heap: 7 acquired, 3 released, 7000 bytes, 3000 bytes, kept by keep_blocks",
            "fd: 5 acquired, 1 released, 0 bytes, 0 bytes, kept by keep_descriptors",
            "timer: 4 acquired, 2 released, 0 bytes, 0 bytes, kept by keep_timers",
            "refused: none, no such site, stopped"])

    def test_mlockall_does_not_fill_memory(self):
        ended = run("locked")
        self.assertEqual(ended.status, 0, ended.stderr)
        if ended.stdout.strip() == "refused":
            self.skipTest("this machine does not let programs lock memory")
        self.assertLess(int(ended.stdout), 200 * 1024)

    def test_a_forked_child_that_locks_its_memory_first_is_recorded(self):
        ended = run("locked", "child")
        self.assertEqual((ended.status, ended.stderr), (0, ""))
        if ended.stdout.strip() == "refused":
            self.skipTest("this machine does not let programs lock memory")
        self.assertEqual(len(ended.segments), 2)
        self.assertEqual(ended.segments[1].by_function(program("locked"))["allocate"][:2], [1000, 0])

    def test_tight_limits_leave_the_program_alone(self):
        for limit, value, reason in ((resource.RLIMIT_AS, 1 << 30, 3), (resource.RLIMIT_FSIZE, 1 << 20, 7)):
            ended = run("counted", preexec=lambda l=limit, v=value: resource.setrlimit(l, (v, v)))
            self.assertEqual((ended.status, ended.stderr), (0, ""))
            self.assertEqual((ended.segments, ended.off_reasons), ([], [reason]))  # enum seep_off_reason
            self.assertIn("by_malloc", ended.stdout)

    def test_a_limit_set_while_running_leaves_the_program_its_memory(self):
        for how, segments in (("alone", 1), ("threads", 1), ("child", 2)):
            ended = run("limited", how)
            self.assertEqual((ended.status, ended.stdout, ended.stderr), (0, "enough\n", ""), how)
            self.assertLessEqual(len(ended.segments), segments)
            if how != "child":
                self.assertEqual(ended.segments[0].word("off_reason"), 3)  # SEEP_OFF_ADDRESS_SPACE

    def test_a_program_with_its_own_allocator_keeps_it(self):
        ended = run("own_allocator")
        self.assertEqual((ended.status, ended.stdout, ended.stderr), (0, "kept, ours\n", ""))

    def test_a_cleared_environment_does_not_hide_children(self):
        ended = run("cleared")
        self.assertEqual((ended.status, len(ended.segments)), (0, 2))
        self.assertEqual(ended.segments[1].by_function(program("cleared"))["keep"][:2], [100, 0])

    def test_recordings_left_by_siglongjmp_do_no_harm(self):
        for arguments in ((), ("--alternate",)):
            ended = run("jumps", *arguments)
            segment = self.assert_counts(ended, "jumps")
            self.assertLess(segment.lost.get(LOSS_NESTED, 0), 1000)

    def test_libraries_that_allocate_while_relocated_are_served(self):
        for env in ({}, {"LD_BIND_NOW": "1"}):
            ended = run("early", env=env)
            self.assertEqual((ended.status, ended.stdout, ended.stderr), (0, "42\n", ""), env)

    def test_the_loaders_error_is_left_alone(self):
        ended = run("loader_error")
        self.assertEqual((ended.status, ended.stdout), (0, "kept\n"), ended.stderr)

    def test_little_stack_is_taken(self):
        first, later = json.loads(run("small_stack").stdout)
        self.assertLess(first, 1800)
        self.assertLess(later, 1000)

    def test_without_a_collector_the_program_runs(self):
        ended = run("counted", env={"SEEP_SOCKET": "@seep-nobody-listens-here"})
        self.assertEqual((ended.status, ended.stderr, ended.segments), (0, "", []))
        self.assertIn("by_malloc", ended.stdout)

    def test_children_are_left_alone_on_demand(self):
        ended = run("forks", env={"SEEP_OPTIONS": "no-children"}, timeout_s=120)
        self.assertEqual((ended.status, len(ended.segments)), (0, 1), ended.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
