"""What `cmake --install` puts somewhere works from there.

usage: test_install.py CMAKE BUILD_FOLDER
SPDX-License-Identifier: MIT
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CMAKE, BUILD = sys.argv[1:3]


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        cls.prefix = Path(cls.holder.name, "prefix")
        subprocess.run([CMAKE, "--install", BUILD, "--prefix", cls.prefix], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def seep(self, *arguments):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("SEEP_", "LD_"))}
        return subprocess.run([self.prefix / "bin" / "seep", *arguments], capture_output=True, text=True, timeout=60,
                              check=False, cwd=self.holder.name, env=env, stdin=subprocess.DEVNULL)

    def test_a_program_is_recorded_and_judged_with_a_page_and_without(self):
        for number, options in enumerate(((), ("--listen", "0"))):
            path = f"{number}.seep"
            result = self.seep("run", "--quiet", *options, "-o", path, "--", "sh", "-c", "exit 7")
            self.assertEqual(result.returncode, 7, result.stderr)
            result = self.seep("report", path)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("exited 7", result.stdout)

    def test_commands_of_the_second_program_are_found(self):
        result = self.seep("store", "list", "--db", "none.db")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no history there", result.stderr)

    def test_one_program_alone_is_where_people_look(self):
        self.assertEqual(sorted(path.name for path in (self.prefix / "bin").glob("seep*")), ["seep"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
