"""The bench says what it measured: ratios within a round, rounded against us, and a count that got worse fails.

SPDX-License-Identifier: MIT
"""

import io
import subprocess
import sys
import unittest
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import figures  # noqa: E402
import quick  # noqa: E402
import tables  # noqa: E402


def program_run(case, tool, number, cpu_s, **more):
    return {"suite": "program", "case": case, "tool": tool, "round": number, "cpu_s": cpu_s, "wall_s": cpu_s,
            "peak_bytes": 0, "recording_bytes": 0, "reduced": False, "problem": None, **more}


def records_of(*runs):
    titles = [{"key": key, "title": key, "how": key, "rounds": "all", "reduced": False, "records": key == "full"}
              for key in ("bare", "full", "heaptrack")]
    facts = {"suite": "machine", "flags": [], "tools": titles, "hypervisor": False, "packages": {},
             **dict.fromkeys(("cpu", "cores", "governor", "kernel", "glibc", "compiler", "commit", "build", "started"), "?")}
    return figures.Records([facts, *runs])


class BenchTest(unittest.TestCase):
    def test_a_ratio_is_made_within_its_round(self):
        records = records_of(program_run("a", "bare", 1, 1.0), program_run("a", "full", 1, 1.1),
                             program_run("a", "bare", 2, 2.0), program_run("a", "full", 2, 2.4),
                             program_run("a", "bare", 3, 9.0), program_run("a", "full", 3, 27.0))
        ratio = records.ratio("program", "a", "full", "cpu_s")
        self.assertAlmostEqual(ratio.middle, 1.2)
        self.assertEqual((ratio.low, ratio.high, ratio.rounds), (1.1, 3.0, 3))

    def test_the_round_without_time_counts_for_nothing(self):
        records = records_of(program_run("a", "bare", 0, 1.0), program_run("a", "full", 0, 9.0))
        self.assertIsNone(records.ratio("program", "a", "full", "cpu_s"))

    def test_a_slow_tool_is_compared_with_bare_at_its_own_work(self):
        records = records_of(program_run("a", "bare", 0, 4.0), program_run("a", "bare", 0, 0.5, reduced=True),
                             program_run("a", "full", 0, 5.0, reduced=True))
        self.assertAlmostEqual(records.ratio("program", "a", "full", "cpu_s").middle, 10.0)

    def test_a_tool_that_failed_says_so_in_its_cell(self):
        records = records_of(program_run("a", "bare", 1, 1.0),
                             program_run("a", "full", 1, 0.0, problem="dies of SIGSEGV"))
        self.assertIn("dies of SIGSEGV", tables.cpu(records))

    def test_rounding_is_never_to_our_side(self):
        self.assertEqual(figures.against_us(1.2001, 3, True), 1.201)
        self.assertEqual(figures.against_us(97.009, 2, False), 97.0)
        figure = figures.Figure("", 1.2, 1.1, 1.2001, "x", 3)
        self.assertEqual((figure.verdict(), figure.text(figure.measured)), ("MISSED", "1.201x"))

    def test_added_time_is_held_against_heaptracks(self):
        records = records_of(program_run("a", "bare", 1, 1.0), program_run("a", "full", 1, 1.1),
                             program_run("a", "heaptrack", 1, 3.0))
        worst = next(figure for figure in figures.to_reach(records) if "the worst program" in figure.what)
        self.assertAlmostEqual(worst.measured, 0.05)
        self.assertEqual(worst.verdict(), "ok, aim reached")

    def test_a_count_that_got_worse_by_more_than_noise_fails(self):
        out = io.StringIO()
        worse = quick.compare({"same": 103.0, "noise": 105.9, "worse": 106.1, "gone": None, "better": 50.0},
                              {"same": 100, "noise": 100, "worse": 100, "gone": 100, "better": 100}, out)
        self.assertEqual(worse, ["worse", "gone"])
        self.assertIn("WORSE by 6.1 %", out.getvalue())

    def test_a_documents_tables_are_made_anew_and_nothing_else(self):
        records = records_of(program_run("a", "bare", 1, 1.0), program_run("a", "full", 1, 1.5))
        text = "before\n<!-- bench:cpu -->\nold\n<!-- /bench:cpu -->\nafter\n"
        made = tables.fill(text, records)
        self.assertTrue(made.startswith("before\n<!-- bench:cpu -->\n") and made.endswith("<!-- /bench:cpu -->\nafter\n"))
        self.assertIn("1.50", made)
        self.assertNotIn("old", made)
        self.assertEqual(tables.fill(made, records), made)
        with self.assertRaises(ValueError):
            tables.fill("<!-- bench:cpu -->\n", records)

    def test_every_section_of_the_documents_exists(self):
        for name in ("README.md", "docs/benchmarks.md"):
            text = (BENCH.parent / name).read_text(encoding="utf-8")
            self.assertIn("<!-- bench:", text)
            tables.fill(text, records_of())

    def test_wrong_usage_is_refused(self):
        for arguments in (["--rounds", "0"], ["--no-such-option"], ["--build", "/nonexistent"]):
            done = subprocess.run([sys.executable, "-B", BENCH / "run.py", *arguments], capture_output=True, text=True,
                                  check=False, timeout=30)
            self.assertEqual(done.returncode, 2, done.stderr)


if __name__ == "__main__":
    unittest.main()
