#!/usr/bin/env python3
"""The tables of simulated rates in docs/statistics.md, made anew.

    scripts/statistics_tables.py [BUILD]      BUILD: build/release by default

Runs the simulations of BUILD/bin (a minute of CPU), puts their output between the
`<!-- stat:NAME -->` marks of the document, and what tests hold against them into
tests/stat/expected_*.txt. Read the difference before you commit it.

SPDX-License-Identifier: MIT
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "statistics.md"
PROGRAMS = {"growth": "growth_rates", "forecast": "forecast_rates", "sampled": "sampled_rates"}
EXPECTED = {"growth": ROOT / "tests" / "stat" / "expected_growth_rates.txt"}


def output_of(build, name):
    """What the simulation prints; its expectations, if any, are written on the way."""
    command = [build / "bin" / f"stat_{PROGRAMS[name]}"]
    if name in EXPECTED:
        command += ["--write", EXPECTED[name]]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def put(text, name, table):
    """The document with the table between its marks."""
    start, end = f"<!-- stat:{name} -->", f"<!-- /stat:{name} -->"
    head, rest = text.split(start)
    return f"{head}{start}\n{table.strip()}\n{end}{rest.split(end)[1]}"


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "release").resolve()
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in PROGRAMS:
        text = put(text, name, output_of(build, name))
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
