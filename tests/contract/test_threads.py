"""Threads of the backend: there is one way to start one, and every worker is stopped.

A thread that is not a worker has no name, no token and no join. The libraries' own threads
(libmicrohttpd's and those of name resolution) are started by them, not here; fault code uses the
same facility, so that what it leaks is listed.

SPDX-License-Identifier: MIT
"""
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FACILITY = "server/worker/worker.c"
# Whatever makes a thread, or a process in its place.
STARTS = re.compile(r"\b(pthread_create|thrd_create|clone3?|SIGEV_THREAD\b"
                    r"|pthread_detach)\s*\(?")
# A file that starts workers stops them, but for the faults whose point it is not to.
FAULTS = {"server/entity/entity_fault.c", "server/fault/fault_block.c", "server/fault/lost_stop.c",
          "server/mcp/mcp_child.c", "server/monitor/memory_manager_lock.c"}
START, STOP = re.compile(r"\bpma_worker_start\s*\("), re.compile(r"\bpma_worker_stop\s*\(")


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"",
                  lambda match: re.sub(r"[^\n]", " ", match.group(0)), text, flags=re.S)


def starts_of_threads(sources):
    """`file:line: call` for each that is not in the facility."""
    found = []
    for name, text in sorted(sources.items()):
        if name == FACILITY:
            continue
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            found += [f"{name}:{number}: {match.group(1)}" for match in STARTS.finditer(line)]
    return found


def sources_of_the_server():
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
            for path in (ROOT / "server").rglob("*.[ch]")}


class Threads(unittest.TestCase):
    def test_no_thread_is_started_outside_of_the_facility(self):
        sources = sources_of_the_server()
        self.assertEqual(starts_of_threads(sources), [])
        self.assertIn("pthread_create", sources[FACILITY])

    def test_the_rule_can_fail(self):
        self.assertEqual(
            starts_of_threads({"server/x.c": "a;\n  pthread_create(&t, 0, f, 0);\n",
                               "server/y.c": "/* pthread_create() */ char *s = \"clone(\";",
                               FACILITY: "pthread_create(&t, 0, f, 0);"}),
            ["server/x.c:2: pthread_create"])

    def test_a_module_that_starts_workers_stops_them(self):
        forgetful = [name for name, text in sources_of_the_server().items()
                     if name.endswith(".c") and START.search(without_comments(text))
                     and not STOP.search(without_comments(text))]
        self.assertEqual(set(forgetful) - FAULTS - {FACILITY}, set())


if __name__ == "__main__":
    unittest.main()
