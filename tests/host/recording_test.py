"""From program to recording to reader: what a program counted for itself is what `seep dump` gives, however it ends.

Usage: recording_test.py SEEP LIBRARY PROGRAM_DIR [unittest options]. SPDX-License-Identifier: MIT
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SEEP, LIBRARY, PROGRAMS = (os.path.abspath(path) for path in sys.argv[1:4])
DEADLINE_S = 30


def program(name):
    return os.path.join(PROGRAMS, "host_" + name)


def rows_of(path):
    dumped = subprocess.run([SEEP, "dump", path], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in dumped.stdout.splitlines()]


def by_function(rows, kind="heap"):
    """Final counters per function of the program nearest to the acquisition."""
    main = next(row["path"] for row in rows if row["type"] == "module" and row["id"] == 1)
    functions, sums = {}, {}
    for row in rows:
        if row["type"] == "site" and row["kind"] == kind:
            own = [f["function"] for f in row["stack"] if f.get("module_name") == os.path.basename(main)]
            functions[row["id"]] = own[0] if own else "?"
        elif row["type"] == "snapshot":
            for site, *counters in row["sites"]:
                if site in functions:
                    sums[site] = counters
    result = {}
    for site, counters in sums.items():
        row = result.setdefault(functions[site], [0, 0, 0, 0])
        for k in range(4):
            row[k] += counters[k]
    return result


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


def process_named(name, parent_file):
    """Pid of the live process called `name` that has `parent_file` open; None when there is none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
                if comm.read().strip() != name:
                    continue
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if parent_file in links:
            return int(pid)
    return None


class RecordingTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        self.file = os.path.join(self.folder, "run.seep")

    def record(self, *command, options=(), **more):
        return subprocess.run([SEEP, "run", "-q", "-o", self.file, *options, "--", *command], capture_output=True,
                              text=True, timeout=DEADLINE_S, check=False, **more)

    def assert_counts(self, stdout, path):
        rows = rows_of(path)
        recorded = by_function(rows)
        for function, wanted in json.loads(stdout).items():
            self.assertEqual(recorded.get(function), wanted, function)
        self.assertEqual([row for row in rows if row["type"] == "loss"], [])
        return rows

    def test_counts_are_exact_at_the_end(self):
        ended = self.record(program("counted"))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        rows = self.assert_counts(ended.stdout, self.file)
        self.assertEqual((rows[-1]["type"], rows[-1]["ending"], rows[-1]["status"]), ("end", "exited", 0))

    def test_counts_are_exact_at_sigkill(self):
        ended = self.record(program("counted"), "--kill")
        self.assertEqual(ended.returncode, 128 + signal.SIGKILL)
        rows = self.assert_counts(ended.stdout, self.file)
        self.assertEqual((rows[-1]["ending"], rows[-1]["status"]), ("signalled", signal.SIGKILL))
        report = subprocess.run([SEEP, "report", self.file], capture_output=True, text=True, check=True).stdout
        self.assertIn("signalled 9", report)

    def test_preloading_alone_records_the_same(self):
        for arguments, ending, status in (([], "exited", 0), (["--kill"], "signalled", signal.SIGKILL)):
            ended = subprocess.run([program("counted"), *arguments], capture_output=True, text=True, cwd=self.folder,
                                   env={**os.environ, "LD_PRELOAD": LIBRARY, "SEEP_OUT": self.folder}, check=False)
            self.assertEqual(ended.stderr, "")

            def finished():
                files = [f for f in os.listdir(self.folder) if f.endswith(".seep")]
                rows = rows_of(os.path.join(self.folder, files[0])) if files else []
                return rows and rows[-1]["type"] == "end" and files[0]

            name = wait_for(finished, "the sidecar's recording")
            rows = self.assert_counts(ended.stdout, os.path.join(self.folder, name))
            self.assertEqual((rows[-1]["ending"], rows[-1]["status"]), (ending, status))
            os.remove(os.path.join(self.folder, name))

    def test_a_killed_collector_costs_the_program_nothing(self):
        """The program goes on to its own end, and the file is whole up to the last snapshot."""
        command = [SEEP, "run", "-q", "-o", self.file, "--interval", "0.1", "--", "/bin/sh", "-c",
                   "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do /bin/sleep 0.1; done; echo alive"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            pid = wait_for(lambda: process_named("seep-collect", self.file), "the collector")
            wait_for(lambda: os.path.getsize(self.file) > 1000, "a first snapshot")
            os.kill(pid, signal.SIGKILL)
            stdout, stderr = running.communicate(timeout=DEADLINE_S)
        self.assertEqual((stdout, running.returncode), ("alive\n", 0), stderr)
        rows = rows_of(self.file)
        self.assertGreaterEqual(sum(row["type"] == "snapshot" for row in rows), 1)
        self.assertNotEqual(rows[-1]["type"], "end")

    def test_a_million_marks_are_in_the_recording_exactly(self):
        ended = self.record(program("marks"), "threads", options=["--interval", "0.1"])
        self.assertEqual(ended.returncode, 0, ended.stderr)
        counts = [row for row in rows_of(self.file) if row["type"] == "mark_count"]
        self.assertEqual({row["text"]: row["count"] for row in counts}, json.loads(ended.stdout))
        for row in counts:
            so_far = [count for _, count in row["snapshots"]]
            self.assertEqual((so_far, so_far[-1]), (sorted(so_far), row["count"]))

    def test_children_leave_a_line_or_a_file(self):
        ended = self.record("/bin/sh", "-c", f"{program('functions')} > /dev/null; /bin/sleep 0.7; true",
                            options=["--min-child", "0.3"])
        self.assertEqual(ended.returncode, 0, ended.stderr)
        children = [row for row in rows_of(self.file) if row["type"] == "child"]
        kept = [row["file"] for row in children if row["file"]]
        self.assertTrue(any("functions" in row["command"] and not row["file"] for row in children), children)
        self.assertTrue(any("sleep" in row["command"] and row["file"] for row in children), children)
        for name in kept:
            self.assertEqual(rows_of(os.path.join(self.folder, name))[-1]["ending"], "exited")

    def test_a_program_that_cannot_be_recorded_is_told_apart(self):
        """Too little address space: the program runs, and the person learns why there is nothing."""
        ended = self.record("/bin/sh", "-c", f"ulimit -v 1000000; exec {program('functions')}")
        self.assertIn("use_calloc", ended.stdout)
        rows = rows_of(self.file) if os.path.exists(self.file) else []
        told = ended.stderr + " ".join(row.get("text", "") for row in rows)
        self.assertIn("too little address space", told)

    def test_an_existing_file_is_replaced_only_when_the_new_one_is_complete(self):
        with open(self.file, "w", encoding="ascii") as old:
            old.write("precious")
        ended = self.record("/bin/sh", "-c", f"cat {self.file}")
        self.assertEqual(ended.stdout, "precious")
        self.assertEqual(rows_of(self.file)[-1]["type"], "end")
        ended = self.record("/nonexistent/program")
        self.assertEqual(ended.returncode, 2)
        self.assertEqual(rows_of(self.file)[-1]["type"], "end")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
