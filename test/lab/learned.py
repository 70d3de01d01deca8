# SPDX-License-Identifier: GPL-3.0-or-later
"""For tests that look at what was learned, and at hellos that were not made by any library."""

import json
import ssl
import time

import servers
import wire
from case import LabTest
from lab import PATIENCE, wait_until

ECH, TICKET, PSK, EARLY_DATA = 0xfe0d, 35, 41, 42
STORED = 1.5  # seconds until the store has what the engine knows, and the engine what the store does
VERSIONS = {"12": ssl.TLSVersion.TLSv1_2, "13": ssl.TLSVersion.TLSv1_3}


class LearnedTest(LabTest):
    """With a client whose name is Alice, and that has a certificate."""

    @classmethod
    def make_servers(cls):
        cls.alice = cls.pki.client("Alice")

    @property
    def own(self):
        """curl's options for Alice."""
        return "--cert", self.alice.certificate, "--key", self.alice.key

    def entries(self, host, family=4):
        """What the store knows of the host at that address."""
        entries = map(json.loads, self.postern("learned", "list", "--json").splitlines())
        return [entry for entry in entries if entry["host"] == host and entry["address"] == self.address(host, family)]

    def entry(self, host, family=4):
        """The store is written behind."""
        return wait_until(lambda: self.entries(host, family), f"an entry of {host}", 5)[0]

    def await_class(self, host, expected, family=4):
        def is_it():
            entries = self.entries(host, family)
            return entries and entries[0]["class"] == expected

        wait_until(is_it, f"{host} is {expected}", 5)

    def forget(self, host):
        """In the store and in the engine."""
        self.postern("learned", "forget", host)
        self.settle()

    def settle(self):
        """Until the engine and the store agree."""
        time.sleep(STORED * PATIENCE)

    def fate(self, host, has_certificate=True, **how):
        line = self.curl(host, *(self.own if has_certificate else ()), **how)[1]
        return line["fate"], line["reason"]

    def make_context(self, **options):
        """Of a client that is Alice, and believes any certificate."""
        context = wire.any_context(**options)
        context.load_cert_chain(self.alice.certificate, self.alice.key)
        return context


class Turncoat:
    """A server that is what its context says at the moment; it answers requests of HTTP/1.1."""

    def __init__(self, lab, name, context):
        self.context = context
        servers.peer(lab, name, self._talk)

    def _talk(self, end):
        with self.context.wrap_socket(end, server_side=True) as tls:
            body = json.dumps({"client_dn": str(tls.getpeercert() or "")}).encode()
            tls.recv(65536)
            tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            tls.unwrap()


def server_context(pki, certificate, version, asks=ssl.CERT_NONE):
    """For Turncoat."""
    context = servers.tls_context(certificate)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.load_verify_locations(pki.clients.certificate)
    context.verify_mode = asks
    return context


class SlowEnd(wire.TlsEnd):
    """A client that thinks before its second flight: calls `think`, as if that asked for a PIN."""

    def __init__(self, end, context, think, **options):
        self._think = think
        self._flights = 0
        super().__init__(end, context, **options)

    def _flush(self):
        if self._outgoing.pending:
            self._flights += 1
            if self._flights == 2:
                self._think()
        super()._flush()


def read_hello(hello):
    """Of a ClientHello in one record: (session id, {extension: its bytes})."""
    message = wire._Reader(hello[5:])
    message.take(4 + 2 + 32)
    session = message.vector(1)
    message.vector(2)
    message.vector(1)
    rest, extensions = wire._Reader(message.vector(2)), {}
    while rest.bytes:
        kind = int.from_bytes(rest.take(2), "big")
        extensions[kind] = rest.vector(2)
    return session, extensions


def add_extension(hello, kind, data):
    """The hello, in one record, with one more extension in front of all others."""
    message = wire._Reader(hello[5:])
    head = message.take(4 + 2 + 32)
    for width in (1, 2, 1):
        data_of = message.vector(width)
        head += len(data_of).to_bytes(width, "big") + data_of
    added = kind.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data
    extensions = added + message.vector(2)
    body = head[4:] + len(extensions).to_bytes(2, "big") + extensions
    message = head[:1] + len(body).to_bytes(3, "big") + body
    return hello[:3] + len(message).to_bytes(2, "big") + message


def encrypted_hello(payload=bytes(range(200))):
    """The body of the extension, in its outer form (RFC 9849 section 5): no server can open this one."""
    suite, config = b"\x00\x01\x00\x01", b"\x2a"  # HKDF-SHA256, AES-128-GCM
    key = bytes(range(32))
    return (b"\x00" + suite + config + len(key).to_bytes(2, "big") + key + len(payload).to_bytes(2, "big") + payload)
