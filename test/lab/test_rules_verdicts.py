# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by what the kernel's sets hold: open and closed, armed or not, each verdict, TCP and QUIC."""

import contextlib
import socket
import time
import unittest

from front import BACKENDS, FAMILIES, PATIENCE, FrontTest, Talk, cells
from lab import wait_until
from standin import Sniffer

MODES = ("open", "closed")
UNJUDGED = {"open": "forwarded", "closed": "dropped"}
CLIENTS = {4: (socket.AF_INET, "10.0.1.2"), 6: (socket.AF_INET6, "fd00:1::2")}
DISCARD = "100::8"


class Connections(FrontTest):
    def test_matrix(self):
        """Nobody serves the queue: what no set knows is not judged, but where nftables has no queue."""
        for backend, mode in ((backend, mode) for backend in BACKENDS for mode in MODES):
            with self.front(backend, "--on-failure", mode, armed=False) as sets:
                unknown = "intercepted" if backend == "nftables" else UNJUDGED[mode]
                for armed in (False, True):
                    for verdict in ("pass", "intercept", None):
                        sets.clear("armed", "pass4", "pass6", "intercept4", "intercept6")
                        expected = {"pass": "forwarded", "intercept": "intercepted", None: unknown}[verdict]
                        if not armed:
                            expected = UNJUDGED[mode]
                        for family in FAMILIES:
                            if verdict:
                                sets.add(f"{verdict}{family}", self.hosts[family])
                            if armed:
                                sets.add("armed")
                            before = sets.unjudged()
                            with self.subTest(backend=backend, mode=mode, armed=armed, verdict=verdict, family=family):
                                self.assert_fate(family, expected)
                                self.assertEqual(sets.unjudged() - before,
                                    0 if armed and (verdict or unknown == "intercepted") else 1)

    def test_nothing_slips_through(self):
        """Closed: what is not a SYN neither, nor what was diverted and has no listener any more."""
        for backend in BACKENDS:
            with self.front(backend, "--on-failure", "closed") as sets, \
                    contextlib.closing(Sniffer(self.server, "eth0")) as sniffer:
                for family in FAMILIES:
                    with self.subTest(backend=backend, family=family), Talk(self.client, self.hosts[family]) as talk:
                        sets.clear("armed")
                        self.assertTrue(talk.echoes())
                        self.appliance.run("conntrack", "-F")
                        self.assertTrue(talk.echoes())
                        self.standin.stop()
                        list(sniffer.packets())
                        with contextlib.suppress(OSError):
                            talk.end.sendall(b"more")
                            time.sleep(0.05)
                            talk.end.sendall(b"and more")
                        self.assert_fate(family, "dropped")
                        client = socket.inet_pton(talk.end.family, talk.end.getsockname()[0])
                        self.assertEqual([packet for _, port, packet in sniffer.packets(0.1)
                            if port == 443 and client in packet[:40]], [])
                    self.standin.start()
                    sets.add("armed")

    def test_what_was_passed_stays(self):
        """Through disarming, the engine's death, and another verdict."""
        for backend, mode in ((backend, mode) for backend in BACKENDS for mode in MODES):
            with self.front(backend, "--on-failure", mode, verdict="pass") as sets:
                with contextlib.ExitStack() as stack:
                    talks = [stack.enter_context(Talk(self.client, self.hosts[family])) for family in FAMILIES]
                    for what, step in (("nothing", lambda: None), ("disarmed", lambda: sets.clear("armed")),
                            ("other verdict", lambda: self.change_verdict(sets, "pass", "intercept")),
                            ("dead", self.standin.stop)):
                        step()
                        for family, talk in zip(FAMILIES, talks):
                            with self.subTest(backend=backend, mode=mode, family=family, after=what):
                                self.assertFalse(self.standin.has(talk.end))
                                self.assertTrue(talk.echoes())

    def change_verdict(self, sets, before, after):
        for family in FAMILIES:
            sets.clear(f"{before}{family}")
            sets.add(f"{after}{family}", self.hosts[family])
        sets.add("armed")

    def test_what_was_intercepted_stays(self):
        for backend in BACKENDS:
            with self.front(backend) as sets, contextlib.ExitStack() as stack:
                talks = [stack.enter_context(Talk(self.client, self.hosts[family])) for family in FAMILIES]
                for what, step in (("other verdict", lambda: self.change_verdict(sets, "intercept", "pass")),
                        ("disarmed", lambda: sets.clear("armed"))):
                    step()
                    for family, talk in zip(FAMILIES, talks):
                        with self.subTest(backend=backend, family=family, after=what):
                            self.assertTrue(self.standin.has(talk.end))
                            self.assertTrue(talk.echoes())

    def test_listener_dead(self):
        """While the door is still armed, at most 3 seconds: iptables' TPROXY drops, nftables' goes on."""
        for backend, mode in ((backend, mode) for backend in BACKENDS for mode in MODES):
            with self.front(backend, "--on-failure", mode) as sets:
                self.standin.stop()
                forwarded = backend == "nftables" and mode == "open"
                for family in FAMILIES:
                    with self.subTest(backend=backend, mode=mode, family=family):
                        sets.add("armed")
                        self.assert_fate(family, "forwarded" if forwarded else "dropped")
                        sets.clear("armed")
                        self.assert_fate(family, UNJUDGED[mode])

    def test_dead_man(self):
        """Who does not say that he lives is dead after 3 seconds."""
        for backend in BACKENDS:
            with self.subTest(backend=backend), self.front(backend, "--on-failure", "open") as sets:
                if backend == "nftables":
                    sets.clear("armed")
                    self.appliance.run("nft", "add element inet postern armed { 443 timeout 3s }")
                else:
                    self.appliance.run("ipset", "-exist", "add", "postern_armed", "443")
                self.assert_fate(4, "intercepted")
                start = time.monotonic()
                wait_until(lambda: self.fate(4) == "forwarded", "the dead man's time", 5)
                self.assertGreater(time.monotonic() - start, 1.5)

    def test_own_addresses(self):
        for backend in BACKENDS:
            with self.subTest(backend=backend), self.front(backend, "--on-failure", "closed", armed=False):
                for address in ("10.0.1.1", "10.0.2.1", "fd00:1::1"):
                    with self.appliance.listen(address) as listener, self.client.connect(address, timeout=2) as end:
                        server, _ = listener.accept()
                        with server:
                            end.sendall(b"hello")
                            self.assertEqual(server.recv(5), b"hello")


