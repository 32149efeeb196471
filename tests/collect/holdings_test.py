#!/usr/bin/python3
"""Descriptors, timers and mappings end to end: a program that leaks each of them is recorded, and the
report names what leaks, where, how fast and what it is open on; nothing else.

usage: holdings_test.py SEEP LIBSEEP LEAKY_HOLDINGS

SPDX-License-Identifier: MIT
"""

import json
import os
import resource
import subprocess
import sys
import tempfile

LIMIT = 1024  # descriptors: 40 a second are leaked, so it is near from the start
RUN_S = 19
DEADLINE_S = 120


def run(seep, library, arguments, folder):
    """Records to the end and gives the JSON report; the program ends by SIGTERM."""
    environment = dict(os.environ, SEEP_LIB=library)
    recording = os.path.join(folder, "leaky.seep")
    result = subprocess.run(
        [seep, "run", "--interval", "0.25", "--duration", str(RUN_S), "--quiet", "-o", recording,
         "--", *arguments],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=DEADLINE_S, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT)))
    assert result.returncode == 128 + 15, result
    return recording


def report(seep, recording, *options):
    output = subprocess.run([seep, "report", recording, "--format", "json", *options],
                            stdout=subprocess.PIPE, timeout=DEADLINE_S, check=True).stdout
    return json.loads(output)


def of_function(findings, function):
    """The one finding that a function answers for."""
    found = [f for f in findings if any(frame["function"] == function for frame in f["stack"])]
    assert len(found) == 1, (function, [f["summary"] for f in findings])
    return found[0]


def check_rate(finding, per_s=10):
    rate = finding["evidence"]["growth_per_s"]
    assert per_s * 0.5 < rate < per_s * 1.1, (finding["summary"], rate)


def check_descriptors(findings, totals):
    connection = of_function(findings, "leak_connection")
    assert connection["kind"] == "fd" and connection["verdict"] == "probable", connection
    assert connection["forecast"]["limit"] == "nofile", connection["forecast"]
    assert connection["forecast"]["limit_count"] == LIMIT, connection["forecast"]
    group = connection["targets"]["groups"][0]
    assert group["what"].startswith("TCP on 127.0.0.1:"), group
    assert group["what"].endswith(" in CLOSE_WAIT"), group
    assert group["count"] >= 0.95 * connection["targets"]["listed"], connection["targets"]
    assert group["what"] in connection["summary"], connection["summary"]

    duplicate = of_function(findings, "leak_duplicate")
    assert duplicate["targets"]["groups"][0]["what"].startswith("TCP listening on 127.0.0.1:")
    stream = of_function(findings, "leak_stream")
    assert stream["kind"] == "fd", stream
    assert stream["targets"]["groups"][0]["what"] == "/dev/zero", stream["targets"]
    assert stream["companions"]["sites"] == 1, stream["companions"]  # the FILE itself
    for finding in (connection, duplicate, stream):
        check_rate(finding)
    assert totals["fd"]["peak"] > 3 * 10 * RUN_S / 2, totals


def check_raw(findings, descriptors):
    raw = [f for f in findings if not f["stack"]]
    assert len(raw) == 1 and raw[0]["kind"] == "fd" and raw[0]["verdict"] == "suspect", raw
    check_rate(raw[0])
    assert raw[0]["targets"]["groups"][0]["what"] == "/dev/full", raw[0]["targets"]
    known = descriptors["recorded"] + descriptors["inherited"] + descriptors["unrecorded"]
    assert known == descriptors["open"], descriptors
    assert descriptors["unrecorded_targets"]["groups"][0]["what"] == "/dev/full", descriptors
    assert descriptors["unrecorded_targets"]["groups"][0]["count"] == descriptors["unrecorded"]
    assert descriptors["gone"] == 0, descriptors


def main():
    seep, library, leaky = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        recording = run(seep, library, [leaky], folder)
        whole = report(seep, recording)
        fds = report(seep, recording, "--kind", "fd")
        dump = subprocess.run([seep, "dump", "--no-symbols", recording], stdout=subprocess.PIPE,
                              timeout=DEADLINE_S, check=True).stdout.splitlines()
    findings = [f for f in whole["findings"] if f["verdict"] != "bounded"]
    check_descriptors(findings, whole["totals"])
    check_raw(findings, whole["descriptors"])

    timer = of_function(findings, "leak_timer")
    mapping = of_function(findings, "leak_mapping")
    assert timer["kind"] == "timer" and mapping["kind"] == "mapping"
    check_rate(timer)
    check_rate(mapping)
    assert mapping["evidence"]["live_bytes"] == mapping["evidence"]["live"] * 65536, mapping
    assert whole["totals"]["timer"]["live"] >= timer["evidence"]["live"] > 0
    assert whole["totals"]["mapping"]["peak_bytes"] >= mapping["evidence"]["live_bytes"]
    assert len(findings) == 6, [f["summary"] for f in findings]  # nothing healthy among them

    assert {f["kind"] for f in fds["findings"]} == {"fd"}, fds["findings"]
    rows = [row for row in map(json.loads, dump) if row["type"] == "descriptor"]
    assert len(rows) == whole["descriptors"]["open"], (len(rows), whole["descriptors"])
    print(f"{len(rows)} descriptors, {len(findings)} findings")


if __name__ == "__main__":
    main()
