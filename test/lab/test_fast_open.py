# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's hello in the SYN (TCP Fast Open), with servers that do and do not do it, and where it fails."""

import unittest

import lab
from case import LabTest, each_family

CLIENT, EVERY_LISTENER = 0x1, 0x402  # of net.ipv4.tcp_fastopen


class FastOpen(LabTest):
    SETTINGS = {"upstream": {"fast_open": True, "resumption": False}}

    @classmethod
    def make_servers(cls):
        cls.nginx.site("plain.example")
        cls.nginx.requiring("asking.example")
        cls.set(cls.lab.server, EVERY_LISTENER)
        cls.set(cls.lab.appliance, CLIENT)

    @staticmethod
    def set(namespace, mode):
        namespace.run("sysctl", "-qw", f"net.ipv4.tcp_fastopen={mode}")

    def counter(self, name):
        """Of the appliance's TCP."""
        lines = [line.split() for line in self.lab.appliance.run("cat", "/proc/net/netstat").stdout.splitlines()]
        names, numbers = (line for line in lines if line[0] == "TcpExt:")
        return int(numbers[names.index(name)])

    def visit(self, host, family):
        """(fate, hellos that went with a SYN and were taken)"""
        before = self.counter("TCPFastOpenActive")
        reply, line = self.curl(host, family=family)
        self.assertTrue(reply.body or line["fate"] != "intercept", line)
        return line["fate"], self.counter("TCPFastOpenActive") - before

    @each_family
    def test_with_the_syn(self, family):
        self.visit("plain.example", family)  # brings the cookie
        self.assertEqual(self.visit("plain.example", family), ("intercept", 1))

    @each_family
    def test_passed_is_dialled_as_ever(self, family):
        self.visit("asking.example", family)
        self.assertEqual(self.visit("asking.example", family), ("pass", 0))

    @each_family
    def test_a_server_that_stopped_it(self, family):
        """It knows its cookies no more: the kernel sends the hello again, after the handshake."""
        self.visit("plain.example", family)
        self.set(self.lab.server, 0)
        try:
            self.assertEqual(self.visit("plain.example", family), ("intercept", 0))
        finally:
            self.set(self.lab.server, EVERY_LISTENER)

    @each_family
    def test_refused(self, family):
        """The SYN with the hello is answered by a reset: the plain dial behind it says what it is."""
        self.visit("plain.example", family)
        address = self.address("plain.example", family)
        command = "iptables" if family == 4 else "ip6tables"
        rule = ("INPUT", "-d", address, "-p", "tcp", "--dport", "443", "-j", "REJECT", "--reject-with", "tcp-reset")
        self.lab.server.run(command, "-I", *rule)
        try:
            line = self.curl("plain.example", family=family)[1]
        finally:
            self.lab.server.run(command, "-D", *rule)
        self.assertEqual(line["end"], "server_refused", line)

    @each_family
    def test_not_asked_for(self, family):
        self.visit("plain.example", family)
        with self.configured({"upstream": {"fast_open": False}}):
            self.assertEqual(self.visit("plain.example", family), ("intercept", 0))


if __name__ == "__main__":
    unittest.main()
