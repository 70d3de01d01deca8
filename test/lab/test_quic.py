# SPDX-License-Identifier: GPL-3.0-or-later
"""
UDP to port 443: rejected at once, so that browsers take TCP; or allowed; or by the host in the hello, which
is read from datagrams recorded in test/data/quic.
"""

import statistics
import struct
import unittest

from case import LabTest, each_family
from engine import is_sanitized
from http3 import ANSWERED, RECORDED_HOST, REFUSED, SILENCE, Caddy, Chromium, Flow, recorded, serve_echo

PASSED, INTERCEPTED = "pass.example", "plain.example"  # hosts that speak HTTP/3
HOST = RECORDED_HOST  # passes, and sends back what it gets
AT_ONCE = 0.5 if is_sanitized() else 0.1  # seconds that a refusal may take
BY_HOST = {"quic": "by-host"}
NO_RULES = {"rules": []}


def long_header(first, version, rest):
    return struct.pack(">BI", first, version) + rest.ljust(1200, b"\0")


class QuicTest(LabTest):
    SETTINGS = {"quic": "reject", "rules": [{"pass": PASSED}, {"pass": HOST}]}

    @classmethod
    def make_servers(cls):
        caddy = Caddy(cls.lab, cls.pki)
        caddy.site(PASSED)
        caddy.site(INTERCEPTED)
        caddy.start()
        serve_echo(cls.lab, HOST)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.chromium = Chromium(cls.lab, cls.pki.root.certificate, cls.engine.folder / "ca.crt")

    def flow(self, host, family):
        flow = Flow(self.lab, self.address(host, family))
        self.addCleanup(flow.end.close)
        return flow

    def assert_refused(self, host, family, *datagrams):
        fate, seconds = self.flow(host, family).send(*datagrams)
        self.assertEqual(fate, REFUSED)
        self.assertLess(seconds, AT_ONCE)

    def assert_answered(self, host, family, *datagrams):
        fate, _ = self.flow(host, family).send(*datagrams, seconds=2)
        self.assertEqual(fate, ANSWERED)

    def assert_http3(self, host, family):
        page = self.chromium.visit(host, family, has_http3=True)
        self.assertEqual(page.saw and page.saw["protocol"], "HTTP/3.0", page)

    def assert_no_http3(self, host, family):
        """Chromium, which may take nothing else here, gives up when a few attempts are refused."""
        page = self.chromium.visit(host, family, has_http3=True)
        self.assertIsNone(page.saw, page)
        self.assertIn("ERR_QUIC", page.error)
        self.assertLess(page.seconds, 10)

    def assert_tcp(self, host, family, fate, reason):
        page = self.chromium.visit(host, family, has_http3=False)
        self.assertEqual(page.saw and page.saw["protocol"], "HTTP/2.0", page)
        self.assert_fate(self.engine.connection(host=host), fate, reason)


class _Cases:
    @each_family
    def test_reject(self, family):
        self.assert_refused(HOST, family, *recorded("ngtcp2"))
        self.assert_refused(HOST, family, *recorded("chromium"))
        self.assert_no_http3(INTERCEPTED, family)
        self.assert_tcp(INTERCEPTED, family, "intercept", "default")

    @each_family
    def test_reject_a_crowd(self, family):
        """Of many at once each is told: the kernel's limits on ICMP do not silence it."""
        took = []
        for _ in range(100):
            fate, seconds = self.flow(HOST, family).send(*recorded("ngtcp2"))
            self.assertEqual(fate, REFUSED)
            took.append(seconds)
        self.assertLess(max(took), AT_ONCE)
        print(f"IPv{family}: refused after {1000 * statistics.median(took):.1f} ms, at most {1000 * max(took):.1f} ms")

    @each_family
    def test_allow(self, family):
        with self.configured({"quic": "allow"}):
            self.assert_answered(HOST, family, *recorded("ngtcp2"))
            self.assert_http3(INTERCEPTED, family)


