"""A language model provider on loopback that misbehaves as told, and remembers what it was asked.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATHS = {"openai": "/v1/chat/completions", "ollama": "/api/chat", "claude": "/v1/messages",
         "gemini": "/v1beta/models/"}
MODELS = {"openai": "/v1/models", "ollama": "/api/tags", "claude": "/v1/models",
          "gemini": "/v1beta/models"}


def answer(dialect, text, tool=None):
    """A good answer; tool: (name, arguments) that it asks for."""
    name, arguments = tool or (None, None)
    if dialect == "openai":
        message = {"role": "assistant", "content": text}
        if tool:
            message["tool_calls"] = [{"id": "c1", "type": "function", "function": {
                "name": name, "arguments": json.dumps(arguments)}}]
        return {"model": "fake", "usage": {"prompt_tokens": 3, "completion_tokens": 4},
                "choices": [{"message": message, "finish_reason": "stop"}]}
    if dialect == "ollama":
        message = {"role": "assistant", "content": text}
        if tool:
            message["tool_calls"] = [{"function": {"name": name, "arguments": arguments}}]
        return {"model": "fake", "message": message, "done_reason": "stop",
                "prompt_eval_count": 3, "eval_count": 4}
    if dialect == "claude":
        content = [{"type": "text", "text": text}]
        if tool:
            content.append({"type": "tool_use", "id": "c1", "name": name, "input": arguments})
        return {"model": "fake", "content": content, "stop_reason": "end_turn",
                "usage": {"input_tokens": 3, "output_tokens": 4}}
    parts = [{"text": text}]
    if tool:
        parts.append({"functionCall": {"name": name, "args": arguments}})
    return {"modelVersion": "fake", "candidates": [{"content": {"parts": parts},
                                                    "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        """Silence."""

    def send(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        provider = self.server.provider
        provider.checks += 1
        if provider.mode == "hang_all":
            provider.wait()
        if provider.mode in ("ok", "slow_list", "hang"):
            if provider.mode == "slow_list":
                provider.released.wait(provider.delay_s)
            self.send(200, {"data": [{"id": "fake"}], "models": [{"name": "fake"}]})
        else:
            self.send(503, {"error": "away"})

    def do_POST(self):
        provider = self.server.provider
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        provider.requests.append((self.path, dict(self.headers), body))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, "mode_" + provider.mode)(provider)

    def mode_ok(self, provider):
        tool = provider.tools.pop(0) if provider.tools else None
        self.send(200, answer(provider.dialect, provider.text, tool))

    mode_slow_list = mode_ok

    def mode_status(self, provider):
        self.send(provider.status, provider.error, provider.headers)

    def mode_slow(self, provider):
        provider.released.wait(provider.delay_s)
        self.mode_ok(provider)

    def mode_hang(self, provider):
        provider.wait()
        self.mode_ok(provider)

    mode_hang_all = mode_hang

    def mode_drop(self, _):
        """Half an answer, then a reset."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"model\"")
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def mode_garbage(self, provider):
        self.send(200, provider.garbage)

    def mode_huge(self, _):
        self.send(200, b"[" + b"1," * 200_000 + b"1]")

    def mode_endless(self, provider):
        """An answer without an end, a piece at a time."""
        self.send_response(200)
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        while not provider.released.is_set():
            self.wfile.write(b" " * 1000)
            provider.released.wait(0.02)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that left is no news."""


class FakeProvider:
    """A context manager. mode: see the mode_ functions of Handler."""

    def __init__(self, dialect="openai", mode="ok", **more):
        self.dialect, self.mode = dialect, mode
        self.text = f"{dialect} says so"
        self.status, self.error, self.headers = 500, {"error": {"message": "trouble"}}, ()
        self.delay_s, self.garbage, self.tools = 1.0, b"<html>", []
        self.requests, self.checks = [], 0
        self.released = threading.Event()
        self.waiting = 0
        self._lock = threading.Lock()
        for name, value in more.items():
            setattr(self, name, value)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.provider = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def wait(self):
        """Until it is released."""
        with self._lock:
            self.waiting += 1
        self.released.wait(60)
        with self._lock:
            self.waiting -= 1

    def settings(self, priority=10, **more):
        """Settings of the backend that enable this provider."""
        prefix = f"ai.providers.{self.dialect}"
        values = {"enabled": "true", "url": self.url, "priority": priority,
                  "api_key": "secret-key-12345", **more}
        return [f"{prefix}.{name}={value}" for name, value in values.items()]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
