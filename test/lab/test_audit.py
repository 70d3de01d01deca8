# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of what was signed, and what happens when it cannot be kept."""

import contextlib
import json
import os
import subprocess
import unittest

from case import LabTest
from lab import wait_until
from pki import run


class Audit(LabTest):
    SETTINGS = {"audit": {"size": 1, "files": 2}}

    @classmethod
    def make_servers(cls):
        cls.many = cls.pki.server("*.many.example", names=["*.many.example", "IP:192.0.2.1"])
        for number in range(40):
            cls.nginx.site(f"{number}.many.example", certificate=cls.many)
        cls.hosts = iter(f"{number}.many.example" for number in range(40))
        cls.audit = cls.lab.folder / "audit"

    def found(self, *options):
        return [json.loads(line) for line in self.postern("issued", "find", "--json", *options).splitlines()]

    def fresh(self):
        """The log line of a connection to a host that nobody asked for yet."""
        return self.curl(next(self.hosts))[1]

    def test_each_leaf_is_recorded(self):
        host = next(self.hosts)
        reply, line = self.curl(host)
        self.assertEqual(reply.status, 200)
        self.curl(host)
        record, = [event for event in self.found("--name", host) if event["host"] == host]
        self.assertEqual((record["event_type"], record["outcome"], record["src_ip"], record["ca"]["kind"]),
            ("issued", "issued", line["src_ip"], "trusted"))
        self.assertEqual(record["server"]["fingerprint"], line["tls"]["sha256"])
        self.assertEqual(record["issued"]["san"], ["*.many.example", "192.0.2.1"])
        shown = self.lab.client.run("openssl", "s_client", "-connect", f"{self.address(host)}:443", "-servername", host,
            stdin=subprocess.DEVNULL).stdout
        leaf = self.lab.folder / "leaf.pem"
        leaf.write_text(shown)
        text = run("openssl", "x509", "-in", leaf, "-noout", "-serial", "-fingerprint", "-sha256")
        serial, fingerprint = (line.split("=")[1] for line in text.splitlines())
        self.assertEqual(record["issued"]["serial"], serial)
        self.assertEqual(record["issued"]["fingerprint"], fingerprint.replace(":", "").lower())
        key_id = run("openssl", "x509", "-in", leaf, "-noout", "-ext", "authorityKeyIdentifier")
        self.assertIn(record["ca"]["key_id"], key_id.replace(":", ""))
        for options in (["--serial", serial], ["--fingerprint", fingerprint], ["--name", host, "--since", "2020"]):
            self.assertIn(record, self.found(*options))
        for options in (["--serial", "0a0b"], ["--name", "other.example"], ["--name", "a.b.many.example"],
                ["--since", "2999-01-01"]):
            self.assertEqual(self.found(*options), [])
        self.assertIn(serial, self.postern("issued", "find", "--serial", serial))
        self.postern("issued", "find", "--serial", "x", code=2)
        self.postern("issued", "find", "--since", "yesterday", code=2)

    def test_the_engine_has_no_part_in_it(self):
        file = self.audit / "issued.json"
        for pid, name in self.engine.processes().items():
            open_files = {os.path.realpath(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            self.assertEqual(str(file) in open_files, name in ("posternd", "postern-certgen"), name)
        self.assertEqual((file.stat().st_uid, file.stat().st_mode & 0o777, self.audit.stat().st_mode & 0o777),
            (0, 0o640, 0o750))

    @contextlib.contextmanager
    def full_disk(self, policy):
        """The record on a tiny disk that is full for a while."""
        self.engine.stop()
        disk = self.lab.folder / f"disk-{policy}"
        disk.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=64k", "none", disk)
        self.addCleanup(run, "umount", "-l", disk)
        self.addCleanup(self.restart)
        self.engine.configure({"audit": {"issued": str(disk / "issued.json"), "on_failure": policy}})
        self.engine.start()
        self.assertEqual(self.fresh()["fate"], "intercept")
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 1024)
        with (disk / "issued.json").open("ab") as file:  # its last page, but for the beginning of a line
            file.write(b"\n" * max(0, -file.tell() % 4096 - 100))
        yield disk
        filler.unlink()

    def restart(self):
        self.engine.stop()
        self.engine.configure()
        self.engine.start()

    def test_full_disk_stops(self):
        with self.full_disk("stop"):
            for _ in range(2):
                line = self.fresh()
                self.assert_fate(line, "block", "certgen_failed", "refused")
                self.assertEqual(line["detail"], "it cannot be recorded: No space left on device")
            self.assertEqual(self.engine.said("No space left on device; none is given out"), 1)
            self.assertEqual(self.engine.status()["unrecorded"], 0)
        self.assertEqual(self.fresh()["fate"], "intercept")
        self.engine.await_message("issued certificates are recorded again")

    def test_full_disk_continues(self):
        with self.full_disk("continue") as disk:
            self.assertEqual([self.fresh()["fate"] for _ in range(3)], ["intercept"] * 3)
            wait_until(lambda: self.engine.status()["unrecorded"] == 3, "the count of those not recorded")
            self.assertIn("not recorded      3 forged", self.postern("status"))
        line = self.fresh()
        self.assertEqual(line["fate"], "intercept")
        self.engine.await_message("issued certificates are recorded again")
        self.assertEqual(self.engine.status()["unrecorded"], 3)
        *_, half, last = filter(None, (disk / "issued.json").read_text().splitlines())
        self.assertEqual((len(half), json.loads(last)["host"]), (100, line["tls"]["sni"]))

    def test_file_that_cannot_be_opened(self):
        """Its folder is a file; then it is one."""
        self.engine.stop()
        self.addCleanup(self.restart)
        place = self.lab.folder / "place"
        place.write_text("")
        self.engine.configure({"audit": {"issued": str(place / "issued.json")}})
        self.engine.start()
        line = self.fresh()
        self.assert_fate(line, "block", "certgen_failed", "refused")
        place.unlink()
        wait_until(lambda: (place / "issued.json").exists(), "the record")
        wait_until(lambda: self.fresh()["fate"] == "intercept", "a forged certificate")

    def test_rotation(self):
        """A grown file is put aside, half a line in it is skipped, and only so many are kept."""
        file = self.audit / "issued.json"
        host = next(self.hosts)
        self.curl(host)
        for round_ in range(4):
            before = file.stat().st_ino
            with file.open("ab") as record:
                record.write(b"\0" * (1 << 20))
            wait_until(lambda: file.exists() and file.stat().st_ino != before, "a new file")
            self.fresh()
        self.assertEqual(len(list(self.audit.glob("issued.json.2*Z"))), 2)
        wait_until(lambda: self.fresh()["tls"]["sni"] in file.read_text(), "a record in the new file")
        self.assertIn("cannot be read", self.postern("issued", "find", "--serial", "00"))


if __name__ == "__main__":
    unittest.main()
