# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS as bytes: hellos to send by hand, what they offer, and a TLS end whose closing is under control."""

import dataclasses
import socket
import ssl
import struct
import time
import warnings

HANDSHAKE, ALERT = 22, 21
HANDSHAKE_FAILURE, BAD_CERTIFICATE, CERTIFICATE_EXPIRED, UNKNOWN_CA, ACCESS_DENIED, INTERNAL_ERROR = 40, 42, 45, 48, 49, 80


def client_context(trusted, minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_3, alpn=()):
    context = ssl.create_default_context(cafile=trusted)
    context.minimum_version, context.maximum_version = minimum, maximum
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def any_context(**options):
    """A client that believes every certificate."""
    context = client_context(None, **options)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def old_context():
    """A client that speaks nothing later than TLS 1.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = any_context(minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    return context


def reset(end):
    """Ends a connection with a RST."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def make_hello(context, host):
    """The ClientHello, one record, that a client of this context would send."""
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def send_in_pieces(end, pieces, pause=0.001):
    """Each in a TCP segment of its own, and after a pause."""
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        end.sendall(piece)
        time.sleep(pause)


def cut(data, count):
    """In `count` pieces of about the same size."""
    return [data[len(data) * i // count:len(data) * (i + 1) // count] for i in range(count)]


def in_records(hello, size):
    """The same hello in records of `size` bytes."""
    message = hello[5:]
    pieces = (message[at:at + size] for at in range(0, len(message), size))
    return b"".join(hello[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces)


@dataclasses.dataclass
class Offer:
    """What a ClientHello offers."""
    host: str
    alpn: list
    versions: set
    suites: set
    groups: set
    signatures: set
    extensions: set


def read_offer(hello):
    """Of a ClientHello in one record. Numbers are those of the protocol."""
    message = _Reader(hello[5:])
    message.take(4 + 2 + 32)
    message.vector(1)
    suites = _numbers(message.vector(2))
    message.vector(1)
    extensions, rest = {}, _Reader(message.vector(2))
    while rest.bytes:
        kind = int.from_bytes(rest.take(2), "big")
        extensions[kind] = _Reader(rest.vector(2))

    def inner(kind, width):
        return extensions[kind].vector(width) if kind in extensions else b""

    name, protocols, alpn = inner(0, 2), _Reader(inner(16, 2)), []
    while protocols.bytes:
        alpn.append(protocols.vector(1).decode())
    return Offer(name[3:].decode(), alpn, _numbers(inner(43, 1)), suites, _numbers(inner(10, 2)), _numbers(inner(13, 2)),
        set(extensions))


def read_record(end):
    """One whole record from a socket; what came of it before the end otherwise."""
    data = b""
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
        more = end.recv(65536)
        if not more:
            break
        data += more
    return data


def alert_in(data):
    """The number of the alert that the record is, or None."""
    return data[6] if len(data) >= 7 and data[0] == ALERT else None


class Cut(ConnectionError):
    """The connection ended without a close_notify."""


class TlsEnd:
    """TLS over a connected socket. close_notify and FIN are told apart, both ways."""

    def __init__(self, end, context, send_hello=None, **options):
        """`send_hello(end, hello)` takes the place of sending the first flight as it is."""
        self.end = end
        self._send_first = send_hello
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, **options)
        self._run(self.tls.do_handshake)

    def send(self, data):
        self._run(self.tls.write, data)

    def receive(self, size=65536):
        """b"" after a close_notify."""
        try:
            return self._run(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""

    def receive_all(self):
        """Everything up to the close_notify."""
        return b"".join(iter(self.receive, b""))

    def close_notify(self):
        """Says that nothing more will be sent. Receiving goes on."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self._flush()

    def _run(self, step, *arguments):
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self.end.recv(65536)
                if not data:
                    raise Cut from None  # OpenSSL does not hear of it: it would not go on sending
                self._incoming.write(data)
            except ssl.SSLError:
                self._flush()
                raise
            else:
                self._flush()
                return result

    def _flush(self):
        data = self._outgoing.read()
        if self._send_first and data:
            send, self._send_first = self._send_first, None
            send(self.end, data)
        elif data:
            self.end.sendall(data)


class _Reader:
    def __init__(self, data):
        self.bytes = data

    def take(self, count):
        assert len(self.bytes) >= count, "short hello"
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def vector(self, width):
        return self.take(int.from_bytes(self.take(width), "big"))


def _numbers(data):
    return {int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2)}
