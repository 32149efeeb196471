"""Programs of the distribution under the shim: what they do stays the same, what they use is seen.

One class per program; ctest runs each class as a test of its own (tests/real.cmake).

SPDX-License-Identifier: MIT
"""

import random
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from harness import PROGRAMS, RealProgramTest, environment, free_port, main, wait_until


def words(count, seed=1):
    """Text that compresses a little, the same each time."""
    generator = random.Random(seed)
    return " ".join(generator.choice(("leak", "heap", "thread", "timer", "site", "stack", "x"))
                    + str(generator.randrange(1000)) for _ in range(count))


def accepts(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class PythonTest(RealProgramTest):
    def setUp(self):
        super().setUp()
        self.command = ["/usr/bin/python3", "-B", str(PROGRAMS / "busy.py")]

    def test_threads_subprocesses_and_json_give_the_same_output(self):
        self.compare(self.command, env={"PYTHONHASHSEED": "0"}, events=1000)

    def test_every_object_through_malloc_gives_the_same_output(self):
        self.compare(self.command, env={"PYTHONHASHSEED": "0", "PYTHONMALLOC": "malloc"},
                     events=100_000)


class PerlTest(RealProgramTest):
    def test_hashes_regexes_and_fork_give_the_same_output(self):
        self.need("perl")
        self.compare(["perl", str(PROGRAMS / "busy.pl")],
                     env={"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"}, events=10_000)


class SqliteTest(RealProgramTest):
    def test_tables_indexes_and_transactions_give_the_same_rows(self):
        self.need("sqlite3")
        script = f".read {PROGRAMS / 'busy.sql'}"
        self.compare(["sqlite3", "-batch", "test.db", script], files=["test.db"], events=10_000)


class GitTest(RealProgramTest):
    def test_a_history_has_the_same_hashes(self):
        self.need("git")
        env = {"GIT_CONFIG_NOSYSTEM": "1"}
        for who in ("AUTHOR", "COMMITTER"):
            env.update({f"GIT_{who}_NAME": "A", f"GIT_{who}_EMAIL": "a@example.org",
                        f"GIT_{who}_DATE": "2020-01-02T03:04:05Z"})
        self.compare(["sh", "-e", str(PROGRAMS / "git_history.sh")], env=env, events=50)


class CompilerTest(RealProgramTest):
    def test_gcc_makes_the_same_object_file(self):
        self.need("gcc")
        self.compare(["gcc", "-O2", "-Wall", "-c", "unit.c", "-o", "unit.o"],
                     prepare=lambda folder: shutil.copy(PROGRAMS / "unit.c", folder),
                     files=["unit.o"], events=10)

    def test_gxx_makes_the_same_object_file(self):
        self.need("g++")
        self.compare(["g++", "-O1", "-c", "unit.cpp", "-o", "unit.o"],
                     prepare=lambda folder: shutil.copy(PROGRAMS / "unit.cpp", folder),
                     files=["unit.o"], events=10)

    def test_a_compiler_error_stays_the_same_error(self):
        self.need("gcc")
        command = ["sh", "-c", "gcc -c bad.c; test $? -eq 1"]
        self.compare(command, events=10, prepare=lambda folder: (folder / "bad.c").write_text(
            "int main(void) { return missing_name; }\n"))


class TarTest(RealProgramTest):
    def test_a_packed_tree_has_the_same_bytes(self):
        self.need("tar", "xz")

        def prepare(folder):
            for number in range(20):
                path = folder / "tree" / str(number % 3) / f"{number}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(words(4000, number))
        command = ("tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - tree"
                   " | xz -T2 -3 >tree.tar.xz; mkdir back; tar -xJf tree.tar.xz -C back;"
                   " diff -r tree back/tree && echo same")
        self.assertEqual(self.compare(["bash", "-c", command], prepare, files=["tree.tar.xz"],
                                      events=50), b"same\n")


class NodeTest(RealProgramTest):
    def test_workers_streams_and_promises_give_the_same_output(self):
        self.need("node")
        self.compare(["node", str(PROGRAMS / "busy.js")], events=1000)


class RedisTest(RealProgramTest):
    def test_answers_and_saved_data_stay_the_same(self):
        self.need("redis-server", "redis-cli", "redis-benchmark")
        ports = {}

        def command(folder):
            ports[folder] = free_port()
            return ["redis-server", "--port", str(ports[folder]), "--bind", "127.0.0.1", "--dir",
                    str(folder), "--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]

        def client(folder, *arguments, stdin=None):
            return subprocess.run(["redis-cli", "-p", str(ports[folder]), *arguments],
                                  input=stdin, env=environment(), capture_output=True, timeout=30,
                                  check=True).stdout

        def drive(folder):
            subprocess.run(["redis-benchmark", "-p", str(ports[folder]), "-n", "3000", "-c", "20",
                            "-P", "4", "-q", "-t", "set,get,incr,lpush,hset"], env=environment(),
                           capture_output=True, timeout=60, check=True)
            answers = client(folder, stdin=(PROGRAMS / "redis_commands.txt").read_bytes())
            client(folder, "bgsave")  # forks
            wait_until(lambda: b"rdb_bgsave_in_progress:0" in client(folder, "info", "persistence"),
                       10, "the saving child has ended")
            saved = b"rdb_last_bgsave_status:ok" in client(folder, "info", "persistence")
            digest = client(folder, "debug", "digest")
            client(folder, "debug", "reload")
            return answers, saved, digest, client(folder, "debug", "digest")

        self.compare_server(command, lambda folder: accepts(ports[folder]), drive, signal.SIGTERM,
                            events=1000)


class NginxTest(RealProgramTest):
    CONFIGURATION = """
        daemon off;
        {processes}
        error_log {folder}/error.log;
        pid {folder}/nginx.pid;
        events {{ worker_connections 64; }}
        http {{
            access_log {folder}/access.log;
            client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
            fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
            gzip on; gzip_min_length 100; gzip_types text/plain;
            server {{ listen 127.0.0.1:{port}; root {folder}/www; server_tokens off; }}
        }}
    """

    def serve(self, processes):
        self.need("nginx", "curl")
        ports = {}

        def command(folder):
            ports[folder] = free_port()
            (folder / "www").mkdir()
            for number in range(5):
                (folder / "www" / f"{number}.txt").write_text(words(300 << number, number))
            (folder / "nginx.conf").write_text(self.CONFIGURATION.format(
                processes=processes, folder=folder, port=ports[folder]))
            return ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c",
                    str(folder / "nginx.conf")]

        def drive(folder):
            base = f"http://127.0.0.1:{ports[folder]}"
            urls = [f"{base}/{number}.txt" for number in (0, 1, 2, 3, 4, 9)] * 10
            plain = subprocess.run(["curl", "-sS", *urls], env=environment(), timeout=30,
                                   capture_output=True, check=True).stdout
            packed = subprocess.run(["curl", "-sS", "--compressed", *urls], env=environment(),
                                    timeout=30, capture_output=True, check=True).stdout
            return plain, packed, plain.count(b"404 Not Found")

        self.compare_server(command, lambda folder: accepts(ports[folder]), drive, signal.SIGQUIT,
                            events=50)

    def test_one_process_serves_the_same_bytes(self):
        self.serve("master_process off;")

    def test_master_and_workers_serve_the_same_bytes(self):
        self.serve("worker_processes 2;")


class SidecarTest(RealProgramTest):
    def test_the_preloaded_library_alone_makes_a_recording(self):
        out = self.top / "recordings"
        out.mkdir()
        command = ["/usr/bin/python3", "-B", "-c",
                   "import json; print(json.dumps(list(range(50000)))[-20:])"]
        bare = self.start(command, self.top / "bare").finish(30)
        preloaded = self.start(command, self.top / "seep", {
            "LD_PRELOAD": str(self.binaries / "lib" / "libseep.so"), "SEEP_OUT": str(out),
            "PYTHONMALLOC": "malloc"}).finish(30)
        self.assertEqual(bare, preloaded)

        # The sidecar outlives the program by the time it takes to write the end.
        def complete():
            files = sorted(out.glob("*.seep"))
            return files if files and self.report(files[0])["program"]["ending"]["kind"] in (
                "exited", "lost") else None
        files = wait_until(complete, 20, f"a complete recording in {sorted(out.iterdir())}")
        self.assertEqual(len(files), 1, files)
        heap = self.report(files[0])["recording"]["events"]["heap"]
        self.assertGreater(heap["acquired"], 50_000)


def checked(test, every):
    """The same test with every Nth stack compared with libunwind's; the numbers keep it short."""
    return type("Checked" + test.__name__, (test,), {"check_every": every})


CheckedPythonTest = checked(PythonTest, 64)
CheckedPerlTest = checked(PerlTest, 16)
CheckedSqliteTest = checked(SqliteTest, 32)
CheckedGitTest = checked(GitTest, 1)
CheckedCompilerTest = checked(CompilerTest, 16)
CheckedNodeTest = checked(NodeTest, 64)
CheckedRedisTest = checked(RedisTest, 16)
CheckedNginxTest = checked(NginxTest, 1)


class FailureTest(RealProgramTest):
    def test_the_status_of_the_program_is_the_status_of_the_run(self):
        for status in (0, 1, 2, 3, 77, 255):
            recording = self.top / f"{status}.seep"
            ended = self.start([self.seep, "run", "--quiet", "-o", str(recording), "--", "sh", "-c",
                                f"exit {status}"], self.top).finish(20)
            self.assertEqual(ended, (status, b"", b""))

    def test_a_signal_of_the_program_is_128_and_its_number(self):
        ended = self.start(self.under_seep(["sh", "-c", "kill -9 $$"]), self.top).finish(20)
        self.assertEqual(ended[0], 128 + 9)
        ending = self.report(self.recording)["program"]["ending"]
        self.assertEqual((ending["kind"], ending["signal"]), ("signalled", 9))


if __name__ == "__main__":
    main()
