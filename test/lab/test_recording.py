# SPDX-License-Identifier: GPL-3.0-or-later
"""Decrypted traffic as its readers have it: in files, live, and by the keys of the encrypted one."""

import collections
import itertools
import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

import clients
import readers
import wire
from case import FAMILIES, LabTest
from capture import captured
from engine import is_sanitized
from lab import PATIENCE, wait_until
from servers import peer, tls_context

LISTEN = "127.0.0.1:57012"
SIZE = (1 if is_sanitized() else 2) << 20  # of what is carried in bulk
RULES = """
alert http any any -> any 80 (msg:"upload"; flow:established,to_server; http.method; content:"PUT"; http.uri; content:"/files/secret-"; sid:1;)
alert http any any -> any any (msg:"answer"; flow:established,to_client; http.response_body; content:"plain.example"; sid:2;)
"""


class Recording(LabTest):
    @classmethod
    def make_servers(cls):
        cls.folder = cls.lab.folder / "capture"
        cls.small = cls.lab.folder / "small"
        for folder in (cls.folder, cls.small):
            folder.mkdir(mode=0o750)
        # A disk that fills up.
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", cls.small], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.small], check=True)
        for folder in (cls.folder, cls.small):
            shutil.chown(folder, "nobody")
        cls.keys = cls.lab.folder / "engine" / "keys"
        cls.SETTINGS = {
            "rules": [{"intercept": {"host": "private.example", "capture": "false"}}, {"pass": "pass.example"}],
            "capture": {"folder": str(cls.folder), "listen": LISTEN, "default": "true"},
        }
        for name in ("plain.example", "private.example", "pass.example"):
            cls.nginx.site(name)
        cls.nginx.site("tls12.example", "ssl_protocols TLSv1.2;")
        cls.nginx.site("tls13.example", "ssl_protocols TLSv1.3;")
        for name in ("bulk", "large"):
            (cls.nginx.files / name).write_bytes(os.urandom(SIZE))
        context = tls_context(cls.pki.server("half.example"))
        peer(cls.lab, "half.example", lambda end: _answer_after_the_end(end, context))

    def setUp(self):
        super().setUp()
        self.begin_anew()

    def begin_anew(self):
        """Without captures of what was before."""
        self.engine.reload()
        for path in self.files():
            path.unlink()

    def files(self, folder=None):
        """Of captures, the oldest first."""
        return sorted((folder or self.folder).glob("postern-*.pcap"))

    def settle(self):
        """Until all that was read is written."""
        def sizes():
            return [path.stat().st_size for folder in (self.folder, self.small) for path in self.files(folder)]

        def is_quiet():
            before = sizes()
            time.sleep(0.3 * PATIENCE)
            return sizes() == before

        wait_until(is_quiet, "an end of packets", 30)

    def recorded(self, expected=None):
        """All that was, as one file that is sound."""
        self.settle()
        path = readers.merged(self.files(), self.lab.folder / f"{self.id()}-{expected or 'all'}.pcap")
        self.assertEqual(readers.faults(path), [])
        return path

    # --- what is in it ---

    def test_http(self):
        """Requests and answers as they were, at real addresses, and at the port of HTTP."""
        expected = set()
        for family, option in itertools.product(FAMILIES, ("--http1.1", "--http2")):
            reply = clients.curl(self.lab, f"https://plain.example/hello?{family}{option}", option, family=family)
            client = "10.0.1.2" if family == 4 else "fd00:1::2"
            expected.add((client, str(reply.port), self.address("plain.example", family), "80", "GET", "plain.example",
                f"/hello?{family}{option}", ""))
            expected.add((self.address("plain.example", family), "80", client, str(reply.port), "", "", "", "200"))
        rows = readers.fields(self.recorded(), "http || http2.headers", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst",
            "ipv6.dst", "tcp.dstport", "http.request.method", "http2.headers.method", "http.host",
            "http2.headers.authority", "http.request.uri", "http2.headers.path", "http.response.code",
            "http2.headers.status")
        seen = {(row[0] + row[1], row[2], row[3] + row[4], row[5], row[6] + row[7], row[8] + row[9], row[10] + row[11],
            row[12] + row[13]) for row in rows}
        # Newer tshark shows the request's path with its answer, too.
        seen = {(*row[:6], row[6] if row[4] else "", row[7]) for row in seen}
        self.assertEqual(seen, expected)
        for path in self.files():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640)

    def test_bulk(self):
        """Megabytes up and down, of which no byte is missing."""
        bulk = self.nginx.files / "bulk"
        for family, option in itertools.product(FAMILIES, ("--http1.1", "--http2")):
            url = f"https://plain.example/files/up{option}-{family}"
            self.assertEqual(clients.curl(self.lab, url, option, "-T", bulk, family=family).status, 201)
            self.assertEqual(clients.curl(self.lab, url, option, "-o", "/dev/null", family=family).status, 200)
        path = self.recorded()
        folder = self.lab.folder / "objects"
        folder.mkdir()
        found = [one == bulk.read_bytes() for name, one in readers.objects(path, folder).items() if "http1" in name]
        self.assertEqual(found, 4 * [True])
        totals = collections.Counter()
        for client, types, lengths in readers.fields(path, "http2.type == 0", "tcp.stream", "http2.type", "http2.length"):
            totals[client] += sum(int(length) for type_, length in zip(types.split(","), lengths.split(","))
                if type_ == "0")
        self.assertEqual(list(totals.values()), 4 * [SIZE])

    def test_who_is_recorded(self):
        """Not what a rule excepts, and not what is passed."""
        lines = {name: self.curl(name)[1] for name in ("plain.example", "private.example", "pass.example")}
        self.assertEqual([line.get("captured") for line in lines.values()], [True, None, None])
        targets = {row[0] for row in readers.fields(self.recorded(), "tcp.flags.syn == 1 && tcp.flags.ack == 0", "ip.dst")}
        self.assertEqual(targets, {self.address("plain.example")})

    def test_real_port(self):
        with self.configured({"capture": {"ports": "real"}}):
            self.curl("plain.example")
            path = self.recorded()
        self.assertEqual({row[0] for row in readers.fields(path, "tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.dstport")},
            {"443"})
        self.assertEqual(readers.fields(path, "http2.headers.path", "http2.headers.path",
            options=("-d", "tcp.port==443,http2")), [("/",)])

    def test_ends(self):
        """Each side's FIN in its place, and a reset as one."""
        end, port = self.shake_hands("half.example")
        end.send(b"question")
        end.close_notify()
        end.end.shutdown(socket.SHUT_WR)
        self.assertEqual(end.receive_all(), b"answer to question")
        end.end.close()
        self.engine.connection(port)
        end, other = self.shake_hands("half.example")
        end.send(b"unfinished")
        wait_until(lambda: any(b"unfinished" in path.read_bytes() for path in self.files()), "it is relayed")
        wire.reset(end.end)
        self.engine.connection(other)
        path = self.recorded()
        flags = [row for row in readers.fields(path, f"tcp.port == {port} && (tcp.flags.fin == 1 || tcp.len > 0)",
            "tcp.dstport", "tcp.flags.fin", "tcp.len")]
        self.assertEqual(flags, [("80", "0", "8"), ("80", "1", "0"), (str(port), "0", "18"), (str(port), "1", "0")])
        self.assertEqual(readers.fields(path, "tcp.flags.reset == 1", "tcp.srcport"), [(str(other),)])

    # --- files ---

    def test_rotation_under_load(self):
        """Eight downloads at once through files of a MiB: no packet is lost between them."""
        with self.configured({"capture": {"size": 1, "files": 1000}}):
            loads = [threading.Thread(target=clients.curl, args=(self.lab, "https://plain.example/files/large", option,
                "-o", "/dev/null"), kwargs={"family": family})
                for option in ("--http1.1", "--http2") for family in (4, 6) for _ in range(2)]
            for load in loads:
                load.start()
            for load in loads:
                load.join()
            path = self.recorded()
            self.assertEqual(self.engine.status()["capture"]["dropped"], 0)
        files = self.files()
        self.assertGreaterEqual(len(files), 8 * SIZE >> 20)
        self.assertLessEqual(max(file.stat().st_size for file in files), 1 << 20)
        self.assertEqual(len(readers.fields(path, "tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.srcport")), 8)
        self.assertGreater(path.stat().st_size, 8 * SIZE)

    def test_kept(self):
        """The newest of them, and SIGHUP begins a new one."""
        with self.configured({"capture": {"size": 1, "files": 3}}):
            clients.curl(self.lab, "https://plain.example/files/large", "--http1.1", "-o", "/dev/null")
            self.settle()
            self.assertEqual(len(self.files()), min(3, 1 + (SIZE >> 20)))
            newest = self.files()[-1]
            self.engine.process.send_signal(signal.SIGHUP)
            self.curl("plain.example")
            self.settle()
            self.assertGreater(self.files()[-1], newest)

    def test_full_disk(self):
        """Traffic goes on; it is said once; the files are sound; what comes when there is room again is written."""
        lost = "packets are being lost: No space left on device"
        with self.configured({"capture": {"folder": str(self.small), "files": 1000}}):
            before = self.engine.said(lost)
            for _ in range(3):
                reply = clients.curl(self.lab, "https://plain.example/files/large", "--http1.1", "-o", "/dev/null")
                self.assertEqual(reply.status, 200)
            self.settle()
            self.assertEqual(self.engine.said(lost), before + 1)
            wait_until(lambda: self.engine.status()["capture"]["lost"] > 0, "packets that are lost")
            for path in self.files(self.small):
                self.assertGreater(readers.packets(path), 0)
                path.unlink()
            self.engine.process.send_signal(signal.SIGHUP)
            self.engine.await_message("capture.folder: decrypted", self.engine.said("capture.folder: decrypted") - 1)
            self.curl("plain.example")
            self.settle()
            self.assertEqual(readers.faults(self.files(self.small)[-1]), [])

    def test_killed(self):
        """Whatever was written up to then can be read."""
        end, _ = self.shake_hands("plain.example")
        end.send(b"GET /files/large HTTP/1.1\r\nHost: plain.example\r\n\r\n")
        wait_until(lambda: self.files() and self.files()[-1].stat().st_size > 100000, "some of it in the file")
        engine = self.engine.status()["pids"]["engine"]
        before = self.engine.said("posternd: ready")
        os.kill(engine, signal.SIGKILL)
        self.engine.await_message("posternd: ready", before, seconds=30)
        self.engine.await_door("armed")
        self.assertEqual(readers.faults(self.files()[0]), [])
        self.assertGreater(readers.packets(self.files()[0]), 50)

    # --- engines that come after it ---

    def request(self, end, path):
        end.send(f"GET {path} HTTP/1.1\r\nHost: plain.example\r\n\r\n".encode())
        while b"}" not in end.receive():
            pass

    def paths(self):
        """What was asked in all that was recorded, sorted."""
        return sorted("".join(row) for row in readers.fields(self.recorded(), "http.request || http2.headers.path",
            "http.request.uri", "http2.headers.path"))

    def assert_kept(self, before):
        """Files only grow, and can be read to their end."""
        for path, content in before.items():
            self.assertTrue(path.read_bytes().startswith(content), path)
        for path in self.files():
            self.assertGreater(readers.packets(path), 0)

    def test_upgrade(self):
        """Old and new engine write, each into files of its own; the stream is the new one's."""
        end, port = self.shake_hands("plain.example")
        self.request(end, "/before")
        self.settle()
        before = {path: path.read_bytes() for path in self.files()}
        ready = self.engine.said("posternd: ready")
        self.engine.process.send_signal(signal.SIGUSR2)
        self.engine.await_message("posternd: ready", ready, seconds=30)
        self.assertEqual(self.engine.status()["draining"], 1)
        live = self.listen(1)
        clients.curl(self.lab, "https://plain.example/after")
        self.assertEqual(live.stdout.readline().strip(), "/after")
        self.request(end, "/meanwhile")
        # At a reload, too, the older one leaves the stream alone.
        path = self.lab.folder / "engine" / "stream"
        said = self.engine.said("capture.listen: decrypted traffic is there")
        self.engine.reload({"capture": {"listen": f"unix:{path}"}})
        self.assertEqual(live.wait(5), 0)
        live.stdout.close()
        self.engine.await_message("capture.listen: decrypted traffic is there", said)
        self.request(end, "/reloaded")
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(path))
            self.assertEqual(len(stream.recv(100)), 24)  # what a capture file begins with
        end.end.close()
        self.engine.connection(port)
        wait_until(lambda: self.engine.status()["draining"] == 0, "the end of the old engine", 20)
        self.assertEqual(self.paths(), ["/after", "/before", "/meanwhile", "/reloaded"])
        self.assert_kept(before)
        self.assertGreater(len(self.files()), 1)

    def test_restart(self):
        """What was recorded before stays, and the stream is back."""
        self.curl("plain.example", path="/first")
        self.engine.stop()
        before = {path: path.read_bytes() for path in self.files()}
        self.engine.start()
        live = self.listen(1)
        self.curl("plain.example", path="/second")
        self.assertEqual(live.stdout.readline().strip(), "/second")
        live.terminate()
        live.wait()
        live.stdout.close()
        self.assertEqual(self.paths(), ["/first", "/second"])
        self.assert_kept(before)

    # --- live ---

    def listen(self, clients):
        """tshark on the stream, as so many-th of its clients: a line for each request."""
        live = self.lab.appliance.start("tshark", "-n", "-l", "-i", f"TCP@{LISTEN}", "-Y", "http.request || http2.headers.path",
            "-T", "fields", "-e", "http.request.uri", "-e", "http2.headers.path", stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        wait_until(lambda: self.engine.status()["capture"]["clients"] == clients, "tshark is there")
        return live

    def test_live(self):
        """tshark hears what happens; a client who does not listen is in nobody's way."""
        deaf = self.lab.appliance.connect("127.0.0.1", 57012)
        self.addCleanup(deaf.close)
        live = self.listen(2)
        for _ in range(3):
            reply = clients.curl(self.lab, "https://plain.example/files/large", "--http1.1", "-o", "/dev/null")
            self.assertEqual(reply.status, 200)
        self.assertEqual(live.stdout.readline().strip(), "/files/large")
        clients.curl(self.lab, "https://plain.example/live", "--http2")
        wait_until(lambda: "/live" in live.stdout.readline(), "the last request")
        live.terminate()
        live.wait()
        live.stdout.close()
        self.settle()
        self.assertEqual(self.engine.status()["capture"]["dropped"], 0)

    def test_suricata(self):
        """Alerts on what was encrypted: from a file, and live."""
        live = self.lab.folder / "suricata-live"
        process = readers.suricata(live, RULES, "/dev/stdin", prefix=("ip", "netns", "exec", self.lab.appliance.name, "bash",
            "-c", f'cat </dev/tcp/{LISTEN.replace(":", "/")} | "$@"', "bash"))
        wait_until(lambda: self.engine.status()["capture"]["clients"] == 1, "Suricata is there")
        for option in ("--http1.1", "--http2"):
            self.assertEqual(clients.curl(self.lab, f"https://plain.example/files/secret-{option}", option, "-T",
                self.nginx.files / "bulk").status // 100, 2)
            clients.curl(self.lab, "https://plain.example/", option)
        path = self.recorded()
        self.engine.reload({"capture": {"listen": "none"}})  # which ends the stream, and so Suricata
        self.assertEqual(process.wait(30), 0, process.stderr.read())
        process.stderr.close()
        later = self.lab.folder / "suricata-file"
        _, said = readers.suricata(later, RULES, path).communicate(timeout=60)
        for folder in (live, later):
            alerts = [event["alert"]["signature"] for event in readers.events(folder, "alert")]
            self.assertEqual(alerts.count("upload"), 2, said)
            self.assertGreaterEqual(alerts.count("answer"), 2, said)
            self.assertEqual(readers.events(folder, "anomaly"), [])
            stats = readers.events(folder, "stats")[-1]["stats"]
            self.assertEqual(stats["tcp"].get("reassembly_gap", 0), 0)
            self.assertEqual(stats["tcp"].get("invalid_checksum", 0), 0)
            self.assertEqual({protocol: n for protocol, n in stats["app_layer"]["flow"].items() if n},
                {"http": 2, "http2": 2})

    # --- keys ---

    def test_key_log(self):
        """With it both legs of the wire can be read; it is said aloud wherever one looks."""
        with self.configured({"tls": {"key_log": str(self.keys)}, "capture": {"folder": "none", "listen": "none"}}):
            self.assertEqual(self.engine.said(f"the keys of EVERY connection are written to {self.keys}"), 1)
            self.assertIn("KEY LOG", self.postern("status"))
            with captured(self.lab, "lan0", "wan0") as captures:
                for host in ("tls12.example", "tls13.example"):
                    for option in ("--http1.1", "--http2"):
                        self.curl(host, option, path=f"/{host}{option}")
                for capture in captures:
                    capture.connections(4)
        self.assertEqual(stat.S_IMODE(self.keys.stat().st_mode), 0o600)
        expected = sorted(f"/{host}{option}" for host in ("tls12.example", "tls13.example")
            for option in ("--http1.1", "--http2"))
        for capture in captures:
            self.assertEqual(readers.fields(capture.path, "http.request || http2.headers.path", "http.request.uri"), [])
            seen = readers.fields(capture.path, "http.request || http2.headers.path", "http.request.uri",
                "http2.headers.path", options=("-o", f"tls.keylog_file:{self.keys}"))
            self.assertEqual(sorted("".join(row) for row in seen), expected, capture.path)
        written = self.keys.read_text()
        self.curl("tls13.example")  # off again
        self.assertEqual(self.keys.read_text(), written)
        self.assertNotIn("KEY LOG", self.postern("status"))
        self.keys.chmod(0o644)
        before = self.engine.said("tls.key_log: not this user's own file")
        self.engine.reload({"tls": {"key_log": str(self.keys)}})
        self.assertEqual(self.engine.said("tls.key_log: not this user's own file"), before + 1)


def _answer_after_the_end(end, context):
    """Hears all that the client says, and answers it then."""
    server = wire.TlsEnd(end, context, server_side=True)
    said = server.receive_all()
    server.send(b"answer to " + said)
    server.close_notify()


if __name__ == "__main__":
    unittest.main()
