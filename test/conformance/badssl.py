# SPDX-License-Identifier: GPL-3.0-or-later
"""
badssl.com: servers that are wrong in one way each, with certificates made here by its own Makefile. Each
host has an address of its own and port 443, whatever port the site uses: a listener has the protocols of
its first server. Its pages about HTTP are left out, they all have the same certificate.
"""

import os
import re
import shutil
import subprocess

import clients
import lab
import servers
from engine import CA, Engine, merged
from pki import Pki, run
from results import Result

NAME = "badssl"
DOMAIN = "badssl.test"
GROUPS = ("cert", "cipher-suite", "client", "key-exchange", "known-bad", "protocol")
# OpenSSL of today has no such ciphers, and takes no such parameters: host, its priorities in GnuTLS.
GNUTLS = {
    "rc4": "NORMAL:-CIPHER-ALL:+ARCFOUR-128:-VERS-ALL:+VERS-TLS1.2:+RSA",
    "rc4-md5": "NORMAL:-CIPHER-ALL:+ARCFOUR-128:-MAC-ALL:+MD5:-VERS-ALL:+VERS-TLS1.2:+RSA",
    "3des": "NORMAL:-CIPHER-ALL:+3DES-CBC:-VERS-ALL:+VERS-TLS1.2:+RSA",
    "dh480": "LEGACY:-KX-ALL:+DHE-RSA:-VERS-ALL:+VERS-TLS1.2:-GROUP-ALL",
    "dh512": "LEGACY:-KX-ALL:+DHE-RSA:-VERS-ALL:+VERS-TLS1.2:-GROUP-ALL",
}
# With every suite there is: otherwise most of its hosts would not be asked for a certificate.
ALL = {"tls": {"suites": "all"}}
SETTINGS = {"defaults": ALL, "strict": {**ALL, "upstream": {"unsupported": "block"}}}
OPENSSL = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = weak
[weak]
MinProtocol = None
CipherString = ALL:COMPLEMENTOFALL:@SECLEVEL=0
"""
NGINX = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    server_names_hash_bucket_size 128;
{servers}
}}
"""


def make_certificates(source):
    """
    Keys and parameters are made once. Certificates are made anew for each run, three days ago: what the
    Makefile calls expired is valid for one.
    """
    certs = source / "certs"
    made = certs / "sets" / "test" / "gen"
    for kind in ("csr", "crt", "chain"):
        shutil.rmtree(made / kind, ignore_errors=True)
    # It ends with an error: OpenSSL makes no parameters of 480 bits. What is missing shows below.
    subprocess.run(["faketime", "-f", "-3d", "make", "-k", "test", "O=sets/test", f"D={DOMAIN}"], cwd=certs,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "OPENSSL_CONF": "/etc/ssl/openssl.cnf"})
    missing = [name for name in ("wildcard-expired", "wildcard-rsa512", "subdomain-10000-sans", "client-ca-root")
        if not (made / "chain" / f"{name}.pem").exists()]
    if missing:
        raise RuntimeError(f"make of badssl.com's certificates made no {', '.join(missing)}")
    return made


class Site:
    """The configuration of badssl.com, filled in."""

    def __init__(self, source, made, folder):
        self.folder = folder
        self.values = {"site.domain": DOMAIN, "site.serving-path": str(folder), "site.serving_folder": str(folder),
            "site.cert-path": str(made / "chain"), "site.dhparam-path": str(made / "dhparam")}
        self.keys = made / "key"
        for name in ("common", "domains", "domains-local-only", "nginx-includes"):
            shutil.copytree(source / name, folder / name)
        for path in folder.rglob("*.conf"):
            path.write_text(self.filled(path.read_text()))

    def filled(self, text):
        text = re.sub(r"\A---\n.*?---\n", "", text, flags=re.DOTALL)
        text = re.sub(r"\{\{ *([\w.-]+) *\}\}", lambda found: self.values[found[1]], text)
        # "ssl on" is a word of nginx before 1.25.
        return re.sub(r"^ssl on;$", "", text.replace("/etc/keys", str(self.keys)), flags=re.MULTILINE)

    def hosts(self):
        """name: its server block. Whoever only redirects to another port is none."""
        found = {}
        for path in sorted(self.folder.glob("domains*/*/*.conf")):
            if path.parent.name not in GROUPS:
                continue
            for block in re.findall(r"^server \{.*?^\}", path.read_text(), re.MULTILINE | re.DOTALL):
                name = re.search(rf"server_name (\S+)\.{re.escape(DOMAIN)};", block)
                if name and "root " in block and not re.search(r"listen 80;", block):
                    found[name[1]] = block
        return found


