"""Profiles and variables, as the original's scripts and pprof read them.

SPDX-License-Identifier: MIT
"""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import backend

LIBRARY = os.path.join(os.path.dirname(backend.BINARY), "..", "lib", "libseep.so")


def text_of(url):
    with urllib.request.urlopen(url) as reply:
        return reply.read().decode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_sanitized():
    with open(backend.BINARY, "rb") as file:
        content = file.read()
    return b"__asan_init" in content or b"__tsan_init" in content


class Profile(backend.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.server = backend.Backend(f"debug.port={cls.port}")
        cls.bases = (cls.server.url, f"http://127.0.0.1:{cls.port}")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def pprof(self, text, *options):
        if shutil.which("google-pprof") is None:
            self.skipTest("google-pprof is not installed")
        with tempfile.NamedTemporaryFile("w", suffix=".prof") as file:
            file.write(text)
            file.flush()
            done = subprocess.run(["google-pprof", "--text", *options, backend.BINARY, file.name],
                                  text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_both_ports_serve_the_profiles(self):
        for base in self.bases:
            self.assertIn("heap", text_of(base + "/debug/pprof/"))
            for name in ("heap", "goroutine"):
                for query in ("", "?debug=1"):
                    self.assertIn(" profile: ", text_of(f"{base}/debug/pprof/{name}{query}"))

    def test_the_debug_port_serves_nothing_else_and_only_this_machine(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            text_of(self.bases[1] + "/api/v1/memory/stats")
        with refused.exception as reply:
            self.assertEqual(reply.code, 404)
        with open("/proc/net/tcp", encoding="ascii") as file:
            listening = [line.split()[1] for line in file.readlines()[1:]
                         if line.split()[3] == "0A"]
        self.assertIn(f"0100007F:{self.port:04X}", listening)
        self.assertNotIn(f"00000000:{self.port:04X}", listening)

    def test_vars_has_what_the_scripts_read(self):
        for base in self.bases:
            with urllib.request.urlopen(base + "/debug/vars") as reply:
                body = backend.json.loads(reply.read())
            self.assertIsInstance(body["memstats"]["Alloc"], int)
            self.assertGreater(body["memstats"]["Alloc"], 0)
            self.assertIn(backend.BINARY, body["cmdline"])

    def test_the_thread_profile_has_one_line_per_thread(self):
        text = text_of(self.bases[1] + "/debug/pprof/goroutine?debug=1")
        first = text.split("\n", 1)[0]
        numbers = re.findall(r"\d+", first)
        self.assertEqual(first, f"goroutine profile: total {numbers[0]}")
        count = len(self.server.threads())
        self.assertEqual([int(number) for number in numbers], [count])
        self.assertEqual(len(re.findall(r"^\d+ @( 0x[0-9a-f]+)+$", text, re.M)), count)
        comments = re.findall(r"^# goroutine (\d+) \[([a-zA-Z ]+)\] (\S+)$", text, re.M)
        self.assertEqual(sorted(name for _, _, name in comments),
                         sorted(self.server.threads()))
        # What monitor_memory.sh does: grep -c goroutine.
        self.assertEqual(sum("goroutine" in line for line in text.split("\n")), count + 1)

    def test_the_thread_profile_follows_the_grammar_of_go_tool_pprof(self):
        """Its parseGoCount: a start line, comments, counts, and nothing else before '---'."""
        lines = text_of(self.bases[0] + "/debug/pprof/goroutine").split("\n")
        self.assertRegex(lines[0], r"^(\S+) profile: total \d+$")
        end = lines.index("--- Memory map: ---")
        for line in lines[1:end]:
            self.assertRegex(line, r"^(|#.*|\d+ @( 0x[0-9a-f]+)+)$")
        self.assertTrue(any(backend.os.path.basename(backend.BINARY) in line
                            for line in lines[end:]))

    def test_google_pprof_opens_the_thread_profile(self):
        done = self.pprof(text_of(self.bases[0] + "/debug/pprof/goroutine?format=heap"),
                          "--inuse_objects", "--cum")
        count = len(self.server.threads())
        self.assertRegex(done.stdout, rf"Total: {count} objects")
        self.assertIn("run_monitor", done.stdout)

    def test_pprof_opens_the_heap_profile_without_the_library(self):
        done = self.pprof(text_of(self.bases[0] + "/debug/pprof/heap"))
        self.assertRegex(done.stdout, r"Total: \d+")

    def test_a_debug_port_that_is_taken_is_said_and_does_no_harm(self):
        with backend.Backend(f"debug.port={self.port}") as second:
            second.get("/health")
            self.assertEqual(len(second.logged("The debug port is not served")), 1)
            status, _ = second.stop()
            self.assertEqual(status, 0)

    def test_both_ports_are_closed_at_the_end(self):
        port = free_port()
        with backend.Backend(f"debug.port={port}") as server:
            kept = socket.create_connection(("127.0.0.1", port))
            server.get("/health")
            status, seconds = server.stop()
            kept.close()
            self.assertEqual(status, 0)
            self.assertLess(seconds, backend.STOP_S)
            last = server.logged("Server stopped")[0]
            self.assertEqual((last["threads_left"], last["fds_left"]),
                             (backend.sanitizer_threads(), 0))


@unittest.skipIf(is_sanitized(), "a sanitizer has its own malloc")
@unittest.skipUnless(os.path.exists(LIBRARY), "libseep.so is not built")
class Preloaded(backend.TestCase):
    """Under libseep.so, with a collector that takes the segment and does nothing."""

    @classmethod
    def setUpClass(cls):
        cls.name = f"@pma-test-{os.getpid()}"
        cls.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        cls.listener.bind("\0" + cls.name[1:])
        cls.listener.listen()
        cls.kept = []

        def take():
            while True:
                try:
                    connection, _ = cls.listener.accept()
                except OSError:
                    return
                _, fds, _, _ = socket.recv_fds(connection, 4096, 4)
                connection.send(b"\x01")
                cls.kept += [connection, *fds]
        threading.Thread(target=take, daemon=True).start()
        cls.server = backend.Backend(LD_PRELOAD=os.path.abspath(LIBRARY), SEEP_SOCKET=cls.name)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.listener.close()

    def test_pprof_finds_the_stacks_of_the_heap(self):
        text = text_of(self.server.url + "/debug/pprof/heap")
        head = re.match(r"heap profile: (\d+): (\d+) \[(\d+): (\d+)\] @ heap_v2/1\n", text)
        sums = [0, 0, 0, 0]
        lines = re.findall(r"^(\d+): (\d+) \[(\d+): (\d+)\] @(?: 0x[0-9a-f]+)+$", text, re.M)
        for line in lines:
            sums = [total + int(value) for total, value in zip(sums, line)]
        self.assertEqual(sums, [int(value) for value in head.groups()])
        self.assertGreater(len(lines), 20)
        Profile.pprof(self, text)
        done = Profile.pprof(self, text, "--cum", "--inuse_objects")
        for function in ("pma_server_start", "pma_worker_start"):
            self.assertIn(function, done.stdout)

    def test_heap_alloc_is_the_librarys_count(self):
        stats = self.server.get("/api/v1/memory/stats")
        self.assertGreater(stats["heap_objects"], 100)
        self.assertGreater(stats["heap_alloc"], 0)


if __name__ == "__main__":
    backend.main()
