# SPDX-License-Identifier: GPL-3.0-or-later
"""A bridge that has the clients on one of its ports and the servers on the other."""

import unittest

from front import BACKENDS, FAMILIES, FrontTest, Peer, Talk, serve
from lab import Namespace

HOSTS = {4: "10.0.9.3", 6: "fd00:9::3"}
OPTIONS = ("--bridge", "br0", "--lan", "port0", "--wan", "port1")


class Bridge(FrontTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.left, cls.right = (Namespace(f"{cls.lab.name}-{side}") for side in ("left", "right"))
        cls.appliance.configure(
            "link add br0 type bridge",
            "link set br0 up",
            "address add 10.0.9.1/24 dev br0",
            "address add fd00:9::1/64 dev br0 nodad")
        for number, side in enumerate((cls.left, cls.right)):
            cls.addClassCleanup(side.remove)
            side.configure(
                f"link add eth0 type veth peer name port{number} netns {cls.appliance.name}",
                "link set lo up",
                "link set eth0 up",
                f"address add 10.0.9.{number + 2}/24 dev eth0",
                f"address add fd00:9::{number + 2}/64 dev eth0 nodad")
            cls.appliance.configure(f"link set port{number} master br0", f"link set port{number} up")
        cls.switch_off(cls)
        Peer([cls.right.listen(address) for address in HOSTS.values()], serve)

    def switch_off(self, value=0):
        self.appliance.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={value}",
            f"net.bridge.bridge-nf-call-ip6tables={value}")

    def test_verdicts(self):
        for backend in BACKENDS:
            for source in ("appliance", "client"):
                with self.front(backend, *OPTIONS, "--on-failure", "closed", source=source) as sets:
                    sets.add("forward_first")
                    for family, host in HOSTS.items():
                        with self.subTest(backend=backend, source=source, family=family):
                            sets.add(f"intercept{family}", host)
                            with Talk(self.left, host) as talk:
                                self.assertTrue(self.standin.has(talk.end))
                                self.assertTrue(talk.echoes(300_000))
                            sets.add(f"pass{family}", host)
                            with Talk(self.left, host) as talk:
                                self.assertFalse(self.standin.has(talk.end))
                                self.assertTrue(talk.echoes(300_000))
                            sets.clear("armed")
                            self.assert_fate(family, "dropped", namespace=self.left, address=host)
                            sets.add("armed")
                    self.assertIn("bridge br0               yes", self.rules("status").stdout)

    def test_nothing_is_left(self):
        before = self.appliance.run("nft", "list", "ruleset").stdout
        self.rules("up", "--backend", "nftables", *OPTIONS)
        self.assertIn("table bridge postern", self.appliance.run("nft", "list", "ruleset").stdout)
        self.rules("down")
        self.assertEqual(self.appliance.run("nft", "list", "ruleset").stdout, before)

    def test_refused(self):
        """Where it would not be sound."""
        cases = [(OPTIONS[:2], "ports are missing"), (("--bridge", "lan0", *OPTIONS[2:]), "not a bridge"),
            (("--bridge", "br0", "--lan", "lan0", "--wan", "port1"), "lan0: not a port of br0")]
        for options, text in cases:
            with self.subTest(options=options):
                done = self.rules("up", *options, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(text, done.stderr)
        self.switch_off(1)
        try:
            done = self.rules("up", *OPTIONS, check=False)
        finally:
            self.switch_off()
        self.assertEqual(done.returncode, 1)
        self.assertIn("net.bridge.bridge-nf-call-iptables = 1", done.stderr)


if __name__ == "__main__":
    unittest.main()
