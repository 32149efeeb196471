"""A small fleet with planted leaks, as samples that any server can be fed with.

30 instances, a day, a sample each 5 minutes, 8 sites of heap and 2 of descriptors. Planted:
- hub_register leaks on version 2.0 (instances 0, 5, 10 ...: 6 of 30), and nowhere else;
- parse_row leaks on region ap (instances 1, 4, 7 ...: 10 of 30), which are killed and start again every 8 hours;
- open_log loses descriptors on version 2.0.
The rest is healthy: noise, saw-teeth, caches that fill.

SPDX-License-Identifier: MIT
"""
import math
import random

STEP_S, STEPS, INSTANCES, MIB = 300, 289, 30, 1 << 20
LIFE_STEPS = 96
PLANTED = {"hub_register": ("version", "2.0", 6), "parse_row": ("region", "ap", 10), "open_log": ("version", "2.0", 6)}
SITES = [("hub_register", "heap"), ("parse_row", "heap"), ("open_log", "fd"), ("accept_client", "fd"), ("cache_put", "heap"),
         ("batch_run", "heap"), ("session_new", "heap"), ("queue_push", "heap"), ("log_line", "heap"), ("config_load", "heap")]


def labels(i):
    """Of instance i."""
    return {"instance": f"10.0.0.{i}:7337", "job": "api", "version": "2.0" if i % 5 == 0 else "1.9",
            "region": "ap" if i % 3 == 1 else "eu", "host": f"host-{i // 2}", "recording": "api.seep"}


def restarts_at(i, step):
    """Steps since the program of instance i began."""
    return step % LIFE_STEPS if labels(i)["region"] == "ap" else step + 1000


def value(generator, i, function, step):
    leaks = function in PLANTED and labels(i)[PLANTED[function][0]] == PLANTED[function][1]
    if function in ("open_log", "accept_client"):
        return (10 + restarts_at(i, step) % 1000 // 3 if leaks else 40 + generator.randrange(8))
    noise = generator.gauss(0, MIB / 20)
    if function == "hub_register" and leaks:
        return 5 * MIB + 60_000 * step + noise
    if function == "parse_row" and leaks:
        return MIB + 200_000 * restarts_at(i, step) + noise
    if function == "cache_put":
        return 8 * MIB * (1 - math.exp(-(restarts_at(i, step) % 1000) / 15)) + noise / 10
    if function == "batch_run":
        return 4 * MIB * (1 + step % 12 / 12) + noise
    return 6 * MIB + 4 * noise


def series(end_s):
    """Yields (metric, labels, [(time in s, value), ...]). end_s: the last sample, a multiple of STEP_S."""
    generator = random.Random(7)
    times = [end_s - (STEPS - 1 - step) * STEP_S for step in range(STEPS)]
    for i in range(INSTANCES):
        yield "seep_recording_seconds", labels(i), [(t, restarts_at(i, step) * STEP_S + 1) for step, t in enumerate(times)]
        for number, (function, kind) in enumerate(SITES):
            own = {**labels(i), "id": f"{number + 1:012x}", "function": function, "place": f"{function}.c:{number}",
                   "subsystem": "net", "kind": kind}
            values = [max(int(value(generator, i, function, step)), 0) for step in range(STEPS)]
            yield "seep_site_live", own, list(zip(times, values if kind == "fd" else [v // 100 for v in values]))
            yield "seep_site_live_bytes", own, list(zip(times, [0] * STEPS if kind == "fd" else values))


def quoted(own):
    return ",".join(f'{name}="{text}"' for name, text in own.items())


def check(test, report):
    """What any server's report on this fleet must say."""
    test.assertEqual((report["instances"], report["sites"]), (INSTANCES, len(SITES)))
    found = {}
    for finding in report["findings"]:
        found[finding["function"]] = finding
    for function, (label, text, count) in PLANTED.items():
        test.assertIn(function, found)
        finding = found[function]
        common = finding["common"][0]
        test.assertEqual((common["label"], common["value"]), (label, text), finding["where"])
        test.assertEqual((common["growing"], common["instances"], common["others_growing"]), (count, count, 0), finding["where"])
        test.assertEqual(finding["verdict"], "definite", finding["where"])
    test.assertEqual(sorted(found), sorted(PLANTED), [f["where"] for f in report["findings"]])
    test.assertEqual(report["data"]["restarts"], 10 * 3)
    rate = found["hub_register"]["median_per_s"]
    test.assertAlmostEqual(rate, 60_000 / STEP_S, delta=10)
