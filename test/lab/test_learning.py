# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned of servers: bound to what they proved, kept, guarded against those who would use it."""

import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess
import unittest

import servers
import wire
from case import LabTest, each_family
from engine import CA, build
from lab import wait_until

REQUESTED = "client_certificate_requested"
CROWD = 40
SIBLINGS = [f"{number:04x}.cards.example.gov" for number in range(7)]


class Learning(LabTest):
    SETTINGS = {"learn": {"per_client": 0}, "timeouts": {"silent": "20s", "hello": "20s", "greet": "20s"}}

    @classmethod
    def make_servers(cls):
        cls.alice = cls.pki.client("Alice")
        cls.nginx.site("plain.example")
        for host in ("asks.example", "changed.example", "evidence.example", "kept.example", "forbidden.example",
                "pending.example", "counted.example", "ended.example", "spared.example", "crowd.example", *(f"limit{number}.example" for number in range(4))):
            cls.nginx.requiring(host)
        cls.nginx.site("crowd.plain.example")
        # One address, one key, and a certificate for all names below one parent: login.gov's way.
        cls.wildcard = cls.pki.server("cards.example.gov", names=["*.cards.example.gov"])
        first, *others = SIBLINGS
        servers.openssl_server(cls.lab, first, cls.wildcard, "-Verify", "1", "-CAfile", cls.pki.clients.certificate)
        for host in others:
            cls.lab.add_host(host, like=first)
        # The attacker's: he has a certificate, but not for the name that his accomplice claims.
        servers.openssl_server(cls.lab, "attacker.example", cls.pki.server("attacker.example"), "-Verify", "1")
        servers.openssl_server(cls.lab, "harmless.example", cls.pki.server("harmless.example"))

    def visit(self, host, **how):
        return self.curl(host, "--cert", self.alice.certificate, "--key", self.alice.key, **how)

    def fate(self, host, **how):
        line = self.visit(host, **how)[1]
        return line["fate"], line["reason"]

    def test_evidence(self):
        """The entry says what was seen, and how long that holds."""
        host = "evidence.example"
        self.assertEqual(self.fate(host), ("learn", REQUESTED))
        event = self.engine.event("learned", "added", host)
        self.assertEqual(event["dest_ip"], self.address(host))
        entry = wait_until(lambda: self.entry(host), "the entry in the store", 5)
        self.assertEqual((entry["class"], entry["state"], entry["source"]), ("asked", "active", "probe"))
        self.assertEqual((entry["address"], entry["port"]), (self.address(host), 443))
        self.assertEqual(len(entry["server_key"]), 64)
        self.assertEqual(len(entry["ca_names"]), 64)
        self.assertIn("Lab Intermediate", entry["issuer"])
        self.assertGreater(entry["expires"], entry["last_seen"])
        explained = self.postern("explain", host, "--address", self.address(host))
        self.assertIn("pass (the server asks for client certificates)", explained)
        self.assertIn(entry["server_key"], self.postern("learned", "show", host))
        other = self.postern("explain", host, "--address", self.address("plain.example"))
        self.assertIn("intercept (the default)", other)

    @each_family
    def test_claimed_name(self, family):
        """T2: whoever claims a learned name towards another address is probed like anybody."""
        self.visit("asks.example", family=family)
        for host in ("attacker.example", "harmless.example"):
            with self.subTest(host=host):
                end, port = self.connect(host, family)
                with self.assertRaises((OSError, wire.ssl.SSLError)):
                    wire.TlsEnd(end, wire.any_context(), server_hostname="asks.example")
                self.assert_line(port, "block", "certificate_name_mismatch")
        self.assertEqual(self.fate("asks.example", family=family), ("pass", "learned"))

    def test_key_changes(self):
        """T3: a server that proves another key than before, when it is asked again, is an alert.

        It is asked beside the client's connection, for which the old verdict still holds.
        """
        self.visit("changed.example")
        before = wait_until(lambda: self.entry("changed.example"), "the entry", 5)
        forged = {**before, "server_key": "00" * 31 + "01", "expires": before["last_seen"]}
        lines = self.engine.folder / "forged.json"
        lines.write_text(json.dumps({**forged, "first_seen": 1, "last_seen": before["last_seen"] + 1}) + "\n")
        self.postern("learned", "import", lines)

        def is_probed_anew():
            self.assertEqual(self.fate("changed.example"), ("pass", "learned"))
            return self.entry("changed.example")["server_key"] == before["server_key"]

        wait_until(is_probed_anew, "another probe", 10)
        event = self.engine.event("alert", "key_changed", "changed.example")
        self.assertEqual(event["before"]["server_key"], forged["server_key"])

    def test_outlives_a_crash(self):
        self.assertEqual(self.fate("kept.example"), ("learn", REQUESTED))
        wait_until(lambda: self.entry("kept.example"), "the entry in the store", 5)
        starts = self.engine.status()["engine_starts"]
        os.kill(self.engine.status()["pids"]["engine"], signal.SIGKILL)
        wait_until(lambda: self.engine.status()["engine_starts"] > starts, "another engine")
        self.engine.await_door("armed")
        self.assertEqual(self.fate("kept.example"), ("pass", "learned"))

    def test_crowd(self):
        """Forty first connections to one server make one probe."""
        for host, probes, fates in (("crowd.example", 1, {"learn", "pass"}), ("crowd.plain.example", 0, {"intercept"})):
            with self.subTest(host=host):
                before = self.lab.server.accepted()
                with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
                    ports = list(pool.map(lambda _, host=host: self.open_and_close(host), range(CROWD)))
                lines = [self.engine.connection(port) for port in ports]
                self.assertEqual({line["fate"] for line in lines}, fates, lines[:3])
                self.assertLessEqual(sum(line["fate"] == "learn" for line in lines), 1)
                self.assertEqual(self.lab.server.accepted() - before, CROWD + probes)

    def open_and_close(self, host):
        end, port = self.connect(host)
        tls = wire.TlsEnd(end, wire.any_context(), server_hostname=host)
        tls.end.close()
        return port

    def test_operator(self):
        """A running engine hears the operator's word within some seconds."""
        host = "forbidden.example"
        self.assertEqual(self.fate(host), ("learn", REQUESTED))
        wait_until(lambda: self.entry(host), "the entry", 5)
        self.postern("learned", "forbid", host)
        wait_until(lambda: self.fate(host)[0] == "intercept", "the forbidden host intercepted")
        self.assertIn("forbids", self.postern("explain", host, "--address", self.address(host)))
        self.postern("learned", "approve", host)
        wait_until(lambda: self.fate(host) == ("pass", "learned"), "the approved host passed")
        self.postern("learned", "forget", host)
        wait_until(lambda: self.fate(host) == ("learn", REQUESTED), "the forgotten host probed")
        self.assertIn("nothing is known", self.postern("learned", "forget", "never.seen.example", code=1))

    def test_forbidden_meanwhile(self):
        """What is being passed to a server ends when that is forbidden; all else goes on."""
        hosts = ("ended.example", "spared.example", "plain.example")
        started = {host: self.connect(host) for host in hosts}
        for host, (end, _) in started.items():
            end.sendall(wire.make_hello(wire.any_context(), host))
            self.assertTrue(wire.read_record(end))  # of the server, or of the engine in its place
        wait_until(lambda: self.entry("ended.example"), "the entry", 5)
        self.postern("learned", "forbid", "ended.example")
        end, port = started.pop("ended.example")
        with contextlib.suppress(ConnectionResetError):
            while end.recv(65536):
                pass
        self.assert_line(port, "learn", REQUESTED, "forbidden")
        for host, (end, port) in started.items():
            end.close()
            self.assertNotEqual(self.engine.connection(port)["end"], "forbidden", host)

    def test_added_by_hand(self):
        self.postern("learned", "add", "plain.example")
        wait_until(lambda: self.fate("plain.example") == ("pass", "learned"), "the added host passed")
        self.postern("learned", "forget", "plain.example")
        wait_until(lambda: self.fate("plain.example")[0] == "intercept", "the host intercepted again")

    def test_approval(self):
        with self.configured({"learn": {"approval": True}}):
            self.assertEqual(self.fate("pending.example")[0], "intercept")
            self.assertEqual(self.fate("pending.example")[0], "intercept")
            wait_until(lambda: self.entry("pending.example"), "the entry", 5)
            self.assertEqual(self.entry("pending.example")["state"], "pending")
            self.postern("learned", "approve", "pending.example")
            wait_until(lambda: self.fate("pending.example") == ("pass", "learned"), "the approved host passed")

    def test_limit(self):
        """T1, T3: one client's connections cannot teach it without end."""
        with self.configured({"learn": {"per_client": 2}}):
            fates = [self.fate(f"limit{number}.example")[0] for number in range(4)]
            self.assertEqual(sorted(fates), ["intercept", "intercept", "learn", "learn"])
            self.engine.event("alert", "client_limit", "limit3.example")

    def test_siblings(self):
        """Names that nobody saw before, below a wildcard of the certificate, at the same address with the same key."""
        fates = [self.fate(host) for host in SIBLINGS]
        self.assertEqual(fates[:3], [("learn", REQUESTED)] * 3)
        self.assertEqual(fates[3:], [("pass", "learned")] * 4)
        self.assertTrue(wait_until(lambda: self.entry("*.cards.example.gov"), "the entry", 5))
        end, port = self.connect("harmless.example")  # the name alone is not enough
        with self.assertRaises((OSError, wire.ssl.SSLError)):
            wire.TlsEnd(end, wire.any_context(), server_hostname="ffff.cards.example.gov")
        self.assert_line(port, "block", "certificate_name_mismatch")

    def test_store_is_the_engines(self):
        """Also when the operator's word comes before the engine ever ran."""
        store = self.engine.folder / "first" / "learned.db"
        store.parent.mkdir()
        self.engine.configure({"learn": {"store": str(store)}})
        try:
            self.postern("learned", "add", "first.example")
        finally:
            self.engine.configure()
        self.assertEqual(store.owner(), self.engine.settings["user"])

    def test_export_and_import(self):
        self.visit("counted.example")
        wait_until(lambda: self.entry("counted.example"), "the entry", 5)
        exported = self.engine.folder / "export.json"
        self.postern("learned", "export", "-o", exported)
        self.postern("learned", "forget", "counted.example")
        self.assertIsNone(self.entry("counted.example"))
        broken = self.engine.folder / "broken.json"
        broken.write_text(exported.read_text() + '{"host": "x", "port": "many"}\n')
        self.assertIn(f"{broken}:", self.postern("learned", "import", broken, code=2))
        self.assertIsNone(self.entry("counted.example"))


if __name__ == "__main__":
    unittest.main()
