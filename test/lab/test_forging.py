# SPDX-License-Identifier: GPL-3.0-or-later
"""The forged leaves and the process that signs them: what it signs, and what it may do."""

import datetime
import os
import pathlib
import pwd
import subprocess
import time
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


class Process(LabTest):
    """What the holder of the CA key is left with."""

    SETTINGS = {"certgen": {"rate": 1, "burst": 10}, "timeouts": {"forge": "20s"}}

    @classmethod
    def make_servers(cls):
        many = cls.pki.server("*.many.example")
        for number in range(40):
            cls.nginx.site(f"{number}.many.example", certificate=many)

    def test_confinement(self):
        pid = self.engine.certgen()
        facts = dict(line.split(":\t", 1) for line in
            pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        self.assertEqual((facts["Seccomp"], facts["NoNewPrivs"]), ("2", "1"))
        self.assertEqual({facts[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")}, {"0" * 16})
        self.assertEqual(set(facts["Uid"].split()), {str(pwd.getpwnam("daemon").pw_uid)})
        self.assertGreaterEqual(int(facts["VmLck"].split()[0]), 64)
        # Of a process that must not be dumped, root owns what is in /proc.
        self.assertEqual(pathlib.Path(f"/proc/{pid}/maps").stat().st_uid, 0)
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/net"), os.readlink(f"/proc/{self.engine.process.pid}/ns/net"))
        self.assertEqual(self.engine.said("memory cannot be locked"), 0)

    def test_memory_that_cannot_be_locked(self):
        self.engine.stop()
        self.engine.start("setpriv", "--bounding-set=-ipc_lock,-sys_resource", "prlimit", "--memlock=0")
        self.engine.await_message("memory cannot be locked: the CA's key may come to lie on a swap device")
        self.assertEqual(self.curl("0.many.example")[1]["fate"], "intercept")

    def test_flood(self):
        """More new names than it may sign: some are refused, it lives, and the next second brings one more."""
        pid = self.engine.certgen()
        hosts = [f"{number}.many.example" for number in range(40)]
        lines = [self.curl(host)[1] for host in hosts]
        refused = [line for line in lines if line["fate"] != "intercept"]
        self.assertGreater(len(refused), 10)
        for line in refused:
            self.assert_fate(line, "block", "certgen_failed", "refused")
            self.assertIn("certgen.rate", line["detail"])
        self.assertEqual([line["fate"] for line in lines[:10]], ["intercept"] * 10)
        self.assertEqual(self.engine.said("certificates a second"), 1)
        self.assertEqual(self.curl(hosts[0])[1]["fate"], "intercept")  # signed before
        time.sleep(1.5)
        self.assertEqual(self.curl(refused[-1]["tls"]["sni"])[1]["fate"], "intercept")
        self.assertEqual(self.engine.certgen(), pid)


class PerClient(LabTest):
    """One client asks for more names than it may; another, which has an address of its own, does not notice."""

    SETTINGS = {"certgen": {"per_client": 6}, "on_failure": "open"}

    @classmethod
    def make_servers(cls):
        many = cls.pki.server("*.many.example")
        for number in range(20):
            cls.nginx.site(f"{number}.many.example", certificate=many)

    def test_flood(self):
        lines = [self.curl(f"{number}.many.example")[1] for number in range(14)]
        self.assertEqual([line["fate"] for line in lines[:6]], ["intercept"] * 6)
        refused = [line for line in lines if line["fate"] != "intercept"]
        self.assertGreater(len(refused), 4)
        for line in refused:  # and never passed, which is what it may have wanted
            self.assert_fate(line, "block", "certgen_refused", "refused")
            self.assertIn("certgen.per_client", line["detail"])
        self.assertEqual(self.engine.said("asks for more than 6 new certificates a minute"), 1)
        for number in range(15, 20):
            self.assertEqual(self.curl(f"{number}.many.example", family=6)[1]["fate"], "intercept")
        self.assertEqual(self.curl("0.many.example")[1]["fate"], "intercept")  # signed before


if __name__ == "__main__":
    unittest.main()
