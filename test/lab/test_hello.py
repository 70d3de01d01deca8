# SPDX-License-Identifier: GPL-3.0-or-later
"""The first bytes of a client: hellos in every disguise, and what is none."""

import contextlib
import itertools
import select
import ssl
import time
import unittest

import servers
import wire
from case import LabTest, each_family
from engine import CA
from pki import REAL_CA

BANNER = b"220 first.example speaks first\r\n"
SILENT, HELLO = 0.6, 1.5  # seconds: the engine's deadlines


class Hello(LabTest):
    SETTINGS = {
        "rules": [{"pass": "*.pass.example"}],
        "timeouts": {"silent": f"{int(SILENT * 1000)}ms", "hello": f"{int(HELLO * 1000)}ms"},
    }

    @classmethod
    def make_servers(cls):
        cls.nginx.site("plain.example")
        cls.nginx.site("any.pass.example")
        servers.openssl_server(cls.lab, "old.example", cls.pki.server("old.example"), "-cipher", "DEFAULT@SECLEVEL=0",
            "-min_protocol", "TLSv1")
        addresses = cls.lab.add_host("number.example")
        context = servers.tls_context(cls.pki.server("number.example", names=[f"IP:{one}" for one in addresses]))
        servers.peer(cls.lab, "number.example", lambda end: wire.TlsEnd(end, context, server_side=True).receive(),
            like="number.example")
        servers.peer(cls.lab, "text.example", lambda end: end.sendall(b"heard " + end.recv(100)))
        servers.peer(cls.lab, "first.example", lambda end: end.sendall(BANNER) or end.recv(100))

    # --- whole hellos, cut up ---

    def greet(self, host, family, send_hello):
        """A request over TLS whose hello is sent in a special way: (issuer, log line)."""
        end, port = self.connect(host, family)
        context = wire.client_context(self.lab.folder / "trusted.pem")
        client = wire.TlsEnd(end, context, send_hello=send_hello, server_hostname=host)
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        self.assertIn(b"200 OK", client.receive_all())
        issuer = dict(itertools.chain(*client.tls.getpeercert()["issuer"]))["commonName"]
        end.close()
        return issuer, self.engine.connection(port)

    def assert_greeted(self, family, send_hello):
        for host, expected, fate, reason in (
                ("plain.example", CA, "intercept", "default"), ("any.pass.example", REAL_CA, "pass", "rule")):
            issuer, line = self.greet(host, family, send_hello)
            self.assertEqual(issuer, expected)
            self.assert_fate(line, fate, reason)
            self.assertEqual(line["tls"]["sni"], host)

    @each_family
    def test_segments(self, family):
        for count in (*range(2, 21), 517):
            with self.subTest(segments=count):
                self.assert_greeted(family, lambda end, hello: wire.send_in_pieces(end, wire.cut(hello, count)))

    @each_family
    def test_records(self, family):
        for size in (1, 2, 3, 4, 5, 100, 256):
            with self.subTest(size=size):
                self.assert_greeted(family, lambda end, hello: end.sendall(wire.in_records(hello, size)))

    @each_family
    def test_records_and_segments(self, family):
        self.assert_greeted(family,
            lambda end, hello: wire.send_in_pieces(end, wire.cut(wire.in_records(hello, 7), 50)))

    # --- hellos that the engine cannot use ---

    @each_family
    def test_large(self, family):
        """Beyond what can be intercepted, within what can be read."""
        context = wire.any_context(alpn=[f"{number:0250}" for number in range(100)] + ["http/1.1"])
        hello = wire.make_hello(context, "plain.example")
        self.assertGreater(len(hello), 20000)
        for action, fate in (("pass", "pass"), ("block", "block")):
            with self.configured({"hello": {"unsupported": action}}):
                end, port = self.connect("plain.example", family)
                end.sendall(hello)
                answer = wire.read_record(end)
                end.close()
            self.assertEqual(answer[0], wire.HANDSHAKE if action == "pass" else wire.ALERT)
            self.assert_line(port, fate, "hello_too_large")

    @each_family
    def test_old(self, family):
        for action, fate in (("pass", "pass"), ("block", "block")):
            with self.configured({"hello": {"unsupported": action}}):
                end, port = self.connect("old.example", family)
                end.sendall(wire.make_hello(wire.old_context(), "old.example"))
                answer = wire.read_record(end)
                end.close()
            self.assertEqual(answer[0], wire.HANDSHAKE if action == "pass" else wire.ALERT)
            self.assert_line(port, fate, "client_unsupported")

    @each_family
    def test_no_name(self, family):
        for action, fate, reason in (("intercept", "intercept", "default"), ("pass", "pass", "no_sni"),
                ("block", "block", "no_sni")):
            with self.subTest(action=action), self.configured({"hello": {"no_sni": action}}):
                end, port = self.connect("number.example", family)
                context = wire.client_context(self.lab.folder / "trusted.pem")
                with self.assertRaises(ssl.SSLError) if action == "block" else contextlib.nullcontext():
                    # An address as name: OpenSSL checks it, and sends none.
                    wire.TlsEnd(end, context, server_hostname=self.address("number.example", family))
                end.close()
                self.assert_line(port, fate, reason)

    # --- bytes that are no hello ---

    def assert_ended(self, end, port, reason, within=5):
        """Blocked, at the latest by then: an alert, or nothing at all, and the end."""
        start = time.monotonic()
        end.settimeout(within)
        answer = wire.read_record(end)
        self.assertLess(time.monotonic() - start, within)
        self.assertTrue(answer == b"" or wire.alert_in(answer), answer)
        end.close()
        self.assert_line(port, "block", reason, end="refused")

    @each_family
    def test_malformed(self, family):
        hello = wire.make_hello(wire.any_context(), "plain.example")
        for name, bad in (
                ("another message", hello[:5] + b"\2" + hello[6:]),
                ("another record inside", wire.cut(wire.in_records(hello, 100), 2)[0][:105] + b"\x15\3\3\0\2\1\0"),
                ("an empty record", hello[:3] + b"\0\0" + hello),
                ("too long a session id", hello[:43] + b"\xff" + hello[44:])):
            with self.subTest(name=name):
                end, port = self.connect("plain.example", family)
                end.sendall(bad)
                self.assert_ended(end, port, "hello_malformed")

    @each_family
    def test_endless(self, family):
        """A hello that says it is 16 MB long."""
        end, port = self.connect("plain.example", family)
        end.sendall(b"\x16\3\1\x40\0\1\xff\xff\xff" + bytes(0x4000 - 4))
        self.assert_ended(end, port, "hello_too_large")

    @each_family
    def test_short(self, family):
        """Part of a hello, and then nothing more."""
        hello = wire.make_hello(wire.any_context(), "plain.example")
        clients = [self.connect("plain.example", family) for _ in range(6)]
        for (end, _), length in zip(clients, (1, 3, 5, 6, 100, len(hello) - 1)):
            end.sendall(hello[:length])
        for end, port in clients:
            self.assert_ended(end, port, "hello_short", within=HELLO + 1)

    @each_family
    def test_drip(self, family):
        """The deadline is for the whole hello, however often a byte arrives."""
        end, port = self.connect("plain.example", family)
        start = time.monotonic()
        for byte in wire.make_hello(wire.any_context(), "plain.example"):
            end.sendall(bytes([byte]))
            if select.select([end], [], [], 0.05)[0]:
                break
        self.assertLess(time.monotonic() - start, HELLO + 1)
        self.assert_ended(end, port, "hello_short")

    @each_family
    def test_finished_in_the_middle(self, family):
        end, port = self.connect("plain.example", family)
        end.sendall(wire.make_hello(wire.any_context(), "plain.example")[:100])
        end.shutdown(1)
        self.assert_ended(end, port, "hello_short")

    @each_family
    def test_not_tls(self, family):
        end, port = self.connect("text.example", family)
        end.sendall(b"plain text")
        self.assertEqual(end.recv(100), b"heard plain text")
        end.close()
        self.assert_line(port, "pass", "not_tls")
        with self.configured({"hello": {"not_tls": "block"}}):
            end, port = self.connect("text.example", family)
            end.sendall(b"plain text")
            self.assert_ended(end, port, "not_tls")

    @each_family
    def test_server_speaks_first(self, family):
        end, port = self.connect("first.example", family)
        self.assertEqual(end.recv(100), BANNER)
        end.close()
        self.assert_line(port, "pass", "client_silent")
        with self.configured({"hello": {"silent": "block"}}):
            end, port = self.connect("first.example", family)
            self.assert_ended(end, port, "client_silent", within=SILENT + 1)

    def test_listener_itself(self):
        for address in ("10.0.1.1", "fd00:1::1"):
            with self.subTest(address=address):
                end = self.lab.client.connect(address, 8443)
                port = end.getsockname()[1]
                end.sendall(b"plain text")
                with contextlib.suppress(ConnectionResetError):
                    self.assertEqual(end.recv(1), b"")
                end.close()
                self.assert_line(port, "block", "not_diverted", end="refused")


if __name__ == "__main__":
    unittest.main()