class Leaf:
    """The certificate of badssl.com's ordinary hosts, as servers.py wants it."""

    def __init__(self, made):
        self.chain, self.key = made / "chain" / "wildcard-rsa2048.pem", made / "key" / "leaf-rsa2048.key"


def start_nginx(the_lab, site, hosts):
    blocks = []
    for name, block in hosts.items():
        listen = " ".join(f"listen {lab.endpoint(address)} ssl;" for address in the_lab.add_host(f"{name}.{DOMAIN}"))
        blocks.append(re.sub(r"listen \d+;", listen, block))
    path, weak = site.folder / "nginx.conf", site.folder / "openssl.cnf"
    path.write_text(NGINX.format(folder=site.folder, servers="\n".join(blocks)))
    weak.write_text(OPENSSL)
    endpoints = [lab.endpoint(address) for addresses in the_lab.addresses.values() for address in addresses]
    servers.start(the_lab, "badssl-nginx", endpoints, "env", f"OPENSSL_CONF={weak}", "nginx", "-c", path,
        "-e", site.folder / "nginx.log")


def start_gnutls(the_lab, made, name):
    options = ["--priority", GNUTLS[name]]
    if bits := re.fullmatch(r"dh(\d+)", name):
        parameters = the_lab.folder / f"{name}.pem"
        run("certtool", "--generate-dh-params", "--bits", bits[1], "--outfile", parameters)
        options += ["--dhparams", parameters]
    servers.gnutls_server(the_lab, f"{name}.{DOMAIN}", Leaf(made), *options)


def visit(the_lab, engine, name, *options):
    """What became of one connection: fate, reason, and what the client was answered."""
    reply = clients.curl(the_lab, f"https://{name}.{DOMAIN}/", *options)
    line = engine.connection(reply.port)
    if line["fate"] == "intercept" and reply.status and reply.issuer != CA:
        return f"intercept: with a certificate of {reply.issuer}"
    return f"{line['fate']}: {line['reason']}, " + (f"HTTP {reply.status}" if reply.status else "no answer")


def visit_all(the_lab, pki, hosts, made, policy):
    """An engine that nothing was learned in."""
    engine = Engine(the_lab, pki, merged(SETTINGS[policy], {
        "upstream": {"trust_store": str(made / "crt" / "ca-root.crt")}}), policy)
    with (the_lab.folder / "trusted.pem").open("a") as trusted:  # what curl believes of those that pass
        trusted.write((made / "crt" / "ca-root.crt").read_text())
    engine.start()
    card = ("--cert", made / "crt" / "client.crt", "--key", made / "key" / "client.key")
    no_groups = ("--tls-max", "1.2")  # none of finite fields, by which a server would take a good one
    options = {"client": card, "client-cert-missing": card, "dh480": no_groups, "dh512": no_groups}
    results = [Result(NAME, policy, name, visit(the_lab, engine, name, *options.get(name, ()))) for name in hosts]
    engine.stop()
    return results


def run_suite(source, tell):
    tell("badssl: making certificates; the keys of the first time take minutes")
    made = make_certificates(source)
    the_lab = lab.Lab()
    folder = the_lab.folder / "badssl"
    folder.mkdir()
    site = Site(source, made, folder)
    hosts = site.hosts()
    start_nginx(the_lab, site, {name: block for name, block in hosts.items() if name not in GNUTLS})
    for name in GNUTLS:
        start_gnutls(the_lab, made, name)
    the_lab.divert()
    pki = Pki(the_lab.folder / "pki")
    results = []
    for policy in SETTINGS:
        tell(f"badssl: {len(hosts)} hosts, {policy}")
        results += visit_all(the_lab, pki, hosts, made, policy)
    the_lab.remove()
    return results
