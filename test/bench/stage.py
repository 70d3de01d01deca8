# SPDX-License-Identifier: GPL-3.0-or-later
"""
Where it is measured: the lab, its servers, all engines at once in the appliance. postern-rules diverts the
clients to the engine whose turn it is. The engines have one processor; the clients, the servers and the
benchmark itself have another.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import select
import subprocess
import sys

import engines
import lab
import servers
from clocks import cpu_when_quiet
from engine import CA
from pki import REAL_CA, Pki

HERE = pathlib.Path(__file__).resolve().parent
BULK = 256 << 20
DOWNLOADS = 4  # of that, side by side: one alone takes a fifth of a second, and noise as much
UNDIVERTED = 4443  # a port that no engine gets
TIMEOUT = 120      # of one load
FRESH = "fresh.example"


class LoadFailed(Exception):
    """The engine does not do what is asked for; the text says what it did."""


@dataclasses.dataclass
class Host:
    version: str = "TLSv1.3"
    bits: int = 128
    key: str = "ec"
    resumes: bool = False
    issuer: str = CA  # whose certificate the clients see
    more: tuple = ()  # of nginx's words

    def directives(self):
        """All of its cipher: the question is whose AES is faster, not who chose the cheaper."""
        algorithm = {"ec": "ECDSA", "rsa": "RSA"}[self.key]
        hash_bits = {128: 256, 256: 384}[self.bits]
        return (
            "ssl_session_cache shared:all:1m; ssl_session_tickets on;" if self.resumes else
            "ssl_session_cache off; ssl_session_tickets off;",
            f"ssl_protocols {self.version};",
            f"ssl_ciphers ECDHE-{algorithm}-AES{self.bits}-GCM-SHA{hash_bits};",
            f"ssl_conf_command Ciphersuites TLS_AES_{self.bits}_GCM_SHA{hash_bits};",
            "ssl_ecdh_curve X25519:prime256v1;",
            'add_header Leg "$ssl_protocol $ssl_cipher $ssl_curve $ssl_session_reused" always;',
            *self.more)


HOSTS = {
    "full13.example": Host(),
    "full12.example": Host("TLSv1.2"),
    "rsa13.example": Host(key="rsa"),
    "rsa12.example": Host("TLSv1.2", key="rsa"),
    "resumed13.example": Host(resumes=True),
    "resumed12.example": Host("TLSv1.2", resumes=True),
    "bulk128.example": Host(),
    "bulk256.example": Host(bits=256),
    "latency.example": Host(more=(f"listen {UNDIVERTED} ssl;",)),
    "bench.pass.example": Host(issuer=REAL_CA),
    "kernel.example": Host(issuer=REAL_CA),
    FRESH: Host(),
}


@dataclasses.dataclass
class Load:
    """What load.py does."""
    host: str
    count: int
    processes: int = 4
    path: str = "/"
    at_least: int = 1
    options: tuple = ()
    issuer: str = ""  # "": the host's own
    names: pathlib.Path | None = None

    def command(self, stage, count=None, *more):
        host, count = HOSTS[self.host], min(count or self.count, self.count)
        names = ("--names", self.names) if self.names else ()
        return ["env", f"OPENSSL_CONF={stage.client_conf[host.bits]}", sys.executable, HERE / "load.py", self.host,
            "--address", stage.lab.addresses[self.host][0], "--issuer", self.issuer or host.issuer,
            "--version", host.version, "--bits", host.bits, "--count", count, "--path", self.path,
            "--at-least", self.at_least, "--processes", min(self.processes, count), *names, *self.options, *more]

    @staticmethod
    def seen(output):
        """Of all its processes: (legs, connections, how many were resumed on each leg, seconds of each)."""
        told = [json.loads(line) for line in output.splitlines()]
        return Seen({leg for one in told for leg in one["legs"]}, sum(one["connections"] for one in told),
            {leg: sum(one["resumed"][leg] for one in told) for leg in ("client", "server")},
            [seconds for one in told for seconds in one["seconds"]])


@dataclasses.dataclass
class Seen:
    legs: set = dataclasses.field(default_factory=set)
    connections: int = 0
    resumed: dict = dataclasses.field(default_factory=lambda: {"client": 0, "server": 0})
    seconds: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.legs |= other.legs
        self.connections += other.connections
        self.seconds += other.seconds
        for leg, count in other.resumed.items():
            self.resumed[leg] += count


class FloorLoad(Load):
    """What floor.c's client does: the same number of connections, their flights of the same size."""
    HOST = "floor.example"

    def __init__(self, kind, count):
        super().__init__(self.HOST, count)
        self.kind = kind

    def command(self, stage, count=None, *more):
        return [engines.FLOOR_PROGRAM, "client", self.kind, stage.lab.addresses[self.HOST][0],
            min(count or self.count, self.count)]

    @staticmethod
    def seen(output):
        return Seen()


