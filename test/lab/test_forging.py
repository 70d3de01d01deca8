# SPDX-License-Identifier: GPL-3.0-or-later
"""The forged leaves and the process that signs them: what it signs, what it may do, what is kept of it."""

import datetime
import pathlib
import subprocess
import unittest

from case import LabTest
from pki import AUTHORITY, run

HOURS = 1 / 24


class Forging(LabTest):
    @classmethod
    def make_servers(cls):
        make = cls.pki.server
        cls.nginx.site("plain.example")
        cls.nginx.site("rsa.example", certificate=make("rsa.example", key="rsa"))
        cls.nginx.site("brief.example", certificate=make("brief.example", days=(-1, 2 * HOURS)))
        cls.nginx.site("usages.example", certificate=make("usages.example", purpose="serverAuth,codeSigning,clientAuth"))
        cls.nginx.site("a.inside.example")
        cls.nginx.site("both.inside.example", certificate=make("both.inside.example",
            names=["both.inside.example", "outside.example"]))

    def use(self, ca):
        """Puts a CA in force, until the end of the test."""
        own = {path: path.read_bytes() for path in map(pathlib.Path, (
            self.engine.settings["ca"]["certificate"], self.engine.settings["ca"]["key"]))}
        key = self.lab.folder / "import.key"
        key.write_bytes(ca.key.read_bytes())
        key.chmod(0o600)
        self.engine.stop()
        self.postern("ca", "import", "--certificate", ca.chain, "--key", key, "--force")
        self.engine.start()
        self.addCleanup(self.put_back, own)

    def put_back(self, files):
        self.engine.stop()
        for path, content in files.items():
            path.write_bytes(content)
        self.engine.start()

    def leaf(self, host, *options):
        """The leaf that a client is shown: a file with it and what was sent along."""
        shown = self.lab.client.run("openssl", "s_client", "-connect", f"{self.address(host)}:443", "-servername",
            host, "-showcerts", *options, stdin=subprocess.DEVNULL).stdout
        path = self.lab.folder / f"{host}.shown"
        path.write_text(shown)
        return path

    def verify(self, path, host, anchor):
        """By openssl, by the letter."""
        return run("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", host,
            "-untrusted", path, "-CAfile", anchor, path)

    def dates(self, path):
        text = run("openssl", "x509", "-in", path, "-noout", "-startdate", "-enddate", "-dateopt", "iso_8601")
        return [datetime.datetime.fromisoformat(line.split("=")[1]) for line in text.splitlines()]

    def test_profile(self):
        anchor = self.engine.folder / "ca.crt"
        now = datetime.datetime.now(datetime.timezone.utc)
        for host in ("plain.example", "rsa.example", "brief.example", "usages.example"):
            for options in (("-tls1_2",), ("-tls1_3",)):
                with self.subTest(host=host, options=options):
                    path = self.leaf(host, *options)
                    self.verify(path, host, anchor)
                    text = run("openssl", "x509", "-in", path, "-noout", "-text")
                    self.assertIn("CA:FALSE", text)
                    self.assertRegex(text, r"Extended Key Usage: *\n *TLS Web Server Authentication\n")
                    start, end = self.dates(path)
                    self.assertLess(end - start, datetime.timedelta(days=1))
                    if host == "brief.example":
                        self.assertLess(end, now + datetime.timedelta(hours=2, minutes=1))

    def test_constrained_ca(self):
        ca = self.pki.issue("Constrained CA", extensions=(*AUTHORITY, "subjectKeyIdentifier=hash",
            "nameConstraints=critical,permitted;DNS:inside.example"))
        self.use(ca)
        self.verify(self.leaf("a.inside.example"), "a.inside.example", ca.certificate)
        for host in ("plain.example", "both.inside.example"):
            _, line = self.curl(host)
            self.assert_fate(line, "block", "certgen_refused", "refused")
            self.assertEqual(line["detail"], "the CA's name constraints exclude its names")

    def test_ca_that_ends_soon(self):
        ca = self.pki.issue("Brief CA", days=(-1, 1 * HOURS), extensions=(*AUTHORITY, "subjectKeyIdentifier=hash"))
        self.use(ca)
        path = self.leaf("plain.example")
        self.verify(path, "plain.example", ca.certificate)
        self.assertLessEqual(self.dates(path)[1], self.dates(ca.certificate)[1])


if __name__ == "__main__":
    unittest.main()
