# SPDX-License-Identifier: GPL-3.0-or-later
"""The heart: servers that ask for a client certificate are passed at the first attempt."""

import unittest

import clients
import pki
import servers
from capture import captured
from case import LabTest, each_family
from engine import CA
from pki import REAL_CA

REQUESTED = "client_certificate_requested"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


class ClientCertificate(LabTest):
    @classmethod
    def make_servers(cls):
        cls.alice = cls.pki.client("Alice")
        cls.nginx.site("plain.example")
        cls.nginx.requiring("nginx12.example", "ssl_protocols TLSv1.2;")
        cls.nginx.requiring("nginx13.example", "ssl_protocols TLSv1.3;")
        cls.nginx.requiring("optional.example", verify="optional")
        cls.nginx.requiring("exact.example")
        cls.nginx.requiring("policy.example")
        for other in ("block", "intercept", "pass"):
            cls.nginx.requiring(f"{other}.listed.example")
            cls.nginx.requiring(f"{other}.learned.example")
        cls.apache.site("apache12.example", "SSLVerifyClient require", "SSLProtocol -all +TLSv1.2")
        cls.apache.site("apache13.example", "SSLVerifyClient require", "SSLProtocol -all +TLSv1.3")
        cls.apache.site("card.example", "SSLVerifyClient require")
        authority = cls.pki.clients.certificate
        for version in ("12", "13"):
            name = f"openssl{version}.example"
            servers.openssl_server(cls.lab, name, cls.pki.server(name), f"-tls1_{version[1]}", "-Verify", "1",
                "-CAfile", authority)
            name = f"impostor{version}.example"
            servers.openssl_server(cls.lab, name, cls.pki.server(name, issuer="unknown"), f"-tls1_{version[1]}",
                "-Verify", "1", "-CAfile", authority)
            name = f"gnutls{version}.example"
            servers.gnutls_server(cls.lab, name, cls.pki.server(name), "--require-client-cert", "--x509cafile",
                authority, "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS1.{version[1]}")

    def visit(self, host, **how):
        return self.curl(host, "--cert", self.alice.certificate, "--key", self.alice.key, **how)

    @each_family
    def test_first_attempt(self, family):
        """And the second is known from the first: the server is not asked again."""
        for host in ("nginx12.example", "nginx13.example", "optional.example", "apache12.example", "apache13.example",
                "openssl12.example", "openssl13.example", "gnutls12.example", "gnutls13.example"):
            with self.subTest(host=host):
                for fate, reason, dials in (("learn", REQUESTED, 2), ("pass", "learned", 1)):
                    before = self.lab.server.accepted()
                    reply, line = self.visit(host, family=family)
                    self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)
                    self.assertRegex(reply.body, r"CN ?= ?Alice")
                    self.assert_fate(line, fate, reason)
                    self.assertEqual(self.lab.server.accepted() - before, dials)

    @each_family
    def test_request_is_reported(self, family):
        with self.configured({"client_certificate": {"requested": "block"}}):
            reply, line = self.visit("policy.example", family=family)
        self.assertEqual(line["client_certificate"],
            {"requested": True, "ca_names": ["O=Postern Lab,CN=Lab Clients"], "n_ca_names": 1})

    @each_family
    def test_policy(self, family):
        for requested, status, issuer, fate in (("block", 0, "", "block"), ("intercept", 400, CA, "intercept"),
                ("pass", 200, REAL_CA, "learn")):
            with self.subTest(requested=requested), self.configured({"client_certificate": {"requested": requested}}):
                reply, line = self.visit("policy.example", family=family)
                self.assertEqual((reply.status, reply.issuer), (status, issuer), reply)
                self.assertEqual(line["fate"], fate)
                self.assertTrue(line["client_certificate"]["requested"])

    def test_intercepted_server_that_only_asks(self):
        with self.configured({"client_certificate": {"requested": "intercept"}}):
            reply, line = self.visit("optional.example")
        self.assertEqual((reply.status, reply.issuer, reply.saw["client_dn"]), (200, CA, ""))
        self.assert_fate(line, "intercept", "default")

    @each_family
    def test_server_that_proves_nothing(self, family):
        """To ask is not enough to be passed, or learned: it could be anybody's way around inspection."""
        for host in ("impostor12.example", "impostor13.example"):
            with self.subTest(host=host):
                for _ in range(2):
                    _, line = self.visit(host, family=family)
                    self.assert_fate(line, "block", "certificate_untrusted")
                    self.assertTrue(line["client_certificate"]["requested"])
                with self.configured({"client_certificate": {"unverified": "pass"}}):
                    for _ in range(2):  # never learned
                        _, line = self.visit(host, family=family)
                        self.assert_fate(line, "pass", "client_certificate_unverified")

    @each_family
    def test_listed_authorities(self, family):
        names = self.engine.folder / "authorities.list"
        for listed, fates in (("O=Postern Lab,CN=Lab Clients", {"block": "learn", "intercept": "learn"}),
                ("CN=Somebody else", {"block": "block", "intercept": "intercept", "pass": "pass"})):
            names.write_text(f"# whose cards we know\n\n{listed}\n")
            for other, fate in fates.items():
                host = f"{other}.listed.example" if fate != "learn" else f"{other}.learned.example"
                with self.subTest(listed=listed, other=other), self.configured(
                        {"client_certificate": {"authorities": str(names), "other_authorities": other}}):
                    _, line = self.visit(host, family=family)
                    self.assertEqual(line["fate"], fate, line)
                    if fate in ("block", "pass"):
                        self.assertEqual(line["reason"], "client_certificate_other_authority")

    @each_family
    def test_passing_is_exact(self, family):
        """Of the probe, the server sees one hello. Then every byte is the client's, and the server's."""
        with captured(self.lab, "lan0", "wan0") as (lan, wan):
            reply, line = self.visit("exact.example", family=family)
            self.assert_fate(line, "learn", REQUESTED)
            client, = lan.connections(1)
            probe, passed = wan.connections(2)
        self.assertEqual(passed.to_server, client.to_server)
        self.assertEqual(passed.to_client, client.to_client)
        self.assertGreater(len(client.to_client), len(reply.body))
        self.assertEqual((line["flow"]["bytes_toserver"], line["flow"]["bytes_toclient"]),
            (len(client.to_server), len(client.to_client)))
        self.assertEqual(probe.to_server[:1], b"\x16")
        self.assertEqual(len(probe.to_server), 5 + int.from_bytes(probe.to_server[3:5], "big"))

    @each_family
    def test_smart_card(self, family):
        environment = self.smart_card(f"card{family}")
        reply, line = self.curl("card.example", "--engine", "pkcs11", "--cert-type", "ENG", "--key-type", "ENG",
            "--cert", f"pkcs11:token=card{family};object=Alice;type=cert",
            "--key", f"pkcs11:token=card{family};object=Alice;type=private;pin-value=1234",
            family=family, environment=environment)
        self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)
        self.assertEqual(clients.common_name(reply.saw["client_dn"]), "Alice")
        self.assert_fate(line, "learn", REQUESTED)

    def smart_card(self, label):
        """A token of SoftHSM with Alice's key and certificate: the environment to use it."""
        folder = self.lab.folder / label
        (folder / "tokens").mkdir(parents=True)
        configuration = folder / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {folder}/tokens\n")
        environment = {"SOFTHSM2_CONF": str(configuration), "PKCS11_MODULE_PATH": SOFTHSM}
        pki.run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", "1234", "--so-pin", "1234",
            environment=environment)
        for kind, path in (("privkey", self.alice.key), ("certificate", self.alice.certificate)):
            pki.run("p11tool", "--provider", SOFTHSM, "--login", "--set-pin", "1234", "--write", f"--load-{kind}",
                path, "--label", "Alice", "--id", "01", f"pkcs11:token={label}", environment=environment)
        return environment


if __name__ == "__main__":
    unittest.main()
