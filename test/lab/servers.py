# SPDX-License-Identifier: GPL-3.0-or-later
"""
The servers of a lab: nginx, Apache, openssl s_server, gnutls-serv, and small ones written in Python.

Every host has addresses of its own and listens to port 443 of both. Those that speak HTTP answer with
what they saw of the client, as JSON; the page of s_server and gnutls-serv is their own.
"""

import contextlib
import json
import ssl
import subprocess
import threading

from lab import endpoint, wait_until

NGINX_SAW = json.dumps({
    "host": "$host", "address": "$remote_addr", "port": "$remote_port", "protocol": "$ssl_protocol",
    "cipher": "$ssl_cipher", "alpn": "$ssl_alpn_protocol", "client_dn": "$ssl_client_s_dn", "request": "$request",
    "resumed": "$ssl_session_reused"})
APACHE_SAW = json.dumps({
    key: f"<!--#echo encoding='none' var='{variable}' -->" for key, variable in (
        ("host", "SERVER_NAME"), ("address", "REMOTE_ADDR"), ("port", "REMOTE_PORT"), ("protocol", "SSL_PROTOCOL"),
        ("cipher", "SSL_CIPHER"), ("client_dn", "SSL_CLIENT_S_DN"))})


class Nginx:
    CONFIGURATION = """
        daemon off;
        user root;
        worker_processes 1;
        pid {folder}/nginx.pid;
        error_log {folder}/nginx.log;
        events {{ worker_connections 4096; }}
        http {{
            default_type application/json;
            ssl_protocols TLSv1.2 TLSv1.3;
            access_log off;
            client_body_temp_path {folder}/body;
            client_max_body_size 1g;
            {sites}
        }}"""
    SITE = """
        server {{
            listen {addresses[0]}:443 ssl http2;
            listen [{addresses[1]}]:443 ssl http2;
            server_name {name};
            ssl_certificate {certificate.chain};
            ssl_certificate_key {certificate.key};
            {directives}
            location / {{ return 200 '{saw}'; }}
            location /files/ {{ alias {folder}/files/; dav_methods PUT; }}
            location /echo {{
                proxy_pass http://unix:{folder}/echo;
                proxy_http_version 1.1;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection upgrade;
                proxy_set_header Sec-WebSocket-Key $http_sec_websocket_key;
            }}
        }}"""

    def __init__(self, lab, pki):
        self.lab = lab
        self.pki = pki
        self.sites = []
        self.endpoints = []
        self.files = lab.folder / "files"
        self.files.mkdir()

    def site(self, name, *directives, certificate=None):
        addresses = self.lab.add_host(name)
        self.endpoints.extend(map(endpoint, addresses))
        self.sites.append(self.SITE.format(
            name=name, addresses=addresses, certificate=certificate or self.pki.server(name),
            directives=" ".join(directives), saw=NGINX_SAW, folder=self.lab.folder))

    def requiring(self, name, *directives, verify="on"):
        """A host that asks the client for a certificate."""
        self.site(name, f"ssl_client_certificate {self.pki.clients.certificate};", f"ssl_verify_client {verify};",
            *directives)

    def start(self):
        path = self.lab.folder / "nginx.conf"
        path.write_text(self.CONFIGURATION.format(folder=self.lab.folder, sites="\n".join(self.sites)))
        start(self.lab, "nginx", self.endpoints, "nginx", "-c", path, "-e", self.lab.folder / "nginx.log")


