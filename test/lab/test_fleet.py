# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles: two boxes share what one has learned and what its operator has written, or nothing changes."""

import collections
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import clients
import lab
import servers
import wire
from case import LabTest
from engine import Engine, build, is_sanitized
from pki import run

HOSTS = ("plain.example", "www.bank.example")
ASKS = ("asks.example", "later.example")
POLICY = "quic: allow\nrules:\n  - pass: {host_file: lists/banks.list}\n"
LISTS = {"lists/banks.list": ".bank.example\n"}
FLIPS = 24
# Where a process that applies a bundle may be killed: each of these calls, the first, the second ...
CALLS = ("mkdir", "fsync", "syncfs", "symlink", "rename", "unlink", "pwrite64", "fdatasync")


def postern(*arguments, code=0, prefix=(), **options):
    done = subprocess.run([*prefix, build() / "engine/cli/postern", *map(str, arguments)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60 * lab.PATIENCE, **options)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{' '.join(map(str, arguments))}: exit code {done.returncode}: {done.stdout}")
    return done.stdout


class Keys:
    """Of who signs bundles."""

    def __init__(self, folder, name="ops"):
        self.secret, self.public = folder / name, folder / f"{name}.pub"
        postern("bundle", "keygen", self.secret)


class Box:
    """What a box has on its disk, as far as bundles are concerned."""

    def __init__(self, configuration):
        self.configuration = pathlib.Path(configuration)
        self.fleet = self.configuration.parent / "fleet"

    def postern(self, *arguments, **how):
        return postern(*arguments, "--config", self.configuration, **how)

    def write(self, policy, files=LISTS):
        """The folder that others are to have, too."""
        shutil.rmtree(self.fleet, ignore_errors=True)
        for name, text in {"policy.yaml": policy, **files}.items():
            path = self.fleet / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def create(self, keys, bundle, *options):
        self.postern("bundle", "create", "--key", keys.secret, "-o", bundle, *options)
        return bundle

    def apply(self, bundle, *options, **how):
        return self.postern("bundle", "apply", bundle, *options, **how)

    def value(self, key):
        return self.postern("config", key).strip()

    def tree(self):
        """Everything in its folder, but for what only the engine writes."""
        found = {}
        for path in sorted(self.configuration.parent.rglob("*")):
            name = str(path.relative_to(self.configuration.parent))
            if name.startswith("fleet"):
                found[name] = os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        return found


class TwoBoxes(LabTest):
    """Each in a network of its own, with the same servers: same names, addresses and keys."""

    @classmethod
    def make_servers(cls):
        cls.alice = cls.pki.client("Alice")
        cls.certificates = {host: cls.pki.server(host) for host in (*HOSTS, *ASKS)}
        cls.serve(cls.nginx)

    @classmethod
    def serve(cls, nginx):
        for host, certificate in cls.certificates.items():
            asks = host in ASKS
            nginx.site(host, *([f"ssl_client_certificate {cls.pki.clients.certificate};", "ssl_verify_client on;"]
                if asks else []), certificate=certificate)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.lab.folder
        cls.keys = Keys(cls.folder)
        cls.second = lab.Lab()
        cls.addClassCleanup(cls.second.remove)
        nginx = servers.Nginx(cls.second, cls.pki)
        cls.serve(nginx)
        nginx.start()
        cls.second.divert()
        cls.other = Engine(cls.second, cls.pki, {"bundle": {"keys": str(cls.keys.public)}})
        cls.other.start()
        cls.one, cls.two = Box(cls.engine.configuration), Box(cls.other.configuration)

    @classmethod
    def tearDownClass(cls):
        cls.other.stop()
        super().tearDownClass()

    def visit(self, network, engine, host):
        reply = clients.curl(network, f"https://{host}/", "--cert", self.alice.certificate, "--key", self.alice.key)
        line = engine.connection(reply.port)
        return reply, (line["fate"], line["reason"])

    def visit_first(self, host):
        return self.visit(self.lab, self.engine, host)

    def visit_second(self, host):
        return self.visit(self.second, self.other, host)

    def bundle(self, name, policy=POLICY, files=LISTS, options=()):
        self.one.write(policy, files)
        return self.one.create(self.keys, self.folder / name, *options)

    def check_unchanged(self, before):
        self.assertEqual(self.two.tree(), before)

    def test_1_learned_and_rules(self):
        """What one box has learned and is told, the other does from the first connection on, and nothing ends."""
        self.assertEqual(self.visit_first("asks.example")[1], ("learn", "client_certificate_requested"))
        lab.wait_until(lambda: self.entry("asks.example"), "the entry in the store")
        bundle = self.bundle("first.bundle")
        self.assertEqual(self.visit_second("www.bank.example")[1][0], "intercept")
        end = self.second.client.connect(self.second.addresses["plain.example"][0])
        self.addCleanup(end.close)
        session = wire.TlsEnd(end, wire.any_context(), server_hostname="plain.example")
        pids, statuses, is_over = self.other.status()["pids"], [], threading.Event()

        def browse():
            while not is_over.is_set():
                statuses.append(clients.curl(self.second, "https://plain.example/").status)

        browser = threading.Thread(target=browse)
        browser.start()
        try:
            told = self.two.apply(bundle, "--dry-run")
            self.assertIn("fleet/policy.yaml: new", told)
            self.assertIn("quic: allow, was reject", told)
            self.assertFalse(self.two.fleet.exists())
            told = self.two.apply(bundle)
        finally:
            time.sleep(0.5)
            is_over.set()
            browser.join()
        self.assertIn("applied, posternd has reloaded\n1 learned server\n", told)
        self.assertEqual(set(statuses), {200})
        session.send(b"GET / HTTP/1.1\r\nHost: plain.example\r\nConnection: close\r\n\r\n")
        self.assertIn(b"200 OK", session.receive())
        lab.wait_until(lambda: "asks.example" in self.two.postern("learned", "list"), "the entry in the other store")
        time.sleep(2)  # the engine looks into its store every half second
        reply, fate = self.visit_second("asks.example")
        self.assertEqual(fate, ("pass", "learned"))
        self.assertEqual(clients.common_name(reply.saw["client_dn"]), "Alice")
        self.assertEqual(self.visit_second("www.bank.example")[1][0], "pass")
        self.assertEqual(self.visit_second("plain.example")[1][0], "intercept")
        self.assertEqual(self.other.status()["pids"], pids)
        self.assertIn("fleet", self.two.postern("learned", "show", "asks.example"))

    def test_2_changed_rules(self):
        """Another bundle takes the place of the one before, and the operator of a box has the last word there."""
        self.two.apply(self.bundle("second.bundle", "rules: [{block: www.bank.example}]\n", {}))
        self.assertEqual(self.visit_second("www.bank.example")[1][0], "block")
        self.assertEqual(self.two.value("quic"), "reject")
        self.one.postern("learned", "add", "later.example")
        self.two.apply(self.bundle("third.bundle"))
        lab.wait_until(lambda: self.visit_second("later.example")[1] == ("pass", "learned"), "the fleet's decision")
        self.two.postern("learned", "forbid", "later.example")
        self.two.apply(self.bundle("fourth.bundle"))
        self.assertIn("forbidden", self.two.postern("learned", "show", "later.example"))
        self.two.postern("learned", "forget", "later.example")
        self.assertLessEqual(len([name for name in self.two.tree() if name.count("/") == 1 and "fleet.d" in name]), 3)

    def test_3_refused(self):
        """Not as it was signed, older, by a stranger, or wrong: nothing changes."""
        good = self.bundle("good.bundle")
        self.two.apply(good)
        newer = self.bundle("newer.bundle", POLICY + "default: block\n")
        before, whole, reloads = self.two.tree(), newer.read_bytes(), self.other.said("posternd: reloaded")
        broken = self.folder / "broken.bundle"
        generator = random.Random(4)
        for place in [0, len(whole) - 1] + generator.sample(range(len(whole)), FLIPS):
            broken.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << generator.randrange(8)]) + whole[place + 1:])
            self.two.apply(broken, code=1)
        for content in (b"", whole[:-1], whole + b"\0", whole[:5000], b"no bundle"):
            broken.write_bytes(content)
            self.two.apply(broken, code=1)
        stranger = Keys(self.folder, "stranger")
        foreign = self.one.create(stranger, self.folder / "foreign.bundle")
        self.assertIn("not signed by anybody", self.two.apply(foreign, code=1))
        older = self.one.create(self.keys, self.folder / "older.bundle", "--serial", "7")
        self.assertIn("--force", self.two.apply(older, code=1))
        self.assertIn("listen.port: is for each box to say", self.refusal("listen: {port: 1}\n"))
        self.assertIn("a private key", self.refusal(POLICY, {**LISTS, "ca.list": self.pki.root.key.read_text()}))
        # Right where it was made, wrong here.
        there = self.folder / "there.list"
        there.write_text("")
        local = self.bundle("local.bundle", f"client_certificate: {{authorities: {there}}}\n", {})
        there.unlink()
        self.assertIn("policy.yaml:1: client_certificate.authorities", self.two.apply(local, code=2))
        self.check_unchanged(before)
        self.assertEqual(self.other.said("posternd: reloaded"), reloads)
        self.two.apply(older, "--force")
        self.two.apply(good)

    def refusal(self, policy, files=LISTS):
        self.one.write(policy, files)
        return self.one.postern("bundle", "create", "--key", self.keys.secret, "-o", self.folder / "x", code=None)

    def test_4_refused_by_posternd(self):
        """What the configuration alone does not show: the one before is in force again, on disk and in the engine."""
        self.two.apply(self.bundle("before.bundle"))
        before, reloads = self.two.tree(), self.other.said("posternd: reloaded")
        bad = self.bundle("bad.bundle", POLICY + "upstream: {crls: nowhere}\n")
        told = self.two.apply(bad, code=1)
        self.assertIn("posternd refuses it, its log says why: what was in force before is in force again", told)
        self.assertIn("not reloaded", self.other.messages.read_text())
        self.assertGreater(self.other.said("posternd: reloaded"), reloads)
        self.check_unchanged(before)
        self.assertEqual(self.visit_second("www.bank.example")[1][0], "pass")

    def test_5_what_others_read(self):
        """A bundle is an archive for tar, its signature one for openssl, and it has no key in it."""
        bundle = self.bundle("shared.bundle", options=("--ca",))
        folder = self.folder / "unpacked"
        folder.mkdir()
        run("tar", "-xf", bundle, "-C", folder)
        self.assertEqual((folder / "fleet/lists/banks.list").read_text(), LISTS["lists/banks.list"])
        self.assertIn("Verified", run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", self.keys.public, "-rawin",
            "-in", folder / "manifest.json", "-sigfile", folder / "manifest.sig"))
        authority = run("openssl", "x509", "-in", folder / "fleet/ca.crt", "-noout", "-fingerprint")
        self.assertEqual(authority, run("openssl", "x509", "-in", self.engine.settings["ca"]["certificate"], "-noout",
            "-fingerprint"))
        content = bundle.read_bytes()
        self.assertNotIn(b"PRIVATE", content)
        for key in (self.engine.settings["ca"]["key"], self.keys.secret):
            text = run("openssl", "pkey", "-in", key, "-text", "-noout").split("priv:")[1].split("pub:")[0]
            number = bytes.fromhex(text.replace(":", "").replace(" ", "").replace("\n", ""))
            self.assertEqual(len(number.lstrip(b"\0")), 32)
            for form in (number, number.hex().encode()):
                self.assertNotIn(form.lstrip(b"\0"), content)
        self.assertIn("signed by", postern("bundle", "verify", bundle, "--key", self.keys.public))
        self.assertIn("fleet/ca.crt", postern("bundle", "show", bundle, "--key", self.keys.public))
        # The CA of the first box does not fit the key of the second.
        self.assertIn("fleet/ca.crt", self.two.apply(bundle, code=2))


