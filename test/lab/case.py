# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's tests have in common: one lab and one engine for each class of tests."""

import contextlib
import functools
import json
import os
import subprocess
import unittest

import clients
import lab
import servers
import wire
from engine import Engine, build
from pki import Pki

FAMILIES = (4, 6)


def each_family(test):
    """The test, with IPv4 and with IPv6."""
    @functools.wraps(test)
    def both(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                test(self, family)
    return both


def check_table(test, page, table, name="table"):
    """That the page has it between its marks. With POSTERN_WRITE in the environment it is put there."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, _, rest = page.read_text().partition(begin)
    found, _, after = rest.partition(end)
    if os.environ.get("POSTERN_WRITE"):
        page.write_text(before + begin + table + end + after)
    else:
        test.assertEqual(found, table)


class LabTest(unittest.TestCase):
    SETTINGS = {}  # of the engine, in place of engine.py's
    PREFIX = ()  # the command that starts it
    RULES = ()  # options of postern-rules

    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.remove)
        cls.pki = Pki(cls.lab.folder / "pki")
        cls.nginx = servers.Nginx(cls.lab, cls.pki)
        cls.apache = servers.Apache(cls.lab, cls.pki)
        cls.make_servers()
        for server in (cls.nginx, cls.apache):
            if server.sites:
                server.start()
        cls.lab.divert(*cls.RULES)
        cls.engine = Engine(cls.lab, cls.pki, cls.SETTINGS)
        cls.engine.start(*cls.PREFIX)

    @classmethod
    def tearDownClass(cls):
        cls.engine.stop()

    @classmethod
    def make_servers(cls):
        """Hosts of cls.nginx and cls.apache, and other servers."""

    def setUp(self):
        self.engine.forget()

    @contextlib.contextmanager
    def configured(self, changes):
        """The engine with other settings, for a while."""
        self.engine.reload(changes)
        try:
            yield
        finally:
            self.engine.reload()

    def postern(self, *arguments, code=0):
        done = subprocess.run([build() / "engine/cli/postern", *map(str, arguments), "--config",
            self.engine.configuration], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def entry(self, host):
        """What is learned of it, as the store has it; None: it has none."""
        entries = [json.loads(line) for line in self.postern("learned", "list", "--json").splitlines()]
        return next((entry for entry in entries if entry["host"] == host), None)

    def address(self, host, family=4):
        return self.lab.addresses[host][FAMILIES.index(family)]

    def connect(self, host, family=4):
        """(socket, its port)"""
        end = self.lab.client.connect(self.address(host, family))
        self.addCleanup(end.close)
        return end, end.getsockname()[1]

    def shake_hands(self, host, family=4):
        """A client whose handshake is done, and which believes any certificate: (TlsEnd, port)."""
        end, port = self.connect(host, family)
        return wire.TlsEnd(end, wire.any_context(), server_hostname=host), port

    def curl(self, host, *options, path="/", **how):
        """(reply, log line)"""
        reply = clients.curl(self.lab, f"https://{host}{path}", *options, **how)
        return reply, self.engine.connection(reply.port)

    def assert_line(self, port, fate, reason, end=None):
        """Of the connection that the client made from that port."""
        line = self.engine.connection(port)
        self.assert_fate(line, fate, reason, end)
        return line

    def assert_fate(self, line, fate, reason, end=None):
        self.assertEqual((line["fate"], line["reason"]), (fate, reason), line)
        if end:
            self.assertEqual(line["end"], end, line)
