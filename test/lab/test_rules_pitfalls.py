# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules among what real machines have: one regression test for each thing that once broke them, and more networks."""

import contextlib
import time
import unittest

from front import BACKENDS, FAMILIES, FrontTest, Peer, Talk, serve
from lab import Namespace

LOAD = 300_000  # bytes each way
DROP_INVALID = """*mangle
-I PREROUTING -m conntrack --ctstate INVALID -j DROP
COMMIT
*filter
-A FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
"""
NO_DROP_INVALID = DROP_INVALID.replace("-I", "-D").replace("-A", "-D")
NO_NAT = "*nat\n-F PREROUTING\n-F POSTROUTING\nCOMMIT\n"


class Pitfalls(FrontTest):
    @contextlib.contextmanager
    def sysctls(self, *settings):
        before = [f"{key}={self.appliance.run('sysctl', '-n', key).stdout.strip()}"
            for key in (setting.split("=")[0] for setting in settings)]
        self.appliance.run("sysctl", "-qw", *settings)
        try:
            yield
        finally:
            self.appliance.run("sysctl", "-qw", *before)

    def each(self, check, backends=BACKENDS, **how):
        """check(backend, family, sets) for each backend in front and each family."""
        for backend in backends:
            with self.front(backend, **how) as sets:
                for family in FAMILIES:
                    with self.subTest(backend=backend, family=family, **how):
                        check(backend, family, sets)

    def test_syn_cookies(self):
        with self.sysctls("net.ipv4.tcp_syncookies=2"):
            def check(_, family, __):
                self.assert_fate(family, "intercepted")

            self.each(check)

    def test_same_ports_again(self):
        """TIME_WAIT stands neither in the way of a passed connection nor of an intercepted one."""
        def check(_, family, sets):
            with Talk(self.client, self.hosts[family]) as talk:
                self.assertTrue(talk.echoes())
                port = talk.port
                talk.end.shutdown(1)  # the client is first: TIME_WAIT is its
                self.assertEqual(talk.end.recv(1), b"")
            self.client.run("ss", "-K", "state", "time-wait", "sport", "=", port)
            begun = time.monotonic()
            self.assert_fate(family, "intercepted", port=port)
            self.assertLess(time.monotonic() - begun, 0.9)  # no SYN was lost
            with Talk(self.client, self.hosts[family], port=port + 1) as talk:
                self.standin.close_first()  # TIME_WAIT is ours
                self.assertEqual(talk.end.recv(1), b"")
            sets.add(f"pass{family}", self.hosts[family])
            begun = time.monotonic()
            self.assert_fate(family, "forwarded", port=port + 1)
            self.assertLess(time.monotonic() - begun, 0.9)

        self.each(check, backends=("nft", "nftables"))

    def test_one_entry_for_both_halves(self):
        """With the client's address and port, sequence numbers that have nothing to do with each other, and a
        firewall that drops what conntrack calls invalid."""
        def check(backend, family, __):
            tool = "legacy" if backend == "legacy" else "nft"
            with self.loaded(tool, DROP_INVALID, NO_DROP_INVALID), Talk(self.client, self.hosts[family]) as talk:
                self.assertTrue(self.standin.has(talk.end))
                self.assertEqual(talk.seen, talk.end.getsockname()[0])
                self.assertTrue(talk.echoes(LOAD))

        self.each(check, source="client")

    def test_marks_in_route_lookups(self):
        settings = ("net.ipv4.conf.all.src_valid_mark=1", "net.ipv4.tcp_fwmark_accept=1", "net.ipv4.fwmark_reflect=1",
            "net.ipv6.fwmark_reflect=1", "net.ipv4.conf.all.rp_filter=1")
        with self.sysctls(*settings):
            for source in ("appliance", "client"):
                def check(_, family, __):
                    with Talk(self.client, self.hosts[family]) as talk:
                        self.assertTrue(self.standin.has(talk.end))
                        self.assertTrue(talk.echoes())

                self.each(check, backends=("nft", "nftables"), source=source)

    def test_masquerading(self):
        masquerade = "*nat\n-A POSTROUTING -o wan0 -j MASQUERADE\nCOMMIT\n"
        with self.loaded("nft", masquerade, NO_NAT):
            def check(backend, family, sets):
                appliance = {4: "10.0.2.1", 6: "fd00:2::1"}[family]
                with Talk(self.client, self.hosts[family]) as talk:
                    self.assertTrue(self.standin.has(talk.end))
                    self.assertEqual(talk.seen, appliance)
                    self.assertTrue(talk.echoes(LOAD))
                sets.add(f"pass{family}", self.hosts[family])
                with Talk(self.client, self.hosts[family]) as talk:
                    self.assertFalse(self.standin.has(talk.end))
                    self.assertEqual(talk.seen, appliance)

            self.each(check)

    def test_translated_destination(self):
        """Of what is intercepted the address is the one that the client asked for; what is passed is translated."""
        for tool in ("nft", "legacy"):
            for name, family, to in (("iptables", 4, self.others[4]), ("ip6tables", 6, f"[{self.others[6]}]")):
                self.appliance.run(f"{name}-{tool}", "-t", "nat", "-A", "PREROUTING", "-d", self.hosts[family],
                    "-p", "tcp", "--dport", "443", "-j", "DNAT", "--to-destination", f"{to}:9")
            try:
                def check(_, family, sets):
                    self.assert_fate(family, "intercepted")
                    sets.add(f"pass{family}", self.hosts[family])
                    self.assert_fate(family, "refused")

                self.each(check, backends={tool, "nftables"})
            finally:
                self.load(NO_NAT, f"iptables-{tool}-restore", f"ip6tables-{tool}-restore")

    def test_conntrack_forgets(self):
        for source in ("appliance", "client"):
            def check(_, family, __):
                with Talk(self.client, self.hosts[family]) as talk:
                    self.appliance.run("conntrack", "-F")
                    self.assertTrue(talk.echoes())
                    self.assertTrue(self.standin.has(talk.end))

            self.each(check, source=source)

    def test_zones(self):
        """The operator's conntrack zones, by interface, ahead of our rules or behind them."""
        for tool, where in (("nft", "ahead"), ("nft", "behind"), ("legacy", "ahead")):
            zones = "*raw\n{0} PREROUTING -i lan0 -j CT --zone 7\n{0} PREROUTING -i wan0 -j CT --zone 7\nCOMMIT\n".format(
                "-I" if where == "ahead" else "-A")
            undo = "*raw\n-D PREROUTING -i lan0 -j CT --zone 7\n-D PREROUTING -i wan0 -j CT --zone 7\nCOMMIT\n"
            for source in ("appliance", "client"):
                for mode in ("open", "closed"):
                    with self.front(tool, "--on-failure", mode, source=source) as sets, self.loaded(tool, zones, undo):
                        sets.add("forward_first")
                        for family in FAMILIES:
                            with self.subTest(tool=tool, where=where, source=source, mode=mode, family=family):
                                with Talk(self.client, self.hosts[family]) as talk:
                                    self.assertTrue(self.standin.has(talk.end))
                                    self.assertTrue(talk.echoes(LOAD))
                                sets.add(f"pass{family}", self.hosts[family])
                                with Talk(self.client, self.hosts[family]) as talk:
                                    self.assertFalse(self.standin.has(talk.end))
                                    self.assertTrue(talk.echoes(LOAD))


