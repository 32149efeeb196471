"""Waiting in tests: for a condition, with a deadline, never for luck.

SPDX-License-Identifier: MIT
"""
import time


def wait_for(condition, what, patience_s):
    """condition() once it is true. AssertionError after the deadline; `what`: text, or what gives one."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s} s: {what() if callable(what) else what}")
        time.sleep(0.01)
