# SPDX-License-Identifier: GPL-3.0-or-later
"""
A walk through everything that comes out of a box, as those see it who take it: each command is run and its
answer looked at. With POSTERN_WRITE=1 it becomes doc/walk-through.md, and what Chromium shows its picture.
"""

import json
import os
import re
import shutil
import unittest

import lab
import readers
import servers
from browser import Browser
from case import LabTest
from collectors import Journal, Rsyslog
from engine import CA, Engine, build
from lab import REPOSITORY, wait_until

PAGE, PICTURE = REPOSITORY / "doc" / "walk-through.md", REPOSITORY / "doc" / "walk-through.png"
WEB, LIVE = "127.0.0.1:9443", "127.0.0.1:57012"
RULES = """alert http any any -> any any (msg:"secret plans"; http.uri; content:"/plans"; sid:1;)\n"""
BUNDLE = "quic: allow\nrules:\n  - pass: .bank.example\n"

INTRODUCTION = """# A walk-through

What comes out of a box, as those see it who take it: one lab, one connection of every fate, then each output by its consumer. Written by a run of `test/lab/test_walk_through.py`, which fails when an answer is not as it should be; names of files are those of an installed box. `./dev demo` raises such a lab to look around in.

A client, the box, and servers behind it: nginx, two of whose sites ask for a certificate of the user. What was configured:
"""


class Tour:
    """Commands that are run, and the page that they make."""

    def __init__(self, paths):
        self.paths = paths  # as they are shown: as they are
        self.text = []

    def say(self, text):
        self.text += [text, ""]

    def show(self, text, language=""):
        self.text += [f"```{language}", text.rstrip("\n"), "```", ""]

    def real(self, command):
        longest_first = sorted(self.paths, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest_first)), lambda found: str(self.paths[found[0]]), command)

    def shown(self, text):
        for shown, path in sorted(self.paths.items(), key=lambda pair: -len(str(pair[1]))):
            text = text.replace(str(path), shown)
        return text

    def run(self, who, namespace, *commands, expect=(), most=40, code=0):
        """Runs them one after the other, shows what they say, and returns it."""
        lines, said = [], ""
        for command in commands:
            done = namespace.run("bash", "-c", f"exec 2>&1; {self.real(command)}", check=False)
            if done.returncode != code:
                raise AssertionError(f"{command}: exit code {done.returncode}: {done.stdout}")
            answer = self.shown(done.stdout).rstrip().splitlines()
            lines += [f"{who}# {command}", *answer[:most], *(["..."] if len(answer) > most else [])]
            said += done.stdout
        for pattern in expect:
            if not re.search(pattern, said, re.MULTILINE):
                raise AssertionError(f"{commands}: {pattern!r} is not in {said}")
        self.show("\n".join(line.rstrip() for line in lines))
        return said


