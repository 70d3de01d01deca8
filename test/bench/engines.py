# SPDX-License-Identifier: GPL-3.0-or-later
"""postern and its peers: each on one processor, with a port of its own, and a line of log for each connection."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess

import lab
from clocks import family, said
from engine import Engine, build
from pki import Pki, openssl

HERE = pathlib.Path(__file__).resolve().parent
FLOOR_PROGRAM = build() / "test/bench/bench_floor"
POSTERN, HAPROXY, SSLSPLIT, NGINX, FLOOR = "postern", "HAProxy", "sslsplit", "nginx", "floor"


def pinned(core):
    return "taskset", "--cpu-list", str(core)


class Postern:
    name = POSTERN
    port = 8443

    def __init__(self, the_lab, pki, core, settings):
        self.prefix = pinned(core)
        self.engine = Engine(the_lab, pki, {"workers": 1, **settings})
        self.folder = self.engine.folder
        self.engine.start(*self.prefix)

    def has_ended(self):
        return self.engine.process.poll() is not None

    def processes(self):
        return family(self.engine.process.pid)

    def restart(self, changes=None):
        """With these settings in place of its own."""
        self.stop()
        self.engine.configure(changes)
        self.engine.start(*self.prefix)

    def stop(self):
        if not self.has_ended():
            self.engine.stop()

    @contextlib.contextmanager
    def run_by(self, *command):
        """By another program, as long as this lasts."""
        self.stop()
        self.engine.start(*self.prefix, *command)
        yield
        self.restart()

    @staticmethod
    def version():
        return said(build() / "engine/posternd", "--version")


class Peer:
    """A program of others. Its command and what it needs are made once; it may be started again."""
    def __init__(self, the_lab, core, *command):
        self.lab = the_lab
        self.output = the_lab.folder / f"{self.port}.output"
        self.environment = {**os.environ, "OPENSSL_CONF": str(the_lab.folder / "peers.cnf")}
        self.command = (*pinned(core), *command)
        self.process = None
        self.known = set()  # its processes: without the first of them nothing leads to the others
        self.start()

    def start(self, **options):
        with self.output.open("ab") as output:
            self.process = self.lab.appliance.start(*self.command, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, env=self.environment, **options)

        def is_up():
            if self.has_ended():
                raise RuntimeError(f"{self.name} ended: {self.output.read_text()}")
            return f"0.0.0.0:{self.port}" in self.lab.appliance.listening()

        lab.wait_until(is_up, f"{self.name} listens")

    def restart(self):
        self.stop()
        self.start()

    def stop(self):
        for pid in self.known.union(self.processes()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.known.clear()
        lab.wait_until(lambda: f"0.0.0.0:{self.port}" not in self.lab.appliance.listening(), f"{self.name} is gone")

    def has_ended(self):
        return self.process.poll() is not None

    def processes(self):
        found = family(self.process.pid)
        self.known.update(found)
        return found


class Sslsplit(Peer):
    """Forges from postern's CA, with a P-256 key as postern does; it does not verify the server's chain."""
    name = SSLSPLIT
    port = 8444

    def __init__(self, the_lab, authority, core):
        key = the_lab.folder / "sslsplit.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        super().__init__(the_lab, core, "sslsplit", "-c", authority / "ca.crt", "-k", authority / "ca.key",
            "-K", key, "-l", the_lab.folder / "sslsplit.connections", "ssl", "0.0.0.0", self.port, "tproxy")

    @staticmethod
    def version():
        return said("sslsplit", "-V")


class Haproxy(Peer):
    name = HAPROXY

    def __init__(self, the_lab, core, port, template, **values):
        self.port = port
        text = (HERE / template).read_text()
        for key, value in {"port": port, **values}.items():
            text = text.replace(f"@{key.upper()}@", str(value))
        configuration = the_lab.folder / f"haproxy-{port}.cfg"
        configuration.write_text(text)
        super().__init__(the_lab, core, "haproxy", "-db", "-f", configuration)

    @staticmethod
    def version():
        return said("haproxy", "-v")


def haproxy_bridging(the_lab, core, port, pki: Pki, authority):
    """
    TLS on both sides. A leaf has the server's name and a key of P-256, and nothing else of the server's
    certificate; it is signed by postern's CA. The server's chain and name are verified.
    """
    default, signer = the_lab.folder / "haproxy-default.pem", the_lab.folder / "haproxy-ca.pem"
    leaf = pki.server("nobody.invalid")
    default.write_text(leaf.certificate.read_text() + leaf.key.read_text())
    signer.write_text((authority / "ca.crt").read_text() + (authority / "ca.key").read_text())
    return Haproxy(the_lab, core, port, "haproxy-bridge.cfg", default=default, ca=signer, roots=pki.root.certificate)


def haproxy_passing(the_lab, core, port, splice):
    """
    It may splice when that seems worth it, or always. The first is the cheaper one for a short connection,
    the second, by far, for a long download: each is the peer in its own field.
    """
    return Haproxy(the_lab, core, port, "haproxy.cfg", splice=splice)


class NginxPassing(Peer):
    """
    nginx has no word for sockets that listen for the addresses of others (IP_TRANSPARENT), but takes those
    that it is started with, when they have the address of one of its own.
    """
    name = NGINX
    port = 8449

    def __init__(self, the_lab, core):
        configuration = the_lab.folder / "nginx-pass.conf"
        configuration.write_text((HERE / "nginx-pass.conf").read_text().replace("@PORT@", str(self.port)).replace(
            "@FOLDER@", str(the_lab.folder)))
        super().__init__(the_lab, core, "nginx", "-c", configuration, "-e", the_lab.folder / "nginx-pass.log")

    def start(self):
        with self.lab.appliance.socket(socket.AF_INET) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
            listener.bind(("0.0.0.0", self.port))
            listener.listen(511)
            self.environment["NGINX"] = f"{listener.fileno()};"
            super().start(pass_fds=[listener.fileno()])
            lab.wait_until(lambda: len(self.processes()) > 1 or self.has_ended(), "nginx has a worker")
        if self.has_ended():
            raise RuntimeError(f"nginx ended: {self.output.read_text()}")

    @staticmethod
    def version():
        return said("nginx", "-v")


class Floor(Peer):
    """floor.c's relay: what no engine can do without."""
    name = FLOOR
    port = 8450

    def __init__(self, the_lab, core):
        super().__init__(the_lab, core, FLOOR_PROGRAM, "relay", self.port)


def openssl_conf(path, *lines):
    """A configuration for OpenSSL's libssl: groups that all engines have, so that none does dearer work."""
    path.write_text("\n".join(("openssl_conf = main", "[main]", "ssl_conf = ssl", "[ssl]", "system_default = all",
        "[all]", "Groups = X25519:P-256", *lines, "")))
    return path
