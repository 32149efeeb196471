"""seep diff over real recordings: two builds of one program, with and without a planted leak.

usage: diff_test.py SEEP PLAIN REGRESSED

SPDX-License-Identifier: MIT
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SEEP, PLAIN, REGRESSED = sys.argv[1:4]
SECONDS = 20


def record(folder, runs):
    """Records all runs (name: program, seconds, cache) at once; the programs mostly sleep."""
    started = {}
    for name, (program, seconds, cache) in runs.items():
        path = folder / f"{name}.seep"
        started[path] = subprocess.Popen(
            [SEEP, "run", "--interval", "0.2", "--quiet", "-o", path, "--", program, str(seconds),
             str(cache)], stdout=subprocess.DEVNULL)
    for path, process in started.items():
        assert process.wait(timeout=90) == 0, path
        assert path.stat().st_size > 1000


def diff(folder, base, fresh, *options):
    done = subprocess.run([SEEP, "diff", folder / f"{base}.seep", folder / f"{fresh}.seep",
                           "--format", "json", *options], capture_output=True, text=True)
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record(folder, {"plain": (PLAIN, SECONDS, 100), "again": (PLAIN, SECONDS + 4, 800),
                        "leaky": (REGRESSED, SECONDS, 100), "leaky2": (REGRESSED, SECONDS + 2, 300)})

        status, found = diff(folder, "plain", "leaky", "--fail-on", "suspect")
        assert status == 1, found
        first = found["changes"][0]
        assert first["change"] == "new" and first["kind"] == "heap", first
        functions = [frame["function"] for frame in first["stack"]]
        assert "handle" in functions and "main" in functions, functions
        assert len(found["changes"]) == 1, found["changes"]
        assert first["in_both"], "the site that frees in one build and leaks in the other"

        status, found = diff(folder, "leaky", "plain", "--fail-on", "suspect")
        assert status == 0 and [c["change"] for c in found["changes"]] == ["gone"], found

        # A longer run with a larger cache, and the same leak twice: nothing to say.
        for base, fresh in (("plain", "again"), ("again", "plain"), ("leaky", "leaky2"),
                            ("leaky2", "leaky"), ("plain", "plain")):
            status, found = diff(folder, base, fresh, "--fail-on", "suspect")
            assert status == 0 and found["changes"] == [], (base, fresh, found)
    print("ok")


if __name__ == "__main__":
    main()
