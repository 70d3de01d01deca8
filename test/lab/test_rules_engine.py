# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules in front of the real engine: real handshakes, each backend, both sources."""

import contextlib
import itertools
import unittest

import clients
import wire
from case import LabTest, each_family
from engine import CA
from lab import RULES, Namespace, wait_until
from pki import REAL_CA
from servers import Peer, tls_context
from standin import Sets

BACKENDS = ("nft", "legacy")  # of iptables
ALL_BACKENDS = (*BACKENDS, "nftables")
SOURCES = ("appliance", "client")
TOOLS = {4: "iptables", 6: "ip6tables"}
FAR = {4: "10.0.4.2", 6: "fd00:4::2"}
SIZE = 1 << 20
FIREWALL = """
*nat
-4 -A PREROUTING -i lan0 -d 10.0.2.0/24 -p tcp --dport 443 -j REDIRECT --to-ports 9
-6 -A PREROUTING -i lan0 -d fd00:2::/64 -p tcp --dport 443 -j REDIRECT --to-ports 9
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-6 -A INPUT -p icmpv6 -j ACCEPT
-A FORWARD -i lan0 -o wan0 -j ACCEPT
COMMIT
"""
NO_FIREWALL = """
*nat
-F PREROUTING
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-F INPUT
-F FORWARD
COMMIT
"""


class Diverting(LabTest):
    """Real packets, with both kinds of iptables and both sources."""

    @classmethod
    def make_servers(cls):
        cls.nginx.site("plain.example")
        (cls.nginx.files / "megabyte").write_bytes(bytes(SIZE))
        cls.near = cls.extend(cls.lab.client, 3, "10.0.1.2", "fd00:1::2")
        cls.far = cls.extend(cls.lab.server, 4, "10.0.2.2", "fd00:2::2")
        context = tls_context(cls.pki.server("far.example"))
        Peer([cls.far.listen(address) for address in FAR.values()], lambda end: _count(end, context))

    @classmethod
    def extend(cls, machine, network, *gateways):
        """One more machine, behind the client or the server, on a link for small packets that it does not tell of."""
        extra = Namespace(f"{machine.name}-{network}")
        cls.addClassCleanup(extra.remove)
        extra.configure(
            f"link add eth0 type veth peer name far0 netns {machine.name}",
            "link set eth0 up mtu 1300",
            f"address add 10.0.{network}.2/24 dev eth0",
            f"address add fd00:{network}::2/64 dev eth0 nodad",
            f"route add default via 10.0.{network}.1 advmss 1460",
            f"route add ::/0 via fd00:{network}::1 advmss 1440")
        machine.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        machine.configure(
            "link set far0 up mtu 1300",
            f"address add 10.0.{network}.1/24 dev far0",
            f"address add fd00:{network}::1/64 dev far0 nodad")
        cls.lab.appliance.configure(
            f"route add 10.0.{network}.0/24 via {gateways[0]}",
            f"route add fd00:{network}::/64 via {gateways[1]}")
        return extra

    @contextlib.contextmanager
    def diverting(self, backend, *options):
        """By rules of that kind, for a while."""
        self.divert(backend, *options)
        try:
            yield
        finally:
            self.lab.appliance.run(RULES, "down")

    def setUp(self):
        super().setUp()
        self.divert("nft")

    def divert(self, backend, *options):
        self.lab.appliance.run(RULES, "up", "--backend", backend, *options)
        sets = Sets(self.lab.appliance, backend)
        wait_until(lambda: sets.has("armed"), "the gate arms")

    def assert_diverted(self, family):
        reply, line = self.curl("plain.example", family=family)
        self.assertEqual((reply.status, reply.issuer), (200, CA), reply)
        self.assert_fate(line, "intercept", "default")

    def assert_forwarded(self, family):
        reply = clients.curl(self.lab, "https://plain.example/", family=family)
        self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)
        self.assertEqual(int(reply.saw["port"]), reply.port)

    def shake_hands_of(self, machine, host, address):
        end = machine.connect(address)
        self.addCleanup(end.close)
        return wire.TlsEnd(end, wire.any_context(), server_hostname=host)

    @each_family
    def test_each_way(self, family):
        for backend, source in itertools.product(ALL_BACKENDS, SOURCES):
            with self.subTest(backend=backend, source=source), self.diverting(backend), \
                    self.configured({"source": source}):
                self.assert_diverted(family)

    @each_family
    def test_nobody_listens(self, family):
        """With nftables the connection is forwarded, and stays so when the engine comes."""
        with self.diverting("nftables", "--on-failure", "open"), self.configured({"on_failure": "open"}):
            self.engine.stop()
            self.assert_forwarded(family)
            with self.lab.client.connect(self.address("plain.example", family)) as end:
                client = wire.TlsEnd(end, wire.any_context(), server_hostname="plain.example")
                self.engine.start()
                client.send(b"GET / HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 OK", client.receive_all())
            self.assert_diverted(family)

    @each_family
    def test_down(self, family):
        self.lab.appliance.run(RULES, "down")
        self.assert_forwarded(family)
        self.divert("nft")
        self.assert_diverted(family)

    @each_family
    def test_exempted(self, family):
        rule = ("PREROUTING", "-t", "mangle", "-i", "lan0", "-p", "tcp", "-j", "CONNMARK", "--set-xmark", "0x20/0x30")
        tool = TOOLS[family]
        self.lab.appliance.run(tool, "-I", *rule)
        self.assert_forwarded(family)
        self.lab.appliance.run(tool, "-D", *rule)
        self.assert_diverted(family)

    @each_family
    def test_beside_a_firewall(self, family):
        """It drops what it does not know, and has plans of its own for the very connections."""
        for backend, source in zip(BACKENDS, SOURCES):
            with self.subTest(backend=backend, source=source), self.firewall(f"{TOOLS[family]}-{backend}"), \
                    self.diverting(backend), self.configured({"source": source}):
                self.assert_diverted(family)

    @contextlib.contextmanager
    def firewall(self, tool):
        self.lab.appliance.run(f"{tool}-restore", "-n", input=FIREWALL)
        try:
            yield
        finally:
            self.lab.appliance.run(f"{tool}-restore", "-n", input=NO_FIREWALL)

    @each_family
    def test_narrow_path(self, family):
        """What routers say about the size of packets reaches the engine, which sends with others' addresses."""
        for backend in ("nft", "nftables"):
            with self.subTest(backend=backend), self.diverting(backend), self.configured({"source": "client"}):
                self.forget_paths(family)
                client = self.shake_hands_of(self.lab.client, "far.example", FAR[family])
                client.send(bytes(SIZE))
                client.close_notify()
                self.assertEqual(client.receive_all(), str(SIZE).encode())
                client = self.shake_hands_of(self.near, "plain.example", self.address("plain.example", family))
                client.send(b"GET /files/megabyte HTTP/1.0\r\n\r\n")
                self.assertGreater(len(client.receive_all()), SIZE)

    def forget_paths(self, family):
        """What the appliance has learned of path MTUs before."""
        self.lab.appliance.run("ip", f"-{family}", "route", "flush", "cache")


def _count(end, context):
    server = wire.TlsEnd(end, context, server_side=True)
    server.send(str(len(server.receive_all())).encode())
    server.close_notify()


if __name__ == "__main__":
    unittest.main()
