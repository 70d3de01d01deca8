# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers do with those who have no certificate, how that is found out, and what follows from it."""

import contextlib
import ssl
import time
import unittest

import clients
import servers
import wire
from case import LabTest, each_family
from engine import CA
from lab import wait_until
from pki import REAL_CA

REQUESTED = "client_certificate_requested"
ONLY_12 = "ssl_protocols TLSv1.2;"
ONLY_13 = "ssl_protocols TLSv1.3;"
# nginx lets everybody in, and answers by HTTP.
FORBID = 'if ($ssl_client_verify != SUCCESS) {{ return {status}; }}'
TLS_1_2 = ssl.TLSVersion.TLSv1_2


class Outcomes(LabTest):
    SETTINGS = {"learn": {"per_client": 0}, "pinned": {"refusals": 2, "clients": 1}}

    @classmethod
    def make_servers(cls):
        cls.alice = cls.pki.client("Alice")
        cls.nginx.site("plain.example")
        cls.nginx.site("other.plain.example")
        for version, only in (("12", ONLY_12), ("13", ONLY_13)):
            for name in ("optional", "shy", "mixed", "found", "stale", "other"):
                cls.nginx.requiring(f"{name}{version}.example", only, verify="optional")
            cls.nginx.requiring(f"insists{version}.example", only)
            cls.nginx.requiring(f"sent{version}.example", only)
            for status in (401, 403):
                cls.nginx.requiring(f"answers{status}.{version}.example", only, FORBID.format(status=status),
                    verify="optional")
            for name in ("alerts", "hears", "blocks", "tells"):
                cls.apache.site(f"{name}{version}.example", "SSLVerifyClient require",
                    f"SSLProtocol -all +TLSv1.{version[1]}")
        servers.openssl_server(cls.lab, "insists.example", cls.pki.server("insists.example", issuer="unknown"),
            "-tls1_3", "-Verify", "1")
        cls.turncoat = {}
        for own, issuer in (("right", "intermediate"), ("wrong", "unknown")):
            context = servers.tls_context(cls.pki.server("turncoat.example", issuer=issuer))
            context.maximum_version = TLS_1_2
            context.load_verify_locations(cls.pki.clients.certificate)
            context.verify_mode = ssl.CERT_OPTIONAL
            cls.turncoat[own] = context
        cls.present = "right"
        servers.peer(cls.lab, "turncoat.example", cls.answer)

    @classmethod
    def answer(cls, end):
        with cls.turncoat[cls.present].wrap_socket(end, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def visit(self, host, *options, certificate=True, **how):
        own = ("--cert", self.alice.certificate, "--key", self.alice.key) if certificate else ()
        return self.curl(host, *own, *options, **how)

    def assert_class(self, host, expected):
        wait_until(lambda: (self.entry(host) or {}).get("class") == expected, f"{host} is {expected}", 5)

    # --- seen in connections that pass ---

    @each_family
    def test_passed_handshakes(self, family):
        """Up to TLS 1.2, the client's answer and what the server makes of it can be read."""
        def answer(host, **how):
            return self.visit(host, family=family, **how)[1]["client_certificate"].get("answer")

        self.assertEqual(answer("shy12.example", certificate=False), "empty")
        self.assert_class("shy12.example", "unused")
        self.assertEqual(answer("mixed12.example", certificate=False), "empty")
        self.assertEqual(answer("mixed12.example"), "certificate")
        self.assert_class("mixed12.example", "requested")
        line = self.visit("alerts12.example", certificate=False, family=family)[1]
        self.assertEqual((line["client_certificate"]["answer"], line["client_certificate"]["alert"]),
            ("empty", "handshake_failure"), line)
        self.assert_class("alerts12.example", "required")
        wait_until(lambda: self.entry("alerts12.example")["alert"] == 40, "the alert in the store", 5)
        self.assertEqual(answer("alerts12.example"), "certificate")  # and that does not change it
        self.assert_class("alerts12.example", "required")
        self.assertIsNone(answer("shy13.example", certificate=False))

    def test_impostor(self):
        """T2: another server answers at a learned address: the client sees no byte of it."""
        self.assertEqual(self.visit("turncoat.example")[0].status, 200)
        self.assert_fate(self.visit("turncoat.example")[1], "pass", "learned")
        type(self).present = "wrong"
        try:
            end, port = self.connect("turncoat.example")
            end.sendall(wire.make_hello(wire.any_context(), "turncoat.example"))
            with self.assertRaises(ConnectionResetError):
                end.recv(1)
            self.assert_line(port, "pass", "learned", "impostor")
            self.engine.event("alert", "impostor", "turncoat.example")
            self.assert_fate(self.visit("turncoat.example")[1], "block", "certificate_untrusted")
        finally:
            type(self).present = "right"

    # --- found out by the engine ---

    @each_family
    def test_found_out(self, family):
        """When something depends on it, the engine asks the server itself what it does."""
        with self.configured({"client_certificate": {"unused": "intercept"}}):
            for version in ("12", "13"):
                with self.subTest(version=version):
                    host = f"found{version}.example"
                    self.assert_fate(self.visit(host, certificate=False, family=family)[1], "learn", REQUESTED)
                    self.assert_class(host, "unused")
                    self.assertIn("intercept (the server asks for client certificates, and gets none)",
                        self.postern("explain", host, "--address", self.address(host, family)))
                    reply, line = self.visit(host, certificate=False, family=family)
                    self.assertEqual((reply.status, reply.issuer), (200, CA))
                    self.assert_fate(line, "intercept", "default")
                    host = f"alerts{version}.example"
                    self.visit(host, family=family)
                    self.assert_class(host, "required")
                    self.assert_fate(self.visit(host, family=family)[1], "pass", "learned")
                    self.postern("learned", "forget", host)
                    self.postern("learned", "forget", f"found{version}.example")

    @each_family
    def test_intercepted_at_first(self, family):
        """Who can do without is inspected, who cannot is passed, and no user's first attempt fails."""
        with self.configured({"client_certificate": {"requested": "intercept", "required": "pass"}}):
            for version in ("12", "13"):
                for host in (f"hears{version}.example", f"insists{version}.example",
                        f"answers401.{version}.example", f"answers403.{version}.example"):
                    with self.subTest(host=host):
                        self.assert_first_attempt(host, family)
                host = f"optional{version}.example"
                for _ in range(2):
                    reply, line = self.visit(host, family=family)
                    self.assertEqual((reply.status, reply.issuer, reply.saw["client_dn"]), (200, CA, ""))
                    self.assert_fate(line, "intercept", "default")
                self.assert_class(host, "unused")

    def assert_first_attempt(self, host, family):
        own = ("--cert", self.alice.certificate, "--key", self.alice.key)
        reply = clients.curl(self.lab, f"https://{host}/", *own, "--location", "--local-port", "32768-60999",
            family=family)
        self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)
        self.assertRegex(reply.body, r"CN ?= ?Alice")
        self.assert_class(host, "required")
        self.postern("learned", "forget", host)

    def test_refused_inside(self):
        """The refusal is an answer of HTTP: the client is sent again, or gets that answer."""
        with self.configured({"client_certificate": {"requested": "intercept", "required": "pass"}}):
            reply, line = self.visit("sent13.example")
            self.assertEqual((reply.status, reply.issuer), (307, CA), reply)
            self.assert_fate(line, "intercept", "default", "certificate_required")
            self.assertEqual(line["detail"], "refused without a certificate, learned, redirected")
            reply, line = self.visit("sent12.example", "--data", "once")
            self.assertEqual((reply.status, reply.issuer), (400, CA), reply)
            self.assertEqual(line["detail"], "refused without a certificate, learned, answered")
            self.assert_fate(self.visit("sent12.example")[1], "pass", "learned")

    def test_server_alert(self):
        """Of one that is not verified, nothing is looked at: its alert ends the session."""
        with self.configured({"client_certificate": {"requested": "intercept"}, "upstream": {"invalid": "mirror"}}):
            client, port = self.shake_hands("insists.example")
            with contextlib.suppress(OSError):
                client.receive_all()
            self.assert_line(port, "intercept", "certificate_untrusted", "server_alert")

    def test_blocked(self):
        with self.configured({"client_certificate": {"required": "block"}}):
            for version in ("12", "13"):
                host = f"blocks{version}.example"
                self.assert_fate(self.visit(host)[1], "learn", REQUESTED)
                self.assert_class(host, "required")
                self.assertIn("block (the server asks for client certificates)",
                    self.postern("explain", host, "--address", self.address(host)))
                self.assert_fate(self.visit(host)[1], "block", REQUESTED)

    @each_family
    def test_looks_again_beside(self, family):
        """An entry that expires goes on to serve, while the engine asks the server again."""
        with self.configured({"learn": {"ttl": "1s"}}):
            host = "stale13.example"
            self.visit(host, family=family)
            first = wait_until(lambda: self.entry(host), "the entry", 5)
            time.sleep(1.5)
            before = self.lab.server.accepted()
            self.assert_fate(self.visit(host, family=family)[1], "pass", "learned")
            wait_until(lambda: self.entry(host)["expires"] > first["expires"], "another look", 5)
            self.assertEqual(self.lab.server.accepted() - before, 2)
            self.postern("learned", "forget", host)

    # --- clients that pin ---

    def refuse(self, host):
        """A client that believes the server's own authority alone."""
        end, port = self.connect(host)
        with self.assertRaises((ssl.SSLError, wire.Cut)):
            wire.TlsEnd(end, wire.client_context(self.pki.root.certificate), server_hostname=host)
        return self.assert_line(port, "intercept", "default", "client_alert")

    def test_pinned(self):
        for _ in range(3):  # nobody at this address trusts the CA so far: that is another matter
            self.refuse("other.plain.example")
        with self.configured({"client_certificate": {"requested": "intercept"}, "pinned": {"policy": "pass"}}):
            self.assertEqual(self.visit("optional13.example")[0].issuer, CA)  # now somebody does
            for _ in range(2):
                self.refuse("plain.example")
            event = self.engine.event("alert", "pinned", "plain.example")
            self.assertEqual(event["pinned"]["clients"], 1)
            end, port = self.connect("plain.example")
            wire.TlsEnd(end, wire.client_context(self.pki.root.certificate), server_hostname="plain.example")
            end.close()
            self.assert_line(port, "pass", "client_pins")
            # Another program at that address takes what it is given.
            self.assertEqual(self.visit("plain.example")[0].issuer, CA)


if __name__ == "__main__":
    unittest.main()
