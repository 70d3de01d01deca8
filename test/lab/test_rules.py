# SPDX-License-Identifier: GPL-3.0-or-later
"""postern-rules: what it loads and takes away, what it says, and what it goes back from."""

import os
import pathlib
import pty
import re
import subprocess
import unittest
from unittest import mock

from front import BACKENDS, FAMILIES, Peer, RulesTest
from lab import REPOSITORY, RULES
from pki import Pki
from servers import tls_context
from standin import Sets


class Loading(RulesTest):
    def test_down_takes_away_what_up_did(self):
        for backend in BACKENDS:
            for options in ((), ("--own-traffic", "--lan", "lan0", "--lan", "wan0", "--wan", "lan0", "--on-failure", "open")):
                with self.subTest(backend=backend, options=options), self.unchanged():
                    self.rules("up", "--backend", backend, *options)
                    during = self.everything()
                    self.rules("up", "--backend", backend, *options)
                    self.assertEqual(sorted(self.everything()), sorted(during))
                    self.rules("down")
        with self.unchanged():
            self.rules("down")

    def test_without_memory(self):
        """down finds the rules without what up remembered."""
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                self.rules("up", "--backend", backend)
                for path in self.memory():
                    path.unlink()
                self.rules("down")
                self.assertNotRegex("\n".join(self.everything()), "POSTERN_|postern_|postern0|inet postern|lookup 10")

    def memory(self):
        return list(pathlib.Path("/run/postern").glob(f"rules.{self.appliance.name}*"))

    def test_changes(self):
        """Another backend, other interfaces, another port and table take the place of what was there."""
        for backend in BACKENDS:
            self.rules("up", "--backend", backend, "--preference", "90", "--table", "90", "--port", "9000", "--lan", "lan7",
                "--wan", "wan7", "--own-traffic")
            self.rules("up", "--backend", backend)
            self.assertEqual(self.rules("status").returncode, 0)
            now = "\n".join(self.everything())
            for word in ("lan7", "wan7", "9000", "lookup 90", "table 90", "^90:"):
                self.assertNotRegex(now, f"(?m){word}")
        with self.unchanged():
            for backend in BACKENDS:
                self.rules("up", "--backend", backend)
            self.rules("up", "--backend", "nftables")
        self.assertNotIn("POSTERN", "\n".join(self.everything()))

    def test_sysctls_of_others_stay(self):
        self.rules("up")
        self.appliance.run("sysctl", "-qw", "net.ipv4.icmp_ratemask=2064")
        self.rules("down")
        self.assertEqual(self.appliance.run("sysctl", "-n", "net.ipv4.icmp_ratemask").stdout.strip(), "2064")
        self.assertEqual(self.appliance.run("sysctl", "-n", "net.ipv4.tcp_early_demux").stdout.strip(), "1")
        self.appliance.run("sysctl", "-qw", "net.ipv4.icmp_ratemask=6168")

    def test_failure_is_undone(self):
        """The last step fails: back to nothing, or to what was loaded before."""
        tools = self.lab.folder / "tools"
        tools.mkdir()
        for name in ("ip6tables-nft-restore", "nft"):
            real = self.appliance.run("sh", "-c", f"command -v {name}").stdout.strip()
            (tools / name).write_text(f"""#!/bin/sh
                text=$(mktemp)
                for file; do :; done
                case "$*" in *"-f -" | *-n) cat ;; *) cat "$file" 2>&1 ;; esac >"$text"
                result=1
                grep -q :9000 "$text" || grep -q "on-port 9000" "$text" || {{ {real} "$@" <"$text"; result=$?; }}
                rm "$text"
                exit $result
            """.replace("                ", ""))
            (tools / name).chmod(0o755)
        for backend, befores in (("nft", ((), ("--lan", "lan7"), ("--backend", "legacy"))), ("nftables", ((), ("--table", "90")))):
            for before in befores:
                with self.subTest(backend=backend, before=before):
                    if before:
                        self.rules("up", *before)
                    with self.unchanged():
                        done = self.rules("up", "--backend", backend, "--port", "9000", "--own-traffic", check=False,
                            env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}, stdin=subprocess.DEVNULL)
                        self.assertEqual(done.returncode, 1)
                        self.assertIn("nothing was changed", done.stderr)
                    self.rules("down")

    def lesser(self, tool, words, answer):
        """A PATH where the tool gives that answer whenever it is told these words."""
        folder = self.lab.folder / f"without-{tool}"
        folder.mkdir()
        real = self.appliance.run("sh", "-c", f"command -v {tool}").stdout.strip()
        (folder / tool).write_text(f"""#!/bin/sh
            text=$(mktemp)
            case "$*" in *"-f -" | *-n) cat >"$text" ;; esac
            case "$* $(cat "$text")" in *"{words}"*) {answer} ;; *) {real} "$@" <"$text" ;; esac
            result=$?
            rm "$text"
            exit $result
        """.replace("            ", ""))
        (folder / tool).chmod(0o755)
        return f"{folder}:{os.environ['PATH']}"

    def test_kernel_cannot_bring_back(self):
        """Then nothing goes through FORWARD; iptables itself just warns of a target that the kernel lacks."""
        for backend, tool, words, answer in (("nft", "ip", "type veth", "false"), ("nftables", "nft", "dup to", "false"),
                ("legacy", "ip6tables-legacy-restore", "--test", "echo Warning: Extension TEE is not supported >&2")):
            path = self.lesser(tool, words, answer)
            with self.subTest(tool=tool), self.unchanged(), mock.patch.dict(os.environ, PATH=path):
                self.assertIn("the FORWARD rules of others are not asked", self.rules("up", "--backend", backend).stderr)
                with self.front(backend) as sets:
                    sets.add("forward_first")
                    self.assertRegex(self.rules("check", check=False).stdout, "warn +device +no postern0")
                    for family in FAMILIES:
                        self.assert_fate(family, "intercepted")

    def test_device_of_an_older_version(self):
        self.appliance.run("ip", "tuntap", "add", "dev", "postern0", "mode", "tun")
        self.rules("up")
        self.assertIn("device postern0          yes", self.rules("status").stdout)
        self.rules("down")
        self.assertNotIn("postern0", "\n".join(self.everything()))

    def test_status(self):
        self.assertEqual(self.rules("status", check=False).returncode, 1)
        for backend in BACKENDS:
            self.rules("up", "--backend", backend)
            self.assertEqual(self.rules("status").returncode, 0)
            self.assertEqual(self.rules("status", "--backend", backend, "--port", "9000", check=False).returncode, 1)
        self.appliance.run("ip", "rule", "del", "pref", "100", "iif", "lan0")
        self.assertIn("ip -4 routing            no", self.rules("status", check=False).stdout)
        self.rules("up")
        self.assertEqual(self.rules("status").returncode, 0)

    def test_on_failure(self):
        for backend in BACKENDS:
            sets = Sets(self.appliance, backend)
            for words, closed in ((("--on-failure", "open"), False), ((), True), (("--on-failure", "closed"), True)):
                with self.subTest(backend=backend, words=words):
                    self.rules("up", "--backend", backend, *words)
                    self.assertEqual(sets.has("closed"), closed)
            self.assertEqual(sets.unjudged(), 0)

    def test_mistakes(self):
        for arguments, text in (((), "usage"), (("on",), "usage"), (("up", "--lan"), "a value is missing"),
                (("up", "--lan", "a b"), "not an interface"), (("up", "--port", "https"), "not a number"),
                (("up", "--fast", "1"), "no such option"), (("up", "--backend", "other"), "nft, legacy or nftables"),
                (("up", "--on-failure", "shut"), "open or closed")):
            with self.subTest(arguments=arguments):
                done = self.rules(*arguments, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn(text, done.stderr)
        self.assertIn("usage", self.rules("--help").stdout)
        self.assertIn("nowhere0: no such interface yet", self.rules("up", "--lan", "nowhere0").stderr)

    def test_print(self):
        """What it prints can be loaded, and is what up loads."""
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                text = self.rules("print", "--backend", backend, "--lan", "lan0", "--lan", "lan1", "--own-traffic").stdout
                self.assertIn("lan1", text)
                if backend == "nftables":
                    for command in re.findall(r"^#\t(ip link .*)$", text, re.M):
                        self.appliance.run(*command.split())
                    self.appliance.run("nft", "-c", "-f", "-", input=text)
                    self.appliance.run("ip", "link", "del", "postern0")
                    continue
                self.appliance.run("ipset", "-exist", "restore", input=(REPOSITORY / "rules/postern.ipset").read_text())
                for name in ("iptables", "ip6tables"):
                    self.appliance.run(f"{name}-{backend}-restore", "-n", "--test", input=text)
        self.rules("down")

    def test_busybox(self):
        def run(*words, check=True):
            return self.appliance.run("busybox", "sh", RULES, *words, check=check)

        for backend in ("nft", "nftables"):
            with self.subTest(backend=backend), self.unchanged():
                run("up", "--backend", backend, "--own-traffic", "--lan", "lan0", "--lan", "wan0")
                self.assertEqual(run("status").returncode, 0)
                self.assertEqual(run("check", check=False).returncode, 1)
                self.assertIn("lan0", run("print", "--backend", backend).stdout)
                run("down")


class Confirming(RulesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        addresses = cls.lab.add_host("tls.example")
        context = tls_context(Pki(cls.lab.folder / "pki").server("tls.example"))

        def talk(end):
            with context.wrap_socket(end, server_side=True) as tls:
                tls.recv(65536)
                tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")

        Peer([cls.server.listen(address) for address in addresses], talk)
        cls.addresses = dict(zip(FAMILIES, addresses))

    def test_self_test(self):
        for backend, before, family in (("nft", (), 4), ("nftables", ("--backend", "legacy", "--port", "9000"), 6)):
            with self.subTest(backend=backend, standin="none"):
                if before:
                    self.rules("up", *before)
                with self.unchanged():
                    done = self.rules("up", "--backend", backend, "--confirm", "--yes", "--timeout", "1", "--host",
                        self.addresses[family], check=False)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn("going back to what was before", done.stderr)
                self.rules("down")
            with self.subTest(backend=backend), self.front(backend) as sets:
                sets.add(f"intercept{family}", self.addresses[family])
                with self.unchanged():
                    count = len(self.standin.clients)
                    self.rules("up", "--backend", backend, "--confirm", "--yes", "--host", self.addresses[family])
                    self.assertEqual(len(self.standin.clients), count + 1)

    def test_answer(self):
        for answer, code in ((b"y\n", 0), (b"n\n", 1), (b"", 1)):
            with self.subTest(answer=answer):
                before = self.everything()
                self.assertEqual(self.at_terminal(answer, "up", "--confirm", "--timeout", "1"), code)
                (self.assertEqual if code else self.assertNotEqual)(self.everything(), before)
                self.rules("down")

    def at_terminal(self, answer, *words):
        ours, theirs = pty.openpty()
        process = self.appliance.start(RULES, *words, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.write(ours, answer)
        try:
            return process.wait(timeout=20)
        finally:
            os.close(ours)


if __name__ == "__main__":
    unittest.main()
