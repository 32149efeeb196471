"""seep bisect over small repositories, side by side because the programs mostly sleep: commits that do not matter,
that do not build, that leak; runs that tell nothing; Ctrl-C.

usage: bisect_test.py SEEP CC

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEEP, CC = sys.argv[1:3]
DEADLINE_S = 150
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
SOUND, LEAKY = "free(kept)", "(void)0"


class Repository:
    """One commit per body of serve(), "change 0" first."""

    def __init__(self, folder, bodies):
        self.folder = Path(folder)
        self.kept = []
        self.environment = dict(os.environ, HOME=str(folder), GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="t",
                                GIT_AUTHOR_EMAIL="t@example.org", GIT_COMMITTER_NAME="t",
                                GIT_COMMITTER_EMAIL="t@example.org")
        assert self.run("git", "init", "-q", "-b", "main").returncode == 0
        for number, body in enumerate(bodies):
            (self.folder / "p.c").write_text(PROGRAM % (number, body))
            assert self.run("git", "add", "p.c").returncode == 0
            assert self.run("git", "commit", "-q", "-m", f"change {number}").returncode == 0
        self.before = self.where()

    def run(self, *words):
        return subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)

    def where(self):
        return self.run("git", "rev-parse", "HEAD").stdout, self.run("git", "symbolic-ref", "--short", "HEAD").stdout

    def commit(self, number):
        return self.run("git", "log", "--format=%h", "--abbrev=12", f"--grep=^change {number}$").stdout.strip()

    def start(self, good, *options, build=f"{CC} -g -O1 p.c -o p", run="./p"):
        with open(self.folder / "out", "w", encoding="utf-8") as out, open(self.folder / "err", "w", encoding="utf-8") as err:
            return subprocess.Popen([SEEP, "bisect", "--good", good, "--bad", "main", "--build", build, "--run", run,
                                     "--duration", "16", "--interval", "0.2", "--fail-on", "suspect", *options],
                                    cwd=self.folder, env=self.environment, stdout=out, stderr=err, stdin=subprocess.DEVNULL)

    def said(self):
        return (self.folder / "out").read_text(encoding="utf-8"), (self.folder / "err").read_text(encoding="utf-8")

    def finish(self, process):
        """Status, stdout, stderr; the work tree must be as it was."""
        status = process.wait(timeout=DEADLINE_S)
        out, err = self.said()
        self.kept += re.findall(r"recordings and logs are in (/tmp/seep-bisect-\w+)", err)
        assert self.kept, err
        assert self.where() == self.before, (self.where(), self.before, err)
        assert self.run("git", "status", "--porcelain", "-uno").stdout == ""
        assert self.run("git", "bisect", "log").returncode != 0, "the search is over"
        return status, out, err

    def clean(self):
        for folder in self.kept:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def repository(*bodies):
    with tempfile.TemporaryDirectory() as folder:
        made = Repository(folder, bodies)
        try:
            yield made
        finally:
            made.clean()


def eventually(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def the_first_bad_commit_is_found_and_what_does_not_build_is_skipped():
    with repository(SOUND, SOUND, SOUND, "no C at all", SOUND, LEAKY, "(void)1") as repo:
        status, out, err = repo.finish(repo.start("main~6"))
        assert status == 0, (out, err)
        first = out.splitlines()[0]
        assert first.startswith("first bad commit: ") and first.endswith("change 5"), out
        assert "serve" in out and "1 new" in out, out
        # The middle of the six commits in question. What the compiler said is kept, and named.
        log = re.search(r"seep bisect: (\w+) does not build: skipped; its words are in (\S+)", err)
        assert log and log.group(1) == repo.commit(3), err
        assert "error" in Path(log.group(2)).read_text(encoding="utf-8"), log.group(2)


def a_run_that_tells_nothing_is_repeated_and_then_skipped():
    with repository(SOUND, SOUND, SOUND, SOUND, LEAKY) as repo:
        # The leaky commit ends at once the first time; change 2, which git asks for first, each time.
        (repo.folder / "run.sh").write_text(f"""
            commit=$(git rev-parse --short=12 HEAD)
            [ $commit != {repo.commit(2)} ] || exec sleep 0.1
            [ $commit != {repo.commit(4)} ] || [ -e seen ] || {{ : >seen; exec sleep 0.1; }}
            exec ./p
            """)
        status, out, err = repo.finish(repo.start("main~4", run="sh run.sh"))
        assert f"{repo.commit(4)} tells nothing (run 1 of 3)" in err, err
        assert f"{repo.commit(4)} tells nothing (run 2 of 3)" not in err, err
        for n in (1, 2, 3):
            assert f"{repo.commit(2)} tells nothing (run {n} of 3)" in err, err
        assert status == 0 and out.splitlines()[0].endswith("change 4"), (out, err)


def a_good_commit_that_cannot_be_judged_is_said_before_anything_is_searched():
    with repository(SOUND, LEAKY) as repo:
        status, out, err = repo.finish(repo.start("main~1", run="sleep 0.1"))
        assert status == 3 and out == "", (status, out, err)
        assert "good tells nothing (run 3 of 3): fewer than 20 snapshots" in err, err
        assert "--good cannot be judged" in err, err


def an_interrupted_search_leaves_the_work_tree_as_it_was(number):
    with repository(SOUND, SOUND, SOUND, LEAKY, LEAKY) as repo:
        process = repo.start("main~4")
        # Good, bad, and then the first one that git itself has asked for.
        eventually(lambda: repo.said()[1].count("is recorded") >= 3, "git asks for a commit")
        eventually(lambda: repo.run("git", "bisect", "log").returncode == 0, "a search is under way")
        process.send_signal(number)
        status, out, err = repo.finish(process)
        assert status == 128 + number and out == "", (status, out, err)
        assert "interrupted; recordings and logs are in" in err, err
        nobody_is_left(repo)


def an_interrupted_build_of_the_good_commit_ends_too():
    with repository(SOUND, LEAKY) as repo:
        process = repo.start("main~1", build=": >building; sleep 300; : >built")
        eventually((repo.folder / "building").exists, "it builds")
        process.send_signal(signal.SIGINT)
        status, _, err = repo.finish(process)
        assert status == 128 + signal.SIGINT, err
        assert not (repo.folder / "built").exists()
        nobody_is_left(repo)


def nobody_is_left(repo):
    """No process works in the repository any more."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                assert Path(os.readlink(entry / "cwd")) != repo.folder.resolve(), (entry / "comm").read_text()


