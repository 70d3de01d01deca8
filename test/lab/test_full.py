# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's table of descriptors is full: two for each connection, and those that are there go on."""

import contextlib
import ssl
import unittest

import wire
from case import LabTest
from lab import PATIENCE, wait_until

DESCRIPTORS = 400
LEAST = 150  # connections that fit in, beside what is open anyhow
BODY = 3 << 20


class Full(LabTest):
    SETTINGS = {"workers": 1, "rules": [{"pass": "passed.example"}]}
    PREFIX = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")

    @classmethod
    def make_servers(cls):
        for name in ("plain.example", "passed.example"):
            cls.nginx.site(name)
        (cls.nginx.files / "body").write_bytes(bytes(BODY))

    def setUp(self):
        super().setUp()
        self.context = wire.any_context()

    def open(self, host, patience):
        end = self.lab.client.connect(self.address(host))
        end.settimeout(patience)
        try:
            return self.context.wrap_socket(end, server_hostname=host)
        except OSError:
            end.close()
            return None

    def fill(self, host, ends):
        """How many are served, until one is not."""
        count = 0
        while tls := self.open(host, 2 * PATIENCE):
            count += 1
            ends.callback(tls.close)
            self.last = tls
        return count

    def body(self, tls, host):
        tls.settimeout(20 * PATIENCE)
        tls.sendall(f"GET /files/body HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        n = 0
        with contextlib.suppress(ssl.SSLEOFError):
            while more := tls.recv(1 << 16):
                n += len(more)
        return n

    def test_idle_until_full(self):
        for host in ("plain.example", "passed.example"):
            with self.subTest(host), contextlib.ExitStack() as ends:
                self.assertGreaterEqual(self.fill(host, ends), LEAST)
                self.assertGreater(self.body(self.last, host), BODY)
            wait_until(lambda: self.open(host, 2 * PATIENCE), "served again", 10).close()


if __name__ == "__main__":
    unittest.main()
