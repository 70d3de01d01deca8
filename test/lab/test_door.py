# SPDX-License-Identifier: GPL-3.0-or-later
"""
What becomes of connections when a part fails: each fault, in both modes, with every back end of the
rules. FAULTS is what must be; doc/faults.md prints it as a table, and is compared with it. With
POSTERN_WRITE in the environment the table is written instead.
"""

import collections
import contextlib
import errno
import os
import selectors
import signal
import socket
import ssl
import threading
import time
import unittest

import servers
import wire
from case import FAMILIES, LabTest, check_table
from engine import CA
from lab import REPOSITORY

PAGE = REPOSITORY / "doc" / "faults.md"
MODES = ("open", "closed")
PATIENCE = 1.2  # seconds that a new connection is given
DESCRIPTORS = 250  # of the engine
LIMIT = 6  # seconds until what is expected of new connections must hold

# What becomes of a connection. New ones first:
INTERCEPTED, FORWARDED, DROPPED, ALERT = "intercepted", "forwarded untouched", "dropped", "refused by an alert"
# and those that were there:
GOES_ON, ENDS, WAITS = "goes on", "ends", "waits, then goes on"

Row = collections.namedtuple("Row", "fault open closed kernel passed intercepted")
FAULTS = {
    "engine_killed": Row("the engine is killed (it starts again at once)",
        INTERCEPTED, INTERCEPTED, GOES_ON, ENDS, ENDS),
    "engine_hangs": Row("the engine hangs", FORWARDED, DROPPED, GOES_ON, WAITS, WAITS),
    "all_killed": Row("all of posternd is killed", FORWARDED, DROPPED, GOES_ON, ENDS, ENDS),
    "gate_killed": Row("the gate is killed (it starts again at once)",
        INTERCEPTED, INTERCEPTED, GOES_ON, GOES_ON, GOES_ON),
    "gate_hangs": Row("the gate hangs", FORWARDED, DROPPED, GOES_ON, GOES_ON, GOES_ON),
    "no_descriptors": Row("the engine is out of descriptors", FORWARDED, DROPPED, GOES_ON, GOES_ON, GOES_ON),
    "certgen_hangs": Row("certgen hangs, and there is no forged certificate for the host yet", FORWARDED, ALERT, GOES_ON, GOES_ON, GOES_ON),
    "stopped": Row("posternd is stopped", FORWARDED, DROPPED, GOES_ON, ENDS, ENDS),
}
HEAD = Row("Fault", "new, `on_failure: open`", "new, `on_failure: closed`", "passed by the kernel",
    "passed by the engine", "intercepted")


def echo(end, context):
    """A server that says back what it hears."""
    tls = wire.TlsEnd(end, context, server_side=True)
    while data := tls.receive():
        tls.send(data)


