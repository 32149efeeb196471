#!/usr/bin/env python3
"""Recordings that are damaged, empty, of another version or of an impossible clock: a clear word, never a crash.

usage: odd_recordings_test.py SEEP ODD_RECORDINGS

Every command that reads a recording, in every format, gets every one of them. What must come: exit status 0 with a whole
report, or 2 with one line on stderr that names the file. No signal, no hang, no memory beyond what a small file is worth.

SPDX-License-Identifier: MIT
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SEEP, MAKER = sys.argv[1:3]
HANG_S = 60
MOST_MIB = 256 if "SEEP_SANITIZED" not in os.environ else 4096
REPORTS = ("text", "json", "markdown", "html", "folded", "pprof", "sarif", "junit")
THREADS = ("text", "json", "folded", "pprof")
DIFFS = ("text", "json", "markdown", "html", "junit", "sarif")
MAGIC_BYTES, HEADER_BYTES, HASH_BYTES = 8, 16, 8

# name -> what its report says: the verdict, or a part of the error
EXPECTED = {
    "sound": "leak",
    "newer-minor": "leak",
    "end-after-days": "leak",
    "jump-late": "inconclusive",
    "one-snapshot": "inconclusive",
    "two-snapshots": "inconclusive",
    "sites-without-snapshots": "inconclusive",
    "nothing-but-program": "inconclusive",
    "header-alone": "inconclusive",
    "clock-back": "a time that does not rise",
    "clock-stands": "a time that does not rise",
    "other-version": "another version",
    "foreign-major": "another format",
    "glued": "another recording begins here",
}


def run(*command):
    """(exit status, stdout, stderr, peak MiB); the status is negative after a signal."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([SEEP, *command], stdout=out, stderr=errors,
                                   env={**os.environ, "DEBUGINFOD_URLS": ""})
        ends = time.monotonic() + HANG_S
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        while pid == 0 and time.monotonic() < ends:
            time.sleep(0.001)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid == 0:
            process.kill()
            raise AssertionError(f"{command} hangs")
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        return process.returncode, out.read(), errors.read().decode(errors="replace"), usage.ru_maxrss / 1024


def frames_of(data):
    """Offsets of the frames of a sound file, then its length."""
    at, found = MAGIC_BYTES, []
    while at < len(data):
        found.append(at)
        at += HEADER_BYTES + int.from_bytes(data[at + 4:at + 8], "little") + HASH_BYTES
    return [*found, len(data)]


class OddRecordingsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="seep-odd-")
        cls.path = Path(cls.folder.name)
        subprocess.run([MAKER, cls.path], check=True)
        cls.sound = str(cls.path / "sound.seep")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def ask(self, path, *command):
        """Runs a command on a file and holds it against what every command promises. Returns: (status, stdout, stderr)."""
        status, out, errors, mib = run(*command)
        said = f"{command}: exit status {status}, {errors[:500]}"
        self.assertIn(status, (0, 2), said)
        self.assertLess(mib, MOST_MIB, said)
        if status == 2:
            self.assertEqual(out, b"", said)
            self.assertEqual(errors.count("\n"), 1, said)
            self.assertIn(str(path), errors, said)
        else:
            self.assertEqual(errors, "", said)
        return status, out, errors

    def ask_everything(self, path):
        for name in REPORTS:
            self.ask(path, "report", str(path), "--format", name)
        for name in DIFFS:
            self.ask(path, "diff", self.sound, str(path), "--format", name)
            self.ask(path, "diff", str(path), str(path), "--format", name)
        for name in THREADS:
            self.ask(path, "threads", str(path), "--format", name)
        self.ask(path, "dump", str(path))
        self.ask(path, "dump", "--no-symbols", str(path))

    def write(self, name, data):
        path = self.path / name
        path.write_bytes(data)
        return path

    def test_every_command_and_format_takes_every_odd_recording(self):
        for path in sorted(self.path.glob("*.seep")):
            with self.subTest(recording=path.name):
                self.ask_everything(path)

    def test_what_the_report_says(self):
        for name, word in EXPECTED.items():
            with self.subTest(recording=name):
                path = self.path / f"{name}.seep"
                status, out, errors = self.ask(path, "report", str(path), "--format", "json")
                if status == 0:
                    self.assertEqual(json.loads(out)["verdict"], word)
                else:
                    self.assertIn(word, errors)

    def test_a_file_of_nothing_and_parts_of_the_magic(self):
        for length in range(MAGIC_BYTES):
            path = self.write("start.bin", b"SEEPREC1"[:length])
            for command in (("report", path), ("diff", path, path), ("dump", path), ("threads", path)):
                status, _, errors = self.ask(path, *map(str, command))
                self.assertEqual(status, 2)
                self.assertIn("not a Seep recording", errors)

    def test_a_cut_at_each_frame_and_beside_it(self):
        data = Path(self.sound).read_bytes()
        for frame in frames_of(data)[::8]:
            for length in (frame - 1, frame, frame + 1, frame + HEADER_BYTES, frame + HEADER_BYTES + 1):
                if MAGIC_BYTES <= length <= len(data):
                    path = self.write("cut.bin", data[:length])
                    status, out, _ = self.ask(path, "report", str(path), "--format", "json")
                    self.assertEqual(status, 0)
                    self.assertEqual(json.loads(out)["recording"]["truncated"], length not in frames_of(data))

    def test_lengths_that_lie_and_bits_that_flip(self):
        data = Path(self.sound).read_bytes()
        for frame in frames_of(data)[:-1:12]:
            for at in (0, 2, 4, 7, 8, 11, 12, HEADER_BYTES, HEADER_BYTES + 3):
                changed = bytearray(data)
                changed[frame + at] ^= 0x80
                path = self.write("flipped.bin", changed)
                status, _, errors = self.ask(path, "report", str(path))
                self.assertEqual(status, 2)
                self.assertIn(f"corrupt at byte {frame}", errors)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
