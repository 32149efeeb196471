#!/usr/bin/python3
"""The HTML report of every forged recording, pages of two of them compared, and those of a program with a
hostile command line, are sound pages that refer to nothing outside of themselves and say what the
JSON reports say.

usage: html_test.py SEEP GOLDEN_WRITE PROGRAM

SPDX-License-Identifier: MIT
"""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from html_page import Page

SEEP, WRITE, PROGRAM = sys.argv[1:4]
HOSTILE = "</title></script><script>alert(1)</script>\"'><img src=http://x.example/ onerror=alert(2)>&amp;"


def report(recording, *options):
    return subprocess.run([SEEP, "report", str(recording), *options], check=True,
                          capture_output=True, text=True, encoding="utf-8").stdout


class HtmlReport(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        subprocess.run([WRITE, PROGRAM, cls.folder.name], check=True)
        cls.recordings = sorted(Path(cls.folder.name).glob("*.seep"))

    def page(self, recording):
        page = Page(report(recording, "--format", "html"))
        self.assertEqual(page.errors, [], recording)
        return page

    def test_every_page_is_sound_and_says_every_finding(self):
        self.assertGreaterEqual(len(self.recordings), 8)
        for recording in self.recordings:
            with self.subTest(recording.name):
                page = self.page(recording)
                truth = json.loads(report(recording, "--format", "json"))
                for number, finding in enumerate(truth["findings"], 1):
                    self.assertIn(f"f{number}", page.ids)
                    for key in ("id", "summary", "verdict", "kind", "subsystem"):
                        self.assertTrue(page.says(finding[key] or ""), (key, finding[key]))
                    for frame in finding["stack"]:
                        self.assertTrue(page.says(frame["function"] or "??"), frame)
                for note in truth.get("notes", []):
                    self.assertTrue(page.says(note), note)

    def test_charts_show_memory_threads_and_descriptors_over_time(self):
        page = self.page(Path(self.folder.name) / "thread_leak.seep")
        for title in ("Live heap", "Resident memory", "Threads", "Open descriptors"):
            self.assertTrue(page.says(title), title)
        self.assertIn("overview", page.ids)
        self.assertGreaterEqual(page.counts["polyline"], 6)  # the four, and of the findings

    def test_peaks_and_losses_are_said(self):
        page = self.page(Path(self.folder.name) / "short_run.seep")
        self.assertTrue(page.says("3 events in deeply nested signal handlers"))
        self.assertTrue(page.says("cut at byte"))
        truth = json.loads(report(Path(self.folder.name) / "thread_leak.seep", "--format", "json"))
        page = self.page(Path(self.folder.name) / "thread_leak.seep")
        self.assertTrue(page.says(f"threads {truth['totals']['thread']['peak']}, open files"), truth["totals"])

    def test_the_head_says_which_limit_is_reached_when(self):
        page = self.page(Path(self.folder.name) / "thread_leak.seep")
        self.assertTrue(page.says("If it goes on: the limit of 4,096 threads is reached in "))
        self.assertFalse(self.page(Path(self.folder.name) / "healthy.seep").says("If it goes on"))

    def test_the_same_recording_gives_the_same_bytes(self):
        recording = self.recordings[0]
        self.assertEqual(report(recording, "--format", "html"), report(recording, "--format", "html"))

    def test_a_hostile_command_line_is_text(self):
        recording = Path(self.folder.name) / "hostile.seep"
        subprocess.run([SEEP, "run", "-o", str(recording), "--", "/bin/true", HOSTILE],
                       check=True, capture_output=True)
        page = self.page(recording)
        self.assertTrue(page.says(HOSTILE))
        self.assertEqual(page.counts["script"], 1)
        page = Page(self.diff(recording, recording, "--format", "html"))
        self.assertEqual(page.errors, [])
        self.assertTrue(page.says(HOSTILE))

    def diff(self, base, fresh, *options):
        done = subprocess.run([SEEP, "diff", str(base), str(fresh), *options], capture_output=True,
                              text=True, encoding="utf-8", check=True)
        return done.stdout

    def test_two_runs_compared_are_a_sound_page_that_says_every_change(self):
        kinds = set()
        for base in self.recordings:
            for fresh in {self.recordings[0], base, Path(self.folder.name) / "thread_leak.seep",
                          Path(self.folder.name) / "healthy.seep", Path(self.folder.name) / "short_run.seep"}:
                with self.subTest(f"{base.stem} {fresh.stem}"):
                    page = Page(self.diff(base, fresh, "--format", "html"))
                    self.assertEqual(page.errors, [])
                    truth = json.loads(self.diff(base, fresh, "--format", "json"))
                    for number, change in enumerate(truth["changes"], 1):
                        kinds.add(change["change"])
                        self.assertIn(f"f{number}", page.ids)
                        for key in ("change", "summary", "function", "subsystem", "kind"):
                            self.assertTrue(page.says(change[key]), (key, change[key]))
                        for frame in change["stack"]:
                            self.assertTrue(page.says(frame["function"] or "??"), frame)
                    for change in truth["unsure"]:
                        self.assertTrue(page.says(change["why"]), change)
        self.assertLessEqual({"new", "gone"}, kinds)

    def test_a_comparison_shows_both_runs_in_one_picture(self):
        page = Page(self.diff(Path(self.folder.name) / "healthy.seep",
                              Path(self.folder.name) / "thread_leak.seep", "--format", "html"))
        for title in ("Live heap", "Resident memory", "Threads", "Open descriptors"):
            self.assertTrue(page.says(title), title)
        self.assertRegex(page.source, r'<polyline class="BASE"[^>]*>\s*<polyline class="NEW"')

    def test_the_reader_of_this_test_refuses_what_is_wrong(self):
        good = report(self.recordings[0], "--format", "html")
        for wrong in (good.replace("</header>", "", 1), good.replace("<h1>", "<h1 onclick=\"x\">"),
                      good.replace("</main>", "<img src=\"http://x.example/\"></main>"),
                      good.replace("href=\"#f1\"", "href=\"http://x.example/\""),
                      good.replace("\"use strict\"", "\"use Strict\""),
                      good.replace("id=\"findings\"", "id=\"overview\""),
                      good.replace("<td", "<td></td><td", 1)):
            self.assertNotEqual(wrong, good)
            self.assertNotEqual(Page(wrong).errors, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