class Legacy(_Cases, QuicTest):
    """With a queue: the host is read from the hello."""
    RULES = ("--backend", "legacy")

    @each_family
    def test_by_host(self, family):
        with self.configured(BY_HOST):
            self.assert_http3(PASSED, family)
            self.assert_no_http3(INTERCEPTED, family)
            self.assert_tcp(INTERCEPTED, family, "intercept", "default")
            self.assert_tcp(PASSED, family, "pass", "rule")
            for client in ("chromium", "firefox", "ngtcp2"):
                self.assert_answered(HOST, family, *recorded(client))
        with self.configured({**BY_HOST, **NO_RULES}):
            for client in ("chromium", "firefox", "ngtcp2"):
                self.assert_refused(HOST, family, *recorded(client))

    @each_family
    def test_burst(self, family):
        """What comes right behind the hello shares its verdict, whether it was queued before that or not."""
        initial, = recorded("ngtcp2")
        early = [long_header(0xd0, 1, initial[5:] + bytes((number,))) for number in range(4)]
        with self.configured(BY_HOST):
            for _ in range(50):
                self.assert_answered(HOST, family, initial, *early)


class Queued(Legacy):
    """The same, and what does not hang on the rules."""
    RULES = ("--backend", "nft")

    @each_family
    def test_hello_in_two_datagrams(self, family):
        """The first waits for the second; in either order; and not for ever."""
        for client in ("chromium", "firefox"):
            first, second, *_ = recorded(client)
            for one, two in ((first, second), (second, first)):
                with self.subTest(client=client, first_comes_first=one == first):
                    self.in_two(family, one, two)

    def in_two(self, family, one, two):
        with self.configured(BY_HOST):
            flow = self.flow(HOST, family)
            self.assertEqual(flow.send(one)[0], SILENCE)
            self.assertEqual(flow.send(two, seconds=2)[0], ANSWERED)
            fate, seconds = self.flow(HOST, family).send(one, seconds=5)
            self.assertEqual(fate, REFUSED)
            self.assertGreater(seconds, 0.3)
        with self.configured({**BY_HOST, **NO_RULES}):
            flow = self.flow(HOST, family)
            self.assertEqual(flow.send(one)[0], SILENCE)
            self.assertEqual(flow.send(two)[0], REFUSED)

    @each_family
    def test_by_host_refuses_what_is_no_beginning(self, family):
        initial, = recorded("ngtcp2")
        others = {
            "a draft of version 2": recorded("ngtcp2_v2_draft")[0],
            "an unknown version": long_header(0xc0, 0x0a0a0a0a, b"\x08" + initial[6:]),
            "version negotiation": long_header(0xc0, 0, b"\x08" + initial[6:]),
            "0-RTT": long_header(0xd0, 1, initial[5:]),
            "handshake": long_header(0xe0, 1, initial[5:]),
            "a short header": b"\x40" + initial[1:],
            "damaged": initial[:-1] + bytes((initial[-1] ^ 1,)),
            "too short": initial[:-1],
            "no QUIC": b"hello",
            "nothing": b"",
        }
        with self.configured(BY_HOST):
            for what, datagram in others.items():
                with self.subTest(what):
                    self.assert_refused(HOST, family, datagram)

    @each_family
    def test_by_host_refuses_a_crowd(self, family):
        with self.configured({**BY_HOST, **NO_RULES}):
            for _ in range(100):
                self.assert_refused(HOST, family, *recorded("chromium"))

    @each_family
    def test_reload(self, family):
        """Each mode holds from the reload on; a flow that was let go stays so."""
        initial, = recorded("ngtcp2")
        for before in ("allow", "by-host"):
            with self.configured({"quic": before}):
                old = self.flow(HOST, family)
                self.assertEqual(old.send(initial, seconds=2)[0], ANSWERED)
            self.assert_refused(HOST, family, initial)
            self.assertEqual(old.send(initial, seconds=2)[0], ANSWERED)
        for mode in ("allow", "reject", "by-host", "reject", "by-host", "allow", "by-host"):
            with self.configured({"quic": mode, **NO_RULES}):
                if mode == "allow":
                    self.assert_answered(HOST, family, initial)
                else:
                    self.assert_refused(HOST, family, initial)


class Nftables(_Cases, QuicTest):
    """Kernels may lack the queue of nftables; then no host is let go."""
    RULES = ("--backend", "nftables")

    @each_family
    def test_by_host(self, family):
        asks = "queue" in self.lab.appliance.run("nft", "list", "chain", "inet", "postern", "quic_ask").stdout
        with self.configured(BY_HOST):
            if asks:
                self.assert_answered(HOST, family, *recorded("chromium"))
            else:
                self.assert_refused(HOST, family, *recorded("chromium"))
        with self.configured({**BY_HOST, **NO_RULES}):
            self.assert_refused(HOST, family, *recorded("chromium"))


if __name__ == "__main__":
    unittest.main()
