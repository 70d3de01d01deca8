# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics and health as Prometheus and a load balancer see them: real traffic, a real Prometheus, faults."""

import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import unittest
import urllib.parse

from case import LabTest
from engine import build, is_sanitized
from lab import REPOSITORY, wait_until

WEB = "127.0.0.1:9443"
PROMETHEUS = "127.0.0.1:9090"
ASKING = [f"asks{number}.example" for number in range(5)]
MONITORING = REPOSITORY / "doc" / "monitoring"
LINE = re.compile(r'([a-z_]+)(?:\{(.*)\})? ([-+.\deInf]+)')
SCRAPED = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: postern
    static_configs: [{{targets: ["{web}"]}}]
"""


def numbers(text):
    """{'name{labels}': value} of an exposition."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = LINE.fullmatch(line).groups()
            found[f"{name}{{{labels}}}" if labels else name] = float(value)
    return found


class WebTest(LabTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        wait_until(lambda: cls.ask("/healthz")[0], "the page")

    @classmethod
    def ask(cls, path, *options, web=WEB):
        """(status, body); status 0: nobody answers."""
        done = cls.lab.appliance.run("curl", "-sS", "--max-time", "10", "-w", "\n%{http_code}", *options,
            f"http://{web}{path}", check=False)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def metrics(self):
        status, text = self.ask("/metrics")
        self.assertEqual(status, 200, text)
        return numbers(text)

    def await_metric(self, name, value, seconds=10):
        wait_until(lambda: self.metrics()[name] >= value, f"{name} {value}", seconds)


class Metrics(WebTest):
    SETTINGS = {
        "web": {"listen": WEB},
        "rules": [{"pass": "passed.example"}, {"block": "blocked.example"}],
    }

    @classmethod
    def make_servers(cls):
        cls.alice = cls.pki.client("Alice")
        cls.unknown = iter(ASKING)
        for host in ("plain.example", "passed.example", "blocked.example"):
            cls.nginx.site(host)
        for host in ASKING:
            cls.nginx.requiring(host)

    def fates(self):
        """One connection of each fate and reason that this lab has."""
        self.curl("plain.example")
        self.curl("passed.example")
        self.curl("blocked.example")
        host = next(self.unknown)
        for _ in range(2):
            self.curl(host, "--cert", self.alice.certificate, "--key", self.alice.key)

    def counted(self, fate, reason, before, n=1):
        name = f'postern_connections_total{{fate="{fate}",reason="{reason}"}}'
        self.await_metric(name, before[name] + n)

    def test_greeted_early(self):
        name = "postern_greeted_early_total"
        before = self.metrics()[name]
        with self.configured({"downstream": {"greet_early": True}}):
            lines = [self.curl("plain.example")[1] for _ in range(6)]  # each worker has to meet the server first
        early = sum(line["downstream"].get("early", False) for line in lines)
        self.assertGreater(early, 0)
        self.await_metric(name, before + early)
        self.assertEqual(self.metrics()[name], before + early)

    def test_counts(self):
        """Each connection is counted once, by its fate and its reason, and nothing beside."""
        before = self.metrics()
        self.fates()
        self.counted("intercept", "default", before)
        self.counted("pass", "rule", before)
        self.counted("block", "rule", before)
        self.counted("learn", "client_certificate_requested", before)
        self.counted("pass", "learned", before)
        after = self.metrics()
        grown = {name: after[name] - before[name] for name in after if after[name] != before.get(name, 0)}
        self.assertEqual(sum(n for name, n in grown.items() if name.startswith("postern_connections_total")), 5, grown)
        self.assertEqual(sum(n for name, n in grown.items() if name.startswith("postern_connection_ends_total")), 5)
        self.assertEqual(grown["postern_connections_accepted_total"], 5)
        self.assertGreater(grown['postern_bytes_total{fate="intercept",direction="to_client"}'], 0)
        self.assertGreater(grown['postern_bytes_total{fate="pass",direction="to_client"}'], 0)
        self.assertGreaterEqual(grown['postern_handshakes_total{leg="downstream",version="TLSv1.3",resumed="no"}'], 1)
        self.assertEqual(grown['postern_setup_seconds_count{fate="intercept"}'], 1)
        self.assertGreaterEqual(grown['postern_setup_seconds_count{fate="pass"}'], 2)
        forged = ('postern_certgen_requests_total{result="ok"}', "postern_certgen_cached_total")
        self.assertEqual(sum(grown.get(name, 0) for name in forged), 1)
        self.await_metric('postern_learned_entries{class="asked",state="active"}', 1)
        self.assertEqual(after["postern_learned_store_up"], 1)
        self.assertEqual(after['postern_door{state="armed"}'], 1)
        self.assertEqual(after['postern_on_failure{mode="closed"}'], 1)
        self.assertIn('postern_queue_length{queue="4430"}', after)

    def test_bytes_while_they_flow(self):
        """A long connection is seen before it ends."""
        before = self.metrics()['postern_bytes_total{fate="intercept",direction="to_server"}']
        tls, _ = self.shake_hands("plain.example")
        request = b"GET / HTTP/1.1\r\nHost: plain.example\r\n\r\n"
        tls.send(request)
        tls.receive()
        self.await_metric('postern_bytes_total{fate="intercept",direction="to_server"}', before + len(request))
        self.await_metric("postern_connections_open", 1)

    def test_histograms_are_sound(self):
        self.fates()
        status, text = self.ask("/metrics")
        series = {}
        for line in text.splitlines():
            if match := re.fullmatch(r'(\w+)_bucket\{(.*?),?le="([^"]+)"\} (\d+)', line):
                series.setdefault((match[1], match[2]), []).append((float(match[3]), int(match[4])))
        self.assertGreater(len(series), 8)
        values = numbers(text)
        for (name, labels), buckets in series.items():
            with self.subTest(name=name, labels=labels):
                self.assertEqual(buckets, sorted(buckets))
                self.assertEqual([n for _, n in buckets], sorted(n for _, n in buckets))
                suffix = f"{{{labels}}}" if labels else ""
                self.assertEqual(buckets[-1], (float("inf"), values[f"{name}_count{suffix}"]))
        self.assertEqual(status, 200)

    def test_promtool(self):
        """Names, types and help are as Prometheus wants them."""
        text = self.ask("/metrics")[1]
        checked = self.lab.appliance.run("promtool", "check", "metrics", input=text, check=False)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_alert_rules(self):
        """They are sound, and fire when they must."""
        folder = self.lab.folder / "alerts"
        folder.mkdir()
        shutil.copy(MONITORING / "alerts.yaml", folder)
        shutil.copy(REPOSITORY / "test/data/monitoring/alerts_test.yaml", folder)
        for command in ("check rules alerts.yaml", "test rules alerts_test.yaml"):
            done = self.lab.appliance.run("promtool", *command.split(), cwd=folder, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_dashboard_and_rules_ask_what_there_is(self):
        """Every name in the dashboard and in the rules is one that /metrics has."""
        names = {re.sub(r"_(bucket|sum|count)$", "", name.partition("{")[0]) for name in self.metrics()}
        dashboard = (MONITORING / "grafana-dashboard.json").read_text()
        json.loads(dashboard)
        for where, text in (("dashboard", dashboard), ("alerts", (MONITORING / "alerts.yaml").read_text())):
            asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bpostern_\w+", text)}
            self.assertGreater(len(asked), 10)
            self.assertEqual(asked - names, set(), where)

    @contextlib.contextmanager
    def prometheus(self):
        folder = self.lab.folder / "prometheus"
        folder.mkdir()
        (folder / "prometheus.yml").write_text(SCRAPED.format(rules=MONITORING / "alerts.yaml", web=WEB))
        with (folder / "log").open("w") as log:
            process = self.lab.appliance.start("prometheus", "--config.file", folder / "prometheus.yml",
                "--storage.tsdb.path", folder / "data", "--web.listen-address", PROMETHEUS, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)

    def query(self, expression):
        """The values of an instant query, by labels."""
        status, body = self.ask(f"/api/v1/query?query={urllib.parse.quote(expression)}", web=PROMETHEUS)
        if status != 200:
            return {}
        return {tuple(sorted(row["metric"].items())): float(row["value"][1])
            for row in json.loads(body)["data"]["result"]}

    def expressions(self):
        """(where, PromQL) of the dashboard and of the rules, with a value for each of Grafana's variables."""
        dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield panel["title"], target["expr"]
        for note in dashboard["annotations"]["list"]:
            yield note["name"], note["expr"]
        rules = json.loads(self.ask("/api/v1/rules", web=PROMETHEUS)[1])["data"]["groups"]
        for rule in itertools.chain.from_iterable(group["rules"] for group in rules):
            yield rule["name"], rule["query"]

    def test_prometheus(self):
        """It scrapes, and tells a rate and a quantile; all that the dashboard and the rules ask has an answer."""
        with self.prometheus():
            wait_until(lambda: self.query('up{job="postern"} == 1'), "a scrape", 30)
            time.sleep(1.5)
            self.fates()
            rate = 'sum by (fate) (rate(postern_connections_total[30s])) > 0'
            wait_until(lambda: len(self.query(rate)) == 4, "rates of four fates", 20)
            slow = 'histogram_quantile(0.9, sum by (le) (rate(postern_setup_seconds_bucket[30s]))) > 0'
            self.assertEqual(len(wait_until(lambda: self.query(slow), "a quantile", 10)), 1)
            for where, expression in self.expressions():
                text = expression.replace("$instance", ".*").replace("$__rate_interval", "30s")
                self.assertNotIn("$", text, where)
                # What is compared may well have no answer.
                asked, _, _ = re.sub(r"topk\(\d+, (.*)\)", r"\1", text).partition(" > 0")
                status, body = self.ask(f"/api/v1/query?query={urllib.parse.quote(text)}", web=PROMETHEUS)
                self.assertEqual((status, json.loads(body)["status"]), (200, "success"), (where, text, body))
                if not re.search(r" [=!<>]=? ", asked):
                    self.assertTrue(self.query(asked), (where, asked))

    def test_dashboard_as_grafana_reads_it(self):
        """Its importer and its panels: variables that exist, one identifier each, on a grid of 24, none over another."""
        dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
        variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
        self.assertEqual(variables["datasource"]["type"], "datasource")
        self.assertRegex(variables["instance"]["query"]["query"], r"^label_values\(postern_\w+, instance\)$")
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"]) + json.dumps(dashboard["annotations"])))
        self.assertEqual({name for name in used if not name.startswith("__")}, set(variables))
        source = {"type": "prometheus", "uid": "${datasource}"}
        panels, taken = dashboard["panels"], set()
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        for panel in panels:
            with self.subTest(panel=panel["title"]):
                self.assertIn(panel["type"], ("stat", "timeseries"))
                self.assertEqual([panel["datasource"], *(target["datasource"] for target in panel["targets"])],
                    (1 + len(panel["targets"])) * [source])
                self.assertEqual(len({target["refId"] for target in panel["targets"]}), len(panel["targets"]))
                place = panel["gridPos"]
                cells = set(itertools.product(range(place["x"], place["x"] + place["w"]),
                    range(place["y"], place["y"] + place["h"])))
                self.assertLessEqual(place["x"] + place["w"], 24)
                self.assertEqual(cells & taken, set())
                taken |= cells
        self.assertIsInstance(dashboard["schemaVersion"], int)
        self.assertTrue(dashboard["title"] and dashboard["uid"])

    # --- health ---

    def pids(self):
        return self.engine.status()["pids"]

    def test_healthy(self):
        self.assertEqual(self.ask("/healthz"), (200, "ok\n"))
        self.assertEqual(self.ask("/readyz"), (200, "ok\n"))

    @contextlib.contextmanager
    def stopped(self, process):
        pid = self.pids()[process]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def await_health(self, path, status, text):
        wait_until(lambda: (answer := self.ask(path))[0] == status and re.search(text, answer[1]),
            f"{path} {status} {text}", 10)

    def test_engine_hangs(self):
        with self.stopped("engine"):
            self.await_health("/healthz", 503, r"worker \d has not answered for [\d.]+ s")
            self.await_health("/readyz", 503, "worker")
            self.assertEqual(self.metrics()["postern_alive"], 0)
            wait_until(lambda: self.metrics()['postern_door{state="closed"}'] == 1, "a closed door")
        self.await_health("/healthz", 200, "ok")
        self.await_health("/readyz", 200, "ok")
        self.assertGreaterEqual(self.metrics()['postern_alerts_total{kind="door_closed"}'], 1)

    def test_gate_hangs(self):
        with self.stopped("gate"):
            self.await_health("/healthz", 503, "the gate does not answer")
            self.assertEqual(self.metrics()['postern_door{state="closed"}'], 1)
        self.await_health("/readyz", 200, "ok")

    def test_rules_are_gone(self):
        """Alive, and not ready."""
        rules = REPOSITORY / "rules" / "postern-rules"
        self.lab.appliance.run(rules, "down")
        try:
            self.await_health("/readyz", 503, "the door is closed: the rules are not loaded")
            self.assertEqual(self.ask("/healthz"), (200, "ok\n"))
        finally:
            self.lab.appliance.run(rules, "up")
        self.await_health("/readyz", 200, "ok")

    def test_engine_is_killed(self):
        """The next engine goes on with the counters."""
        self.fates()
        before = self.metrics()
        os.kill(self.pids()["engine"], signal.SIGKILL)
        name = 'postern_process_starts_total{process="engine"}'
        wait_until(lambda: self.metrics()[name] == before[name] + 1, "another engine")
        self.await_health("/readyz", 200, "ok")
        self.curl("plain.example")
        name = 'postern_connections_total{fate="intercept",reason="default"}'
        self.await_metric(name, before[name] + 1)

    def test_page_is_killed(self):
        """It is started again, and nobody else notices."""
        pids = self.pids()
        os.kill(pids["web"], signal.SIGKILL)
        wait_until(lambda: self.pids()["web"] not in (0, pids["web"]), "another page")
        wait_until(lambda: self.ask("/healthz") == (200, "ok\n"), "its answer")
        self.assertEqual({**self.pids(), "web": 0}, {**pids, "web": 0})

    def test_upgrade(self):
        """A connection that began before an upgrade is counted where those after it are."""
        tls, _ = self.shake_hands("plain.example")
        before = self.metrics()
        said = self.engine.said("posternd: ready")
        self.engine.process.send_signal(signal.SIGUSR2)
        self.engine.await_message("posternd: ready", said, seconds=30)
        wait_until(lambda: self.ask("/readyz")[0] == 200, "the page of the new program", 20)
        self.assertGreaterEqual(self.metrics()["postern_draining_engines"], 1)
        tls.end.close()
        name = 'postern_connections_total{fate="intercept",reason="default"}'
        self.await_metric(name, before[name] + 1)
        self.curl("plain.example")
        self.await_metric(name, before[name] + 2)

    # --- postern top ---

    def test_top_once(self):
        self.fates()
        wait_until(lambda: "asks" in self.postern("learned", "list"), "the entry in the store")
        text = self.postern("top", "--once")
        self.assertIn("door         armed", text)
        self.assertIn("health       ok", text)
        self.assertRegex(text, r"intercept +\S+ +[1-9]")
        self.assertRegex(text, r"learn +\S+ +[1-9]")
        self.assertIn("last alerts", text)
        self.assertRegex(text, r"(asked|required) +active +asks\d\.example")
        with self.stopped("engine"):
            wait_until(lambda: "has not answered for" in self.postern("top", "--once"), "what hangs")

    def test_top_on_a_terminal(self):
        """It fits, moves, ends with q, and leaves the terminal as it was."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
        before = termios.tcgetattr(slave)
        process = subprocess.Popen([build() / "engine/cli/postern", "top", "--config", self.engine.configuration],
            stdin=slave, stdout=slave, stderr=slave)
        seen = b""
        while seen.count(b"\x1b[H") < 3:  # frames
            self.assertTrue(select.select([master], [], [], 20)[0], seen)
            seen += os.read(master, 65536)
        os.write(master, b"q")
        self.assertEqual(process.wait(timeout=20), 0)
        seen += os.read(master, 65536)
        self.assertEqual(termios.tcgetattr(slave), before)
        os.close(slave)
        os.close(master)
        frame = seen.split(b"\x1b[H")[2].partition(b"\x1b[J")[0].decode()
        lines = frame.replace("\x1b[K", "").split("\r\n")
        self.assertLessEqual(len(lines), 20)
        self.assertLessEqual(max(map(len, lines)), 60)
        self.assertNotIn("\x1b", "".join(lines))
        self.assertTrue(seen.rstrip().endswith(b"\x1b[?25h\x1b[?1049l"), seen[-40:])

    def test_top_of_nothing(self):
        """Without a posternd it says so; of one that is dead, what it left behind."""
        missing = self.engine.folder / "missing.yaml"
        missing.write_text(json.dumps({**self.engine.settings, "status_file": "/nowhere/status"}))
        done = subprocess.run([build() / "engine/cli/postern", "top", "--once", "--config", missing], text=True,
            capture_output=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (1,
            "postern: top: /nowhere/status: posternd has not run since boot\n"))

    # --- who may ask ---

    def test_privileges(self):
        """No root, no capability, no new privileges, few system calls."""
        pid = self.pids()["web"]
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        self.assertNotIn("0", status["Uid"].split())
        for kind in ("CapPrm", "CapEff", "CapBnd" if not is_sanitized() else "CapEff"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual((status["NoNewPrivs"].strip(), status["Seccomp"].strip()), ("1", "2"))

    def test_reload_moves_it(self):
        other = "127.0.0.1:9444"
        with self.configured({"web": {"listen": other}}):
            wait_until(lambda: self.ask("/healthz", web=other)[0] == 200, "the other address")
            self.assertEqual(self.ask("/healthz")[0], 0)
        wait_until(lambda: self.ask("/healthz")[0] == 200, "the first address")

    def test_unix_socket(self):
        path = self.engine.folder / "run" / "web.sock"
        with self.configured({"web": {"listen": f"unix:{path}"}}):
            wait_until(lambda: self.ask("/healthz", "--unix-socket", path)[0] == 200, "the socket")
            self.assertEqual(path.stat().st_mode & 0o777, 0o660)
            self.assertEqual(path.group(), "nogroup")  # of the engine's user
        wait_until(lambda: self.ask("/healthz")[0] == 200, "the address")

    def test_off(self):
        with self.configured({"web": {"listen": "none"}}):
            wait_until(lambda: self.pids()["web"] == 0, "its end")
            self.assertNotIn("postern-web", self.engine.processes().values())
        wait_until(lambda: self.ask("/healthz")[0] == 200, "it again")


if __name__ == "__main__":
    unittest.main()
