"""scripts/test-memory-leak.sh as a judge: its exit status, its reasons, its end by a signal.

The programs that it drives are stand-ins here, small scripts that behave or misbehave as each test
wants; the soak with the real ones is a matter of the script itself and takes its minute.

SPDX-License-Identifier: MIT
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "test-memory-leak.sh"

# `seep run` starts the program, hands a SIGTERM on and "records" how it ended; `seep report` prints what
# the test planted.
SEEP = r"""#!/usr/bin/python3
import json, os, signal, subprocess, sys
here = os.path.dirname(os.path.abspath(__file__))
words = sys.argv[1:]
if words[0] == "run":
    out = words[words.index("-o") + 1]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    program = subprocess.Popen(words[words.index("--") + 1:], preexec_fn=lambda:
                               signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM]))
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    status = program.wait()
    open(out, "w").write(str(status))
    sys.exit(status if status >= 0 else 128 - status)
status = int(open(words[1]).read())
report = json.load(open(here + "/report.json"))
report["program"] = {"ending": {"kind": "signalled" if status < 0 else "exited", "status": status,
                                "signal": -status if status < 0 else None}}
text = json.dumps(report) if "json" in words else "THE REPORT\n"
if "-o" in words:
    open(words[words.index("-o") + 1], "w").write(text)
else:
    print(text)
"""

# Serves health and figures; holds a mapping of a file named libseep.so, by which it is found.
BACKEND = r"""#!/usr/bin/python3
import http.server, json, mmap, os, re, signal, sys, threading
here = os.path.dirname(os.path.abspath(__file__))
library = open(here + "/libseep.so", "r+b")
mapping = mmap.mmap(library.fileno(), 0)
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
behaviour = open(here + "/behaviour").read()
if behaviour == "refuse":
    sys.exit("pma-backend: bad configuration")
