"""docs/backend.md lists every fault, fix, section of settings, load profile and control that there is.

SPDX-License-Identifier: MIT
"""
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "backend.md").read_text(encoding="utf-8")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


class BackendPage(unittest.TestCase):
    def test_every_fault_has_its_line(self):
        faults = re.findall(r"X\((F\w+), \d+, \"(\w+)\"", read("server/fault/fault.h"))
        self.assertGreater(len(faults), 20)
        for fault, name in faults:
            self.assertRegex(PAGE, rf"(?m)^\| {fault}\*? \| {name} \|", fault)

    def test_a_star_is_only_at_faults_that_do_it_by_themselves(self):
        # A star says more than nothing; a fault without one may have an action all the same.
        driven = set(re.findall(r"\{PMA_FAULT_(F\w+),",
                                read("server/fault_wiring.c") + read("server/fault_client.c")))
        starred = set(re.findall(r"(?m)^\| (F\w+)\* \|", PAGE))
        self.assertLessEqual(starred, driven)

    def test_every_fix_has_its_line_with_its_faults(self):
        fixes = re.findall(r"X\(\d+, \"([\w-]+)\", \"\w+\", \"([\w ]*)\"", read("server/fault/fixes.h"))
        self.assertGreater(len(fixes), 10)
        for name, faults in fixes:
            line = re.search(rf"(?m)^\| `{name}` \|.*$", PAGE)
            self.assertIsNotNone(line, name)
            for fault in faults.split():
                self.assertIn(fault, line.group(0), name)

    def test_every_rank_of_a_lock_exists_and_every_lock_has_a_rank(self):
        ranks = set(re.findall(r"PMA_LOCK_\w+", read("server/base/lock_rank.h")))
        for path in sorted((ROOT / "server").rglob("*.[ch]")):
            text = path.read_text(encoding="utf-8")
            self.assertLessEqual(set(re.findall(r"PMA_LOCK_[A-Z_]+", text)), ranks, path)
            for lock in re.findall(r"(?m)^.*pthread_mutex_t \w+.*$", text):
                # Leaf locks: nothing is locked, and nothing called, under them.
                self.assertRegex(lock, r"PMA_LOCK_|leaf", f"{path}: {lock.strip()}")

    def test_every_section_of_the_settings_is_named(self):
        for section in re.findall(r"(?m)^(\w+):", read("configs/pma-backend.yaml")):
            self.assertIn(f"`{section}`", PAGE)

    def test_every_profile_and_every_control_has_its_line(self):
        for profile in re.findall(r"\{\"(\w+)\", \"", read("bench/load/load_profile.c")):
            self.assertIn(f"| `{profile}` |", PAGE)
        listed = subprocess.run(["/usr/bin/python3", "-B", ROOT / "bench" / "controls.py", "--list"],
                                capture_output=True, text=True, check=True).stdout
        for line in listed.splitlines():
            self.assertIn(f"`bench/controls.py {line.split()[0]}`", PAGE)

    def test_the_table_of_the_fixes_has_been_measured(self):
        self.assertRegex(PAGE, r"fixes:begin -->\n\n\| what \| --fixes off \| --fixes on \|")


if __name__ == "__main__":
    unittest.main()
