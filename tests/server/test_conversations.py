"""Conversations: what is kept, what a model is shown of it, tools, retention, and the shapes that the
scripts of the first implementation read.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import json
import os
import re
import tempfile
import time

import backend
from fake_provider import FakeProvider

API = "/api/v1"


def create(server, **fields):
    status, body, _ = server.ask("POST", f"{API}/conversations", {"title": "T", **fields})
    if status != 201:
        raise AssertionError(f"{status} {body}")
    return body["conversation"]["id"]


def say(server, conversation, text, expected=200):
    status, body, _ = server.ask("POST", f"{API}/conversations/{conversation}/messages",
                                 {"content": text})
    if status != expected:
        raise AssertionError(f"{status} {body}")
    return body


def history(server, conversation, query=""):
    return [(m["role"], m["content"])
            for m in server.get(f"{API}/conversations/{conversation}/messages{query}")["data"]]


def script(folder, *rules):
    path = os.path.join(folder, "script.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(rules, file)
    return f"ai.script={path}"


ECHO = {"say": "<{message}>"}


class Shapes(backend.TestCase):
    def test_the_scripts_find_what_they_read(self):
        with backend.Backend() as server:
            with server.connect() as raw:
                body = b'{"title":"Script"}'
                raw.sendall(b"POST /api/v1/conversations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            b"Content-Length: %d\r\n\r\n" % len(body) + body)
                text = backend.read_reply(raw)
            found = re.search(r'"id":"([^"]*)"', text).group(1)
            status, body, _ = server.ask("GET", f"{API}/conversations/{found}")
            self.assertEqual((status, body["conversation"]["id"]), (200, found))
            body = say(server, found, "hello")
            self.assertIn("hello", body["message"]["content"])
            self.assertEqual(body["data"]["message"]["content"], body["message"]["content"])
            self.assertEqual(body["content"], body["message"]["content"])
            self.assertEqual(body["response"]["response"], body["content"])
            self.assertEqual(body["data"]["conversation_id"], found)
            self.assertIsInstance(body["data"]["response_time"], int)
            self.assertAlmostEqual(body["data"]["cost"], 0.0001 * body["data"]["tokens_used"])
            self.assertEqual([role for role, _ in history(server, found)], ["user", "assistant"])

    def test_a_conversation_has_its_fields_and_their_defaults(self):
        with backend.Backend() as server:
            status, body, _ = server.ask("POST", f"{API}/conversations", {
                "title": "Ünïcode", "system_prompt": "be", "metadata": {"a": [1]}})
            self.assertEqual((status, body["message"]), (201, "Conversation created"))
            made = body["conversation"]
            self.assertRegex(made["id"], r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]")
            self.assertEqual({k: made[k] for k in ("user_id", "title", "provider", "temperature",
                                                   "max_tokens", "message_count", "archived",
                                                   "metadata", "system_prompt")},
                             {"user_id": "1", "title": "Ünïcode", "provider": "auto",
                              "temperature": 0.7, "max_tokens": 2000, "message_count": 0,
                              "archived": False, "metadata": {"a": [1]}, "system_prompt": "be"})

    def test_wrong_requests_are_refused_and_change_nothing(self):
        with backend.Backend("ai.auto_create_conversation=false") as server:
            for wrong in ({}, {"title": ""}, {"title": 7}, {"title": "x", "temperature": "hot"},
                          {"title": "x", "max_tokens": 0}, {"title": "x", "metadata": []}, b"["):
                self.assertEqual(server.ask("POST", f"{API}/conversations", wrong)[0], 400, wrong)
            self.assertEqual(server.get(f"{API}/conversations")["count"], 0)
            made = create(server)
            self.assertEqual(server.ask("PUT", f"{API}/conversations/{made}",
                                        {"title": "new", "archived": 1})[0], 400)
            self.assertEqual(server.get(f"{API}/conversations/{made}")["conversation"]["title"], "T")
            self.assertEqual(server.ask("POST", f"{API}/conversations/{made}/messages", {})[0], 400)
            for query in ("?limit=x", "?offset=-1", "?order_by=secret"):
                self.assertEqual(server.ask("GET", f"{API}/conversations{query}")[0], 400, query)
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages"),
                                 ("POST", "/archive"), ("POST", "/generate-title")):
                self.assertEqual(server.ask(method, f"{API}/conversations/none{path}")[0], 404)
            say(server, "none", "x", 404)

    def test_an_unknown_conversation_is_made_by_its_first_message(self):
        with backend.Backend() as server:
            say(server, "my-own-id", "x")
            body = server.get(f"{API}/conversations/my-own-id")
            self.assertEqual(body["conversation"]["message_count"], 2)

    def test_it_is_listed_changed_archived_named_and_deleted(self):
        with backend.Backend() as server:
            first, second = create(server, title="Alpha"), create(server, title="Beta")

            def titles(query=""):
                return [c["title"] for c in server.get(f"{API}/conversations{query}")["conversations"]]
            self.assertEqual(titles("?order_by=title&order_dir=asc"), ["Alpha", "Beta"])
            self.assertEqual(titles("?order_by=title&order_dir=desc"), ["Beta", "Alpha"])
            self.assertEqual(titles("?search=ALP"), ["Alpha"])
            self.assertEqual(titles("?order_by=title&order_dir=asc&limit=1&offset=1"), ["Beta"])
            server.ask("POST", f"{API}/conversations/{first}/archive", {})
            self.assertEqual(titles("?archived=true"), ["Alpha"])
            self.assertEqual(titles("?archived=false"), ["Beta"])
            server.ask("POST", f"{API}/conversations/{first}/unarchive", {})
            self.assertEqual(titles("?archived=true"), [])
            server.ask("PUT", f"{API}/conversations/{first}", {"title": "Gamma", "provider": "auto"})
            self.assertEqual(titles("?search=gam"), ["Gamma"])
            text = "What about the lämp in the kitchen, the one that is över the table, I mean?"
            say(server, second, text)
            server.ask("POST", f"{API}/conversations/{second}/generate-title", {})
            title = server.get(f"{API}/conversations/{second}")["conversation"]["title"]
            self.assertTrue(text.startswith(title))
            self.assertGreater(len(title.encode()), 55)
            self.assertEqual(server.ask("DELETE", f"{API}/conversations/{second}")[0], 200)
            self.assertEqual(server.ask("GET", f"{API}/conversations/{second}/messages")[0], 404)
            self.assertEqual(server.get(f"{API}/conversations/statistics")["total_messages"], 0)


class History(backend.TestCase):
    def test_a_model_is_shown_the_newest_messages_in_order_and_the_new_one_once(self):
        with FakeProvider("openai", text="ok") as fake, \
                backend.Backend(*fake.settings(), "ai.history_limit=5", no_proxy="*") as server:
            made = create(server, system_prompt="SYS", model="m", max_tokens=7, temperature=0.5)
            for at in range(4):
                say(server, made, f"q{at}")
            sent = fake.requests[-1][2]
            self.assertEqual([(m["role"], m["content"]) for m in sent["messages"]],
                             [("system", "SYS"), ("user", "q1"), ("assistant", "ok"),
                              ("user", "q2"), ("assistant", "ok"), ("user", "q3")])
            self.assertEqual((sent["model"], sent["max_tokens"], sent["temperature"]), ("m", 7, 0.5))

    def test_pages_of_messages_count_from_the_newest(self):
        with tempfile.TemporaryDirectory() as folder, \
                backend.Backend(script(folder, ECHO)) as server:
            for at in range(3):
                say(server, "c", str(at))
            everything = [("user", "0"), ("assistant", "<0>"), ("user", "1"), ("assistant", "<1>"),
                          ("user", "2"), ("assistant", "<2>")]
            self.assertEqual(history(server, "c"), everything)
            self.assertEqual(history(server, "c", "?limit=2"), everything[-2:])
            self.assertEqual(history(server, "c", "?limit=2&offset=3"), everything[1:3])
            self.assertEqual(history(server, "c", "?limit=4&offset=4"), everything[:2])
            self.assertEqual(history(server, "c", "?offset=6"), [])

    def test_no_conversation_keeps_more_than_its_limit(self):
        with backend.Backend("ai.max_messages=6") as server:
            for at in range(10):
                say(server, "c", f"q{at}")
            kept = history(server, "c", "?limit=100")
            self.assertEqual([text for role, text in kept if role == "user"], ["q7", "q8", "q9"])
            self.assertEqual(server.get(f"{API}/conversations/c")["conversation"]["message_count"], 6)
            statistics = server.get(f"{API}/conversations/statistics")
            self.assertEqual((statistics["total_messages"], statistics["messages_added"],
                              statistics["messages_trimmed"], statistics["messages_over_limit"]),
                             (6, 20, 14, 0))

    def test_one_conversation_too_many_takes_the_place_of_the_oldest(self):
        with backend.Backend("ai.max_conversations=3") as server:
            made = [create(server, title=str(at)) for at in range(3)]
            say(server, made[0], "still in use")
            create(server, title="3")
            self.assertEqual(server.ask("GET", f"{API}/conversations/{made[1]}")[0], 404)
            self.assertEqual(server.ask("GET", f"{API}/conversations/{made[0]}")[0], 200)
            statistics = server.get(f"{API}/conversations/statistics")
            self.assertEqual((statistics["total_conversations"], statistics["evicted"]), (3, 1))
            self.assertEqual(len(server.logged("Conversation removed: there are as many as "
                                               "ai.max_conversations allows")), 1)

    def test_what_nobody_touches_is_removed_by_the_clean_up(self):
        with backend.Backend("ai.retention=800ms", "ai.cleanup_interval=20ms") as server:
            say(server, "old", "x")
            backend.eventually(
                lambda: server.get(f"{API}/conversations/statistics")["total_conversations"] == 0,
                "it is gone")
            statistics = server.get(f"{API}/conversations/statistics")
            self.assertEqual((statistics["expired"], statistics["total_messages"]), (1, 0))

    def test_a_collection_and_a_request_clean_up_as_well(self):
        with backend.Backend("ai.retention=1ms", "ai.cleanup_interval=1h") as server:
            say(server, "old", "x")
            time.sleep(0.002)  # until it is older than its time; nothing else is waited for
            server.ask("POST", f"{API}/memory/gc", {})
            self.assertEqual(server.get(f"{API}/conversations")["count"], 0)
            say(server, "new", "x")
            status, body, _ = server.ask("POST", f"{API}/conversations/cleanup?days=90", {})
            self.assertEqual((status, body["removed"]), (200, 0))
            self.assertEqual(server.ask("POST", f"{API}/conversations/cleanup?days=0", {})[0], 400)

    def test_it_survives_a_restart(self):
        with tempfile.TemporaryDirectory() as folder:
            database = f"database.path={folder}/pma.db"
            with backend.Backend(database) as server:
                made = create(server)
                say(server, made, "remember me")
                server.stop()
            with backend.Backend(database) as server:
                self.assertEqual(history(server, made)[0], ("user", "remember me"))
                statistics = server.get(f"{API}/conversations/statistics")
                self.assertEqual((statistics["total_conversations"], statistics["total_messages"]),
                                 (1, 2))

    def test_many_at_once_lose_nothing(self):
        with backend.Backend("http.later_queue=100") as server, \
                concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda at: say(server, f"c{at % 2}", f"q{at}"), range(40)))
            for conversation in ("c0", "c1"):
                texts = [text for role, text in history(server, conversation) if role == "user"]
                self.assertEqual(len(texts), 20)
                body = server.get(f"{API}/conversations/{conversation}")
                self.assertEqual(body["conversation"]["message_count"], 40)

    def test_an_answer_that_does_not_come_keeps_nothing(self):
        with FakeProvider("openai", mode="status") as fake, \
                backend.Backend(*fake.settings(), "ai.providers.scripted.enabled=false",
                                "ai.max_retries=0", no_proxy="*") as server:
            say(server, "c", "x", 503)
            self.assertEqual(history(server, "c"), [])

    def test_a_full_store_is_said_and_the_server_goes_on(self):
        with tempfile.TemporaryDirectory() as folder, \
                backend.Backend(f"database.path={folder}/pma.db", "database.max_bytes=128KiB",
                                "database.max_document_bytes=32KiB") as server:
            say(server, "c", "x" * 40_000, 413)
            statuses = set()
            for _ in range(12):
                statuses.add(server.ask("POST", f"{API}/conversations/c/messages",
                                        {"content": "y" * 9_000})[0])
            self.assertEqual(statuses, {200, 507})
            self.assertEqual(server.get("/health")["status"], "healthy")


class Tools(backend.TestCase):
    def test_each_dialects_tool_calls_reach_the_tools_and_their_results_the_model(self):
        for dialect in ("openai", "ollama", "claude", "gemini"):
            with self.subTest(dialect), FakeProvider(dialect, text="The lamp is on.", tools=[
                    ("get_entity_state", {"entity_id": "lamp"})]) as fake, \
                    backend.Backend(*fake.settings(), no_proxy="*") as server:
                server.ask("POST", f"{API}/entities", {"id": "lamp", "type": "light",
                                                       "friendly_name": "Lamp", "state": "on"})
                body = say(server, "c", "Is the lamp on?")
                self.assertEqual(body["message"]["content"], "The lamp is on.")
                [execution] = body["data"]["tool_executions"]
                self.assertEqual((execution["tool_name"], execution["success"]),
                                 ("get_entity_state", True))
                self.assertEqual(execution["parameters"], {"entity_id": "lamp"})
                self.assertEqual(len(fake.requests), 2)
                asked, told = (json.dumps(request[2]) for request in fake.requests)
                self.assertIn("get_entity_state", asked)
                self.assertNotIn("Lamp", asked)
                self.assertIn("Lamp", told)
                self.assertEqual(body["data"]["tokens_used"], 14)
                kept = server.get(f"{API}/conversations/c/messages")["data"]
                self.assertEqual([m["role"] for m in kept], ["user", "assistant"])
                self.assertEqual(len(kept[1]["tool_executions"]), 1)

    def test_a_model_that_calls_tools_for_ever_is_stopped_after_five_rounds(self):
        with tempfile.TemporaryDirectory() as folder:
            endless = {"tool": "get_system_status", "rounds": 1000, "say": "Enough: {result}"}
            with backend.Backend(script(folder, endless)) as server:
                body = say(server, "c", "go")
                self.assertEqual(len(body["data"]["tool_executions"]), 5)
                self.assertIn("Enough", body["content"])
                server.ask("POST", f"{API}/ai/chat", {"message": "go"})
                self.assertEqual(server.get(f"{API}/ai/statistics")["tool_rounds"], 10)

    def test_a_tool_that_fails_or_is_missing_is_told_to_the_model(self):
        with tempfile.TemporaryDirectory() as folder:
            rules = ({"when": "missing", "tool": "get_entity_state",
                      "arguments": {"entity_id": "nobody"}, "say": "{result}"}, ECHO)
            with backend.Backend(script(folder, *rules)) as server:
                body = say(server, "c", "missing")
                [execution] = body["data"]["tool_executions"]
                self.assertIs(execution["success"], False)
                self.assertIn("error", execution)
                self.assertIn("false", body["content"])
        with FakeProvider("openai", tools=[("no_such_tool", {})]) as fake, \
                backend.Backend(*fake.settings(), no_proxy="*") as server:
            body = say(server, "c", "x")
            self.assertEqual(body["content"], fake.text)
            self.assertIs(body["data"]["tool_executions"][0]["success"], False)

    def test_the_house_is_described_when_that_is_wanted(self):
        with FakeProvider("openai") as fake, \
                backend.Backend(*fake.settings(), no_proxy="*") as server:
            server.ask("POST", f"{API}/rooms", {"name": "Kitchen"})
            server.ask("POST", f"{API}/entities", {"id": "lamp", "type": "light",
                                                   "friendly_name": "Lamp", "state": "off"})
            status, _, _ = server.ask("POST", f"{API}/ai/chat/context", {"message": "hi"})
            self.assertEqual(status, 200)
            system = fake.requests[0][2]["messages"][0]
            self.assertEqual(system["role"], "system")
            for word in ("Kitchen", "lamp", "Lamp", "off"):
                self.assertIn(word, system["content"])


if __name__ == "__main__":
    backend.main()
