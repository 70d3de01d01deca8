#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Shows what curl sees through postern, of servers of every kind, and leaves the lab up to look around.

    demo.py            raise the lab (a former one goes first) and show the table; exit code 1 if a
                       row is not as it should be
    demo.py --shell R  a shell on the client, the appliance or the server
    demo.py --down     remove the lab
"""

import argparse
import os
import sys
import typing

import clients
import lab
import servers
from engine import CA, Engine
from pki import REAL_CA, Pki

NAME = "postern-demo"
ALICE = "Alice"

class Sight(typing.NamedTuple):
    """What one visit showed: the first and only one of that host, so nothing could be learned before."""
    curl: str
    issuer: str  # of the certificate that curl saw
    client: str  # whose certificate the server saw
    fate: str    # and reason, as the engine logged them


HEAD = ("host", "server", "curl", "issuer seen", "client seen", "fate: reason", "right at first")
LEARNED = Sight("HTTP 200", REAL_CA, ALICE, "learn: client_certificate_requested")
ROWS = [
    ("plain.example", "nginx", Sight("HTTP 200", CA, "-", "intercept: default")),
    ("card12.example", "Apache, requires a certificate, TLS 1.2", LEARNED),
    ("card13.example", "nginx, requires a certificate, TLS 1.3", LEARNED),
    ("optional.example", "nginx, asks for a certificate", LEARNED),
    ("expired.example", "nginx, its certificate expired", Sight("refused", "-", "-", "block: certificate_expired")),
    ("agency.gov", "nginx, a rule says pass", Sight("HTTP 200", REAL_CA, "-", "pass: rule")),
]


def start_servers(the_lab, pki):
    nginx, apache = servers.Nginx(the_lab, pki), servers.Apache(the_lab, pki)
    nginx.site("plain.example")
    apache.site("card12.example", "SSLVerifyClient require", "SSLProtocol -all +TLSv1.2")
    nginx.requiring("card13.example", "ssl_protocols TLSv1.3;")
    nginx.requiring("optional.example", verify="optional")
    nginx.site("expired.example", certificate=pki.server("expired.example", days=(-30, -1)))
    nginx.site("agency.gov")
    nginx.start()
    apache.start()


def visit(the_lab, engine, host, *options):
    reply = clients.curl(the_lab, f"https://{host}/", *options)
    line = engine.connection(reply.port)
    return Sight(
        f"HTTP {reply.status}" if reply.status else "refused",
        reply.issuer or "-",
        clients.common_name(reply.saw["client_dn"]) or "-" if reply.status == 200 else "-",
        f"{line['fate']}: {line['reason']}")


def show(the_lab):
    """Prints the table; whether all of it is as expected."""
    pki = Pki(the_lab.folder / "pki")
    start_servers(the_lab, pki)
    alice = pki.client(ALICE)
    the_lab.divert()
    engine = Engine(the_lab, pki, {"rules": [{"pass": ".gov"}, {"pass": ".mil"}]})
    engine.start()
    table, is_right = [HEAD], True
    for host, server, expected in ROWS:
        sight = visit(the_lab, engine, host, "--cert", alice.certificate, "--key", alice.key)
        table.append((host, server, *sight, "yes" if sight == expected else f"NO: {', '.join(expected)}"))
        is_right = is_right and sight == expected
    print_table(table)
    print(f"""
Each host was visited once: what is seen is what the first attempt brought. The lab stays up:

    ./dev shell client       curl https://plain.example/    curl $ALICE https://card13.example/
    ./dev shell appliance    iptables-save    tail -f {engine.log}
    ./dev shell server       ss -tn
    ./dev demo --down        removes it""")
    return is_right


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for i, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if i == 0:
            print("  ".join("-" * width for width in widths))


def shell(role):
    folder = lab.folder_of(NAME)
    if not folder.exists():
        sys.exit("demo: the lab is not up; raise it with: ./dev demo")
    os.environ.update(
        PS1=f"{role}# ", CURL_CA_BUNDLE=str(folder / "trusted.pem"),
        ALICE=f"--cert {folder}/pki/{ALICE}.crt --key {folder}/pki/{ALICE}.key")
    os.execvp("ip", ["ip", "netns", "exec", f"{NAME}-{role}", "bash", "--norc"])


def main():
    parser = argparse.ArgumentParser(description="Shows what curl sees through postern.")
    parser.add_argument("--down", action="store_true", help="remove the lab")
    parser.add_argument("--shell", choices=lab.ROLES, help="look around in it")
    options = parser.parse_args()
    lab.require_root()
    if options.shell:
        shell(options.shell)
    lab.remove(NAME)
    if options.down:
        return
    try:
        is_right = show(lab.Lab(NAME))
    except BaseException:
        lab.remove(NAME)
        raise
    sys.exit(0 if is_right else 1)


if __name__ == "__main__":
    main()
