# SPDX-License-Identifier: GPL-3.0-or-later
"""
What a bystander learns: `postern learn` and `postern watch` see clients and servers talk to each other
through an appliance that intercepts nothing; `postern probe` asks for itself.
"""

import json
import pathlib
import random
import signal
import struct
import subprocess
import unittest

import clients
import lab
import servers
import wire
from capture import Capture
from case import FAMILIES
from engine import SANITIZERS, build
from lab import wait_until
from pki import Pki

ASKING = ("nginx12.example", "nginx13.example", "apache12.example", "apache13.example", "openssl12.example",
    "openssl13.example", "gnutls12.example", "gnutls13.example", "optional12.example", "doubtful12.example",
    "doubtful13.example")
SILENT = ("plain12.example", "plain13.example", "silent-apache12.example")
CA_NAME = "O=Postern Lab,CN=Lab Clients"


class Captures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.remove)
        # As any router does; where connections are diverted, postern-rules sees to it.
        cls.lab.appliance.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        cls.pki = Pki(cls.lab.folder / "pki")
        (cls.lab.folder / "trusted.pem").write_text(
            cls.pki.root.certificate.read_text() + cls.pki.unknown.certificate.read_text())
        cls.alice = cls.pki.client("Alice")
        cls.make_servers()
        cls.config = cls.lab.folder / "postern.yaml"
        cls.config.write_text(json.dumps({
            "user": "", "certgen": {"user": ""}, "gate": {"user": ""},
            "ca": {"certificate": str(cls.lab.folder / "ca.crt"), "key": str(cls.lab.folder / "ca.key")},
            "upstream": {"trust_store": str(cls.pki.root.certificate)}}))
        (cls.lab.folder / "conf.d").mkdir()
        cls.postern("ca", "init")
        cls.capture = cls.captured("lan0")

    @classmethod
    def make_servers(cls):
        nginx, apache = servers.Nginx(cls.lab, cls.pki), servers.Apache(cls.lab, cls.pki)
        authority = cls.pki.clients.certificate
        for version in ("12", "13"):
            protocol = f"TLSv1.{version[1]}"
            nginx.site(f"plain{version}.example", f"ssl_protocols {protocol};")
            nginx.requiring(f"nginx{version}.example", f"ssl_protocols {protocol};")
            doubtful = f"doubtful{version}.example"
            nginx.site(doubtful, f"ssl_client_certificate {authority};", "ssl_verify_client on;",
                f"ssl_protocols {protocol};", certificate=cls.pki.server(doubtful, issuer="unknown"))
            apache.site(f"apache{version}.example", "SSLVerifyClient require", f"SSLProtocol -all +{protocol}")
            name = f"openssl{version}.example"
            servers.openssl_server(cls.lab, name, cls.pki.server(name), f"-tls1_{version[1]}", "-Verify", "1",
                "-CAfile", authority)
            name = f"gnutls{version}.example"
            servers.gnutls_server(cls.lab, name, cls.pki.server(name), "--require-client-cert", "--x509cafile",
                authority, "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS1.{version[1]}")
        nginx.requiring("optional12.example", "ssl_protocols TLSv1.2;", verify="optional")
        apache.site("silent-apache12.example", "SSLProtocol -all +TLSv1.2")
        cls.nginx, cls.apache = nginx, apache
        nginx.start()
        apache.start()

    @classmethod
    def visit(cls, host, family, *options):
        return clients.curl(cls.lab, f"https://{host}/", *options, family=family)

    @classmethod
    def visit_all(cls):
        """With a certificate over IPv4, without one over IPv6."""
        identity = ("--cert", cls.alice.certificate, "--key", cls.alice.key)
        for host in (*ASKING, *SILENT):
            cls.visit(host, 4, *identity)
            cls.visit(host, 6)

    @classmethod
    def captured(cls, interface, *options):
        """The capture file of visits to all hosts."""
        capture = Capture(cls.lab, interface)
        cls.visit_all()
        capture.connections(2 * len(ASKING + SILENT))
        capture.stop()
        return capture.path

    @classmethod
    def run_postern(cls, *arguments):
        done = cls.lab.appliance.run(build() / "engine/cli/postern", *arguments, "--config", cls.config,
            check=False, env=SANITIZERS)
        assert done.returncode in (0, 1, 2) and "Sanitizer" not in done.stderr, done
        return done

    @classmethod
    def postern(cls, *arguments, code=0):
        done = cls.run_postern(*arguments)
        assert done.returncode == code, done
        return done.stdout

    def learn(self, path, *options, code=0):
        """(host, address) to what was seen."""
        seen = [json.loads(line) for line in
            self.postern("learn", "--pcap", path, "--json", *options, code=code).splitlines()]
        return {(line.get("host", ""), line["address"]): line for line in seen}

    def each_host(self, seen, hosts):
        for host in hosts:
            for family, address in zip(FAMILIES, self.lab.addresses[host]):
                with self.subTest(host=host, family=family):
                    yield family, seen[host, address]

    def test_who_asks(self):
        seen = self.learn(self.capture)
        self.assertEqual(len(seen), 2 * len(ASKING + SILENT))
        for family, line in self.each_host(seen, ASKING + SILENT):
            self.assertEqual((line["port"], line["connections"]), (443, 1))
            if "13" in line["host"]:
                self.assertEqual((line["asks"], line["asked"], line["versions"]),
                    ("unknown", {"encrypted": 1}, {"TLSv1.3": 1}))
            elif line["host"] in ASKING:
                self.assertEqual((line["asks"], line["asked"], line["versions"]), ("yes", {"yes": 1}, {"TLSv1.2": 1}))
                self.assertEqual(line["answered"], {"certificate" if family == 4 else "empty": 1})
                self.assertEqual((line["n_ca_names"], line["ca_names"]), (1, [CA_NAME]))
            else:
                self.assertEqual((line["asks"], line["asked"], line["answered"]), ("no", {"no": 1}, {}))
            if "12" in line["host"]:
                self.assertEqual(line["verdict"], "untrusted" if line["host"].startswith("doubtful") else "ok")
        refused = seen["openssl12.example", self.lab.addresses["openssl12.example"][1]]
        self.assertEqual(refused["server_alerts"], {"connections": 1, "last": "handshake_failure"})

    def test_probe_resolves(self):
        rules = self.lab.folder / "conf.d" / "learned.yaml"
        seen = self.learn(self.capture, "--probe", "-o", rules)
        for _, line in self.each_host(seen, ASKING):
            self.assertEqual((line["asks"], line["n_ca_names"], line["ca_names"]), ("yes", 1, [CA_NAME]), line)
            self.assertEqual(line["verdict"], "untrusted" if line["host"].startswith("doubtful") else "ok", line)
            self.assertEqual("probe" in line, "13" in line["host"])
        for _, line in self.each_host(seen, SILENT):
            self.assertEqual(line["asks"], "no", line)
        self.addCleanup(rules.unlink)
        self.assertIn("ok", self.postern("check"))
        entries = [line.strip() for line in rules.read_text().splitlines() if not line.strip().startswith("#")]
        self.assertEqual(entries, ["rules:", "- pass:",
            *(f'- "{host}"' for host in sorted(ASKING) if not host.startswith("doubtful"))])
        self.assertIn('#- "doubtful12.example"', rules.read_text())
        self.assertIn("untrusted", rules.read_text())

    def test_rules_of_nothing(self):
        """No host that asks: the file is sound all the same."""
        rules = self.lab.folder / "conf.d" / "nothing.yaml"
        self.learn(self.capture, "--port", "444", "-o", rules)
        self.addCleanup(rules.unlink)
        self.postern("check")

    def test_text(self):
        text = self.postern("learn", "--pcap", self.capture, "--pcap", self.capture)
        self.assertRegex(text, r"nginx12\.example  10\.[0-9.]+:443  asks\n  2 connections \(TLSv1\.2\); asked in 2; "
            r"a certificate sent in 2\n  of O=Postern Lab,CN=Lab Clients\n")
        self.assertRegex(text, r"plain13\.example  \[fd00:2::[0-9a-f]+\]:443  unknown\n  2 connections \(TLSv1\.3\); "
            r"encrypted in 2\n")
        self.assertIn("its certificate does not verify: untrusted", text)

    def test_no_name(self):
        """A client that names nobody: known by its address, and never a rule."""
        address = self.lab.addresses["nginx12.example"][0]
        capture = Capture(self.lab, "wan0")
        with self.lab.client.connect(address) as end:
            wire.TlsEnd(end, wire.any_context()).close_notify()
        capture.connections(1)
        capture.stop()
        rules = self.lab.folder / "conf.d" / "nameless.yaml"
        seen = self.learn(capture.path, "-o", rules)
        self.assertEqual(list(seen), [("", address)])
        self.addCleanup(rules.unlink)
        self.assertIn(f'#- pass: {{server: "{address}", port: 443}}', rules.read_text())
        self.assertIn("rules: []", rules.read_text())
        self.postern("check")

    def test_pcapng_and_ports(self):
        path = self.lab.folder / "all.pcapng"
        frames = list(frames_of(self.capture.read_bytes()))
        path.write_bytes(pcapng(frames))
        self.assertEqual(self.learn(path), self.learn(self.capture))
        self.assertEqual(self.learn(self.capture, "--port", "any"), self.learn(self.capture))
        self.assertEqual(self.learn(self.capture, "--port", "8443"), {})

    def test_order_does_not_matter(self):
        """Segments out of order, twice, and VLAN tags before them."""
        frames = list(frames_of(self.capture.read_bytes()))
        chance = random.Random(1)
        moved = sorted(range(len(frames)), key=lambda i: i + chance.random() * 3)
        path = self.lab.folder / "moved.pcap"
        path.write_bytes(pcap(tagged(frames[i]) for i in moved for _ in range(2)))
        seen = self.learn(path)
        expected = self.learn(self.capture)
        self.assertEqual(seen.keys(), expected.keys())
        for key, line in seen.items():
            self.assertEqual(line["asks"], expected[key]["asks"], key)

    def assert_honest(self, seen):
        """Less may be known than there is, never anything else."""
        whole = self.learn(self.capture)
        for key, line in seen.items():
            self.assertIn(line["asks"], ("unknown", whole[key]["asks"]), key)
            for answer in line["answered"]:
                self.assertIn(answer, ("unseen", *whole[key]["answered"]), key)

    def test_snaplen(self):
        """96 bytes of each packet: the hellos are cut, so nothing is known, and nothing said."""
        path = self.lab.folder / "short.pcap"
        path.write_bytes(pcap((frame for frame in frames_of(self.capture.read_bytes())), 96))
        self.assertEqual(self.learn(path), {})
        for snaplen in (200, 400, 700, 1000):
            path.write_bytes(pcap((frame for frame in frames_of(self.capture.read_bytes())), snaplen))
            self.assert_honest(self.learn(path))

    def test_missing_packets(self):
        frames = list(frames_of(self.capture.read_bytes()))
        path = self.lab.folder / "missing.pcap"
        unknown = 0
        for seed in range(10):
            chance = random.Random(seed)
            path.write_bytes(pcap(frame for frame in frames if chance.random() > 0.1))
            seen = self.learn(path)
            self.assert_honest(seen)
            unknown += sum(line["asks"] == "unknown" and "12" in line["host"] for line in seen.values())
        self.assertGreater(unknown, 0)

    def test_one_direction(self):
        """Servers' segments missing altogether, as with asymmetric routes: hosts without a verdict."""
        def is_to_server(frame):
            ip_header = 20 if frame[12:14] == b"\x08\x00" else 40
            return frame[14 + ip_header + 2:14 + ip_header + 4] == struct.pack(">H", 443)

        path = self.lab.folder / "oneway.pcap"
        path.write_bytes(pcap(filter(is_to_server, frames_of(self.capture.read_bytes()))))
        seen = self.learn(path)
        self.assertEqual(len(seen), 2 * len(ASKING + SILENT))
        for line in seen.values():
            self.assertEqual((line["asks"], line["asked"], line["versions"]), ("unknown", {"unseen": 1}, {}))

    def test_truncated(self):
        """What was read before the end is reported, and the exit code tells that there was more."""
        whole = self.capture.read_bytes()
        path = self.lab.folder / "truncated.pcap"
        for part in (0.3, 0.6, 0.9):
            path.write_bytes(whole[:int(len(whole) * part) // 2 * 2 + 1])
            done = self.run_postern("learn", "--pcap", path, "--json")
            seen = [json.loads(line) for line in done.stdout.splitlines()]
            self.assert_honest({(line["host"], line["address"]): line for line in seen})
            if done.returncode != 0:
                self.assertIn(str(path), done.stderr)

    def test_garbage(self):
        path = self.lab.folder / "garbage.pcap"
        chance = random.Random(2)
        whole = self.capture.read_bytes()
        path.write_bytes(chance.randbytes(100000))
        self.postern("learn", "--pcap", path, code=1)
        self.postern("learn", "--pcap", "/nowhere", code=1)
        self.postern("learn", code=2)
        self.postern("learn", "--pcap", path, "--port", "x", code=2)
        for _ in range(20):  # frames of noise between sound ones; bits turned in all of them
            frames = [chance.randbytes(chance.randrange(200)) if chance.random() < 0.1 else frame
                for frame in frames_of(whole)]
            path.write_bytes(pcap(frames))
            self.assert_honest(self.learn(path))
            broken = bytearray(pcap(frames))
            for _ in range(300):
                broken[chance.randrange(24, len(broken))] ^= 1 << chance.randrange(8)
            path.write_bytes(broken)
            self.run_postern("learn", "--pcap", path, "--json")

    def watch(self, interface, *options):
        """A running `postern watch`, which listens already."""
        process = self.lab.appliance.start(build() / "engine/cli/postern", "watch", "-i", interface, "--json",
            "--config", self.config, *options, text=True, env=SANITIZERS, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertIn("until Ctrl-C", process.stderr.readline())
        return process

    def test_watch(self):
        """On one interface and on all; ended by a signal; without a right that root has."""
        for interface in ("lan0", "any"):
            with self.subTest(interface=interface):
                rules = self.lab.folder / f"{interface}.yaml"
                process = self.watch(interface, "-o", rules)
                status = pathlib.Path("/proc", str(process.pid), "status").read_text()
                self.assertRegex(status, r"(?m)^CapEff:\s+0+$")
                self.assertRegex(status, r"(?m)^NoNewPrivs:\s+1$")
                for host in ("nginx12.example", "plain12.example", "nginx13.example"):
                    for family in FAMILIES:
                        self.visit(host, family)
                process.send_signal(signal.SIGINT)
                said, errors = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 0, errors)
                seen = [json.loads(line) for line in said.splitlines()]
                self.assertEqual({(line["host"], line["asks"]) for line in seen},
                    {("nginx12.example", "yes"), ("plain12.example", "no"), ("nginx13.example", "unknown")})
                self.assertEqual(len(seen), 6)
                self.assertIn('- "nginx12.example"', rules.read_text())

    def test_watch_for_some_time(self):
        process = self.watch("wan0", "--seconds", "3", "--probe")
        self.visit("nginx13.example", 6)
        said, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, errors)
        self.assertEqual(json.loads(said)["asks"], "yes")
        self.assertEqual(self.run_postern("watch", "-i", "no-such-one").returncode, 1)

    def test_probe(self):
        """Each address, each version; nothing but a hello is sent."""
        lines = [json.loads(line) for line in self.postern("probe", "nginx13.example", "--json").splitlines()]
        self.assertEqual({(line["address"], line["offered"], line["asks"]) for line in lines},
            {(address, version, asks) for address in self.lab.addresses["nginx13.example"]
                for version, asks in (("TLSv1.3", "yes"), ("TLSv1.2", "unknown"))})
        text = self.postern("probe", "gnutls12.example:443")
        self.assertIn("TLSv1.2  asks for a client certificate in the handshake\n           of O=Postern Lab,CN=Lab Cl", text)
        self.assertIn("its certificate: ok", text)
        self.assertIn("does not ask", self.postern("probe", f"[{self.lab.addresses['plain13.example'][1]}]:443"))
        self.assertIn("untrusted", self.postern("probe", "doubtful13.example"))
        self.assertIn("Connection refused", self.postern("probe", "plain12.example:444", code=1))
        self.postern("probe", code=2)
        self.postern("probe", "no-such.example", code=1)


def frames_of(capture):
    """The frames of a pcap file as tcpdump writes it."""
    at = 24
    while at < len(capture):
        length = struct.unpack_from("<I", capture, at + 8)[0]
        yield capture[at + 16:at + 16 + length]
        at += 16 + length


def pcap(frames, snaplen=65535):
    records = (struct.pack("<IIII", 1, 0, min(len(frame), snaplen), len(frame)) + frame[:snaplen] for frame in frames)
    return struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, snaplen, 1) + b"".join(records)


def pcapng(frames):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    return (block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 65535)) +
        b"".join(block(6, struct.pack("<IIIII", 0, 0, 0, len(frame), len(frame)) + frame) for frame in frames))


def tagged(frame):
    return frame[:12] + b"\x81\x00\x00\x07" + frame[12:]


if __name__ == "__main__":
    unittest.main()