class Forward(FrontTest):
    """Connections to be intercepted go through FORWARD first, and come back."""

    def test_forward_rules(self):
        """What they let through is intercepted, and only the engine speaks to the server."""
        for backend in BACKENDS:
            with self.front(backend, "--on-failure", "closed") as sets:
                sets.add("forward_first")
                for family, tool in zip(FAMILIES, ("iptables", "ip6tables")):
                    with self.subTest(backend=backend, family=family), \
                            contextlib.closing(Sniffer(self.server, "eth0")) as sniffer, self.counted(tool) as count:
                        self.assert_fate(family, "intercepted")
                        self.assertEqual(count(), 1)
                        client = socket.inet_pton(*CLIENTS[family])
                        self.assertEqual([packet for _, port, packet in sniffer.packets(0.1)
                            if port == 443 and client in packet[:40]], [])
                        rule = ("FORWARD", "-d", self.hosts[family], "-p", "tcp", "-j", "REJECT",
                            "--reject-with", "tcp-reset")
                        self.appliance.run(tool, "-A", *rule)
                        self.assert_fate(family, "refused")
                        self.appliance.run(tool, "-D", *rule)

    @contextlib.contextmanager
    def counted(self, tool):
        """How many SYNs have come through FORWARD."""
        rule = ("FORWARD", "-p", "tcp", "--dport", "443", "--syn")
        self.appliance.run(tool, "-I", *rule)
        try:
            yield lambda: int(self.appliance.run(tool, "-vxnL", "FORWARD", "1").stdout.split()[0])
        finally:
            self.appliance.run(tool, "-D", *rule)

    def test_listener_dead(self):
        """As if it had not made the detour."""
        for backend, mode in (("nft", "open"), ("legacy", "closed"), ("nftables", "open"), ("nftables", "closed")):
            with self.front(backend, "--on-failure", mode) as sets:
                sets.add("forward_first")
                self.standin.stop()
                forwarded = backend == "nftables" and mode == "open"
                for family in FAMILIES:
                    with self.subTest(backend=backend, mode=mode, family=family):
                        self.assert_fate(family, "forwarded" if forwarded else "dropped")

    def test_strict_neighbours(self):
        """Reverse path filters, the kernel's own, and a firewall's in IPv6; an OUTPUT that drops and marks."""
        self.appliance.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1")
        self.appliance.run("nft", "-f", "-", input="""table inet strict {
            chain strict {
                type filter hook prerouting priority raw + 10; policy accept;
                fib saddr . mark . iif oif missing drop
            }
        }""")
        self.addCleanup(self.appliance.run, "nft", "delete", "table", "inet", "strict")
        self.addCleanup(self.appliance.run, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0")
        for backend in BACKENDS:
            with self.drops_output("legacy" if backend == "legacy" else "nft", backend != "nftables"), \
                    self.front(backend, "--on-failure", "closed") as sets:
                sets.add("forward_first")
                for family in FAMILIES:
                    with self.subTest(backend=backend, family=family):
                        self.assert_fate(family, "intercepted")

    def drops_output(self, tool, does):
        return self.loaded(tool, """*filter
:OUTPUT DROP [0:0]
-A OUTPUT -m conntrack --ctstate NEW,ESTABLISHED,RELATED -j ACCEPT
-6 -A OUTPUT -p icmpv6 -j ACCEPT
COMMIT
*mangle
-A OUTPUT ! -o wan0 -j MARK --set-mark 0x1
COMMIT
""", "*filter\n:OUTPUT ACCEPT [0:0]\n-F OUTPUT\nCOMMIT\n*mangle\n-F OUTPUT\nCOMMIT\n") if does else contextlib.nullcontext()

    def test_nothing_else_comes_back(self):
        """What somebody sends by those devices, or to the address that their route has, ends there."""
        for backend in ("legacy", "nftables"):
            with self.front(backend, "--own-traffic", "--on-failure", "open") as sets:
                sets.add("forward_first")
                sets.add("intercept6", DISCARD)
                for family, address in ((socket.AF_INET, self.hosts[4]), (socket.AF_INET6, DISCARD)):
                    with self.subTest(backend=backend, to=address), self.appliance.socket(family) as end:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"postern1")
                        end.settimeout(PATIENCE)
                        with self.assertRaises(TimeoutError):
                            end.connect((address, 443))
                with self.subTest(backend=backend, client_to=DISCARD):
                    before = len(self.standin.clients)
                    with self.client.socket(socket.AF_INET6) as end:
                        end.settimeout(1.5)  # the stand-in's own second SYN would be there
                        end.connect((DISCARD, 443))
                        with self.assertRaises(TimeoutError):
                            end.recv(1)
                    self.assertEqual(len(self.standin.clients), before + 1)


