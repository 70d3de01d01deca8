# SPDX-License-Identifier: GPL-3.0-or-later
"""What both handshakes may agree on: by the owner's limits, never more than the client offers or the server gave."""

import json
import ssl
import unittest

import pki
import wire
from case import LabTest, each_family

AES256, AES128_CBC = "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
OLD, NEW = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Parameters(LabTest):
    @classmethod
    def make_servers(cls):
        for name in ("plain", "logged", "passed", "ruled"):
            cls.nginx.site(f"{name}.example")
        cls.nginx.site("old.example", "ssl_protocols TLSv1.2;")
        cls.nginx.site("gcm128.example", "ssl_protocols TLSv1.2;", "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;")
        cls.nginx.site("cbc.example", "ssl_protocols TLSv1.2;", "ssl_ciphers ECDHE-ECDSA-AES128-SHA;")
        cls.nginx.site("static.example", "ssl_protocols TLSv1.2;", "ssl_ciphers AES128-SHA;",
            certificate=cls.pki.server("static.example", key="rsa"))

    def visit(self, host, family, minimum=OLD, maximum=NEW):
        """A client that offers all it has: (what it agreed on, log line)."""
        context = wire.client_context(self.lab.folder / "trusted.pem", minimum, maximum)
        context.set_ciphers("ALL")
        end, port = self.connect(host, family)
        tls = wire.TlsEnd(end, context, server_hostname=host)
        tls.send(b"GET / HTTP/1.0\r\n\r\n")
        saw = json.loads(tls.receive_all().split(b"\r\n\r\n", 1)[1])
        self.assertEqual(saw["host"], host)
        agreed = tls.tls.version(), tls.tls.cipher()[0]
        end.close()
        return agreed, self.engine.connection(port)

    def assert_passed(self, host, family, reason, **how):
        agreed, line = self.visit(host, family, **how)
        self.assert_fate(line, "pass", reason)
        return agreed

    @each_family
    def test_minimum_version(self, family):
        with self.configured({"tls": {"minimum_version": "1.3"}}):
            self.assert_passed("old.example", family, "server_legacy_tls")
            self.assert_passed("plain.example", family, "client_unsupported", maximum=OLD)
            self.assertEqual(self.visit("plain.example", family)[0][0], "TLSv1.3")
            with self.configured({"tls": {"minimum_version": "1.3"}, "upstream": {"unsupported": "block"}}):
                end, port = self.connect("old.example", family)
                with self.assertRaises(ssl.SSLError):
                    wire.TlsEnd(end, wire.any_context(), server_hostname="old.example")
                self.assert_line(port, "block", "server_legacy_tls")

    @each_family
    def test_old_suites(self, family):
        """What is not recommended is passed, and where it is allowed the client sees how weak it is."""
        for host in ("cbc.example", "static.example"):
            self.assert_passed(host, family, "server_refused_offer")
        with self.configured({"tls": {"suites": "all"}}):
            agreed, line = self.visit("cbc.example", family)
            self.assert_fate(line, "intercept", "default")
            self.assertEqual(line["upstream"]["cipher"], AES128_CBC)
            self.assertEqual(line["downstream"]["cipher"], AES128_CBC)
            self.assertEqual(agreed, ("TLSv1.2", "ECDHE-ECDSA-AES128-SHA"))
            agreed, line = self.visit("static.example", family)
            self.assertEqual(line["upstream"]["cipher"], "TLS_RSA_WITH_AES_128_CBC_SHA")
            self.assertEqual(agreed, ("TLSv1.2", "AES128-SHA"))

    @each_family
    def test_not_stronger(self, family):
        """The client prefers 256 bits; the server has 128."""
        agreed, line = self.visit("gcm128.example", family)
        self.assert_fate(line, "intercept", "default")
        self.assertEqual(agreed, ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"))

    @each_family
    def test_lists(self, family):
        for key, value, leg in (("suites", AES256, "cipher"), ("groups", "secp384r1", "group")):
            with self.configured({"tls": {key: value}}):
                _, line = self.visit("plain.example", family)
                self.assert_fate(line, "intercept", "default")
                self.assertEqual((line["upstream"][leg], line["downstream"][leg]), (value, value), line)
        with self.configured({"tls": {"signature_algorithms": "rsa_pss_rsae_sha256"}}):
            self.assert_passed("plain.example", family, "server_refused_offer")

    def test_mistakes(self):
        for key, value in (("suites", "TLS_NULL_WITH_NULL_NULL"), ("groups", "x25519, x25519"),
                ("signature_algorithms", ""), ("minimum_version", "1.1"), ("downgrade", "block")):
            self.engine.configure({"tls": {key: value}})
            said = self.postern("check", code=2)
            self.assertIn(f"tls.{key}: ", said)
        self.engine.configure()

    def test_post_quantum(self):
        """Chromium offers it, in a hello that is larger than a packet."""
        home = self.lab.folder / "home"
        database = home / ".pki" / "nssdb"
        database.mkdir(parents=True)
        pki.run("certutil", "-N", "--empty-password", "-d", f"sql:{database}")
        for name, path in (("appliance", self.engine.folder / "ca.crt"), ("root", self.pki.root.certificate)):
            pki.run("certutil", "-A", "-n", name, "-t", "C,,", "-i", path, "-d", f"sql:{database}")

        def browse(host):
            done = self.lab.client.run("env", f"HOME={home}", "chromium", "--headless", "--no-sandbox",
                "--disable-gpu", "--dump-dom", f"https://{host}/")
            self.assertIn(f'"host": "{host}"', done.stdout)
            return self.engine.connection(host=host)

        line = browse("logged.example")
        self.assert_fate(line, "intercept", "default")
        self.assertGreater(line["tls"]["hello_bytes"], 1500)
        self.assertEqual(line["downgrade"]["groups"], ["x25519mlkem768"])
        with self.configured({"tls": {"downgrade": "pass"}}):
            self.assert_fate(browse("passed.example"), "pass", "client_post_quantum")
        with self.configured({"tls": {"downgrade": "pass"}, "rules": [{"intercept": "ruled.example"}]}):
            self.assert_fate(browse("ruled.example"), "intercept", "rule")


if __name__ == "__main__":
    unittest.main()
