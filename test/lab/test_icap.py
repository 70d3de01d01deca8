# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies that an ICAP server judges: c-icap with ClamAV, and servers of a few lines that behave badly."""

import gzip
import hashlib
import os
import socket
import struct
import time
import unittest

import clients
import wire
from antivirus import EICAR, NAME, PORT, URL, Antivirus
from case import LabTest
from engine import is_sanitized
from servers import Peer

SIZE = (2 if is_sanitized() else 6) << 20
MANY = 40


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Icap(LabTest):
    @classmethod
    def make_servers(cls):
        cls.access = cls.lab.folder / "access.log"
        cls.nginx.site("web.example", f"access_log {cls.access} combined;", "gzip on; gzip_types *; gzip_min_length 1;")
        cls.nginx.site("free.example")
        cls.nginx.requiring("asks.example")
        cls.store("eicar", EICAR)
        cls.store("clean", b"clean\n")
        cls.store("bulk", os.urandom(SIZE))
        cls.store("large", bytes(9 << 20))
        cls.store("hidden", os.urandom(300000) + b"\n" * 20 + gzip.compress(EICAR) + EICAR + os.urandom(5000))

    @classmethod
    def store(cls, name, content):
        (cls.nginx.files / name).write_bytes(content)

    def setUp(self):
        super().setUp()
        self.engine.exchanges().clear()

    def get(self, name, *options, host="web.example", **how):
        return clients.curl(self.lab, f"https://{host}/files/{name}", *options, **how)

    def download(self, name, *options, **how):
        """As it is on the server: (reply, seconds)."""
        path = self.lab.folder / "download"
        began = time.monotonic()
        reply = self.get(name, "-o", path, *options, **how)
        self.assertEqual((reply.exit_code, reply.status), (0, 200), reply)
        self.assertEqual(digest(path), digest(self.nginx.files / name))
        return reply, time.monotonic() - began

    def assert_blocked(self, reply, verdict, end):
        self.assertEqual((reply.exit_code, reply.status), (0, 403), reply)
        self.assertIn("not allowed here", reply.body)
        self.assert_fate(self.engine.connection(reply.port), "intercept", "default", end)
        icap = self.engine.exchange(reply.port)["http"]["icap"]
        self.assertEqual((icap["verdict"], icap["blocked"]), (verdict, True))
        return icap


