# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of the CA: below another one, followed by the next one, with its key elsewhere."""

import os
import pathlib
import subprocess
import threading
import unittest

import clients
from case import LabTest
from engine import CA
from lab import wait_until
from pki import AUTHORITY, run

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


class Ca(LabTest):
    @classmethod
    def make_servers(cls):
        for number in range(8):
            cls.nginx.site(f"{number}.example")

    def setUp(self):
        super().setUp()
        self.certificate, self.key = (pathlib.Path(self.engine.settings["ca"][name]) for name in ("certificate", "key"))
        own = {path: path.read_bytes() for path in (self.certificate, self.key)}
        self.addCleanup(self.put_back, own)

    def put_back(self, files):
        self.engine.stop()
        for path, content in files.items():
            path.write_bytes(content)
            path.chmod(0o600)
            pathlib.Path(f"{path}.next").unlink(missing_ok=True)
        self.engine.configure()
        self.engine.start()

    def status(self, host, anchor, **how):
        """Of a request by a client that trusts this CA alone; 0 when it believes nobody."""
        return clients.curl(self.lab, f"https://{host}/", "--cacert", anchor, **how).status

    def replaced(self, action):
        before = self.engine.said("certgen was replaced")
        action()
        self.engine.await_message("certgen was replaced", before)

    def test_rotation_with_overlap(self):
        old, new = self.lab.folder / "old.crt", self.lab.folder / "new.crt"
        self.postern("ca", "export", "-o", old)
        self.postern("ca", "init", "--next", "--subject", "/CN=Next CA")
        self.postern("ca", "export", "--next", "-o", new)
        self.assertIn("Next CA", self.postern("ca", "show"))
        self.engine.reload()  # nothing that is in force has changed
        pid = self.engine.certgen()
        both = self.lab.folder / "both.crt"
        both.write_text(old.read_text() + new.read_text())
        for anchor, status in ((old, 200), (both, 200), (new, 0)):
            self.assertEqual(self.status("0.example", anchor), status)
        session, port = self.shake_hands("1.example")
        self.replaced(lambda: self.postern("ca", "rotate"))
        self.assertNotEqual(self.engine.status()["pids"]["certgen"], pid)
        for host in ("0.example", "2.example"):  # a leaf that was there, and none
            for anchor, status in ((old, 0), (both, 200), (new, 200)):
                wait_until(lambda: self.status(host, anchor) == status, f"{host} with {anchor}")
        session.send(b"GET / HTTP/1.1\r\nHost: 1.example\r\nConnection: close\r\n\r\n")
        self.assertIn(b"200 OK", session.receive())
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the end of the certgen before")
        self.assertIn("CN=Next CA", run("openssl", "x509", "-in", self.certificate, "-noout", "-subject", "-nameopt", "RFC2253"))
        previous = pathlib.Path(f"{self.certificate}.previous")
        self.assertIn(f"CN={CA}", run("openssl", "x509", "-in", previous, "-noout", "-subject", "-nameopt", "RFC2253"))
        self.postern("ca", "rotate", code=1)  # there is no next one

    def test_rotation_that_was_interrupted(self):
        self.postern("ca", "init", "--next", "--subject", "/CN=Second CA")
        pathlib.Path(f"{self.key}.next").rename(self.key)
        self.replaced(lambda: self.postern("ca", "rotate"))
        self.assertIn("Second CA", self.postern("ca", "show"))

    def test_ca_that_cannot_be_loaded(self):
        pid = self.engine.certgen()
        self.key.write_text("no key")
        before = self.engine.said("certgen was not replaced")
        self.engine.reload()
        self.engine.await_message("certgen was not replaced", before)
        self.assertEqual(self.engine.certgen(), pid)
        self.assertEqual(self.curl("3.example")[1]["fate"], "intercept")

    def test_no_connection_is_lost(self):
        """Connections come all the time while one CA follows the other, again and again."""
        anchors = [self.lab.folder / "a.crt", self.lab.folder / "b.crt"]
        pairs = []
        for name in ("A", "B"):
            self.postern("ca", "init", "--next", "--force", "--subject", f"/CN={name}")
            pairs.append([pathlib.Path(f"{path}.next").read_bytes() for path in (self.certificate, self.key)])
        both = self.lab.folder / "all.crt"
        both.write_bytes(self.certificate.read_bytes() + pairs[0][0] + pairs[1][0])
        results, is_over = [], threading.Event()

        def visit():
            number = 0
            while not is_over.is_set():
                number += 1
                results.append(self.status(f"{number % 8}.example", both))

        visitors = [threading.Thread(target=visit) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        try:
            for turn in range(16):
                for path, content in zip((self.certificate, self.key), pairs[turn % 2]):
                    path.write_bytes(content)
                before = len(results)
                self.replaced(self.engine.reload)
                wait_until(lambda: len(results) > before, "a visit for each turn")
        finally:
            is_over.set()
            for visitor in visitors:
                visitor.join()
        self.assertEqual(set(results), {200})

    def test_subordinate(self):
        """A company's CA signs the request; clients that trust only its root are sent what is between."""
        company = self.pki.issue("Company Root", extensions=(*AUTHORITY, "subjectKeyIdentifier=hash"))
        between = self.pki.issue("Company Issuing", company, extensions=(*AUTHORITY, "subjectKeyIdentifier=hash"))
        request, signed, profile = (self.lab.folder / name for name in ("ca.csr", "signed.crt", "ca.ext"))
        self.postern("ca", "csr", "-o", request)
        profile.write_text("\n".join(("basicConstraints=critical,CA:true,pathlen:0",
            "keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid")))
        run("openssl", "ca", "-batch", "-notext", "-config", self.pki.configuration, "-cert", between.certificate,
            "-keyfile", between.key, "-in", request, "-out", signed, "-extfile", profile, "-days", "30")
        chain = self.lab.folder / "chain.crt"
        chain.write_text(signed.read_text() + between.chain.read_text() + company.certificate.read_text())
        self.postern("ca", "import", "--certificate", chain)
        self.replaced(self.engine.reload)
        wait_until(lambda: self.status("4.example", company.certificate) == 200, "a client of the company")
        shown = self.lab.client.run("openssl", "s_client", "-connect", f"{self.address('4.example')}:443",
            "-servername", "4.example", "-showcerts", "-CAfile", company.certificate, "-verify_return_error",
            "-x509_strict", stdin=subprocess.DEVNULL).stdout
        self.assertEqual(shown.count("BEGIN CERTIFICATE"), 3)  # and not the root

    def test_key_in_a_token(self):
        """SoftHSM: the key never leaves it, the filter of system calls stays, and a CSR is signed with it."""
        folder = self.lab.folder / "token"
        (folder / "tokens").mkdir(parents=True)
        configuration, pin = folder / "softhsm2.conf", folder / "pin"
        configuration.write_text(f"directories.tokendir = {folder}/tokens\n")
        pin.write_text("1234\n")
        pin.chmod(0o600)
        os.environ["SOFTHSM2_CONF"] = str(configuration)
        self.addCleanup(os.environ.pop, "SOFTHSM2_CONF")
        ca = self.pki.issue("Token CA", extensions=(*AUTHORITY, "subjectKeyIdentifier=hash"))
        run("softhsm2-util", "--init-token", "--free", "--label", "Postern", "--pin", "1234", "--so-pin", "1234")
        run("p11tool", "--provider", SOFTHSM, "--login", "--set-pin", "1234", "--write", "--load-privkey", ca.key,
            "--label", "CA key", "--id", "0a", "pkcs11:token=Postern")
        run("chown", "-R", "daemon", folder / "tokens")  # certgen's user
        uri = f"pkcs11:token=Postern;object=CA%20key;id=%0a?module-path={SOFTHSM}&pin-source={pin}"
        self.engine.stop()
        self.certificate.write_bytes(ca.certificate.read_bytes())
        self.key.unlink()
        self.engine.configure({"ca": {"key": uri}})
        self.engine.start()
        for number in range(8):
            self.assertEqual(self.status(f"{number}.example", ca.certificate), 200)
        facts = pathlib.Path(f"/proc/{self.engine.certgen()}/status").read_text()
        self.assertRegex(facts, r"Seccomp:\t2\n")
        self.assertIn("verify OK", run("openssl", "req", "-verify", "-noout", "-in", self.request()))
        self.assertIn("in a token", self.postern("ca", "init", "--force", code=1))
        self.assertIn("in a token", self.postern("ca", "rotate", code=1))
        pin.write_text("4321\n")
        self.assertIn("pin", self.postern("ca", "csr", code=1).lower())
        pin.chmod(0o644)
        self.assertIn("not accessible by group", self.postern("ca", "csr", code=1))

    def request(self):
        path = self.lab.folder / "token.csr"
        self.postern("ca", "csr", "-o", path)
        return path


if __name__ == "__main__":
    unittest.main()
