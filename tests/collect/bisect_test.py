"""seep bisect over a small repository: commits that do not matter, one that does not build, one that leaks.

usage: bisect_test.py SEEP CC

SPDX-License-Identifier: MIT
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SEEP, CC = sys.argv[1:3]
PROGRAM = """
#include <stdlib.h>
#include <unistd.h>
#define NOTE "%s"
void *volatile kept;
__attribute__((noinline)) void serve(void)
{
    kept = malloc(300);
    %s;
}
int main(void)
{
    for (;;) {
        serve();
        usleep(5000);
    }
}
"""


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = dict(os.environ, HOME=name, GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="t",
                           GIT_AUTHOR_EMAIL="t@example.org", GIT_COMMITTER_NAME="t",
                           GIT_COMMITTER_EMAIL="t@example.org")

        def run(*words):
            return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)

        assert run("git", "init", "-q", "-b", "main").returncode == 0
        for number, body in enumerate(("free(kept)",) * 3 + ("no C at all", "free(kept)",
                                                                "(void)0", "(void)1")):
            (folder / "p.c").write_text(PROGRAM % (number, body))
            assert run("git", "add", "p.c").returncode == 0
            assert run("git", "commit", "-q", "-m", f"change {number}").returncode == 0
        before = run("git", "rev-parse", "HEAD").stdout
        done = run(SEEP, "bisect", "--good", "main~6", "--bad", "main", "--build",
                   f"{CC} -g -O1 p.c -o p", "--run", "./p", "--duration", "16", "--interval", "0.2", "--fail-on", "suspect")
        for recordings in re.findall(r"recordings are in (/tmp/seep-bisect-\w+)", done.stderr):
            shutil.rmtree(recordings)
        assert done.returncode == 0, (done.stdout, done.stderr)
        first = done.stdout.splitlines()[0]
        assert first.startswith("first bad commit: ") and first.endswith("change 5"), done.stdout
        assert "serve" in done.stdout and "1 new" in done.stdout, done.stdout
        # The middle of the six commits in question.
        assert "does not build: skipped" in done.stderr
        assert run("git", "rev-parse", "HEAD").stdout == before
        assert run("git", "bisect", "log").returncode != 0, "the search is over"
        assert run("git", "symbolic-ref", "--short", "HEAD").stdout == "main\n"


if __name__ == "__main__":
    main()