class Stage:
    def __init__(self, core):
        self.lab = lab.Lab()
        self.core = core
        self.pki = Pki(self.lab.folder / "pki")
        self._start_servers()
        self._write_ssl_confs()
        self.lab.divert()
        self.diverted_to = engines.Postern.port
        self.postern = engines.Postern(self.lab, self.pki, core, self._settings())
        authority = self.postern.folder
        self.sslsplit = engines.Sslsplit(self.lab, authority, core)
        self.bridging = engines.haproxy_bridging(self.lab, core, 8447, self.pki, authority)
        self.passing = engines.haproxy_passing(self.lab, core, 8445, "option splice-auto")
        self.splicing = engines.haproxy_passing(self.lab, core, 8446,
            "option splice-request\n\toption splice-response")
        self.nginx = engines.NginxPassing(self.lab, core)
        self.floor = engines.Floor(self.lab, core)

    def _settings(self):
        return {"rules": [
            {"pass": {"server": [self.lab.addresses["kernel.example"][0]]}},  # the kernel's
            {"pass": "*.pass.example"}]}

    def _start_servers(self):
        nginx = servers.Nginx(self.lab, self.pki)
        for name, host in HOSTS.items():
            certificate = self.pki.server(name, key=host.key)
            more = ()
            if name == FRESH:
                more = (f"server_name *.{FRESH};",)
                certificate = dataclasses.replace(certificate, chain=f"{self.lab.folder}/fresh/$ssl_server_name.crt")
            nginx.site(name, *host.directives(), *more, certificate=certificate)
        with (nginx.files / "bulk").open("wb") as bulk:
            bulk.truncate(BULK)
        (self.lab.folder / "fresh").mkdir()
        nginx.start()
        address = self.lab.add_host(FloorLoad.HOST)[0]
        self.lab.server.start(engines.FLOOR_PROGRAM, "server", address, stdin=subprocess.DEVNULL)

    def _write_ssl_confs(self):
        # Beside a key of P-256 HAProxy sets up 1024 bits for DHE, which nobody takes, and stumbles when that
        # is refused.
        engines.openssl_conf(self.lab.folder / "peers.cnf", "CipherString = DEFAULT@SECLEVEL=1")
        self.client_conf = {bits: engines.openssl_conf(self.lab.folder / f"client{bits}.cnf",
            f"Ciphersuites = TLS_AES_{bits}_GCM_SHA{hash_bits}") for bits, hash_bits in ((128, 256), (256, 384))}

    def engines(self):
        return (self.postern, self.sslsplit, self.bridging, self.passing, self.splicing, self.nginx, self.floor)

    def fresh_names(self, count):
        """A file of names that nobody has seen, each with a certificate of its own."""
        folder = self.lab.folder / "fresh"
        begin = len(list(folder.glob("*.crt")))
        made = self.pki.folder / FRESH
        extensions = folder / "extensions"
        extensions.write_text("basicConstraints=CA:false\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n"
            "subjectAltName=DNS:${ENV::NAME}\n")
        above = self.pki.intermediate.chain.read_text()
        names = {number: f"n{number}.{FRESH}" for number in range(begin, begin + count)}
        for number, name in names.items():
            path = folder / f"{name}.crt"
            subprocess.run(["openssl", "x509", "-req", "-in", f"{made}.csr", "-CA", self.pki.intermediate.certificate,
                "-CAkey", self.pki.intermediate.key, "-set_serial", str(10**12 + number), "-days", "20",
                "-extfile", extensions, "-out", path], check=True, stderr=subprocess.DEVNULL,
                env={**os.environ, "NAME": name})
            path.write_text(path.read_text() + above)
        file = folder / f"names-{begin}"
        file.write_text("\n".join(names.values()))
        return file

    def divert_to(self, engine):
        if self.diverted_to != engine.port:
            self.lab.appliance.run(lab.RULES, "up", "--port", engine.port)
        self.diverted_to = engine.port

    def cost(self, engine, load, count=None):
        """(CPU seconds of the engine for one load, what the load saw)"""
        self.divert_to(engine)
        before = cpu_when_quiet(engine)
        seen = self.run(load, count)
        if engine.has_ended():
            raise LoadFailed("it ended under the load")
        return cpu_when_quiet(engine) - before, seen

    def run(self, load, count=None, *more):
        try:
            done = self.lab.client.run(*load.command(self, count, *more), check=False, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            raise LoadFailed(f"not done within {TIMEOUT} seconds") from None
        if done.returncode != 0:
            raise LoadFailed((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1])
        return load.seen(done.stdout)

    @contextlib.contextmanager
    def holding(self, load):
        """With so many idle connections."""
        holder = self.lab.client.start(*load.command(self, None, "--hold"), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with holder:
            try:
                ready, _, _ = select.select([holder.stdout], [], [], TIMEOUT)
                if not ready or holder.stdout.readline() != b"held\n":
                    raise LoadFailed(f"{load.count} connections to {load.host} were not held")
                yield
            finally:
                holder.kill()
