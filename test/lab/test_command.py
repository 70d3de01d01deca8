# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `postern`, and what posternd says when it cannot start. No namespaces needed."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from engine import build

CONFIG = """\
user: ""
ca: {certificate: ca.crt, key: ca.key}
certgen: {user: ""}
gate: {user: ""}
status_file: run/status
listen: {port: 28443}
upstream: {trust_store: ca.crt}
"""


def setUpModule():
    os.umask(0o022)


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-command-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.config = self.folder / "postern.yaml"
        self.config.write_text(CONFIG)
        self.key, self.certificate = self.folder / "ca.key", self.folder / "ca.crt"

    def run_program(self, program, *arguments):
        return subprocess.run([build() / program, *map(str, arguments)], text=True, timeout=30, cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def postern(self, *arguments, code=0):
        done = self.run_program("engine/cli/postern", *arguments, "--config", self.config)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def openssl(self, *arguments, **options):
        return subprocess.run(["openssl", *map(str, arguments)], check=True, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=30, **options).stdout

    def test_ca_is_made_once(self):
        self.postern("ca", "init", "--subject", "/CN=House CA")
        self.assertEqual(self.key.stat().st_mode & 0o777, 0o600)
        before = self.key.read_bytes()
        self.assertIn("ca.key: is there already", self.postern("ca", "init", code=1))
        self.assertEqual(self.key.read_bytes(), before)
        self.postern("ca", "init", "--force", "--rsa")
        self.assertNotEqual(self.key.read_bytes(), before)
        self.assertIn("ok", self.postern("check"))

    def test_open_key_is_refused(self):
        self.postern("ca", "init")
        self.key.chmod(0o644)
        error = self.postern("check", code=2)
        self.assertIn("ca.key", error)
        self.assertIn("0600", error)
        done = self.run_program("engine/posternd", "--foreground", "--config", self.config)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ca.key", done.stderr)

    def test_subordinate(self):
        """CSR, signed by another CA, imported: the engine's CA is then below that one."""
        self.postern("ca", "init", "--subject", "/CN=Branch")
        self.postern("ca", "csr", "-o", self.folder / "ca.csr")
        root, extensions = self.folder / "root", self.folder / "extensions"
        extensions.write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
            "-subj", "/CN=Head", "-keyout", f"{root}.key", "-out", f"{root}.crt")
        signed = self.openssl("x509", "-req", "-in", self.folder / "ca.csr", "-CA", f"{root}.crt", "-CAkey",
            f"{root}.key", "-CAcreateserial", "-days", 20, "-extfile", extensions)
        chain = self.folder / "signed.pem"
        chain.write_text(signed + (self.folder / "root.crt").read_text())
        self.postern("ca", "import", "--certificate", chain)
        self.postern("check")
        self.assertIn("Head", self.postern("ca", "show"))
        self.postern("ca", "export", "--der", "-o", self.folder / "ca.der")
        self.assertIn("Branch", self.openssl("x509", "-inform", "der", "-in", self.folder / "ca.der", "-noout", "-subject"))

    def test_foreign_key_is_not_imported(self):
        self.postern("ca", "init")
        other = self.folder / "other"
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 30, "-subj", "/CN=Other", "-keyout",
            f"{other}.key", "-out", f"{other}.crt")
        before = self.certificate.read_bytes()
        self.postern("ca", "import", "--certificate", f"{other}.crt", code=1)
        self.assertEqual(self.certificate.read_bytes(), before)

    def test_values_in_force(self):
        self.assertEqual(self.postern("config", "on_failure"), "closed\n")
        self.assertEqual(self.postern("config", "timeouts.pass_idle"), "1h\n")
        self.assertIn(f"ca.key: {self.folder}/ca.key\n", self.postern("config"))
        self.assertIn("no_such_key", self.postern("config", "no_such_key", code=2))
        self.assertIn("has not run", self.postern("status", code=1))

    def test_mistakes_are_named(self):
        self.postern("ca", "init")
        line = CONFIG.count("\n") + 1
        for text, where in (("timeouts: {hello: soon}\n", f":{line}: timeouts.hello"),
                ("tiemouts: {}\n", f":{line}: tiemouts"), ("rules: [{pass: 'bad name'}]\n", f":{line}: "),
                ("listen: [\n", "postern.yaml:")):
            with self.subTest(text=text):
                self.config.write_text(CONFIG + text)
                self.assertIn(f"{self.config}{where}" if where.startswith(":") else where, self.postern("check", code=2))
                self.assertEqual(self.run_program("engine/posternd", "--config", self.config).returncode, 2)

    def test_drop_ins_and_lists(self):
        self.postern("ca", "init")
        drop_ins = self.folder / "conf.d"
        drop_ins.mkdir()
        (drop_ins / "10-lists.yaml").write_text("rules:\n  - block: {host_file: blocked.list}\n")
        self.assertIn("blocked.list", self.postern("check", code=2))
        (drop_ins / "blocked.list").write_text("# the first\nads.example\n\nno good\n")
        self.assertIn("blocked.list:4: ", self.postern("check", code=2))
        (drop_ins / "blocked.list").write_text("ads.example\n.tracker.example\n")
        self.postern("check")

    def test_usage(self):
        for arguments in ((), ("bogus",), ("check", "--der"), ("check", "word"), ("ca", "import")):
            done = self.run_program("engine/cli/postern", *arguments)
            self.assertEqual(done.returncode, 2, arguments)
        self.assertIn("what is 'bogus'?", self.run_program("engine/cli/postern", "bogus").stderr)
        self.assertIn("postern: ca init: unrecognized option '--bogus'",
            self.run_program("engine/cli/postern", "ca", "init", "--bogus").stderr)
        shown = {words: self.run_program("engine/cli/postern", *words.split()) for words in
            ("help", "ca --help", "ca init --help", "top -h")}
        self.assertEqual({done.returncode for done in shown.values()}, {0})
        self.assertEqual([("top" in done.stdout, "ca init" in done.stdout, "ca show" in done.stdout)
            for done in shown.values()], [(True, True, True), (False, True, True), (False, True, False), (True, False, False)])
        for program in ("engine/cli/postern", "engine/posternd"):
            self.assertIn("--config", self.run_program(program, "--help").stdout)
            self.assertRegex(self.run_program(program, "--version").stdout, r"\d+\.\d+\.\d+")
        self.assertEqual(self.run_program("engine/posternd", "--bogus").returncode, 2)

    def test_cannot_start(self):
        """Every failure to start ends posternd at once, with words."""
        self.postern("ca", "init")
        stranger = CONFIG.replace('user: ""\nca', "user: nobody-at-all\nca")
        nowhere = CONFIG + "log: {outputs: [file: no/folder/x]}\n"
        for text, words in ((stranger, "nobody-at-all"), (nowhere, "log.outputs")):
            with self.subTest(words=words):
                self.config.write_text(text)
                done = self.run_program("engine/posternd", "--foreground", "--config", self.config)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
