"""The stress program under the shim: it ends, its children end as they should, and what it counted is what was recorded.

Usage: stress_test.py LIBRARY PROGRAM_DIR [--seconds N] [--threads N] [--seed N]. SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import sys
import time

from segment_reader import Run

LOSS_NESTED, LOSS_FIRST_STACK, FEW = 9, 32, 10
CHILDREN_KEPT = 300  # of the segments of children: a long run has some 100,000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", type=os.path.abspath)
    parser.add_argument("programs", type=os.path.abspath)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1000000)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)

    stress = os.path.join(given.programs, "host_stress")
    plugins = [os.path.join(given.programs, f"libhost_{name}.so")
               for name in ("first_plugin", "second_plugin", "small_caller", "large_caller")]
    ended = Run(given.library, os.path.join(given.programs, "host_segment_facts"),
                [stress, str(given.seconds), str(given.seed), str(given.threads), *plugins],
                timeout_s=given.seconds + 120, keep=CHILDREN_KEPT)
    if ended.status != 0 or ended.stderr:
        sys.exit(f"status {ended.status}: {ended.stderr}")
    counted, segment = json.loads(ended.stdout), ended.segments[0]
    failures, without_stack = [], 0
    for kind, name in (("heap", "heap"), ("thread", "threads")):
        recorded = segment.by_function(stress, kind=kind)
        for function, wanted in counted[name].items():
            missing = [w - r for w, r in zip(wanted, recorded.get(function, [0, 0]))]
            without_stack += sum(missing)
            if min(missing) < 0 or without_stack > segment.lost.get(LOSS_NESTED, 0):
                failures.append(f"{function}: counted {wanted}, recorded {recorded.get(function)}")
    events_lost = {reason for reason in segment.lost if reason < LOSS_FIRST_STACK} - {LOSS_NESTED}
    cut = sum(n for reason, n in segment.lost.items() if reason >= LOSS_FIRST_STACK)
    if events_lost or cut > FEW + counted["heap"]["keep_in_handler"][0] // 1000:
        failures.append(f"lost {segment.lost}")  # a handler may strike where code has no correct unwind rule
    children = len(ended.segments) - 1 + ended.dropped
    if children < counted["forks"]:
        failures.append(f"{counted['forks']} children that allocate, {children} recorded")
    for child in ended.segments[1:]:
        acquired, released = child.total()[:2]
        if acquired == 0 or released > acquired or any(reason < LOSS_FIRST_STACK for reason in child.lost):
            failures.append(f"child {child.pid}: {acquired} acquired, {released} released, lost {child.lost}")
    print(f"{children} children, lost {segment.lost}, {counted}")
    sys.exit("\n".join(failures) or 0)


if __name__ == "__main__":
    main()
