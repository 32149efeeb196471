#!/usr/bin/python3
"""`seep threads` of a program whose threads wait in known places, bare and under Seep.

The truth is the program's source: which function each thread is in, how many, and that no
wait of theirs ends. gdb, where it is installed, has to agree on every thread's functions.

usage: threads_test.py SEEP KNOWN_THREADS

SPDX-License-Identifier: MIT
"""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SEEP, PROGRAM = (os.path.abspath(path) for path in sys.argv[1:3])
PATIENCE_S = 120

# function of the program -> (threads, state, wait, library call, names)
KNOWN = {
    "waits_for_mutex": (3, "blocked", "futex", "pthread_mutex_lock", "locker-0 .. locker-2 (3)"),
    "waits_for_condition": (5, "blocked", "futex", "pthread_cond_wait",
                            "worker-0 .. worker-4 (5)"),
    "waits_for_semaphore": (1, "blocked", "futex", "sem_wait", "semaphore"),
    "waits_for_pipe": (1, "blocked", "read", "", "reader"),
    "waits_for_join": (1, "blocked", "futex", "pthread_join", "joiner"),
    "waits_for_time": (1, "blocked", "clock_nanosleep", "", "sleeper"),
    "waits_for_events": (1, "blocked", "epoll_wait", "", "poller"),
    "runs_in_a_loop": (1, "running", "", "", "runner"),
    "main": (1, "blocked", "pause", "", None),
}


def seep(*arguments, **options):
    return subprocess.run([SEEP, "threads", *map(str, arguments)], capture_output=True, text=True,
                          timeout=PATIENCE_S, env={**os.environ, "COLUMNS": "100"}, **options)


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def settled(pid):
    """Whether every thread but the runner is asleep outside of the barrier."""
    states = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/stat") as file:
            states.append(file.read().rsplit(")", 1)[1].split()[0])
    return len(states) == 15 and states.count("S") == 14


