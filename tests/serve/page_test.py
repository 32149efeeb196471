#!/usr/bin/python3
"""The page of `seep serve` in a real browser: against a mock, which takes every state on demand, or, given a backend,
against `seep serve` that follows it with a fault on.

Needs node, playwright-core (from npm, kept in the user's cache) and Chromium (scripts/setup.sh --browser). Without one of
them the test says so and is skipped (exit status 77).

usage: page_test.py SEEP GOLDEN_WRITE PROGRAM [BACKEND STUCK_THREADS] [--screenshots FOLDER]
  BACKEND        pma-backend
  STUCK_THREADS  a program whose threads wait for each other
  --screenshots  keep what was seen there

SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
import npm_package
from page_mock import HOSTILE, Mock

SKIPPED = 77
PLAYWRIGHT = "1.65.1"
DEADLINE_S = 150
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

parser = argparse.ArgumentParser()
parser.add_argument("seep")
parser.add_argument("write")
parser.add_argument("program")
parser.add_argument("backend", nargs="?")
parser.add_argument("stuck", nargs="?")
parser.add_argument("--screenshots", type=Path)


class Live:
    """`seep serve` of a folder, and what is recorded there: a deadlock from the start, and the backend with a fault as soon as the
    browser has made the file `go`, so that it sees all of that run however busy the machine is."""

    def __init__(self, seep, backend, stuck, folder):
        self.seep, self.backend, self.folder = seep, backend, folder
        self.go, self.port_file = folder / "go", folder / "port"
        self.is_over = False
        # A name that is hostile where names reach the page: the command line.
        subprocess.run([seep, "run", "--quiet", "-o", folder / "hostile.seep", "--", "/bin/true", HOSTILE], check=True, **QUIET)
        self.processes = [subprocess.Popen([seep, "run", "--quiet", "--interval", "0.5", "--stuck-after", "1", "-o",
                                            folder / "stuck.seep", "--", stuck, "cycle", "300"], **QUIET)]
        self.serve = subprocess.Popen([seep, "serve", folder, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
        self.processes.append(self.serve)
        self.starter = threading.Thread(target=self.start_when_asked)
        self.starter.start()
        self.url = None
        for line in self.serve.stdout:
            found = re.search(r"http://\S+/", line)
            if found:
                self.url = found.group()
                break

    def start_when_asked(self):
        while not self.go.exists():
            if self.is_over:
                return
            time.sleep(0.02)
        self.processes.append(subprocess.Popen(
            [self.seep, "run", "--quiet", "--listen=0", "--interval", "0.25", "-o", self.folder / "soak.seep", "--", self.backend,
             "--port-file", self.port_file, "--set", "database.path=:memory:"],
            env=dict(os.environ, PORT="0", PMA_FAULTS="F01@4,F05@4"), **QUIET))

    def close(self):
        self.is_over = True
        self.starter.join()
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.serve.stdout.close()


def missing():
    """What is not there that the test needs; "" when all is."""
    for program in ("node", "npm", "chromium"):
        if shutil.which(program) is None:
            return f"no {program} (Debian: nodejs, npm, chromium)"
    return ""


def ask_browser(test, options, given):
    """Runs a file of tests in node. Returns its exit status."""
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
        given["screenshots"] = str(options.screenshots)
    done = subprocess.run(["node", "--test-reporter=spec", "--test", HERE / test], check=False, timeout=DEADLINE_S,
                          env=dict(os.environ, SEEP_PAGE_TEST=json.dumps(given), TZ="UTC"))
    return done.returncode


def against_mock(options, given, folder):
    mocks = [Mock(options.seep, folder), Mock(options.seep, folder, "/leaks")]
    try:
        return ask_browser("page_mock_test.mjs", options, {**given, "mock": mocks[0].url, "below": mocks[1].url})
    finally:
        for mock in mocks:
            mock.close()


def against_backend(options, given, folder):
    served = folder / "served"
    served.mkdir()
    shutil.copy(folder / "healthy.seep", served)
    live = Live(options.seep, options.backend, options.stuck, served)
    try:
        assert live.url is not None, "seep serve printed no address"
        names = {"leak": "soak.seep", "base": "healthy.seep", "hostile": "hostile.seep", "stuck": "stuck.seep"}
        return ask_browser("page_live_test.mjs", options, {**given, **names, "live": live.url, "go": str(live.go),
                                                           "port_file": str(live.port_file)})
    finally:
        live.close()


def main():
    options = parser.parse_args()
    gap = missing()
    if gap:
        print(f"skipped: {gap}")
        return SKIPPED
    playwright = npm_package.folder_of("playwright-core", PLAYWRIGHT)
    if playwright is None:
        print("skipped: npm cannot install playwright-core here")
        return SKIPPED
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        subprocess.run([options.write, options.program, folder], check=True)
        given = {"playwright": playwright, "screenshots": None}
        return (against_backend if options.backend else against_mock)(options, given, folder)


if __name__ == "__main__":
    sys.exit(main())
