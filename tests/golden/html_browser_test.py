#!/usr/bin/python3
"""The HTML report, and the page of two runs compared, in a real browser: opened from a file, clicked through, by keyboard, on a narrow
screen, in dark; nothing may be fetched, refused by the page's policy, or complained about.

Needs Chromium and its driver (Debian: chromium, chromium-driver; scripts/setup.sh --browser). Without them the test says so and is skipped (exit status 77).

usage: html_browser_test.py SEEP GOLDEN_WRITE PROGRAM [--report FILE.html] [--screenshots FOLDER]
  --report       look at this page instead of a forged recording's
  --screenshots  keep what was seen there

SPDX-License-Identifier: MIT
"""
import argparse
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

SKIPPED = 77
DEADLINE_S = 20
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]

parser = argparse.ArgumentParser()
parser.add_argument("seep")
parser.add_argument("write")
parser.add_argument("program")
parser.add_argument("--report", type=Path)
parser.add_argument("--screenshots", type=Path)
OPTIONS = parser.parse_args()


class Browser:
    """As much of W3C WebDriver as this test needs."""

    def __init__(self, profile):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
        port = None
        for line in self.driver.stdout:
            port = re.search(r"started successfully on port (\d+)", line)
            if port:
                break
        self.url = f"http://127.0.0.1:{port.group(1)}/session"
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        options = {"args": FLAGS + [f"--user-data-dir={profile}"]}
        answer = self.call("", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.url += "/" + answer["sessionId"]

    def call(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"},
                                         method=method)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error

    def run(self, script, *args):
        return self.call("/execute/sync", {"script": script, "args": list(args)})

    def devtools(self, command, **parameters):
        return self.call("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def element(self, selector):
        found = self.call("/element", {"using": "css selector", "value": selector})
        return next(iter(found.values()))

    def click(self, selector):
        self.call(f"/element/{self.element(selector)}/click", {})

    def type(self, selector, text):
        self.call(f"/element/{self.element(selector)}/value", {"text": text})

    def show(self, width, height, scheme):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme},
                                {"name": "prefers-reduced-motion", "value": "reduce"}])

    def screenshot(self, name):
        whole = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        image = base64.b64decode(whole)
        if OPTIONS.screenshots:
            OPTIONS.screenshots.mkdir(parents=True, exist_ok=True)
            (OPTIONS.screenshots / f"{name}.png").write_bytes(image)
        return image

    def close(self):
        try:
            self.call("", method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=10)
            self.driver.stdout.close()


class PageTest(unittest.TestCase):
    """A page in a browser; `make(folder)` writes it."""

    def eventually(self, script):
        end = time.monotonic() + DEADLINE_S
        while not self.browser.run(script):
            self.assertLess(time.monotonic(), end, script)
            time.sleep(0.02)

    @classmethod
    def setUpClass(cls):
        if cls is PageTest:
            raise unittest.SkipTest("has no page")
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        cls.addClassCleanup(folder.cleanup)
        cls.path = cls.make(folder.name)
        cls.browser = Browser(f"{folder.name}/profile")
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.browser.show(1200, 900, "light")
        self.browser.call("/url", {"url": "about:blank"})
        self.browser.call("/url", {"url": self.path.resolve().as_uri()})

    def tearDown(self):
        said = self.browser.call("/se/log", {"type": "browser"})
        self.assertEqual(said, [])
        fetched = self.browser.run("return performance.getEntriesByType('resource').map(one => one.name)")
        self.assertEqual(fetched, [])

    def background(self):
        return self.browser.run("return getComputedStyle(document.body).backgroundColor")

    def output(self, within):
        return self.browser.run("return document.querySelector(arguments[0] + ' output').textContent", within)


@unittest.skipIf(OPTIONS.report, "another page is looked at")
class DiffInABrowser(PageTest):
    """seep diff --format html: a run with a leak against a healthy one."""

    @classmethod
    def make(cls, folder):
        subprocess.run([OPTIONS.write, OPTIONS.program, folder], check=True)
        path = Path(folder) / "diff.html"
        subprocess.run([OPTIONS.seep, "diff", f"{folder}/healthy.seep", f"{folder}/thread_leak.seep", "--format", "html",
                        "-o", str(path)], check=True)
        return path

    def test_a_row_opens_what_changed(self):
        self.browser.run("document.getElementById('f1').open = false")
        self.browser.click(".changes tbody tr:nth-child(1) td:nth-child(2)")
        self.assertTrue(self.browser.run("return document.getElementById('f1').open"))

    def test_charts_tell_the_values_of_both_runs(self):
        self.browser.type("#overview .chart svg", "\ue011")  # Home
        self.assertRegex(self.output("#overview .chart"), r"^NEW [\d.]+ \w+, BASE [\d.]+ \w+ after [\d.]+ ")
        lines = self.browser.run("return document.querySelectorAll('#overview .chart:first-child polyline').length")
        self.assertEqual(lines, 2)

    def test_both_curves_and_the_boxes_can_be_told_apart_in_light_and_dark(self):
        colours = """return ['polyline.BASE', 'polyline.NEW'].map((one) =>
            getComputedStyle(document.querySelector(one)).stroke)"""
        for scheme in ("light", "dark"):
            self.browser.show(1200, 900, scheme)
            base, new = self.browser.run(colours)
            self.assertNotEqual(base, new)
            self.browser.screenshot(f"diff-{scheme}")
        self.assertGreater(self.browser.run("return document.querySelectorAll('.f.more2').length"), 0)

    def test_a_narrow_screen_needs_no_sideways_scrolling(self):
        self.browser.show(360, 780, "light")
        self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), 360)
        self.browser.screenshot("diff-narrow")

    def test_a_differential_flame_graph_zooms(self):
        self.browser.type(".flames svg", "\ue015\ue007")  # down, Enter
        self.assertRegex(self.output(".flame"), r"\(BASE [\d.,]+( \w+)?/h\), [\d.]+ %$")


