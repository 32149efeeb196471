#!/usr/bin/python3
"""Suppressions as a user meets them: what is suggested takes exactly what it names, mistakes are named by their line.

usage: suppress_test.py SEEP GOLDEN_WRITE PROGRAM

SPDX-License-Identifier: MIT
"""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SEEP, WRITE, PROGRAM = sys.argv[1:4]


class Suppressions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        subprocess.run([WRITE, PROGRAM, cls.folder.name], check=True)
        cls.recordings = sorted(Path(cls.folder.name).glob("*.seep"))

    def report(self, recording, rules=None, *options):
        more = []
        if rules is not None:
            path = Path(self.folder.name) / "rules.supp"
            path.write_text(rules, encoding="utf-8")
            more = ["--suppress", str(path)]
        return subprocess.run([SEEP, "report", str(recording), *more, *options], capture_output=True, text=True,
                              encoding="utf-8", check=False)

    def ids(self, recording, rules=None):
        """{id: verdict}, and what was said of the rules."""
        said = json.loads(self.report(recording, rules, "--format", "json").stdout)
        return {one["id"]: one["verdict"] for one in said["findings"]}, said.get("suppressed")

    def named(self, name):
        return Path(self.folder.name) / f"{name}.seep"

    def test_what_is_suggested_takes_exactly_the_findings_that_it_names(self):
        taken = 0
        for recording in self.recordings:
            with self.subTest(recording.name):
                before, _ = self.ids(recording)
                bad = {one for one, verdict in before.items() if verdict != "bounded"}
                rules = self.report(recording, None, "--suggest-suppressions").stdout
                after, said = self.ids(recording, rules)
                self.assertEqual(set(before) - set(after), bad)
                self.assertEqual((said["findings"], said["rules_used"], said["unused"]), (len(bad), len(bad), ""))
                self.assertEqual(self.report(recording, rules, "--fail-on", "suspect").returncode, 0)
                for one in bad:
                    without = "".join(line for line in rules.splitlines(True) if not line.startswith(f"finding:{one}"))
                    self.assertEqual(set(self.ids(recording, without)[0]) - set(after), {one})
                    taken += 1
        self.assertGreaterEqual(taken, 6)

    def test_the_rules_of_one_program_take_nothing_of_another_and_are_named(self):
        rules = self.report(self.named("fd_leak"), None, "--suggest-suppressions").stdout
        number = next(i for i, line in enumerate(rules.splitlines(), 1) if line.startswith("finding:"))
        before, _ = self.ids(self.named("heap_leak"))
        after, said = self.ids(self.named("heap_leak"), rules)
        self.assertEqual(before, after)
        self.assertEqual(said["unused"], f"line {number}")
        self.assertIn(f"; nothing by line {number}",
                      " ".join(self.report(self.named("heap_leak"), rules).stdout.split()))

    def test_many_rules_that_take_nothing_are_cut(self):
        rules = "leak:hub_register\n" + "".join(f"leak:nothing_{n}\n" for n in range(20))
        _, said = self.ids(self.named("heap_leak"), rules)
        self.assertEqual((said["rules_used"], said["unused"]), (1, "lines 2, 3, 4, 5, 6, 7, 8, 9 ..."))

    def test_mistakes_are_named_by_their_line(self):
        for line, words in (("leek:x", "write leak:PATTERN"), ("threads:x", "write leak:PATTERN"), ("x", "write leak:PATTERN"),
                            ("leak:", "would suppress everything or nothing"), ("leak:*", "everything or nothing"),
                            ("leak: hub_register", "without a blank"), ("leak:hub_register # why", "a line of its own"),
                            ("finding:xyz", "12 hex digits"), ("leak:x expires:2026-13-01", "a date is written"),
                            ("leak:x reason:y expires:2027-01-01", "expires: comes before reason:")):
            done = self.report(self.named("heap_leak"), f"# a comment\n\n{line}\n")
            self.assertEqual((done.returncode, done.stdout), (2, ""), line)
            self.assertIn("rules.supp:3: ", done.stderr)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_reason_may_say_anything(self):
        after, _ = self.ids(self.named("heap_leak"), "leak:hub_register reason:see #12 # and so on\n")
        self.assertFalse([one for one, verdict in after.items() if verdict != "bounded"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
