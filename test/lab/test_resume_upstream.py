# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine resumes its sessions with servers: with whom it may, and what it does when a server will not."""

import json
import ssl
import time
import unittest

import wire
from case import each_family
from learned import LearnedTest
from servers import gnutls_server, peer, tls_context

PRE_SHARED_KEY = 41
OTHER_CLIENT = {4: "10.0.1.99", 6: "fd00:1::99"}
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


class ResumeUpstream(LearnedTest):
    SETTINGS = {"workers": 1, "downstream": {"tickets": False}}  # each worker keeps its own

    @classmethod
    def make_servers(cls):
        super().make_servers()
        for name in ("tickets", "versions", "clients", "offers", "reload", "old", "off"):
            cls.nginx.site(f"{name}.example")
        cls.nginx.site("ids.example", "ssl_session_tickets off;", "ssl_session_cache shared:ids:1m;")
        cls.nginx.site("none.example", "ssl_session_tickets off;", "ssl_session_cache off;")
        cls.apache.site("apache.example")
        gnutls_server(cls.lab, "gnutls.example", cls.pki.server("gnutls.example"), "--disable-client-cert")
        cls.refusing = {}
        for way, host in ((_close, "closes.example"), (_alert, "alerts.example")):
            peer(cls.lab, host, _refuse_resumption(tls_context(cls.pki.server(host)), way, cls.refusing))
        plain, asking = (tls_context(cls.pki.server("turns.example")) for _ in range(2))
        asking.load_verify_locations(cls.pki.clients.certificate)
        asking.verify_mode = ssl.CERT_REQUIRED
        cls.turns = [plain, asking]
        peer(cls.lab, "turns.example", lambda end: _answer(end, cls.turns[0]))
        for family, address in OTHER_CLIENT.items():
            cls.lab.client.configure(f"address add {address}/{'24' if family == 4 else '64 nodad preferred_lft 0'} dev eth0")

    def visit(self, host, family, version=None, alpn=(), source=None):
        """A client makes a request: (what it got, log line)."""
        context = wire.client_context(self.lab.folder / "trusted.pem", alpn=alpn,
            **({"minimum": version, "maximum": version} if version else {}))
        end = self.lab.client.connect(self.address(host, family), source=source)
        port = end.getsockname()[1]
        with context.wrap_socket(end, server_hostname=host) as tls:
            tls.sendall(REQUEST)
            got = b""
            while more := tls.recv(65536):
                got += more
        return got, self.engine.connection(port)

    def assert_upstream(self, line, resumed, fate=("intercept", "default")):
        self.assert_fate(line, *fate)
        self.assertEqual(line["upstream"].get("resumed", False), resumed, line)
        self.assertEqual(line["upstream"]["verdict"], "ok", line)

    def visits(self, host, family, expected, **how):
        """As many visits: which of them went by a session that was resumed."""
        for resumed in expected:
            got, line = self.visit(host, family, **how)
            self.assert_upstream(line, resumed)
            if host.startswith(("tickets", "ids", "none", "versions")):
                saw = json.loads(got.split(b"\r\n\r\n", 1)[1])
                self.assertEqual(saw["resumed"] == "r", resumed, saw)

    @each_family
    def test_servers(self, family):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for host in ("tickets.example", "ids.example", "apache.example"):
                with self.subTest(host=host, version=version):
                    self.visits(host, family, (False, True, True, True), version=version)
            self.visits("none.example", family, (False, False), version=version)
        self.visits("gnutls.example", family, (False, True), version=ssl.TLSVersion.TLSv1_3)

    @each_family
    def test_offer(self, family):
        """Who offers something else, begins anew."""
        self.visits("offers.example", family, (False, True))
        self.visits("offers.example", family, (False, True), alpn=["http/1.1"])
        self.visits("offers.example", family, (False, True), version=ssl.TLSVersion.TLSv1_2)
        self.visits("offers.example", family, (True,))

    @each_family
    def test_clients(self, family):
        """What began for one client is not continued for another."""
        self.visits("clients.example", family, (False, True))
        self.visits("clients.example", family, (False, True), source=OTHER_CLIENT[family])
        self.visits("clients.example", family, (True,))

    @each_family
    def test_settings(self, family):
        self.visits("reload.example", family, (False, True))
        self.engine.reload()
        self.visits("reload.example", family, (False, True))
        with self.configured({"upstream": {"resumption": False}}):
            self.visits("reload.example", family, (False, False))

    @each_family
    def test_not_known_any_more(self, family):
        """It asks for nothing, but that was found out too long ago."""
        with self.configured({"learn": {"nothing_ttl": "1s"}}):
            self.visits("old.example", family, (False, True))
            time.sleep(1.5)
            self.visits("old.example", family, (False, True))

    @each_family
    def test_now_it_asks(self, family):
        """The first connection to meet the request is passed, as ever."""
        self.visits("turns.example", family, (False, True))
        self.turns.reverse()
        try:
            context = wire.client_context(self.lab.folder / "trusted.pem")
            context.load_cert_chain(self.alice.chain, self.alice.key)
            end, port = self.connect("turns.example", family)
            with context.wrap_socket(end, server_hostname="turns.example") as tls:
                tls.sendall(REQUEST)
                self.assertIn(b"here", tls.recv(65536))
            self.assert_upstream(self.engine.connection(port), False, ("learn", "client_certificate_requested"))
        finally:
            self.turns.reverse()
        self.await_class("turns.example", "asked", family)
        self.forget("turns.example")

    @each_family
    def test_refused(self, family):
        """A server that ends a handshake that would resume: it is asked once more, and the client sees none of it."""
        for host in ("closes.example", "alerts.example"):
            with self.subTest(host=host):
                self.refusing[host] = 0
                self.visits(host, family, (False, False, False))
                self.assertGreater(self.refusing[host], 0)


def _answer(end, context):
    server = wire.TlsEnd(end, context, server_side=True)
    server.receive()
    server.send(b"HTTP/1.0 200 OK\r\n\r\nhere")
    server.close_notify()
    end.recv(1)


def _close(end):
    wire.reset(end)


def _alert(end):
    end.sendall(bytes((wire.ALERT, 3, 3, 0, 2, 2, wire.HANDSHAKE_FAILURE)))


def _refuse_resumption(context, way, counts):
    def talk(end):
        hello = end.recv(65536, wire.socket.MSG_PEEK)
        offer = wire.read_offer(hello)
        if PRE_SHARED_KEY in offer.extensions:
            counts[offer.host] += 1
            end.recv(65536)
            way(end)
        else:
            _answer(end, context)

    return talk


if __name__ == "__main__":
    unittest.main()
