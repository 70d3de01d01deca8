# SPDX-License-Identifier: GPL-3.0-or-later
"""
The front door where everything is nftables' own: the gate asked by `queue`, connections brought back
through postern0 after the operator's FORWARD rules, and what is passed offloaded to a flowtable.
"""

import contextlib
import os
import re
import signal
import unittest

import servers
import test_gate
from case import FAMILIES, each_family
from engine import CA
from http3 import ANSWERED, RECORDED_HOST, REFUSED, Flow, recorded, serve_echo
from lab import RULES, wait_until

BULK = 2 << 20  # bytes
SHORT = 0.1  # the part of a bulk's packets that may go the long way


def give(end):
    """A server that sends as many bytes as it is asked for, again and again."""
    end.settimeout(None)  # between two questions rules may be loaded, which takes its time in there
    asked = b""
    while data := end.recv(100):
        asked += data
        while b"\n" in asked:
            number, asked = asked.split(b"\n", 1)
            end.sendall(bytes(int(number)))


def receive(end, size):
    """Whether so many bytes come when they are asked for."""
    end.sendall(b"%d\n" % size)
    while size > 0:
        data = end.recv(1 << 16)
        if not data:
            return False
        size -= len(data)
    return True


class Native(test_gate.Gate):
    """All that the gate's tests say, and what becomes of the rest."""
    RULES = ("--backend", "nftables")

    @classmethod
    def make_servers(cls):
        super().make_servers()
        servers.peer(cls.lab, "bulk.example", give)
        serve_echo(cls.lab, RECORDED_HOST)

    def known(self, name):
        return self.lab.appliance.run("nft", "list", "set", "inet", "postern", name).stdout

    def test_rules_are_native(self):
        loaded = self.lab.appliance.run("nft", "list", "ruleset").stdout
        for queue in ("4430", "4431"):
            self.assertRegex(loaded, rf"queue (flags bypass )?to {queue}")
        self.assertNotIn("POSTERN_", loaded)
        checked = self.check()
        self.assertRegex(checked, r"ok +queue +nftables' queue")
        self.assertNotRegex(checked, r"(?m)^(FAIL|warn)")

    def check(self):
        return self.lab.appliance.run(RULES, "check", check=False).stdout

    def test_status(self):
        self.assertTrue(self.engine.status()["nftables"])
        self.lab.appliance.run(RULES, "down")
        try:
            self.engine.await_door("closed")
        finally:
            self.lab.divert(*self.RULES)
            self.engine.await_door("armed")

    @each_family
    def test_learned(self, family):
        self.engine.reload()
        fates = []
        for _ in range(3):
            tls, port = self.shake_hands("asks.example", family)
            self.assertNotIn(CA, tls.tls.getpeercert(binary_form=True).decode("latin-1"))
            tls.end.close()
            fates.append(self.engine.connection(port)["fate"])
        self.assertEqual(fates[-1], "pass", fates)

    @each_family
    def test_source_is_the_client(self, family):
        with self.configured({"source": "client"}):
            for _ in range(2):
                self.assert_intercepted("plain.example", family)

    def test_on_failure(self):
        """The engine stopped: forwarded or dropped, by the owner's choice."""
        for mode in ("open", "closed"):
            with self.configured({"on_failure": mode}):
                self.engine.configure({"on_failure": mode})
                self.engine.stop()
                try:
                    for family in FAMILIES:
                        with self.subTest(mode=mode, family=family):
                            self.check_unjudged(mode, family)
                finally:
                    self.engine.start()
            for family in FAMILIES:
                self.assert_intercepted("plain.example", family)

    def check_unjudged(self, mode, family):
        if mode == "open":
            self.assert_passed_by_kernel("plain.example", family)
        else:
            with self.assertRaises(TimeoutError):
                self.lab.client.connect(self.address("plain.example", family), timeout=3)

    @each_family
    def test_quic(self, family):
        hello = recorded("chromium")
        for changes, expected in (({"quic": "reject"}, REFUSED), ({"quic": "allow"}, ANSWERED),
                ({"quic": "by-host"}, REFUSED), ({"quic": "by-host", "rules": [{"pass": RECORDED_HOST}]}, ANSWERED)):
            with self.subTest(changes=changes, family=family), self.configured(changes):
                flow = Flow(self.lab, self.address(RECORDED_HOST, family))
                self.addCleanup(flow.end.close)
                self.assertEqual(flow.send(*hello, seconds=5)[0], expected)

    # --- the flowtable

    @contextlib.contextmanager
    def forwarded(self):
        """Counts the packets that come by in FORWARD: a function that says how many."""
        run = self.lab.appliance.run
        run("nft", "-f", "-", input="""table inet watch {
            counter seen { }
            chain forward { type filter hook forward priority filter; tcp sport 443 counter name seen; }
        }""")
        try:
            yield lambda: int(re.search(r"packets (\d+)", run("nft", "list", "counter", "inet", "watch", "seen").stdout)[1])
        finally:
            run("nft", "delete", "table", "inet", "watch")

    def entry(self, end, family):
        return self.lab.appliance.run("conntrack", "-L", "-f", f"ipv{family}", "-p", "tcp", "--orig-port-src",
            end.getsockname()[1]).stdout

    def check_offload(self, family):
        with self.forwarded() as count:
            end, _ = self.connect("bulk.example", family)
            end.settimeout(60)
            self.assertTrue(receive(end, BULK))
            entry = self.entry(end, family)
            self.assertIn("[OFFLOAD]", entry)
            self.assertIn("mark=32", entry)
            packets = count()
            self.assertLess(packets, SHORT * BULK / 1448)
            yield
            self.assertTrue(receive(end, BULK))
            self.assertIn("[OFFLOAD]", self.entry(end, family))
            self.assertLess(count(), packets + SHORT * BULK / 1448)
            end.close()

    def passing(self, *hosts):
        return self.configured({"rules": [{"pass": {"server": [a for host in hosts for a in self.lab.addresses[host]]}}]})

    @each_family
    def test_offload(self, family):
        """What is passed takes the short way, and goes on when all of posternd is killed."""
        with self.passing("bulk.example"):
            steps = self.check_offload(family)
            next(steps)
            for pid in self.engine.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.engine.process.wait()
            try:
                self.assertRaises(StopIteration, next, steps)
            finally:
                self.engine.start()

    def test_offload_is_optional(self):
        """It comes and goes beside connections that have it; iptables' rules can have it too."""
        self.assertRegex(self.check(), r"ok +offload +what is passed takes the flowtable")
        with self.passing("bulk.example"), self.connected("bulk.example") as end:
            self.assertTrue(receive(end, BULK))
            self.lab.appliance.run(RULES, "up", *self.RULES, "--no-offload")
            self.assertNotIn("postern_offload", self.lab.appliance.run("nft", "list", "tables").stdout)
            self.assertRegex(self.check(), r"ok +offload +not wanted")
            self.assertTrue(receive(end, BULK))
            with self.connected("bulk.example") as other:
                self.assertTrue(receive(other, BULK))
                self.assertNotIn("OFFLOAD", self.entry(other, 4))
            self.lab.appliance.run(RULES, "up", "--backend", "nft")
            self.engine.await_door("armed")
            self.assertRaises(StopIteration, lambda: [next(steps) for steps in [self.check_offload(4)] * 2])
        self.lab.appliance.run(RULES, "down")
        self.assertNotIn("postern", self.lab.appliance.run("nft", "list", "tables").stdout)
        self.lab.divert(*self.RULES)
        wait_until(lambda: self.engine.status()["door"] == "armed", "the door armed")

    @contextlib.contextmanager
    def connected(self, host):
        end, _ = self.connect(host)
        end.settimeout(60)
        with end:
            yield end


if __name__ == "__main__":
    unittest.main()
