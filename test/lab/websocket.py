# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of WebSocket (RFC 6455) as an echo takes: short messages, no fragments."""

import base64
import hashlib
import os
import socket
import threading

BINARY, CLOSE = 2, 8


def serve_echo(path):
    """Listens to a Unix socket, behind a web server that hands upgrades on."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve():
        while True:
            end, _ = listener.accept()
            threading.Thread(target=_echo, args=(end,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def _echo(end):
    with end, end.makefile("rb") as stream:
        key = ""
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            if name.lower() == "sec-websocket-key":
                key = value.strip()
        end.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n\r\n")
        kind = BINARY
        while kind != CLOSE:
            kind, message = read_frame(stream)
            end.sendall(frame(kind, message))


def accept_of(key):
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest)


def frame(kind, message, masked=False):
    assert len(message) < 65536
    length = bytes([len(message)]) if len(message) < 126 else bytes([126]) + len(message).to_bytes(2, "big")
    if not masked:
        return bytes([0x80 | kind]) + length + message
    mask = os.urandom(4)
    return bytes([0x80 | kind, 0x80 | length[0]]) + length[1:] + mask + _mask(message, mask)


def read_frame(stream):
    """(kind, message)"""
    head = stream.read(2)
    length = head[1] & 0x7f
    if length == 126:
        length = int.from_bytes(stream.read(2), "big")
    mask = stream.read(4) if head[1] & 0x80 else bytes(4)
    return head[0] & 0x0f, _mask(stream.read(length), mask)


def _mask(message, mask):
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(message))
