"""The original's memory scripts: their calls with their tools, and what they read from the answers.

The scripts are not ours to ship. What stands here are their commands (curl, jq, grep, kill, /proc), in
their order, with their arithmetic in bash, so that an answer that is no plain integer fails as there.

SPDX-License-Identifier: MIT
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import backend


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bash(script, **variables):
    """Runs commands. Returns their output; any failure is the test's."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], text=True,
                          capture_output=True, timeout=30, env={**os.environ, **variables})
    if done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}: {done.stderr}\n{done.stdout}")
    return done.stdout.strip()


@unittest.skipUnless(shutil.which("curl") and shutil.which("jq"), "curl and jq are needed")
class Scripts(backend.TestCase):
    def test_the_leak_test_reads_numbers_and_finds_no_growth(self):
        with backend.Backend() as server:
            output = bash("""
                check() {
                    stats=$(curl -s "$BASE/api/v1/memory/stats")
                    heap=$(echo "$stats" | jq -r '.heap_alloc // 0')
                    goroutines=$(echo "$stats" | jq -r '.goroutines // 0')
                    percent=$(echo "$stats" | jq -r '.memory_usage_percent // 0')
                    curl -s "$BASE/api/v1/system/status" > /dev/null
                    [[ $heap =~ ^[0-9]+$ && $heap -gt 0 ]] || { echo "heap_alloc: $heap"; exit 1; }
                    [[ $goroutines =~ ^[0-9]+$ ]] || { echo "goroutines: $goroutines"; exit 1; }
                    [[ $percent =~ ^[0-9]+(\\.[0-9]+)?$ ]] || { echo "percent: $percent"; exit 1; }
                    (( goroutines <= 1000 )) || echo "too many goroutines"
                }
                curl -s "$BASE/api/health" > /dev/null
                check; first=$heap
                for i in 1 2 3 4 5; do check; done
                difference=$(( (heap - first) / 1024 / 1024 ))
                if (( difference > 50 )); then echo "leak"
                elif (( difference > 20 )); then echo "possible leak"
                else echo "no significant leak"; fi
                """, BASE=server.url)
            self.assertEqual(output, "no significant leak")

    def test_the_leak_test_sees_the_heap_grow_with_a_fault(self):
        with backend.Backend("faults.F26.enabled=true", "faults.F26.rate=10000") as server:
            def grown(first):
                now = int(bash('curl -s "$BASE/api/v1/memory/stats" | jq -r .heap_alloc',
                               BASE=server.url))
                return first is None and now or now > first + 2**20
            first = grown(None)
            backend.eventually(lambda: grown(first), "a MiB more")

    def test_the_status_answers_at_once(self):
        with backend.Backend() as server:
            begin = time.monotonic()
            bash('for i in 1 2 3 4 5; do curl -s "$BASE/api/v1/system/status" > /dev/null; done',
                 BASE=server.url)
            self.assertLess(time.monotonic() - begin, 4.5)  # a second of sampling for each is 5

    def test_the_monitor_script_starts_measures_and_ends_the_server(self):
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            stub = os.path.join(folder, "go")
            with open(stub, "w", encoding="ascii") as file:
                file.write("#!/bin/bash\n"
                           "[[ $1 == run && $2 == ./cmd/server ]] || exit 9\n"
                           f"exec {os.path.abspath(backend.BINARY)} --set server.host=127.0.0.1 "
                           f"--set server.port=0 --set debug.port={port}\n")
            os.chmod(stub, 0o755)
            server = subprocess.Popen(["go", "run", "./cmd/server"], stdout=subprocess.DEVNULL,
                                      executable=stub)
            try:
                bash('for i in {1..100}; do curl -s "$BASE/debug/pprof/" > /dev/null && exit 0; '
                     'sleep 0.1; done; exit 1', BASE=f"http://localhost:{port}")
                total_kb = int(bash("""
                    kill -0 $SERVER
                    total=0
                    for pid in $SERVER $(pgrep -P $SERVER || true); do
                        kb=$(grep VmRSS /proc/$pid/status | awk '{print $2}')
                        total=$((total + kb))
                    done
                    echo $total
                    """, SERVER=str(server.pid)))
                self.assertTrue(1000 < total_kb < 1024 * 1024, total_kb)
                count = int(bash('curl -s "$BASE/debug/pprof/goroutine" | grep -c goroutine',
                                 BASE=f"http://localhost:{port}"))
                threads = len(os.listdir(f"/proc/{server.pid}/task"))
                self.assertAlmostEqual(count, threads + 1, delta=1)
                server.send_signal(signal.SIGTERM)
                # 0: within server.shutdown_timeout, which is less than the script's 2 s.
                self.assertEqual(server.wait(timeout=backend.DEADLINE_S), 0)
            finally:
                server.kill()
                server.wait()

    def test_the_debug_script_saves_profiles_and_reads_the_variables(self):
        with backend.Backend() as server, tempfile.TemporaryDirectory() as folder:
            output = bash("""
                cd "$FOLDER"
                curl -s "$BASE/debug/pprof/" > /dev/null
                curl -s "$BASE/debug/pprof/heap" -o heap.prof
                curl -s "$BASE/debug/pprof/goroutine" -o goroutine.prof
                curl -s "$BASE/debug/pprof/heap?debug=1" -o heap.txt
                curl -s "$BASE/debug/pprof/goroutine?debug=1" -o goroutine.txt
                curl -s "$BASE/debug/vars" -o vars.json
                jq -e '.memstats | type == "object"' vars.json > /dev/null
                alloc=$(jq -r '.memstats.Alloc' vars.json)
                [[ $alloc =~ ^[0-9]+$ ]]
                count=$(head -1 goroutine.txt | grep -o '[0-9]\\+')
                (( count > 100 )) && echo "warning: $count" || true
                for file in heap.prof goroutine.prof heap.txt goroutine.txt; do test -s $file; done
                echo "$alloc $count"
                """, BASE=server.url, FOLDER=folder)
            alloc, count = (int(number) for number in output.split(" "))
            self.assertGreater(alloc, 0)
            self.assertAlmostEqual(count, len(server.threads()), delta=1)

    def test_the_end_to_end_script_reads_the_status_at_the_top(self):
        with backend.Backend() as server:
            for path in ("/health", "/api/health", "/api/status", "/api/v1/status"):
                self.assertEqual(bash(f'curl -s "$BASE{path}" | jq -r .status', BASE=server.url),
                                 "healthy")

    def test_the_documents_own_commands_work(self):
        with backend.Backend() as server:
            bash("""
                curl -s "$BASE/api/v1/memory/stats" | jq -e '.heap_alloc > 0' > /dev/null
                curl -s -X POST "$BASE/api/v1/memory/gc" |
                    jq -e '.status == "success" and (.data.memory_freed | type == "number")' > /dev/null
                curl -s "$BASE/api/v1/memory/monitor" | jq -e '.data.monitoring_active' > /dev/null
                """, BASE=server.url)


if __name__ == "__main__":
    backend.main()
