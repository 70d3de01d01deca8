# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP inside: what is seen of it, without a byte changed, and what rules with paths refuse."""

import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import unittest

import clients
import websocket
import wire
from case import LabTest
from engine import is_sanitized
from servers import peer, tls_context

SIZE = (2 if is_sanitized() else 16) << 20
VERSIONS = ("--http1.1", "--http2")
PROTOCOLS = {"--http1.1": "HTTP/1.1", "--http2": "HTTP/2"}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Http(LabTest):
    @classmethod
    def make_servers(cls):
        cls.access = cls.lab.folder / "access.log"
        cls.nginx.site("web.example", f"access_log {cls.access} combined;", "location /empty { return 204; }",
            "location /no { return 200 'reached'; }")
        cls.nginx.site("other.example", f"access_log {cls.access} combined;")
        cls.bulk = cls.nginx.files / "bulk"
        cls.bulk.write_bytes(os.urandom(SIZE))
        websocket.serve_echo(cls.lab.folder / "echo")
        for name in ("mail.example", "mail.other.example"):
            context = tls_context(cls.pki.server(name))
            peer(cls.lab, name, lambda end, context=context: _greet(end, context))

    def setUp(self):
        super().setUp()
        self.engine.exchanges().clear()
        self.access.write_text("")

    def download(self, version, *more):
        path = self.lab.folder / "download"
        reply = clients.curl(self.lab, "https://web.example/files/bulk", version, "-o", path, *more)
        self.assertEqual(digest(path), digest(self.bulk))
        return reply

    def curls(self, *options):
        """One curl with many URLs: what it prints."""
        done = self.lab.client.run("curl", "-4sS", "--no-progress-meter", "--cacert",
            self.lab.folder / "trusted.pem", *options)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def raw(self, host, *pieces, alpn=("http/1.1",)):
        """What a client of a few lines is answered, up to the end: (bytes, its port)."""
        end, port = self.connect(host)
        context = wire.any_context(alpn=list(alpn))
        answer = b""
        with context.wrap_socket(end, server_hostname=host) as tls, contextlib.suppress(ssl.SSLError, OSError):
            for piece in pieces:
                tls.sendall(piece)
            while part := tls.recv(65536):
                answer += part
        return answer, port

    def echo(self, host, path="/echo"):
        """A WebSocket through nginx: what comes back, and the client's port."""
        end, port = self.connect(host)
        with wire.any_context(alpn=["http/1.1"]).wrap_socket(end, server_hostname=host) as tls:
            with tls.makefile("rb") as stream:
                tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
                status = stream.readline().split()[1]
                while stream.readline() != b"\r\n":
                    pass
                tls.sendall(websocket.frame(websocket.BINARY, b"GET /no HTTP/1.1\r\n", masked=True))
                _, message = websocket.read_frame(stream)
                tls.sendall(websocket.frame(websocket.CLOSE, b"", masked=True))
                websocket.read_frame(stream)
        return status, message, port