class Own(FrontTest):
    """The connections of the machine itself."""

    def test_own_traffic(self):
        for backend in BACKENDS:
            for mode in ("open", "closed"):
                with self.front(backend, "--own-traffic", "--on-failure", mode) as sets:
                    sets.add("forward_first")
                    for family in FAMILIES:
                        with self.subTest(backend=backend, mode=mode, family=family):
                            self.assert_fate(family, "intercepted", namespace=self.appliance)
                            self.assert_fate(family, "intercepted")
                            with Talk(self.appliance, self.hosts[family]) as talk:
                                self.assertTrue(talk.echoes(LOAD))
                            sets.add(f"pass{family}", self.hosts[family])
                            self.assert_fate(family, "forwarded", namespace=self.appliance)
                            sets.clear("armed")
                            self.assert_fate(family, "forwarded" if mode == "open" else "dropped", namespace=self.appliance)
                            sets.add("armed")

    def test_not_without_being_asked(self):
        with self.front("nft", armed=False):
            for family in FAMILIES:
                self.assert_fate(family, "forwarded", namespace=self.appliance)


class Interfaces(FrontTest):
    @classmethod
    def setUpClass(cls):
        """A second client, on lan1; a second server, behind the first client's link."""
        super().setUpClass()
        cls.second = Namespace(f"{cls.lab.name}-second")
        cls.addClassCleanup(cls.second.remove)
        cls.second.configure(
            f"link add eth0 type veth peer name lan1 netns {cls.appliance.name}",
            "link set lo up",
            "link set eth0 up",
            "address add 10.0.3.2/24 dev eth0",
            "address add fd00:3::2/64 dev eth0 nodad",
            "route add default via 10.0.3.1",
            "route add ::/0 via fd00:3::1")
        cls.appliance.configure(
            "link set lan1 up",
            "address add 10.0.3.1/24 dev lan1",
            "address add fd00:3::1/64 dev lan1 nodad")

    def test_several(self):
        for backend in BACKENDS:
            with self.front(backend, "--lan", "lan0", "--lan", "lan1", "--on-failure", "closed"):
                for family in FAMILIES:
                    for namespace in (self.client, self.second):
                        with self.subTest(backend=backend, family=family, client=namespace.name):
                            self.assert_fate(family, "intercepted", namespace=namespace)
                self.rules("up", "--backend", backend, "--on-failure", "closed")
                for family in FAMILIES:
                    with self.subTest(backend=backend, family=family, client="not any more"):
                        self.assert_fate(family, "forwarded", namespace=self.second)

    def test_one_for_both_sides(self):
        """Clients and servers on one interface: what the engine sends is not taken for a client's."""
        Peer([self.client.listen(address) for address in ("10.0.1.2", "fd00:1::2")], serve)
        for backend in BACKENDS:
            for source in ("appliance", "client"):
                with self.front(backend, "--lan", "lan0", "--lan", "wan0", "--wan", "lan0", "--wan", "wan0",
                        "--own-traffic", "--on-failure", "closed", source=source) as sets:
                    sets.add("forward_first")
                    for family, there, back in ((4, self.hosts[4], "10.0.1.2"), (6, self.hosts[6], "fd00:1::2")):
                        sets.add(f"intercept{family}", back)
                        for namespace, address in ((self.client, there), (self.server, back)):
                            with self.subTest(backend=backend, source=source, family=family, to=address):
                                before = len(self.standin.clients)
                                with Talk(namespace, address) as talk:
                                    self.assertTrue(self.standin.has(talk.end))
                                    self.assertTrue(talk.echoes(LOAD))
                                self.assertEqual(len(self.standin.clients), before + 1)


if __name__ == "__main__":
    unittest.main()
