# SPDX-License-Identifier: GPL-3.0-or-later
"""postern-rules: what it loads and takes away, and what the rules do on a machine with others."""

import contextlib
import itertools
import unittest

import clients
import wire
from case import LabTest, each_family
from engine import CA
from lab import RULES, Namespace
from pki import REAL_CA
from servers import Peer, tls_context

BACKENDS = ("nft", "legacy")  # of iptables
ALL_BACKENDS = (*BACKENDS, "nftables")
SOURCES = ("appliance", "client")
TOOLS = {4: "iptables", 6: "ip6tables"}
FAR = {4: "10.0.4.2", 6: "fd00:4::2"}
SIZE = 1 << 20
FIREWALL = """
*nat
-A PREROUTING -i lan0 -p tcp --dport 443 -j REDIRECT --to-ports 9
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-6 -A INPUT -p icmpv6 -j ACCEPT
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
COMMIT
"""


class Loading(LabTest):
    """The script itself; no packet is sent."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rules("down")

    def setUp(self):
        super().setUp()
        self.addCleanup(self.rules, "down")
        for backend in ("legacy", "nftables"):
            self.addCleanup(self.rules, "down", "--backend", backend)

    @classmethod
    def rules(cls, *arguments, check=True):
        return cls.lab.appliance.run(RULES, *arguments, check=check)

    def loaded(self, backend):
        """Rules, chains of users, policy routing. Empty tables and counters do not matter."""
        if backend == "nftables":
            lines, tools = self.lab.appliance.run("nft", "list", "ruleset").stdout.splitlines(), ()
        else:
            lines, tools = [], (f"iptables-{backend}-save", f"ip6tables-{backend}-save")
        for tool in tools:
            lines += [tool, *(line for line in self.lab.appliance.run(tool).stdout.splitlines()
                if line.startswith("-A") or line.startswith(":") and " - " in line)]
        for family in ("-4", "-6"):
            lines += self.lab.appliance.run("ip", family, "rule").stdout.splitlines()
            lines += self.lab.appliance.run("ip", family, "route", "show", "table", "all").stdout.splitlines()
        return lines

    def test_down_takes_away_what_up_did(self):
        for backend in ALL_BACKENDS:
            with self.subTest(backend=backend):
                stranger = "iptables-legacy" if backend == "legacy" else "iptables-nft"
                self.lab.appliance.run(stranger, "-A", "INPUT", "-i", "lan0", "-j", "ACCEPT")
                before = self.loaded(backend)
                self.rules("up", "--backend", backend)
                during = self.loaded(backend)
                self.assertNotEqual(during, before)
                self.rules("up", "--backend", backend)
                self.assertEqual(self.loaded(backend), during)
                self.rules("down", "--backend", backend)
                self.assertEqual(self.loaded(backend), before)
                self.rules("down", "--backend", backend)
                self.assertEqual(self.loaded(backend), before)

    def test_up_replaces_another_up(self):
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                self.rules("up", "--backend", backend)
                during = self.loaded(backend)
                self.rules("up", "--lan", "wan0", "--wan", "lan0", "--port", "9000", "--backend", backend)
                other = "\n".join(self.loaded(backend))
                self.assertIn("--on-port 9000", other)
                self.assertNotIn("--on-port 8443", other)
                self.assertNotIn("-i lan0 -p tcp -m tcp --dport 443", other)
                self.rules("up", "--backend", backend)
                self.assertCountEqual(self.loaded(backend), during)
                self.rules("down", "--backend", backend)

    def test_status(self):
        self.assertEqual(self.rules("status", check=False).returncode, 1)
        self.rules("up")
        self.assertEqual(self.rules("status").returncode, 0)
        self.assertEqual(self.rules("status", "--port", "9000", check=False).returncode, 1)
        self.lab.appliance.run("ip", "rule", "del", "pref", "100")
        self.assertIn("ip -4 routing            no", self.rules("status", check=False).stdout)
        self.rules("up")
        self.assertEqual(self.rules("status").returncode, 0)
        self.rules("down")
        self.rules("up", "--backend", "nftables")
        self.assertEqual(self.rules("status", "--backend", "nftables").returncode, 0)
        self.assertEqual(self.rules("status", "--backend", "nftables", "--port", "9000", check=False).returncode, 1)

    def test_mistakes(self):
        for arguments, text in (((), "usage"), (("on",), "usage"), (("up", "--lan"), "a value is missing"),
                (("up", "--lan", "nowhere0"), "nowhere0: no such interface"), (("up", "--port", "https"), "not a number"),
                (("up", "--fast", "1"), "no such option"), (("up", "--backend", "other"), "not found")):
            with self.subTest(arguments=arguments):
                done = self.rules(*arguments, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn(text, done.stderr)
        self.assertIn("usage", self.rules("--help").stdout)


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
    def diverting(self, backend):
        """By rules of that kind, for a while."""
        self.lab.appliance.run(RULES, "down")
        self.lab.appliance.run(RULES, "up", "--backend", backend)
        try:
            yield
        finally:
            self.lab.appliance.run(RULES, "down", "--backend", backend)
            self.lab.divert()

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
        with self.diverting("nftables"):
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
        self.lab.divert()
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
    def test_own_services_are_not_diverted(self, family):
        address = {4: "10.0.1.1", 6: "fd00:1::1"}[family]
        with self.lab.appliance.listen(address) as listener, self.lab.client.connect(address) as client:
            server, (peer, *_) = listener.accept()
            with server:
                self.assertEqual(peer, client.getsockname()[0])
                server.sendall(b"hello")
                self.assertEqual(client.recv(5), b"hello")

    @each_family
    def test_beside_a_firewall(self, family):
        """It drops what it does not know, and has plans of its own for the very connections."""
        for backend, source in itertools.product(BACKENDS, SOURCES):
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
    def test_conntrack_forgets(self, family):
        for backend, source in itertools.product(("nft", "nftables"), SOURCES):
            with self.subTest(backend=backend, source=source), self.diverting(backend), \
                    self.configured({"source": source}):
                client, _ = self.shake_hands("plain.example", family)
                self.lab.appliance.run("conntrack", "-F")
                client.send(b"GET / HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 OK", client.receive_all())

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