class OnDisk(unittest.TestCase):
    """A box without a posternd, so that its disk can be filled, and its command be killed, again and again."""

    def setUp(self):
        lab.require_root()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-fleet-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.keys = Keys(self.folder)
        self.one = self.box("one")

    def box(self, name):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        configuration = folder / "postern.yaml"
        configuration.write_text(f"""
            user: ""
            state_dir: .
            ca: {{certificate: ca.crt, key: ca.key}}
            learn: {{store: learned.db}}
            status_file: status
            bundle: {{keys: {self.keys.public}}}""")
        box = Box(configuration)
        box.postern("ca", "init")
        return box

    def bundle(self, name, policy, files=None):
        self.one.write(policy, files or {})
        return self.one.create(self.keys, self.folder / name)

    def test_full_disk(self):
        place = self.folder / "small"
        place.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=256k", "postern", place)
        self.addCleanup(run, "umount", place)
        box = self.box("small")
        box.apply(self.bundle("small.bundle", "quic: allow\n"))
        before = box.tree()
        large = self.bundle("large.bundle", "quic: reject\n", {"x.list": "".join(f"{i}.example\n" for i in range(30000))})
        self.assertIn("No space left", box.apply(large, code=1))
        self.assertEqual(box.tree(), before)
        self.assertEqual(box.value("quic"), "allow")
        box.apply(self.bundle("next.bundle", "quic: by-host\n"))
        self.assertEqual(box.value("quic"), "by-host")

    def test_killed(self):
        """At whatever moment: the old bundle is in force or the new one, and the same command again ends it."""
        box = self.box("killed")
        self.one.postern("learned", "add", "old.example")
        old = self.bundle("old.bundle", "quic: allow\n")
        box.apply(old)
        self.one.postern("learned", "add", "new.example")
        self.one.postern("learned", "forbid", "old.example")
        new = self.bundle("new.bundle", "quic: by-host\n")
        template = self.folder / "template"
        shutil.copytree(box.configuration.parent, template, symlinks=True)
        seen = collections.Counter()
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # it cannot be looked for below strace
        for call in CALLS:
            for number in range(1, 4 if is_sanitized() else 7):
                shutil.rmtree(box.configuration.parent)
                shutil.copytree(template, box.configuration.parent, symlinks=True)
                prefix = ("strace", "-f", "-o", self.folder / "trace", "-e", f"trace={call}", "-e",
                    f"inject={call}:signal=KILL:when={number}")
                box.apply(new, code=None, prefix=prefix, env=environment)
                if "killed by SIGKILL" not in (self.folder / "trace").read_text():
                    break
                seen[box.value("quic")] += 1
                box.apply(new)
                self.assertEqual(box.value("quic"), "by-host", (call, number))
                known = box.postern("learned", "list")
                self.assertRegex(known, r"new\.example .* approved", (call, number))
                self.assertRegex(known, r"old\.example .* forbidden", (call, number))
        self.assertEqual(set(seen), {"allow", "by-host"}, seen)
        self.assertGreater(sum(seen.values()), 15, seen)


if __name__ == "__main__":
    unittest.main()
