# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that are greeted while a server answers that was seen before, and what becomes of them if it has changed."""

import contextlib
import hashlib
import ssl
import threading
import time
import unittest

import wire
from case import each_family
from engine import CA
from lab import wait_until
from learned import VERSIONS, LearnedTest, SlowEnd
from servers import peer, tls_context

REQUEST = b"GET /page HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nhere"
UPLOAD = bytes(range(256)) * 65536  # 16 MiB: more than all sockets on its way hold
INTERNAL_ERROR = "TLSV1_ALERT_INTERNAL_ERROR"


class Server:
    """It answers the hello when its gate is open, as what its context says then."""

    def __init__(self, lab, name, context):
        self.context = context
        self.gate = threading.Event()
        self.gate.set()
        self.calls = []  # what each connection brought; None: no end of it yet
        peer(lab, name, self._talk)

    def _talk(self, end):
        number = len(self.calls)
        self.calls.append(None)
        got = b""
        try:
            self.gate.wait(30)
            with self.context.wrap_socket(end, server_side=True) as tls:
                got = tls.recv(65536)
                wanted = len(UPLOAD) if got.startswith(UPLOAD[:16]) else 0
                while len(got) < wanted and (more := tls.recv(65536)):
                    got += more
                if got:
                    tls.sendall(REPLY)
                    tls.unwrap()
        finally:
            self.calls[number] = got

    def last(self):
        """What the last connection has brought, all in all."""
        return wait_until(lambda: self.calls[-1] is not None, "the end of its connection") and self.calls[-1]

    @contextlib.contextmanager
    def closed(self):
        self.gate.clear()
        try:
            yield
        finally:
            self.gate.set()


