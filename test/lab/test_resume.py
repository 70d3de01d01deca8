# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that resume their sessions with the engine, and the server that is asked each time all the same."""

import ssl
import unittest

import wire
from case import LabTest, each_family
from engine import CA
from servers import peer, tls_context

VERSIONS = ("-tls1_2", "-tls1_3")


class Resume(LabTest):
    SETTINGS = {"upstream": {"resumption": False}, "tls": {"suites": "all"}}

    @classmethod
    def make_servers(cls):
        for name in ("plain", "other"):
            cls.nginx.site(f"{name}.example")
        cls.nginx.site("cbc.example", "ssl_protocols TLSv1.2;", "ssl_ciphers ECDHE-ECDSA-AES128-SHA;")
        cls.nginx.site("chacha.example", "ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256;")
        cls.turns = [tls_context(cls.pki.server("turns.example")) for _ in range(2)]
        peer(cls.lab, "turns.example", lambda end: _answer(end, cls.turns[0]))

    def assert_leg(self, line, resumed):
        self.assert_fate(line, "intercept", "default")
        self.assertEqual(line["downstream"].get("resumed", False), resumed, line)
        # The server's is a whole one, and it proved who it is.
        self.assertNotIn("resumed", line["upstream"])
        self.assertEqual(line["upstream"]["verdict"], "ok")

    def s_client(self, host, family, *options):
        """openssl s_client makes a request: whether it resumed."""
        done = self.lab.client.run("openssl", "s_client", f"-{family}", "-CAfile", self.lab.folder / "trusted.pem",
            "-verify_return_error", "-connect", f"{host}:443", "-servername", host, "-ign_eof", *options,
            input=f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n")
        self.assertIn(f'"host": "{host}"', done.stdout)
        resumed = "Reused, " in done.stdout
        self.assertNotEqual(resumed, "New, " in done.stdout)
        self.assert_leg(self.engine.connection(host=host), resumed)
        return resumed

    def session(self, *words):
        return self.lab.folder / "-".join(map(str, ("session", *words)))

    @each_family
    def test_openssl(self, family):
        for version, host in (*((version, "plain.example") for version in VERSIONS), ("-tls1_2", "cbc.example"),
                ("-tls1_3", "chacha.example")):
            with self.subTest(version=version, host=host):
                session = self.session(version, host, family)
                self.assertFalse(self.s_client(host, family, version, "-sess_out", session))
                for _ in range(3):
                    self.assertTrue(self.s_client(host, family, version, "-sess_in", session, "-sess_out", session))

    @each_family
    def test_other_host(self, family):
        for version in VERSIONS:
            session = self.session(version, "other", family)
            self.assertFalse(self.s_client("plain.example", family, version, "-sess_out", session))
            self.assertFalse(self.s_client("other.example", family, version, "-sess_in", session))
            self.assertTrue(self.s_client("plain.example", family, version, "-sess_in", session))

    @each_family
    def test_reload(self, family):
        """What is configured anew counts for whoever comes next, with a ticket or without."""
        for version in VERSIONS:
            session = self.session(version, "reload", family)
            self.assertFalse(self.s_client("plain.example", family, version, "-sess_out", session))
            self.engine.reload()
            self.assertFalse(self.s_client("plain.example", family, version, "-sess_in", session, "-sess_out", session))
            self.assertTrue(self.s_client("plain.example", family, version, "-sess_in", session))
            with self.configured({"downstream": {"tickets": False}}):
                self.assertFalse(self.s_client("plain.example", family, version, "-sess_in", session))

    @each_family
    def test_none(self, family):
        with self.configured({"downstream": {"tickets": False}}):
            for version in VERSIONS:
                done = self.lab.client.run("openssl", "s_client", f"-{family}", version, "-connect",
                    "plain.example:443", "-ign_eof", input="GET / HTTP/1.0\r\n\r\n")
                self.assertNotIn("TLS session ticket", done.stdout)

    def visit(self, host, family, context, session=None):
        """Python makes a request: (its session, log line)."""
        end, port = self.connect(host, family)
        with context.wrap_socket(end, server_hostname=host, session=session) as tls:
            tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while tls.recv(65536):
                pass
            reused, session = tls.session_reused, tls.session
        line = self.engine.connection(port)
        self.assert_leg(line, reused)
        return session, line

    @each_family
    def test_other_certificate(self, family):
        """The server has another one: a ticket that came with the forgery of the first does not serve."""
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = wire.client_context(self.lab.folder / "trusted.pem", version, version)
            session, line = self.visit("turns.example", family, context)
            self.assertNotIn("resumed", line["downstream"])
            _, line = self.visit("turns.example", family, context, session)
            self.assertTrue(line["downstream"]["resumed"])
            self.turns.reverse()
            _, line = self.visit("turns.example", family, context, session)
            self.assertNotIn("resumed", line["downstream"])

    @each_family
    def test_curl(self, family):
        """Twice the same URL by connections of their own."""
        for version, second in (("1.3", True), ("1.2", False)):  # in TLS 1.2 it wants no tickets
            self.lab.client.run("curl", f"-{family}", "-sSf", "--http1.1", "-H", "Connection: close", "--tls-max",
                version, "--cacert", self.lab.folder / "trusted.pem", "https://plain.example/", "https://plain.example/")
            for line, resumed in zip(self.engine.connections(2), (False, second)):
                self.assert_leg(line, resumed)

    @each_family
    def test_gnutls(self, family):
        """It makes a first connection without a request, and resumes its session."""
        for version in ("1.2", "1.3"):
            done = self.lab.client.run("gnutls-cli", "-r", "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}",
                "--x509cafile", self.lab.folder / "trusted.pem", "--sni-hostname", "plain.example",
                "--verify-hostname", "plain.example", "--waitresumption", self.address("plain.example", family),
                input="GET / HTTP/1.0\n\n")
            self.assertIn(f"issuer `CN={CA}'", done.stdout)
            self.assertIn("*** This is a resumed session", done.stdout)
            self.assertIn('"host": "plain.example"', done.stdout)
            for line, resumed in zip(self.engine.connections(2), (False, True)):
                self.assertEqual(line["downstream"]["version"], f"TLSv{version}")
                self.assert_leg(line, resumed)

    @each_family
    def test_early_data(self, family):
        """It is never offered."""
        session = self.session("early", family)
        self.assertFalse(self.s_client("plain.example", family, "-tls1_3", "-sess_out", session))
        text = self.lab.client.run("openssl", "sess_id", "-in", session, "-text", "-noout").stdout
        self.assertIn("Max Early Data: 0", text)


def _answer(end, context):
    server = wire.TlsEnd(end, context, server_side=True)
    server.receive()
    server.send(b"HTTP/1.0 200 OK\r\n\r\nhere")
    server.close_notify()
    end.recv(1)


if __name__ == "__main__":
    unittest.main()
