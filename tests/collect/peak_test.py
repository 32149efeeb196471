#!/usr/bin/python3
"""`seep run` sees a spike of a few milliseconds between two snapshots, and who held it; sampled recordings say how far
they may be off.

usage: peak_test.py SEEP SPIKE_PROGRAM.  SPDX-License-Identifier: MIT
"""
import json
import os
import subprocess
import sys
import tempfile

SEEP, SPIKE = (os.path.abspath(path) for path in sys.argv[1:3])
HOLD_US = 5000


def start(name, base_kib, spike_kib, block_bytes, *options):
    return subprocess.Popen([SEEP, "run", "-q", "-o", name, *options, "--", SPIKE, str(base_kib), str(spike_kib),
                             str(HOLD_US), str(block_bytes)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(run, name):
    """The program's own peak, the report as JSON and as text."""
    out, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    reports = [subprocess.run([SEEP, "report", name, "--format", form], capture_output=True, text=True, check=False).stdout
               for form in ("json", "text")]
    return int(out), json.loads(reports[0]), reports[1]


def check_full(run, name, base_kib, spike_kib):
    truth, report, text = finish(run, name)
    heap = report["totals"]["heap"]
    assert report["recording"]["mode"] == "full" and report["recording"]["sample_bytes"] is None
    assert abs(heap["peak_bytes"] / truth - 1) < 0.01, (name, heap, truth)
    assert (heap["live_error"], heap["live_bytes_error"], heap["peak_bytes_error"]) == (0, 0, 0)
    # The look comes after the word; on a busy machine it may miss the top, not the spike.
    assert heap["peak_seen_bytes"] > truth * 0.97, (name, heap, truth)
    assert 1.2 < heap["peak_at_s"] < 1.9, heap
    held = {row["function"]: row["live_bytes"] for row in heap["peak_held_by"]}
    assert list(held)[:2] == ["hold_base", "hold_spike"], heap
    assert abs(held["hold_base"] / (base_kib * 1024) - 1) < 0.01, held
    assert abs(held["hold_spike"] / (spike_kib * 1024) - 1) < 0.1, held
    assert "held by hold_base" in text and "±" not in text and "+-" not in text, text


def check_sampled(run, name):
    truth, report, text = finish(run, name)
    heap = report["totals"]["heap"]
    assert report["recording"]["mode"] == "sampled"
    assert report["recording"]["sample_bytes"] == 65536
    assert 0 < heap["peak_bytes_error"] < truth * 0.2, heap
    assert abs(heap["peak_bytes"] - truth) < 2.1 * heap["peak_bytes_error"], (heap, truth)
    assert heap["live_bytes_error"] > 0 and heap["live_error"] > 0, heap
    assert "one in 64.0 KiB of heap" in text and ("±" in text or "+-" in text), text


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for base_kib, spike_kib, block_bytes in ((20480, 10240, 1000), (2048, 1024, 100)):
            run = start("full.seep", base_kib, spike_kib, block_bytes)
            check_full(run, "full.seep", base_kib, spike_kib)
        check_sampled(start("sampled.seep", 20480, 10240, 1000, "--mode", "sampled=64k"), "sampled.seep")
    print("ok")


main()
