# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays in the memory of posternd's processes when connections have ended, and what never comes into it."""

import contextlib
import pathlib
import re
import secrets
import shutil
import unittest

import pki
import wire
from case import LabTest, each_family
from lab import wait_until


def memory(pid):
    """All that the process may write to."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights, *_ = line.split()
            if not rights.startswith("rw") or "[v" in line:
                continue
            begin, end = (int(number, 16) for number in place.split("-"))
            with contextlib.suppress(OSError):
                file.seek(begin)
                yield file.read(end - begin)


class Memory(LabTest):
    SETTINGS = {"tls": {"suites": "all"}, "downstream": {"tickets": False}, "upstream": {"resumption": False},
        "rules": [{"block": {"host": "none.example", "path": "/none"}}]}  # so that HTTP is read

    @classmethod
    def make_servers(cls):
        for name, suite in (("new", ""), ("gcm", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("cbc", "ECDHE-ECDSA-AES128-SHA")):
            cls.nginx.site(f"{name}.example", *(["ssl_protocols TLSv1.2;", f"ssl_ciphers {suite};"] if suite else []))

    def holders(self, *needles):
        """Names of processes that have one of these in memory."""
        found = set()
        for pid in self.engine.processes():
            for part in memory(pid):
                if any(needle in part for needle in needles):
                    found.add(pathlib.Path(f"/proc/{pid}/comm").read_text().strip())
        return found

    def visit(self, host, family):
        """A connection that has ended: (what was said in it, its client's secrets)."""
        marker = secrets.token_hex(24).encode()
        keys = self.lab.folder / f"{host}.{marker.decode()}.keys"
        context = wire.client_context(self.lab.folder / "trusted.pem")
        context.set_ciphers("ALL")
        context.keylog_filename = str(keys)
        end, port = self.connect(host, family)
        tls = wire.TlsEnd(end, context, server_hostname=host)
        tls.send(b"GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (marker, host.encode()))
        self.assertIn(marker, tls.receive())
        named = {name: bytes.fromhex(secret) for name, _, secret in
            (line.split() for line in keys.read_text().splitlines() if not line.startswith("#"))}
        needles = [secret for name, secret in named.items() if "TRAFFIC_SECRET_0" in name or name == "CLIENT_RANDOM"]
        self.assertTrue(needles)
        if host == "new.example":  # keys of TLS 1.3 are made anew from them; to be found, they must be there
            self.assertEqual(self.holders(*needles), {"posternd-engine"})
        end.close()
        self.assert_fate(self.engine.connection(port), "intercept", "default")
        return marker, needles

    @each_family
    def test_connections(self, family):
        """Plaintext of both directions, and the client's secrets."""
        for host in ("new.example", "gcm.example", "cbc.example"):
            marker, needles = self.visit(host, family)
            for what in (marker, *needles):
                self.assertEqual(self.holders(what), set(), (host, what))

    def test_recorded(self):
        """What was written to disk is not in memory any more: not as it was, and not as it was written."""
        folder = self.engine.folder / "capture"
        folder.mkdir()
        shutil.chown(folder, "nobody")
        keys = self.engine.folder / "keys"
        with self.configured({"capture": {"folder": str(folder), "default": "true"}, "tls": {"key_log": str(keys)}}):
            for host in ("new.example", "gcm.example", "cbc.example"):
                marker, needles = self.visit(host, 4)
                lines = [needle.hex().encode() for needle in needles]
                wait_until(lambda: any(marker in path.read_bytes() for path in folder.iterdir()) and
                    all(line in keys.read_bytes() for line in lines), "both are written")
                for what in (marker, *needles, *lines):
                    wait_until(lambda what=what: not self.holders(what), f"{what} is gone")

    def test_key_of_the_ca(self):
        """It is in certgen, and nowhere else."""
        text = pki.run("openssl", "pkey", "-in", self.engine.folder / "ca.key", "-text", "-noout")
        number = re.search(r"priv:\s*([0-9a-f:\s]+?)\s*pub:", text)[1]
        private = bytes.fromhex(re.sub(r"[:\s]", "", number))[-32:]
        self.assertLessEqual(self.holders(private, private[::-1]), {"postern-certgen"})
        self.assertTrue(self.holders(private, private[::-1]))

    def test_no_core_files(self):
        """Of whoever has any of that; the supervisor has not."""
        for pid in set(self.engine.processes()) - {self.engine.process.pid}:
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +0 +0 ")


if __name__ == "__main__":
    unittest.main()
