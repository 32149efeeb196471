"""The AI service against fake providers: what it asks, what it makes of trouble, and its end.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import json
import os
import tempfile
import time

import backend
from fake_provider import MODELS, PATHS, FakeProvider

API = "/api/v1"
# Retries that do not make tests wait; no check of health by itself.
QUICK = ("ai.retry_delay=1ms", "ai.retry_delay_max=5ms", "ai.health_interval=1h")
KEY = "secret-key-12345"


def start(*settings, **changes):
    return backend.Backend(*QUICK, *settings, no_proxy="*", **changes)


def chat(server, text="hello", **more):
    """Returns (status, body)."""
    return server.ask("POST", f"{API}/ai/chat",
                      {"messages": [{"role": "user", "content": text}], **more})[:2]


def script(folder, *rules):
    """A script for the offline provider. Returns its setting."""
    path = os.path.join(folder, "script.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(rules, file)
    return f"ai.script={path}"


def circuit(server, name):
    return server.get(f"{API}/ai/statistics")["providers"][name]


class Offline(backend.TestCase):
    def test_answers_without_any_configuration_and_always_the_same(self):
        with backend.Backend() as server:
            first = chat(server)
            self.assertEqual(first[0], 200)
            self.assertIn("hello", first[1]["message"]["content"])
            self.assertEqual(first[1]["data"]["response"], first[1]["message"]["content"])
            self.assertEqual(first[1]["provider"], "scripted")
            self.assertEqual(chat(server)[1]["message"]["content"],
                             first[1]["message"]["content"])
            names = [p["name"] for p in server.get(f"{API}/ai/providers")["providers"]]
            self.assertEqual(names, ["scripted"])

    def test_a_plain_message_and_the_old_path_are_accepted(self):
        with backend.Backend() as server:
            for path in ("/api/ai/chat", f"{API}/ai/chat"):
                status, body, _ = server.ask("POST", path, {"message": "hi", "context": {"a": 1}})
                self.assertEqual((status, body["data"]["response"]), (200, body["response"]))
                self.assertIn("hi", body["response"])
            status, body, _ = server.ask("POST", f"{API}/ai/complete", {"prompt": "once upon"})
            self.assertEqual(status, 200)
            self.assertIn("once upon", body["text"])

    def test_wrong_requests_are_refused_with_the_reason(self):
        with backend.Backend() as server:
            for wrong in ({}, {"messages": []}, {"messages": "x"}, {"messages": [7]},
                          {"messages": [{"role": "king", "content": "x"}]}, {"message": ""},
                          {"messages": [{"role": "user"}]}, {"message": "x", "temperature": 9},
                          {"message": "x", "max_tokens": 0}, {"message": "x", "stop": "x"},
                          {"message": "x", "stream": True}, {"message": "x", "model": 1}, b"{"):
                status, body, _ = server.ask("POST", f"{API}/ai/chat", wrong)
                self.assertEqual(status, 400, wrong)
                self.assertIs(body["success"], False)
            self.assertEqual(chat(server, provider="nobody")[0], 404)
            self.assertEqual(server.ask("POST", f"{API}/ai/test/nobody", {})[0], 404)

    def test_a_script_answers_by_its_rules(self):
        with tempfile.TemporaryDirectory() as folder:
            rules = ({"when": "weather", "say": "Rain."}, {"when": "TROUBLE", "fail": "auth"},
                     {"say": "<{message}>"})
            with start(script(folder, *rules)) as server:
                self.assertEqual(chat(server, "The Weather?")[1]["response"], "Rain.")
                self.assertEqual(chat(server, "x")[1]["response"], "<x>")
                status, body = chat(server, "trouble")
                self.assertEqual((status, body["details"]["type"]), (502, "auth"))

    def test_a_script_that_is_none_stops_the_start(self):
        with tempfile.TemporaryDirectory() as folder:
            done = backend.run_once("--set", script(folder, {"fail": "nonsense"}), "--set",
                                    "server.port=0")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("rule 1", done.stderr + done.stdout)

    def test_switched_off_it_says_so(self):
        with backend.Backend("ai.enabled=false") as server:
            for method, path in (("POST", "/ai/chat"), ("GET", "/ai/providers"),
                                 ("GET", "/conversations"), ("POST", "/conversations/x/messages")):
                status, body, _ = server.ask(method, API + path, {"message": "x", "content": "x"})
                self.assertEqual(status, 503, path)
                self.assertIn("ai.enabled", body["error"])


class Providers(backend.TestCase):
    def test_each_dialect_is_spoken_with_its_key_where_it_belongs(self):
        key_header = {"openai": ("Authorization", f"Bearer {KEY}"), "claude": ("x-api-key", KEY),
                      "gemini": ("x-goog-api-key", KEY)}
        for dialect in PATHS:
            with self.subTest(dialect), FakeProvider(dialect) as fake, \
                    start(*fake.settings()) as server:
                status, body = chat(server, "who are you", system_prompt="be", max_tokens=9)
                self.assertEqual((status, body["response"]), (200, f"{dialect} says so"))
                self.assertEqual(body["tokens_used"], {"prompt_tokens": 3, "completion_tokens": 4,
                                                       "total_tokens": 7})
                path, headers, sent = fake.requests[0]
                self.assertTrue(path.startswith(PATHS[dialect]), path)
                self.assertNotIn(KEY, path)
                self.assertIn("who are you", json.dumps(sent))
                name, value = key_header.get(dialect, ("Accept", "application/json"))
                self.assertEqual(headers[name], value)
                # While the first check of its own is on its way, the answer is to ask again.
                backend.eventually(lambda: server.ask("POST", f"{API}/ai/test/{dialect}",
                                                      {})[1]["available"], "it is there")
                self.assertTrue(MODELS[dialect])
                models = [m["id"] for m in server.get(f"{API}/ai/models")["data"]
                          if m["provider"] == dialect]
                self.assertEqual(models, ["fake"])

    def test_the_base_of_a_url_may_be_given_in_any_of_its_forms(self):
        for end in ("/", "/v1", "/v1/"):
            with self.subTest(end), FakeProvider("openai") as fake:
                fake.url += end
                with start(*fake.settings()) as server:
                    self.assertEqual(chat(server)[0], 200)
                    self.assertEqual(fake.requests[0][0], "/v1/chat/completions")

    def test_keys_come_from_the_environment_and_are_never_shown(self):
        with FakeProvider("openai", mode="status", status=401,
                          error={"error": {"message": "bad key ***98765"}}) as fake, \
                start("ai.providers.openai.enabled=true", f"ai.providers.openai.url={fake.url}",
                      "logging.level=debug", "ai.fallback_enabled=false",
                      "ai.default_provider=openai", OPENAI_API_KEY="env-key-98765") as server:
            status, body = chat(server)
            self.assertEqual((status, body["details"]["type"]), (502, "auth"))
            self.assertEqual(fake.requests[0][1]["Authorization"], "Bearer env-key-98765")
            fake.status, fake.error = 400, {"error": {"message": "not with env-key-98765"}}
            seen = json.dumps(body) + json.dumps(chat(server))
            for path in ("/ai/providers", "/ai/settings", "/ai/statistics"):
                seen += json.dumps(server.get(API + path))
            with open(server.log_path, encoding="utf-8") as log:
                seen += log.read()
            self.assertNotIn("env-key", seen)
            self.assertNotIn("98765", seen)
            self.assertIn('"api_key_set": true', seen)

    def test_a_missing_key_is_said_and_nothing_is_sent(self):
        with FakeProvider("openai") as fake, \
                start(*fake.settings(api_key="")) as server:
            status, body = chat(server)
            self.assertEqual((status, body["provider"]), (200, "scripted"))
            self.assertEqual(fake.requests, [])
            self.assertEqual(server.ask("POST", f"{API}/ai/test/openai", {})[1]["available"], False)


class Trouble(backend.TestCase):
    # What it does, and what that is called.
    MODES = (({"mode": "status"}, "unavailable"), ({"mode": "status", "status": 429}, "rate_limit"),
             ({"mode": "status", "status": 401}, "auth"),
             ({"mode": "status", "status": 400}, "model_error"),
             ({"mode": "status", "status": 404}, "not_found"), ({"mode": "drop"}, "network"),
             ({"mode": "garbage"}, "parse_error"),
             ({"mode": "garbage", "garbage": b"{\"choices\": []}"}, "parse_error"),
             ({"mode": "garbage", "garbage": b"[" * 2000 + b"]" * 2000}, "parse_error"),
             ({"mode": "garbage", "garbage": b""}, "parse_error"), ({"mode": "huge"}, "too_large"),
             ({"mode": "hang"}, "network"), ({"mode": "endless"}, "network"))

    def test_whatever_the_first_one_does_the_second_one_answers(self):
        for how, called in self.MODES:
            with self.subTest(**how), FakeProvider("openai", **how) as bad, \
                    FakeProvider("ollama") as good, \
                    start(*bad.settings(1), *good.settings(2), "ai.timeout=700ms",
                          "ai.max_response_bytes=100KiB") as server:
                status, body = chat(server)
                self.assertEqual((status, body["provider"]), (200, "ollama"))
                figures = server.get(f"{API}/ai/statistics")["providers"]
                self.assertEqual(figures["openai"]["error_count"], 1)
                self.assertEqual(figures["ollama"]["error_count"], 0)
                first = server.get(f"{API}/ai/providers")["providers"][0]
                self.assertEqual(first["metadata"]["last_error"]["type"], called)
                self.assertEqual(len(server.logged("Provider failed")), 1)

    def test_a_named_provider_is_asked_first_and_the_others_stand_in(self):
        with FakeProvider("openai") as first, FakeProvider("claude") as named, \
                start(*first.settings(1), *named.settings(50)) as server:
            self.assertEqual(chat(server)[1]["provider"], "openai")
            self.assertEqual(chat(server, provider="claude")[1]["provider"], "claude")
            named.mode = "status"
            self.assertEqual(chat(server, provider="claude")[1]["provider"], "openai")
            server.ask("PUT", f"{API}/ai/settings", {"fallback_enabled": False, "max_retries": 0})
            status, body = chat(server, provider="claude")
            self.assertEqual((status, body["details"]["provider"]), (503, "claude"))

    def test_it_is_tried_again_until_it_works_and_no_oftener_than_allowed(self):
        with FakeProvider("openai", mode="status") as fake, \
                start(*fake.settings(), "ai.fallback_enabled=false", "ai.max_retries=3",
                      "ai.default_provider=openai", "ai.breaker_threshold=100") as server:
            status, body = chat(server)
            self.assertEqual((status, body["details"]["retryable"]), (503, True))
            self.assertEqual(len(fake.requests), 4)
            fake.status = 400  # our fault: the same again would not help
            self.assertEqual(chat(server)[0], 502)
            self.assertEqual(len(fake.requests), 5)

    def test_a_pause_that_the_provider_asks_for_is_kept(self):
        with FakeProvider("openai", mode="status", status=429,
                          headers=(("Retry-After", "30"),)) as fake, \
                start(*fake.settings(), "ai.fallback_enabled=false",
                      "ai.default_provider=openai") as server:
            begin = time.monotonic()
            status, body = chat(server)
            self.assertEqual((status, body["details"]["type"]), (429, "rate_limit"))
            self.assertEqual(body["details"]["retry_after_s"], 30)
            fake.mode = "ok"
            self.assertEqual(chat(server)[0], 429)
            self.assertEqual(len(fake.requests), 1)
            self.assertLess(time.monotonic() - begin, 5)

    def test_our_own_limit_refuses_before_anything_is_sent(self):
        with FakeProvider("openai") as fake, \
                start(*fake.settings(requests_per_minute=3), "ai.fallback_enabled=false",
                      "ai.default_provider=openai") as server:
            self.assertEqual([chat(server)[0] for _ in range(5)], [200, 200, 200, 429, 429])
            self.assertEqual(len(fake.requests), 3)

    def test_the_breaker_opens_lets_one_probe_through_and_closes(self):
        with FakeProvider("openai", mode="status") as fake, \
                start(*fake.settings(), "ai.fallback_enabled=false", "ai.max_retries=0",
                      "ai.default_provider=openai", "ai.breaker_threshold=3",
                      "ai.breaker_open=1s") as server:
            for _ in range(6):
                self.assertEqual(chat(server)[0], 503)
            self.assertEqual(len(fake.requests), 3)
            self.assertEqual(circuit(server, "openai")["circuit_state"], 1)
            backend.eventually(lambda: circuit(server, "openai")["circuit_state"] == 2, "half-open")
            fake.mode, fake.delay_s = "slow", 0.4
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                statuses = list(pool.map(lambda _: chat(server)[0], range(4)))
            self.assertEqual(sorted(statuses), [200, 503, 503, 503])
            self.assertEqual(len(fake.requests), 4)
            self.assertEqual(circuit(server, "openai")["circuit_state"], 0)
            fake.mode = "ok"
            self.assertEqual(chat(server)[0], 200)

    def test_a_failed_probe_opens_the_breaker_again(self):
        with FakeProvider("openai", mode="status") as fake, \
                start(*fake.settings(), "ai.fallback_enabled=false", "ai.max_retries=0",
                      "ai.default_provider=openai", "ai.breaker_threshold=1",
                      "ai.breaker_open=100ms") as server:
            chat(server)
            backend.eventually(lambda: circuit(server, "openai")["circuit_state"] == 2, "half-open")
            chat(server)
            self.assertEqual(circuit(server, "openai")["circuit_openings"], 2)
            self.assertEqual(len(fake.requests), 2)

    def test_waiting_chats_do_not_hold_up_other_requests(self):
        with FakeProvider("openai", mode="hang") as fake, \
                start(*fake.settings(), "http.threads=2", "http.later_threads=4",
                      "http.later_queue=1") as server, \
                concurrent.futures.ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(chat, server) for _ in range(5)]
            backend.eventually(lambda: fake.waiting == 4, "four transfers")
            backend.eventually(
                lambda: server.get(f"{API}/debug/resources")["data"]["queue_items"] >= 1, "a fifth")
            begin = time.monotonic()
            for _ in range(10):
                server.get("/health")
            self.assertLess(time.monotonic() - begin, 5)
            self.assertEqual(chat(server)[0], 503)  # neither a worker nor a place is free
            fake.mode = "ok"
            fake.released.set()
            self.assertEqual([future.result()[0] for future in waiting], [200] * 5)

    def test_more_transfers_than_allowed_are_refused_and_no_fault_of_the_provider(self):
        with FakeProvider("openai", mode="hang") as fake, \
                start(*fake.settings(), "ai.max_transfers=1") as server, \
                concurrent.futures.ThreadPoolExecutor(1) as pool:
            backend.eventually(lambda: server.get(f"{API}/ai/statistics")["transfers"]
                               ["succeeded"] == 1, "the check of the start is over")
            waiting = pool.submit(chat, server)
            backend.eventually(lambda: fake.waiting == 1, "one transfer")
            self.assertEqual(chat(server)[1]["provider"], "scripted")
            self.assertEqual(circuit(server, "openai")["circuit_failures"], 0)
            self.assertEqual(server.get(f"{API}/ai/statistics")["transfers"]["refused"], 1)
            fake.released.set()
            self.assertEqual(waiting.result()[1]["provider"], "openai")

    def test_a_client_that_leaves_ends_its_transfer(self):
        with FakeProvider("openai", mode="hang") as fake, start(*fake.settings()) as server:
            connection = server.connect()
            body = json.dumps({"message": "x"}).encode()
            connection.sendall(b"POST /api/v1/ai/chat HTTP/1.1\r\nHost: x\r\nContent-Length: "
                               + str(len(body)).encode() + b"\r\n\r\n" + body)
            backend.eventually(lambda: fake.waiting == 1, "the transfer runs")
            connection.close()
            backend.eventually(
                lambda: server.get(f"{API}/ai/statistics")["transfers"]["cancelled"] == 1,
                "it is cancelled")
            self.assertEqual(server.get(f"{API}/ai/statistics")["transfers"]["running"], 0)
            self.assertEqual(circuit(server, "openai")["circuit_failures"], 0)

    def test_a_name_that_does_not_resolve_is_an_error_like_any_other(self):
        with start("ai.providers.ollama.enabled=true",
                   "ai.providers.ollama.url=http://no-such-host.invalid:1") as server:
            self.assertEqual(chat(server)[1]["provider"], "scripted")


class End(backend.TestCase):
    def stop_with_chats(self, mode):
        with FakeProvider("openai", mode=mode) as fake, \
                start(*fake.settings(), "server.shutdown_timeout=8s",
                      "ai.providers.scripted.enabled=false") as server, \
                concurrent.futures.ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(self.try_chat, server) for _ in range(8)]
            backend.eventually(lambda: len(fake.requests) == 4, "four transfers")
            backend.eventually(lambda: server.get(f"{API}/debug/resources")["data"]["counters"]
                               ["http.later_queued"] == 4, "four wait")
            # 0: all ended within the time of the shutdown, and nobody else would have ended them.
            self.assertEqual(server.stop()[0], 0)
            self.assertEqual({future.result() for future in waiting}, {503})
            line = server.logged("Server stopped")[0]
            self.assertEqual((line["threads_left"], line["fds_left"]),
                             (backend.sanitizer_threads(), 0))

    @staticmethod
    def try_chat(server):
        return chat(server)[0]

    def test_sigterm_ends_transfers_that_hang(self):
        self.stop_with_chats("hang")

    def test_sigterm_ends_answers_without_an_end(self):
        # With time for the drain: it is the AI that ends them, not the last resort of HTTP.
        self.stop_with_chats("endless")

    def test_sigterm_ends_the_wait_for_another_try(self):
        with FakeProvider("openai", mode="status") as fake, \
                backend.Backend(*fake.settings(), "ai.retry_delay=20s", "ai.retry_delay_max=20s",
                                "server.shutdown_timeout=8s",
                                "ai.providers.scripted.enabled=false", no_proxy="*") as server, \
                concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.try_chat, server)
            backend.eventually(lambda: len(fake.requests) == 1, "the first try")
            # 0: all ended within the time of the shutdown, and nobody else would have ended them.
            self.assertEqual(server.stop()[0], 0)
            self.assertEqual(waiting.result(), 503)


    def test_sigterm_ends_a_script_that_takes_its_time(self):
        with tempfile.TemporaryDirectory() as folder, \
                start(script(folder, {"delay_ms": 60000, "say": "x"}),
                      "server.shutdown_timeout=8s") as server, \
                concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.try_chat, server)
            backend.eventually(lambda: server.get(f"{API}/ai/statistics")["chats"] == 1, "it runs")
            # 0: all ended within the time of the shutdown, and nobody else would have ended them.
            self.assertEqual(server.stop()[0], 0)
            self.assertEqual(waiting.result(), 503)


class Health(backend.TestCase):
    def test_availability_is_known_without_anybody_waiting_for_it(self):
        with FakeProvider("ollama") as fake, \
                start(*fake.settings(), "ai.health_interval=50ms") as server:
            def available():
                return next(p["available"] for p in server.get(f"{API}/ai/providers")["providers"]
                            if p["name"] == "ollama")
            backend.eventually(available, "available")
            fake.mode = "status"
            backend.eventually(lambda: not available(), "away")
            fake.mode = "ok"
            backend.eventually(available, "back")

    def test_a_check_that_was_given_up_says_nothing_about_the_provider(self):
        with FakeProvider("ollama") as fake, start(*fake.settings()) as server:
            def known():
                return server.get(f"{API}/ai/providers")["providers"][0]
            backend.eventually(lambda: known()["available"], "available")
            fake.mode, fake.delay_s = "slow_list", 60
            with server.connect() as connection:
                connection.sendall(b"POST /api/v1/ai/test/ollama HTTP/1.1\r\nHost: x\r\n"
                                   b"Content-Length: 2\r\n\r\n{}")
                backend.eventually(lambda: fake.checks == 2, "it is being checked")
            backend.eventually(lambda: known()["metadata"]["health_checks"] == 2, "given up")
            self.assertIs(known()["available"], True)

    def test_a_circuit_that_is_open_fills_no_log(self):
        with FakeProvider("openai", mode="status") as fake, \
                start(*fake.settings(), "ai.breaker_threshold=1", "ai.breaker_open=1h") as server:
            for _ in range(20):
                self.assertEqual(chat(server)[1]["provider"], "scripted")
            self.assertEqual(len(server.logged("Provider failed")), 1)

    def test_however_many_ask_one_check_is_made(self):
        with FakeProvider("ollama", mode="slow_list", delay_s=60) as fake, \
                start(*fake.settings(), "ai.health_interval=1h") as server:
            for _ in range(20):
                server.get(f"{API}/ai/providers")
                server.get(f"{API}/ai/settings")
            status, body, _ = server.ask("POST", f"{API}/ai/test/ollama", {})
            self.assertEqual((status, body["available"]), (200, False))
            self.assertIn("on its way", body["message"])
            fake.released.set()
            backend.eventually(lambda: server.get(f"{API}/ai/providers")["providers"][0]["checked"],
                               "checked")
            self.assertEqual(fake.checks, 1)


class Settings(backend.TestCase):
    def test_they_change_are_checked_and_survive_a_restart(self):
        with tempfile.TemporaryDirectory() as folder:
            database = f"database.path={folder}/pma.db"
            with start(database) as server:
                for wrong in ({"default_provider": "nobody"}, {"max_retries": -1},
                              {"fallback_enabled": "yes"}, {"fallback_delay": "soon"}):
                    self.assertEqual(server.ask("PUT", f"{API}/ai/settings", wrong)[0], 400, wrong)
                status, body, _ = server.ask("PUT", f"{API}/ai/settings", {
                    "default_provider": "scripted", "fallback_enabled": False, "max_retries": 1,
                    "fallback_delay": "20ms"})
                self.assertEqual((status, body["fallback_delay"]), (200, "20ms"))
                server.stop()
            with start(database) as server:
                body = server.get(f"{API}/ai/settings")
                self.assertEqual((body["default_provider"], body["fallback_enabled"],
                                  body["max_retries"], body["fallback_delay"]),
                                 ("scripted", False, 1, "20ms"))


class Installs(backend.TestCase):
    def test_a_model_is_installed_and_a_failure_is_told(self):
        with FakeProvider("ollama") as fake, start(*fake.settings()) as server:
            def state():
                return server.get(f"{API}/ai/models/downloads")["downloads"][-1]
            status, body, _ = server.ask("POST", f"{API}/ai/models/install",
                                         {"model_name": "tiny"})
            self.assertEqual((status, body["install_status"]), (202, "queued"))
            backend.eventually(lambda: state()["status"] == "completed", "installed")
            self.assertEqual(fake.requests[0][0], "/api/pull")
            self.assertEqual(fake.requests[0][2]["model"], "tiny")
            fake.mode = "status"
            server.ask("POST", f"{API}/ai/models/install", {"model_name": "tiny"})
            backend.eventually(lambda: state()["status"] == "failed", "failed")
            self.assertIn("trouble", state()["error"])

    def test_records_are_bounded_and_go_with_time(self):
        with start("ai.max_downloads=5", "ai.stale_after=200ms",
                   "ai.cleanup_interval=50ms") as server:
            def downloads():
                return server.get(f"{API}/ai/models/downloads")["downloads"]
            for at in range(12):
                status, body, _ = server.ask("POST", f"{API}/ai/models/install",
                                             {"model_name": f"m{at}", "provider": "openai"})
                self.assertEqual((status, body["install_status"]), (200, "failed"))
            self.assertLessEqual(len(downloads()), 5)
            backend.eventually(lambda: not downloads(), "all forgotten")
            self.assertEqual(server.ask("POST", f"{API}/ai/models/install", {})[0], 400)


class Faults(backend.TestCase):
    """What the rows of the fault matrix do not show: driven by themselves, and their end."""

    @staticmethod
    def counter(server, name):
        data = server.get(f"{API}/debug/resources")["data"]
        return {**data["counters"], **data["totals"]}.get(name, data["leaked"].get(name))

    def test_f19_by_itself_piles_up_threads_that_sigterm_still_ends(self):
        with FakeProvider("ollama", mode="hang_all") as fake, \
                start(*fake.settings(500), "ai.health_timeout=60s", "server.shutdown_timeout=8s",
                      PMA_FAULTS="F19@200/9") as server:
            backend.eventually(lambda: self.counter(server, "ai.health_checks") == 9, "nine threads")
            self.assertEqual(server.threads().count("ai-health"), 9)
            # One of them is at the provider (and the one check of the start), the others wait.
            backend.eventually(lambda: fake.waiting >= 1, "one check")
            self.assertLessEqual(fake.waiting, 2)
            # 0: all ended within the time of the shutdown, and nobody else would have ended them.
            self.assertEqual(server.stop()[0], 0)
            self.assertEqual(server.logged("Server stopped")[0]["threads_left"],
                             backend.sanitizer_threads())

    def test_f19_switched_off_lets_its_threads_go(self):
        with FakeProvider("ollama", mode="hang_all") as fake, \
                start(*fake.settings(500), "ai.health_timeout=60s") as server:
            server.ask("PUT", f"{API}/debug/faults/F19", {"enabled": True})
            for _ in range(5):
                server.get(f"{API}/ai/settings")
            self.assertEqual(self.counter(server, "ai.health_checks"), 5)
            server.ask("PUT", f"{API}/debug/faults/F19", {"enabled": False})
            server.get(f"{API}/ai/settings")
            self.assertEqual(self.counter(server, "F19"), 5)
            fake.mode = "ok"
            fake.released.set()
            backend.eventually(lambda: self.counter(server, "ai.health_checks") == 0, "they end")
            backend.eventually(lambda: server.threads().count("ai-health") == 0, "and are joined")

    def test_f20_makes_everybody_wait_for_the_slowest_provider(self):
        with FakeProvider("ollama", mode="slow_list", delay_s=60) as fake, \
                start(*fake.settings(500), "ai.health_timeout=30s", "http.threads=8") as server, \
                concurrent.futures.ThreadPoolExecutor(2) as pool:
            server.get(f"{API}/ai/providers")
            self.assertEqual(chat(server)[0], 200)
            server.ask("PUT", f"{API}/debug/faults/F20", {"enabled": True})
            checks = fake.checks
            listing = pool.submit(server.get, f"{API}/ai/providers")
            backend.eventually(lambda: fake.checks > checks, "the list asks the provider")
            waiting = pool.submit(chat, server)
            backend.eventually(lambda: self.counter(server, "http.later_running") == 2, "both wait")
            self.assertFalse(waiting.done())
            fake.released.set()
            self.assertEqual(waiting.result()[0], 200)
            self.assertEqual(listing.result()["count"], 2)
            self.assertEqual(self.counter(server, "F20"), 1)

    def test_f21_and_f22_by_themselves_grow_by_what_they_say(self):
        with start("ai.max_messages=2", "ai.stale_after=1ms", "ai.cleanup_interval=20ms",
                   PMA_FAULTS="F21@500/40,F22@500/30") as server:
            backend.eventually(lambda: self.counter(server, "F21") == 40, "forty")
            backend.eventually(lambda: self.counter(server, "F22") == 30, "thirty")
            server.ask("POST", f"{API}/memory/gc", {})
            self.assertEqual(self.counter(server, "ai.installs_retained"), 40)
            self.assertEqual(server.get(f"{API}/conversations/fault-f22")["conversation"]
                             ["message_count"], 60)
            self.assertEqual(self.counter(server, "ai.messages_over_limit"), 58)


if __name__ == "__main__":
    backend.main()
