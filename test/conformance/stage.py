# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab that the suites for the client face run in: two hosts behind an engine that passes nothing."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import lab  # noqa: E402
import servers  # noqa: E402
import wire  # noqa: E402
from engine import Engine  # noqa: E402
from pki import Pki, openssl  # noqa: E402

# What the engine would pass is answered by the server itself. The suites are for the engine.
SETTINGS = {
    "hello": {"not_tls": "block", "silent": "block", "unsupported": "block"},
    "tls": {"suites": "all"},  # those that are not recommended are to be tested, too
    "upstream": {"unsupported": "block"},
    "client_certificate": {"requested": "block"},
    "timeouts": {"hello": "2s"},  # less than the patience of scripts that send half a hello
}
HOSTS = {"ecdsa.example": "ec", "rsa.example": "rsa"}
# The server is to accept whatever the engine offers it, so that it is the engine that decides.
LENIENT = (
    "ssl_ciphers ALL:@SECLEVEL=0;",
    "ssl_ecdh_curve X25519:P-256:P-384:P-521:X448:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192;",
)
ECHO = "echo.example"


def echo(tls):
    while data := tls.receive():
        tls.send(data)


class Stage:
    def __init__(self):
        self.lab = lab.Lab()
        self.pki = Pki(self.lab.folder / "pki")
        nginx = servers.Nginx(self.lab, self.pki)
        groups = self.lab.folder / "ffdhe2048.pem"
        openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", groups)
        for host, key in HOSTS.items():
            nginx.site(host, f"ssl_dhparam {groups};", *LENIENT, certificate=self.certificate(host, key))
        context = servers.tls_context(self.certificate(ECHO, "rsa"))
        servers.peer(self.lab, ECHO, lambda end: echo(wire.TlsEnd(end, context, server_side=True)))
        nginx.start()
        self.lab.divert()
        self.engine = Engine(self.lab, self.pki, SETTINGS)
        self.engine.start()

    def certificate(self, host, key):
        """For the host that is added next. Many scripts name no server: then its address is verified."""
        number = 10 + len(self.lab.addresses)
        return self.pki.server(host, names=[host, f"IP:10.0.2.{number}", f"IP:fd00:2::{number}"], key=key)

    def stop(self):
        """Asserts that the engine ended well, and that what answered was the engine: (connections, of them passed)."""
        self.engine.stop()
        lines = [json.loads(line) for line in self.engine.log.read_text().splitlines()]
        fates = [line["fate"] for line in lines if line["event_type"] == "connection"]
        assert "pass" not in fates and "learn" not in fates, "connections were passed: the server answered them"
        return len(fates)
