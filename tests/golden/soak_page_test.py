"""The HTML report of a real run of the backend with a fault, clicked through in a browser.

usage: soak_page_test.py SEEP BACKEND BROWSER_TEST. Exit status 77: there is no Chromium.
SPDX-License-Identifier: MIT
"""
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SNAPSHOTS_NEEDED = 40
DEADLINE_S = 90


def snapshots(seep, recording):
    shown = subprocess.run([seep, "dump", "--no-symbols", recording], capture_output=True, text=True, check=False).stdout
    return shown.count('"type":"snapshot"')


def record(seep, backend, folder):
    recording = folder / "soak.seep"
    port_file = folder / "port"
    command = [seep, "run", "--quiet", "--interval", "0.25", "-o", recording, "--", backend, "--port-file", port_file,
               "--set", "database.path=:memory:"]
    environment = dict(os.environ, PORT="0", PMA_FAULTS="F01@4,F05@4")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + DEADLINE_S
        while snapshots(seep, recording) < SNAPSHOTS_NEEDED:
            if time.monotonic() > end or process.poll() is not None:
                process.send_signal(signal.SIGTERM)  # not SIGKILL: that would leave the backend behind
                raise AssertionError(f"fewer than {SNAPSHOTS_NEEDED} snapshots in {DEADLINE_S} s")
            time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_S)
    return recording


def main():
    seep, backend, browser_test = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording = record(seep, backend, folder)
        page = folder / "soak.html"
        subprocess.run([seep, "report", recording, "--format", "html", "-o", page], check=True)
        ended = subprocess.run([sys.executable, "-B", browser_test, seep, "-", "-", "--report", page], check=False)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
