# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate decides before the engine meets a connection: by address, by client, by the FORWARD chain."""

import json
import re
import subprocess
import unittest

from case import FAMILIES, LabTest, each_family
from engine import CA, build
from lab import RULES, wait_until

PASSED = 0x20
DIVERTED = 0x10


class Gate(LabTest):
    @classmethod
    def make_servers(cls):
        cls.nginx.site("plain.example")
        cls.nginx.site("asks.example", "ssl_verify_client on;", f"ssl_client_certificate {cls.pki.clients.certificate};")

    def tool(self, family):
        return "iptables" if family == 4 else "ip6tables"

    def visit(self, host, family):
        """Whether it was intercepted, by the certificate; and the mark that conntrack keeps."""
        tls, port = self.shake_hands(host, family)
        issuer = tls.tls.getpeercert(binary_form=True).decode("latin-1")
        found = self.lab.appliance.run("conntrack", "-L", "-f", f"ipv{family}", "-p", "tcp", "--orig-port-src", port).stdout
        tls.end.close()
        marks = {int(mark) & 0x30 for mark in re.findall(r"\bmark=(\d+)", found)}
        return CA in issuer, marks, port

    def assert_passed_by_kernel(self, host, family):
        is_intercepted, marks, port = self.visit(host, family)
        self.assertFalse(is_intercepted)
        self.assertEqual(marks, {PASSED})
        return port

    def assert_intercepted(self, host, family):
        is_intercepted, marks, port = self.visit(host, family)
        self.assertTrue(is_intercepted)
        self.assertEqual(marks, {DIVERTED})
        self.engine.connection(port)

    def assert_no_line(self, port, address):
        """The engine never saw it: the next connection's line is there, this one's is not."""
        self.assert_intercepted("plain.example", 4)
        events = map(json.loads, self.engine.log.read_text().splitlines())
        self.assertNotIn((port, address), [(event.get("src_port"), event.get("dest_ip")) for event in events])

    def known(self, name):
        return self.lab.appliance.run("ipset", "list", f"postern_{name}").stdout

    @each_family
    def test_server_prefix(self, family):
        address = self.address("asks.example", family)
        with self.configured({"rules": [{"pass": {"server": [address]}}]}):
            before = self.engine.status()["judged"]["pass"]
            port = self.assert_passed_by_kernel("asks.example", family)
            self.assertIn(address, self.known(f"pass{family}"))
            self.assert_passed_by_kernel("asks.example", family)  # by the set
            self.assertEqual(self.engine.status()["judged"]["pass"], before + 1)
            self.assert_no_line(port, address)
        self.assertNotIn(address, self.known(f"pass{family}"))  # a reload forgets

    @each_family
    def test_client_prefix(self, family):
        client = {4: "10.0.1.0/24", 6: "fd00:1::/64"}[family]
        other = {4: "10.0.9.0/24", 6: "fd00:9::/64"}[family]
        with self.configured({"rules": [{"pass": {"client": client}}]}):
            for _ in range(2):
                self.assert_passed_by_kernel("plain.example", family)
            self.assertNotIn(self.address("plain.example", family), self.known(f"pass{family}"))
        with self.configured({"rules": [{"pass": {"client": other}}]}):
            self.assert_intercepted("plain.example", family)
            self.assertNotIn(self.address("plain.example", family), self.known(f"intercept{family}"))

    @each_family
    def test_known_to_be_intercepted(self, family):
        self.engine.reload()
        self.assert_intercepted("plain.example", family)
        wait_until(lambda: self.address("plain.example", family) in self.known(f"intercept{family}"), "the address")
        before = self.engine.status()["judged"]["intercept"]
        self.assert_intercepted("plain.example", family)
        self.assertEqual(self.engine.status()["judged"]["intercept"], before)

    @each_family
    def test_a_name_may_change_it(self, family):
        """An address that only some names pass is the engine's to judge."""
        rules = [{"block": "blocked.example"}, {"pass": {"server": [self.address("plain.example", family)]}}]
        with self.configured({"rules": rules}):
            tls, port = self.shake_hands("plain.example", family)
            tls.end.close()
            self.assert_line(port, "pass", "rule")

    @each_family
    def test_addresses_that_always_ask(self, family):
        with self.configured({"learn": {"pass_addresses": True}}):
            for _ in range(3):
                tls, port = self.shake_hands("asks.example", family)
                tls.end.close()
                self.engine.connection(port)
            wait_until(lambda: self.address("asks.example", family) in self.known(f"pass{family}"), "the address")
            port = self.assert_passed_by_kernel("asks.example", family)
            self.assert_no_line(port, self.address("asks.example", family))
            self.assertNotIn(self.address("plain.example", family), self.known(f"pass{family}"))

    @each_family
    def test_forward_rules(self, family):
        """What the operator forbids in FORWARD is not to be had by being intercepted."""
        refused = {4: "icmp-admin-prohibited", 6: "icmp6-adm-prohibited"}[family]
        rule = ("FORWARD", "-d", self.address("plain.example", family), "-p", "tcp", "-j", "REJECT", "--reject-with", refused)
        self.assert_intercepted("plain.example", family)
        self.lab.appliance.run(self.tool(family), "-A", *rule)
        try:
            with self.assertRaises(OSError):
                self.connect("plain.example", family)
            with self.configured({"gate": {"forward_rules": "ignore"}}):
                self.assertFalse(self.engine.status()["forward_rules"])
                self.assert_intercepted("plain.example", family)
        finally:
            self.lab.appliance.run(self.tool(family), "-D", *rule)
        wait_until(lambda: self.engine.status()["forward_rules"], "asking FORWARD")
        self.assert_intercepted("plain.example", family)

    def test_devices_go(self):
        """Without both ends nothing can come back from behind FORWARD, so nothing is sent there."""
        for end in ("postern0", "postern1"):
            with self.subTest(end=end):
                self.lab.appliance.run("ip", "link", "set", "dev", end, "down")
                wait_until(lambda: not self.engine.status()["forward_rules"], "the gate to notice")
                for family in FAMILIES:
                    self.assert_intercepted("plain.example", family)
                self.assertIn("FAIL  device", self.lab.appliance.run(RULES, "check", check=False).stdout)
                self.lab.divert(*self.RULES)
                wait_until(lambda: self.engine.status()["forward_rules"], "asking FORWARD")
                for family in FAMILIES:
                    self.assert_intercepted("plain.example", family)

    def test_status(self):
        command = (build() / "engine/cli/postern", "status", "--config", self.engine.configuration)
        said = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True).stdout
        self.assertRegex(said, r"(?m)^door +armed$")
        self.assertRegex(said, r"(?m)^on failure +closed: ")
        self.assertRegex(said, r"(?m)^rules +iptables")
        self.lab.appliance.run(RULES, "down")
        try:
            self.engine.await_door("closed")
            found = subprocess.run(command, text=True, stdout=subprocess.PIPE)
            self.assertEqual(found.returncode, 1)
            self.assertRegex(found.stdout, r"(?m)^door +closed: the rules are not loaded$")
        finally:
            self.lab.divert()
            self.engine.await_door("armed")


if __name__ == "__main__":
    unittest.main()
