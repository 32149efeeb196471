#!/usr/bin/env python3
"""The same bytes come out of a large recording whatever the number of processors.

usage: processors_test.py SEEP LARGE_RECORDING
A recording with enough sites that the analysis goes on all processors. Where there is one only, the test is skipped.
SPDX-License-Identifier: MIT
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SEEP, LARGE_RECORDING = (os.path.abspath(path) for path in sys.argv[1:3])
# A sanitizer looks for races, which needs no more than one run of each way through the code, and takes its time.
SANITIZED = "SEEP_SANITIZED" in os.environ
FORMATS, RUNS = (("json", "pprof"), 1) if SANITIZED else (("text", "json", "html", "folded", "pprof", "sarif"), 3)
SITES, SNAPSHOTS, SKIPPED = 6000, 500, 77  # enough for two workers, and for two batches of points


def report(path, form, processors):
    command = [SEEP, "report", path, "--format", form, "-o", path + "." + form]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL,
                   preexec_fn=lambda: os.sched_setaffinity(0, processors))
    with open(path + "." + form, "rb") as file:
        return file.read()


class Processors(unittest.TestCase):
    def test_each_format_is_the_same_on_one_and_on_all(self):
        everywhere = os.sched_getaffinity(0)
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/large.seep"
            subprocess.run([LARGE_RECORDING, "--sites", str(SITES), "--snapshots", str(SNAPSHOTS), path, SEEP], check=True,
                           timeout=120, stdout=subprocess.DEVNULL)
            for form in FORMATS:
                one = report(path, form, {min(everywhere)})
                self.assertGreater(len(one), 1000, form)
                for _ in range(RUNS):
                    # no assertEqual: it would print both
                    self.assertTrue(report(path, form, everywhere) == one, form)
            with open(path + ".json", encoding="utf-8") as file:
                self.assertTrue(json.load(file)["findings"])


if __name__ == "__main__":
    if len(os.sched_getaffinity(0)) < 2:
        print("skipped: one processor only")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
