# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the rules have in common: a lab whose engine is a stand-in, and what becomes of connections."""

import contextlib
import re
import socket
import threading
import unittest

from lab import RULES, Lab
from servers import Peer
from standin import Sets, StandIn, set_sequence

BACKENDS = ("nft", "legacy", "nftables")
FAMILIES = (4, 6)
PATIENCE = 0.3  # seconds until a connection that shall be dropped counts as dropped


def cells(*axes):
    """Every combination, as keywords for subTest: cells(("family", (4, 6)), ...)."""
    if not axes:
        yield {}
        return
    (name, values), *rest = axes
    for value in values:
        for cell in cells(*rest):
            yield {name: value, **cell}


class Talk:
    """A connection to a server that says whom it sees, then echoes."""

    def __init__(self, namespace, address, port=0, timeout=5):
        self.end = namespace.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            self.end.settimeout(timeout)
            self.end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.end.bind(("", port))
            set_sequence(self.end)
            self.end.connect((address, 443))
            self.seen = self._line()  # the client's address, as the server sees it
        except OSError:
            self.end.close()
            raise
        self.end.settimeout(10)

    def _line(self):
        line = b""
        while not line.endswith(b"\n"):
            data = self.end.recv(1)
            if not data:
                raise ConnectionResetError
            line += data
        return line.decode().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end.close()

    @property
    def port(self):
        return self.end.getsockname()[1]

    def echoes(self, size=100):
        """Whether that many bytes come back as they were sent."""
        data = bytes(i % 251 for i in range(size))
        sender = threading.Thread(target=self.end.sendall, args=(data,), daemon=True)
        sender.start()
        back = bytearray()
        while len(back) < size:
            piece = self.end.recv(65536)
            if not piece:
                return False
            back += piece
        sender.join()
        return back == data


def serve(end):
    end.sendall(end.getpeername()[0].encode() + b"\n")
    while data := end.recv(65536):
        end.sendall(data)


class FrontTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.remove)
        cls.appliance, cls.client, cls.server = cls.lab.appliance, cls.lab.client, cls.lab.server
        cls.hosts = dict(zip(FAMILIES, cls.lab.add_host("server.example")))
        cls.others = dict(zip(FAMILIES, cls.lab.add_host("other.example")))
        Peer([cls.server.listen(address) for address in (*cls.hosts.values(), *cls.others.values())], serve)
        cls.appliance.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    @classmethod
    def rules(cls, *arguments, check=True, **options):
        return cls.appliance.run(RULES, *arguments, check=check, **options)

    @contextlib.contextmanager
    def front(self, backend, *options, source="appliance", armed=True, verdict="intercept"):
        """The rules loaded, a stand-in, armed, the first host's verdict known: for a while. The sets."""
        self.rules("up", "--backend", backend, *options)
        self.standin = StandIn(self.appliance, source).start()
        sets = Sets(self.appliance, backend)
        if armed:
            sets.add("armed")
            for family in FAMILIES:
                sets.add(f"{verdict}{family}", self.hosts[family])
        try:
            yield sets
        finally:
            self.standin.stop()
            self.rules("down")

    def assert_fate(self, family, expected, **how):
        """What becomes of a new connection to the first host: intercepted, forwarded, dropped or refused."""
        self.assertEqual(self.fate(family, timeout=PATIENCE if expected == "dropped" else 5, **how), expected)

    def fate(self, family, address=None, namespace=None, port=0, timeout=5):
        before = len(self.standin.clients)
        try:
            with Talk(namespace or self.client, address or self.hosts[family], port, timeout) as talk:
                name = talk.end.getsockname()[:2]
                return "intercepted" if name in self.standin.clients[before:] else "forwarded"
        except TimeoutError:
            return "dropped"
        except ConnectionError:
            return "refused"

    def load(self, dump, *tools):
        """A stranger's rule set, by each tool."""
        for tool in tools:
            self.appliance.run(tool, "-w", "-n", input=dump)

    @contextlib.contextmanager
    def loaded(self, tool, rules, undo):
        """Rules of iptables' both families, for a while; a text for the -restore tools."""
        tools = [f"{name}-{tool}-restore" for name in ("iptables", "ip6tables")]
        self.load(rules, *tools)
        try:
            yield
        finally:
            self.load(undo, *tools)


class RulesTest(FrontTest):
    def setUp(self):
        self.addCleanup(self.rules, "down", check=False)

    def everything(self):
        """All that up may change. Empty tables of iptables-legacy cannot be taken away, and do not matter."""
        saved = "; ".join(f"{tool}-save 2>/dev/null | grep -E '^-A|^:[^ ]+ -' | sed 's/^/{tool} /'"
            for tool in ("iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"))
        sysctls = "net.ipv4.tcp_early_demux net.ipv4.icmp_ratemask net.ipv6.icmp.ratemask"
        lines = self.appliance.run("sh", "-c", f"""{saved}; nft -s list ruleset; ip -4 rule; ip -6 rule
            ip -4 route show table all; ip -6 route show table all; ip -o link; ip -o -4 address; ipset -o save list
            sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding {sysctls}
            sysctl net.ipv4.conf.all.send_redirects net.ipv4.conf.lan0.send_redirects""").stdout.splitlines()
        return [re.sub(r"timeout \d+|\[\d+:\d+\]|^\d+: postern0|packets \d+ bytes \d+|initval \w+", "", line) for line in lines]

    @contextlib.contextmanager
    def unchanged(self):
        before = self.everything()
        yield
        self.assertEqual(self.everything(), before)
