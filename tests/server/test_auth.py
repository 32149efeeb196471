"""Authentication from end to end: shapes and statuses, tokens signed here, proxies, lock-outs,
browsers, limits, and no secret in the log.

A remote client is one behind a trusted proxy: the test is that proxy, and names addresses of the
networks for documentation (RFC 5737).

SPDX-License-Identifier: MIT
"""
import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import sqlite3
import tempfile
import time

import backend
import websockets

AUTH = "/api/v1/auth"
PROTECTED = "/api/v1/memory/stats"
REMOTE = {"X-Forwarded-For": "203.0.113.7"}
JWT_SECRET = "0123456789abcdef0123456789abcdef"
API_SECRET = "an-api-secret-of-the-test"
PROXY = ("auth.trusted_proxies=127.0.0.0/8", "auth.hash_cost=1")


def b64(raw):
    """base64url without padding, as RFC 7515 has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(claims, header=None, key=JWT_SECRET, digest=hashlib.sha256):
    """A JWT by Python's own hmac."""
    head = b64(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    text = f"{head}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(hmac.new(key.encode(), text.encode(), digest).digest())}"


def bearer(token, **more):
    """The headers of a remote client with a token."""
    return {**REMOTE, "Authorization": f"Bearer {token}", **more}


def remote(last):
    """The headers of another remote client."""
    return {"X-Forwarded-For": f"198.51.100.{last}"}


class Pin(backend.TestCase):
    def setUp(self):
        self.server = backend.Backend(*PROXY)
        self.addCleanup(self.server.__exit__)

    def post(self, path, body=None, headers=None):
        return self.server.ask("POST", f"{AUTH}/{path}", body, headers)

    def test_a_pin_from_first_to_last(self):
        self.assertEqual(self.server.get(f"{AUTH}/pin-status")["data"],
                         {"pinSet": False, "setupComplete": False})
        self.assertEqual(self.server.get(f"{AUTH}/session")["data"],
                         {"valid": True, "authRequired": False})
        self.assertEqual(self.post("login", {"pin": "1234"})[0], 409)
        self.assertEqual(self.post("set-pin", {"pin": "12345"})[0], 400)
        self.assertEqual(self.post("set-pin", {"pin": 1234})[0], 400)
        self.assertEqual(self.post("register", {"pin": "1234"})[0], 200)
        self.assertEqual(self.post("set-pin", {"pin": "4321"})[0], 409)
        self.assertEqual(self.server.get(f"{AUTH}/pin-status")["data"],
                         {"pinSet": True, "setupComplete": True, "pinLength": 4})
        self.assertEqual(self.post("verify-pin", {"pin": "4321"})[0], 401)
        status, body, _ = self.post("verify-pin", {"pin": "1234"})
        self.assertEqual(status, 200)
        self.assertRegex(body["data"]["token"], "^[0-9a-f]{64}$")
        self.assertEqual(body["data"]["expiresIn"], 86400)
        self.assertEqual(body["data"]["user"].keys(), {"id", "username"})
        token = {"Authorization": f"Bearer {body['data']['token']}"}
        _, session, _ = self.server.ask("GET", f"{AUTH}/session", headers=token)
        self.assertIs(session["data"]["valid"], True)
        self.assertIs(session["data"]["authRequired"], True)
        self.assertRegex(session["data"]["expiresAt"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(self.post("change-pin", {"currentPin": "0000", "newPin": "654321"})[0], 401)
        self.assertEqual(self.post("change-pin", {"currentPin": "1234", "newPin": "1"})[0], 400)
        self.assertEqual(self.post("change-pin", {"currentPin": "1234", "newPin": "654321"},
                                   token)[0], 200)
        self.assertEqual(self.post("validate", None, token)[0], 200)
        self.assertEqual(self.server.get(f"{AUTH}/pin-status")["data"]["pinLength"], 6)
        self.assertEqual(self.post("logout", None, token)[0], 200)
        self.assertEqual(self.post("logout", None, token)[0], 401)
        self.assertEqual(self.post("disable-pin", {"currentPin": "654321"})[0], 200)
        self.assertIs(self.server.get(f"{AUTH}/pin-status")["data"]["pinSet"], False)

    def test_users(self):
        anna = {"username": "anna", "password": "a long password"}
        self.assertEqual(self.post("user/register", {"username": "anna"})[0], 400)
        self.assertEqual(self.post("user/register", {**anna, "password": "short"})[0], 400)
        status, body, _ = self.post("user/register", {**anna, "email": "anna@example.org"}, REMOTE)
        self.assertEqual((status, body["data"]["user"]["username"]), (200, "anna"))
        self.assertEqual(self.post("user/register", anna)[0], 409)
        # Somebody is known now: a stranger may not make himself known.
        bert = {"username": "bert", "password": "another password"}
        status, body, _ = self.post("user/register", bert, REMOTE)
        self.assertEqual((status, body["auth_required"]), (401, True))
        self.assertEqual(self.post("set-pin", {"pin": "1234"}, REMOTE)[0], 401)
        self.assertEqual(self.post("user/login", {**anna, "password": "wrong one"}, REMOTE)[0], 401)
        status, body, _ = self.post("user/login", anna, REMOTE)
        self.assertEqual(status, 200)
        token = body["data"]["token"]
        self.assertEqual(self.post("user/register", bert, bearer(token))[0], 200)
        status, body, _ = self.post("validate", {"token": token})
        self.assertEqual((status, body["data"]["valid"], body["data"]["user"]["username"]),
                         (200, True, "anna"))
        self.assertEqual(self.post("validate", {"token": token[:-1]})[0], 401)

    def test_three_wrong_pins_lock_a_client_out_under_any_name(self):
        self.post("set-pin", {"pin": "1234"})
        for number in range(3):
            headers = {**REMOTE, "X-Client-ID": f"name-{number}"}
            self.assertEqual(self.post("login", {"pin": "0000"}, headers)[0], 401)
        for headers in (REMOTE, {**REMOTE, "X-Client-ID": "new"},
                        {"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}):
            status, _, sent = self.post("login", {"pin": "1234"}, headers)
            self.assertEqual(status, 429)
            self.assertEqual(sent["Retry-After"], "300")
        self.assertEqual(self.post("disable-pin", {"currentPin": "1234"}, REMOTE)[0], 429)
        self.assertEqual(self.post("login", {"pin": "1234"}, remote(1))[0], 200)
        line, = self.server.logged("Client locked out after wrong PINs or passwords")
        self.assertEqual((line["client"], line["seconds"]), ("203.0.113.7", 300))
        self.assertEqual(len(self.server.logged("PIN set")), 1)

    def test_a_client_id_is_locked_at_every_address(self):
        self.post("set-pin", {"pin": "1234"})
        for last in range(1, 4):
            self.post("login", {"pin": "0000"}, {**remote(last), "X-Client-ID": "tablet"})
        self.assertEqual(self.post("login", {"pin": "1234"},
                                   {**remote(4), "X-Client-ID": "tablet"})[0], 429)
        self.assertEqual(self.post("login", {"pin": "1234"}, remote(4))[0], 200)

    def test_remote_status(self):
        for address, connection, local in (("127.0.0.1", "localhost", True),
                                           ("192.168.7.8", "local-network", True),
                                           ("172.31.0.1", "local-network", True),
                                           ("172.32.0.1", "remote", False),
                                           ("2001:db8::7", "remote", False)):
            _, body, _ = self.server.ask("GET", f"{AUTH}/remote-status",
                                         headers={"X-Forwarded-For": address})
            self.assertEqual(body["data"], {"requires_auth": address != "127.0.0.1",
                                            "connection_type": connection, "is_local": local})


class LockOut(backend.TestCase):
    def test_it_ends_after_its_time(self):
        with backend.Backend(*PROXY, "auth.lockout_duration=400ms") as server:
            server.ask("POST", f"{AUTH}/set-pin", {"pin": "1234"})
            for _ in range(3):
                server.ask("POST", f"{AUTH}/login", {"pin": "0000"}, REMOTE)
            begin = time.monotonic()
            self.assertEqual(server.ask("POST", f"{AUTH}/login", {"pin": "1234"}, REMOTE)[0], 429)

            def admitted():
                return server.ask("POST", f"{AUTH}/login", {"pin": "1234"}, REMOTE)[0] == 200
            backend.eventually(admitted, "the lock-out ends")
            self.assertGreater(time.monotonic() - begin, 0.3)


class Tokens(backend.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = backend.Backend(*PROXY, JWT_SECRET=JWT_SECRET, PMA_API_SECRET=API_SECRET)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def status(self, headers, path=PROTECTED):
        return self.server.ask("GET", path, headers=headers)[0]

    def test_without_a_proof_only_public_paths_are_served(self):
        for path in (PROTECTED, "/api/v1/debug/faults", "/api/v1/nothing", "/api/v1/websocket/stats",
                     "/api/nothing", "/api/v1/authx", "/api/v1/status/x"):
            status, body, headers = self.server.ask("GET", path, headers=REMOTE)
            self.assertEqual((status, body["success"], body["auth_required"]), (401, False, True),
                             path)
            self.assertIn("Bearer", headers["WWW-Authenticate"])
        for path in ("/health", "/api/health", "/api/status", "/api/v1/status",
                     f"{AUTH}/pin-status"):
            self.assertEqual(self.status(REMOTE, path), 200, path)

    def test_a_body_is_not_read_without_a_proof(self):
        with self.server.connect() as connection:
            connection.sendall(b"POST /api/v1/websocket/broadcast HTTP/1.1\r\nHost: localhost\r\n"
                               b"X-Forwarded-For: 203.0.113.7\r\nContent-Length: 5000000\r\n\r\n")
            self.assertTrue(backend.read_reply(connection).startswith("HTTP/1.1 401 "))

    def test_the_api_secret(self):
        self.assertEqual(self.status({**REMOTE, "X-API-Secret": API_SECRET}), 200)
        for wrong in ("", API_SECRET[:-1], API_SECRET + "x", API_SECRET.upper()):
            self.assertEqual(self.status({**REMOTE, "X-API-Secret": wrong}), 401)

    def test_a_jwt_signed_elsewhere(self):
        now = int(time.time())
        claims = {"sub": "7", "exp": now + 60}
        self.assertEqual(self.status(bearer(sign(claims))), 200)
        self.assertEqual(self.status(bearer(sign({**claims, "nbf": now - 5, "jti": "x"}))), 200)
        refused = [
            sign({"sub": "7"}),
            sign({"sub": "7", "exp": now - 1}),
            sign({"sub": "7", "exp": str(now + 60)}),
            sign({**claims, "nbf": now + 60}),
            sign(claims, key=JWT_SECRET + "x"),
            sign(claims, {"alg": "HS256", "crit": ["b64"], "b64": False}),
            sign(claims, {"alg": "HS384"}, digest=hashlib.sha384),
            sign(claims, {"alg": "HS512"}, digest=hashlib.sha512),
            sign(claims, {"alg": "RS256"}),
            sign(claims, {"alg": "none"}),
            sign(claims, {"alg": "none"}).rsplit(".", 1)[0] + ".",
            sign(claims, {"typ": "JWT"}),
            sign(claims).rsplit(".", 1)[0] + ".",
            sign(claims) + "A",
            "x" * 64, "0" * 64, ".", "a.b.c",
        ]
        for token in refused:
            self.assertEqual(self.status(bearer(token)), 401, token)

    def test_what_is_no_bearer_token_is_refused(self):
        token = sign({"sub": "7", "exp": int(time.time()) + 60})
        for header in (f"Basic {token}", f"Bearer{token}", "Bearer", f"Bearer {token} x",
                       token, f"Bearer {token},{token}"):
            self.assertEqual(self.status({**REMOTE, "Authorization": header}), 401, header)
        self.assertEqual(self.status({**REMOTE, "Authorization": f"bEARER   {token} "}), 200)

    def test_a_users_jwt_says_what_it_should_and_ends_at_logout(self):
        anna = {"username": "anna", "password": "a long password"}
        self.server.ask("POST", f"{AUTH}/user/register", anna)
        _, body, _ = self.server.ask("POST", f"{AUTH}/user/login", anna, REMOTE)
        token = body["data"]["token"]
        head, claims, signature = token.split(".")
        self.assertEqual(b64(hmac.new(JWT_SECRET.encode(), f"{head}.{claims}".encode(),
                                      hashlib.sha256).digest()), signature)
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        self.assertEqual((said["username"], said["sub"]), ("anna", body["data"]["user"]["id"]))
        self.assertAlmostEqual(said["exp"], time.time() + 86400, delta=5)
        self.assertEqual(self.status(bearer(token)), 200)
        self.assertEqual(self.server.ask("POST", f"{AUTH}/logout", None, bearer(token))[0], 200)
        self.assertEqual(self.status(bearer(token)), 401)
        self.assertEqual(self.server.ask("POST", f"{AUTH}/logout", None, bearer(token))[0], 401)
        without_id = bearer(sign({"sub": "7", "exp": int(time.time()) + 60}))
        self.assertEqual(self.server.ask("POST", f"{AUTH}/logout", None, without_id)[0], 400)

    def test_a_websocket_client_authenticates_by_the_same_rule(self):
        async def answer(token):
            async with websockets.connect(f"ws://127.0.0.1:{self.server.port}/ws") as client:
                await client.send(json.dumps({"type": "authenticate", "data": {"token": token}}))
                while True:
                    message = json.loads(await asyncio.wait_for(client.recv(), 5))
                    if message["type"].startswith("authentication"):
                        return message["type"]
        good = sign({"sub": "7", "exp": int(time.time()) + 60})
        self.assertEqual(asyncio.run(answer(good)), "authentication_success")
        self.assertEqual(asyncio.run(answer(good[:-2])), "authentication_failure")


class Restart(backend.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = os.path.join(self.directory.name, "pma.db")
        self.settings = (*PROXY, f"database.path={self.path}")

    def test_the_pin_and_users_survive_it_and_no_secret_is_in_the_file(self):
        anna = {"username": "anna", "password": "a long password"}
        with backend.Backend(*self.settings) as server:
            for path, body in (("set-pin", {"pin": "918273"}), ("user/register", anna)):
                self.assertEqual(server.ask("POST", f"{AUTH}/{path}", body)[0], 200)
            self.assertEqual(server.stop()[0], 0)
        with backend.Backend(*self.settings) as server:
            self.assertEqual(server.get(f"{AUTH}/pin-status")["data"]["pinLength"], 6)
            self.assertEqual(server.ask("POST", f"{AUTH}/set-pin", {"pin": "1234"})[0], 409)
            self.assertEqual(server.ask("POST", f"{AUTH}/login", {"pin": "918273"})[0], 200)
            self.assertEqual(server.ask("POST", f"{AUTH}/user/login", anna)[0], 200)
            self.assertEqual(server.ask("POST", f"{AUTH}/user/register", anna)[0], 409)
            self.assertEqual(
                server.ask("POST", f"{AUTH}/disable-pin", {"currentPin": "918273"})[0], 200)
            self.assertEqual(server.stop()[0], 0)
        kept = b""
        for name in os.listdir(self.directory.name):
            with open(os.path.join(self.directory.name, name), "rb") as file:
                kept += file.read()
        self.assertIn(b"$y$", kept)
        self.assertNotIn(b"918273", kept)
        self.assertNotIn(b"a long password", kept)
        with backend.Backend(*self.settings) as server:
            self.assertIs(server.get(f"{AUTH}/pin-status")["data"]["pinSet"], False)

    def test_a_damaged_pin_does_not_become_an_open_door(self):
        with backend.Backend(*self.settings) as server:
            server.ask("POST", f"{AUTH}/set-pin", {"pin": "1234"})
            server.stop()
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            changed = database.execute("UPDATE documents SET body = '{}' "
                                       "WHERE id = 'auth.pin'").rowcount
            database.commit()
        self.assertEqual(changed, 1)
        done = backend.run_once("--set", "server.port=0", "--set", f"database.path={self.path}",
                                "--set", "debug.port=0")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("authentication", done.stderr)


class Proxies(backend.TestCase):
    def test_the_right_most_foreign_address_counts(self):
        with backend.Backend(*PROXY) as server:
            for value, status in (("127.0.0.1", 200), ("203.0.113.7", 401),
                                  ("127.0.0.1, 203.0.113.7", 401),
                                  ("203.0.113.7, 127.0.0.1", 401), ("127.0.0.1, 127.0.0.2", 200),
                                  ("unknown", 401), ("127.0.0.1, ", 401), ("[::1]:80", 200),
                                  ("x, 127.0.0.9:8080", 401), ("127.0.0.1," * 300, 401)):
                got, _, _ = server.ask("GET", PROTECTED, headers={"X-Forwarded-For": value})
                self.assertEqual(got, status, value)

    def test_a_second_header_line_is_not_overlooked(self):
        with backend.Backend(*PROXY) as server, server.connect() as connection:
            connection.sendall(f"GET {PROTECTED} HTTP/1.1\r\nHost: localhost\r\n"
                               "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 203.0.113.7\r\n"
                               "Connection: close\r\n\r\n".encode())
            self.assertTrue(backend.read_reply(connection).startswith("HTTP/1.1 401 "))

    def test_who_is_no_proxy_cannot_claim_an_address_and_who_is_forwarded_is_not_local(self):
        with backend.Backend() as server:
            self.assertEqual(server.ask("GET", PROTECTED)[0], 200)
            for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
                self.assertEqual(server.ask("GET", PROTECTED, headers={header: "127.0.0.1"})[0],
                                 401)

    def test_a_page_that_resolves_its_name_to_us_is_not_local(self):
        with backend.Backend() as server:
            for host, status in (("localhost:3001", 200), ("127.0.0.1", 200), ("[::1]:3001", 200),
                                 ("homeserver", 200), ("evil.example:3001", 401),
                                 ("localhost.evil.example", 401)):
                got, _, _ = server.ask("GET", PROTECTED, headers={"Host": host})
                self.assertEqual(got, status, host)

    def test_the_bypass_and_the_whole_can_be_switched(self):
        with backend.Backend("auth.allow_localhost_bypass=false") as server:
            self.assertEqual(server.ask("GET", PROTECTED)[0], 401)
        with backend.Backend(*PROXY, "auth.enabled=false") as server:
            self.assertEqual(server.ask("GET", PROTECTED, headers=REMOTE)[0], 200)
        with backend.Backend(*PROXY, "auth.accept_any_bearer=true") as server:
            self.assertEqual(server.ask("GET", PROTECTED, headers=bearer("any"))[0], 200)
            self.assertEqual(server.ask("GET", PROTECTED, headers=REMOTE)[0], 401)

    def test_wrong_settings_are_refused_without_repeating_a_secret(self):
        for setting, said in (("auth.trusted_proxies=10.0.0.0/33", "auth.trusted_proxies"),
                              ("auth.jwt_secret=too-short-a-secret", "auth.jwt_secret"),
                              ("auth.hash_cost=12", "auth.hash_cost")):
            done = backend.run_once("--set", "server.port=0", "--set", setting)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)
            self.assertNotIn("too-short-a-secret", done.stderr)


class Browsers(backend.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = backend.Backend(*PROXY)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def raw(self, method, headers):
        with self.server.connect() as connection:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            connection.sendall(f"{method} {PROTECTED} HTTP/1.1\r\nHost: localhost\r\n{lines}"
                               "Connection: close\r\n\r\n".encode())
            return backend.read_reply(connection)

    def test_the_fixed_origins_and_no_others(self):
        for host in ("localhost", "127.0.0.1", "192.168.100.1"):
            for port in ("", ":80", ":3000", ":5173"):
                origin = f"http://{host}{port}"
                status, _, headers = self.server.ask("GET", PROTECTED, headers={"Origin": origin})
                self.assertEqual(status, 200)
                self.assertEqual(headers["Access-Control-Allow-Origin"], origin)
                self.assertEqual(headers["Access-Control-Allow-Credentials"], "true")
                self.assertEqual(headers["Vary"], "Origin")
        for origin in ("http://localhost:3002", "https://localhost", "http://localhost.evil.example",
                       "http://evil.example", "null", "http://localhost:3000/", ""):
            status, _, headers = self.server.ask("GET", PROTECTED, headers={"Origin": origin})
            self.assertEqual(status, 403, origin)
            self.assertIsNone(headers["Access-Control-Allow-Origin"])

    def test_a_page_of_the_server_itself_may_call_it(self):
        own = f"http://127.0.0.1:{self.server.port}"
        status, _, headers = self.server.ask("GET", PROTECTED, headers={"Origin": own})
        self.assertEqual(status, 200)
        self.assertIsNone(headers["Access-Control-Allow-Origin"])

    def test_a_preflight_needs_no_proof_and_is_answered_whole(self):
        asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT"}
        reply = self.raw("OPTIONS", {**asked, **REMOTE})
        self.assertTrue(reply.startswith("HTTP/1.1 204 "), reply)
        for line in ("Access-Control-Allow-Origin: http://localhost:3000",
                     "Access-Control-Allow-Credentials: true", "Access-Control-Max-Age: 43200",
                     "Access-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS, PATCH",
                     "Access-Control-Allow-Headers: Origin, Content-Type, Authorization, Accept, "
                     "X-Requested-With, X-API-Secret"):
            self.assertIn(line, reply)
        reply = self.raw("OPTIONS", {**asked, "Origin": "http://evil.example"})
        self.assertTrue(reply.startswith("HTTP/1.1 403 "), reply)

    def test_an_error_can_be_read_by_the_page_as_well(self):
        status, _, headers = self.server.ask(
            "GET", PROTECTED, headers={**REMOTE, "Origin": "http://localhost:3000"})
        self.assertEqual(status, 401)
        self.assertEqual(headers["Access-Control-Allow-Origin"], "http://localhost:3000")


class RateLimit(backend.TestCase):
    def test_a_client_has_its_burst_and_others_have_theirs(self):
        with backend.Backend(*PROXY, "security.rate_limiting.requests_per_minute=60",
                             "security.rate_limiting.burst_size=5") as server:
            statuses = [server.ask("GET", "/health", headers=remote(1))[0] for _ in range(8)]
            self.assertEqual(statuses[:5], [200] * 5)
            self.assertEqual(statuses[-1], 429)
            status, _, headers = server.ask("GET", "/health", headers=remote(1))
            self.assertEqual((status, headers["Retry-After"]), (429, "1"))
            self.assertEqual(server.ask("GET", "/health", headers=remote(2))[0], 200)
            for _ in range(20):
                server.get("/health")  # local, without a limit

    def test_buckets_are_forgotten_when_they_are_full_again(self):
        with backend.Backend(*PROXY, "security.rate_limiting.requests_per_minute=6000") as server:
            def clients():
                return server.get("/api/v1/system/limits")["data"]["now"]["rate_limited_clients"]
            for last in range(20):
                server.ask("GET", "/health", headers=remote(last))
            backend.eventually(lambda: clients() == 0, "none is remembered")

    def test_it_can_be_switched_off(self):
        with backend.Backend(*PROXY, "security.rate_limiting.burst_size=1",
                             PMA_RATE_LIMITING_ENABLED="false") as server:
            for _ in range(5):
                self.assertEqual(server.ask("GET", "/health", headers=REMOTE)[0], 200)


class Secrets(backend.TestCase):
    def test_no_secret_is_in_the_log_or_in_a_reply_that_does_not_issue_it(self):
        pin, password = "918273", "correct-horse-battery"
        with backend.Backend(*PROXY, "logging.level=debug", f"auth.api_secret={API_SECRET}",
                             JWT_SECRET=JWT_SECRET) as server:
            texts = []

            def ask(method, path, body=None, headers=None):
                _, reply, _ = server.ask(method, path, body, headers)
                return reply
            anna = {"username": "anna", "password": password}
            texts += [ask("POST", f"{AUTH}/set-pin", {"pin": pin}),
                      ask("POST", f"{AUTH}/user/register", anna),
                      ask("POST", f"{AUTH}/login", b'{"pin": "' + pin.encode() + b'",}'),
                      ask("POST", f"{AUTH}/change-pin", {"currentPin": pin, "newPin": pin + "0"})]
            session = ask("POST", f"{AUTH}/login", {"pin": pin})["data"]["token"]
            jwt = ask("POST", f"{AUTH}/user/login", anna)["data"]["token"]
            for token in (session, jwt):
                texts += [ask("GET", PROTECTED, headers=bearer(token)),
                          ask("GET", f"/api/v1/none?token={token}&pin={pin}"),
                          ask("GET", f"/api/v1/memory/stats?api_secret={API_SECRET}"),
                          ask("POST", f"{AUTH}/validate", {"token": token + "0"}),
                          ask("POST", f"{AUTH}/validate", {"token": token}),
                          ask("POST", f"{AUTH}/logout", None, bearer(token))]
            texts += [ask("GET", PROTECTED, headers={**REMOTE, "X-API-Secret": API_SECRET + "x"})]
            server.stop()
            with open(server.log_path, encoding="utf-8") as file:
                texts.append(file.read())
            texts.append(server.process.stderr.read().decode())
            text = json.dumps(texts)
            for secret in (pin, password, session, jwt, jwt.rsplit(".", 1)[1], API_SECRET,
                           JWT_SECRET):
                self.assertEqual(text.find(secret), -1, secret)


if __name__ == "__main__":
    backend.main()
