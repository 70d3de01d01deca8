# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers whose certificate does not verify, and servers that the engine cannot speak to."""

import unittest

import servers
import wire
from case import LabTest, each_family
from engine import UNTRUSTED_CA
from pki import REAL_CA

BAD = {  # host: reason, alert that the client gets
    "expired.example": ("certificate_expired", wire.CERTIFICATE_EXPIRED),
    "early.example": ("certificate_not_yet_valid", wire.CERTIFICATE_EXPIRED),
    "wrong.example": ("certificate_name_mismatch", wire.BAD_CERTIFICATE),
    "self.example": ("certificate_untrusted", wire.UNKNOWN_CA),
    "unknown.example": ("certificate_untrusted", wire.UNKNOWN_CA),
    "purpose.example": ("certificate_invalid", wire.BAD_CERTIFICATE),
}

UNSUPPORTED = {  # host: reason, options that make curl able to speak to it
    "ed25519.example": ("server_refused_offer", ()),
    "pss.example": ("server_refused_offer", ()),
    "large.example": ("server_message_too_large", ()),
    "critical.example": ("server_certificate_unsupported", ("--insecure",)),
    "legacy.example": ("server_legacy_tls", ("--tlsv1.1", "--ciphers", "DEFAULT@SECLEVEL=0")),
}


class Verify(LabTest):
    @classmethod
    def make_servers(cls):
        make = cls.pki.server
        for host, certificate in (
                ("expired.example", make("expired.example", days=(-30, -1))),
                ("early.example", make("early.example", days=(1, 30))),
                ("wrong.example", make("wrong.example", names=["other.example"])),
                ("self.example", make("self.example", issuer="self")),
                ("unknown.example", make("unknown.example", issuer="unknown")),
                ("purpose.example", make("purpose.example", purpose="clientAuth")),
                ("ed25519.example", make("ed25519.example", key="ed25519")),
                ("pss.example", make("pss.example", key="rsa-pss")),
                ("large.example", make("large.example", names=["large.example", *(
                    f"name-{number}.of.a.large.certificate.example" for number in range(500))])),
                ("critical.example", make("critical.example", extensions=["1.2.3.4=critical,ASN1:UTF8:x"]))):
            cls.nginx.site(host, certificate=certificate)
        cls.nginx.site("nameless.example", certificate=cls.pki.issue("Nameless", cls.pki.unknown))
        servers.openssl_server(cls.lab, "legacy.example", make("legacy.example"), "-tls1_1", "-cipher",
            "DEFAULT@SECLEVEL=0")
        cls.alice = cls.pki.client("Alice")
        many = cls.pki.many_authorities(300)
        for version in ("12", "13"):
            cls.nginx.site(f"many{version}.example", f"ssl_client_certificate {many};", "ssl_verify_client on;",
                f"ssl_protocols TLSv1.{version[1]};")

    @each_family
    def test_invalid_is_blocked(self, family):
        for host, (reason, alert) in BAD.items():
            with self.subTest(host=host):
                end, port = self.connect(host, family)
                end.sendall(wire.make_hello(wire.any_context(), host))
                self.assertEqual(wire.alert_in(wire.read_record(end)), alert)
                self.assertEqual(end.recv(1), b"")
                end.close()
                line = self.engine.connection(port)
                self.assert_fate(line, "block", reason, end="refused")
                self.assertNotEqual(line["upstream"]["verdict"], "ok")

    @each_family
    def test_invalid_is_mirrored(self, family):
        """The client's own check fails: never a leaf that it trusts for a server that nobody should."""
        with self.configured({"upstream": {"invalid": "mirror"}}):
            for host, (reason, _) in BAD.items():
                with self.subTest(host=host):
                    reply, line = self.curl(host, family=family)
                    self.assertEqual(reply.exit_code, 60, reply)
                    self.assert_fate(line, "intercept", reason, end="client_alert")
                    reply, line = self.curl(host, "--insecure", family=family)
                    self.assertEqual((reply.status, reply.issuer), (200, UNTRUSTED_CA), reply)
                    self.assert_fate(line, "intercept", reason)

    @each_family
    def test_without_any_name_there_is_nothing_to_mirror(self, family):
        """Neither the client nor the certificate says what the server is called."""
        with self.configured({"upstream": {"invalid": "mirror"}}):
            end, port = self.connect("nameless.example", family)
            end.sendall(wire.make_hello(wire.any_context(), None))
            self.assertEqual(wire.alert_in(wire.read_record(end)), wire.INTERNAL_ERROR)
            end.close()
            self.assert_line(port, "block", "certgen_refused", end="refused")

    @each_family
    def test_unsupported_is_passed(self, family):
        for host, (reason, options) in UNSUPPORTED.items():
            with self.subTest(host=host):
                reply, line = self.curl(host, *options, family=family)
                self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)
                self.assert_fate(line, "pass", reason)

    @each_family
    def test_unsupported_is_blocked(self, family):
        with self.configured({"upstream": {"unsupported": "block"}}):
            for host, (reason, options) in UNSUPPORTED.items():
                with self.subTest(host=host):
                    reply, line = self.curl(host, *options, family=family)
                    self.assertNotEqual(reply.exit_code, 0, reply)
                    self.assertEqual(reply.issuer, "")
                    self.assert_fate(line, "block", reason, end="refused")

    @each_family
    def test_request_with_300_names(self, family):
        for host in ("many12.example", "many13.example"):
            with self.subTest(host=host):
                reply, line = self.curl(host, "--cert", self.alice.certificate, "--key", self.alice.key, family=family)
                self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)
                self.assert_fate(line, "pass", "client_certificate_requested")  # its proof cannot be read: not learned


if __name__ == "__main__":
    unittest.main()