calls = [0]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        calls[0] += 1
        if behaviour == "die" and calls[0] > 3:
            os.kill(os.getpid(), signal.SIGSEGV)
        filling = {"a.ring": {"value": min(90, 7 + calls[0]), "limit": 100},
                   "b.full": {"value": min(6, 1 + calls[0]), "limit": 6},
                   "c.steady": {"value": 5, "limit": 8}}
        body = json.dumps({"data": {"kept": filling}, "heap_alloc": 1048576 * (1 if calls[0] < 4 else 300), "goroutines": 1200,
                           "memory_usage_percent": 12.345}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
port = int(re.search(r"port: (\d+)", open(options["--config"]).read()).group(1))
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
with open(options["--port-file"], "w") as file:
    file.write("%d\n" % server.server_address[1])
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server.serve_forever()
"""

LOAD = r"""#!/bin/sh
echo "0 s: connecting"
echo "12 clients, 345 operations" >&2
grep -q load-dies "$(dirname "$0")/behaviour" && exit 1
exec sleep 600
"""

CLEAN = {"verdict": "clean", "findings": []}
LEAK = {"verdict": "leak", "findings": [
    {"verdict": "definite", "kind": "thread", "summary": "12 threads were never joined"}]}


class SoakTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.out = self.folder / "out"
        for name, text in (("seep", SEEP), ("pma-backend", BACKEND), ("pma-load", LOAD)):
            path = self.bin / name
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)
        (self.bin / "libseep.so").write_bytes(bytes(4096))
        self.behave("well")
        self.plant(CLEAN)

    def behave(self, how):
        (self.bin / "behaviour").write_text(how, encoding="utf-8")

    def plant(self, report):
        (self.bin / "report.json").write_text(json.dumps(report), encoding="utf-8")

    def start(self, *options, **how):
        command = ["bash", str(SCRIPT), "--binaries", str(self.folder), "--out", str(self.out),
                   "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   stdin=subprocess.DEVNULL, **how)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def finish(self, process, status):
        """Waits for the end; gives standard output and error. Nobody may be left running."""
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, status, out + err)
        left = subprocess.run(["pgrep", "-f", str(self.bin)], capture_output=True, text=True,
                              check=False).stdout
        self.assertEqual(left, "", "processes are left over")
        self.assertNotIn("did not end", out)
        return out, err

    def interrupted(self, *options, with_signal=signal.SIGINT):
        """A soak that is ended by a signal after its first check."""
        process = self.start("--duration", "600", *options)
        self.wait_line("memory: ")
        process.send_signal(with_signal)
        return process

    def wait_line(self, word):
        log = self.out / "soak.log"
        deadline = time.monotonic() + 20
        while not (log.exists() and word in log.read_text(encoding="utf-8")):
            self.assertLess(time.monotonic(), deadline, f"no line with {word!r}")
            time.sleep(0.05)

    def test_a_clean_soak_ends_with_0_and_a_line_of_figures_at_each_check(self):
        out, err = self.finish(self.start("--duration", "10", "--interval", "4"), 0)
        checks = [line for line in out.splitlines() if line.startswith("[")]
        self.assertEqual([line.split("/")[0] for line in checks], ["[0", "[4", "[8", "[10"], out)
        self.assertIn("memory: 1.0 MB  change: +0.0 MB  goroutines: 1200  usage: 12.35%", checks[0])
        self.assertIn("change: +299.0 MB", checks[-1])
        self.assertIn("WARNING: memory has grown by more than 100 MB", out)
        self.assertIn("WARNING: more than 1000 threads", out)
        self.assertIn("load: 12 clients", out)
        self.assertIn("THE REPORT", out)
        self.assertIn("no leak found", out)
        self.assertEqual(err, "")
        self.assertEqual(json.loads((self.out / "report.json").read_text(encoding="utf-8"))["verdict"],
                         "clean")
        self.assertEqual((self.out / "report.txt").read_text(encoding="utf-8"), "THE REPORT\n")

    def test_an_interrupt_ends_the_soak_with_a_report_and_the_verdict(self):
        self.plant(LEAK)
        out, err = self.finish(self.interrupted(), 1)
        self.assertIn("interrupted", out)
        self.assertIn("THE REPORT", out)
        self.assertIn("LEAK: 1 definite or probable, the worst: 12 threads were never joined", out)
        self.assertEqual(err, "")

    @staticmethod
    def press_ctrl_c(process):
        """As a person does: once more when nothing happens. bash leaves a SIGINT to the helper that it
        waits for, and when this one has just ended well, nobody has got it."""
        for _ in range(5):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                return process.communicate(timeout=12)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError("five Ctrl-C did not end it")

    def test_a_ctrl_c_at_any_moment_leaves_nobody_running(self):
        # As a terminal sends it: to the script and its helpers, here at moments of the start.
        for delay_s in (0, 0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.2, 0.3):
            shutil.rmtree(self.out, ignore_errors=True)
            process = self.start("--duration", "600", start_new_session=True)
            while not self.out.exists() and process.poll() is None:
                time.sleep(0.002)
            time.sleep(delay_s)
            out, err = self.press_ctrl_c(process)
            # Bash 5.2 runs the trap in a child that it has just made for a $( ), in the middle of reading that, and
            # says so; what the script itself does is not touched by it.
            err = "".join(line for line in err.splitlines(keepends=True) if "interrupt trap: line" not in line)
            left = subprocess.run(["pgrep", "-f", str(self.bin)], capture_output=True, text=True,
                                  check=False).stdout
            self.assertEqual(left, "", f"after {delay_s} s")
            if process.returncode == 0:
                self.assertIn("THE REPORT", out, f"after {delay_s} s")
            else:
                self.assertEqual((process.returncode, err.count("\n")), (2, 1), err)
                self.assertIn("interrupted before the soak began", err)

    def test_a_second_ctrl_c_does_not_spoil_the_report(self):
        process = self.start("--duration", "600", start_new_session=True)
        self.wait_line("memory: ")
        for _ in range(20):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.05)
        out, err = self.finish(process, 0)
        self.assertIn("THE REPORT", out)
        self.assertEqual(err, "")
        self.assertNotIn("WARNING: the program", out)

    def test_a_reader_that_goes_away_does_not_end_the_soak(self):
        process = self.start("--duration", "600", "--interval", "1")
        process.stdout.readline()
        process.stdout.close()
        self.wait_line("[2/600 s]")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 0)
        self.assertTrue((self.out / "report.json").exists())

    def test_a_terminate_ends_it_the_same_way(self):
        out, _ = self.finish(self.interrupted(with_signal=signal.SIGTERM), 0)
        self.assertIn("THE REPORT", out)

    def test_a_suspect_is_said_and_fails_nothing(self):
        self.plant({"verdict": "suspect", "findings": []})
        out, _ = self.finish(self.interrupted(), 0)
        self.assertIn("longer soak", out)

    def test_what_still_fills_by_design_is_said_beside_a_leak(self):
        self.plant(LEAK)
        out, _ = self.finish(self.start("--duration", "10", "--interval", "4"), 1)
        self.assertRegex(out, r"still filled; .*:\n  a\.ring \d+ -> \d+ of 100\nLEAK")

    def test_too_little_data_is_a_failure_of_the_soak(self):
        self.plant({"verdict": "inconclusive", "findings": []})
        _, err = self.finish(self.interrupted(), 2)
        self.assertIn("too short", err)

    def test_a_server_that_does_not_start_is_said_with_its_last_words(self):
        self.behave("refuse")
        _, err = self.finish(self.start(), 2)
        self.assertIn("pma-backend: bad configuration", err)

    def test_a_server_that_dies_is_a_failure_with_a_report(self):
        self.behave("die")
        out, err = self.finish(self.start("--duration", "60", "--interval", "1"), 2)
        self.assertIn("THE REPORT", out)
        self.assertIn("the server died before the end of the soak (signalled 11)", err)

    def test_a_load_that_dies_is_a_failure_with_its_last_words(self):
        self.behave("load-dies")
        _, err = self.finish(self.start("--duration", "60"), 2)
        self.assertIn("the load ended with status 1: 12 clients", err)

    def test_a_taken_port_is_a_failure_before_anything_starts(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            _, err = self.finish(self.start("--port", port), 2)
        self.assertIn(f"port {port} is taken", err)
        self.assertFalse((self.out / "program.seep").exists())

    def test_faults_and_the_port_go_into_the_configuration(self):
        self.finish(self.interrupted("--fault", "F01", "--fault", "F05"), 0)
        text = (self.out / "backend.yaml").read_text(encoding="utf-8")
        self.assertIn("  F01:\n    enabled: true\n  F05:\n    enabled: true\n", text)
        self.assertIn("port: 0\n", text)

    def test_any_program_may_take_the_place_of_the_backend(self):
        program = self.folder / "any program.py"
        program.write_text("import mmap, time\nfile = open(%r, 'r+b')\n"
                           "mapping = mmap.mmap(file.fileno(), 0)\ntime.sleep(600)\n"
                           % str(self.bin / "libseep.so"), encoding="utf-8")
        process = self.interrupted("--program", f"/usr/bin/python3 '{program}'")
        out, _ = self.finish(process, 0)
        self.assertRegex(out, r"\[0/600 s\] memory: \d+\.\d MB  change: \+0\.0 MB  threads: 1 ")

    def test_a_program_that_ends_by_itself_is_judged(self):
        program = f"""/usr/bin/python3 -c '
import mmap, time
file = open("{self.bin}/libseep.so", "r+b")
mapping = mmap.mmap(file.fileno(), 0)
time.sleep(2)'"""
        self.plant(LEAK)
        out, _ = self.finish(self.start("--duration", "60", "--program", program), 1)
        self.assertIn("the program has ended", out)


if __name__ == "__main__":
    os.environ.pop("SEEP_SOCKET", None)
    unittest.main()
