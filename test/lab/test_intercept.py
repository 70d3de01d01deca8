# SPDX-License-Identifier: GPL-3.0-or-later
"""Interception as clients and servers see it; and passing, where it must look the same."""

import hashlib
import itertools
import json
import os
import queue
import socket
import ssl
import unittest

import wire
from case import LabTest, each_family
from engine import CA, is_sanitized
from pki import REAL_CA
from servers import peer, tls_context
import websocket

SIZE = (8 if is_sanitized() else 100) << 20  # of what is carried in bulk

NODE = """
const [host, family, ca] = process.argv.slice(1);
require('https').get({host, family: +family, ca: require('fs').readFileSync(ca), agent: false}, (answer) => {
    const issuer = answer.socket.getPeerCertificate().issuer.CN, port = answer.socket.localPort;
    answer.resume().on('end', () => console.log(JSON.stringify({status: answer.statusCode, issuer, port})));
});
"""


class Intercept(LabTest):
    SETTINGS = {"rules": [{"pass": "*.pass.example"}]}

    @classmethod
    def make_servers(cls):
        cls.nginx.site("plain.example")
        cls.nginx.site("rsa.example", certificate=cls.pki.server("rsa.example", key="rsa"))
        cls.nginx.site("tls12.example", "ssl_protocols TLSv1.2;")
        cls.nginx.site("resumes.example", "ssl_early_data on;")
        cls.nginx.site("files.pass.example")
        cls.bulk = cls.nginx.files / "bulk"
        cls.bulk.write_bytes(os.urandom(SIZE))
        websocket.serve_echo(cls.lab.folder / "echo")
        cls.heard = []
        peer(cls.lab, "hears.example", lambda end: cls.heard.append(wire.read_record(end)))
        cls.answers = queue.Queue()
        for name in ("half.example", "half.pass.example"):
            context = tls_context(cls.pki.server(name))
            peer(cls.lab, name, lambda end, context=context: _half_close(end, context, cls.answers))
        for name, alpn in (("h1", ["http/1.1"]), ("h2", ["h2"]), ("none", [])):
            context = tls_context(cls.pki.server(f"{name}.example"), alpn)
            peer(cls.lab, f"{name}.example", lambda end, context=context: _say_protocol(end, context))

    def assert_intercepted(self, line):
        self.assert_fate(line, "intercept", "default")

    @each_family
    def test_curl(self, family):
        for option, version, alpn in (("--http1.1", "1.1", "http/1.1"), ("--http2", "2", "h2")):
            reply, line = self.curl("plain.example", option, family=family)
            self.assertEqual((reply.status, reply.version, reply.issuer), (200, version, CA), reply)
            self.assertEqual(reply.saw["alpn"], alpn)
            self.assert_intercepted(line)
            self.assertEqual(line["tls"]["sni"], "plain.example")
            self.assertEqual(line["upstream"]["verdict"], "ok")
            self.assertGreater(line["flow"]["bytes_toclient"], len(reply.body))

    @each_family
    def test_gnutls(self, family):
        done = self.lab.client.run("gnutls-cli", "--x509cafile", self.lab.folder / "trusted.pem", "--sni-hostname",
            "plain.example", "--verify-hostname", "plain.example", self.address("plain.example", family),
            input="GET / HTTP/1.0\n\n", stdin=None)
        self.assertIn(f"issuer `CN={CA}'", done.stdout)
        self.assertIn('"host": "plain.example"', done.stdout)
        self.assert_intercepted(self.engine.connection(host="plain.example"))

    def s_client(self, host, family, *options):
        """openssl s_client makes a request of the host: (what it says, log line)."""
        done = self.lab.client.run("openssl", "s_client", f"-{family}", "-CAfile", self.lab.folder / "trusted.pem",
            "-verify_return_error", "-connect", f"{host}:443", "-ign_eof", *options, input="GET / HTTP/1.0\r\n\r\n")
        self.assertIn(f'"host": "{host}"', done.stdout)
        return done.stdout, self.engine.connection(host=host)

    @each_family
    def test_openssl(self, family):
        for version, host in (("-tls1_2", "plain.example"), ("-tls1_3", "plain.example"), ("-tls1_2", "rsa.example"),
                ("-tls1_3", "rsa.example"), ("-tls1_2", "tls12.example")):
            said, line = self.s_client(host, family, version)
            self.assertRegex(said, f"issuer=CN ?= ?{CA}")
            self.assert_intercepted(line)

    @each_family
    def test_session_of_the_real_server(self, family):
        """A client comes with a ticket, and with early data, for the server that it met before."""
        session, early = self.lab.folder / f"session-{family}", self.lab.folder / "early"
        early.write_text("GET /early HTTP/1.0\r\n\r\n")
        with self.configured({"rules": [{"pass": "resumes.example"}]}):
            said, line = self.s_client("resumes.example", family, "-sess_out", session)
            self.assertEqual(line["fate"], "pass")
            said, line = self.s_client("resumes.example", family, "-sess_in", session, "-early_data", early)
            self.assertIn("Early data was accepted", said)
        said, line = self.s_client("resumes.example", family, "-sess_in", session, "-early_data", early)
        self.assertIn("Early data was rejected", said)
        self.assertRegex(said, f"issuer=CN ?= ?{CA}")
        self.assert_intercepted(line)
        self.assertTrue(line["tls"]["psk"] and line["tls"]["early_data"])

    @each_family
    def test_python(self, family):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            end, port = self.connect("rsa.example", family)
            context = wire.client_context(self.lab.folder / "trusted.pem", version, version)
            with context.wrap_socket(end, server_hostname="rsa.example") as tls:
                tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
                while tls.recv(65536):
                    pass
                issuer = dict(pair for part in tls.getpeercert()["issuer"] for pair in part)
            self.assertEqual(issuer["commonName"], CA)
            line = self.engine.connection(port)
            self.assert_intercepted(line)
            self.assertEqual(line["downstream"]["version"], version.name.replace("_", "."))

    @each_family
    def test_node(self, family):
        done = self.lab.client.run("node", "-e", NODE, "plain.example", family, self.lab.folder / "trusted.pem")
        saw = json.loads(done.stdout)
        self.assertEqual((saw["status"], saw["issuer"]), (200, CA))
        self.assert_intercepted(self.engine.connection(saw["port"]))

    def test_alpn_is_the_servers_choice(self):
        for offered in (["h2", "http/1.1"], ["http/1.1", "h2"], ["other", "h2", "http/1.1"]):
            context = wire.client_context(self.lab.folder / "trusted.pem", alpn=offered)
            for host, chosen in (("h1.example", "http/1.1"), ("h2.example", "h2"), ("none.example", None)):
                with self.subTest(offered=offered, host=host):
                    end, port = self.connect(host)
                    client = wire.TlsEnd(end, context, server_hostname=host)
                    self.assertEqual(client.tls.selected_alpn_protocol(), chosen)
                    self.assertEqual(client.receive_all().decode(), str(chosen))
                    end.close()
                    line = self.engine.connection(port)
                    self.assertEqual(line["downstream"].get("alpn"), chosen)
                    self.assertEqual(line["upstream"].get("alpn"), chosen)

    def test_offer_is_within_the_clients(self):
        narrow = wire.client_context(self.lab.folder / "trusted.pem", alpn=["h2"])
        narrow.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        narrow.set_ecdh_curve("prime256v1")
        old = wire.client_context(self.lab.folder / "trusted.pem", maximum=ssl.TLSVersion.TLSv1_2)
        new = wire.client_context(self.lab.folder / "trusted.pem", minimum=ssl.TLSVersion.TLSv1_3)
        for context in (wire.client_context(self.lab.folder / "trusted.pem"), narrow, old, new):
            self.heard.clear()
            hello = wire.make_hello(context, "hears.example")
            end, port = self.connect("hears.example")
            end.sendall(hello)
            end.recv(1)
            end.close()
            self.assert_line(port, "pass", "server_closed")
            client, ours = wire.read_offer(hello), wire.read_offer(self.heard[0])
            self.assertEqual((ours.host, ours.alpn), (client.host, client.alpn))
            self.assertLessEqual(ours.versions, client.versions or {0x0303})
            scsv = {0x00ff}  # means "secure renegotiation", is no suite
            for ours_of_kind, clients_of_kind in ((ours.suites - scsv, client.suites), (ours.groups, client.groups),
                    (ours.signatures, client.signatures)):
                self.assertTrue(ours_of_kind)
                self.assertLessEqual(ours_of_kind, clients_of_kind)

    @each_family
    def test_websocket(self, family):
        context = wire.client_context(self.lab.folder / "trusted.pem")
        end, port = self.connect("plain.example", family)
        with context.wrap_socket(end, server_hostname="plain.example") as tls, tls.makefile("rb") as stream:
            tls.sendall(b"GET /echo HTTP/1.1\r\nHost: plain.example\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cG9zdGVybg==\r\n\r\n")
            self.assertIn(b"101", stream.readline())
            head = b"".join(iter(stream.readline, b"\r\n"))
            self.assertIn(websocket.accept_of("cG9zdGVybg=="), head)
            for message in (b"", b"hello", os.urandom(60000)):
                tls.sendall(websocket.frame(websocket.BINARY, message, masked=True))
                self.assertEqual(websocket.read_frame(stream), (websocket.BINARY, message))
            tls.sendall(websocket.frame(websocket.CLOSE, b"", masked=True))
            self.assertEqual(websocket.read_frame(stream)[0], websocket.CLOSE)
        self.assert_intercepted(self.engine.connection(port))

    @each_family
    def test_bulk(self, family):
        for host, fate, reason in (("plain.example", "intercept", "default"), ("files.pass.example", "pass", "rule")):
            got = self.lab.folder / "got"
            reply, line = self.curl(host, "-o", got, family=family, path="/files/bulk")
            self.assertEqual(reply.error, "")
            self.assertEqual(_digest(got), _digest(self.bulk))
            self.assert_fate(line, fate, reason)
            self.assertGreaterEqual(line["flow"]["bytes_toclient"], SIZE)
            put = f"put-{fate}-{family}"
            reply, line = self.curl(host, "-T", self.bulk, family=family, path=f"/files/{put}")
            self.assertEqual(reply.error, "")
            self.assertEqual(_digest(self.nginx.files / put), _digest(self.bulk))
            self.assert_fate(line, fate, reason)
            self.assertGreaterEqual(line["flow"]["bytes_toserver"], SIZE)

    @each_family
    def test_half_close(self, family):
        """Each side may finish first, properly (close_notify) or not (FIN alone), and the other goes on."""
        for host, fate in (("half.example", "intercept"), ("half.pass.example", "pass")):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                for first, how in itertools.product(("client", "server"), ("notify", "cut")):
                    with self.subTest(fate=fate, version=version.name, first=first, how=how):
                        self.half_close(host, family, fate, version, first, how)

    def half_close(self, host, family, fate, version, first, how):
        end, port = self.connect(host, family)
        context = wire.client_context(self.lab.folder / "trusted.pem", version, version)
        client = wire.TlsEnd(end, context, server_hostname=host)
        client.send(f"{first} {how}".encode())
        if first == "client":
            _finish(client, how)
            self.assertEqual(_receive_to_end(client), (f"server: {how}".encode(), "notify"))
        else:
            self.assertEqual(_receive_to_end(client), (b"", how))
            self.assertEqual(end.recv(1), b"")
            client.send(b"still here")
            _finish(client, "notify")
            self.assertEqual(self.answers.get(timeout=10), (b"still here", "notify"))
        end.close()
        line = self.engine.connection(port)
        self.assertEqual((line["fate"], line["end"]), (fate, f"{first}_closed"), line)

    @each_family
    def test_source(self, family):
        for host in ("plain.example", "files.pass.example"):
            with self.configured({"source": "client"}):
                reply, line = self.curl(host, family=family)
                self.assertEqual((reply.saw["address"], int(reply.saw["port"])), (line["src_ip"], reply.port))
            reply, line = self.curl(host, family=family)
            self.assertIn(reply.saw["address"], ("10.0.2.1", "fd00:2::1"))

    def test_pass_by_rule_names_the_rule(self):
        reply, line = self.curl("files.pass.example")
        self.assertEqual(reply.issuer, REAL_CA)
        self.assertEqual(line["rule"]["file"], str(self.engine.configuration))
        self.assertIn("*.pass.example", self.engine.configuration.read_text().splitlines()[line["rule"]["line"] - 1])


def _say_protocol(end, context):
    server = wire.TlsEnd(end, context, server_side=True)
    server.send(str(server.tls.selected_alpn_protocol()).encode())
    server.close_notify()
    end.recv(1)


def _finish(end, how):
    if how == "notify":
        end.close_notify()
    end.end.shutdown(socket.SHUT_WR)


def _receive_to_end(end):
    """(bytes, how it ended), once the FIN is there as well: who answers may not overtake it."""
    got = b""
    try:
        while piece := end.receive():
            got += piece
    except wire.Cut:
        return got, "cut"
    while end.end.recv(1):
        pass
    return got, "notify"


def _half_close(end, context, answers):
    server = wire.TlsEnd(end, context, server_side=True)
    first, how = server.receive().decode().split()
    if first == "server":
        _finish(server, how)
        answers.put(_receive_to_end(server))
    else:
        server.send(f"server: {_receive_to_end(server)[1]}".encode())
        _finish(server, "notify")


def _digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    unittest.main()