class DoorTest(LabTest):
    RULES = ("--backend", "nft")
    SETTINGS = {"rules": [{"pass": "passed.example"}], "timeouts": {"forge": "800ms", "silent": "1m", "hello": "1m"}}
    PREFIX = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")

    @classmethod
    def make_servers(cls):
        for host in ("plain.example", "kernel.example", "passed.example", *(f"new.{mode}.example" for mode in MODES)):
            context = servers.tls_context(cls.pki.server(host))
            servers.peer(cls.lab, host, lambda end, context=context: echo(end, context))

    def settings(self, mode):
        kernel = [{"pass": {"server": list(self.lab.addresses["kernel.example"])}}]
        return {"on_failure": mode, "rules": self.SETTINGS["rules"] + kernel}

    def let_pass_in_kernel(self):
        """Where the kernel cannot queue from nftables, addresses that are to pass come into the set by hand."""
        if "nftables" in self.RULES:
            for family, address in zip(FAMILIES, self.lab.addresses["kernel.example"]):
                self.lab.appliance.run("nft", f"add element inet postern pass{family} {{ {address} timeout 1h }}")

    def attempt(self, host, family):
        """What a new connection becomes."""
        context = wire.any_context()
        try:
            end = self.lab.client.connect(self.address(host, family), timeout=PATIENCE)
        except TimeoutError:
            return DROPPED
        except OSError as error:
            return f"refused: {error}"
        with end:
            try:
                tls = wire.TlsEnd(end, context, server_hostname=host)
            except TimeoutError:
                return "accepted, then nothing"
            except ssl.SSLError as error:
                return ALERT if "ALERT" in str(error) else f"broken: {error}"
            except OSError as error:
                return f"broken: {error}"
            issuer = self.issuer(tls)
        return INTERCEPTED if CA in issuer else FORWARDED

    @staticmethod
    def issuer(tls):
        der = tls.tls.getpeercert(binary_form=True)
        return der.decode("latin-1")

    def await_fate(self, host, family, expected, never):
        """New connections, until one has the expected fate; none may ever have one of `never`."""
        deadline = time.monotonic() + LIMIT
        seen = []
        while True:
            seen.append(self.attempt(host, family))
            self.assertFalse(set(never) & set(seen), seen)
            if seen[-1] == expected:
                return
            self.assertLess(time.monotonic(), deadline, f"not {expected}: {seen}")

    def establish(self, family):
        """One connection of each kind, which work: (kind: TlsEnd)."""
        ends = {}
        for kind, host in (("kernel", "kernel.example"), ("passed", "passed.example"), ("intercepted", "plain.example")):
            ends[kind], _ = self.shake_hands(host, family)
            self.assertEqual(CA in self.issuer(ends[kind]), kind == "intercepted")
            self.assertEqual(self.ask(ends[kind]), GOES_ON)
        return ends

    @staticmethod
    def ask(end, patience=PATIENCE):
        end.end.settimeout(patience)
        try:
            end.send(b"still there?")
            return GOES_ON if end.receive() == b"still there?" else ENDS
        except TimeoutError:
            return WAITS
        except (OSError, ssl.SSLError, ConnectionError):
            return ENDS

    @contextlib.contextmanager
    def engine_killed(self):
        os.kill(self.engine.status()["pids"]["engine"], signal.SIGKILL)
        yield

    @contextlib.contextmanager
    def gate_killed(self):
        os.kill(self.engine.status()["pids"]["gate"], signal.SIGKILL)
        yield

    @contextlib.contextmanager
    def paused(self, pid):
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def engine_hangs(self):
        return self.paused(self.engine.status()["pids"]["engine"])

    def gate_hangs(self):
        return self.paused(self.engine.status()["pids"]["gate"])

    def certgen_hangs(self):
        return self.paused(self.engine.status()["pids"]["certgen"])

    @contextlib.contextmanager
    def no_descriptors(self):
        """Clients that say nothing take them all."""
        with contextlib.ExitStack() as ends:
            for _ in range(DESCRIPTORS):
                end = ends.enter_context(self.lab.client.socket(socket.AF_INET))
                end.setblocking(False)
                end.connect_ex((self.address("plain.example"), 443))
            yield

    @contextlib.contextmanager
    def all_killed(self):
        for pid in self.engine.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.engine.process.wait()
        try:
            yield
        finally:
            self.engine.start(*self.PREFIX)

    @contextlib.contextmanager
    def stopped(self):
        self.engine.stop()
        try:
            yield
        finally:
            self.engine.start(*self.PREFIX)

    def check(self, fault, mode, family):
        row = FAULTS[fault]
        expected = getattr(row, mode)
        never = {"open": [DROPPED] if expected == INTERCEPTED else [], "closed": [FORWARDED]}[mode]
        host = f"new.{mode}.example" if fault == "certgen_hangs" else "plain.example"
        self.let_pass_in_kernel()
        ends = self.establish(family)
        with getattr(self, fault)():
            self.await_fate(host, family, expected, never)
            found = {kind: self.ask(end) for kind, end in ends.items()}
        for kind, end in ends.items():
            if found[kind] == WAITS and self.ask_again(end) != GOES_ON:
                found[kind] = "waits for ever"
        wanted = {kind: getattr(row, kind) for kind in ends}
        self.assertEqual(found, wanted)
        self.await_fate("plain.example", family, INTERCEPTED, [FORWARDED] if mode == "closed" else [])
        for end in ends.values():
            end.end.close()

    def ask_again(self, end):
        """It was asked already, and has not answered."""
        end.end.settimeout(10)
        try:
            return GOES_ON if end.receive() == b"still there?" else ENDS
        except OSError:
            return ENDS

    def check_mode(self, mode):
        self.engine.configure(self.settings(mode))  # for restarts
        self.engine.reload(self.settings(mode))
        self.engine.await_door("armed")
        for number, fault in enumerate(FAULTS):
            family = FAMILIES[number % 2 if mode == "open" else (number + 1) % 2]
            with self.subTest(rules=self.RULES, mode=mode, fault=fault, family=family):
                self.check(fault, mode, family)
                self.engine.await_door("armed")


