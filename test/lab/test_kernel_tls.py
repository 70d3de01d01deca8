# SPDX-License-Identifier: GPL-3.0-or-later
"""
`tls.kernel`: what nobody looks at is carried by the kernel, if it has TLS, in the versions that it is good for, and
everything else is as ever. That it was the kernel, its own counters say. Without an argument `./dev vm` runs this
on kernels that have it.
"""

import errno
import fcntl
import functools
import hashlib
import os
import platform
import random
import re
import shutil
import socket
import ssl
import subprocess
import sys
import termios
import time
import unittest

import servers
import wire
from case import LabTest
from engine import build
from lab import endpoint, wait_until

TCP_ULP = 31
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
SUITES = {
    "1.2": ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    "1.3": ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")}
WORTH = 256 << 10  # bytes of one way, before it is the kernel's
BULK = 3 << 20
SECONDS = 20


def abilities():
    """The versions that the kernel is good for. A socket that is not connected cannot have TLS: another error."""
    with socket.socket() as end:
        try:
            end.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                return ()
    return ("1.2", "1.3") if tuple(map(int, platform.release().split(".")[:2])) >= (6, 14) else ("1.2",)


CARRIED = abilities()


def context_for(version, **options):
    return wire.any_context(minimum=VERSIONS[version], maximum=VERSIONS[version], **options)


def answer(end, context):
    """
    Says how much it got and what it was, after the client's close_notify: as much again, then close_notify, or
    FIN alone.
    """
    end.settimeout(SECONDS)
    tls = wire.TlsEnd(end, context, server_side=True)
    size, how = tls.receive(16).split()
    data = tls.receive_all()
    blob = os.urandom(int(size))
    tls.send(b"".join((hashlib.sha256(data).digest(), hashlib.sha256(blob).digest(), blob)))
    if how == b"closed":
        tls.close_notify()
    end.shutdown(socket.SHUT_WR)
    end.recv(1)


class KernelTls(LabTest):
    SETTINGS = {"tls": {"kernel": True}, "timeouts": {"silent": "30s", "hello": "30s"}}

    @classmethod
    def make_servers(cls):
        context = servers.tls_context(cls.pki.server("peer.example"))
        servers.peer(cls.lab, "peer.example", functools.partial(answer, context=context))
        for host in ("updates.example", "renegotiates.example", "late.example"):
            cls.lab.add_host(host)
        cls.captured = cls.lab.folder / "captured"
        cls.captured.mkdir()
        shutil.chown(cls.captured, "nobody")

    def counters(self):
        """Of the appliance's kernel; those that it does not have are 0."""
        found = self.lab.appliance.run("cat", "/proc/net/tls_stat", check=False).stdout
        return {name: int(re.search(rf"(?m)^{name}\s+(\d+)", found + f"\n{name} 0")[1]) for name in (
            "TlsTxSw", "TlsRxSw", "TlsCurrTxSw", "TlsCurrRxSw", "TlsDecryptError", "TlsTxRekeyOk", "TlsRxRekeyOk",
            "TlsTxRekeyError", "TlsRxRekeyError")}

    def grown(self, before):
        return {name: count - before[name] for name, count in self.counters().items() if count != before[name]}

    def exchange(self, version, ciphers=None, up=BULK, down=BULK, how="closed", slow=False):
        """(the log line, how the client saw the end)"""
        context = context_for(version)
        if ciphers and version == "1.2":
            context.set_ciphers(ciphers)
        end, port = self.connect("peer.example")
        end.settimeout(SECONDS)
        if slow:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        tls = wire.TlsEnd(end, context, server_hostname="peer.example")
        if ciphers:
            self.assertEqual(tls.tls.cipher()[0], ciphers)
        data = os.urandom(up)
        tls.send(f"{down} {how}".encode().ljust(16))
        tls.send(data)
        tls.close_notify()
        got, seen = b"", "closed"
        try:
            while piece := tls.receive():
                got += piece
                if slow and len(got) > down - WORTH:
                    time.sleep(0.005)
        except wire.Cut:
            seen = "cut"
        self.assertEqual(got[:32], hashlib.sha256(data).digest())
        self.assertEqual(len(got), 64 + down)
        self.assertEqual(got[32:64], hashlib.sha256(got[64:]).digest())
        end.close()
        return self.assert_line(port, "intercept", "default"), seen

    # --- what it can do ---

    def test_is_said(self):
        said, told = {
            (): ("none", "warning: tls.kernel: this kernel has no TLS (no module of the name tls is loaded)"),
            ("1.2",): ("TLS 1.2", "tls.kernel: TLS 1.2; it takes no second key, which TLS 1.3 wants"),
            ("1.2", "1.3"): ("TLS 1.2 and 1.3", "tls.kernel: TLS 1.2 and 1.3")}[CARRIED]
        self.assertEqual(self.engine.status()["kernel_tls"], said)
        self.assertIn(told, self.engine.messages.read_text())
        self.assertIn(f"kernel TLS        {said}\n", self.postern("status"))

    def test_suites(self):
        """The kernel's records and those of tls/protect.c, beside each other."""
        done = self.lab.appliance.run(build() / "test/unit/kernel_test", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual("SKIPPED" in done.stdout + done.stderr, not CARRIED)

    # --- bytes ---

    def test_bulk(self):
        for version, suites in SUITES.items():
            for suite in suites if version == "1.2" else (None,):
                with self.subTest(version=version, suite=suite):
                    before = self.counters()
                    line, seen = self.exchange(version, suite)
                    self.assertEqual(seen, "closed")
                    self.assertEqual((line["flow"]["bytes_toserver"], line["flow"]["bytes_toclient"]), (BULK + 16, BULK + 64))
                    self.assertEqual(self.grown(before), {"TlsTxSw": 2, "TlsRxSw": 2} if version in CARRIED else {})

    def test_little_stays(self):
        before = self.counters()
        self.exchange("1.2", up=1000, down=WORTH // 2)
        self.assertEqual(self.grown(before), {})

    def test_one_way(self):
        """The other one stays with the engine, as little of it as there is."""
        before = self.counters()
        with Typed(self, "updates.example", "1.2") as typed:
            typed.until_carried([(typed.server, typed.client)])
            typed.both(20000)
            self.assertEqual({name: count for name, count in self.grown(before).items() if "Curr" not in name},
                {"TlsTxSw": 1, "TlsRxSw": 1} if CARRIED else {})

    def test_ends(self):
        """
        Whatever the server's last word is, nothing before it is lost, even if the client takes its time and TCP has
        no room.
        """
        memory = self.lab.appliance.run("sysctl", "-n", "net.ipv4.tcp_wmem").stdout.strip()
        self.addCleanup(self.lab.appliance.run, "sysctl", "-qw", f"net.ipv4.tcp_wmem={memory}")
        self.lab.appliance.run("sysctl", "-qw", "net.ipv4.tcp_wmem=4096 16384 65536")
        for version in VERSIONS:
            for how, expected in (("closed", "closed"), ("cut", "cut")):
                for more in (0, 7000):
                    with self.subTest(version=version, how=how, more=more):
                        _, seen = self.exchange(version, up=10, down=4 * WORTH + more, how=how, slow=True)
                        self.assertEqual(seen, expected)

    def test_whoever_looks_sees(self):
        with self.configured({"capture": {"folder": str(self.captured), "default": "true"}}):
            before = self.counters()
            self.exchange("1.2")
            self.assertEqual(self.grown(before), {})

    def test_not_wanted(self):
        with self.configured({"tls": {"kernel": False}}):
            before = self.counters()
            self.assertNotIn("kernel_tls", self.engine.status())
            self.exchange("1.2")
            self.assertEqual(self.grown(before), {})

    def test_forged(self):
        """A record that does not authenticate, once the kernel reads."""
        for version in VERSIONS:
            with self.subTest(version=version):
                before = self.counters()
                end, port = self.connect("peer.example")
                end.settimeout(SECONDS)
                tls = wire.TlsEnd(end, context_for(version), server_hostname="peer.example")
                tls.send(b"10 closed".ljust(16))
                tls.send(bytes(2 * WORTH))
                if version in CARRIED:
                    wait_until(lambda: self.grown(before).get("TlsRxSw") == 1, "the kernel reads", SECONDS)
                end.sendall(b"\x17\x03\x03\x00\x40" + os.urandom(64))
                with self.assertRaisesRegex(ssl.SSLError, "bad record mac|(?i:BAD_RECORD_MAC)"):
                    tls.receive()
                end.close()
                self.assert_line(port, "intercept", "default", "client_tls_error")
                self.assertEqual("TlsDecryptError" in self.grown(before), version in CARRIED)

    # --- what is no data ---

    def test_key_updates(self):
        """Of either end, with and without an answer, among the data of both."""
        for suite in SUITES["1.3"]:
            with self.subTest(suite=suite):
                self.check_key_updates(suite)

    def check_key_updates(self, suite):
        before = self.counters()
        with Typed(self, "updates.example", "1.3", "-ciphersuites", suite) as typed:
            typed.until_carried()
            for end in (typed.server, typed.client) * 2:
                for command in ("k", "K"):
                    typed.order(end, command)
                    typed.both(20000)
            self.assertEqual(self.grown(before), {"TlsTxSw": 2, "TlsRxSw": 2, "TlsCurrTxSw": 2, "TlsCurrRxSw": 2,
                "TlsRxRekeyOk": 8, "TlsTxRekeyOk": 4} if "1.3" in CARRIED else {})
        self.assert_fate(self.engine.connection(host=typed.host), "intercept", "default")
        wait_until(lambda: not self.counters()["TlsCurrRxSw"], "the end", SECONDS)

    def test_renegotiation_by_the_client(self):
        with Typed(self, "renegotiates.example", "1.2") as typed:
            typed.until_carried()
            typed.order(typed.client, "R")
            wait_until(lambda: "no renegotiation" in typed.client.output(), "the answer", SECONDS)
        self.assertEqual(self.engine.connection(host=typed.host)["fate"], "intercept")

    def test_late_request(self):
        with Typed(self, "late.example", "1.2") as typed:
            typed.until_carried()
            typed.order(typed.server, "r")
            line = self.engine.connection(host=typed.host)
        self.assert_fate(line, "intercept", "default", "late_request")
        self.assertEqual(line["detail"], "renegotiation, learned, reset")


class Typed:
    """A connection of openssl s_client to openssl s_server, which do what is typed."""

    def __init__(self, test, host, version, *options):
        self.test, self.version = test, version
        lab, self.host = test.lab, host
        certificate, address = test.pki.server(self.host), endpoint(test.address(self.host))
        option = f"-tls1_{version[2]}"
        self.server = Typist(lab.server, lab.folder / "server.output", "s_server", option, "-accept", address, "-cert",
            certificate.certificate, "-cert_chain", certificate.chain, "-key", certificate.key)
        wait_until(lambda: "ACCEPT" in self.server.output(), "the server", SECONDS)
        self.client = Typist(lab.client, lab.folder / "client.output", "s_client", option, "-connect", address,
            "-servername", self.host, "-CAfile", lab.folder / "trusted.pem", *options)
        wait_until(lambda: "Verify return code: 0" in self.client.output(), "the handshake", SECONDS)
        self.ways = [(self.server, self.client), (self.client, self.server)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for typist in (self.client, self.server):
            typist.process.stdin.close()  # which ends s_client, and s_server when that has gone
            typist.process.kill()
            typist.process.wait()

    def both(self, size):
        """Bytes each way, until they are there."""
        for way in self.ways:
            self.say(*way, size)

    def say(self, speaker, hearer, size):
        said = "".join(random.choices("0123456789", k=size))  # no letter: those are commands
        speaker.type(said)
        wait_until(lambda: said in hearer.heard(), "what was said", SECONDS)

    def until_carried(self, ways=None):
        """By the kernel, if it can."""
        ways = ways or self.ways
        wanted = len(ways) if self.version in CARRIED else 0

        def is_carried():
            for way in ways:
                self.say(*way, 2000)
            return self.test.counters()["TlsCurrRxSw"] == wanted

        for way in ways:
            self.say(*way, WORTH)
        wait_until(is_carried, "the kernel carries it", SECONDS)

    def order(self, typist, command):
        """Which must be read alone."""
        typist.type(f"{command}\n")
        wait_until(typist.has_read, "that it is read", SECONDS)


class Typist:
    def __init__(self, namespace, path, *command):
        self.path = path
        with path.open("wb") as output:
            self.process = namespace.start("openssl", *command, stdin=subprocess.PIPE, stdout=output, stderr=output)

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def has_read(self):
        return not int.from_bytes(fcntl.ioctl(self.process.stdin, termios.FIONREAD, bytes(4)), sys.byteorder)

    def heard(self):
        """What s_server says of its own comes in between."""
        return re.sub(r"SSL_do_handshake -> \d\n", "", self.output())

    def output(self):
        return self.path.read_text(errors="replace")


if __name__ == "__main__":
    unittest.main()
