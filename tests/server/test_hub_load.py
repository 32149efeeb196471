"""pma-load: a good run, the same sequence twice, and each way to end.

SPDX-License-Identifier: MIT
"""
import json
import os
import signal
import subprocess

import backend

LOAD = os.environ.get("PMA_LOAD", os.path.join(os.path.dirname(backend.BINARY), "pma-load"))


def load(*arguments):
    """Runs pma-load to its end."""
    return subprocess.run([LOAD, *arguments], text=True, capture_output=True, timeout=60)


def wrong(told):
    """How many errors are not this machine's own: steps left out because it was too busy."""
    return sum(count for kind, count in told["errors"].items() if kind not in ("total", "late"))


class Load(backend.TestCase):
    def test_a_run_does_everything_without_an_error(self):
        with backend.Backend() as server:
            done = load("--port", str(server.port), "--duration", "4", "--rate", "100",
                        "--churn", "10", "--rest", "40", "--clients", "20", "--json")
            told = json.loads(done.stdout)
            self.assertEqual(wrong(told), 0, (done.stderr, told))
            self.assertEqual((done.returncode, told["ok"]),
                             (0, True) if told["errors"]["late"] == 0 else (1, False))
            self.assertGreater(told["bad_disconnects"], 10)
            self.assertGreater(told["connections"], 20)
            for kind in ("pongs", "confirmations", "refusals", "broadcasts"):
                self.assertGreater(told["messages"][kind], 0, kind)
            for call in ("health", "memory/stats", "pin-status", "broadcast"):
                self.assertGreater(told["rest"][call], 0, call)
            self.assertGreater(told["latency_ms"]["pong_p50"], 0)
            stats = server.get("/api/v1/websocket/stats")["data"]
            # Told are those that got their welcome; some may have been on their way at the end.
            self.assertGreaterEqual(stats["total_connections"], told["connections"])
            self.assertLessEqual(stats["total_connections"], told["connections"] + 20)

    def test_each_profile_ends_well_and_leaves_nothing_behind(self):
        profiles = {"idle": 50, "home": 20, "storm": 100, "chat": 5}
        with backend.Backend() as server:
            before = server.get("/api/v1/debug/resources")["data"]
            # At once: each seed has its own objects.
            running = {profile: subprocess.Popen(
                [LOAD, "--port", str(server.port), "--duration", "3", "--json", "--quiet",
                 "--seed", str(at), "--profile", profile], stdout=subprocess.PIPE, text=True)
                for at, profile in enumerate(profiles)}
            for profile, process in running.items():
                told = json.loads(process.communicate(timeout=60)[0])
                self.assertEqual((told["profile"], told["clients"]), (profile, profiles[profile]))
                self.assertEqual((wrong(told), told["rest"]["missing"]), (0, 0), told)
                if profile in ("home", "storm"):
                    self.assertGreater(told["deliveries"], 0, profile)
                    self.assertGreater(told["latency_ms"]["delivery_p99"], 0)
                    for operation in ("entity", "entity-action", "change", "make", "remove"):
                        self.assertGreater(told["rest"][operation], 0, (profile, operation))
            def clients():
                return server.get("/api/v1/websocket/stats")["data"]["connected_clients"]
            backend.eventually(lambda: clients() == 0, "all clients are gone")
            after = server.get("/api/v1/debug/resources")["data"]
            for kept in ("entities.registered", "ai.conversations"):
                self.assertEqual(after["kept"][kept]["value"], before["kept"][kept]["value"], kept)
            self.assertEqual(after["counters"]["entities.rooms"], before["counters"]["entities.rooms"])

    def test_with_a_pin_it_logs_in_and_out_and_leaves_no_session(self):
        with backend.Backend() as server:
            done = load("--port", str(server.port), "--profile", "home", "--duration", "3",
                        "--rest", "60", "--clients", "1", "--changes", "0", "--pin", "2468", "--json")
            told = json.loads(done.stdout)
            self.assertEqual(wrong(told), 0, (done.stderr, told))
            self.assertGreater(told["rest"]["login"], 0, told)
            kept = server.get("/api/v1/debug/resources")["data"]["kept"]
            self.assertEqual(kept["auth.sessions"]["value"], 0)

    def test_options_win_over_the_profile_wherever_they_stand(self):
        with backend.Backend() as server:
            done = load("--clients=3", "--port", str(server.port), "--profile=storm", "--slow",
                        "0", "--rest", "0", "--changes", "0", "--burst", "0",
                        "--duration", "0.5", "--json")
            told = json.loads(done.stdout)
            self.assertEqual((told["clients"], told["rest"]["calls"]), (3, 0))

    def test_a_client_that_never_reads_is_ended_and_is_no_error(self):
        with backend.Backend("websocket.send_queue_messages=2",
                             "websocket.ping_interval=100ms",
                             "websocket.pong_timeout=300ms") as server:
            done = load("--port", str(server.port), "--duration", "3", "--rate", "0", "--churn",
                        "0", "--rest", "0", "--clients", "3", "--slow", "2", "--json")
            told = json.loads(done.stdout)
            self.assertEqual(wrong(told), 0, (done.stderr, told))
            self.assertGreaterEqual(told["slow_ended"], 2)

    def test_a_client_that_is_ended_for_its_silence_is_no_error(self):
        with backend.Backend("websocket.client_timeout=300ms",
                             "websocket.cleanup_interval=50ms") as server:
            done = load("--port", str(server.port), "--duration", "3", "--rate", "5",
                        "--churn", "0", "--rest", "0", "--clients", "10", "--json")
            told = json.loads(done.stdout)
            self.assertEqual(wrong(told), 0, (done.stderr, told))
            self.assertGreater(told["timed_out"], 0)

    def test_progress_fits_beside_the_soaks_words_into_80_columns(self):
        terminal, end = os.openpty()
        with backend.Backend() as server:
            done = subprocess.run([LOAD, "--port", str(server.port), "--duration", "1.5",
                                   "--clients", "40"], stderr=end, stdout=subprocess.PIPE,
                                  text=True, timeout=30)
        os.close(end)
        progress = os.read(terminal, 4096).decode().strip().removeprefix("\x1b[K")
        os.close(terminal)
        self.assertRegex(progress, r"^1 s  \d+/40 clients  \d+ messages  \d+ REST  "
                                   r"0 errors  p99 \d+\.\d ms$")
        # Five minutes make the numbers six digits longer.
        self.assertLessEqual(len(progress) + 6, 80 - len("  load: "))
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)

    def test_the_number_of_subscriptions_is_constant(self):
        with backend.Backend() as server:
            running = subprocess.Popen([LOAD, "--port", str(server.port), "--duration", "20",
                                        "--rate", "200", "--churn", "0", "--quiet"],
                                       stdout=subprocess.PIPE, text=True)
            try:
                def stats():
                    return server.get("/api/v1/websocket/stats")["data"]
                backend.eventually(lambda: stats()["messages_received"] > 250, "it is under way")

                def is_constant():
                    figures = stats()
                    # One client at a time may be between two steps or saying good-bye; on a busy
                    # machine several may be, for a moment.
                    expected = 5 * figures["connected_clients"]
                    return abs(figures["subscription_count"] - expected) <= 5
                for _ in range(20):
                    backend.eventually(is_constant, "five subscriptions per client")
                running.send_signal(signal.SIGINT)
                self.assertEqual(running.wait(30), 0)
            finally:
                running.kill()
                running.communicate()

    def test_a_seed_is_a_sequence(self):
        def plan(seed):
            return load("--dry-run", "--duration", "20", "--seed", str(seed)).stdout
        self.assertEqual(plan(7), plan(7))
        self.assertNotEqual(plan(7), plan(8))
        self.assertEqual(len(plan(7).splitlines()), 20 * (20 + 2 + 5))

    def test_without_a_backend_it_says_so(self):
        with backend.Backend() as server:
            port = str(server.port)
        done = load("--port", port, "--quiet")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be reached: Connection refused", done.stderr)

    def test_a_backend_that_goes_away_ends_the_run(self):
        with backend.Backend() as server:
            running = subprocess.Popen([LOAD, "--port", str(server.port), "--clients", "5"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            backend.eventually(
                lambda: server.get("/api/v1/websocket/stats")["data"]["connected_clients"] == 5,
                "all are connected")
            server.stop(signal.SIGKILL)
            _, said = running.communicate(timeout=60)
            self.assertEqual(running.returncode, 1)
            self.assertIn("the backend went away", said)

    def test_wrong_usage_is_one_line_and_status_2(self):
        for arguments, piece in ((["--clients", "1001"], "--clients 1001: expected"),
                                 (["--clients", "-1"], "--clients -1: expected"),
                                 (["--port", "0"], "--port 0: expected"),
                                 (["--rate", "nan"], "--rate nan: expected"),
                                 (["--rate", "5x"], "--rate 5x: expected"),
                                 (["--seed", ""], "--seed : expected"),
                                 (["--host", "192.0.2.1"], "loopback"),
                                 (["--port"], "a value is missing"),
                                 (["--profile", "calm"], "--profile calm: expected"),
                                 (["--burst", "129"], "--burst 129: expected"),
                                 (["--slow", "60"], "--slow 60: more than --clients"),
                                 (["--pin", "12a4"], "--pin 12a4: expected 4 or 6 digits"),
                                 (["--no-such"], "no such option"),
                                 (["more"], "more: unexpected")):
            done = load(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(piece, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_help_and_version(self):
        self.assertIn("--churn", load("--help").stdout)
        self.assertRegex(load("--version").stdout, r"^pma-load \d+\.\d+\.\d+$")


if __name__ == "__main__":
    backend.main()
