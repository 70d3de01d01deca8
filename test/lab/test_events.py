# SPDX-License-Identifier: GPL-3.0-or-later
"""
Events: each kind is really produced, and each output really delivers, to the programs that it is for.
That every event keeps to the schema is test_reasons.py's, for the logs of all tests.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import unittest

import schema
from case import LabTest
from collectors import Journal, Rsyslog, Sloth, SyslogNg
from engine import CA
from lab import REPOSITORY, wait_until


class Documentation(unittest.TestCase):
    def test_every_key_is_mapped(self):
        """To a field of the Elastic Common Schema, or it says that there is none."""
        page = (REPOSITORY / "doc" / "events.md").read_text()
        table = page[page.index("\n## Elastic Common Schema"):]
        rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
        mapped = [key for row, field in rows for key in re.findall(r"`([^`]+)`", row)]
        self.assertEqual(len(mapped), len(set(mapped)), "a key that stands there twice")
        self.assertEqual(set(mapped), set(schema.keys()))
        for row, field in rows:
            self.assertRegex(field, r"^(none|`@?[a-z0-9_.]+`)", row)

    def test_every_kind_is_described(self):
        page = (REPOSITORY / "doc" / "events.md").read_text()
        kinds = json.loads(schema.SCHEMA.read_text())["properties"]["event_type"]["enum"]
        for kind in kinds:
            self.assertIn(f"`{kind}`", page)

    def test_what_breaks_the_schema_is_noticed(self):
        good = {"timestamp": "2026-11-22T19:00:00.123456+0000", "event_type": "reload", "schema": "1.0",
            "reload": {"ok": True}}
        schema.validate(good)
        for change in ({"timestamp": "2026-11-22T19:00:00Z"}, {"event_type": "reloaded"}, {"reload": {}},
                {"reload": {"ok": 1}}, {"reload": {"ok": True, "stranger": 1}}, {"stranger": 1}, {"lost": {"events": 1}},
                {"schema": "2.0"}):
            with self.subTest(change=change), self.assertRaises(schema.Mismatch):
                schema.validate({**good, **change})


class Events(LabTest):
    SETTINGS = {"log": {"stats_interval": "1s"}}

    @classmethod
    def make_servers(cls):
        cls.plain = cls.pki.server("plain.example")
        cls.nginx.site("plain.example", certificate=cls.plain)
        cls.nginx.site("asking.example", f"ssl_client_certificate {cls.pki.clients.certificate};",
            "ssl_verify_client optional;")
        cls.nginx.site("expired.example", certificate=cls.pki.server("expired.example", days=(-30, -1)))
        # An event that is longer than collectors take by themselves.
        names = ["long.example", *(f"{number}.{'l' * 60}.example" for number in range(160))]
        cls.nginx.site("long.example", certificate=cls.pki.server("long.example", names=names, days=(-30, -1)))

    def log_lines(self):
        return [json.loads(line) for line in self.engine.log.read_text().splitlines()]

    def of_kind(self, kind, **values):
        """The first event of that kind in which `values` hold."""
        return wait_until(lambda: next((event for event in self.log_lines() if event["event_type"] == kind and
            values.items() <= {**event, **event.get(kind, {})}.items()), None), f"an event {kind} {values}")

    # --- what there is ---

    def test_connection(self):
        """Who watches in front of the server sees what `tls` says, and EVE's own names say it."""
        reply, line = self.curl("plain.example")
        tls, flow = line["tls"], line["flow"]
        self.assertEqual(tls["sni"], "plain.example")
        shown = dict(pair.split("=", 1) for pair in subprocess.run(["openssl", "x509", "-in",
            self.plain.certificate, "-noout", "-serial", "-fingerprint", "-sha1", "-subject",
            "-issuer", "-nameopt", "RFC2253,-dn_rev,sep_comma_plus_space"], check=True, text=True,
            stdout=subprocess.PIPE).stdout.splitlines())
        self.assertEqual(tls["serial"].replace(":", ""), shown["serial"])
        self.assertEqual(tls["fingerprint"].upper(), shown["sha1 Fingerprint"])
        self.assertEqual((tls["subject"], tls["issuerdn"]), (shown["subject"], shown["issuer"]))
        self.assertEqual(tls["version"], "TLS 1.3")
        self.assertIn("plain.example", tls["subjectaltname"])
        self.assertEqual((flow["state"], flow.get("reason"), flow.get("action")), ("closed", None, None))
        self.assertGreater(flow["bytes_toclient"], len(reply.body))
        self.assertLessEqual(flow["start"], flow["end"])

    def test_issued(self):
        reply, line = self.curl("plain.example")
        event = self.of_kind("issued")
        self.assertEqual(event["tls"]["sni"], "plain.example")
        self.assertEqual(event["tls"]["sha256"], line["tls"]["sha256"])
        self.assertEqual((event["issued"]["ca"], event["issued"]["issuerdn"]), ("trusted", f"CN={CA}"))

    def test_verification(self):
        _, line = self.curl("expired.example")
        event = self.of_kind("verification", flow_id=line["flow_id"])
        self.assertEqual(event["verification"]["verdict"], "expired")
        self.assertEqual(event["verification"]["n_chain"], len(event["verification"]["chain"]))
        self.assertEqual(event["verification"]["chain"][0]["sha256"], line["tls"]["sha256"])

    def test_learned(self):
        _, line = self.curl("asking.example")
        event = self.of_kind("learned", what="added")
        self.assertEqual((event["flow_id"], event["entry"]["host"]), (line["flow_id"], "asking.example"))

    def test_mode_reload_stats(self):
        before = self.of_kind("stats")
        self.assertEqual(self.of_kind("mode", door="armed")["mode"]["before"], "closed")
        with self.configured({"timeouts": {"idle": "1m"}}):
            self.of_kind("reload", ok=True)
        self.engine.configuration.write_text('{"tiemouts": {}}')
        self.engine.process.send_signal(signal.SIGHUP)
        self.assertIn("did you mean 'timeouts'?", self.of_kind("reload", ok=False)["reload"]["error"])
        self.engine.reload()
        os.kill(next(pid for pid, name in self.engine.processes().items() if name == "posternd-gate"), signal.SIGKILL)
        self.curl("plain.example")
        wait_until(lambda: self.log_lines()[-1]["event_type"] == "stats" and
            self.log_lines()[-1]["stats"]["connections"]["intercept"] >
            before["stats"]["connections"]["intercept"], "statistics that count a connection")
        output, = self.log_lines()[-1]["stats"]["outputs"]
        self.assertEqual((output["name"], output["lost"]), (f"file {self.engine.log}", 0))

    # --- where it goes ---

    @contextlib.contextmanager
    def outputs(self, *outputs, **others):
        """The log, and these; put in force by a reload."""
        with self.configured({"log": {"outputs": [{"file": str(self.engine.log)}, *outputs], **others}}):
            yield

    def test_rsyslog(self):
        rsyslog = Rsyslog(self.lab)
        rsyslog.start()
        self.addCleanup(rsyslog.stop)
        with self.outputs(
                {"syslog": f"unix:{rsyslog.folder}/new", "cee": True, "facility": "local1", "events": "connection"},
                {"syslog": f"unix:{rsyslog.folder}/old", "cee": True, "format": "rfc3164", "events": "connection"},
                {"syslog": "tcp:127.0.0.1:601", "cee": True, "events": ["connection", "verification"]},
                {"syslog": "udp:127.0.0.1:514", "cee": True, "events": "connection"},
                {"unix": f"{rsyslog.folder}/lines", "events": "connection"}):
            _, line = self.curl("expired.example")
            messages = wait_until(lambda: len(rsyslog.messages()) >= 6 and rsyslog.messages(), "six messages")
            self.assertEqual({message["sni"] for message in messages}, {"expired.example"})
            self.assertEqual(sorted((message["input"], message["type"]) for message in messages), [
                ("imptcp", "connection"), ("imtcp", "connection"), ("imtcp", "verification"), ("imudp", "connection"),
                ("imuxsock", "connection"), ("imuxsock", "connection")])
            by_tcp = next(message for message in messages if message["input"] == "imtcp" and
                message["type"] == "verification")
            self.assertEqual((by_tcp["app"], by_tcp["kind"], by_tcp["facility"], by_tcp["severity"]),
                ("postern", "verification", "daemon", "warning"))
            self.assertEqual({message["app"] for message in messages if message["input"] != "imptcp"}, {"postern"})
            self.assertEqual({message["facility"] for message in messages if message["input"] == "imuxsock"},
                {"local1", "daemon"})
            by_tcp = next(message for message in messages if message["input"] == "imtcp" and
                message["type"] == "connection")
            self.assertEqual(by_tcp["time"], line["timestamp"].replace("+0000", "Z"))
            self.assertEqual(json.loads(by_tcp["message"].removeprefix("@cee:")), line)
            self.assert_blocked(rsyslog, 5, line, self.curl("long.example")[1])
            # It goes, and comes back: what it missed waits for it.
            rsyslog.stop()
            rsyslog.received.unlink()
            hosts = [self.curl("plain.example")[1]["flow_id"] for _ in range(3)]
            rsyslog.start()
            wait_until(lambda: sum(message["input"] == "imtcp" for message in rsyslog.messages()) >= 3,
                "what waited for the collector")
            got = [json.loads(message["message"].removeprefix("@cee:"))["flow_id"] for message in rsyslog.messages()
                if message["input"] == "imtcp"]
            self.assertEqual(got, hosts)

    def test_syslog_ng(self):
        file = self.engine.folder / "followed.json"
        collector = SyslogNg(self.lab, file)
        with self.outputs({"syslog": "tcp:127.0.0.1:601", "events": ["connection", "verification"]},
                {"unix": f"{collector.folder}/lines", "events": "connection"}, {"file": str(file), "events": "connection"}):
            collector.start()
            self.addCleanup(collector.stop)
            _, plain = self.curl("plain.example")
            _, long = self.curl("long.example")
            _, line = self.curl("expired.example")
            self.assert_blocked(collector, 3, long, line)
            wait_until(lambda: len(collector.messages()) == 3 * 3 + 2, "all of them")
            by_source = {source: [message for message in collector.messages() if message["source"] == source]
                for source in ("s_syslog", "s_lines", "s_file")}
            flows = [event["flow_id"] for event in (plain, long, line)]
            for source, messages in by_source.items():
                seen = [message["_eve"] for message in messages if message["_eve"]["event_type"] == "connection"]
                self.assertEqual([int(event["flow_id"]) for event in seen], flows, source)
                self.assertEqual((seen[-1]["tls"]["ja4"], seen[-1]["src_ip"]), (line["tls"]["ja4"], line["src_ip"]))
            self.assertEqual([(message["program"], message["kind"], message["_eve"]["verification"]["verdict"])
                for message in by_source["s_syslog"] if message["kind"] == "verification"],
                2 * [("postern", "verification", "expired")])

    def assert_blocked(self, collector, inputs, *lines):
        """Each of these connections by each of the inputs, and no other one."""
        expected = sorted(inputs * [f"{line['timestamp']} {line['src_ip']} {line['tls']['sni']} {line['reason']}"
            for line in lines])
        wait_until(lambda: collector.blocked.exists() and
            len(collector.blocked.read_text().splitlines()) >= len(expected), "who was blocked")
        self.assertEqual(sorted(collector.blocked.read_text().splitlines()), expected)

    def test_journal(self):
        journal = Journal(self.lab)
        self.addCleanup(journal.remove)
        with self.outputs({"journal": str(journal.socket), "events": ["connection", "verification"]}):
            _, line = self.curl("expired.example")
            entry, = wait_until(lambda: journal.entries("POSTERN_EVENT_TYPE=connection",
                f"POSTERN_FLOW_ID={line['flow_id']}"), "the entry")
            self.assertEqual(json.loads(entry["MESSAGE"]), line)
            self.assertEqual((entry["SYSLOG_IDENTIFIER"], entry["PRIORITY"], entry["POSTERN_TLS_SNI"]),
                ("postern", "6", "expired.example"))
            alert, = wait_until(lambda: journal.entries("POSTERN_EVENT_TYPE=verification", "PRIORITY=4"), "the other")
            self.assertEqual(alert["POSTERN_VERIFICATION_VERDICT"], "expired")

    def restarted(self, changes=None):
        """The engine, started anew with these settings: it sees what was mounted since, and its queue is new."""
        self.engine.stop()
        self.engine.configure(changes)
        self.engine.start()

    def knock(self, count):
        """Connections that say nothing: the cheapest events there are."""
        address = self.address("plain.example")
        for _ in range(count):
            self.lab.client.connect(address).close()
        self.engine.connections(count, seconds=60)

    def test_dead_collector(self):
        """
        It accepts and never reads: traffic and the other outputs do not notice, and later it is told what
        it lost. Beside it a file that is turned over by its size.
        """
        count, size = 4000, 1 << 20
        sloth = Sloth(self.lab.folder / "sloth")
        self.addCleanup(sloth.close)
        sized = self.engine.folder / "sized.json"
        self.addCleanup(self.restarted)
        self.restarted({"log": {"queue": "1M", "outputs": [{"file": str(self.engine.log)},
            {"file": str(sized), "max_size": "1M", "keep": 9, "events": "connection"},
            {"unix": str(sloth.path), "events": "connection"}]}})
        sloth.accept()
        self.knock(count)
        self.engine.await_message(f"unix {sloth.path}: events are being lost")
        last = self.curl("plain.example")[1]
        received = []
        while not received or received[-1].get("flow_id") != last["flow_id"]:
            received += sloth.read()
        lost = sum(event["lost"]["events"] for event in received if event["event_type"] == "lost")
        flows = [event["flow_id"] for event in received if event["event_type"] == "connection"]
        self.assertGreater(lost, 0)
        self.assertEqual(len(set(flows)) + lost, count + 1)
        self.engine.await_message(f"works again, {lost} events were lost")
        self.assertEqual(self.engine.said(f"unix {sloth.path}: events are being lost"), 1)
        for event in received:
            schema.validate(event)
        files = list(self.engine.folder.glob("sized.json*"))
        self.assertGreater(len(files), 1)
        self.assertLessEqual(max(file.stat().st_size for file in files), size)
        events = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        self.assertEqual(len({event["flow_id"] for event in events}), count + 1)

    def test_none_is_lost(self):
        """Where an output may lose nothing, new connections wait for its collector, and then the door is closed."""
        sloth = Sloth(self.lab.folder / "strict")
        self.addCleanup(sloth.close)
        self.addCleanup(self.restarted)
        self.restarted({"log": {"queue": "1M", "outputs": [{"file": str(self.engine.log), "sync": True},
            {"unix": str(sloth.path), "events": "connection", "on_loss": "stop"}]}})
        sloth.accept()
        count = 0
        with contextlib.suppress(TimeoutError):
            while self.engine.status()["door"] == "armed":
                for _ in range(100):
                    self.lab.client.connect(self.address("plain.example"), timeout=1).close()
                    count += 1
        self.engine.await_message("an output that is to lose no event is behind (on_loss: stop)")
        self.engine.await_door("closed")
        received = []
        while len(received) < count:
            received += sloth.read()
        self.engine.await_door("armed")
        self.assertEqual({event["event_type"] for event in received}, {"connection"})
        self.assertEqual(len({event["flow_id"] for event in received}), count)
        self.assertEqual(self.curl("plain.example")[1]["fate"], "intercept")
        self.assertEqual(self.engine.said(f"unix {sloth.path}: events are being lost"), 0)

    def test_full_disk(self):
        """What there is no room for waits; then all of it is there, and whole."""
        folder = self.lab.folder / "small"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(60 << 10))
        self.addCleanup(self.restarted)
        self.restarted({"log": {"outputs": [{"file": str(self.engine.log)},
            {"file": str(folder / "events.json"), "events": "connection"}]}})
        flows = [self.curl("plain.example")[1]["flow_id"] for _ in range(8)]
        self.engine.await_message("No space left on device; events wait")
        ballast.unlink()
        self.engine.await_message("works again, 0 events were lost")
        file = folder / "events.json"
        wait_until(lambda: file.read_text().count("\n") == len(flows), "all of them")
        self.assertEqual([json.loads(line)["flow_id"] for line in file.read_text().splitlines()], flows)


if __name__ == "__main__":
    unittest.main()