class Quic(FrontTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.servers = {}
        for family in FAMILIES:
            server = cls.server.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
            server.bind((cls.hosts[family], 443))
            server.settimeout(0.2)
            cls.addClassCleanup(server.close)
            cls.servers[family] = server

    def send(self, family, count=1):
        """(how many datagrams came, how many of the sockets were told that nobody listens)"""
        ends = [self.client.socket(self.servers[family].family, socket.SOCK_DGRAM) for _ in range(count)]
        for end in ends:
            end.connect((self.hosts[family], 443))
            end.send(b"initial")
        came = refused = 0
        with contextlib.suppress(TimeoutError):
            while came < count and not refused:
                self.servers[family].settimeout(0.05)
                self.servers[family].recv(100)
                came += 1
        for end in ends:
            end.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                try:
                    end.recv(1)
                except ConnectionRefusedError:
                    refused += 1
            end.close()
        return came, refused

    def test_matrix(self):
        passed, rejected, dropped = (1, 0), (0, 1), (0, 0)
        for backend, mode in ((backend, mode) for backend in BACKENDS for mode in MODES):
            with self.front(backend, "--on-failure", mode) as sets:
                unjudged = passed if mode == "open" else dropped
                for wish, expected in (("allow", passed), ("reject", rejected), (None, unjudged),
                        ("queue", rejected if backend == "nftables" else unjudged)):
                    for family in FAMILIES:
                        with self.subTest(backend=backend, mode=mode, wish=wish, family=family):
                            sets.clear("quic_allow", "quic_reject", "quic_queue")
                            if wish:
                                sets.add(f"quic_{wish}")
                            before = sets.unjudged()
                            self.assertEqual(self.send(family), expected)
                            self.assertEqual(sets.unjudged() - before, int(wish is None or expected is unjudged and wish == "queue"))

    def test_unjudged_are_not_translated(self):
        """In closed mode a DNAT rule does not lead QUIC past the port that is watched."""
        for backend in ("nft", "legacy"):
            with self.subTest(backend=backend), self.loaded(backend, """*nat
-A PREROUTING -i lan0 -p udp --dport 443 -j REDIRECT --to-ports 5000
COMMIT
""", "*nat\n-F PREROUTING\nCOMMIT\n"), self.front(backend, "--on-failure", "closed") as sets:
                sets.add("quic_queue")
                with self.appliance.socket(socket.AF_INET, socket.SOCK_DGRAM) as spy:
                    spy.bind(("", 5000))
                    spy.settimeout(0.1)
                    self.assertEqual(self.send(4), (0, 0))
                    with self.assertRaises(TimeoutError):
                        spy.recv(1)

    def test_each_of_many_is_told(self):
        """The kernel's limits on ICMP would silence most."""
        for cell in cells(("backend", ("nft", "nftables")), ("family", FAMILIES)):
            with self.subTest(**cell), self.front(cell["backend"]) as sets:
                sets.add("quic_reject")
                self.assertEqual(self.send(cell["family"], 200), (0, 200))


if __name__ == "__main__":
    unittest.main()
