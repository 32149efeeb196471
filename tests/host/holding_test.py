"""Descriptors and timers under the shim: what the programs count is what was recorded, and the tables show what is held.

Usage: holding_test.py LIBRARY PROGRAM_DIR [unittest options]. SPDX-License-Identifier: MIT
"""
import json
import os
import resource
import sys
import unittest

from segment_reader import Run

LIBRARY, PROGRAMS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
LOSS_HOLDINGS_FULL = 14


def program(name):
    return os.path.join(PROGRAMS, "host_" + name)


def run(name, *arguments, **options):
    return Run(LIBRARY, program("segment_facts"), [program(name), *arguments], **options)


class HoldingTest(unittest.TestCase):
    def check(self, ended, name, kind="fd", status=0):
        """Counts by function, and that they and the table say the same. Returns the segment and what the program says."""
        self.assertEqual((ended.status, ended.stderr), (status, ""))
        said = json.loads(ended.stdout)
        segment = ended.segments[0]
        recorded = {function: row[:2] for function, row in segment.by_function(program(name), kind=kind).items()}
        self.assertEqual(recorded, {function: row for function, row in said["counts"].items() if row != [0, 0]})
        self.assert_balanced(segment, kind)
        return segment, said

    def assert_balanced(self, segment, kind):
        """Each site holds as many as it acquired and did not release, neither of which has bytes."""
        held = {}
        for _, _, site in segment.holdings("fds" if kind == "fd" else "timers"):
            held[site] = held.get(site, 0) + 1
        for number, site in enumerate(segment.sites, 1):
            if site["kind"] == kind:
                acquired, released, *size_bytes = site["counts"]
                self.assertEqual((acquired - released, size_bytes), (held.get(number, 0), [0, 0]))
            else:
                self.assertNotIn(number, held)

    def test_every_function_is_counted_and_the_table_equals_proc(self):
        segment, said = self.check(run("descriptors"), "descriptors")
        self.assertEqual([slot for slot, _, _ in segment.holdings("fds")], said["open"])
        self.assertTrue(all(slot == number for slot, number, _ in segment.holdings("fds")))
        self.assertGreaterEqual(len(said["open"]), 5)
        self.assertNotIn(LOSS_HOLDINGS_FULL, segment.lost)

    def trap(self, name, segments=1):
        ended = run("descriptor_traps", name)
        segment, said = self.check(ended, "descriptor_traps")
        self.assertEqual([slot for slot, _, _ in segment.holdings("fds")], said["open"])
        self.assertEqual(len(ended.segments), segments)
        return ended

    def test_a_vfork_child_leaves_its_parents_descriptors_alone(self):
        self.trap("vfork")

    def test_a_cloned_child_leaves_its_parents_descriptors_alone(self):
        self.trap("clone")
        self.trap("clone_here")

    def test_signals_in_the_middle_of_vfork_change_nothing(self):
        self.trap("vfork_signals")

    def test_a_forked_child_has_a_table_of_its_own(self):
        child = self.trap("fork", segments=2).segments[1]
        self.assertEqual(child.by_function(program("descriptor_traps"), kind="fd")["trap_fork"][:2], [1, 0])
        self.assertEqual([slot for slot, _, _ in child.holdings("fds")], [3])

    def test_a_child_that_only_redirects_gets_no_segment(self):
        self.trap("redirect")

    def test_cancelled_calls_leave_nothing_half_done(self):
        self.trap("cancel")

    def test_threads_that_race_for_numbers_balance(self):
        self.trap("race")

    def test_signal_handlers_may_open_and_close(self):
        self.trap("signals")

    def test_what_is_closed_past_us_is_released_when_its_number_returns(self):
        ended = run("descriptor_traps", "raw")
        segment = ended.segments[0]
        self.assertEqual(segment.by_function(program("descriptor_traps"), kind="fd")["use_raw"][:2], [2, 2])
        self.assert_balanced(segment, "fd")

    def test_timers_are_counted_and_found_by_id(self):
        segment, said = self.check(run("timers"), "timers", kind="timer")
        self.assertEqual(sorted(number for _, number, _ in segment.holdings("timers")), sorted(said["ids"]))

    def test_subprocesses_of_python_leave_the_table_alone(self):
        """subprocess makes its children by vfork and closes everything in them."""
        code = ("import os, subprocess\n"
                "keep = [os.open('/dev/null', os.O_RDONLY) for _ in range(5)]\n"
                "for _ in range(3): subprocess.run(['/bin/true'], close_fds=True, check=True)\n"
                "os.dup2(keep[0], keep[1])\n"
                "print(sorted(int(n) for n in os.listdir('/proc/self/fd') if int(n) > 2 and os.path.exists(f'/proc/self/fd/{n}')))")
        ended = Run(LIBRARY, program("segment_facts"), ["/usr/bin/python3", "-S", "-c", code])
        self.assertEqual((ended.status, ended.stderr), (0, ""))
        segment = ended.segments[0]
        self.assertEqual([slot for slot, _, _ in segment.holdings("fds")], json.loads(ended.stdout))
        self.assert_balanced(segment, "fd")

    def test_numbers_beyond_the_table_are_counted_as_lost(self):
        beyond = (1 << 20) + 1
        try:
            probe = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (beyond + 1, max(beyond + 1, probe[1])))
            resource.setrlimit(resource.RLIMIT_NOFILE, probe)
        except (ValueError, PermissionError):
            self.skipTest("this machine does not let programs have so many descriptors")
        code = ("import fcntl, os, resource\n"
                f"resource.setrlimit(resource.RLIMIT_NOFILE, ({beyond + 1}, {beyond + 1}))\n"
                f"fd = fcntl.fcntl(0, fcntl.F_DUPFD, {beyond}); os.close(fd)")
        ended = Run(LIBRARY, program("segment_facts"), ["/usr/bin/python3", "-S", "-c", code])
        self.assertEqual((ended.status, ended.stderr), (0, ""))
        self.assertEqual(ended.segments[0].lost.get(LOSS_HOLDINGS_FULL), 1)
        self.assert_balanced(ended.segments[0], "fd")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
