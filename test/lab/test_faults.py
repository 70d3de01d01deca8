# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can go wrong on the way of a connection: each has its reason and its end, in time."""

import collections
import contextlib
import functools
import os
import re
import signal
import socket
import ssl
import time
import unittest

import clients
import servers
import wire
from case import LabTest, each_family
from engine import CA
from lab import wait_until

SHORT = "700ms"  # a deadline that is meant to come

TALKS = {
    "silent.example": lambda end: wire.read_record(end) and end.recv(1),
    "closes.example": wire.read_record,
    "resets.example": wire.reset,
    "garbage.example": lambda end: wire.read_record(end) and end.sendall(b"this is no TLS at all"),
    "alert.example": lambda end: wire.read_record(end) and end.sendall(b"\x15\3\3\0\2\2\x28"),
}
FILTERED = {  # host: what the server's firewall does with its SYNs, for IPv4 and IPv6
    "dropped.example": (("DROP",), ("DROP",)),
    "unreachable.example": (
        ("REJECT", "--reject-with", "icmp-host-unreachable"), ("REJECT", "--reject-with", "icmp6-addr-unreachable")),
}


class Faults(LabTest):
    SETTINGS = {
        "rules": [{"pass": "*.pass.example"}],
        "ca": {"untrusted_certificate": "", "untrusted_key": ""},
        "timeouts": {"refuse": "300ms"},
    }

    @classmethod
    def make_servers(cls):
        make = cls.pki.server
        cls.nginx.site("plain.example")
        cls.nginx.site("any.pass.example")
        cls.nginx.site("wild.example", certificate=make("wild.example", names=["*.wild.example"]))
        cls.nginx.site("unknown.example", certificate=make("unknown.example", issuer="unknown"))
        for host, talk in TALKS.items():
            servers.peer(cls.lab, host, talk)
        for host in ("obeys.example", "obeys.pass.example"):
            servers.peer(cls.lab, host, functools.partial(_obey, context=servers.tls_context(make(host))))
        cls.lab.add_host("refused.example")
        for host, targets in FILTERED.items():
            for command, address, target in zip(("iptables", "ip6tables"), cls.lab.add_host(host), targets):
                cls.lab.server.run(command, "-A", "INPUT", "-p", "tcp", "-d", address, "--dport", "443", "-j", *target)
        for host in ("dropped", "unreachable", "refused", "silent"):
            cls.lab.add_host(f"{host}.pass.example", like=f"{host}.example")

    def greet(self, host, family=4, **options):
        """A client whose hello is sent: (socket, port)."""
        end, port = self.connect(host, family)
        end.sendall(wire.make_hello(wire.any_context(**options), host))
        return end, port

    def assert_in_time(self, line):
        """It ended by a deadline of SHORT."""
        self.assertLess(line["ms"]["total"], 3000)

    # --- the server ---

    @each_family
    def test_server_that_does_not_answer(self, family):
        with self.configured({"timeouts": {"dial": SHORT, "probe": SHORT}}):
            for host in ("dropped.example", "silent.example"):
                end, port = self.greet(host, family)
                self.assertEqual(wire.alert_in(wire.read_record(end)), wire.INTERNAL_ERROR)
                end.close()
                self.assert_in_time(self.assert_line(port, "block", "server_timeout", "refused"))
            end, port = self.greet("dropped.pass.example", family)
            self.assertEqual(_received(end), b"")
            self.assert_in_time(self.assert_line(port, "pass", "rule", "server_timeout"))

    @each_family
    def test_server_that_cannot_be_reached(self, family):
        for host in ("refused", "unreachable"):
            for name, fate, reason in (
                    (f"{host}.example", "block", f"server_{host}"), (f"{host}.pass.example", "pass", "rule")):
                with self.subTest(host=name):
                    end, port = self.greet(name, family)
                    self.assertEqual(_received(end), b"")
                    self.assert_line(port, fate, reason, f"server_{host}")

    @each_family
    def test_server_that_breaks_off(self, family):
        """It may be that the client can speak to it: passed, or blocked, as the owner says."""
        for action, fate in (("pass", "pass"), ("block", "block")):
            with self.configured({"upstream": {"unsupported": action}}):
                for host, reason, end_when_passed in (
                        ("closes.example", "server_closed", "server_closed"),
                        ("resets.example", "server_reset", "server_reset"),
                        ("garbage.example", "server_tls_error", "server_closed"),
                        ("alert.example", "server_refused_offer", "server_closed")):
                    with self.subTest(host=host, action=action):
                        end, port = self.greet(host, family)
                        got = _received(end)
                        end.close()
                        if action == "block":
                            self.assertEqual(wire.alert_in(got), wire.HANDSHAKE_FAILURE)
                        self.assert_line(port, fate, reason, end_when_passed if fate == "pass" else "refused")

    @each_family
    def test_server_in_the_middle(self, family):
        for host, fate, reason in (("obeys.example", "intercept", "default"), ("obeys.pass.example", "pass", "rule")):
            for order in ("reset", "garbage"):
                with self.subTest(fate=fate, order=order):
                    client, port = self.shake_hands(host, family)
                    client.send(order.encode())
                    with contextlib.suppress(OSError):
                        client.receive_all()
                    client.end.close()
                    end = "server_reset" if order == "reset" else (
                        "server_tls_error" if fate == "intercept" else "client_closed")
                    self.assert_line(port, fate, reason, end)

    # --- the client ---

    @each_family
    def test_client_that_goes(self, family):
        """Before its fate is known: while it is peeked at, dialled for, probed for."""
        for leave, reason in ((socket.socket.close, "client_closed"), (wire.reset, "client_reset")):
            end, port = self.connect("plain.example", family)
            leave(end)
            self.assert_line(port, "block", reason, reason)
            for host in ("dropped.example", "silent.example"):
                with self.subTest(host=host, reason=reason):
                    end, port = self.greet(host, family)
                    leave(end)
                    self.assert_line(port, "block", reason, reason)

    @each_family
    def test_client_in_its_handshake(self, family):
        for leave, how in ((socket.socket.close, "client_closed"), (wire.reset, "client_reset"),
                (lambda end: end.sendall(b"this is no TLS at all"), "client_tls_error")):
            with self.subTest(how=how):
                end, port = self.greet("plain.example", family, maximum=ssl.TLSVersion.TLSv1_2)
                _received(end, until=b"\x0e\0\0\0")  # ServerHelloDone
                leave(end)
                self.assert_line(port, "intercept", "default", how)
        with self.configured({"timeouts": {"greet": SHORT}}):
            end, port = self.greet("plain.example", family)
            self.assert_in_time(self.assert_line(port, "intercept", "default", "client_timeout"))

    @each_family
    def test_client_in_the_middle(self, family):
        for host, fate, reason in (("plain.example", "intercept", "default"), ("any.pass.example", "pass", "rule")):
            with self.subTest(fate=fate):
                client, port = self.shake_hands(host, family)
                wire.reset(client.end)
                self.assert_line(port, fate, reason, "client_reset")
        client, port = self.shake_hands("plain.example", family)
        client.end.sendall(b"\x17\3\3\0\x20" + bytes(32))
        self.assert_line(port, "intercept", "default", "client_tls_error")

    # --- nobody ---

    @each_family
    def test_idle(self, family):
        with self.configured({"timeouts": {"idle": SHORT, "pass_idle": SHORT}}):
            for host, fate, reason in (("plain.example", "intercept", "default"), ("any.pass.example", "pass", "rule")):
                client, port = self.shake_hands(host, family)
                with contextlib.suppress(OSError):
                    client.receive_all()
                self.assert_in_time(self.assert_line(port, fate, reason, "idle_timeout"))

    @each_family
    def test_total(self, family):
        """A passed connection that is never idle has its limit, too; an intercepted one has none."""
        with self.configured({"timeouts": {"pass_total": SHORT}}):
            busy, _ = self.shake_hands("obeys.example", family)
            for host in ("obeys.pass.example", "any.pass.example"):
                with self.subTest(host=host):
                    client, port = self.shake_hands(host, family)
                    with contextlib.suppress(OSError):
                        while host == "obeys.pass.example":
                            client.send(b"wait")
                            busy.send(b"wait")
                            time.sleep(0.05)
                        client.receive_all()
                    line = self.assert_line(port, "pass", "rule", "total_timeout")
                    self.assertGreaterEqual(line["ms"]["total"], 700)
                    self.assert_in_time(line)
            busy.send(b"wait")

    @each_family
    def test_linger(self, family):
        """One side has finished, the other never does."""
        with self.configured({"timeouts": {"linger": SHORT}}):
            for host, fate, reason in (("obeys.example", "intercept", "default"), ("obeys.pass.example", "pass", "rule")):
                client, port = self.shake_hands(host, family)
                client.send(b"wait")
                client.end.shutdown(socket.SHUT_WR)
                self.assert_in_time(self.assert_line(port, fate, reason, "client_closed"))

    # --- certgen ---

    @contextlib.contextmanager
    def stopped_certgen(self):
        """certgen hangs for a while."""
        pid = self.engine.certgen()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def await_request(self):
        """Waits until there is something that certgen has not read."""
        def is_asked():
            rows = self.lab.appliance.run("ss", "-Hx").stdout.splitlines()
            return any(kind == "u_seq" and int(unread) > 0 for kind, _, unread, *_ in map(str.split, rows))

        wait_until(is_asked, "a request to certgen")

    def fresh_host(self, name):
        """A host whose leaf was not forged before."""
        self.lab.add_host(f"{name}.wild.example", like="wild.example")
        return f"{name}.wild.example"

    def test_certgen_that_hangs(self):
        for on_failure, fate, status in (("closed", "block", 0), ("open", "pass", 200)):
            host = self.fresh_host(f"hangs-{on_failure}")
            with self.configured({"on_failure": on_failure, "timeouts": {"forge": SHORT}}), self.stopped_certgen():
                reply, line = self.curl(host)
                self.assertEqual(reply.status, status)
                self.assert_fate(line, fate, "certgen_timeout")
                self.assert_in_time(line)

    def test_client_that_goes_while_certgen_works(self):
        for leave, reason in ((socket.socket.close, "client_closed"), (wire.reset, "client_reset")):
            host = self.fresh_host(reason.replace("_", "-"))
            with self.stopped_certgen():
                end, port = self.greet(host)
                self.await_request()
                leave(end)
                self.assert_line(port, "block", reason, reason)

    def test_certgen_that_is_killed(self):
        host = self.fresh_host("killed")
        restarts = self.engine.said("certgen was started again")
        with self.stopped_certgen() as pid:
            end, port = self.greet(host)
            self.await_request()
            os.kill(pid, signal.SIGKILL)
            self.assertEqual(wire.alert_in(wire.read_record(end)), wire.INTERNAL_ERROR)
        end.close()
        self.assert_line(port, "block", "certgen_down", "refused")
        self.engine.await_message("certgen was started again", restarts)
        reply, line = self.curl(self.fresh_host("revived"))
        self.assertEqual((reply.status, reply.issuer), (200, CA), reply)

    def test_certgen_without_the_second_ca(self):
        """It is asked to mirror, but was started without the CA for that: a reload is not enough."""
        files = {key: str(path) for key, path in (
            ("untrusted_certificate", self.pki.unknown.certificate), ("untrusted_key", self.pki.unknown.key))}
        with self.configured({"upstream": {"invalid": "mirror"}, "ca": files}):
            reply, line = self.curl("unknown.example")
            self.assertEqual(reply.status, 0)
            self.assert_fate(line, "block", "certgen_failed", "refused")

    # --- the engine itself ---

    def test_reload_with_live_connections(self):
        ends = [self.shake_hands(host, version)[0] for host in ("plain.example", "any.pass.example")
            for version in (4, 6)]
        with self.configured({"rules": [{"pass": "plain.example"}]}):
            reply, line = self.curl("plain.example")
            self.assertEqual(line["fate"], "pass")
            reply, line = self.curl("any.pass.example")
            self.assertEqual(line["fate"], "intercept")
            for end in ends:
                end.send(b"GET / HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 OK", end.receive_all())

    def test_reload_that_ends_connections(self):
        """on_reload: end: what the new rules block, or no longer pass; whatever else there is goes on."""
        started = {host: self.shake_hands(host) for host in (
            "plain.example", "obeys.example", "any.pass.example", "obeys.pass.example")}
        undecided = self.greet("silent.example")
        plain, plain_port = self.connect("any.pass.example")
        plain.sendall(b"GET / HTTP/1.0\r\n")  # not TLS: passed, and no rule was asked
        late, late_port = self.connect("plain.example")
        hello = wire.make_hello(wire.any_context(), "plain.example")
        late.sendall(hello[:9])
        rules = [{"block": ["plain.example", "silent.example"]}, {"pass": "obeys.pass.example"}]
        with self.configured({"on_reload": "end", "rules": rules}):
            self.assert_line(started["plain.example"][1], "intercept", "default", "rules_changed")
            self.assert_line(started["any.pass.example"][1], "pass", "rule", "rules_changed")
            for end, port in (undecided, (late, late_port)):
                if end is late:
                    late.sendall(hello[9:])
                self.assertEqual(wire.alert_in(wire.read_record(end)), wire.ACCESS_DENIED)
                self.assert_line(port, "block", "rule", "refused")
            wait_until(lambda: sum(map(int, re.findall(r"that the new rules ended: (\d+)",
                self.engine.messages.read_text()))) == 3, "the word of each worker that ended some")
            for host, fate in (("obeys.example", "intercept"), ("obeys.pass.example", "pass")):
                client, port = started[host]
                client.send(b"reset")
                with contextlib.suppress(OSError):
                    client.receive_all()
                self.assert_line(port, fate, "rule" if fate == "pass" else "default", "server_reset")
            plain.sendall(b"\r\n")
            self.assertIn(b"400 Bad Request", _received(plain))
            plain.close()
            self.assert_line(plain_port, "pass", "not_tls")

    def test_reload_with_a_mistake(self):
        """The old configuration stays in force."""
        self.engine.configuration.write_text('{"rules": [{"pass": "plain.example"}], "tiemouts": {}}')
        refusals = self.engine.said("not reloaded")
        self.engine.process.send_signal(signal.SIGHUP)
        self.engine.await_message("not reloaded", refusals)
        self.assertIn(f"{self.engine.configuration}:1: tiemouts", self.engine.messages.read_text())
        reply, line = self.curl("plain.example")
        self.assertEqual(line["fate"], "intercept")
        self.engine.reload()

    def test_log_is_rotated(self):
        rotated = self.engine.log.with_suffix(".json.1")
        self.engine.log.rename(rotated)
        reply = clients.curl(self.lab, "https://plain.example/")
        wait_until(lambda: str(reply.port) in rotated.read_text(), "the line in the old file")
        self.engine.reload()
        self.engine.rewind()
        reply, line = self.curl("plain.example")
        self.assert_fate(line, "intercept", "default")

    def test_too_many_connections(self):
        with self.configured({"max_connections": 1}):
            first, _ = self.shake_hands("plain.example")
            second = self.lab.client.socket(socket.AF_INET)
            second.bind(("", 0))  # its port is asked for now: it may be reset while it still connects
            port = second.getsockname()[1]
            with second, contextlib.suppress(ConnectionResetError):
                second.connect((self.address("plain.example"), 443))
                self.assertEqual(second.recv(1), b"")
            self.assert_line(port, "block", "no_resources", "no_resources")
            first.send(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"200 OK", first.receive_all())

    def late(self, host):
        """The port of a client whose hello waits until the engine comes to it, and its first answer."""
        pid = self.engine.status()["pids"]["engine"]
        os.kill(pid, signal.SIGSTOP)
        end, port = self.connect(host)
        end.send(wire.make_hello(wire.any_context(), host))
        time.sleep(0.4)  # twice overload.delay
        os.kill(pid, signal.SIGCONT)
        answer = wire.read_record(end)
        end.close()
        return port, answer

    def test_overload(self):
        for policy, fate in (("pass", "pass"), ("block", "block")):
            with self.subTest(policy), self.configured({"overload": {"policy": policy}}):
                for host, expected in (("plain.example", (fate, "overload")), ("any.pass.example", ("pass", "rule"))):
                    port, answer = self.late(host)
                    self.assert_line(port, *expected)
                    self.assertEqual(answer is not None and wire.alert_in(answer) is not None,
                        expected[0] == "block")
                _, line = self.curl("plain.example")
                self.assert_fate(line, "intercept", "default")
        port, _ = self.late("plain.example")  # the default: wait
        self.assertNotEqual(self.engine.connection(port)["reason"], "overload")

    def test_nothing_is_left_of_thousands(self):
        def visit(count):
            for host in ("plain.example", "any.pass.example"):
                done = self.lab.client.run("curl", "-sS", "-w", "%{exitcode}\n", "-4", "--http1.1", "--cacert", self.lab.folder / "trusted.pem", "-H",
                    "Connection: close", "-o", "/dev/null", "--parallel", "--parallel-max", 20,
                    f"https://{host}/?[1-{count}]", timeout=120)
                self.assertEqual(collections.Counter(done.stdout.split()), {"0": count})
            for number in range(count):
                end = self.lab.client.connect(self.address("plain.example"))
                wire.reset(end) if number % 2 else end.close()
            lines = self.engine.connections(3 * count, seconds=60)
            self.assertEqual({line["reason"] for line in lines}, {"default", "rule", "client_closed", "client_reset"})
            return self.engine.descriptors()

        warm = visit(100)
        self.assertLessEqual(visit(1000), warm)

    def test_stop_with_live_connections(self):
        ports = {}
        for host, fate, reason in (("plain.example", "intercept", "default"), ("any.pass.example", "pass", "rule")):
            client, port = self.shake_hands(host)
            ports[port] = (fate, reason)
        end, port = self.connect("plain.example")
        end.sendall(b"\x16")
        ports[port] = ("block", "shutdown")
        self.engine.stop()
        for port, (fate, reason) in ports.items():
            self.assert_line(port, fate, reason, "shutdown")
        self.engine.start()


def _received(end, until=None):
    """Everything up to the end, or up to these bytes."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while not (until and until in got) and (piece := end.recv(65536)):
            got += piece
    return got


def _obey(end, context):
    server = wire.TlsEnd(end, context, server_side=True)
    order = server.receive()
    if order == b"reset":
        wire.reset(end)
    elif order == b"garbage":
        end.sendall(b"\x17\3\3\0\x20" + bytes(32))
        _received(end)
    elif order == b"wait":
        _received(end)
        end.recv(1)


if __name__ == "__main__":
    unittest.main()
