"""The matrix of all faults: with each one the truth grows as its row says, without it nothing does.

The faults are those that the server lists, so one without a row here fails. A row says how the fault
is provoked and which figures of GET debug/resources grow by it; the same provocation with the fault off
has to leave them where they were. Without any fault, a storm ends with every counter back at its start:
a few seconds of it here, `--minutes 10` by hand:

    test_fault_matrix.py --minutes 10

SPDX-License-Identifier: MIT
"""
import json
import os
import subprocess
import sys
import time

import backend
import fault_rows

FAULTS = "/api/v1/debug/faults"
LOAD = os.environ.get("PMA_LOAD", os.path.join(os.path.dirname(backend.BINARY), "pma-load"))
STORM_S = 3.0
# Whatever the server keeps for a while is short-lived here, so that "back at its start" comes soon.
SHORT = ("websocket.client_timeout=2s", "websocket.cleanup_interval=100ms",
         "auth.cleanup_interval=100ms", "logging.level=warn", *fault_rows.SHORT)
SETTLE_S = 20.0
# Bytes of one subsystem that come and go: what threads keep for reuse, tables that doubled.
HEAP_SLACK_BYTES = 1 << 20


class Truth:
    """What GET debug/resources says at one moment."""

    def __init__(self, server, measures=None):
        """measures: {name: function(server)}, further figures."""
        self.measured = {name: measure(server) for name, measure in (measures or {}).items()}
        self.data = server.get("/api/v1/debug/resources")["data"]

    def figure(self, name):
        """A figure by its name: "threads", "websocket.topics", "heap.auth" (bytes in use)."""
        if name.startswith("heap."):
            subsystem = self.data["subsystems"].get(name.removeprefix("heap."), {})
            return max(0, subsystem.get("bytes", 0) - subsystem.get("cached_bytes", 0))
        if name in self.measured:
            return self.measured[name]
        for group in ("counters", "totals"):
            if name in self.data[group]:
                return self.data[group][name]
        if name in self.data["kept"]:
            return self.data["kept"][name]["value"]
        return self.data[name]

    def counters(self):
        """All that has to come back, but for the connection and the thread that asks."""
        counters = dict(self.data["counters"])
        for name in ("threads", "fds", "children", "workers", "timers", "queue_items"):
            counters[name] = self.data[name]
        for name in ("http.connections", "http.active_requests"):
            counters.pop(name, None)
        # One descriptor is the question's own; the one before it may not have been closed yet.
        counters["fds"] -= self.data["counters"]["http.connections"]
        return counters


def differences(begin, end):
    """Counters that are not back at their start, as {name: (start, end)}."""
    return {name: (begin[name], end.get(name)) for name in begin if end.get(name) != begin[name]} | \
        {name: (None, end[name]) for name in end if name not in begin and end[name] != 0}


class FaultMatrix(backend.TestCase):
    minutes = None

    def await_return(self, server, begin, what):
        """Waits until every counter is back where it was."""
        end = time.monotonic() + SETTLE_S
        while True:
            left = differences(begin, Truth(server).counters())
            if not left:
                return
            self.assertLess(time.monotonic(), end, f"{what}: not back at their start: {left}")
            time.sleep(0.05)

    def judge(self, server, fault, row):
        """One row: the provocation without the fault, then with it."""
        def truth():
            return Truth(server, row.measures)
        if row.warm_up:
            row.provoke(server)
        before = truth()
        if row.is_quiet_when_off:
            row.provoke(server)
            backend.eventually(
                lambda: all(truth().figure(name) <= before.figure(name) + slack
                            for name, slack in row.figures_when_off(before)),
                f"{fault}: without the fault {sorted(row.grows)} come back")
        before = truth()
        status, body, _ = server.ask("PUT", f"{FAULTS}/{fault}", row.switch)
        self.assertEqual(status, 200, body)
        row.provoke(server)

        def grown():
            now = truth()
            # The connection of the question before may have been among the descriptors.
            return all(now.figure(name) >= before.figure(name) + least - (name == "fds")
                       for name, least in row.grows.items())
        try:
            backend.eventually(grown, f"{fault}: {row.grows}")
        except AssertionError as error:
            now = truth()
            raise AssertionError(f"{error}; got " + str(
                {name: now.figure(name) - before.figure(name) for name in row.grows})) from None
        backend.eventually(lambda: truth().data["leaked"][fault] >= row.occurrences,
                           f"{fault}: {row.occurrences} occurrences are counted")

    def test_the_truth_grows_with_each_fault_and_not_without_it(self):
        with backend.Backend() as server:
            faults = server.get(FAULTS)["data"]["faults"]
        self.assertEqual({fault["id"] for fault in faults} - set(fault_rows.ROWS), set(),
                         "faults without a row in fault_rows.py")
        for fault in faults:
            row = fault_rows.ROWS[fault["id"]]
            with self.subTest(fault=fault["id"], name=fault["name"]), \
                    row.surroundings() as settings, backend.Backend(*SHORT, *settings) as server:
                if row.judge is not None:
                    row.judge(self, server, fault["id"])
                else:
                    self.judge(server, fault["id"], row)

    def storm(self, server, seconds, seed):
        done = subprocess.run([LOAD, "--port", str(server.port), "--profile", "storm", "--json",
                               "--quiet", "--duration", str(seconds), "--seed", str(seed)],
                              capture_output=True, text=True, timeout=seconds + 60)
        told = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0, (done.stderr, told))
        wrong = {kind: count for kind, count in told["errors"].items()
                 if count and kind not in ("total", "late")}
        self.assertEqual((wrong, told["rest"]["missing"]), ({}, 0), told["last_failure"])
        return told

    def test_without_a_fault_every_counter_is_back_after_a_storm(self):
        seconds = self.minutes * 60 if self.minutes else STORM_S
        with backend.Backend(*SHORT, "logging.level=info") as server:
            self.storm(server, 2, 1)  # fills what is kept: caches, rings, pools, the heap's own
            begin = self.settled(server)
            heap = Truth(server)
            told = self.storm(server, seconds, 2)
            self.assertGreater(told["connections"], 50)
            self.await_return(server, begin, "storm")
            for name, kept in Truth(server).data["kept"].items():
                self.assertLessEqual(kept["value"], kept["limit"], name)
            server.ask("POST", "/api/v1/memory/gc", {})
            now = Truth(server)
            # The database is in memory here: SQLite keeps the pages of what was removed, for what comes.
            pages = server.get("/api/v1/store/stats")["data"]["size_bytes"]
            for subsystem in now.data["subsystems"]:
                name = f"heap.{subsystem}"
                self.assertLess(now.figure(name), heap.figure(name) + HEAP_SLACK_BYTES + pages, name)
            status, _ = server.stop()
            self.assertEqual(status, 0)
            stopped, = server.logged("Server stopped")
            self.assertEqual((stopped["threads_left"], stopped["fds_left"]),
                             (backend.sanitizer_threads(), 0))

    def settled(self, server):
        """The counters once two looks, 300 ms apart, agree."""
        end = time.monotonic() + SETTLE_S
        before = Truth(server).counters()
        while True:
            time.sleep(0.3)
            now = Truth(server).counters()
            if now == before and now["queue_items"] == 0:
                return now
            self.assertLess(time.monotonic(), end, f"not at rest: {differences(before, now)}")
            before = now


if __name__ == "__main__":
    if "--minutes" in sys.argv:
        at = sys.argv.index("--minutes")
        FaultMatrix.minutes = float(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    backend.main()
