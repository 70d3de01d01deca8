#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The benchmark's client: a fixed number of TLS connections, one after the other in each of its processes.

It believes any certificate, for its own work is not measured, but looks at what it got: each connection
must have the issuer, the TLS version and the cipher that were asked for, on both legs, and be resumed on
none. With --resume each process begins with a full handshake and offers what it was given from then on;
how often that was taken is counted, for some engines never take it.

Each process prints what it saw, a line of JSON; it complains on standard error and exits with 1 otherwise.
"""

import argparse
import json
import os
import pathlib
import re
import socket
import ssl
import sys
import time

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
PIECE = 1 << 18


class Unexpected(Exception):
    """Something else would be measured than what was asked for."""


def context_of(version, bits):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    # For TLS 1.2 only: OPENSSL_CONF says it for TLS 1.3.
    context.set_ciphers(f"ECDHE+AES{bits}+AESGCM")
    return context


class Visitor:
    def __init__(self, options):
        self.options = options
        self.address = (options.address or socket.gethostbyname(options.host), options.port)
        self.context = context_of(options.version, options.bits)
        self.piece = bytearray(PIECE)
        self.session = None
        self.legs = set()
        self.resumed = {"client": 0, "server": 0}
        self.seconds = []  # from connect() to the head of the answer

    def connect(self, host):
        """A connection whose handshake is done and whose issuer is the right one."""
        end = socket.create_connection(self.address, timeout=60)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = self.context.wrap_socket(end, server_hostname=host, session=self.session)
        if self.options.issuer.encode() not in tls.getpeercert(binary_form=True):
            raise Unexpected(f"the certificate is not from {self.options.issuer}")
        return tls

    def visit(self, host):
        began = time.perf_counter()
        with self.connect(host) as tls:
            tls.sendall(f"GET {self.options.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            head, body = self.receive_head(tls)
            self.seconds.append(time.perf_counter() - began)
            while got := tls.recv_into(self.piece):
                body += got
            self.look(tls, head)
            if self.options.resume:
                self.session = tls.session
        if body < self.options.at_least:
            raise Unexpected(f"only {body} bytes of {self.options.at_least}")

    @staticmethod
    def receive_head(tls):
        """(head, length of what came of the body)"""
        first = b""
        while b"\r\n\r\n" not in first:
            piece = tls.recv(PIECE)
            if not piece:
                raise Unexpected("no answer")
            first += piece
        head, _, body = first.partition(b"\r\n\r\n")
        return head.decode("latin-1"), len(body)

    def look(self, tls, head):
        """The server tells its own leg."""
        told = re.search(r"^Leg: (\S+) (\S+) (\S+) (\S+)$", head.replace("\r", ""), re.MULTILINE)
        if not told:
            raise Unexpected(f"the server answered: {head.splitlines()[0]}")
        version, cipher, group, resumed = told.groups()
        if {version, tls.version()} != {self.options.version}:
            raise Unexpected(f"client leg {tls.version()}, server leg {version}")
        wanted = f"AES{self.options.bits}GCM"
        if not all(wanted in re.sub("[-_]", "", name) for name in (cipher, tls.cipher()[0])):
            raise Unexpected(f"client leg {tls.cipher()[0]}, server leg {cipher}")
        self.legs.add(f"client {tls.version()} {tls.cipher()[0]}")
        self.legs.add(f"server {version} {cipher}" + (f" {group}" if group != "-" else ""))
        self.resumed["client"] += tls.session_reused
        self.resumed["server"] += resumed != "."
        if not self.options.resume and (tls.session_reused or resumed != "."):
            raise Unexpected("a session was resumed")

    def told(self):
        return {"connections": len(self.seconds), "legs": sorted(self.legs), "resumed": self.resumed,
            "seconds": [round(seconds, 6) for seconds in self.seconds]}


def share(visitor, hosts):
    for host in hosts:
        visitor.visit(host)
    sys.stdout.write(json.dumps(visitor.told()) + "\n")
    sys.stdout.flush()


def hold(visitor, hosts):
    """Idle connections, until standard input ends."""
    held = [visitor.connect(host) for host in hosts]
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


def in_processes(visitor, hosts, processes):
    """Whether all of them went well. They print one after the other: a line is longer than a pipe's page."""
    children = []
    for number in range(processes):
        inlet, outlet = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(inlet)
            sys.stdout = os.fdopen(outlet, "w")
            code = guarded(share, visitor, hosts[number::processes])
            sys.stderr.flush()
            os._exit(code)
        os.close(outlet)
        children.append((child, inlet))
    for _, inlet in children:
        with os.fdopen(inlet) as told:
            print(told.read(), end="")
    return not any([os.waitpid(child, 0)[1] for child, _ in children])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("host")
    parser.add_argument("--address", help="of the host, if it is not to be looked up")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--names", type=pathlib.Path, help="a name a line, of hosts to visit at that address instead")
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--version", choices=VERSIONS, required=True)
    parser.add_argument("--bits", type=int, choices=(128, 256), default=128, help="of AES")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--path", default="/")
    parser.add_argument("--at-least", type=int, default=1, help="bytes of each answer's body")
    parser.add_argument("--resume", action="store_true", help="offer the session of the connection before")
    parser.add_argument("--hold", action="store_true", help="keep the connections, idle, until stdin ends")
    options = parser.parse_args()
    visitor = Visitor(options)
    hosts = options.names.read_text().split() if options.names else [options.host] * options.count
    if options.hold:
        sys.exit(guarded(hold, visitor, hosts))
    sys.exit(0 if in_processes(visitor, hosts, options.processes) else 1)


if __name__ == "__main__":
    main()
