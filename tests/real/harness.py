"""Runs a program of the distribution twice, alone and under Seep, and compares all that it did.

A test is a method that describes one command. The two runs happen in two fresh folders of the same
path length, prepared alike; standard output, standard error, exit status and the files named must be
equal byte for byte, and the recording must hold events. A crash, a hang, a difference or an empty
recording fails.

SPDX-License-Identifier: MIT
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import conditions  # noqa: E402  pylint: disable=wrong-import-position

PROGRAMS = Path(__file__).resolve().parent / "programs"
EXIT_SKIPPED = 77  # as tests/real.cmake tells ctest
BARE, RECORDED = "bare", "seep"  # names of the two folders: of one length


def environment(extra=None):
    """The test's own environment without anything of Seep's, and with nothing that varies."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("SEEP_", "LD_", "GIT_", "PYTHON", "PERL", "NODE_"))}
    kept.update({"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
    kept.update(extra or {})
    return kept


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """Waits for a condition with a deadline; gives its first true value."""
    return conditions.wait_for(condition, what, seconds)


class Process:
    """A program in a process group of its own, which ends with the test whatever happens."""

    def __init__(self, command, folder, env=None):
        self.outputs = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self.child = subprocess.Popen(command, cwd=folder, env=environment(env),
                                      stdin=subprocess.DEVNULL, stdout=self.outputs[0],
                                      stderr=self.outputs[1], start_new_session=True)

    def finish(self, seconds):
        """Exit status, standard output, standard error. A hang is an AssertionError."""
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"hangs: {self.child.args} after {seconds} s;"
                                 f" stderr: {self.output(1)[-500:]!r}") from None
        return status, self.output(0), self.output(1)

    def output(self, which):
        self.outputs[which].seek(0)
        return self.outputs[which].read()

    def kill(self):
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        for output in self.outputs:
            output.close()


class RealProgramTest(unittest.TestCase):
    """Base of all tests here: two folders, and the comparison."""

    binaries = None  # the build tree's folder that has bin/ and lib/; set by main()
    maxDiff = 4000
    check_every = 0  # N: every Nth stack is also unwound by libunwind, and none may differ

    def setUp(self):
        self.top = Path(tempfile.mkdtemp(prefix="seep-real-"))
        self.top.chmod(0o755)  # a worker of nginx runs as another user
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)
        self.recording = self.top / "program.seep"
        for name in (BARE, RECORDED):
            (self.top / name).mkdir()

    def need(self, *programs):
        for program in programs:
            if shutil.which(program, path=environment()["PATH"]) is None:
                self.skipTest(f"{program} is not installed")

    @property
    def seep(self):
        return str(self.binaries / "bin" / "seep")

    def under_seep(self, command):
        check = ["--check", str(self.check_every), "--min-child", "0"] if self.check_every else []
        return [self.seep, "run", "--quiet", *check, "-o", str(self.recording), "--", *command]

    def start(self, command, folder, env=None):
        process = Process(command, folder, env)
        self.addCleanup(process.kill)
        return process

    def compare(self, command, prepare=None, files=(), env=None, seconds=60, events=100):
        """The whole test of a program that ends by itself.

        prepare(folder): makes what the program needs. files: produced files to compare. events: the
        least number of heap acquisitions that the recording must hold. Returns standard output.
        """
        results = {}
        for name, argv in ((BARE, command), (RECORDED, self.under_seep(command))):
            folder = self.top / name
            if prepare:
                prepare(folder)
            process = self.start(argv, folder, {"HOME": str(folder), **(env or {})})
            status, out, err = process.finish(seconds)
            paths = (str(folder).encode(), b"FOLDER")
            results[name] = {"status": status, "stdout": out.replace(*paths),
                             "stderr": err.replace(*paths),
                             "files": {file: (folder / file).read_bytes() for file in files}}
        for part in ("status", "stderr", "stdout", "files"):
            self.assertEqual(results[BARE][part], results[RECORDED][part],
                             f"{part} differs under Seep")
        self.assertEqual(results[BARE]["status"], 0, results[BARE]["stderr"])
        self.check_recording(self.recording, events)
        return results[BARE]["stdout"]

    def compare_server(self, command, ready, drive, stop, env=None, events=100):
        """The whole test of a server. `command(folder)` gives its argv; `ready(folder)` says whether it
        serves; `drive(folder)` talks to it and gives what must be equal; `stop` is the signal that ends it.
        """
        results = {}
        for name in (BARE, RECORDED):
            folder = self.top / name
            argv = command(folder)
            if name == RECORDED:
                argv = self.under_seep(argv)
            process = self.start(argv, folder, {"HOME": str(folder), **(env or {})})

            def serves():
                self.assertIsNone(process.child.poll(), f"the server ended: {process.output(1)!r}")
                return ready(folder)
            wait_until(serves, 20, f"{argv[0]} serves")
            answer = drive(folder)
            os.kill(process.child.pid if name == BARE else self.program_of(process), stop)
            status, _, err = process.finish(20)
            results[name] = {"status": status, "answers": answer}
            self.assertEqual(status, 0, err)
        self.assertEqual(results[BARE], results[RECORDED])
        self.check_recording(self.recording, events)

    def program_of(self, process):
        """The pid of the program that a `seep run` process started."""
        def children():
            text = subprocess.run(["pgrep", "-P", str(process.child.pid)], check=False,
                                  capture_output=True, text=True).stdout
            return [int(pid) for pid in text.split() if self.has_shim(int(pid))]
        return wait_until(children, 5, "a child with the shim")[0]

    @staticmethod
    def has_shim(pid):
        # Not by the environment: servers write their titles over it.
        try:
            return b"/libseep.so" in Path(f"/proc/{pid}/maps").read_bytes()
        except OSError:
            return False

    def report(self, recording):
        result = subprocess.run([self.seep, "report", str(recording), "--format", "json"],
                                env=environment(), capture_output=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def check_recording(self, recording, events):
        """The recording is whole, holds events, and none of them contradicts another."""
        self.assertTrue(recording.is_file(), "there is no recording")
        report = self.report(recording)
        heap = report["recording"]["events"]["heap"]
        self.assertGreaterEqual(heap["acquired"], events, "events are missing")
        self.assertGreater(heap["released"], 0)
        self.assertLessEqual(heap["released"], heap["acquired"])
        self.assertFalse(report["recording"]["truncated"])
        self.assertEqual(report["program"]["ending"]["kind"], "exited")
        if self.check_every:
            self.check_stacks()
        return report

    def check_stacks(self):
        """The stacks of the program and of its children are libunwind's."""
        notes = []
        for recording in self.top.glob("*.seep"):
            rows = subprocess.run([self.seep, "dump", str(recording)], env=environment(), capture_output=True,
                                  timeout=120, check=True).stdout.splitlines()
            notes += [row["text"] for row in map(json.loads, rows)
                      if row["type"] == "note" and row["text"].startswith("check: ")]
        found = [re.match(r"check: (\d+) stacks compared .*?, (\d+) differ", note) for note in notes]
        self.assertTrue(found and all(found), notes)
        self.assertGreater(sum(int(match[1]) for match in found), 0, notes)
        self.assertEqual([note for note, match in zip(notes, found) if match[2] != "0"], [])


def main():
    """unittest's main, plus --binaries DIR; exits with 77 when every test was skipped."""
    arguments = sys.argv[1:]
    if arguments[:1] != ["--binaries"] or len(arguments) < 2:
        sys.exit(f"usage: {sys.argv[0]} --binaries DIR [TEST...]")
    RealProgramTest.binaries = Path(arguments[1]).resolve()
    program = unittest.main(argv=[sys.argv[0], *arguments[2:]], exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    sys.exit(EXIT_SKIPPED if len(result.skipped) == result.testsRun else 0)
