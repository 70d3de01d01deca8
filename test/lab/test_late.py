# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that ask for a client certificate only inside the session: renegotiation, post-handshake."""

import functools
import json
import pathlib
import ssl
import time
import unittest

import clients
import pki
import servers
import wire
from case import LabTest, each_family
from engine import CA
from pki import REAL_CA

PRIVATE = "<Location /private.html>\nSSLVerifyClient require\n</Location>"
RENEGOTIATION = "renegotiation, learned, "
POST_HANDSHAKE = "post-handshake authentication, learned, "
PREFIX = {"12": RENEGOTIATION, "13": POST_HANDSHAKE}
GET = "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n"


class Late(LabTest):
    SETTINGS = {"timeouts": {"refuse": "300ms"}}

    @classmethod
    def make_servers(cls):
        cls.alice = cls.pki.client("Alice")
        authority = cls.pki.clients.certificate
        for name in ("first", "bare", "post", "next", "pipe", "block", "intercept", "listed", "again"):
            for version in ("12", "13"):
                cls.apache.site(f"{name}{version}.example", PRIVATE, f"SSLProtocol -all +TLSv1.{version[1]}")
        cls.apache.site("chromium.example", PRIVATE, "SSLProtocol -all +TLSv1.2")
        cls.apache.site("silent13.example", PRIVATE, "SSLProtocol -all +TLSv1.3")
        cls.apache.site("gnutls13.example", PRIVATE, "SSLProtocol -all +TLSv1.3")
        cls.apache.site("unverified.example", PRIVATE, "SSLProtocol -all +TLSv1.2", issuer="unknown")
        for name in ("certificate", "other"):
            servers.openssl_server(cls.lab, f"{name}.openssl.example", cls.pki.server(f"{name}.openssl.example"),
                "-tls1_2", "-CAfile", authority)
        for version in ("12", "13"):
            name = f"echo{version}.example"
            servers.gnutls_server(cls.lab, name, cls.pki.server(name), "--echo", "--x509cafile", authority,
                "--disable-client-cert", "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS1.{version[1]}")
        context = servers.tls_context(cls.pki.server("half.example"))
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.post_handshake_auth = True
        servers.peer(cls.lab, "half.example", functools.partial(_answer_half, context=context))

    def visit(self, host, *options, path="/private.html", certificate=True, family=4):
        """curl, which may connect more than once; the log lines are those of the host, in their order."""
        own = ("--cert", self.alice.certificate, "--key", self.alice.key) if certificate else ()
        return clients.curl(self.lab, f"https://{host}{path}", "--local-port", "32768-60999", *own, *options,
            family=family)

    def open(self, host, family=4, **options):
        """A client that offers post-handshake authentication, and believes any certificate."""
        context = wire.any_context(**options)
        context.post_handshake_auth = True
        end, port = self.connect(host, family)
        return wire.TlsEnd(end, context, server_hostname=host), port

    def assert_late(self, host, detail, port=None, version=None):
        line = self.engine.connection(port, None if port else host)
        self.assert_fate(line, "intercept", "default", "late_request")
        self.assertEqual(line["detail"], detail, line)
        self.assertTrue(line["client_certificate"]["requested"] and line["client_certificate"]["late"], line)
        return line

    def assert_passed(self, host):
        self.assert_fate(self.engine.connection(host=host), "pass", "learned")

    def assert_alice(self, reply):
        self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)
        self.assertEqual(clients.common_name(reply.saw["client_dn"]), "Alice")

    # --- one request, nothing answered ---

    @each_family
    def test_first_attempt(self, family):
        for version, detail in PREFIX.items():
            with self.subTest(version=version):
                host = f"first{version}.example"
                self.assert_alice(self.visit(host, "--location", family=family))
                line = self.assert_late(host, detail + "redirected")
                self.assertEqual(line["client_certificate"]["ca_names"],
                    [] if version == "12" else ["O=Postern Lab,CN=Lab Clients"])
                self.assert_passed(host)
                self.assert_alice(self.visit(host, family=family))
                self.assert_passed(host)

    def test_redirect(self):
        reply = self.visit("again12.example", "--include", path="/private.html?a=b&c=%20")
        self.assertEqual((reply.status, reply.issuer), (307, CA), reply)
        self.assertEqual(reply.body.splitlines()[1], "Location: https://again12.example/private.html?a=b&c=%20")
        self.assert_late("again12.example", RENEGOTIATION + "redirected")

    @each_family
    def test_without_certificate(self, family):
        """Then the server refuses, in its own words."""
        for version, words in (("12", "alert handshake failure"), ("13", "alert certificate required")):
            with self.subTest(version=version):
                host = f"bare{version}.example"
                reply = self.visit(host, "--location", certificate=False, family=family)
                self.assertEqual(reply.issuer, REAL_CA, reply)
                self.assertIn(words, reply.error)
                self.assert_late(host, PREFIX[version] + "redirected")
                self.assert_passed(host)

    def test_gnutls(self):
        """A request of its own making: what was redirected is asked for again by hand."""
        for issuer, text in ((CA, "307 Temporary Redirect"), (REAL_CA, 'CN=Alice')):
            said = self.gnutls_client("gnutls13.example", "--post-handshake-auth")
            self.assertIn(f"CN={issuer}'", said)
            self.assertIn(text, said)
        self.assert_late("gnutls13.example", POST_HANDSHAKE + "redirected")
        self.assert_passed("gnutls13.example")

    def gnutls_client(self, host, *options):
        request = GET.format("/private.html", host).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
        with self.lab.client.start("sh", "-c", f"(printf %s '{request}'; sleep 2) | gnutls-cli {' '.join(options)} "
                f"--x509cafile {self.lab.folder}/trusted.pem --x509certfile {self.alice.certificate} "
                f"--x509keyfile {self.alice.key} {host}", stdout=-1, stderr=-1, text=True) as process:
            return process.communicate(timeout=30)[0]

    def test_chromium(self):
        """The certificate is chosen by policy; of the redirect nobody sees anything."""
        home = self.chromium_home()
        _set_chromium_policy(self.lab.client, {"AutoSelectCertificateForUrls": [
            json.dumps({"pattern": "https://chromium.example", "filter": {}})]})
        done = self.lab.client.run("env", f"HOME={home}", "chromium", "--headless", "--no-sandbox", "--disable-gpu",
            "--dump-dom", "https://chromium.example/private.html")
        self.assertIn("Alice", done.stdout, done)
        self.assert_late("chromium.example", RENEGOTIATION + "redirected")
        while (line := self.engine.connection(host="chromium.example"))["fate"] == "intercept":
            self.assertEqual(line["end"], "late_request", line)  # those that it had opened beforehand
        self.assert_fate(line, "pass", "learned")

    def chromium_home(self):
        """A home with Alice's certificate in it, and those of who is trusted."""
        home = self.lab.folder / "home"
        database = f"sql:{home}/.pki/nssdb"
        (home / ".pki" / "nssdb").mkdir(parents=True)
        bundle = home / "alice.p12"
        pki.openssl("pkcs12", "-export", "-in", self.alice.certificate, "-inkey", self.alice.key, "-passout", "pass:",
            "-out", bundle)
        pki.run("certutil", "-N", "--empty-password", "-d", database)
        for name, path in (("appliance", self.engine.folder / "ca.crt"), ("root", self.pki.root.certificate)):
            pki.run("certutil", "-A", "-n", name, "-t", "C,,", "-i", path, "-d", database)
        pki.run("pk12util", "-i", bundle, "-W", "", "-d", database)
        return home

    # --- what cannot be redirected ---

    def test_post(self):
        for version, detail in PREFIX.items():
            with self.subTest(version=version):
                host = f"post{version}.example"
                reply = self.visit(host, "--location", "--data", "a=b")
                self.assertEqual((reply.exit_code, reply.status), (52, 0), reply)  # an empty reply
                self.assert_late(host, detail + "closed")
                reply = self.visit(host, "--data", "a=b")
                self.assertEqual(reply.issuer, REAL_CA, reply)
                self.assertGreaterEqual(reply.status, 200)
                self.assertNotEqual(reply.status, 403)
                self.assert_passed(host)

    @each_family
    def test_second_request(self, family):
        """Clients send a request again when a connection that has served them before is gone."""
        for version, detail in PREFIX.items():
            with self.subTest(version=version):
                host = f"next{version}.example"
                done = self.lab.client.run("curl", f"-{family}", "-sS", "--cacert", self.lab.folder / "trusted.pem",
                    "--cert", self.alice.certificate, "--key", self.alice.key, f"https://{host}/",
                    f"https://{host}/private.html")
                self.assertEqual(done.stdout.count("{"), 2, done)
                self.assertIn("Alice", done.stdout)
                self.assert_late(host, detail + "reset")
                self.assert_passed(host)

    def test_pipelined(self):
        for version, detail in PREFIX.items():
            with self.subTest(version=version):
                host = f"pipe{version}.example"
                tls, port = self.open(host)
                tls.send((GET.format("/private.html", host) + GET.format("/", host)).encode())
                self.assertEqual(tls.receive_all(), b"")  # it ends with close_notify
                tls.end.close()
                self.assert_late(host, detail + "closed", port)

    @each_family
    def test_half_an_answer(self, family):
        """It must not look like a whole one."""
        tls, port = self.open("half.example", family)
        tls.send(GET.format("/", "half.example").encode())
        self.assertIn(b"half", tls.receive())
        with self.assertRaises(ConnectionResetError):
            tls.receive()
        self.assert_late("half.example", POST_HANDSHAKE + "reset", port)

    def test_same_again(self):
        """Whom passing does not help is not sent round in circles."""
        with self.configured({"learn": {"ttl": "1s"}}):
            for detail, status in (("redirected", 307), ("closed", 0)):
                self.assertEqual(self.visit("again13.example").status, status)
                self.assert_late("again13.example", POST_HANDSHAKE + detail)
                time.sleep(1.5)

    # --- other servers ---

    def test_openssl(self):
        """A renegotiation that asks for no certificate looks the same."""
        for host, path in (("certificate.openssl.example", "/renegcert"), ("other.openssl.example", "/reneg")):
            with self.subTest(host=host):
                reply = self.visit(host, "--location", path=path)
                self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)
                self.assert_late(host, RENEGOTIATION + "redirected")
                self.assert_passed(host)

    def test_no_http(self):
        """gnutls-serv asks when it is told to."""
        for version, command in (("12", "**REHANDSHAKE**"), ("13", "**REAUTH**")):
            with self.subTest(version=version):
                host = f"echo{version}.example"
                tls, port = self.open(host)
                tls.send(f"{command}\n".encode())
                self.assertEqual(tls.receive_all(), b"")
                tls.end.close()
                self.assert_late(host, PREFIX[version] + "closed", port)

    # --- policies ---

    def test_not_offered(self):
        """A client that cannot be asked late is answered as without the engine."""
        tls, port = self.shake_hands("silent13.example")
        tls.send(GET.format("/private.html", "silent13.example").encode())
        self.assertIn(b"403 Forbidden", tls.receive())
        tls.close_notify()
        tls.end.close()
        self.assertNotIn("client_certificate", self.assert_line(port, "intercept", "default"))

    def test_policy(self):
        for version, prefix in (("12", "renegotiation"), ("13", "post-handshake authentication")):
            with self.configured({"client_certificate": {"requested": "block"}}):
                reply = self.visit(f"block{version}.example", "--location")
                self.assertEqual((reply.exit_code, reply.status), (52, 0), reply)
                self.assert_late(f"block{version}.example", f"{prefix}, not learned: not to be passed, closed")
            with self.configured({"client_certificate": {"requested": "intercept"}}):
                reply = self.visit(f"intercept{version}.example", "--location")
                self.assertIn(reply.status, (0, 403), reply)
                line = self.engine.connection(host=f"intercept{version}.example")
                self.assert_fate(line, "intercept", "default")
                self.assertNotEqual(line["end"], "late_request")

    def test_unverified(self):
        with self.configured({"upstream": {"invalid": "mirror"}}):
            for _ in range(2):
                reply = self.visit("unverified.example", "--location", "--insecure")
                self.assertEqual((reply.exit_code, reply.status), (52, 0), reply)
                line = self.engine.connection(host="unverified.example")
                self.assert_fate(line, "intercept", "certificate_untrusted", "late_request")
                self.assertEqual(line["detail"], "renegotiation, not learned: not verified, closed")

    def test_listed_authorities(self):
        """A renegotiation names nobody: with a list, it is the operator's to say who may do that."""
        names = self.engine.folder / "authorities.list"
        names.write_text("O=Postern Lab,CN=Lab Clients\n")
        with self.configured({"client_certificate": {"authorities": str(names), "other_authorities": "block"}}):
            self.assertEqual(self.visit("listed12.example", "--location").exit_code, 52)
            self.assert_late("listed12.example",
                "renegotiation, not learned: names none of the listed authorities, closed")
            self.assert_alice(self.visit("listed13.example", "--location"))
            self.assert_late("listed13.example", POST_HANDSHAKE + "redirected")
            self.assert_passed("listed13.example")


def _answer_half(end, context):
    """A server that asks when it has already begun to answer."""
    with context.wrap_socket(end, server_side=True) as tls:
        tls.recv(4096)
        tls.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        time.sleep(0.3)
        tls.verify_client_post_handshake()
        tls.sendall(b" and half")


def _set_chromium_policy(namespace, policy):
    """ip-netns(8) lays the folders of /etc/netns/NAME over those of /etc."""
    folder = pathlib.Path("/etc/netns", namespace.name, "chromium")
    managed = folder / "policies" / "managed"
    managed.mkdir(parents=True)
    (managed / "lab.json").write_text(json.dumps(policy))


if __name__ == "__main__":
    unittest.main()
