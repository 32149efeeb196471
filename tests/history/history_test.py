#!/usr/bin/python3
"""seep store and seep gate over small recordings, with SQLite and with a real PostgreSQL server.

usage: history_test.py sqlite|postgres SEEP HISTORY_WRITE PROGRAM TEST_HISTORY DOCS_CI
The PostgreSQL server is started here: as an unprivileged user, in a folder of its own, on a unix socket.

SPDX-License-Identifier: MIT
"""

import json
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

KIND, SEEP, WRITE, PROGRAM, TEST_HISTORY, DOCS_CI = "", "", "", "", "", ""
SKIPPED = 77
POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")


class Server:
    """A PostgreSQL server of our own, reachable through a unix socket alone."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="seep-pg-", dir="/tmp")
        self.user = []
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            name = "postgres" if "postgres" in names else "nobody"
            entry = pwd.getpwnam(name)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self.user = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}",
                         "--clear-groups"]
        data = f"{self.folder}/data"
        environment = dict(os.environ, HOME=self.folder, LC_ALL="C.UTF-8")
        subprocess.run(self.user + [POSTGRES_BIN / "initdb", "-D", data, "-A", "trust", "-U", "seep",
                                    "-E", "UTF8", "--no-sync"],
                       check=True, capture_output=True, env=environment, cwd=self.folder)
        self.process = subprocess.Popen(
            self.user + [POSTGRES_BIN / "postgres", "-D", data, "-k", self.folder, "-c",
                         "listen_addresses=", "-c", "fsync=off", "-c", "unix_socket_permissions=0777"],
            stdout=subprocess.DEVNULL, stderr=open(f"{self.folder}/log", "w"), env=environment,
            cwd=self.folder)
        self.url = f"postgresql:///postgres?host={self.folder}&user=seep"
        deadline = time.monotonic() + 60
        while subprocess.run([POSTGRES_BIN / "pg_isready", "-q", "-h", self.folder]).returncode != 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(Path(f"{self.folder}/log").read_text())
            time.sleep(0.05)

    def sql(self, *statements):
        for statement in statements:
            subprocess.run([POSTGRES_BIN / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c",
                            statement], check=True, capture_output=True)

    def stop(self):
        self.process.send_signal(signal.SIGINT)  # fast shutdown
        self.process.wait(60)
        shutil.rmtree(self.folder)


SERVER = None


def seep(*arguments, status=0, **more):
    """Runs seep; its stdout. more: environment."""
    result = subprocess.run([SEEP, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                            env=dict(os.environ, **more))
    if result.returncode != status:
        raise AssertionError(f"{arguments}: {result.returncode} instead of {status}\n{result.stdout}"
                             f"{result.stderr}")
    seep.said = result.stderr
    return result.stdout


class HistoryTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="seep-history-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = f"{self.folder}/history.db"
        if KIND == "postgres":
            SERVER.sql("DROP TABLE IF EXISTS seep_label, seep_finding, seep_run, seep_schema")
            self.db = SERVER.url

    def run_of(self, pid, per_s, where="hub", seconds=60, host="ci-1", subsystem="websocket"):
        path = f"{self.folder}/{pid}.{seconds}.{where}.seep"
        subprocess.run([WRITE, PROGRAM, path, str(pid), host, str(seconds), str(per_s), where], check=True,
                       env=dict(os.environ, HISTORY_SUBSYSTEM=subsystem))
        return path

    def store(self, action, *arguments, status=0):
        return seep("store", action, "--db", self.db, *arguments, status=status)

    def gate(self, *arguments, status=0):
        return seep("gate", "--db", self.db, "--against", "main", *arguments, status=status)

    def fill(self, rates, branch="main"):
        for i, rate in enumerate(rates):
            self.store("add", self.run_of(i + 1, rate), "--branch", branch, "--commit", f"c{i + 1}",
                       "--label", f"release=1.{i // 3}")

    def runs(self, *arguments):
        return json.loads(self.store("list", "--format", "json", *arguments))["runs"]

    def test_a_run_added_twice_is_one_and_the_longer_stays(self):
        short, longer = self.run_of(1, 4096, seconds=40), self.run_of(1, 4096, seconds=60)
        self.assertIn("added", self.store("add", short))
        self.assertIn("replaced", self.store("add", longer, "--branch", "main"))
        self.assertIn("not added: a longer", self.store("add", short))
        runs = self.runs()
        self.assertEqual([(run["duration_s"], run["branch"]) for run in runs], [(60, "main")])

    def test_damaged_files_are_told_and_the_others_added(self):
        bad = f"{self.folder}/bad.seep"
        Path(bad).write_bytes(b"SEEPREC1 this is nothing" * 10)
        self.store("add", bad, self.run_of(1, 4096), f"{self.folder}/none.seep", self.run_of(2, 0), status=2)
        self.assertIn("bad.seep", seep.said)
        self.assertIn("none.seep", seep.said)
        self.assertEqual(len(self.runs()), 2)

    def test_the_trend_says_since_when_how_fast_and_in_which_releases(self):
        self.fill([0, 0, 0, 4096, 4096, 8192])
        trends = json.loads(self.store("trend", "--format", "json"))["trends"]
        leak = [t for t in trends if t["finding"]["headline"] == "hub_register"][0]
        self.assertEqual(leak["since"]["commit"], "c4")
        self.assertEqual(leak["before"]["commit"], "c3")
        self.assertEqual((leak["found"], leak["runs"]), (3, 6))
        self.assertEqual(leak["basis"], "per_hour")
        self.assertAlmostEqual(leak["growth"]["value"], 8192 * 3600, delta=8192 * 36)
        self.assertEqual([(x["value"], x["found"], x["runs"]) for x in leak["labels"]],
                         [("1.0", 0, 3), ("1.1", 3, 3)])
        text = " ".join(self.store("trend", leak["id"]).split())
        for word in ("since", "commit c4", "not in the 3 runs before", "release=1.1: in 3 of 3 runs",
                     "28.1 MiB per hour", "not found"):
            self.assertIn(word, text)
        ascii_text = seep("store", "trend", leak["id"], "--db", self.db, LC_ALL="C")
        self.assertTrue(ascii_text.isascii())
        self.store("trend", "ffffffffffff", status=2)
        self.assertIn("no run that is kept has a finding ffffffffffff", seep.said)

    def test_show_has_the_findings_of_a_run(self):
        self.fill([4096])
        run = self.runs()[0]["run"]
        text = self.store("show", run[:6])
        for word in (run, "hub_register", "release=1.0", "pma-backend", "probable"):
            self.assertIn(word, text)
        shown = json.loads(self.store("show", run, "--format", "json"))["runs"][0]
        self.assertEqual(shown["findings"][0]["subsystem"], "websocket")
        self.store("show", "x", status=2)

    def test_list_filters(self):
        self.fill([0, 4096])
        self.store("add", self.run_of(9, 0), "--branch", "feature", "--label", "release=2")
        self.assertEqual(len(self.runs("--branch", "main")), 2)
        self.assertEqual(len(self.runs("--label", "release=2")), 1)
        self.assertEqual(len(self.runs("--commit", "c2")), 1)
        self.assertEqual(len(self.runs("--limit", "1")), 1)
        self.assertEqual(len(self.runs("--since", "2026-01-02")), 0)
        self.assertEqual(len(self.runs("--program", "other")), 0)
        self.assertIn("run      started", self.store("list"))

    def test_prune_keeps_the_newest_of_each_branch(self):
        self.fill([0, 0, 0])
        self.store("add", self.run_of(9, 0), "--branch", "feature")
        self.assertIn("2 runs would be removed", self.store("prune", "--keep-runs", "1", "--dry-run"))
        self.assertEqual(len(self.runs()), 4)
        self.assertIn("2 runs removed", self.store("prune", "--keep-runs", "1"))
        self.assertEqual(sorted(run["branch"] for run in self.runs()), ["feature", "main"])
        self.assertIn("1 run removed", self.store("prune", "--keep-days", "0", "--branch", "feature"))
        self.store("prune", status=2)

    def test_the_gate_passes_what_is_known_and_fails_what_is_new_or_worse(self):
        self.fill([4000, 4096, 4050, 4100])
        text = self.gate(self.run_of(50, 4096))
        self.assertIn("PASS", text)
        self.assertIn("4 runs of pma-backend on main", text)
        text = self.gate(self.run_of(51, 9000), status=1)
        self.assertIn("WORSE", text)
        self.assertIn("there in 4 of 4 runs, since commit c1", " ".join(text.split()))
        text = self.gate(self.run_of(52, 4096, "cache"), status=1)
        self.assertIn("NEW", text)
        self.assertIn("GONE", text)
        self.assertIn("PASS", self.gate(self.run_of(53, 0)))

    def test_a_renamed_caller_is_matched_by_name_and_told(self):
        self.fill([4096, 4096, 4096])
        result = json.loads(self.gate(self.run_of(50, 4096, "renamed"), "--format", "json"))
        item = result["gates"][0]["findings"][0]
        self.assertEqual((item["judgement"], item["matched_by_name"]), ("known", True))
        self.assertNotEqual(item["finding"]["id"], item["was"]["id"])

    def test_without_a_history_the_gate_says_so(self):
        path = self.run_of(1, 4096)
        self.assertIn("nothing to compare with", self.gate(path))
        self.gate(path, "--when-empty", "fail", status=1)
        self.fill([4096])
        self.assertIn("1.5 times what was there", " ".join(self.gate(self.run_of(7, 4096)).split()))
        self.gate(self.run_of(8, 7000), status=1)

    def test_the_gate_adds_runs_when_asked_to_and_its_own_commit_is_no_history(self):
        path = self.run_of(1, 4096)
        self.gate(path, "--add", status=2)
        self.gate(path, "--add", "--branch", "main", "--commit", "c1")
        self.assertEqual(self.runs()[0]["commit"], "c1")
        again = json.loads(self.gate(self.run_of(2, 4096), "--commit", "c1", "--format", "json"))
        self.assertTrue(again["gates"][0]["history_is_empty"])

    def test_the_gate_refuses_what_it_cannot_read(self):
        self.fill([4096])
        bad = f"{self.folder}/bad.seep"
        Path(bad).write_bytes(b"SEEPREC1 this is nothing" * 10)
        self.gate(self.run_of(2, 4096), bad, status=2)
        self.assertIn("bad.seep", seep.said)

    def test_the_gate_speaks_junit_and_markdown(self):
        self.fill([4096, 4096, 4096], "main")
        path = self.run_of(50, 9000, subsystem="<a> & |b| `c`")
        suite = ET.fromstring(self.gate(path, "--format", "junit", status=1)).find("testsuite")
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("2", "1"))
        self.assertEqual(len(suite.findall("testcase/failure")), 1)
        text = self.gate(path, "--format", "markdown", status=1)
        self.assertIn("### Fails", text)
        self.assertNotIn("<a>", text)
        rows = [line for line in text.splitlines() if line.startswith("| **")]
        self.assertEqual([row.count("|") for row in rows], [6])

    def test_hostile_names_are_data(self):
        names = ["'; DROP TABLE seep_run; --", "\"$1\" %s \\", "a\x01\x1b[31mb", "x" * 4096]
        for i, name in enumerate(names):
            self.store("add", self.run_of(i + 1, 4096, host=name, subsystem=name), "--branch", "it's; \"b\"")
        runs = self.runs("--branch", "it's; \"b\"")
        self.assertEqual(sorted(run["host"] for run in runs),
                         sorted(names[:2] + ["a??[31mb"] + names[3:]))
        self.assertNotIn("\x1b", self.store("trend") + self.store("list"))
        self.store("add", self.run_of(1, 0), "--branch", "a\nb", status=2)
        self.store("add", self.run_of(1, 0), "--label", "=x", status=2)

    def test_names_of_files_may_be_any_bytes_and_long_names_are_cut_between_characters(self):
        self.fill([4096] * 3)
        path = os.fsencode(self.folder) + b"/\xff\xfe.seep"
        os.rename(self.run_of(50, 9000, subsystem="\u20ac" * 1300, host="\u20ac" * 999), path)
        for words in (["store", "add", "--format", "json"], ["gate", "--format", "json", "--against", "main"],
                      ["gate", "--format", "markdown", "--against", "\u20ac" * 300],
                      ["gate", "--against", "main"], ["store", "add", "--label", "\u20ac" * 99 + "=\u20ac"]):
            result = subprocess.run([SEEP, *words, "--db", self.db, path], capture_output=True, timeout=60)
            self.assertIn(result.returncode, (0, 1), result.stderr)
            text = result.stdout.replace(path, b"").decode()
            if "json" in words:
                self.assertIn("??.seep", text)
        for words in (["list"], ["trend"], ["trend", "--format", "json"]):
            self.store(*words)

    def test_two_at_once_are_one_after_the_other(self):
        paths = [self.run_of(i + 1, 0, seconds=20) for i in range(8)]
        children = [subprocess.Popen([SEEP, "store", "add", "--db", self.db, *part], stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True)
                    for part in (paths[:5], paths[3:], paths)]
        for child in children:
            said = child.communicate(timeout=120)[0]
            self.assertEqual(child.returncode, 0, said)
        self.assertEqual(len(self.runs()), 8)

    def test_a_newer_history_is_refused(self):
        self.fill([0])
        statement = "INSERT INTO seep_schema VALUES (99)"
        if KIND == "postgres":
            SERVER.sql(statement)
        else:
            with sqlite3.connect(self.db) as connection:
                connection.execute(statement)
            connection.close()
        self.store("list", status=2)
        self.assertIn("newer Seep (schema 99", seep.said)

    def test_the_unit_tests_hold_for_this_database(self):
        more = {"SEEP_TEST_POSTGRES": self.db} if KIND == "postgres" else {}
        result = subprocess.run([TEST_HISTORY], capture_output=True, text=True, timeout=120,
                                env=dict(os.environ, **more))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_usage_is_taught(self):
        for words in (("store",), ("store", "ad"), ("store", "add"), ("store", "list", "x"),
                      ("store", "list", "--since", "soon"), ("gate", "x.seep"), ("gate",),
                      ("gate", "x.seep", "--against", "main", "--last", "0")):
            seep(*words, status=2)
            self.assertEqual(len(seep.said.splitlines()), 1, seep.said)
        self.assertIn("examples:", seep("store", "--help"))
        self.assertIn("examples:", seep("gate", "--help"))

    def test_the_examples_for_ci_are_yaml_and_use_options_that_exist(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not installed")
        pages = seep("help", "gate") + seep("help", "store") + seep("help", "run") + seep("help", "report")
        for name in ("github-actions.yml", "gitlab-ci.yml"):
            text = Path(DOCS_CI, name).read_text()
            self.assertIsInstance(yaml.safe_load(text), dict)
            self.assertIn("seep gate", text)
            for word in text.split():
                if word.startswith("--") and len(word) > 2:
                    self.assertIn(word.split("=")[0], pages, name)


class PostgresTest(unittest.TestCase):
    def test_a_server_that_is_away_is_told(self):
        seep("store", "list", "--db", "postgresql:///x?host=/tmp/seep-nowhere", status=3)
        self.assertIn("PostgreSQL:", seep.said)


class FileTest(unittest.TestCase):
    """What can be wrong with a file."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="seep-history-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = f"{self.folder}/history.db"
        self.path = f"{self.folder}/1.seep"
        subprocess.run([WRITE, PROGRAM, self.path, "1", "h", "60", "4096", "hub"], check=True)

    def as_nobody(self, *words):
        user = [] if os.geteuid() != 0 else ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        return subprocess.run(user + [SEEP, *words], capture_output=True, text=True, timeout=60)

    def test_real_recordings_of_a_program_that_leaks(self):
        program = ["perl", "-e", 'for (1..600) { push @kept, "x" x 5000 . $_; select undef, undef, undef, 0.035 }']
        paths = [f"{self.folder}/real{i}.seep" for i in range(2)]
        children = [subprocess.Popen([SEEP, "run", "-o", path, "--interval", "0.25", "--quiet", "--", *program],
                                     stderr=subprocess.DEVNULL) for path in paths]
        self.assertEqual([child.wait(120) for child in children], [0, 0])
        for path in paths + paths:
            seep("store", "add", path, "--branch", "main", "--db", self.db)
        runs = json.loads(seep("store", "list", "--format", "json", "--db", self.db))["runs"]
        self.assertEqual(len(runs), 2)
        self.assertTrue(all(run["program"].startswith("perl") for run in runs), runs)
        trends = json.loads(seep("store", "trend", "--kind", "heap", "--format", "json", "--db", self.db))["trends"]
        self.assertEqual([t["found"] for t in trends if "sv_grow" in t["finding"]["headline"]], [2], trends)
        text = seep("gate", paths[0], "--against", "main", "--db", self.db)
        self.assertRegex(text, "KNOWN|suspect or bounded are not compared")
        self.assertIn("1 run of perl", " ".join(text.split()))

    def test_no_history_is_told(self):
        seep("store", "list", "--db", self.db, status=2)
        self.assertIn("no history there (seep store add FILE makes one)", seep.said)

    def test_another_file_is_no_history(self):
        Path(self.db).write_text("this is a text, and not a database at all\n" * 100)
        seep("store", "add", self.path, "--db", self.db, status=3)
        self.assertIn("no history of Seep's", seep.said)

    def test_the_default_is_below_xdg_data_home_and_seep_store_comes_before(self):
        environment = {"XDG_DATA_HOME": f"{self.folder}/data", "SEEP_STORE": ""}
        seep("store", "add", self.path, **environment)
        self.assertTrue(Path(self.folder, "data/seep/history.db").exists())
        environment["SEEP_STORE"] = self.db
        seep("store", "add", self.path, **environment)
        self.assertTrue(Path(self.db).exists())

    def test_a_history_that_may_only_be_read_is_read_and_not_written(self):
        seep("store", "add", self.path, "--db", self.db)
        os.chmod(self.db, 0o444)
        os.chmod(self.folder, 0o555)
        self.addCleanup(os.chmod, self.folder, 0o755)
        result = self.as_nobody("store", "list", "--db", self.db)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("pma-backend", result.stdout)
        result = self.as_nobody("store", "add", self.path, "--db", self.db)
        self.assertEqual(result.returncode, 3)
        self.assertIn("may not write to it", result.stderr)

    def test_a_full_disk_is_told_and_nothing_is_lost(self):
        mount = ["unshare", "-m", "sh", "-c",
                 'mount -t tmpfs -o size=256k none "$1" && shift && exec "$@"', "sh"]
        place = f"{self.folder}/small"
        os.mkdir(place)
        if subprocess.run(mount + [place, "true"], capture_output=True).returncode != 0:
            self.skipTest("a small file system cannot be mounted here")
        script = ('"$0" store add "$1" --db "$2/h.db" && cat /dev/zero >"$2/filler" 2>/dev/null; '
                  '"$0" store add "$3" --db "$2/h.db"; echo "status $?"; rm "$2/filler"; '
                  '"$0" store list --db "$2/h.db"')
        other = f"{self.folder}/2.seep"
        subprocess.run([WRITE, PROGRAM, other, "2", "h" * 8000, "60", "4096", "hub"], check=True)
        result = subprocess.run(mount + [place, "sh", "-c", script, SEEP, self.path, place, other],
                                capture_output=True, text=True, timeout=60)
        self.assertIn("status 3", result.stdout, result.stderr)
        self.assertRegex(result.stderr, "make room|disk may be full")
        self.assertEqual(result.stdout.count("pma-backend"), 1, result.stdout)


def main():
    global KIND, SEEP, WRITE, PROGRAM, TEST_HISTORY, DOCS_CI, SERVER
    KIND, SEEP, WRITE, PROGRAM, TEST_HISTORY, DOCS_CI = (
        sys.argv[1], *map(os.path.abspath, sys.argv[2:7]))
    os.environ.pop("SEEP_STORE", None)
    if KIND == "postgres" and not (POSTGRES_BIN / "initdb").exists():
        print("skipped: no PostgreSQL server (scripts/setup.sh --with-integration)")
        return SKIPPED
    cases = [HistoryTest, PostgresTest] if KIND == "postgres" else [HistoryTest, FileTest]
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)
    try:
        SERVER = Server() if KIND == "postgres" else None
        result = unittest.TextTestRunner(verbosity=1).run(suite)
    finally:
        if SERVER is not None:
            SERVER.stop()
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
