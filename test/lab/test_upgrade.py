# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the supervisor is for: no connection is refused and none is dropped that could be kept, when the
program is replaced, when its processes die, when descriptors run out.
"""

import contextlib
import os
import pathlib
import resource
import selectors
import signal
import socket
import threading
import time
import unittest

import wire
from case import LabTest
from engine import CA, is_sanitized
from lab import wait_until
from pki import REAL_CA

HOSTS = ("plain.example", "any.pass.example")  # intercepted, passed
REQUEST = b"GET / HTTP/1.1\r\nHost: any\r\n\r\n"
SESSIONS = 100 if is_sanitized() else 1000
IMPATIENCE = 30 if is_sanitized() else 10


class Session:
    """A client that asks again and again over one connection."""

    def __init__(self, lab, address, context, host):
        end = lab.client.connect(address, timeout=IMPATIENCE)
        try:
            self.tls = wire.TlsEnd(end, context, server_hostname=host)
        except OSError:
            end.close()
            raise

    def ask(self):
        self.tls.send(REQUEST)
        answer = b""
        while b"}" not in answer:
            piece = self.tls.receive()
            assert piece, "the server closed"
            answer += piece
        assert b"200 OK" in answer, answer

    def issuer(self):
        return dict(pair[0] for pair in self.tls.tls.getpeercert()["issuer"])["commonName"]

    def close(self):
        self.tls.end.close()


class Visitors:
    """New connections one after the other, each with a request, until told to end."""

    def __init__(self, test, pause=0.0):
        self.test = test
        self.pause = pause
        self.errors = []
        self.issuers = []
        self.seconds = []
        self.is_over = False
        self.thread = threading.Thread(target=self._visit)

    def _visit(self):
        while not self.is_over:
            started = time.monotonic()
            try:
                session = self.test.session("plain.example")
                session.ask()
                self.issuers.append(session.issuer())
                session.close()
            except (OSError, AssertionError) as error:
                self.errors.append(error)
            self.seconds.append(time.monotonic() - started)
            time.sleep(self.pause)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()


class Upgrade(LabTest):
    SETTINGS = {"rules": [{"pass": "*.pass.example"}], "on_failure": "open"}

    @classmethod
    def setUpClass(cls):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        super().setUpClass()
        cls.context = wire.client_context(cls.lab.folder / "trusted.pem")

    @classmethod
    def make_servers(cls):
        for host in HOSTS:
            cls.nginx.site(host, "keepalive_timeout 600s;", "keepalive_requests 100000;")

    def session(self, host):
        return Session(self.lab, self.address(host), self.context, host)

    def visit(self):
        session = self.session(HOSTS[0])
        session.ask()
        self.assertEqual(session.issuer(), CA)
        session.close()

    def pid(self, process):
        return self.engine.status()["pids"][process]

    def running(self, name):
        """How many processes of that name."""
        return list(self.engine.processes().values()).count(name)

    def upgrade(self):
        """Until the new engine has taken over."""
        before = self.engine.said("posternd: ready")
        self.engine.process.send_signal(signal.SIGUSR2)
        self.engine.await_message("posternd: ready", before, seconds=30)

    def await_drained(self):
        for name in ("posternd-engine", "postern-certgen"):
            wait_until(lambda name=name: self.running(name) == 1, f"the end of the old {name}", 20)
        self.assertEqual(self.engine.status()["draining"], 0)

    @contextlib.contextmanager
    def restarted(self, changes, *prefix):
        """The engine with other settings, and started in another way, for a while."""
        self.engine.stop()
        self.engine.configure(changes)
        self.engine.start(*prefix)
        try:
            yield
        finally:
            self.engine.stop()
            self.engine.configure()
            self.engine.start()

    # --- the program is replaced ---

    def test_upgrade_with_live_sessions(self):
        sessions = [self.session(HOSTS[number % 2]) for number in range(SESSIONS)]
        self.addCleanup(lambda: [session.close() for session in sessions])
        for session in sessions:
            session.ask()
        before = self.engine.status()["pids"]
        with Visitors(self) as visitors:
            self.upgrade()
            for session in sessions:
                session.ask()
        self.assertEqual(visitors.errors, [])
        self.assertIn(before["engine"], self.engine.processes())
        self.assertNotIn(before["gate"], self.engine.processes())
        self.assertEqual(self.pid("supervisor"), before["supervisor"])
        self.assertEqual(self.engine.status()["draining"], 1)
        self.assertEqual(self.running("postern-certgen"), 2)
        # A second one, while the first has not drained.
        last = self.session(HOSTS[0])
        self.upgrade()
        self.assertEqual(self.engine.status()["draining"], 2)
        for session in [*sessions, last]:
            session.ask()
            session.close()
        self.await_drained()
        self.visit()

    def test_drain_has_an_end(self):
        with self.configured({"timeouts": {"drain": "1s"}}):
            session = self.session(HOSTS[0])
            session.ask()
            self.upgrade()
            started = time.monotonic()
            self.await_drained()
            self.assertLess(time.monotonic() - started, 5)
            with self.assertRaises((wire.Cut, OSError)):
                session.ask()

    def test_upgrade_that_cannot_be(self):
        """The configuration has a mistake: the running program goes on."""
        session = self.session(HOSTS[0])
        self.engine.configuration.write_text('{"tiemouts": {}}')
        before = self.engine.said("not upgraded")
        processes = self.engine.processes()
        self.engine.process.send_signal(signal.SIGUSR2)
        self.engine.await_message("not upgraded", before)
        self.engine.configure()
        self.assertEqual(self.engine.processes(), processes)
        session.ask()
        session.close()

    def test_upgrade_whose_engine_fails(self):
        """The old engine and the old gate go on until there is another."""
        failure = "the engine ended with exit code 1"
        failures, ready = self.engine.said(failure), self.engine.said("posternd: ready")
        self.engine.configure({"upstream": {"trust_store": "/nowhere"}})
        with Visitors(self) as visitors:
            self.engine.process.send_signal(signal.SIGUSR2)
            self.engine.await_message(failure, failures + 1, seconds=20)
            count = len(visitors.issuers)
            time.sleep(1)
            self.assertGreater(len(visitors.issuers), count)
            self.engine.configure()
            self.engine.process.send_signal(signal.SIGHUP)
            self.engine.await_message("posternd: ready", ready, seconds=20)
        self.assertEqual(visitors.errors, [])
        self.assertEqual(visitors.issuers[count], CA)
        self.await_drained()
        self.engine.await_door("armed")

    # --- processes die ---

    def test_backlog_of_a_dead_engine(self):
        """Who connects while there is no engine waits for the next one."""
        engine, ready = self.pid("engine"), self.engine.said("posternd: ready")
        self.engine.process.send_signal(signal.SIGSTOP)
        try:
            os.kill(engine, signal.SIGKILL)
            ends = []
            for host in HOSTS * 5:
                end, port = self.connect(host)
                end.sendall(wire.make_hello(self.context, host))
                ends.append(end)
        finally:
            self.engine.process.send_signal(signal.SIGCONT)
        for end in ends:
            self.assertEqual(wire.read_record(end)[:1], b"\x16")  # a ServerHello
            end.close()
        lines = self.engine.connections(len(ends))
        self.assertEqual({line["fate"] for line in lines}, {"intercept", "pass"})
        self.engine.await_message("posternd: ready", ready, seconds=30)
        self.engine.await_door("armed")

    def test_each_process_is_killed(self):
        for name in ("engine", "gate", "certgen"):
            with self.subTest(process=name):
                before, armed = self.pid(name), self.engine.said("posternd-gate: armed")
                opened = self.engine.said("forwarded without inspection: the engine is gone")
                with Visitors(self, pause=0.02) as visitors:
                    time.sleep(0.2)
                    os.kill(before, signal.SIGKILL)
                    wait_until(lambda name=name, before=before: self.pid(name) not in (0, before), f"another {name}")
                    if name == "gate":
                        self.engine.await_message("posternd-gate: armed", armed)
                    time.sleep(1)
                # Whose connection was in the engine's hands is lost, nobody else is. Only while there is
                # no gate may one slip through.
                self.assertLessEqual(len(visitors.errors), name == "engine", visitors.errors)
                # Nor while there is no engine for longer than the door waits, on a machine that is busy.
                was_open = self.engine.said("forwarded without inspection: the engine is gone") > opened
                self.assertEqual(set(visitors.issuers[-5:] if name == "gate" or was_open else visitors.issuers), {CA})

    def test_descriptors_are_not_shared(self):
        """What one child is given, no other has."""
        def sockets(name):
            folder = pathlib.Path("/proc", str(self.pid(name)), "fd")
            return {link for link in map(os.readlink, folder.iterdir()) if link.startswith("socket:")}

        engine, gate, certgen = map(sockets, ("engine", "gate", "certgen"))
        self.assertEqual((engine & gate, engine & certgen, gate & certgen), (set(), set(), set()))
        self.assertEqual(len(certgen), self.engine.settings["workers"] + 1)  # and one to the supervisor

    # --- descriptors run out ---

    def fill(self, ends):
        """Connections until new ones do not reach the engine any more."""
        status = self.engine.status
        while status()["door"] == "armed" and len(ends) < 200:
            end = self.lab.client.socket(socket.AF_INET)
            end.setblocking(False)
            end.connect_ex((self.address(HOSTS[1]), 443))
            ends.append(end)
            time.sleep(0.05)
        self.assertEqual(status()["door"], self.engine.settings["on_failure"])

    def be_served(self, ends):
        """In whatever order the engine comes to them: it has room for a few at once."""
        with selectors.DefaultSelector() as selector:
            for end in ends:
                end.settimeout(IMPATIENCE)
                end.sendall(wire.make_hello(self.context, HOSTS[1]))
                selector.register(end, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(IMPATIENCE)
                self.assertTrue(ready, f"{len(selector.get_map())} of {len(ends)} are not served")
                for key, _ in ready:
                    self.assertEqual(wire.read_record(key.fileobj)[:1], b"\x16")
                    selector.unregister(key.fileobj)
                    key.fileobj.close()

    def test_out_of_descriptors(self):
        """Nobody is refused: who comes is forwarded, who came too early waits."""
        with self.restarted({"timeouts": {"silent": "60s"}}, "prlimit", "--nofile=64:64"):
            live = self.session(HOSTS[0])
            ends = []
            self.fill(ends)
            late = self.session(HOSTS[0])
            self.assertEqual(late.issuer(), REAL_CA)
            late.ask()
            live.ask()
            for end in ends:
                with self.assertRaises(BlockingIOError):  # neither closed nor reset
                    end.recv(1)
            half = len(ends) // 2
            for end in ends[:half]:
                end.close()
            self.be_served(ends[half:])
            self.engine.await_door("armed")
            self.visit()
            live.ask()
            live.close()
            late.close()

    def test_out_of_descriptors_closed(self):
        with self.restarted({"on_failure": "closed", "timeouts": {"silent": "60s"}}, "prlimit", "--nofile=64:64"):
            self.engine.settings["on_failure"] = "closed"
            ends = []
            try:
                self.fill(ends)
            finally:
                self.engine.settings["on_failure"] = "open"
            with self.assertRaises(TimeoutError):
                self.lab.client.connect(self.address(HOSTS[0]), timeout=2)
            for end in ends:
                end.close()
            self.engine.await_door("armed")
            self.visit()


if __name__ == "__main__":
    unittest.main()