class Scanned(Icap):
    SETTINGS = {"icap": {"url": URL, "requests": True}, "http": {"events": True},
        "rules": [{"intercept": {"host": "free.example", "scan": False}}]}

    @classmethod
    def make_servers(cls):
        super().make_servers()
        cls.antivirus = Antivirus(cls.lab)
        cls.addClassCleanup(cls.antivirus.stop)

    def test_infected(self):
        """Not one byte of it arrives: whole, at the end of more, in chunks, compressed."""
        for name, options in (("eicar", ()), ("hidden", ()), ("eicar", ("--compressed",)),
                ("eicar", ("--http1.0",)), ("eicar", ("--http2",))):
            with self.subTest(name=name, options=options):
                icap = self.assert_blocked(self.get(name, *options), "infected", "blocked_body")
                self.assertEqual(icap["found"], NAME)
                self.assertLess(icap["ms"], 10000)

    def test_clean(self):
        """What is clean arrives as it is, also if the client would rather speak HTTP/2."""
        for name, options in (("clean", ()), ("bulk", ()), ("bulk", ("--compressed",)), ("bulk", ("--http1.0",))):
            with self.subTest(name=name, options=options):
                reply, _ = self.download(name, *options)
                self.assertIn(reply.version, ("1.1", "1.0"))
                http = self.engine.exchange(reply.port)["http"]
                self.assertEqual((http["icap"]["verdict"], http["status"]), ("clean", 200))
                self.assertNotIn("blocked", http["icap"])

    def test_kept(self):
        """Many requests in one connection: the lines to the ICAP server are kept, too."""
        before, accepted = len(self.antivirus.asked()), self.lab.appliance.accepted()
        arguments = [part for _ in range(60) for part in ("https://web.example/files/clean", "-o", "/dev/null")]
        done = self.lab.client.run("curl", "-4sS", "--cacert", self.lab.folder / "trusted.pem", *arguments)
        self.assertEqual(done.stderr, "")
        self.assertGreaterEqual(len(self.antivirus.asked()) - before, 60)
        self.assertLess(self.lab.appliance.accepted() - accepted, 10)

    def test_bodiless(self):
        reply = self.get("eicar", "-I")
        self.assertEqual(reply.status, 200)
        self.assertNotIn("icap", self.engine.exchange(reply.port)["http"])

    def test_free(self):
        """By rule, nothing of it is judged, and it speaks HTTP/2."""
        reply, _ = self.download("eicar", host="free.example")
        self.assertEqual(reply.version, "2")
        self.assertNotIn("icap", self.engine.exchange(reply.port)["http"])

    def test_upload(self):
        for name, status in (("bulk", (201, 204)), ("eicar", (403,))):
            for how in ("Expect:", "Expect: 100-continue", "Transfer-Encoding: chunked"):
                with self.subTest(name=name, how=how):
                    stored = self.nginx.files / "stored"
                    stored.unlink(missing_ok=True)
                    reply = clients.curl(self.lab, f"https://web.example/files/{stored.name}", "-T",
                        self.nginx.files / name, "-H", how)
                    self.assertIn(reply.status, status, reply)
                    icap = self.engine.exchange(reply.port)["http"]["icap_request"]
                    self.assertEqual(icap["verdict"], "clean" if name == "bulk" else "infected")
                    self.assertEqual(stored.exists(), name == "bulk")
                    if name == "bulk":
                        self.assertEqual(digest(stored), digest(self.nginx.files / name))
                    else:
                        self.assert_line(reply.port, "intercept", "default", "blocked_body")

    def test_pipelined(self):
        """Answers in the order of the requests, up to the one that is not let go."""
        end, port = self.connect("web.example")
        context = wire.any_context(alpn=["http/1.1"])
        asked = b"".join(b"GET /files/%s HTTP/1.1\r\nHost: web.example\r\n\r\n" % name
            for name in (b"clean", b"none", b"clean", b"eicar", b"clean"))
        answer = b""
        with context.wrap_socket(end, server_hostname="web.example") as tls:
            tls.sendall(asked)
            while part := tls.recv(65536):
                answer += part
        self.assertRegex(answer, rb"(?s)^HTTP/1.1 200 .*clean\nHTTP/1.1 404 .*HTTP/1.1 200 .*clean\n"
            rb"HTTP/1.1 403 .*</html>\n$")
        self.assertNotIn(EICAR[:20], answer)
        self.assertEqual(answer.count(b"HTTP/1.1 "), 4)
        self.assert_line(port, "intercept", "default", "blocked_body")

    def test_large(self):
        """More than icap.max_body: as configured."""
        reply, _ = self.download("large")
        self.assertEqual(self.engine.exchange(reply.port)["http"]["icap"]["verdict"], "too_large")
        with self.configured({"icap": {"oversized": "block"}}):
            self.assert_blocked(self.get("large"), "too_large", "unscanned")

    def test_memory(self):
        """More than icap.max_memory: as configured."""
        with self.configured({"icap": {"max_memory": "1M"}}):
            self.assert_blocked(self.get("bulk"), "no_memory", "unscanned")
            self.download("clean")
        with self.configured({"icap": {"max_memory": "1M", "on_failure": "pass"}}):
            reply, _ = self.download("bulk")
            self.assertEqual(self.engine.exchange(reply.port)["http"]["icap"]["verdict"], "no_memory")

    def test_many(self):
        """At once: each has its own verdict."""
        urls = [part for n in range(MANY) for part in
            (f"https://web.example/files/{'eicar' if n % 4 == 0 else 'clean'}", "-o", f"{self.lab.folder}/many{n}")]
        done = self.lab.client.run("curl", "-4sSZ", "--no-progress-meter", "--parallel-immediate", "--cacert",
            self.lab.folder / "trusted.pem", "--parallel-max", MANY, *urls)
        self.assertEqual(done.stderr, "")
        for n in range(MANY):
            content = (self.lab.folder / f"many{n}").read_bytes()
            self.assertIn(b"not allowed" if n % 4 == 0 else b"clean\n", content)

    def test_down(self):
        """Without the server: as configured; and it is found again."""
        self.download("clean")
        self.antivirus.stop()
        try:
            self.assert_blocked(self.get("clean"), "failed", "unscanned")
            with self.configured({"icap": {"on_failure": "pass"}}):
                reply, _ = self.download("eicar")
                self.assertEqual(self.engine.exchange(reply.port)["http"]["icap"]["verdict"], "failed")
        finally:
            self.antivirus.start()
        self.download("clean")

    def test_refused_inside(self):
        """What a server says to those without a certificate is understood before it is judged."""
        with self.configured({"client_certificate": {"requested": "intercept", "required": "pass"}}):
            reply, line = self.curl("asks.example")
            self.assertEqual(reply.status, 307, reply)
            self.assert_fate(line, "intercept", "default", "certificate_required")
            _, line = self.curl("asks.example")
            self.assertEqual(line["fate"], "pass")

    def test_only_http2(self):
        """A client that will not speak HTTP/1.1."""
        end, port = self.connect("web.example")
        with wire.any_context(alpn=["h2"]).wrap_socket(end, server_hostname="web.example") as tls:
            tls.settimeout(10)
            with self.assertRaises(OSError):
                tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                if not tls.recv(1):
                    raise OSError("ended")
        self.assert_line(port, "intercept", "default", "http_unreadable")


