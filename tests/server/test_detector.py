"""The detector's matrix: how it judges, and its short form with real backends below `seep run`.

SPDX-License-Identifier: MIT
"""
import os
import subprocess
import sys
from pathlib import Path

import backend

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import detector  # noqa: E402
import detector_rows as rows  # noqa: E402

BUILD = Path(os.path.abspath(backend.BINARY)).parents[1]
LEAK = rows.fault("F01", "thread", "auth", "forgotten", "a row of its own")
HEALTHY = rows.Case("healthy", "no fault")
HEALING = rows.healing("F09", "goes by itself")


def finding(verdict="definite", kind="thread", subsystem="auth", functions=("start", "forgotten", "main")):
    return {"verdict": verdict, "kind": kind, "subsystem": subsystem, "cause": "growth", "summary": "-",
            "stack": [{"function": name, "module": "pma-backend"} for name in functions]}


def judged(case, *findings, **more):
    return detector.judge(case, {"verdict": "leak", "findings": list(findings)}, **more)


def is_sanitized(binary):
    with open(binary, "rb") as file:
        said = file.read()
    return b"__asan_init" in said or b"__tsan_init" in said


class Judge(backend.TestCase):
    def test_a_fault_is_found_by_kind_subsystem_and_function(self):
        result = judged(LEAK, finding(kind="heap"), finding())
        self.assertEqual((result["ok"], result["rank"]), (True, 2))
        for wrong in (finding(kind="heap"), finding(subsystem="http"), finding(functions=("start", "main"))):
            result = judged(LEAK, wrong)
            self.assertEqual((result["ok"], result["rank"], result["found"]), (False, 0, None), wrong)

    def test_a_fault_in_the_fourth_place_is_missed(self):
        self.assertTrue(judged(LEAK, *2 * [finding(kind="fd")], finding())["ok"])
        self.assertFalse(judged(LEAK, *3 * [finding(kind="fd")], finding())["ok"])

    def test_what_else_a_fault_leaks_is_explained_and_nothing_else(self):
        both = rows.fault("F03", "fd", "auth", "forgotten", "a row of its own", also=("beside",))
        result = judged(both, finding(kind="fd"), finding(kind="heap"), finding(functions=("beside", "main")),
                        finding(functions=("main",)))
        self.assertEqual([each["functions"] for each in result["others"]], [["main"]])

    def test_a_suspect_is_no_find_unless_the_run_was_short(self):
        self.assertFalse(judged(LEAK, finding("suspect"))["ok"])
        self.assertFalse(judged(LEAK, finding("bounded"), enough=("definite", "probable", "suspect"))["ok"])
        self.assertTrue(judged(LEAK, finding("suspect"), enough=("definite", "probable", "suspect"))["ok"])

    def test_a_healthy_load_may_be_suspected_and_no_more(self):
        self.assertTrue(judged(HEALTHY)["ok"])
        self.assertTrue(judged(HEALTHY, finding("suspect"), finding("bounded"))["ok"])
        self.assertFalse(judged(HEALTHY, finding("probable"))["ok"])
        self.assertTrue(judged(HEALING, finding("probable"))["ok"])
        self.assertFalse(judged(HEALING, finding("definite"))["ok"])

    def test_every_fault_of_the_server_has_a_case(self):
        with backend.Backend() as server:
            listed = {fault["id"] for fault in server.get("/api/v1/debug/faults")["data"]["faults"]}
        self.assertEqual(listed, {name for case in detector.all_cases() for name in case.faults})


class Short(backend.TestCase):
    def test_representative_faults_are_found_and_controls_are_not(self):
        if is_sanitized(backend.BINARY):
            self.skipTest("a sanitized program takes no preloaded library before its own")
        done = subprocess.run([sys.executable, "-B", str(BENCH / "detector.py"), "--short", "--build", str(BUILD)],
                              capture_output=True, text=True, timeout=110, check=False)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)


if __name__ == "__main__":
    backend.main()
