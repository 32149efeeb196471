"""Threads that never run again, end to end: each way with its healthy twin.

All ways run side by side, each until its recording says what it has to, or a deadline. What is true is what the program
was told to do (stuck_threads.c), and what /proc says of its threads.

Usage: stuck_test.py SEEP PROGRAM [unittest options]. SPDX-License-Identifier: MIT
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SEEP, PROGRAM = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
DEADLINE_S = 80

# way: verdict, cause, what the summary has to say (function, kind of object)
STUCK = {
    "cycle": ("definite", "lock_cycle", ("take_first_then_second", "take_second_then_first", "a cycle of 2", "1 more thread")),
    "relock": ("definite", "lock_cycle", ("relock", "mutex", "itself")),
    "orphan": ("definite", "stuck", ("2 threads wait in wait_for_first", "mutex", "ended without releasing it")),
    "join-cycle": ("definite", "lock_cycle", ("to join", "a cycle of 3")),
    "held": ("probable", "stuck", ("read_lock", "rwlock", "write_lock_and_read", "read of pipe:[")),
    "forgotten-queue": ("definite", "unreachable", ("4 threads wait in serve_queue", "condition variable", "nobody can wake")),
    "forgotten-semaphore": ("definite", "unreachable", ("4 threads wait in serve_semaphore", "semaphore")),
    "forgotten-each-other": ("definite", "unreachable", ("4 threads wait in serve_queue",)),
}
HEALTHY = ("pool", "semaphore-pool", "idle")


class Way:
    """One program under seep, and what its recording says so far."""

    def __init__(self, name, folder):
        self.name = name
        self.file = os.path.join(folder, name + ".seep")
        self.process = subprocess.Popen(
            [SEEP, "run", "--quiet", "--interval", "0.5", "--stuck-after", "1", "-o", self.file, "--", PROGRAM, name, "300"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def lines(self, what, *options):
        path = self.file if os.path.exists(self.file) else self.file + ".partial"
        ended = subprocess.run([SEEP, what, path, *options], capture_output=True, text=True, check=False)
        return ended.stdout if ended.returncode == 0 else ""

    def findings(self):
        text = self.lines("report", "--format", "json")
        rows = json.loads(text)["findings"] if text else []
        return [row for row in rows if row["cause"] in ("stuck", "unreachable", "lock_cycle")]

    def probes(self):
        rows = [json.loads(line) for line in self.lines("dump").splitlines()]
        return [row for row in rows if row["type"] == "probe"]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE_S)


class StuckTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.ways = {name: Way(name, cls.folder.name) for name in (*STUCK, *HEALTHY)}

    @classmethod
    def tearDownClass(cls):
        for way in cls.ways.values():
            if way.process.poll() is None:
                way.end()
        cls.folder.cleanup()

    def await_(self, what, condition, way=None):
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            result = condition()
            if result:
                return result
            time.sleep(0.3)
        told = [f"{row['t_ns'] / 1e9:.1f} s: {row['tid']} {row['reach']} {row['searches']}" for row in way.probes()] if way else []
        self.fail(f"{what} did not come; looks: {told}")
        return None

    def test_each_way_is_found_with_its_cause(self):
        for name, (verdict, cause, words) in STUCK.items():
            way = self.ways[name]
            found = self.await_(f"{name}: {cause}", lambda way=way, cause=cause: [
                row for row in way.findings() if row["cause"] == cause], way)
            summary = found[0]["summary"]
            self.assertEqual(found[0]["verdict"], verdict, name)
            self.assertEqual(found[0]["kind"], "thread", name)
            for word in words:
                self.assertIn(word, summary, name)

    def test_the_threads_that_are_named_are_blocked_where_it_says(self):
        way = self.ways["forgotten-queue"]
        finding = self.await_("a finding", way.findings, way)[0]
        self.assertEqual(len(finding["threads"]), 4)
        shown = [row for row in finding["threads"] if row["stack"]]
        self.assertGreaterEqual(len(shown), 3)
        for row in shown:
            self.assertIn("serve_queue", [frame["function"] for frame in row["stack"]])
        self.assertGreater(finding["longest_stop_s"], 0)
        self.assertTrue(any(abs(finding["longest_stop_s"] * 1e9 - row["stop_ns"]) < 1000 for row in way.probes()),
                        (finding["longest_stop_s"], way.probes()))

    def test_healthy_twins_are_silent(self):
        for name in HEALTHY:
            way = self.ways[name]
            wanted = 1 if name == "idle" else 3
            self.await_(f"{name}: looks at idle threads", lambda way=way, wanted=wanted: len(
                {row["tid"] for row in way.probes() if row["reach"] == "somebody" or row["syscall_plus_1"] != 203}) >= wanted, way)
            self.assertEqual(way.findings(), [], name)
            self.assertNotIn("nobody", [row["reach"] for row in way.probes()], name)

    def test_a_process_that_nobody_records_tells_its_deadlock(self):
        for name, words in (("cycle", ("Deadlock", "a cycle of 2")), ("orphan", ("ended without releasing it",)), ("idle", ())):
            with subprocess.Popen([PROGRAM, name, "300"], stdout=subprocess.PIPE, text=True) as process:
                self.addCleanup(process.kill)
                self.assertEqual(process.stdout.readline(), "ready\n")
                groups, sentences = self.look_until_still(process.pid)
                process.kill()
            self.assertTrue(any("futex" in group["wait"] for group in groups), name)
            self.assertEqual(len(sentences), 1 if words else 0, f"{name}: {sentences}")
            for word in words:
                self.assertIn(word, sentences[0])

    def look_until_still(self, pid):
        """One look moves what it looks at: the first is taken when all its futexes have stood for long enough."""
        def read(tid, name):
            return Path(f"/proc/{pid}/task/{tid}/{name}").read_text(encoding="ascii")

        def stands():
            tids = os.listdir(f"/proc/{pid}/task")
            counts = {tid: read(tid, "schedstat") for tid in tids}
            time.sleep(1.5)
            return any(read(tid, "schedstat") == counts[tid] and read(tid, "wchan").startswith("futex") for tid in tids)

        self.await_("a thread that stands still", stands)
        ended = subprocess.run([SEEP, "threads", str(pid), "--format", "json"], capture_output=True, text=True, check=True)
        picture = json.loads(ended.stdout)
        return picture["groups"], picture["stuck"]

    def test_a_look_does_not_make_a_thread_move(self):
        way = self.ways["forgotten-semaphore"]
        self.await_("an end of the searches", lambda: any(row["reach"] == "nobody" for row in way.probes()), way)
        since = {}
        for row in way.probes():
            since.setdefault(row["tid"], set()).add(row["unchanged_since_ns"])
        self.assertEqual([len(times) for times in since.values()], [1] * len(since))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