class Apache:
    CONFIGURATION = """
        ServerRoot {folder}
        DefaultRuntimeDir {folder}
        PidFile {folder}/apache.pid
        ErrorLog {folder}/apache.log
        ServerName apache.example
        User nobody
        Group nogroup
        {modules}
        DocumentRoot {folder}/apache
        <Directory {folder}/apache>
            Require all granted
            Options +Includes
            SetOutputFilter INCLUDES
        </Directory>
        {sites}
    """
    MODULES = ("mpm_event", "authz_core", "dir", "include", "ssl")
    SITE = """
        Listen {addresses[0]}:443
        Listen [{addresses[1]}]:443
        <VirtualHost {addresses[0]}:443 [{addresses[1]}]:443>
            ServerName {name}
            SSLEngine on
            SSLCertificateFile {certificate.chain}
            SSLCertificateKeyFile {certificate.key}
            SSLCACertificateFile {clients.certificate}
            SSLOptions +StdEnvVars
            {directives}
        </VirtualHost>"""

    def __init__(self, lab, pki):
        self.lab = lab
        self.pki = pki
        self.sites = []
        self.endpoints = []

    def site(self, name, *directives, issuer="intermediate"):
        addresses = self.lab.add_host(name)
        self.endpoints.extend(map(endpoint, addresses))
        self.sites.append(self.SITE.format(
            name=name, addresses=addresses, certificate=self.pki.server(name, issuer=issuer),
            clients=self.pki.clients, directives="\n".join(directives)))

    def start(self):
        documents = self.lab.folder / "apache"
        documents.mkdir()
        for page in ("index.html", "private.html"):
            (documents / page).write_text(APACHE_SAW)
        path = self.lab.folder / "apache.conf"
        path.write_text(self.CONFIGURATION.format(
            folder=self.lab.folder, sites="\n".join(self.sites), modules="\n".join(
                f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in self.MODULES)))
        start(self.lab, "apache", self.endpoints, "apache2", "-DFOREGROUND", "-f", path)


def openssl_server(lab, name, certificate, *options):
    """openssl s_server: one process for each family."""
    for address in lab.add_host(name):
        start(lab, f"s_server-{name}", [endpoint(address)], "openssl", "s_server", "-www", "-accept", endpoint(address),
            "-cert", certificate.certificate, "-cert_chain", certificate.chain, "-key", certificate.key, *options)


def gnutls_server(lab, name, certificate, *options):
    """gnutls-serv listens to one port of all addresses: port 443 of its host's is mapped to that."""
    port = 4000 + len(lab.addresses)
    for command, address in zip(("iptables", "ip6tables"), lab.add_host(name)):
        lab.server.run(command, "-t", "nat", "-A", "PREROUTING", "-d", address, "-p", "tcp", "--dport", "443",
            "-j", "DNAT", "--to-destination", endpoint(address, port))
    start(lab, f"gnutls-serv-{name}", [f"0.0.0.0:{port}", f"[::]:{port}"], "gnutls-serv", "--http", "--port", port,
        "--x509certfile", certificate.chain, "--x509keyfile", certificate.key, *options)


def ocsp_responder(lab, port, pki, issuer, signer):
    """What openssl ca knows now of the issuer's certificates."""
    start(lab, f"ocsp-{port}", [f"*:{port}"], "openssl", "ocsp", "-index", pki.folder / "index", "-port", port,
        "-CA", issuer.certificate, "-rsigner", signer.certificate, "-rkey", signer.key, "-ndays", "1")


def peer(lab, name, talk, like=None, port=443):
    return Peer([lab.server.listen(address, port) for address in lab.add_host(name, like)], talk)


class Peer:
    """A server of a few lines: `talk(socket)` is called in a thread of its own for each connection."""

    def __init__(self, listeners, talk):
        self.talk = talk
        for listener in listeners:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener):
        while True:
            end, _ = listener.accept()
            threading.Thread(target=self._talk, args=(end,), daemon=True).start()

    def _talk(self, end):
        with end:
            end.settimeout(30)
            with contextlib.suppress(OSError):  # what the client saw is what the test looks at
                self.talk(end)


def tls_context(certificate, alpn=()):
    """For a peer that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def start(lab, log, endpoints, *command):
    """Starts a server and waits until it listens to all its endpoints; "*": at whatever address."""
    path = lab.folder / f"{log}.output"
    with path.open("ab") as output:
        process = lab.server.start(*command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def is_up():
        if process.poll() is not None:
            raise RuntimeError(f"{log} ended: {path.read_text()}")
        found = lab.server.listening()
        return found.union(f"*:{endpoint.rpartition(':')[2]}" for endpoint in found).issuperset(endpoints)

    wait_until(is_up, f"{log} listens")
