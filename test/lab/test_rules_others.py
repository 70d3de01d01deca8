# SPDX-License-Identifier: GPL-3.0-or-later
"""postern-rules where others have rules: check, what it refuses, whole rule sets of strangers."""

import contextlib
import json
import re
import unittest

from front import BACKENDS, FAMILIES, RulesTest
from lab import REPOSITORY

STRANGERS = REPOSITORY / "test" / "lab" / "strangers"
NO_FILTER = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-F
-X
COMMIT
*nat
-F
-X
COMMIT
*mangle
-F
-X
COMMIT
"""
ACCEPT = "-I INPUT -m mark --mark 0x1/0x1 -j ACCEPT"


class Checking(RulesTest):
    def test_check(self):
        done = self.rules("check", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout, r"FAIL +rules")
        for backend in BACKENDS:
            with self.subTest(backend=backend), self.front(backend, armed=False) as sets:
                done = self.rules("check", check=False)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertRegex(done.stdout, r"warn +mode +closed, and nobody judges")
                sets.add("armed")
                done = self.rules("check", check=False)
                self.assertEqual(done.returncode, 1 if backend == "nftables" else 0, done.stdout)
                report = json.loads(self.rules("check", "--json", check=False).stdout)
                self.assertEqual(report["worst"], "warn" if backend == "nftables" else "ok")
                self.appliance.run("sysctl", "-qw", "net.ipv4.tcp_early_demux=1")
                done = self.rules("check", check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn("sysctl -w 'net.ipv4.tcp_early_demux=0'", done.stdout)
                self.appliance.run("sysctl", "-qw", "net.ipv4.tcp_early_demux=0")

    def test_conflicts(self):
        """Refused, and named; nothing is changed; the way out is one."""
        cases = [
            ("iptables -t nat -A PREROUTING -i lan0 -p tcp --dport 443 -j REDIRECT --to-ports 9", "-j REDIRECT", ()),
            ("ip6tables-legacy -t mangle -A PREROUTING -p tcp -m multiport --dports 80,443 -j TPROXY --on-port 9",
                "-j TPROXY", ()),
            ("iptables -t mangle -A PREROUTING -i lan0 -j MARK --set-mark 0x5", "MARK --set-xmark 0x5", ()),
            ("iptables -t mangle -A PREROUTING -j CONNMARK --set-xmark 0x10/0x10", "--set-xmark 0x10/0x10", ()),
            ("iptables -A FORWARD -p tcp -j NFQUEUE --queue-balance 4428:4431", "4428:4431", ()),
            ("ip rule add pref 100 fwmark 0x200 lookup 7", "ip -4 rule 100:", ("--preference", "99")),
            ("ip -6 route add fd00:7::/64 dev lan0 table 101", "route in table 101", ("--table", "200")),
            ("nft add table inet own; nft add chain inet own in {type filter hook input priority 0; policy drop;}",
                "inet own in: policy drop", ()),
            ("nft add table ip own; nft add chain ip own pre {type nat hook prerouting priority -100;};"
                "nft add rule ip own pre iifname lan0 tcp dport {80, 443} redirect to :9", "redirect to :9", ()),
            ("nft add table inet own; nft add chain inet own pre {type filter hook prerouting priority -300;};"
                "nft add rule inet own pre meta mark set 0x7", "meta mark set 0x", ()),
        ]
        for command, text, way_out in cases:
            with self.subTest(command=command):
                self.change(command)
                with self.unchanged():
                    done = self.rules("up", check=False)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertIn(text, done.stderr)
                    self.assertIn("conflict", done.stderr)
                if way_out:
                    self.assertRegex(self.rules("check", check=False).stdout, f"FAIL +others' rules +.*{re.escape(text)}")
                    self.rules("up", *way_out)
                    self.assertEqual(self.rules("status").returncode, 0)
                    self.rules("down")
                self.forget()

    def test_neighbours(self):
        """Not refused: what concerns others, and what only looks like a conflict."""
        for command, warning in (
                ("iptables -t nat -A PREROUTING -i wan0 -p tcp --dport 443 -j REDIRECT --to-ports 9", None),
                ("iptables -t nat -A PREROUTING -i lan0 -p tcp --dport 80 -j REDIRECT --to-ports 9", None),
                ("iptables -t nat -A PREROUTING -i lan0 -d 10.9.9.9 -p tcp --dport 443 -j DNAT --to 10.8.8.8", "DNAT"),
                ("iptables -t mangle -A PREROUTING -i lan0 -j MARK --set-xmark 0x500/0xff00", None),
                ("iptables -t mangle -A PREROUTING -i lan0 -s 10.0.1.9 -j CONNMARK --set-xmark 0x20/0x30", None),
                ("iptables -t raw -A PREROUTING -m rpfilter --invert -j DROP", "rpfilter"),
                ("iptables -A INPUT -j DROP", None),
                ("iptables-legacy -A OUTPUT -o wan0 -j DROP", None),
                ("iptables-legacy -A OUTPUT ! -o lo -j REJECT", "-o lo -j REJECT"),
                ("iptables -t mangle -A OUTPUT -j MARK --set-mark 0x1", None),
                ("iptables-legacy -t mangle -A OUTPUT -j MARK --set-mark 0x1", "--set-xmark 0x1"),
                ("nft add table inet own; nft add chain inet own out {type route hook output priority 0;};"
                    "nft add rule inet own out oifname != wan0 meta mark set 0x1", "meta mark set 0x"),
                ("nft add table inet own; nft add chain inet own out {type filter hook output priority 0; policy drop;};"
                    "nft add rule inet own out ct state established,related,new accept", "policy drop"),
                ("nft add table inet own; nft add chain inet own out {type filter hook output priority 0; policy drop;};"
                    "nft add rule inet own out oifname { lo, postern1 } accept", None),
                ("ip rule add pref 50 from 10.0.1.0/24 lookup 7", "rule 50:"),
                ("nft add table inet own; nft add chain inet own in {type filter hook input priority 0; policy drop;};"
                    "nft add rule inet own in meta mark and 0x1 == 0x1 accept", None),
                ("nft add table inet own; nft add chain inet own in {type filter hook input priority 0; policy drop;};"
                    "nft add rule inet own in iifname lan0 accept", None),
                ("nft add table inet own; nft add chain inet own in {type filter hook input priority 0; policy drop;};"
                    "nft add rule inet own in ip saddr 10.0.0.0/8 accept", "policy drop")):
            with self.subTest(command=command):
                self.change(command)
                found = [line for line in self.rules("check", "--backend", "nft", check=False).stdout.splitlines()
                    if "others' rules" in line]
                self.forget()
                self.assertEqual([line[:4] for line in found], ["warn" if warning else "ok  "], found)
                self.assertIn(warning or "", found[0])

    def change(self, commands):
        for part in re.split(r";\s*(?=nft )", commands):
            words = part.split(" ", 1)
            self.appliance.run(*([words[0], words[1]] if words[0] == "nft" else part.split()))

    def forget(self):
        for tool in ("iptables-nft-restore", "iptables-legacy-restore", "ip6tables-legacy-restore"):
            self.load(NO_FILTER + "*raw\n-F\nCOMMIT\n", tool)
        self.appliance.run("sh", "-c", "nft delete table inet own; nft delete table ip own; ip rule del pref 100;"
            "ip rule del pref 50; ip -6 route flush table 101; true")


class Strangers(RulesTest):
    """With a rule set of others in place: ours beside it, and then just it again."""

    @contextlib.contextmanager
    def stranger(self, name, tool):
        if name.endswith(".nft"):
            self.appliance.run("nft", "-f", STRANGERS / name)
        else:
            self.load((STRANGERS / name).read_text(), f"iptables-{tool}-restore", f"ip6tables-{tool}-restore")
        try:
            yield
        finally:
            if name.endswith(".nft"):
                self.appliance.run("nft", "delete", "table", "inet", "zones")
            else:
                self.load(NO_FILTER, f"iptables-{tool}-restore", f"ip6tables-{tool}-restore")

    def make_way(self, name, tool):
        """What the refusal asks for."""
        if name.endswith(".nft"):
            self.appliance.run("nft", "insert rule inet zones filter_INPUT meta mark & 0x1 == 0x1 accept")
        else:
            self.load(f"*filter\n{ACCEPT}\nCOMMIT\n", f"iptables-{tool}-restore", f"ip6tables-{tool}-restore")

    def test_beside(self):
        cases = [(name, tool, backend) for name in ("ufw.iptables", "docker.iptables")
            for tool, backend in (("nft", "nft"), ("nft", "nftables"), ("legacy", "legacy"), ("legacy", "nft"))]
        cases += [("firewalld.nft", "nft", backend) for backend in ("nft", "nftables")]
        for name, tool, backend in cases:
            with self.subTest(stranger=name, tool=tool, backend=backend), self.stranger(name, tool):
                if name == "firewalld.nft" or name == "ufw.iptables" and tool != backend:
                    with self.unchanged():
                        done = self.rules("up", "--backend", backend, check=False)
                        self.assertEqual(done.returncode, 1)
                        self.assertRegex(done.stderr, "admin-prohibited" if name == "firewalld.nft" else "fw-not-local|INPUT DROP")
                    self.make_way(name, tool)
                with self.unchanged():
                    with self.front(backend) as sets:
                        self.assertNotIn("FAIL", self.rules("check", check=False).stdout)
                        for family in FAMILIES:
                            self.assert_fate(family, "intercepted")
                            sets.add(f"pass{family}", self.hosts[family])
                            self.assert_fate(family, "forwarded")


if __name__ == "__main__":
    unittest.main()