class Known(unittest.TestCase):
    def setUp(self):
        self.process = subprocess.Popen([PROGRAM], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop)
        self.assertEqual(self.process.stdout.readline(), "ready\n")
        wait_for(lambda: settled(self.process.pid), "all threads wait")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def groups(self, *options):
        answer = seep(self.process.pid, "--format", "json", *options)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return json.loads(answer.stdout)

    def assert_unharmed(self):
        """No wait has ended; nothing is stopped or traced."""
        readable, _, _ = select.select([self.process.stdout], [], [], 0)
        self.assertEqual(readable and self.process.stdout.readline(), [])
        for tid in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{tid}/status") as file:
                status = file.read()
            self.assertRegex(status, r"(?m)^State:\s+[SR] ")
            self.assertRegex(status, r"(?m)^TracerPid:\s+0$")

    def own_function(self, group):
        return next((frame["function"] for frame in group["stack"]
                     if frame["module"] == "known_threads"), None)

    def test_every_thread_is_where_the_source_says(self):
        report = self.groups()
        self.assertEqual(report["threads"], 15)
        found = {self.own_function(group): group for group in report["groups"]}
        self.assertEqual(set(found), set(KNOWN))
        for function, (count, state, wait, call, names) in KNOWN.items():
            group = found[function]
            self.assertEqual((group["count"], group["state"], group["wait"]),
                             (count, state, wait), function)
            self.assertEqual(group["stack_end"], "", function)
            if call:
                self.assertEqual(group["call"], call, function)
            if names:
                self.assertEqual(group["names"], names)
        self.assertRegex(found["waits_for_pipe"]["waits_for"], r"^pipe:\[\d+\]$")
        self.assertEqual(report["groups"][0]["count"], 5)  # the largest first
        self.assert_unharmed()

    def test_the_stops_are_measured_and_said(self):
        stops = self.groups()["stops"]
        self.assertEqual(stops["threads"], 15)
        self.assertGreater(stops["longest_ms"], 0)
        self.assertGreaterEqual(stops["total_ms"], stops["longest_ms"])
        text = seep(self.process.pid).stdout
        self.assertRegex(text, r"stopped 15 threads one after the other: [\d.]+ ms in all")
        self.assertIn("5 threads: blocked in futex (pthread_cond_wait)", text)
        self.assertRegex(text, r"waits for pipe:\[\d+\]")

    def test_many_looks_end_no_wait(self):
        for _ in range(3):
            self.assertEqual(seep(self.process.pid).returncode, 0)
        self.assert_unharmed()

    def test_without_stacks_nothing_is_stopped(self):
        report = self.groups("--no-stacks")
        self.assertIsNone(report["stops"])
        self.assertEqual(sum(group["count"] for group in report["groups"]), 15)
        self.assertTrue(all(group["stack"] == [] for group in report["groups"]))

    def test_profiles_count_threads(self):
        lines = seep(self.process.pid, "--format", "folded").stdout.splitlines()
        counts = {name: int(line.rsplit(" ", 1)[1]) for line in lines for name in KNOWN
                  if f";{name};" in line or f";{name} " in line}
        self.assertEqual(counts["waits_for_condition"], 5)
        self.assertEqual(counts["waits_for_mutex"], 3)
        self.assertEqual(sum(int(line.rsplit(" ", 1)[1]) for line in lines), 15)

    def test_top_hides_and_says_so(self):
        text = seep(self.process.pid, "--top", 2).stdout
        self.assertEqual(len(re.findall(r"(?m)^\d+ threads?: ", text)), 2)
        self.assertIn("7 groups more", text)

    @unittest.skipUnless(shutil.which("gdb"), "gdb is not installed")
    def test_gdb_sees_the_same_functions(self):
        ours = {row["tid"]: [frame["function"] for frame in group["stack"]
                             if frame["module"] == "known_threads" and not frame["inlined"]
                             and frame["function"] != "_start"]
                for group in self.groups()["groups"] for row in group["threads"]}
        text = subprocess.run(["gdb", "-nx", "-batch", "-p", str(self.process.pid), "-ex",
                               "thread apply all bt"], capture_output=True, text=True,
                              timeout=120).stdout
        theirs = {}
        for part in re.split(r"\nThread \d+ ", text)[1:]:
            tid = int(re.search(r"LWP (\d+)", part).group(1))
            theirs[tid] = re.findall(r"(?m)^#\d+ .*?(\w+) \([^\n]*known_threads\.c:\d+", part)
        if len(theirs) != 15:
            self.skipTest("gdb could not look")
        self.assertEqual(ours, theirs)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
    def test_without_rights_it_says_so_and_gives_the_rest(self):
        answer = seep(self.process.pid, user=65534, group=65534, extra_groups=[])
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("no stacks:", answer.stdout)
        self.assertIn("another user", answer.stdout.replace("\n      ", " "))
        self.assertIn("worker-0 .. worker-4 (5)", answer.stdout)
        self.assertNotIn("stopped 15", answer.stdout)
        self.assert_unharmed()

    def test_who_is_traced_by_another_is_said(self):
        tracer = shutil.which("gdb") and subprocess.Popen(
            ["gdb", "-nx", "-p", str(self.process.pid)], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not tracer:
            self.skipTest("gdb is not installed")
        try:
            def traced():
                with open(f"/proc/{self.process.pid}/status") as file:
                    return f"TracerPid:\t{tracer.pid}" in file.read()
            wait_for(traced, "gdb traces")
            answer = seep(self.process.pid)
            self.assertEqual(answer.returncode, 0, answer.stderr)
            self.assertIn("is traced by gdb", answer.stdout)
        finally:
            tracer.kill()
            tracer.wait()
            tracer.stdin.close()


class Recorded(unittest.TestCase):
    def test_a_recorded_process_shows_where_its_threads_were_made(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "log")
            with open(log, "w") as out:
                run = subprocess.Popen([SEEP, "run", "--interval", "0.1", "-o", "x.seep", "--",
                                        PROGRAM], cwd=folder, stdout=out,
                                       stderr=subprocess.DEVNULL)
            try:
                wait_for(lambda: os.path.getsize(log) > 0, "ready")
                pid = wait_for(lambda: self.child_of(run.pid), "the program's pid")
                wait_for(lambda: self.made_known(pid), "the recording knows the threads")
                group = self.made_known(pid)
                self.assertEqual(group["creation"]["start"], "waits_for_condition")
                self.assertIn("main", [frame["function"] for frame in group["creation"]["stack"]])
                self.assertIn("start", [frame["function"] for frame in group["creation"]["stack"]])
                os.kill(pid, signal.SIGKILL)
            finally:
                run.terminate()
                run.wait(PATIENCE_S)
            self.check_file(os.path.join(folder, "x.seep"))

    def child_of(self, pid):
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat") as file:
                    name, rest = file.read().rsplit(")", 1)
                if "known_threads" in name and int(rest.split()[1]) == pid:
                    return int(entry)
            except OSError:
                continue
        return None

    def made_known(self, pid):
        answer = seep(pid, "--format", "json")
        if answer.returncode != 0:
            return None
        for group in json.loads(answer.stdout)["groups"]:
            if group["names"].startswith("worker-0") and group["creation"]["stack"]:
                return group
        return None

    def check_file(self, path):
        answer = seep(path, "--format", "json")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        report = json.loads(answer.stdout)
        self.assertEqual(report["source"], "recording")
        self.assertIsNone(report["stops"])
        groups = {group["creation"]["start"]: group for group in report["groups"]}
        self.assertEqual(groups["waits_for_condition"]["count"], 5)
        self.assertEqual(groups["waits_for_mutex"]["names"], "locker-0 .. locker-2 (3)")
        self.assertEqual(seep(path).stdout, seep(path).stdout)


    def test_a_recording_shows_where_threads_were_that_the_collector_looked_at(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.seep")
            run = subprocess.run([SEEP, "run", "--interval", "0.1", "--stuck-after", "1", "--duration",
                                  "4", "-o", path, "--", PROGRAM], cwd=folder, capture_output=True,
                                 text=True, timeout=PATIENCE_S)
            self.assertNotIn("ended:", run.stdout)  # the looks ended no wait
            groups = json.loads(seep(path, "--format", "json").stdout)["groups"]
        self.assertEqual(sum(group["count"] for group in groups), 15)
        looked_at = [group for group in groups if group["stack"]
                     and group["creation"]["start"] == "waits_for_condition"]
        self.assertGreaterEqual(len(looked_at), 1)
        for group in looked_at:
            self.assertEqual(group["call"], "pthread_cond_wait")
            self.assertIn("waits_for_condition", [frame["function"] for frame in group["stack"]])


class Wrong(unittest.TestCase):
    def test_no_such_process(self):
        process = subprocess.Popen(["true"])
        process.wait()
        answer = seep(process.pid)
        self.assertEqual(answer.returncode, 2)
        self.assertEqual(answer.stderr, f"seep threads: there is no process {process.pid}\n")

    def test_no_such_file(self):
        answer = seep("missing.seep")
        self.assertEqual(answer.returncode, 2)
        self.assertIn("missing.seep", answer.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
