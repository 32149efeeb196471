"""What the text formats of metrics have in common: names, labels, samples (Prometheus 0.0.4, OpenMetrics 1.0).

SPDX-License-Identifier: MIT
"""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")


def sample(line):
    """(name, labels as a tuple of NAME="VALUE", value); raises on what neither format allows."""
    match = SAMPLE.fullmatch(line)
    if match is None:
        raise AssertionError(f"no sample: {line}")
    name, labels, value = match.groups()
    return name, tuple(re.findall(LABEL, labels)) if labels else (), float(value)
