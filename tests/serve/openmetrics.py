"""A strict reader of OpenMetrics 1.0 text, as far as Seep writes it: what it lets through, any scraper does.

SPDX-License-Identifier: MIT
"""
import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import exposition  # noqa: E402

SUFFIX = {"gauge": "", "counter": "_total", "info": "_info"}


def parse(text):
    """{family: (type, {(name, labels): value})}; raises AssertionError on what the format forbids."""
    families, current = {}, None
    if not text.endswith("\n# EOF\n") or text.count("# EOF") != 1:
        raise AssertionError("the text does not end with # EOF")
    for line in text[:-len("# EOF\n")].splitlines():
        words = line.split(" ", 3)
        if line.startswith("# TYPE "):
            if words[2] in families:
                raise AssertionError(f"{words[2]} comes twice")
            if words[3] not in SUFFIX:
                raise AssertionError(f"type {words[3]}")
            if words[3] == "counter" and words[2].endswith("_total"):
                raise AssertionError(f"the family of a counter has no _total: {words[2]}")
            current = words[2]
            families[current] = (words[3], {})
        elif line.startswith("# HELP "):
            if words[2] != current or not words[3]:
                raise AssertionError(f"misplaced: {line}")
        elif line.startswith("#"):
            raise AssertionError(f"unknown: {line}")
        else:
            name, labels, value = exposition.sample(line)
            kind, samples = families[current]
            if name != current + SUFFIX[kind]:
                raise AssertionError(f"{name} under {current} ({kind})")
            if (name, labels) in samples:
                raise AssertionError(f"sample twice: {line}")
            if len({label.split("=", 1)[0] for label in labels}) != len(labels):
                raise AssertionError(f"label twice: {line}")
            if kind == "counter" and value < 0 or kind == "info" and value != 1:
                raise AssertionError(f"value: {line}")
            samples[name, labels] = value
    return families


def labels_of(labels):
    """{"kind": "heap", ...} of a tuple of NAME="VALUE"."""
    return {name: value[1:-1] for name, value in (label.split("=", 1) for label in labels)}