class Early(LearnedTest):
    SETTINGS = {"workers": 1, "downstream": {"greet_early": True}, "http": {"events": True}}  # each worker knows its own

    @classmethod
    def make_servers(cls):
        super().make_servers()
        cls.nginx.site("nginx.example")

    def server(self, name):
        """A new one, which a client has been to."""
        host = f"{name}.example"
        server = Server(self.lab, host, tls_context(self.pki.server(host)))
        self.assert_early(self.visit(host), False)
        return host, server

    def context(self, version=None, alpn=()):
        return wire.client_context(self.lab.folder / "trusted.pem", alpn=alpn,
            **({"minimum": VERSIONS[version], "maximum": VERSIONS[version]} if version else {}))

    def begin(self, host, context=None, family=4, kind=wire.TlsEnd, **options):
        """A client that shakes hands: (TLS, port)"""
        end, port = self.connect(host, family)
        return kind(end, context or self.context(), server_hostname=host, **options), port

    def visit(self, host, context=None, family=4):
        """A client makes a request, and gets an answer: its line."""
        tls, port = self.begin(host, context, family)
        tls.send(REQUEST)
        self.assertIn(b"200 OK", tls.receive_all())
        tls.end.close()
        return self.engine.connection(port)

    def assert_early(self, line, expected, fate=("intercept", "default")):
        self.assert_fate(line, *fate)
        self.assertEqual(line.get("downstream", {}).get("early", False), expected, line)

    def assert_refused(self, host, server, alert, fate, detail=None, context=None):
        """The client, greeted while the server says nothing, gets none of it, and the server nothing of the client's."""
        with server.closed():
            tls, port = self.begin(host, context)
            tls.send(REQUEST)
        with self.assertRaises(ssl.SSLError) as caught:
            tls.receive()
        self.assertEqual(caught.exception.reason, alert)
        self.assertEqual(server.last(), b"")
        tls.end.close()
        line = self.engine.connection(port)
        self.assert_early(line, True, fate)
        self.assertEqual(line["end"], "refused", line)
        if detail:
            self.assertEqual(line["detail"], detail, line)
        return line

    # --- a server as it was ---

    @each_family
    def test_before_the_server(self, family):
        for version in VERSIONS:
            with self.subTest(version=version):
                host, server = self.server(f"first-{version}-{family}")
                context = self.context(version)
                self.assert_early(self.visit(host, context, family), False)  # of this offer the first
                with server.closed():
                    tls, port = self.begin(host, context, family)
                    issuer = dict(pair[0] for pair in tls.tls.getpeercert()["issuer"])["commonName"]
                    self.assertEqual(issuer, CA)
                    tls.send(REQUEST)
                self.assertEqual(tls.receive_all(), REPLY)
                tls.end.close()
                self.assertEqual(server.last(), REQUEST)
                self.assert_early(self.engine.connection(port), True)
                self.engine.exchange(port, url="/page", status=200)

    def test_real_ones(self):
        for expected in (False, True, True):
            line = self.curl("nginx.example", "--http1.1")[1]
            self.assert_early(line, expected)
        self.assertTrue(line["upstream"]["resumed"], line)
        for expected in (False, True):  # another offer
            self.assert_early(self.curl("nginx.example")[1], expected)

    def test_not_wanted(self):
        host, server = self.server("off")
        with self.configured({"downstream": {"greet_early": False}}):
            for _ in range(2):
                self.assert_early(self.visit(host), False)
        self.assert_early(self.visit(host), False)  # what was known, was known under another configuration
        self.assert_early(self.visit(host), True)

    def test_sooner(self):
        """Server and client both take their time: one after the other, or at once."""
        host, server = self.server("slow")
        pause = 0.2

        def think():
            time.sleep(pause)

        def seconds(expected):
            with server.closed():
                opener = threading.Timer(pause, server.gate.set)
                began = time.monotonic()
                opener.start()
                tls, port = self.begin(host, kind=lambda *how, **options: SlowEnd(*how, think, **options))
                tls.send(REQUEST)
                tls.receive()
                took = time.monotonic() - began
            tls.end.close()
            self.assert_early(self.engine.connection(port), expected)
            return took

        wait_until(lambda: seconds(True) < 2 * pause, "less than both together")
        with self.configured({"downstream": {"greet_early": False}}):
            self.assertGreater(seconds(False), 2 * pause)

    def test_resumed(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                host, server = self.server(f"tickets-{version}")
                context = self.context(version)
                tls, port = self.begin(host, context)
                tls.send(REQUEST)
                tls.receive_all()
                tls.end.close()
                self.assert_early(self.engine.connection(port), False)
                with server.closed():
                    again, port = self.begin(host, context, session=tls.tls.session)
                    self.assertTrue(again.tls.session_reused)
                    again.send(REQUEST)
                self.assertEqual(again.receive_all(), REPLY)
                again.end.close()
                line = self.engine.connection(port)
                self.assert_early(line, True)
                self.assertTrue(line["downstream"]["resumed"])

    def test_upload(self):
        """The client has to wait until the server is there to take it."""
        host, server = self.server("upload")
        with server.closed():
            tls, port = self.begin(host)
            sender = threading.Thread(target=tls.send, args=(UPLOAD,), daemon=True)
            sender.start()
            sender.join(0.3)
            self.assertTrue(sender.is_alive())
        sender.join(30)
        self.assertEqual(tls.receive_all(), REPLY)
        tls.end.close()
        self.assertEqual(hashlib.sha256(server.last()).digest(), hashlib.sha256(UPLOAD).digest())
        self.assert_early(self.engine.connection(port), True)

    # --- the client ---

    def test_client_finishes_first(self):
        host, server = self.server("half")
        with server.closed():
            tls, port = self.begin(host)
            tls.send(REQUEST)
            tls.end.shutdown(wire.socket.SHUT_WR)
            wait_until(lambda: server.calls[-1] is None, "the engine's connection")
        self.assertEqual(tls.receive_all(), REPLY)
        tls.end.close()
        line = self.engine.connection(port)
        self.assert_early(line, True)
        self.assertEqual(line["end"], "client_closed", line)

    def test_client_leaves(self):
        host, server = self.server("leaves")
        with server.closed():
            tls, port = self.begin(host)
            self.assertTrue(tls.end.recv(65536))  # a ticket: for the engine, too, the handshake is over
            wire.reset(tls.end)
            self.assert_early(self.engine.connection(port), True, ("block", "client_reset"))

    def test_client_refuses(self):
        host, server = self.server("pins")
        with server.closed():
            end, port = self.connect(host)
            with self.assertRaises(ssl.SSLError):
                # The same offer, and no trust in the appliance.
                wire.TlsEnd(end, wire.client_context(self.pki.root.certificate), server_hostname=host)
            end.close()
            line = self.engine.connection(port)
        self.assert_early(line, True)
        self.assertEqual((line["end"], line["downstream"]["alert"]), ("client_alert", "unknown_ca"), line)

    # --- a server that has changed ---

    def test_another_certificate(self):
        host, server = self.server("renewed")
        before = self.visit(host)
        self.assert_early(before, True)
        server.context = tls_context(self.pki.server("renewed again", names=[host]))
        line = self.assert_refused(host, server, INTERNAL_ERROR, ("block", "server_changed"), "another certificate")
        for _ in range(3):  # it is no familiar one for a while
            after = self.visit(host)
            self.assert_early(after, False)
            self.assertEqual(after["tls"]["serial"], line["tls"]["serial"])
            self.assertNotEqual(after["tls"]["serial"], before["tls"]["serial"])

    def test_another_protocol(self):
        host, server = self.server("protocols")
        server.context.set_alpn_protocols(["h2", "http/1.1"])
        context = self.context(alpn=["http/1.1", "h2"])
        for expected in (False, True):
            line = self.visit(host, context)
            self.assert_early(line, expected)
            self.assertEqual(line["downstream"]["alpn"], "h2")
        server.context.set_alpn_protocols(["http/1.1"])
        self.assert_refused(host, server, INTERNAL_ERROR, ("block", "server_changed"), "another protocol (ALPN)", context)
        self.assert_early(self.visit(host, context), False)

    def test_it_asks(self):
        host, server = self.server("asks")
        server.context = tls_context(self.pki.server(host))
        server.context.load_verify_locations(self.pki.clients.certificate)
        server.context.verify_mode = ssl.CERT_REQUIRED
        line = self.assert_refused(host, server, INTERNAL_ERROR, ("block", "server_changed"),
            "would be passed now: client_certificate_requested")
        self.assertTrue(line["client_certificate"]["requested"])
        context = self.context()
        context.load_cert_chain(self.alice.chain, self.alice.key)
        tls, port = self.begin(host, context)
        tls.send(REQUEST)
        self.assertEqual(tls.receive_all(), REPLY)
        tls.end.close()
        self.assert_line(port, "pass", "learned")

    def test_bad_certificates(self):
        for reason, alert, how in (
                ("certificate_expired", "SSLV3_ALERT_CERTIFICATE_EXPIRED", {"days": (-10, -1)}),
                ("certificate_untrusted", "TLSV1_ALERT_UNKNOWN_CA", {"issuer": "unknown"}),
                ("certificate_name_mismatch", "SSLV3_ALERT_BAD_CERTIFICATE", {"names": ["other.example"]})):
            with self.subTest(reason=reason):
                host, server = self.server(reason.replace("_", "-"))
                server.context = tls_context(self.pki.server(f"bad {reason}", **{"names": [host], **how}))
                self.assert_refused(host, server, alert, ("block", reason))

    def test_in_the_midst(self):
        """The client hears of it though its handshake is not over."""
        for version in VERSIONS:
            with self.subTest(version=version):
                host, server = self.server(f"midst-{version}")
                self.assert_early(self.visit(host, self.context(version)), False)
                server.context = tls_context(self.pki.server(f"midst again {version}", names=[host]))
                end, port = self.connect(host)
                calls = len(server.calls)

                def think():
                    wait_until(lambda: len(server.calls) > calls, "a call")
                    server.last()

                with self.assertRaises(ssl.SSLError) as caught:
                    SlowEnd(end, self.context(version), think, server_hostname=host).receive()
                self.assertEqual(caught.exception.reason, INTERNAL_ERROR)
                end.close()
                self.assert_early(self.engine.connection(port), True, ("block", "server_changed"))

    def test_rules_that_change(self):
        """A reload that ends what is no longer allowed finds the client greeted."""
        host, server = self.server("ruled")
        with server.closed():
            tls, port = self.begin(host)
            tls.send(REQUEST)
            with self.configured({"rules": [{"block": host}], "on_reload": "end"}):
                with self.assertRaises(ssl.SSLError) as caught:
                    tls.receive()
        self.assertEqual(caught.exception.reason, "TLSV1_ALERT_ACCESS_DENIED")
        tls.end.close()
        self.assertEqual(server.last(), b"")
        self.assert_early(self.engine.connection(port), True, ("block", "rule"))

    def test_nobody_there(self):
        host, _ = self.server("refuses")
        rule = ("INPUT", "-d", self.address(host), "-p", "tcp", "--dport", "443", "-j")
        self.lab.server.run("iptables", "-I", *rule, "DROP")
        try:
            tls, port = self.begin(host)
            self.lab.server.run("iptables", "-I", *rule, "REJECT", "--reject-with", "tcp-reset")
            with self.assertRaises(OSError):
                tls.send(REQUEST)
                tls.receive()
        finally:
            self.lab.server.run("iptables", "-F", "INPUT")
        self.assert_early(self.engine.connection(port), True, ("block", "server_refused"))
        self.assert_early(self.visit(host), False)

    def test_passed(self):
        """It would have to be passed for another reason now: nothing that TLS could be made of is answered."""
        host, server = self.server("nonsense")

        def nonsense(end, **_):
            end.sendall(b"220 ready\r\n")
            raise OSError

        server.context = type("Context", (), {"wrap_socket": staticmethod(nonsense)})
        line = self.assert_refused(host, server, INTERNAL_ERROR, ("block", "server_changed"))
        self.assertIn("would be passed now: server_", line["detail"])


if __name__ == "__main__":
    unittest.main()
