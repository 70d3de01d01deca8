# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who would use what is learned: servers that ask only to be passed, clients that claim a name, both at
once; sessions and encrypted hellos that hide the question. Each class says when its attack has failed.
What else was built against them is shown in test_learning.py and test_client_certificate.py.
"""

import json
import ssl
import time
import unittest

import clients
import learned
import pki
import servers
import wire
from capture import captured
from case import each_family
from engine import CA
from lab import wait_until
from learned import VERSIONS, LearnedTest, Turncoat, server_context
from pki import REAL_CA

REQUESTED = "client_certificate_requested"


class AsksToEscape(LearnedTest):
    """
    T1: a server asks for a certificate that it has no use for, so that nobody looks inside.
    Failed when: the operator hears of each such server, with who went there; it is intercepted where
    he wants those intercepted that need no certificate, from the moment that this is known; and one
    that does not ask any more is intercepted again.
    """
    SETTINGS = {"learn": {"per_client": 0}}

    @classmethod
    def make_servers(cls):
        super().make_servers()
        cls.turncoats = {}
        for version in VERSIONS:
            for name in ("told", "needless", "stops", "once"):
                host = f"{name}{version}.example"
                asking = server_context(cls.pki, cls.pki.server(host), version, ssl.CERT_OPTIONAL)
                cls.turncoats[host] = Turncoat(cls.lab, host, asking)
            servers.openssl_server(cls.lab, f"needed{version}.example", cls.pki.server(f"needed{version}.example"),
                f"-tls1_{version[1]}", "-Verify", "1", "-verify_return_error", "-CAfile", cls.pki.clients.certificate)

    @each_family
    def test_is_told(self, family):
        for version in VERSIONS:
            with self.subTest(version=version):
                host = f"told{version}.example"
                self.assertEqual(self.fate(host, family=family), ("learn", REQUESTED))
                event = self.engine.event("learned", "added", host)
                self.assertEqual(event["dest_ip"], self.address(host, family))
                self.assertEqual(event["src_ip"], "10.0.1.2" if family == 4 else "fd00:1::2")
                self.assertEqual(len(event["entry"]["server_key"]), 64)

    @each_family
    def test_needless(self, family):
        """And one that does need it passes, by the same policy."""
        with self.configured({"client_certificate": {"unused": "intercept"}}):
            for version in VERSIONS:
                with self.subTest(version=version):
                    host = f"needless{version}.example"
                    wait_until(lambda host=host: self.fate(host, False, family=family)[0] == "intercept",
                        f"{host} intercepted", 5)
                    reply, _ = self.curl(host, *self.own, family=family)
                    self.assertEqual((reply.status, reply.issuer), (200, CA), reply)
                    host = f"needed{version}.example"
                    for fate in (("learn", REQUESTED), ("pass", "learned")):
                        self.assertEqual(self.fate(host, family=family), fate)

    @each_family
    def test_stops_asking(self, family):
        with self.configured({"learn": {"ttl": "1s"}}):
            for version in VERSIONS:
                with self.subTest(version=version):
                    host = f"stops{version}.example"
                    turncoat = self.turncoats[host]
                    asking = turncoat.context
                    self.assertEqual(self.fate(host, family=family), ("learn", REQUESTED))
                    turncoat.context = server_context(self.pki, self.pki.server(host), version)
                    wait_until(lambda host=host: self.fate(host, family=family)[0] == "intercept",
                        f"{host} intercepted", 10)
                    turncoat.context = asking

    def test_asks_the_probe_only(self):
        """Where the handshake can be read, the first client that is not asked is the last to be passed."""
        host = "once12.example"
        turncoat = self.turncoats[host]
        asking, other = turncoat.context, server_context(self.pki, self.pki.server(host), "12")
        asking.sni_callback = lambda *_: setattr(turncoat, "context", other)
        self.assertEqual(self.fate(host)[0], "learn")
        wait_until(lambda: self.fate(host)[0] == "intercept", "the host intercepted", 5)


class ClaimsLearnedName(LearnedTest):
    """
    T2: a client claims the name of a learned server towards its own accomplice; here the accomplice
    has come to the learned address (test_learning.py: he has another).
    Failed when: where his certificate can be read, no byte of his reaches the client; where it cannot
    (TLS 1.3), he is found out when the entry expires; and from then on the name does not pass there.
    """
    SETTINGS = {"learn": {"per_client": 0}}
    NAMES = [f"{name}{version}.example" for name in ("moved", "forged") for version in VERSIONS]

    @classmethod
    def make_servers(cls):
        super().make_servers()
        cls.right, cls.wrong, cls.turncoats = {}, {}, {}
        attacker = cls.pki.server("attacker.example")
        for host in cls.NAMES:
            version = host.partition(".")[0][-2:]
            impostor = attacker if host.startswith("moved") else cls.pki.server(host, issuer="self")
            cls.wrong[host] = server_context(cls.pki, impostor, version, ssl.CERT_OPTIONAL)
            certificate = cls.pki.server(host)
            cls.right[host] = server_context(cls.pki, certificate, version, ssl.CERT_OPTIONAL)
            cls.turncoats[host] = Turncoat(cls.lab, host, cls.right[host])

    def claim(self, host, family):
        """(what came of the server, log line)"""
        end, port = self.connect(host, family)
        end.sendall(wire.make_hello(wire.any_context(), host))
        try:
            heard = wire.read_record(end)
        except OSError:
            heard = b""
        end.close()
        return heard, self.engine.connection(port)

    @each_family
    def test_replaced(self, family):
        for host in self.NAMES:
            with self.subTest(host=host):
                self.turncoats[host].context = self.right[host]
                ttl = "1s" if "13" in host else "1d"
                with self.configured({"learn": {"ttl": ttl}}):
                    self.forget_any(host)
                    self.assertEqual(self.fate(host, family=family), ("learn", REQUESTED))
                    self.turncoats[host].context = self.wrong[host]
                    if "12" in host:
                        heard, line = self.claim(host, family)
                        self.assertEqual(heard, b"")
                        self.assert_fate(line, "pass", "learned", "impostor")
                    wait_until(lambda host=host: self.claim(host, family)[1]["fate"] == "block",
                        f"{host} blocked", 10)

    def forget_any(self, host):
        if any(self.entries(host, family) for family in (4, 6)):
            self.forget(host)


class Poisons(LearnedTest):
    """
    T3: an accomplice on either side teaches what is not so.
    Failed when: a verified server teaches nothing of any name but the one that was claimed, even where
    its certificate has more; and no client can have a host that needs the pass lose it.
    """
    SETTINGS = {"learn": {"per_client": 0}}

    @classmethod
    def make_servers(cls):
        super().make_servers()
        certificate = cls.pki.server("a.many.example", names=["a.many.example", "b.many.example", "*.many.example"])
        servers.openssl_server(cls.lab, "a.many.example", certificate, "-Verify", "1", "-CAfile",
            cls.pki.clients.certificate)
        for host in ("b.many.example", "c.many.example"):
            cls.lab.add_host(host, like="a.many.example")
        for version in VERSIONS:
            cls.nginx.requiring(f"optional{version}.example", f"ssl_protocols TLSv1.{version[1]};", verify="optional")
            for host in (f"required{version}.example", f"refuses{version}.1.example", f"refuses{version}.2.example"):
                cls.nginx.requiring(host, f"ssl_protocols TLSv1.{version[1]};")

    @each_family
    def test_names_of_the_certificate(self, family):
        self.assertEqual(self.fate("a.many.example", family=family), ("learn", REQUESTED))
        self.entry("a.many.example", family)
        for host in ("b.many.example", "c.many.example"):
            self.assertEqual(self.entries(host, family), [])
            self.assertEqual(self.fate(host, family=family), ("learn", REQUESTED))  # probed for itself

    @each_family
    def test_clients_without_certificate(self, family):
        """A server that clients send certificates to is not taken for one that has no use for them."""
        host = "optional12.example"
        self.fate(host, family=family)
        self.fate(host, family=family)
        self.await_class(host, "requested", family)
        with self.configured({"client_certificate": {"unused": "intercept"}}):
            for _ in range(3):
                self.assertEqual(self.fate(host, False, family=family), ("pass", "learned"))
            self.assertEqual(self.entries(host, family)[0]["class"], "requested")
            reply, _ = self.curl(host, *self.own, family=family)
            self.assertEqual(clients.common_name(reply.saw["client_dn"]), "Alice")

    @each_family
    def test_server_that_refuses_in_http(self, family):
        """nginx takes an empty certificate in the handshake, and refuses later. It needs one all the same."""
        with self.configured({"client_certificate": {"unused": "intercept"}}):
            for version in VERSIONS:
                for protocol in ("--http1.1", "--http2"):
                    with self.subTest(version=version, protocol=protocol):
                        host = f"refuses{version}.{protocol[-1]}.example"
                        for _ in range(2):
                            self.curl(host, protocol, family=family)  # the accomplice has no certificate
                        reply = clients.curl(self.lab, f"https://{host}/", "--location", protocol, "--local-port",
                            "32768-60999", *self.own, family=family)
                        self.assertEqual((reply.status, reply.issuer), (200, REAL_CA), reply)

    @each_family
    def test_broken_handshakes(self, family):
        """Clients that go away in the middle, or send nonsense, after each number of bytes."""
        for version, tls in VERSIONS.items():
            with self.subTest(version=version):
                host = f"required{version}.example"
                self.fate(host, family=family)
                before = self.entry(host, family)
                hello = wire.make_hello(wire.any_context(minimum=tls, maximum=tls), host)
                for after in (b"", b"\x16\x03\x03\x00\x00", b"\x15\x03\x03\x00\x02\x02\x2a", b"\x17\x03\x03\x00\x01x",
                        b"\x16\x03\x03\x00\x07\x0b\x00\x00\x03\x00\x00\x00\x14\x03\x03\x00\x01\x01"):
                    end, port = self.connect(host, family)
                    end.sendall(hello)
                    wire.read_record(end)
                    end.sendall(after)
                    end.close()
                    self.assert_line(port, "pass", "learned")
                self.assertEqual(self.fate(host, family=family), ("pass", "learned"))
                entry = self.entry(host, family)
                self.assertEqual((entry["state"], entry["server_key"]), ("active", before["server_key"]))
                self.assertIn(entry["class"], ("asked", "required", "requested"))


class Resumes(LearnedTest):
    """
    T6: a session is resumed, and a server that resumes does not ask.
    Failed when: no hello of the engine can resume anything, whatever the client's brings, so that a
    host that asks is passed, and one that does not is intercepted; and a handshake that was resumed
    while it was passed teaches nothing.
    """
    SETTINGS = {"learn": {"per_client": 0}}

    @classmethod
    def make_servers(cls):
        super().make_servers()
        for version in VERSIONS:
            protocol = f"ssl_protocols TLSv1.{version[1]};"
            for name in ("asks", "first"):
                cls.nginx.requiring(f"{name}{version}.example", protocol, "ssl_session_cache shared:a:1m;")
            for name in ("cache", "first.cache"):
                cls.nginx.requiring(f"{name}{version}.example", protocol, "ssl_session_cache shared:c:1m;",
                    "ssl_session_tickets off;")
            cls.nginx.site(f"plain{version}.example", protocol, "ssl_session_cache shared:p:1m;")

    def s_client(self, host, family, *options):
        """openssl s_client makes a request: (what it says, log line)."""
        done = self.lab.client.run("openssl", "s_client", f"-{family}", "-CAfile", self.lab.folder / "trusted.pem",
            "-cert", self.alice.certificate, "-key", self.alice.key, "-connect", f"{host}:443", "-ign_eof", *options,
            input=f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n")
        return done.stdout, self.engine.connection(host=host)

    def session(self, host, family):
        return self.lab.folder / f"session-{host}-{family}"

    def save_session(self, host, family):
        """From the server itself, not from the engine."""
        with self.configured({"rules": [{"pass": host}]}):
            said, line = self.s_client(host, family, "-sess_out", self.session(host, family))
        self.assertEqual(line["fate"], "pass")
        self.assertIn(REAL_CA, said)

    def assert_new(self, hello, session):
        """The engine's: nothing in it resumes, and nothing of it is the client's."""
        own, extensions = learned.read_hello(bytes(hello))
        self.assertNotIn(learned.PSK, extensions)
        self.assertNotIn(learned.EARLY_DATA, extensions)
        self.assertEqual(extensions.get(learned.TICKET, b""), b"")
        self.assertNotEqual(own, session)

    def visit_with_session(self, host, family):
        """(what s_client says, log line, what the client sent, what the server heard each time)"""
        with captured(self.lab, "lan0", "wan0") as (lan, wan):
            said, line = self.s_client(host, family, "-sess_in", self.session(host, family))
            client, = lan.connections(1)
            upstream = [bytes(one.to_server) for one in wan.connections(2 if line["fate"] == "learn" else 1)]
        return said, line, bytes(client.to_server), upstream

    @each_family
    def test_host_that_asks(self, family):
        """Before it is known; the session is the client's own, by which the server knows Alice."""
        for host in ("first12.example", "first13.example", "first.cache12.example", "first.cache13.example"):
            with self.subTest(host=host):
                self.save_session(host, family)
                said, line, hello, (probe, passed) = self.visit_with_session(host, family)
                self.assert_fate(line, "learn", REQUESTED)
                self.assertIn("Reused, ", said)
                self.assertIn("CN=Alice", said)
                self.assert_new(probe, learned.read_hello(hello)[0])
                self.assertEqual(passed, hello)

    @each_family
    def test_what_was_resumed_teaches_nothing(self, family):
        for host in ("asks12.example", "asks13.example", "cache12.example", "cache13.example"):
            with self.subTest(host=host):
                self.fate(host, family=family)
                before = self.entry(host, family)
                self.save_session(host, family)
                for _ in range(3):
                    said, line = self.s_client(host, family, "-sess_in", self.session(host, family))
                    self.assert_fate(line, "pass", "learned")
                    self.assertIn("Reused, ", said)
                self.assertEqual(self.fate(host, family=family), ("pass", "learned"))
                entry = self.entry(host, family)
                self.assertIn(entry["class"], (before["class"], "requested"))  # those that asked Alice

    @each_family
    def test_host_that_does_not_ask(self, family):
        for version in VERSIONS:
            with self.subTest(version=version):
                host = f"plain{version}.example"
                self.save_session(host, family)
                said, line, hello, (dialled,) = self.visit_with_session(host, family)
                self.assert_fate(line, "intercept", "default")
                self.assertIn("New, ", said)
                self.assertIn(CA, said)
                self.assert_new(dialled, learned.read_hello(hello)[0])

    @each_family
    def test_session_that_nobody_knows(self, family):
        """One host's, for another: the server falls back to a whole handshake, and so asks Alice."""
        for version in VERSIONS:
            with self.subTest(version=version):
                self.save_session(f"plain{version}.example", family)
                host = f"asks{version}.example"
                for _ in range(2):
                    said, line = self.s_client(host, family, "-sess_in",
                        self.session(f"plain{version}.example", family))
                    self.assertIn(line["fate"], ("learn", "pass"))
                    self.assertIn("CN=Alice", said)
                said, line = self.s_client(f"plain{version}.example", family, "-sess_in",
                    self.session(f"plain{version}.example", family))
                self.assert_fate(line, "intercept", "default")

    @each_family
    def test_engines_own_tickets(self, family):
        """
        A session with the engine: while it is resumed the host is asked all the same, and when the
        client brings it along to a host that passes, the server does not know it.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                host = f"asks{version}.example"
                session = self.lab.folder / f"session-engine-{version}-{family}"
                with self.configured({"client_certificate": {"requested": "intercept"}}):
                    said, line = self.s_client(host, family, "-sess_out", session)
                    self.assertEqual(line["fate"], "intercept", line)
                    said, line = self.s_client(host, family, "-sess_in", session)
                    self.assertEqual(line["fate"], "intercept", line)
                    self.assertIn("Reused, ", said)
                    self.assertTrue(line["downstream"]["resumed"])
                    self.assertTrue(line["client_certificate"]["requested"])
                    self.assertEqual(line["upstream"]["verdict"], "ok")
                said, line = self.s_client(host, family, "-sess_in", session)
                self.assertIn(line["fate"], ("learn", "pass"))
                self.assertIn("New, ", said)
                self.assertIn("CN=Alice", said)


class EncryptedHello(LearnedTest):
    """
    A hello whose true name is encrypted (or seems to be). The outer name is all that there is: it is
    judged, probed and learned as any other; and a client whose encrypted hello was refused sends an
    empty certificate by design, which says nothing about the server.
    """
    SETTINGS = {"learn": {"per_client": 0}}

    @classmethod
    def make_servers(cls):
        super().make_servers()
        for host in ("outer12.example", "grease12.example", "chromium12.example"):
            cls.nginx.requiring(host, "ssl_protocols TLSv1.2;", verify="optional")
        cls.nginx.requiring("outer13.example", "ssl_protocols TLSv1.3;", verify="optional")
        cls.nginx.site("plain.example")

    @each_family
    def test_outer_name(self, family):
        for version, number in VERSIONS.items():
            host = f"outer{version}.example"
            context = wire.any_context(minimum=number, maximum=VERSIONS["13"])
            hello = learned.add_extension(wire.make_hello(context, host), learned.ECH, learned.encrypted_hello())
            for fate in (("learn", REQUESTED), ("pass", "learned")):
                with self.subTest(version=version, fate=fate), captured(self.lab, "wan0") as (wan,):
                    end, port = self.connect(host, family)
                    end.sendall(hello)
                    self.assertEqual(wire.read_record(end)[:1], b"\x16")  # the server's own
                    end.close()
                    line = self.assert_line(port, *fate)
                    seen = [bytes(one.to_server) for one in wan.connections(2 if fate[0] == "learn" else 1)]
                self.assertTrue(line["tls"]["ech"])
                self.assertEqual(line["tls"]["sni"], host)
                self.assertTrue(seen[-1].startswith(hello))
                if fate[0] == "learn":
                    self.assertNotIn(learned.ECH, learned.read_hello(seen[0])[1])
                    self.assertEqual(wire.read_offer(seen[0]).host, host)

    def bare(self, host, family, *options):
        """openssl s_client without a certificate: log line."""
        done = self.lab.client.run("openssl", "s_client", f"-{family}", "-CAfile", self.lab.folder / "trusted.pem",
            "-connect", f"{host}:443", "-ign_eof", *options, input=f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n")
        self.assertIn(f'"host": "{host}"', done.stdout)
        return self.engine.connection(host=host)

    @each_family
    def test_empty_certificate(self, family):
        """With the extension it teaches nothing; the same without it does."""
        host = "grease12.example"
        extension = ("-serverinfo", str(learned.ECH))
        for fate in ("learn", "pass", "pass"):
            line = self.bare(host, family, *extension)
            self.assertEqual((line["fate"], line["tls"]["ech"]), (fate, True))
        self.assertEqual(self.entry(host, family)["class"], "asked")
        for _ in range(2):
            self.assertFalse(self.bare(host, family)["tls"]["ech"])
        self.await_class(host, "unused", family)

    def test_chromium(self):
        """It always sends the extension. It has no certificate, and says so."""
        home = self.lab.folder / "home"
        database = f"sql:{home}/.pki/nssdb"
        (home / ".pki" / "nssdb").mkdir(parents=True)
        pki.run("certutil", "-N", "--empty-password", "-d", database)
        pki.run("certutil", "-A", "-n", "root", "-t", "C,,", "-i", self.pki.root.certificate, "-d", database)
        host = "chromium12.example"
        for _ in range(2):
            done = self.lab.client.run("env", f"HOME={home}", f"TMPDIR={home}", "chromium",
                "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"https://{host}/")
            self.assertIn('"client_dn": ""', done.stdout)
            line = self.engine.connection(host=host)  # of one of several at once, perhaps
            self.assertIn(line["fate"], ("learn", "pass"))
            self.assertTrue(line["tls"]["ech"])
            self.engine.forget()
        self.assertEqual(self.entry(host, 6 if ":" in line["dest_ip"] else 4)["class"], "asked")

    @each_family
    def test_intercepted(self, family):
        line = self.bare("plain.example", family, "-serverinfo", str(learned.ECH))
        self.assert_fate(line, "intercept", "default")
        self.assertTrue(line["tls"]["ech"])


class SlowUser(LearnedTest):
    """Whoever types a PIN takes his time, and no deadline of the engine is his."""
    SHORT = ("silent", "hello", "dial", "probe", "forge", "greet")
    SETTINGS = {"learn": {"per_client": 0}, "timeouts": {name: "1s" for name in SHORT}}
    SECONDS = 4

    @classmethod
    def make_servers(cls):
        super().make_servers()
        for version in VERSIONS:
            cls.nginx.requiring(f"card{version}.example", f"ssl_protocols TLSv1.{version[1]};")

    def _think(self):
        time.sleep(self.SECONDS)

    @each_family
    def test_second_flight(self, family):
        for version in VERSIONS:
            host = f"card{version}.example"
            for fate in (("learn", REQUESTED), ("pass", "learned")):
                with self.subTest(version=version, fate=fate):
                    end, port = self.connect(host, family)
                    tls = learned.SlowEnd(end, self.make_context(), self._think, server_hostname=host)
                    tls.send(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                    body = tls.receive_all().partition(b"\r\n\r\n")[2]
                    self.assertIn("CN=Alice", json.loads(body)["client_dn"])
                    end.close()
                    line = self.assert_line(port, *fate)
                    self.assertGreater(line["ms"]["total"], 1000 * self.SECONDS)


if __name__ == "__main__":
    unittest.main()