class WalkThrough(LabTest):
    @classmethod
    def make_servers(cls):
        cls.alice = cls.pki.client("Alice")
        for host in ("plain.example", "agency.gov", "ads.example", "www.bank.example"):
            cls.nginx.site(host)
        for host in ("card.example", "piv.example"):
            cls.nginx.requiring(host)
        cls.nginx.site("expired.example", certificate=cls.pki.server("expired.example", days=(-30, -1)))
        cls.captures = cls.lab.folder / "captures"
        cls.captures.mkdir()
        shutil.chown(cls.captures, "nobody")
        cls.rsyslog = Rsyslog(cls.lab)
        cls.rsyslog.start()
        cls.addClassCleanup(cls.rsyslog.stop)
        cls.journal = Journal(cls.lab)
        cls.addClassCleanup(cls.journal.remove)
        cls.fleet_key = cls.lab.folder / "fleet-key"
        cls.SETTINGS = {
            "rules": [{"pass": ".gov"}, {"block": "ads.example"}, {"block": {"host": "plain.example", "path": "/private"}}],
            "log": {"outputs": [
                {"file": str(cls.lab.folder / "engine" / "events.json")},
                {"unix": str(cls.rsyslog.folder / "lines")},
                {"journal": str(cls.journal.socket), "events": ["alert", "verification"]}]},
            "http": {"events": True},
            "capture": {"folder": str(cls.captures), "listen": LIVE, "default": True},
            "web": {"listen": WEB},
        }

    def setUp(self):
        super().setUp()
        self.tour = Tour({
            "/etc/postern/postern.yaml": self.engine.configuration,
            "/var/log/postern/events.json": self.engine.log,
            "/var/log/postern-capture": self.captures,
            "/var/log/collected.json": self.rsyslog.received,
            "/run/collector.sock": self.rsyslog.folder / "lines",
            "--namespace=box": f"--namespace={self.journal.name}",
            "/run/systemd/journal.box/socket": self.journal.socket,
            "/usr/share/postern/monitoring": REPOSITORY / "doc/monitoring",
            "/etc/postern": self.engine.folder,
            "alice.crt": self.alice.certificate,
            "alice.key": self.alice.key,
        })

    # --- commands of either side ---

    def client(self, *commands, **how):
        return self.tour.run("client", self.lab.client, *commands, **how)

    def box(self, *commands, **how):
        return self.tour.run("box", self.lab.appliance, *commands, **how)

    def of_box(self, command, **how):
        """Of the box; where its configuration lies is not shown."""
        program = f"{build() / 'engine/cli/postern'} {self.tour.real(command)} --config {self.engine.configuration}"
        self.tour.paths[f"postern {command}"] = program
        said = self.box(f"postern {command}", **how)
        del self.tour.paths[f"postern {command}"]
        return said

    # --- the stations ---

    def visit(self):
        tour = self.tour
        tour.say("## A connection of every fate")
        curl = "curl -4sS --cacert /etc/ssl/lab.pem"
        tour.paths["/etc/ssl/lab.pem"] = self.lab.folder / "trusted.pem"
        see = "-o /dev/null -w '%{http_code}\\n%{certs}' | grep -m2 -E '^[0-9]{3}$|^Issuer:'"
        tour.say("Intercepted: the certificate is the box's. A rule says pass: it is the server's own. The user has a card: "
            "the server's own, at the first attempt, and the server sees Alice.")
        self.client(f"{curl} https://plain.example/ {see}", expect=["200", CA])
        self.client(f"{curl} https://agency.gov/ {see}", expect=["200", "Lab Intermediate"])
        self.client(f"{curl} --cert alice.crt --key alice.key https://card.example/ | grep -o '\"client_dn\": *\"[^\"]*\"'",
            expect=["Alice"])
        tour.say("The second visit passes because of the first. A rule blocks; so does a certificate that has expired: the "
            "client gets an alert, as the field expects it.")
        self.client(f"{curl} --cert alice.crt --key alice.key https://card.example/ -o /dev/null -w '%{{http_code}}\\n'",
            expect=["200"])
        self.client(f"{curl} https://ads.example/", expect=["alert"], code=35)
        self.client(f"{curl} https://expired.example/", expect=["certificate"], code=60, most=1)
        tour.say("One request is refused by its path; the client sees a page, and the server nothing.")
        self.client(f"{curl} https://plain.example/private/plans | sed 's/<[^>]*>//g' | grep -v '^ *$'", expect=["plain.example"])
        self.client(f"{curl} https://plain.example/plans -o /dev/null -w '%{{http_code}}\\n'", expect=["200|404"])

    def events(self):
        tour = self.tour
        self.engine.connections(8)
        tour.say("## Events")
        tour.say("One JSON object a line, in Suricata's names; [events.md](events.md) has them all.")
        self.box("jq -r 'select(.event_type==\"connection\") | [.tls.sni, .fate, .reason, .end] | @tsv' "
            "/var/log/postern/events.json", expect=[r"^plain\.example\tintercept\trule", r"^agency\.gov\tpass\trule",
            r"^card\.example\tlearn\tclient_certificate_requested", r"^card\.example\tpass\tlearned",
            r"^ads\.example\tblock\trule", r"^expired\.example\tblock\tcertificate_expired", "blocked_url"])
        tour.say("One of them, whole:")
        self.box("jq 'select(.event_type==\"connection\" and .fate==\"learn\")' /var/log/postern/events.json", most=90,
            expect=['"client_certificate"', '"ca_names"'])
        tour.say("rsyslog has got the same lines by a unix socket, parsed them, and made its own of them:")
        wait_until(lambda: len([m for m in self.rsyslog.messages() if m.get("type") == "connection"]) >= 8, "rsyslog", 10)
        self.box("jq -r 'select(.type==\"connection\") | [.input, .type, .sni, .bytes] | @tsv' /var/log/collected.json",
            expect=["plain.example"])
        tour.say("The journal gets what somebody should look at, each value a field:")
        wait_until(lambda: self.journal.entries("POSTERN_EVENT_TYPE=verification"), "the journal", 10)
        self.box("journalctl --namespace=box -q -o json POSTERN_EVENT_TYPE=verification "
            "| jq '{PRIORITY, SYSLOG_IDENTIFIER, POSTERN_TLS_SNI, POSTERN_VERIFICATION_VERDICT}'", expect=["expired.example"])
        tour.say("A collector that hangs or is gone costs its own events, and says how many they were when it is back; "
            "[performance.md](performance.md) has what 2,000 events a second cost beside one.")

    def http(self):
        tour = self.tour
        tour.say("## HTTP inside")
        tour.say("Each request of what is intercepted ([http.md](http.md)); off unless `http.events` is on.")
        self.box("jq -r 'select(.event_type==\"http\") | [.flow_id, .http.protocol, .http.http_method, .http.hostname, .http.url, "
            ".http.status, .http.refused] | @tsv' /var/log/postern/events.json | sed 's/^[0-9]*//'",
            expect=["/private/plans.*true", r"HTTP/2\tGET\tplain\.example\t/plans"])

    def decrypted(self):
        tour = self.tour
        tour.say("## Decrypted traffic")
        tour.say("Capture files that any reader takes, here tshark and Suricata; the same packets go live to whoever connects "
            "to `capture.listen` ([captures.md](captures.md)). Only for hosts whose rule says so.")
        wait_until(lambda: readers.fields(readers.merged(self.files(), self.lab.folder / "all.pcap"),
            "http2.headers.path == \"/plans\"", "frame.number"), "the packets", 10)
        self.box("tshark -r /var/log/postern-capture/*.pcap -Y 'http2.headers.path' -T fields -e ip.src -e ip.dst "
            "-e tcp.dstport -e http2.headers.method -e http2.headers.authority -e http2.headers.path 2>/dev/null",
            expect=["GET\tplain.example\t/plans"])
        (self.lab.folder / "my.rules").write_text(RULES)
        folder = self.lab.folder / "suricata"
        _, said = readers.suricata(folder, RULES, self.lab.folder / "all.pcap").communicate(timeout=60)
        tour.show(RULES)
        tour.say("`suricata -r /var/log/postern-capture -S my.rules`, of what was encrypted on the wire:")
        tour.paths["/var/log/suricata"] = folder
        self.box("jq -c 'select(.event_type==\"alert\") | {src_ip, dest_ip, dest_port, app_proto, signature: .alert.signature, "
            "url: .http.url}' /var/log/suricata/eve.json", expect=["secret plans"])

    def files(self):
        return sorted(self.captures.glob("postern-*.pcap"))

    def numbers(self):
        tour = self.tour
        tour.say("## Metrics and health")
        tour.say("For Prometheus, from a process that holds no key and sees no traffic ([metrics.md](metrics.md)).")
        ask = f"curl -sS http://{WEB}"
        self.box(f"{ask}/metrics | grep '^postern_connections_total' | grep -v ' 0$'",
            expect=[r'fate="intercept",reason="rule"', r'fate="learn"'])
        self.box(f"{ask}/metrics | promtool check metrics && echo well formed", expect=["^well formed"])
        self.box(f"{ask}/healthz", f"{ask}/readyz", expect=["."])
        self.box("promtool check rules /usr/share/postern/monitoring/alerts.yaml", expect=["SUCCESS"])
        tour.say("## The page, and the same in a terminal")
        browser = Browser(self.lab.appliance, self.lab.folder / "chromium")
        try:
            browser.visit(f"http://{WEB}/")
            browser.screenshot(PICTURE if os.environ.get("POSTERN_WRITE") else self.lab.folder / "page.png", height=1100)
        finally:
            browser.close()
        tour.say("![The page](walk-through.png)")
        self.of_box("top --once", expect=["armed"], most=60)
        self.of_box("status", expect=["armed"])
        self.of_box("learned list", expect=["card.example"])

    def fleet(self):
        tour = self.tour
        tour.say("## A fleet")
        tour.say("Policy and what was learned go to another box as one signed file ([fleet.md](fleet.md)). There, too, the user's "
            "card then passes from the first connection on.")
        second = lab.Lab()
        self.addCleanup(second.remove)
        certificates = {host: self.pki.server(host) for host in ("card.example", "www.bank.example")}
        nginx = servers.Nginx(second, self.pki)
        for host, certificate in certificates.items():
            nginx.site(host, certificate=certificate)
        nginx.start()
        second.divert()
        other = Engine(second, self.pki, {"bundle": {"keys": f"{self.fleet_key}.pub"}})
        other.start()
        self.addCleanup(other.stop)
        (self.engine.folder / "fleet").mkdir()
        (self.engine.folder / "fleet" / "policy.yaml").write_text(BUNDLE)
        tour.paths["policy.bundle"] = self.lab.folder / "policy.bundle"
        tour.paths["fleet-key"] = self.fleet_key
        self.plain("bundle keygen fleet-key")
        self.engine.reload()
        wait_until(lambda: self.entry("card.example"), "the entry in the store")
        self.of_box("bundle create --key fleet-key -o policy.bundle")
        self.plain("bundle show policy.bundle --key fleet-key.pub", expect=["policy.yaml"])
        program = f"{build() / 'engine/cli/postern'} bundle apply {self.lab.folder / 'policy.bundle'} --config {other.configuration}"
        tour.paths["postern bundle apply policy.bundle"] = program
        said = tour.run("box2", second.appliance, "postern bundle apply policy.bundle", expect=["posternd has reloaded"])
        self.assertIn("1 learned server", said)

    def plain(self, command, **how):
        """postern, where no configuration is needed."""
        self.tour.paths[f"postern {command}"] = f"{build() / 'engine/cli/postern'} {self.tour.real(command)}"
        said = self.box(f"postern {command}", **how)
        del self.tour.paths[f"postern {command}"]
        return said

    def test_walk(self):
        shown = {key: self.SETTINGS[key] for key in ("rules", "http", "capture", "web", "log")}
        self.tour.text = [INTRODUCTION]
        self.tour.show(self.tour.shown(_yaml(shown)), "yaml")
        for station in (self.visit, self.events, self.http, self.decrypted, self.numbers, self.fleet):
            station()
        if os.environ.get("POSTERN_WRITE"):
            PAGE.write_text("\n".join(self.tour.text).rstrip("\n") + "\n")


def _yaml(value, depth=0):
    """As somebody would write it."""
    pad = "  " * depth
    if isinstance(value, dict) and depth < 2:
        return "\n".join(f"{pad}{key}:\n{_yaml(inner, depth + 1)}" if isinstance(inner, (dict, list))
            else f"{pad}{key}: {_scalar(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return "\n".join(f"{pad}- {_flow(item)}" for item in value)
    return f"{pad}{_flow(value)}"


def _flow(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value):
    return json.dumps(value) if isinstance(value, bool) or ":" in str(value) else str(value)


if __name__ == "__main__":
    unittest.main()
