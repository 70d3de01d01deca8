# SPDX-License-Identifier: GPL-3.0-or-later
"""
Ends that break off at any byte of a handshake, cut it into crumbs, or send what nobody asked for: each
connection ends by itself, nothing is left of it, and others are served meanwhile.
"""

import contextlib
import os
import socket
import ssl
import unittest

import servers
import wire
from case import LabTest, each_family
from lab import wait_until

PLACES = 12  # of a handshake at which it is broken off
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
NO_RENEGOTIATION = "no renegotiation"
SPARE = 4  # descriptors: a pipe of each worker, made when it is first needed


class Mangled(wire.TlsEnd):
    """What it sends goes through `mangle(end, data)`."""
    def __init__(self, end, context, mangle, **options):
        self._mangle = mangle
        super().__init__(end, context, **options)

    def _flush(self):
        data = self._outgoing.read()
        if data:
            self._mangle(self.end, data)


class Cutter:
    """Lets so many bytes through, and then ends the connection."""
    def __init__(self, limit, how):
        self.limit, self.how, self.sent = limit, how, 0

    def __call__(self, end, data):
        left = self.limit - self.sent
        end.sendall(data[:max(left, 0)])
        self.sent += len(data)
        if self.sent >= self.limit:
            self.how(end)
            raise wire.Cut


def close(end):
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def in_crumbs(end, data, size=7):
    """Plain records of the handshake as many small ones; what follows a change of keys stays as it is."""
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    out, is_plain = b"", True
    while data:
        length = 5 + int.from_bytes(data[3:5], "big")
        record, data = data[:length], data[length:]
        is_plain = is_plain and record[0] == wire.HANDSHAKE
        out += wire.in_records(record, size) if is_plain else record
    end.sendall(out)


class Hostile(LabTest):
    SETTINGS = {"workers": SPARE // 2, "timeouts": {"hello": "2s", "greet": "3s", "probe": "3s", "linger": "1s"}}

    @classmethod
    def make_servers(cls):
        cls.nginx.site("plain.example")
        cls.nginx.site("old.example", "ssl_protocols TLSv1.2;")
        cls.mangle = None  # of the peer below, for the test that runs
        context = servers.tls_context(cls.pki.server("peer.example"))
        servers.peer(cls.lab, "peer.example", lambda end: _answer(end, context, cls.mangle))

    @contextlib.contextmanager
    def nothing_is_left(self):
        """Of descriptors and connections, after a while."""
        def held():
            return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.engine.processes())

        self.request("plain.example")  # whatever is made once is there
        before = held()
        yield
        wait_until(lambda: held() <= before + SPARE, "all descriptors are closed", 15)

    def request(self, host, family=4, version=None, mangle=None):
        """A client: what it got; b"" when the handshake did not come about."""
        context = wire.client_context(self.lab.folder / "trusted.pem",
            **({"minimum": version, "maximum": version} if version else {}))
        end, _ = self.connect(host, family)
        try:
            tls = Mangled(end, context, mangle or (lambda to, data: to.sendall(data)), server_hostname=host)
            tls.send(b"GET / HTTP/1.0\r\n\r\n")
            return tls.receive_all()
        except (OSError, ssl.SSLError):
            return b""
        finally:
            end.close()

    def handshake_bytes(self, version, is_server):
        counter = Cutter(1 << 30, close)
        if is_server:
            type(self).mangle = counter
        self.assertTrue(self.request("peer.example", version=version, mangle=None if is_server else counter))
        type(self).mangle = None
        return counter.sent

    @each_family
    def test_server_breaks_off(self, family):
        """At every part of its handshake, by FIN and by reset: no client gets an answer, and none is kept waiting."""
        with self.nothing_is_left():
            for version in VERSIONS:
                total = self.handshake_bytes(version, is_server=True)
                for place in range(PLACES):
                    for how in (close, wire.reset):
                        type(self).mangle = Cutter(place * total // PLACES // 2, how)
                        self.request("peer.example", family, version)
            type(self).mangle = None
            self.assertTrue(self.request("peer.example", family))
        self.engine.forget()

    @each_family
    def test_client_breaks_off(self, family):
        with self.nothing_is_left():
            for version in VERSIONS:
                total = self.handshake_bytes(version, is_server=False)
                for place in range(PLACES):
                    for how in (close, wire.reset):
                        self.request("plain.example", family, version, Cutter(1 + place * total // PLACES, how))
            self.assertTrue(self.request("plain.example", family))
        self.engine.forget()

    @each_family
    def test_crumbs(self, family):
        """Both flights of both ends, in records of a few bytes."""
        for version in VERSIONS:
            type(self).mangle = in_crumbs
            self.assertTrue(self.request("peer.example", family, version, in_crumbs))
            line = self.engine.connection(host="peer.example")
            self.assert_fate(line, "intercept", "default")
            type(self).mangle = None

    def test_renegotiations(self):
        """A client asks for them again and again: it is told that there are none."""
        done = self.lab.client.run("openssl", "s_client", "-tls1_2", "-legacy_server_connect", "-CAfile",
            self.lab.folder / "trusted.pem", "-connect", "old.example:443", "-servername", "old.example",
            input="R\n" * 100, check=False)
        self.assertIn(NO_RENEGOTIATION, done.stdout + done.stderr)
        line = self.engine.connection(host="old.example")
        self.assert_fate(line, "intercept", "default")

    @each_family
    def test_flood_of_hellos(self, family):
        """Hundreds of clients begin and go no further; one more is served at once."""
        hello = wire.make_hello(wire.any_context(), "plain.example")
        with self.nothing_is_left():
            ends = [self.connect("plain.example", family)[0] for _ in range(400)]
            for number, end in enumerate(ends):
                end.sendall(hello[:1 + number % (len(hello) - 1)])
            self.assertTrue(self.request("plain.example", family))
            line = self.engine.connection(host="plain.example")
            self.assertLess(line["ms"]["total"], 1000)
            lines = self.engine.connections(400, seconds=20)
            self.assertEqual({line["reason"] for line in lines if line["fate"] == "block"}, {"hello_short"})
            for end in ends:
                end.close()
        self.engine.forget()


def _answer(end, context, mangle):
    server = Mangled(end, context, mangle or (lambda to, data: to.sendall(data)), server_side=True)
    server.receive()
    server.send(b"HTTP/1.0 200 OK\r\n\r\nhere")
    server.close_notify()
    end.recv(1)


if __name__ == "__main__":
    unittest.main()
