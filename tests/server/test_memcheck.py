"""The whole backend under Valgrind's memcheck, with all of its API in use: no error, and nothing left at the end.

SPDX-License-Identifier: MIT
"""
import json
import os
import re
import shutil
import subprocess
import unittest

import backend

LOAD = os.path.join(os.path.dirname(backend.BINARY), "pma-load")
ERRORS = 99  # exit status of memcheck when it found some
SECONDS = 8
CALLS_LEAST = 200


def is_sanitized():
    with open(backend.BINARY, "rb") as file:
        text = file.read()
    return b"__asan_init" in text or b"__tsan_init" in text


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed (scripts/setup.sh)")
@unittest.skipIf(is_sanitized(), "a sanitizer and memcheck exclude each other")
class Memcheck(backend.TestCase):
    def test_a_storm_on_all_of_the_api_leaves_no_error_and_no_block(self):
        found = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"pma-memcheck-{os.getpid()}.log")
        self.addCleanup(lambda: os.path.exists(found) and os.unlink(found))
        memcheck = ["valgrind", "--tool=memcheck", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
                    "--show-leak-kinds=definite,indirect,possible", f"--error-exitcode={ERRORS}",
                    "--soname-synonyms=somalloc=*jemalloc*", f"--log-file={found}"]
        with backend.Backend("simulated.devices=4", "simulated.change_interval=100ms", "server.shutdown_timeout=20s",
                             under=memcheck) as server:
            said = subprocess.run([LOAD, "--profile", "storm", "--port", str(server.port), "--clients", "10", "--duration",
                                   str(SECONDS), "--json", "--quiet"], capture_output=True, text=True, timeout=60,
                                  check=False)
            # 1: late answers, under an emulator on a busy machine. What counts is that the server answers on.
            self.assertIn(said.returncode, (0, 1), said.stderr)
            calls = json.loads(said.stdout)["rest"]["calls"]
            self.assertEqual(server.get("/health")["status"], "healthy")
            status, _ = server.stop()
        with open(found, encoding="utf-8", errors="replace") as file:
            report = file.read()
        self.assertEqual(status, 0, report[-4000:])
        self.assertGreater(calls, CALLS_LEAST)  # or this test shows nothing
        self.assertIn("ERROR SUMMARY: 0 errors", report)
        allocated, freed = (int(text.replace(",", "")) for text in
                            re.search(r"total heap usage: ([0-9,]+) allocs, ([0-9,]+) frees", report).groups())
        self.assertGreater(allocated, 10000)
        self.assertLessEqual(allocated - freed, 1, report[-4000:])  # libstdc++'s pool for exceptions


if __name__ == "__main__":
    backend.main()