def a_search_of_the_users_own_is_left_alone():
    with repository(SOUND, SOUND, LEAKY) as repo:
        assert repo.run("git", "bisect", "start", "main", "main~2").returncode == 0
        done = repo.run(SEEP, "bisect", "--good", "main~2", "--bad", "main", "--run", "./p")
        assert done.returncode == 2 and "a bisect is under way" in done.stderr, done
        assert repo.run("git", "bisect", "log").returncode == 0


def main():
    cases = [(the_first_bad_commit_is_found_and_what_does_not_build_is_skipped,),
             (a_run_that_tells_nothing_is_repeated_and_then_skipped,),
             (a_good_commit_that_cannot_be_judged_is_said_before_anything_is_searched,),
             (an_interrupted_search_leaves_the_work_tree_as_it_was, signal.SIGINT),
             (an_interrupted_search_leaves_the_work_tree_as_it_was, signal.SIGTERM),
             (an_interrupted_build_of_the_good_commit_ends_too,),
             (a_search_of_the_users_own_is_left_alone,)]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        futures = [(case, pool.submit(*case)) for case in cases]
        failed = [case[0].__name__ for case, future in futures if not print_outcome(case, future)]
    return 1 if failed else 0


def print_outcome(case, future):
    error = future.exception()
    print("ok    " if error is None else "FAILED", case[0].__name__.replace("_", " "), *case[1:])
    if error is not None:
        print(f"  {type(error).__name__}: {error}")
    return error is None


if __name__ == "__main__":
    sys.exit(main())
