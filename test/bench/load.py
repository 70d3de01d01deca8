#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The benchmark's client: a fixed number of TLS connections, one after the other in each of its processes.

It believes any certificate, for its own work is not measured, but looks at what it got: each connection
must have the issuer, the TLS version and the cipher that were asked for, on both legs, resumed on none.
Prints the legs that it saw, one a line; complains on standard error and exits with 1 otherwise.
"""

import argparse
import os
import re
import socket
import ssl
import sys

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
PIECE = 1 << 18


class Unexpected(Exception):
    """Something else would be measured than what was asked for."""


def context_of(version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


class Visitor:
    def __init__(self, options):
        self.options = options
        self.address = (socket.gethostbyname(options.host), 443)
        self.context = context_of(options.version)
        self.request = f"GET {options.path} HTTP/1.1\r\nHost: {options.host}\r\nConnection: close\r\n\r\n".encode()
        self.piece = bytearray(PIECE)
        self.legs = set()

    def connect(self):
        """A connection whose handshake is done and whose issuer is the right one."""
        end = socket.create_connection(self.address, timeout=60)
        tls = self.context.wrap_socket(end, server_hostname=self.options.host)
        if self.options.issuer.encode() not in tls.getpeercert(binary_form=True):
            raise Unexpected(f"the certificate is not from {self.options.issuer}")
        return tls

    def visit(self):
        with self.connect() as tls:
            tls.sendall(self.request)
            head, body = self.receive(tls)
            self.look(tls, head)
        if body < self.options.at_least:
            raise Unexpected(f"only {body} bytes of {self.options.at_least}")

    def receive(self, tls):
        """(head, length of the body)"""
        first = b""
        while b"\r\n\r\n" not in first:
            piece = tls.recv(PIECE)
            if not piece:
                raise Unexpected("no answer")
            first += piece
        head, _, body = first.partition(b"\r\n\r\n")
        length = len(body)
        while got := tls.recv_into(self.piece):
            length += got
        return head.decode("latin-1"), length

    def look(self, tls, head):
        """The server tells its own leg."""
        told = re.search(r"^Leg: (\S+) (\S+) (\S+) (\S+)$", head.replace("\r", ""), re.MULTILINE)
        if not told:
            raise Unexpected(f"the server answered: {head.splitlines()[0]}")
        version, cipher, group, resumed = told.groups()
        self.legs.add(f"server {version} {cipher} {group}")
        self.legs.add(f"client {tls.version()} {tls.cipher()[0]}")
        if resumed != "." or tls.session_reused:
            raise Unexpected("a session was resumed")
        if {version, tls.version()} != {self.options.version}:
            raise Unexpected(f"client leg {tls.version()}, server leg {version}")
        if not all(re.search("AES_?256_GCM", name.replace("-", "_")) for name in (cipher, tls.cipher()[0])):
            raise Unexpected(f"client leg {tls.cipher()[0]}, server leg {cipher}")


def share(visitor, count):
    for _ in range(count):
        visitor.visit()
    os.write(1, "".join(f"{leg}\n" for leg in visitor.legs).encode())  # at once: others write there too


def hold(visitor, count):
    """Idle connections, until standard input ends."""
    held = [visitor.connect() for _ in range(count)]
    print("held", flush=True)
    sys.stdin.read()
    for tls in held:
        tls.close()


def guarded(job, *arguments):
    """Exit code of the job."""
    try:
        job(*arguments)
    except (Unexpected, OSError) as error:  # ssl.SSLError is an OSError
        print(error, file=sys.stderr)
        return 1
    return 0


def in_processes(visitor, options):
    """Whether all of them went well."""
    children = []
    for number in range(options.processes):
        count = options.count // options.processes + (number < options.count % options.processes)
        child = os.fork()
        if child == 0:
            code = guarded(share, visitor, count)
            sys.stderr.flush()
            os._exit(code)
        children.append(child)
    return not any([os.waitpid(child, 0)[1] for child in children])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("host")
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--version", choices=VERSIONS, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--path", default="/")
    parser.add_argument("--at-least", type=int, default=1, help="bytes of each answer's body")
    parser.add_argument("--hold", action="store_true", help="keep the connections, idle, until stdin ends")
    options = parser.parse_args()
    visitor = Visitor(options)
    if options.hold:
        sys.exit(guarded(hold, visitor, options.count))
    sys.exit(0 if in_processes(visitor, options) else 1)


if __name__ == "__main__":
    main()