class Cases:
    """The same for each back end."""

    def test_faults_open(self):
        self.check_mode("open")

    def test_faults_closed(self):
        self.check_mode("closed")


class Nft(Cases, DoorTest):
    """iptables-nft. The other back ends are test_door_backends.py's."""

    @contextlib.contextmanager
    def load(self, seen):
        """New connections all the while, which are counted by what became of them."""
        is_over = threading.Event()

        def connect(family):
            while not is_over.is_set():
                seen[self.attempt("plain.example", family)] += 1

        threads = [threading.Thread(target=connect, args=(family,), daemon=True) for family in FAMILIES * 2]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            for thread in threads:
                thread.join()

    def test_reload_under_load(self):
        """No connection is refused, dropped or let by."""
        seen = collections.Counter()
        deadline = time.monotonic() + 20
        with self.load(seen):
            while sum(seen.values()) < 50 and time.monotonic() < deadline:
                self.engine.reload(self.settings("closed"))
        self.assertEqual(set(seen), {INTERCEPTED}, seen)
        self.assertGreaterEqual(seen[INTERCEPTED], 50)

    def test_faults_under_load(self):
        """
        Killed, and stopped and started again. What the engine had in its hands breaks, one connection of each
        thread at most; of the others none is refused, and none slips by or is dropped against the mode.
        """
        for mode in MODES:
            self.engine.configure(self.settings(mode))
            self.engine.reload(self.settings(mode))
            for action in (self.engine_killed, self.stopped):
                with self.subTest(rules=self.RULES, mode=mode, action=action.__name__):
                    seen = collections.Counter()
                    with self.load(seen):
                        time.sleep(0.3)
                        with action():
                            time.sleep(1)
                        self.engine.await_door("armed")
                        time.sleep(0.5)
                    broken = sum(count for what, count in seen.items() if what.startswith("broken"))
                    allowed = {INTERCEPTED, FORWARDED if mode == "open" else DROPPED}
                    self.assertLessEqual(broken, 4, seen)
                    self.assertLessEqual({what for what in seen if not what.startswith("broken")}, allowed, seen)
                    self.assertGreater(seen[INTERCEPTED], 0, seen)

    def flood(self, count, seconds):
        """How many of so many new connections are made within the time."""
        address = self.address("plain.example")
        made = 0
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as ends:
            for _ in range(count):
                end = ends.enter_context(self.lab.client.socket(socket.AF_INET))
                end.setblocking(False)
                self.assertEqual(end.connect_ex((address, 443)), errno.EINPROGRESS)
                selector.register(end, selectors.EVENT_WRITE)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and made < count:
                for key, _ in selector.select(deadline - time.monotonic()):
                    made += key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                    selector.unregister(key.fileobj)
        return made

    def test_queue_is_full(self):
        """The gate answers nothing: beyond what the queue holds, the owner's choice comes at once."""
        for mode in MODES:
            with self.subTest(mode=mode):
                self.engine.reload(self.settings(mode))  # forgets the addresses that are known
                with self.gate_hangs():
                    made = self.flood(400, 0.9)
                if mode == "open":
                    self.assertGreaterEqual(made, (400 - 256) // 2)  # in time, on a busy machine
                else:
                    self.assertEqual(made, 0)
                self.engine.await_door("armed")


class Page(unittest.TestCase):
    def test_page_says_what_is_tested(self):
        table = "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, ["---"] * len(HEAD), *FAULTS.values()))
        check_table(self, PAGE, table)


if __name__ == "__main__":
    unittest.main()
