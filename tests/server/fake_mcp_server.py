#!/usr/bin/python3
"""A tool server for tests, with the habits that are asked for on its command line.

    good       lists and runs its tools
    slow       never answers a call
    garbage    prints lines that are not JSON-RPC between its answers
    dying      ends in the middle of a call
    mortal     ends by itself shortly after it is ready
    silent     never answers initialize
    stubborn   ignores SIGTERM and the end of its input
    chatty     floods its error output
    huge       answers a call with a line of 4 MiB
    family     leaves a grandchild behind that holds its pipes
    late       answers a call only after the next request has come

SPDX-License-Identifier: MIT
"""
import json
import os
import signal
import subprocess
import sys
import time

TOOLS = [
    {"name": "echo", "description": "Says it again",
     "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}},
    {"name": "environment", "description": "Our environment", "inputSchema": {"type": "object"}},
    {"name": "fail", "description": "Fails", "inputSchema": {"type": "object"}},
    {"name": "descriptors", "description": "What we inherited", "inputSchema": {"type": "object"}},
]


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(content, **more):
    return {"content": [{"type": "text", "text": content}], **more}


def run(name, arguments):
    if name == "echo":
        return text(arguments.get("text", ""))
    if name == "environment":
        return text(json.dumps(sorted(f"{k}={v}" for k, v in os.environ.items())))
    if name == "descriptors":
        return text(json.dumps(sorted(int(fd) for fd in os.listdir("/proc/self/fd"))))
    return text("there is no such luck", isError=True)


class Server:
    def __init__(self, habits):
        self.habits = habits
        self.owed = []  # answers of "late"

    def call(self, message):
        params = message["params"]
        if "slow" in self.habits:
            return
        if "dying" in self.habits:
            os._exit(7)
        if "huge" in self.habits:
            send({"id": message["id"], "result": text("x" * (4 << 20))})
            return
        if "garbage" in self.habits:
            sys.stdout.write("a tool is being called\n{\n[1,2\n\x01\x02\n")
        answer = {"id": message["id"], "result": run(params["name"], params["arguments"])}
        if "late" in self.habits and not self.owed:
            self.owed.append(answer)
            return
        for one in self.owed:
            send(one)
        self.owed.clear()
        send(answer)

    def handle(self, message):
        method = message.get("method")
        if method == "initialize":
            if "silent" in self.habits:
                return
            send({"id": message["id"], "result": {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}}, "serverInfo": {"name": "fake", "version": "1"}}})
        elif method == "tools/list":
            send({"id": message["id"], "result": {"tools": TOOLS}})
            if "mortal" in self.habits:
                os._exit(3)
        elif method == "tools/call":
            self.call(message)

    def serve(self):
        if "garbage" in self.habits:
            print("Welcome to the fake server!", flush=True)
        if "chatty" in self.habits:
            sys.stderr.write("noise " * (1 << 16))
            sys.stderr.write("the last words\n")
            sys.stderr.flush()
        if "family" in self.habits:
            subprocess.Popen(["sleep", "300"])
        if "stubborn" in self.habits:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for line in sys.stdin:
            self.handle(json.loads(line))
        while "stubborn" in self.habits:
            time.sleep(60)


if __name__ == "__main__":
    Server(set(sys.argv[1:])).serve()