class Stranger(Icap):
    """ICAP servers that are slow, or make no sense."""
    SETTINGS = {"icap": {"url": f"icap://127.0.0.1:{PORT}/x", "timeout": "1s"},
        "rules": [{"intercept": {"host": "free.example", "scan": False}}]}
    OPTIONS = (b"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nAllow: 204\r\nPreview: 4\r\nISTag: x\r\n"
        b"Encapsulated: null-body=0\r\n\r\n")

    @classmethod
    def make_servers(cls):
        super().make_servers()
        Peer([cls.lab.appliance.listen("127.0.0.1", PORT)], cls._talk)

    @classmethod
    def _talk(cls, end):
        asked = end.recv(65536)
        if asked.startswith(b"OPTIONS "):
            end.sendall(cls.OPTIONS)
            asked = end.recv(65536)
        if not asked:
            return
        if cls.answer is None:
            time.sleep(4)
        else:
            end.sendall(cls.answer)

    def answered(self, answer):
        type(self).answer = answer

    def test_slow(self):
        """It is waited for icap.timeout, and nobody else waits."""
        self.answered(None)
        with self.configured({"icap": {"on_failure": "pass"}}):
            began = time.monotonic()
            client = self.lab.client.start("curl", "-4sS", "--cacert", self.lab.folder / "trusted.pem", "-o",
                "/dev/null", "https://web.example/files/clean")
            _, seconds = self.download("bulk", host="free.example")
            self.assertLess(seconds, 0.9 if not is_sanitized() else 5)
            self.assertEqual(client.wait(timeout=20), 0)
            self.assertGreater(time.monotonic() - began, 0.9)
        self.assert_blocked(self.get("clean"), "timeout", "unscanned")

    def test_client_gone(self):
        """While the verdict is awaited: nobody wants it any more, and the next body has its own."""
        self.answered(None)
        for _ in range(3):
            end, port = self.connect("web.example")
            tls = wire.any_context(alpn=["http/1.1"]).wrap_socket(end, server_hostname="web.example")
            tls.sendall(b"GET /files/clean HTTP/1.1\r\nHost: web.example\r\n\r\n")
            time.sleep(0.2)
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            tls.close()
            self.assert_line(port, "intercept", "default", "client_reset")
        self.answered(b"ICAP/1.0 204 No\r\n\r\n")
        self.download("clean")

    def test_nonsense(self):
        for answer in (b"HTTP/1.1 204 No Content\r\n\r\n", b"ICAP/1.0 204\nX: y\n\n", b"ICAP/1.0 404 Not Found\r\n\r\n",
                b"ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 100 Continue\r\n\r\n", b"ICAP/1.0 500 No\r\n\r\n", b"A" * 9000,
                b"", b"ICAP/1.0 204 OK\r\nX : y\r\n\r\n"):
            with self.subTest(answer=answer[:60]):
                self.answered(answer)
                self.assert_blocked(self.get("clean"), "failed", "unscanned")

    def test_replaced(self):
        """Another message in its place is never taken: it is blocked. So is what it refuses."""
        for status in (b"200 OK", b"403 Forbidden"):
            for found, verdict in ((b"X-Virus-ID: a<b>\"c\xc3\xa4\xff\r\n", "infected"), (b"", "replaced")):
                self.answered(b"ICAP/1.0 " + status + b"\r\n" + found + b"Encapsulated: res-hdr=0, res-body=19\r\n\r\n"
                    b"HTTP/1.1 200 OK\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
                icap = self.assert_blocked(self.get("clean"), verdict, "blocked_body")
                self.assertEqual(icap.get("found", "")[:6], 'a<b>"c' if found else "")


if __name__ == "__main__":
    unittest.main()
