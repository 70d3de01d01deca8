# SPDX-License-Identifier: GPL-3.0-or-later
"""
What users of real servers see, attempt by attempt, and what is learned: doc/client-certificates.md has
it as a table. The table is made of what this test sees and of nothing else; the test compares the page
with it. With POSTERN_WRITE in the environment the page is written instead.
"""

import collections
import re
import unittest

import clients
import servers
from case import FAMILIES, check_table
from lab import REPOSITORY
from learned import LearnedTest

PAGE = REPOSITORY / "doc" / "client-certificates.md"
HEAD = ("Server", "TLS", "What it does", "The client has", "First attempt", "Second", "Third", "Learned")
ATTEMPTS = 3
WORDS = {"Empty reply from server": "closed without an answer"}
NAMES = {"apache": "Apache", "nginx": "nginx", "openssl": "openssl s_server", "gnutls": "gnutls-serv"}
REQUIRES, OPTIONAL, NOTHING = "requires", "optional", "nothing"
DOES = {
    REQUIRES: "requires a certificate in the handshake",
    OPTIONAL: "asks in the handshake, and serves without",
    NOTHING: "asks nothing",
    "get": "asks late, of a GET",
    "post": "asks late, of a POST",
}
LATE = {"get": (), "post": ("--data", "a=b")}
LOCATION = "<Location /private.html>\nSSLVerifyClient require\n</Location>"
# Each server's words for it.
APACHE = {REQUIRES: "SSLVerifyClient require", OPTIONAL: "SSLVerifyClient optional", NOTHING: "SSLVerifyClient none",
    "get": LOCATION, "post": LOCATION}
NGINX = {REQUIRES: "on", OPTIONAL: "optional", NOTHING: "off"}
OPENSSL = {REQUIRES: ("-Verify", "1"), OPTIONAL: ("-verify", "1"), NOTHING: ()}
GNUTLS = {REQUIRES: ("--require-client-cert",), OPTIONAL: (), NOTHING: ("--disable-client-cert",)}

Case = collections.namedtuple("Case", "server version does has_certificate")
Attempt = collections.namedtuple("Attempt", "status is_seen error fates")


def all_cases():
    for server in NAMES:
        for version in ("1.2", "1.3"):
            for does in (REQUIRES, OPTIONAL):
                yield Case(server, version, does, True)
                yield Case(server, version, does, False)
            yield Case(server, version, NOTHING, True)
            if server == "apache":
                yield Case(server, version, "get", True)
                yield Case(server, version, "post", True)


def host_of(case):
    own = "own" if case.has_certificate else "none"
    return f"{case.does}-{own}-{case.version.replace('.', '')}.{case.server}.example"


def said(attempt):
    """One cell."""
    if attempt.status:
        what = f"{attempt.status}, certificate seen" if attempt.is_seen else f"{attempt.status}"
    elif re.search(r"alert [a-z ]+|reset by peer", attempt.error):
        # gnutls-serv closes with the request unread, so that a reset may overtake its alert.
        what = "refused by the server"
    else:
        what = WORDS.get(attempt.error, attempt.error)
    return f"{what} ({', then '.join(attempt.fates)})"


class Matrix(LearnedTest):
    SETTINGS = {"learn": {"per_client": 0}, "timeouts": {"refuse": "300ms"}}
    maxDiff = None

    @classmethod
    def make_servers(cls):
        super().make_servers()
        for case in all_cases():
            getattr(cls, f"make_{case.server}")(host_of(case), case)

    @classmethod
    def make_apache(cls, host, case):
        cls.apache.site(host, APACHE[case.does], f"SSLProtocol -all +TLSv{case.version}")

    @classmethod
    def make_nginx(cls, host, case):
        cls.nginx.requiring(host, f"ssl_protocols TLSv{case.version};", verify=NGINX[case.does])

    @classmethod
    def make_openssl(cls, host, case):
        servers.openssl_server(cls.lab, host, cls.pki.server(host), f"-tls{case.version.replace('.', '_')}",
            "-CAfile", cls.pki.clients.certificate, *OPENSSL[case.does])

    @classmethod
    def make_gnutls(cls, host, case):
        servers.gnutls_server(cls.lab, host, cls.pki.server(host), "--x509cafile", cls.pki.clients.certificate,
            "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{case.version}", *GNUTLS[case.does])

    def attempt(self, case, family):
        """As a user makes it: what he is sent on to belongs to it."""
        host = host_of(case)
        late = case.does in LATE
        reply = clients.curl(self.lab, f"https://{host}/{'private.html' if late else ''}", "--http1.1", "--location",
            "--local-port", "32768-60999", *(self.own if case.has_certificate else ()), *LATE.get(case.does, ()),
            family=family)
        lines = [self.engine.connection(host=host)]
        while "redirected" in lines[-1].get("detail", ""):
            lines.append(self.engine.connection(host=host))
        return Attempt(reply.status, "Alice" in reply.body, reply.error, tuple(line["fate"] for line in lines))

    def learned(self, host, family):
        return self.entry(host, family)["class"]

    def run_all(self, family):
        """{case: its attempts}"""
        return {case: [self.attempt(case, family) for _ in range(ATTEMPTS)] for case in all_cases()}

    def test_matrix(self):
        results = {family: self.run_all(family) for family in FAMILIES}
        for family, result in results.items():
            for case, attempts in result.items():
                with self.subTest(case=case, family=family):
                    self.assert_works(case, attempts)
        self.settle()
        tables = ["\n".join(self.rows(result, family)) for family, result in results.items()]
        self.assertEqual(tables[0], tables[1])  # IPv4 and IPv6
        check_table(self, PAGE, tables[0])

    def assert_works(self, case, attempts):
        """Whoever is asked in the handshake and has a certificate need not try again."""
        if not case.has_certificate or case.does not in (REQUIRES, OPTIONAL):
            return
        for attempt in attempts:
            self.assertEqual((attempt.status, attempt.is_seen), (200, True), attempt)
        self.assertEqual([attempt.fates for attempt in attempts], [("learn",), ("pass",), ("pass",)])

    def rows(self, result, family):
        for row in (HEAD, ["---"] * len(HEAD)):
            yield f"| {' | '.join(row)} |"
        for case, attempts in result.items():
            row = (NAMES[case.server], case.version, DOES[case.does],
                "a certificate" if case.has_certificate else "none", *map(said, attempts),
                self.learned(host_of(case), family))
            yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    unittest.main()