class InABrowser(PageTest):
    @classmethod
    def make(cls, folder):
        path = OPTIONS.report
        if path is None:
            subprocess.run([OPTIONS.write, OPTIONS.program, folder], check=True)
            path = Path(folder) / "report.html"
            subprocess.run([OPTIONS.seep, "report", f"{folder}/thread_leak.seep", "--format", "html",
                            "-o", str(path)], check=True)
        return path

    def test_a_row_opens_its_finding(self):
        is_open = "return document.getElementById('f2').open"
        self.assertFalse(self.browser.run(is_open))
        self.browser.click(".findings tbody tr:nth-child(2) td:nth-child(3)")
        self.eventually(is_open)  # by way of the address, which the browser follows when it likes
        self.eventually("return document.activeElement.parentElement.id === 'f2'")

    def test_columns_sort(self):
        first = "return document.querySelector('.findings tbody tr').cells[0].textContent"
        self.assertEqual(self.browser.run(first), "1")
        for _ in range(2):
            self.browser.click(".findings thead th:first-child button")
        count = self.browser.run("return document.querySelectorAll('.findings tbody tr').length")
        self.assertEqual(self.browser.run(first), str(count))

    def test_charts_tell_their_values_by_pointer_and_by_key(self):
        self.assertGreaterEqual(self.browser.run("return document.querySelectorAll('#overview .chart').length"), 3)
        self.browser.click("#overview .chart svg")  # a click moves the pointer there
        self.assertRegex(self.output("#overview .chart"), r"^[\d,.]+ \w+ after [\d.]+ ")
        self.browser.type("#overview .chart svg", "\ue010")  # End
        last = self.output("#overview .chart")
        self.browser.type("#overview .chart svg", "\ue011")  # Home
        self.assertNotEqual(self.output("#overview .chart"), last)

    def test_dark_is_the_systems_choice_until_the_switch_is_used(self):
        light = self.background()
        self.browser.screenshot("light")
        self.browser.show(1200, 900, "dark")
        dark = self.background()
        self.assertNotEqual(light, dark)
        self.browser.screenshot("dark")
        self.browser.click("button.theme")
        self.assertEqual(self.background(), light)

    def test_a_flame_graph_zooms_and_finds(self):
        width = "return document.querySelectorAll('.flames')[0].querySelectorAll('svg')[arguments[0]]" \
                ".getBoundingClientRect().width"
        frames = self.browser.run("return document.querySelectorAll('.flames')[0].querySelectorAll('svg').length")
        self.assertGreater(frames, 2)
        whole, last = self.browser.run(width, 0), frames - 1
        self.assertLess(self.browser.run(width, last), whole)
        name = self.browser.run("""const frame = document.querySelectorAll('.flames')[0]
            .querySelectorAll('svg')[arguments[0]]; frame.scrollIntoView();
            frame.dispatchEvent(new MouseEvent('click')); return frame.querySelector('text').textContent""", last)
        self.assertAlmostEqual(self.browser.run(width, last), whole, delta=2)
        self.browser.screenshot("zoomed")
        self.browser.click("#flames .tools button")
        self.assertLess(self.browser.run(width, last), whole)
        self.browser.type("#flames input", name)
        self.assertGreater(self.browser.run("return document.querySelectorAll('.f.hit').length"), 0)
        self.assertRegex(self.output("#flames .tools"), r"^\d+\.\d %")

    def test_a_flame_graph_is_walked_by_keys(self):
        depth = "return Number(document.activeElement.getAttribute('y'))"
        self.browser.type(".flames svg", "\ue015")  # down
        below = self.browser.run(depth)
        self.assertGreater(below, 0)
        says = self.output(".flame")
        self.assertRegex(says, r": [\d.]+ \w+, [\d.]+ %$")
        self.browser.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowUp'}))")
        self.assertEqual(self.browser.run(depth), 0)

    def test_a_narrow_screen_needs_no_sideways_scrolling(self):
        self.browser.show(360, 780, "light")
        self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), 360)
        self.browser.screenshot("narrow")

    def test_without_a_script_text_tables_and_charts_are_there(self):
        self.browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
        self.addCleanup(self.browser.devtools, "Emulation.setScriptExecutionDisabled", value=False)
        self.browser.call("/refresh", {})
        box = self.browser.call(f"/element/{self.browser.element('#overview polyline')}/rect")
        self.assertGreater(box["width"], 300)
        self.browser.click("#f2 summary")
        text = self.browser.call(f"/element/{self.browser.element('#f2 .stack')}/text")
        self.assertIn("pma", text)

    def test_print_shows_what_is_folded(self):
        self.browser.run("window.dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(self.browser.run("return document.querySelectorAll('details.finding:not([open])').length"), 0)


if __name__ == "__main__":
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("skipped: no chromium and chromedriver (Debian: chromium, chromium-driver)")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
