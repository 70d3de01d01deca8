# SPDX-License-Identifier: GPL-3.0-or-later
"""
The lab's certificates, made with the openssl command when they are asked for.

    root ── intermediate ── servers         unknown ── servers that nobody should trust
    clients ── client certificates
"""

import dataclasses
import datetime
import os
import pathlib
import subprocess

REAL_CA = "Lab Intermediate"  # issues the servers' certificates
KEYS = {
    "ec": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "p384": ("ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
    "rsa": ("rsa:2048",),
    "rsa4096": ("rsa:4096",),
    "rsa1024": ("rsa:1024",),
    "rsa512": ("rsa:512",),
    "rsa-pss": ("rsa-pss:2048",),
    "ed25519": ("ed25519",),
}
AUTHORITY = ("basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign")
CA_CONFIGURATION = """
[ca]
default_ca = lab
[lab]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
default_crl_days = 30
policy = any
[any]
commonName = supplied
organizationName = optional
"""


@dataclasses.dataclass
class Certificate:
    name: str
    issuer: "Certificate | None"  # None: signed by itself
    certificate: pathlib.Path     # PEM, this one only
    chain: pathlib.Path           # PEM, with what a server sends along: all but the root
    key: pathlib.Path


class Pki:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755)
        (self.folder / "index").touch()
        self.configuration = self.folder / "openssl.cnf"
        self.configuration.write_text(CA_CONFIGURATION.format(folder=self.folder))
        self.root = self.issue("Lab Root", extensions=AUTHORITY)
        self.intermediate = self.issue(REAL_CA, self.root, extensions=AUTHORITY)
        self.clients = self.issue("Lab Clients", extensions=AUTHORITY)
        self.unknown = self.issue("Unknown Root", extensions=AUTHORITY)

    def server(self, host, names=None, issuer="intermediate", key="ec", days=(-1, 30), purpose="serverAuth",
            extensions=()):
        """A server's certificate. `issuer` "self" signs itself; `days` is its life, counted from now."""
        names = ", ".join(name if name.startswith("IP:") else f"DNS:{name}" for name in names or [host])
        return self.issue(host, None if issuer == "self" else getattr(self, issuer), key, days,
            ("basicConstraints=CA:false", "keyUsage=digitalSignature,keyEncipherment",
             f"extendedKeyUsage={purpose}", f"subjectAltName={names}", *extensions))

    def client(self, name):
        return self.issue(name, self.clients,
            extensions=("keyUsage=digitalSignature", "extendedKeyUsage=clientAuth"))

    def many_authorities(self, count):
        """A file with so many CAs that their names alone are longer than a TLS record can be."""
        path = self.folder / "many.crt"
        with path.open("w") as file:
            for number in range(count):
                file.write(run("openssl", "req", "-x509", "-new", "-key", self.clients.key, "-days", "30", "-subj",
                    f"/C=US/O=Postern Lab/OU={'x' * 60}/CN=Authority {number}"))
            file.write(self.clients.certificate.read_text())
        return path

    def revoke(self, certificate):
        """On every list that is made from now on."""
        openssl("ca", "-config", self.configuration, "-revoke", certificate.certificate, *_signer(self.root))

    def list_revoked(self, issuer, path, days=(-1, 30)):
        """The issuer's list, in PEM."""
        made = path.with_suffix(".new")
        openssl("ca", "-gencrl", "-config", self.configuration, *_signer(issuer), "-crl_lastupdate", _date(days[0]),
            "-crl_nextupdate", _date(days[1]), "-out", made)
        made.rename(path)

    def issue(self, name, issuer=None, key="ec", days=(-1, 30), extensions=(), subject=None, digest="sha256"):
        """Signed by `issuer`, or by itself. Its files have the name, and its subject has it unless it is another."""
        def path(kind):
            return self.folder / f"{name.replace(' ', '-').replace('*', 'any')}.{kind}"

        made = Certificate(name, issuer, path("crt"), path("chain"), path("key"))
        request, profile = path("csr"), path("ext")
        profile.write_text("\n".join(extensions))
        algorithm, *options = KEYS[key]
        openssl("req", "-new", "-newkey", algorithm, *options, "-nodes", "-keyout", made.key, "-out", request,
            "-subj", f"/O=Postern Lab/CN={subject or name}")
        signer = _signer(issuer) if issuer else ("-selfsign", "-keyfile", made.key)
        openssl("ca", "-batch", "-notext", "-config", self.configuration, *signer, "-in", request,
            "-md", digest, "-out", made.certificate, "-extfile", profile, "-startdate", _date(days[0]), "-enddate", _date(days[1]))
        made.key.chmod(0o644)  # servers and clients of any user may read it: it is a lab
        above = issuer.chain.read_text() if issuer and issuer.issuer else ""
        made.chain.write_text(made.certificate.read_text() + above)
        return made


def _signer(certificate):
    return "-cert", certificate.certificate, "-keyfile", certificate.key


def openssl(*arguments):
    run("openssl", *arguments)


def run(*command, environment=None):
    """A command that makes something; what it says."""
    done = subprocess.run([*map(str, command)], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=60, env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(done.args)}: {done.stdout}")
    return done.stdout


def _date(days_from_now):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days_from_now)
    return moment.strftime("%Y%m%d%H%M%SZ")
