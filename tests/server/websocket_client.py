"""A WebSocket client over a plain socket, for tests that misbehave on purpose and wait for nobody.

SPDX-License-Identifier: MIT
"""
import json
import os
import socket
import struct

DEADLINE_S = 10.0
REQUEST = (b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
UPGRADE = REQUEST % b"/ws"


class Client:
    """Connected and welcomed when made."""

    def __init__(self, port, path="/ws"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.socket.sendall(REQUEST % path.encode())
        self.received = b""
        while b"\r\n\r\n" not in self.received:
            self._more()
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise AssertionError(f"no upgrade: {head.decode()}")
        self.await_type("welcome")

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed")
        self.received += piece

    def _take(self, count):
        while len(self.received) < count:
            self._more()
        piece, self.received = self.received[:count], self.received[count:]
        return piece

    def send(self, kind, data=None, opcode=1, **more):
        """One document {type, data, ...}; with another opcode, the bytes `kind`."""
        payload = kind if isinstance(kind, bytes) else \
            json.dumps({"type": kind, "data": data or {}, **more}).encode()
        mask = os.urandom(4)
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else \
            b"\xfe" + struct.pack(">H", len(payload))
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def receive(self):
        """The next document; answers pings meanwhile."""
        while True:
            first, second = self._take(2)
            length = second & 0x7f
            if length == 126:
                length, = struct.unpack(">H", self._take(2))
            elif length == 127:
                length, = struct.unpack(">Q", self._take(8))
            payload = self._take(length)
            if first & 0xf == 9:
                self.send(payload, opcode=10)
            elif first & 0xf == 8:
                raise ConnectionError(f"closed with {payload[:2].hex()}")
            elif first & 0xf == 1:
                return json.loads(payload)

    def await_type(self, kind):
        """The next document of that type; others are dropped."""
        while True:
            document = self.receive()
            if document["type"] == kind:
                return document

    def reset(self):
        """Ends the connection with RST, as a client that loses its network may."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        """Says good-bye, and waits for the server's."""
        try:
            self.send(struct.pack(">H", 1000), opcode=8)
            while True:
                self.receive()
        except (ConnectionError, OSError):
            pass
        self.socket.close()