class Seen(Http):
    SETTINGS = {"http": {"events": True}}

    def test_one(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                reply, line = self.curl("web.example", version, "-A", "a lab", "-e", "https://from.example/",
                    path="/a?b=c")
                event = self.engine.exchange(reply.port)
                self.assertEqual(event["flow_id"], line["flow_id"])
                self.assertEqual((event["src_ip"], event["dest_port"], event["tx_id"]), ("10.0.1.2", 443, 0))
                http = event["http"]
                self.assertEqual(http.pop("http2", None), {"stream_id": 1} if version == "--http2" else None)
                self.assertEqual(http, {"hostname": "web.example", "url": "/a?b=c", "http_method": "GET",
                    "protocol": PROTOCOLS[version], "status": 200, "http_user_agent": "a lab",
                    "http_refer": "https://from.example/", "http_content_type": "application/json",
                    "request_length": 0, "length": len(reply.body)})

    def test_many(self):
        """One connection, many requests; in HTTP/2 at once."""
        for version in VERSIONS:
            with self.subTest(version=version):
                urls = [f"https://web.example/{n}" for n in range(39)]
                self.curls(*(part for url in urls for part in (url, "-o", "/dev/null")), version,
                    "-sZ" if version == "--http2" else "-s")
                line = self.engine.connection(host="web.example")
                for n in range(39):
                    self.engine.exchange(line["src_port"], url=f"/{n}", status=200)

    def test_kinds(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                reply, _ = self.curl("web.example", version, "-I")
                self.engine.exchange(reply.port, http_method="HEAD", status=200, length=0)
                reply, _ = self.curl("web.example", version, path="/empty")
                self.engine.exchange(reply.port, status=204, length=0)
                reply, _ = self.curl("web.example", version, path="/files/none")
                self.engine.exchange(reply.port, status=404)

    def test_bulk(self):
        """Both ways, with the length said before or not: what arrives is what was sent."""
        for version in VERSIONS:
            with self.subTest(version=version):
                reply = self.download(version)
                self.engine.exchange(reply.port, length=SIZE)
                for how, header in (("sized", "Expect:"), ("chunked", "Transfer-Encoding: chunked")):
                    if version == "--http2" and how == "chunked":
                        continue
                    stored = self.nginx.files / f"stored{version}-{how}"
                    reply, _ = self.curl("web.example", version, "-T", self.bulk, "-H", header,
                        path=f"/files/{stored.name}")
                    self.assertIn(reply.status, (201, 204), reply)
                    self.assertEqual(digest(stored), digest(self.bulk))
                    self.engine.exchange(reply.port, http_method="PUT", request_length=SIZE)

    def test_websocket(self):
        status, message, port = self.echo("web.example")
        self.assertEqual((status, message), (b"101", b"GET /no HTTP/1.1\r\n"))
        self.engine.exchange(port, url="/echo", status=101, upgrade="websocket")
        self.engine.connection(port)

    def test_host(self):
        """A request for another host than the hello's."""
        reply, _ = self.curl("web.example", "--http1.1", "-H", "Host: other.example")
        self.engine.exchange(reply.port, hostname="other.example", other_host=True)

    def test_not_http(self):
        """It goes on untouched, and that is said once."""
        answer, port = self.raw("mail.example", b"QUIT\r\n", alpn=())
        self.assertEqual(answer, b"220 ready\r\n221 QUIT\r\n")
        self.engine.exchange(port, anomaly="grammar")
        self.engine.connection(port)
        self.assertEqual(self.engine.exchanges(), [])


class Refused(Http):
    SETTINGS = {"rules": [
        {"intercept": {"host": "web.example", "path": "/no/but"}},
        {"block": {"host": ["web.example", "mail.example"], "path": ["/no", "/*.exe"]}},
        {"block": "blocked.example"}]}

    def assert_unreached(self, *paths):
        log = self.access.read_text()
        for path in paths:
            self.assertNotRegex(log, f"[A-Z]+ {path}")

    def test_page(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                reply, line = self.curl("web.example", version, path="/no/way?<b>")
                self.assertEqual((reply.exit_code, reply.status), (0, 403), reply)
                self.assertIn("<code>web.example/no/way</code>", reply.body)
                self.assertNotIn("<b>", reply.body)
                self.assert_fate(line, "intercept", "rule", "blocked_url")
                event = self.engine.exchange(reply.port, refused=True, url="/no/way?<b>", status=403)
                self.assertEqual(event["rule"]["file"], str(self.engine.configuration))
                self.assert_unreached("/no/way")
                for path in ("/", "/no/but/this", "/node"):
                    reply, line = self.curl("web.example", version, path=path)
                    self.assertEqual(reply.status, 200, reply)
                    self.assertNotEqual(line["end"], "blocked_url")
        self.assertEqual(self.engine.exchanges(), [])  # of others nothing is logged

    def test_others_go_on(self):
        """The next request of the same client, and one that is being answered meanwhile."""
        for version in VERSIONS:
            self.assertRegex(self.curls(version, "https://web.example/no/a", "https://web.example/yes"),
                '(?s)not allowed.*"request": "GET /yes')
        path = self.lab.folder / "download"
        self.curls("-Z", "--http2", "--limit-rate", SIZE, "https://web.example/files/bulk", "-o", path,
            "https://web.example/no/b", "-o", self.lab.folder / "page", "https://web.example/yes", "-o",
            self.lab.folder / "yes")
        self.assertEqual(digest(path), digest(self.bulk))
        self.assertIn("not allowed", (self.lab.folder / "page").read_text())
        self.assertIn("GET /yes", (self.lab.folder / "yes").read_text())
        self.assert_unreached("/no")

    def test_upload(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                reply, _ = self.curl("web.example", version, "-T", self.bulk, "-H", "Expect:", path="/no/up")
                self.assertEqual(reply.status, 403, reply)
        self.assert_unreached("/no")

    def test_evasions(self):
        paths = ["/NO", "/%6eo", "/./no", "/x/../no", "/x/%2e%2e/no", "//no", "/x/..//no/", "/no;x", "/%256eo",
            "/x%2f..%2fno", "/no%00", "/no.", "/no/../no/but/../../no", "/no/but/%2e%2e/x", "/a.exe", "/b/C.EXE?x"]
        for version in VERSIONS:
            for path in paths:
                reply = clients.curl(self.lab, f"https://web.example{path}", version, "--path-as-is")
                self.assertEqual((path, reply.status), (path, 403))
        self.assertEqual(self.access.read_text(), "")

    def test_host(self):
        """A request for another host than the hello's is judged by its own."""
        for version in VERSIONS:
            for host, path, status in (("web.example", "/no", 403), ("web.example", "/", 200),
                    ("web.example.:443", "/no", 403), ("blocked.example", "/", 403)):
                reply = clients.curl(self.lab, f"https://other.example{path}", version, "-H", f"Host: {host}")
                self.assertEqual((host, path, reply.status), (host, path, status))
        answer, _ = self.raw("other.example", b"GET https://web.example/no HTTP/1.1\r\nHost: web.example\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
        self.assert_unreached("/no")

    def test_pipelined(self):
        """Answers come in the order of the requests, and nothing behind the refused one is asked."""
        asked = b"".join(b"GET /%s HTTP/1.1\r\nHost: web.example\r\n\r\n" % path for path in (b"1", b"2", b"no", b"3"))
        answer, port = self.raw("web.example", asked)
        self.assertRegex(answer, rb"(?s)^HTTP/1.1 200 .*GET /1.*HTTP/1.1 200 .*GET /2.*HTTP/1.1 403 .*</html>\n$")
        self.assert_line(port, "intercept", "rule", "blocked_url")
        self.assert_unreached("/no", "/3")

    def test_ambiguous(self):
        """What servers may understand otherwise does not reach them."""
        host = b"POST / HTTP/1.1\r\nHost: web.example\r\n"
        hidden = b"0\r\n\r\nGET /no/hidden HTTP/1.1\r\nHost: web.example\r\n\r\n"
        for head in (b"Content-Length: 70\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"Transfer-Encoding: xchunked\r\nContent-Length: 70\r\n\r\n",
                b"Content-Length: 70\r\nContent-Length: 5\r\n\r\n",
                b"Transfer-Encoding:\x0bchunked\r\nContent-Length: 70\r\n\r\n",
                b"Transfer-Encoding\r\n : chunked\r\nContent-Length: 70\r\n\r\n",
                b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 70\r\n\r\n"):
            answer, port = self.raw("web.example", host + head, hidden)
            self.assertEqual(answer, b"")
            self.assert_line(port, "intercept", "rule", "http_unreadable")
        self.assertEqual(self.access.read_text(), "")

    def test_unreadable(self):
        """What is no HTTP ends where a path could not be judged, and only there."""
        answer, port = self.raw("mail.example", b"QUIT\r\n", alpn=())
        self.assertEqual(answer, b"")
        self.assert_line(port, "intercept", "rule", "http_unreadable")
        answer, port = self.raw("mail.other.example", b"QUIT\r\n", alpn=())
        self.assertEqual(answer, b"220 ready\r\n221 QUIT\r\n")
        with self.configured({"http": {"unreadable": "pass"}}):
            answer, port = self.raw("mail.example", b"QUIT\r\n", alpn=())
            self.assertEqual(answer, b"220 ready\r\n221 QUIT\r\n")

    def test_websocket(self):
        status, message, _ = self.echo("web.example")
        self.assertEqual((status, message), (b"101", b"GET /no HTTP/1.1\r\n"))
        answer, _ = self.raw("web.example", b"GET /no/ws HTTP/1.1\r\nHost: web.example\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)

    def test_bulk(self):
        """Judged, and unchanged all the same."""
        for version in VERSIONS:
            self.download(version)
            stored = self.nginx.files / f"judged{version}"
            reply, _ = self.curl("web.example", version, "-T", self.bulk, path=f"/files/{stored.name}")
            self.assertIn(reply.status, (201, 204), reply)
            self.assertEqual(digest(stored), digest(self.bulk))

    def test_slow_head(self):
        """Not one byte of a head goes on before the last has come."""
        end, port = self.connect("web.example")
        with wire.any_context(alpn=["http/1.1"]).wrap_socket(end, server_hostname="web.example") as tls:
            for byte in b"GET /no HTTP/1.1\r\nHost: web.example\r\n\r\n":
                tls.sendall(bytes([byte]))
            self.assertTrue(tls.recv(100).startswith(b"HTTP/1.1 403 "))
        self.assert_line(port, "intercept", "rule", "blocked_url")
        self.assertEqual(self.access.read_text(), "")

    def test_own_page(self):
        page = self.lab.folder / "page.html"
        page.write_text("<h1>{{host}} {{path}} {{client}} {{id}} {{other}}</h1>")
        with self.configured({"http": {"page": str(page)}}):
            for version in VERSIONS:
                reply, line = self.curl("web.example", version, path="/no/%3Cscript%3E'\"")
                self.assertEqual(reply.body, "<h1>web.example /no/%3Cscript%3E&#39;&#34; 10.0.1.2 "
                    f"{line['flow_id']} {{{{other}}}}</h1>")

    def test_chromium(self):
        """It shows the page, and goes on with others."""
        home = self.lab.folder / "chromium"
        subprocess.run(["certutil", "-N", "-d", self._database(home), "--empty-password"], check=True)
        subprocess.run(["certutil", "-A", "-d", self._database(home), "-n", "lab", "-t", "C,,", "-i",
            self.engine.folder / "ca.crt"], check=True)
        for path, text in (("/no/browser", "This page is not allowed here"), ("/yes", "GET /yes HTTP/2.0")):
            done = self.lab.client.run("env", f"HOME={home}", "chromium", "--headless", "--no-sandbox",
                "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom", f"https://web.example{path}", timeout=60)
            self.assertIn(text, done.stdout)
        self.assert_unreached("/no")

    @staticmethod
    def _database(home):
        folder = home / ".pki" / "nssdb"
        folder.mkdir(parents=True, exist_ok=True)
        return f"sql:{folder}"


def _greet(end, context):
    """A server that speaks first, and no HTTP."""
    with context.wrap_socket(end, server_side=True) as tls:
        tls.sendall(b"220 ready\r\n")
        tls.sendall(b"221 " + tls.recv(100))
        tls.unwrap().shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    unittest.main()
