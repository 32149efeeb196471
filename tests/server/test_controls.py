"""The negative controls: each grows as it is described, and keeps to its bound.

SPDX-License-Identifier: MIT
"""
import os
import subprocess
from pathlib import Path

import backend

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ["/usr/bin/python3", "-B", str(ROOT / "bench" / "controls.py"),
           "--build", str(Path(os.path.abspath(backend.BINARY)).parents[1])]


def controls(*arguments):
    return subprocess.Popen([*COMMAND, *arguments], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=backend.environment())


class Controls(backend.TestCase):
    def test_every_control_grows_and_keeps_to_its_bound(self):
        names = [line.split()[0] for line in controls("--list").communicate()[0].splitlines()]
        self.assertGreaterEqual(len(names), 7)
        running = {name: controls(name, "--seconds", "3") for name in names}
        for name, process in running.items():
            said = process.communicate(timeout=90)[0]
            self.assertEqual(process.returncode, 0, said)
            start, most = (int(said.splitlines()[-1].split()[at]) for at in (0, 4))
            if name != "json-churn":  # whose point is that it does not
                self.assertGreater(most, start, f"{name} did not grow: {said}")

    def test_a_control_that_does_not_exist_is_wrong_usage(self):
        process = controls("no-such")
        self.assertIn("no control no-such", process.communicate()[0])
        self.assertEqual(process.returncode, 2)


if __name__ == "__main__":
    backend.main()
