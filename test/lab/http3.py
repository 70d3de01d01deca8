# SPDX-License-Identifier: GPL-3.0-or-later
"""
HTTP/3 in a lab: caddy as server, Chromium as client, and flows of single datagrams.

Chromium follows an Alt-Svc to HTTP/3 only below the roots that it came with, never below the lab's. So it
is told what to speak: HTTP/3 and nothing else, or anything but HTTP/3.
"""

import dataclasses
import itertools
import json
import re
import socket
import struct
import subprocess
import threading
import time

import pki
from lab import REPOSITORY, endpoint, wait_until

RECORDED_HOST = "h3.example"  # whom the hellos in test/data/quic are for
REFUSED, ANSWERED, SILENCE = "refused", "answered", "silence"

# Each is used once: conntrack remembers for minutes that a flow was let go.
_ports = itertools.count(10000)


class Caddy:
    """Hosts that speak HTTP/3 and HTTP/2, and answer with what they saw, as JSON."""
    CONFIGURATION = """
        {{
            admin off
            auto_https off
            storage file_system {folder}/caddy
        }}
        {sites}"""
    SITE = """
        https://{name} {{
            bind {addresses[0]} [{addresses[1]}]
            tls {certificate.chain} {certificate.key}
            header content-type application/json
            respond `{{"host": "{{host}}", "protocol": "{{http.request.proto}}", "address": "{{remote_host}}"}}`
        }}"""

    def __init__(self, lab, pki):
        self.lab = lab
        self.pki = pki
        self.sites = []
        self.endpoints = []

    def site(self, name):
        addresses = self.lab.add_host(name)
        self.endpoints.extend(map(endpoint, addresses))
        self.sites.append(self.SITE.format(name=name, addresses=addresses, certificate=self.pki.server(name)))

    def start(self):
        path = self.lab.folder / "Caddyfile"
        path.write_text(self.CONFIGURATION.format(folder=self.lab.folder, sites="\n".join(self.sites)))
        said = self.lab.folder / "caddy.output"
        with said.open("wb") as output:
            process = self.lab.server.start("env", f"HOME={self.lab.folder}", "caddy", "run", "--adapter", "caddyfile",
                "--config", path, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wanted = {(kind, end) for kind in ("tcp", "udp") for end in self.endpoints}

        def is_up():
            if process.poll() is not None:
                raise RuntimeError(f"caddy ended: {said.read_text()}")
            rows = (line.split() for line in self.lab.server.run("ss", "-Hltun").stdout.splitlines())
            return wanted <= {(row[0], row[4]) for row in rows}

        wait_until(is_up, "caddy listens", 30)


@dataclasses.dataclass
class Page:
    """What Chromium got."""
    saw: dict       # what the server saw; None: there was no answer
    error: str      # Chromium's, "" when there was none
    seconds: float  # that all of it took, Chromium's start too


class Chromium:
    """It trusts the lab's root and the certificates given."""
    def __init__(self, lab, *authorities):
        self.lab = lab
        self.home = lab.folder / "chromium"
        database = self.home / ".pki" / "nssdb"
        database.mkdir(parents=True)
        pki.run("certutil", "-N", "--empty-password", "-d", f"sql:{database}")
        for number, certificate in enumerate(authorities):
            pki.run("certutil", "-A", "-n", str(number), "-t", "C,,", "-i", certificate, "-d", f"sql:{database}")

    def visit(self, host, family, has_http3):
        address = self.lab.addresses[host][family == 6]
        target = f"[{address}]" if family == 6 else address
        start = time.monotonic()
        done = self.lab.client.run("env", f"HOME={self.home}", f"TMPDIR={self.home}", "chromium",
            "--headless", "--no-sandbox", "--disable-gpu", "--incognito", "--enable-logging=stderr", f"--host-resolver-rules=MAP {host} {target}",
            f"--origin-to-force-quic-on={host}:443" if has_http3 else "--disable-quic", "--dump-dom",
            f"https://{host}/")
        seconds = time.monotonic() - start
        saw = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
        error = re.search(r"Page load failed: net::(\w+)", done.stderr)
        return Page(json.loads(saw[1]) if saw else None, error[1] if error else "", seconds)


def recorded(name):
    """The datagrams of a file in test/data/quic."""
    content = (REPOSITORY / "test" / "data" / "quic" / f"{name}.bin").read_bytes()
    datagrams, at = [], 0
    while at < len(content):
        length, = struct.unpack_from(">H", content, at)
        datagrams.append(content[at + 2:at + 2 + length])
        at += 2 + length
    return datagrams


def datagram_socket(namespace, address):
    with namespace._entered():
        return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def serve_echo(lab, name):
    """A host that sends every datagram back."""
    def serve(end):
        while True:
            datagram, client = end.recvfrom(65536)
            end.sendto(datagram, client)

    for address in lab.add_host(name):
        end = datagram_socket(lab.server, address)
        end.bind((address, 443))
        threading.Thread(target=serve, args=(end,), daemon=True).start()


class Flow:
    """A UDP socket of the client, connected to port 443 of a server that sends everything back."""

    def __init__(self, lab, address):
        self.end = datagram_socket(lab.client, address)
        self.end.bind(("", next(_ports)))
        self.end.connect((address, 443))
        self.unanswered = []

    def send(self, *datagrams, seconds=0.3):
        """
        (ANSWERED, REFUSED or SILENCE, seconds until then). An answer is all of them, and those sent
        before that had none.
        """
        start = time.monotonic()
        self.end.settimeout(seconds)
        self.unanswered.extend(datagrams)
        try:
            for datagram in datagrams:
                self.end.send(datagram)
            while self.unanswered:
                self.unanswered.remove(self.end.recv(65536))
            fate = ANSWERED
        except ConnectionRefusedError:
            fate = REFUSED
        except TimeoutError:
            fate = SILENCE
        return fate, time.monotonic() - start
