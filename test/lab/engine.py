# SPDX-License-Identifier: GPL-3.0-or-later
"""posternd in a lab: its configuration, its processes, its connection log."""

import collections
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from lab import REPOSITORY, wait_until

SANITIZERS = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1",
    "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1",
    "TSAN_OPTIONS": "exitcode=99",
}
CA = "Appliance CA"
UNTRUSTED_CA = f"Postern UNTRUSTED {socket.gethostname()}"
COMPLAINT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def build():
    """The folder of the binaries under test."""
    return pathlib.Path(os.environ.get("POSTERN_BUILD", REPOSITORY / "build" / "release")).resolve()


def is_sanitized():
    """Whether they are instrumented, and so many times slower."""
    return re.search(r"^POSTERN_SANITIZE:\w+=.", (build() / "CMakeCache.txt").read_text(), re.MULTILINE) is not None


def postern(*arguments):
    """The command postern."""
    return subprocess.run([build() / "engine/cli/postern", *map(str, arguments)], check=True, text=True,
        stdout=subprocess.PIPE, timeout=30).stdout


def merged(settings, changes):
    """Settings with those of `changes` in their place, group by group."""
    result = dict(settings)
    for key, value in changes.items():
        result[key] = merged(result.get(key, {}), value) if isinstance(value, dict) else value
    return result


class Engine:
    def __init__(self, lab, pki, changes=None, name="engine"):
        """Makes the configuration and the CA; start() does the rest. `name`: of its folder."""
        self.lab = lab
        self.folder = lab.folder / name
        self.folder.mkdir()
        shutil.chown(self.folder, "nobody")  # the engine's user: it writes the log
        self.log = self.folder / "events.json"
        self.messages = self.folder / "stderr"
        # No other's: the lab has its name from its process, and numbers of processes come again.
        self.left_as = f"{lab.name}-{name}-{time.time_ns()}"
        self.process = None
        self._unclaimed = []
        self._events = []  # that are no connections
        self._exchanges = []  # of HTTP
        self._read = 0
        self.settings = merged({
            "user": "nobody",
            "workers": 2,
            "state_dir": str(self.folder),
            "ca": {
                "certificate": str(self.folder / "ca.crt"), "key": str(self.folder / "ca.key"),
                "untrusted_certificate": str(self.folder / "untrusted.crt"),
                "untrusted_key": str(self.folder / "untrusted.key")},
            "gate": {"user": "bin"},
            "status_file": str(self.folder / "run" / "status"),
            "web": {"token": str(self.folder / "web.token")},
            "certgen": {"user": "daemon", "program": str(build() / "certgen/postern-certgen")},
            "upstream": {"trust_store": str(pki.root.certificate)},
            "audit": {"issued": str(lab.folder / "audit" / "issued.json")},
            "learn": {"store": str(self.folder / "learned.db")},
            "log": {"outputs": [{"file": str(self.log)}]},
        }, changes or {})
        self.configure()
        postern("ca", "init", "--subject", f"/CN={CA}", "--config", self.configuration)
        (lab.folder / "trusted.pem").write_text(
            pki.root.certificate.read_text() + (self.folder / "ca.crt").read_text())

    @property
    def configuration(self):
        return self.folder / "postern.yaml"

    def configure(self, changes=None):
        """Writes the configuration, with these settings in place of its own."""
        self.configuration.write_text(json.dumps(merged(self.settings, changes or {}), indent=2))  # JSON is YAML

    def start(self, *prefix):
        before = self.said("posternd: ready")
        with self.messages.open("ab") as messages:
            self.process = self.lab.appliance.start(
                *prefix, build() / "engine/posternd", "--foreground", "--config", self.configuration,
                stdin=subprocess.DEVNULL, stdout=messages, stderr=messages,
                env={**SANITIZERS, **os.environ})
        self.await_message("posternd: ready", before, seconds=30)
        if self.lab.is_diverted:
            self.await_door("armed")

    def status(self):
        """What `postern status` says; it exits with 1 when new connections are not judged."""
        found = subprocess.run([build() / "engine/cli/postern", "status", "--json", "--config", self.configuration],
            text=True, stdout=subprocess.PIPE, timeout=30)
        status = json.loads(found.stdout)
        assert found.returncode == (0 if status["door"] == "armed" else 1), found
        return status

    def await_door(self, door, seconds=10):
        wait_until(lambda: self.status()["door"] == door, f"the door {door}", seconds)

    def said(self, text):
        """How often it said that on standard error."""
        return self.messages.read_text().count(text) if self.messages.exists() else 0

    def await_message(self, text, before=0, seconds=10):
        """Waits until it says that once more than `before` times."""
        def is_said():
            if self.said(text) > before:
                return True
            if self.process.poll() is not None:
                raise RuntimeError(f"posternd ended with {self.process.returncode}:\n{self.messages.read_text()}")
            return False

        wait_until(is_said, f"the message {text!r}", seconds)

    def reload(self, changes=None):
        """Puts changed settings in force, by SIGHUP; none: those it was made with."""
        self.configure(changes)
        messages = ("posternd: reloaded", "posternd-gate: reloaded")
        before = [self.said(message) for message in messages]
        self.process.send_signal(signal.SIGHUP)
        for message, count in zip(messages, before):
            self.await_message(message, count)

    def stop(self):
        """Asserts that it ended well: in time, with nothing left behind, and no sanitizer complained."""
        started = self.processes()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        self._leave_log()
        said = self.messages.read_text()
        assert self.process.returncode == 0, f"exit code {self.process.returncode}:\n{said}"
        assert not COMPLAINT.search(said), said
        wait_until(lambda: not any(pathlib.Path("/proc", str(pid)).exists() for pid in started),
            f"the end of all of {started}")

    def _leave_log(self):
        """For test_reasons.py, which looks at what all labs have logged."""
        if folder := os.environ.get("POSTERN_LAB_LOG"):
            copy = pathlib.Path(folder, self.left_as)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text("".join(log.read_text() for log in self.folder.glob(f"{self.log.name}*")))

    def processes(self):
        """posternd and its children: pid to name."""
        pid = self.process.pid
        found = subprocess.run(["ps", "-o", "pid=,comm=", "--pid", str(pid), "--ppid", str(pid)], text=True,
            stdout=subprocess.PIPE)
        rows = (line.split(maxsplit=1) for line in found.stdout.splitlines())
        return {int(pid): name for pid, name in rows}

    def certgen(self):
        """certgen's process, or None."""
        return next((pid for pid, name in self.processes().items() if name == "postern-certgen"), None)

    def descriptors(self):
        """How many descriptors its processes have open."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes())

    def connection(self, port=None, host=None):
        """
        The line of the connection that the client made from that port, or to that host. Each line is
        given out once.
        """
        def claim():
            self._read_log()
            for i, line in enumerate(self._unclaimed):
                if port == line["src_port"] or host and host == line.get("tls", {}).get("sni"):
                    return self._unclaimed.pop(i)
            return None

        return wait_until(claim, f"a log line of port {port}, host {host}")

    def event(self, kind, what, host):
        """The event about what was learned of that host. Each is given out once."""
        def claim():
            self._read_log()
            for i, event in enumerate(self._events):
                about = event.get("entry", {}).get("host") or event.get("tls", {}).get("sni")
                if (event["event_type"], event.get("what"), about) == (kind, what, host):
                    return self._events.pop(i)
            return None

        return wait_until(claim, f"an event {kind} {what} of {host}")

    def exchange(self, port, **wanted):
        """The event about HTTP on the connection from that port, with these facts. Each is given out once."""
        def claim():
            self._read_log()
            for i, event in enumerate(self._exchanges):
                if port == event["src_port"] and wanted.items() <= event["http"].items():
                    return self._exchanges.pop(i)
            return None

        return wait_until(claim, f"an event of HTTP on port {port}: {wanted}")

    def exchanges(self):
        """Those that are there already, and that nobody claimed."""
        self._read_log()
        return self._exchanges

    def rewind(self):
        """The log is a new file."""
        self._read = 0

    def forget(self):
        """The lines that nobody claimed."""
        self._read_log()
        self._unclaimed.clear()

    def connections(self, count, seconds=10):
        """The lines of the next `count` connections, whatever their ports."""
        def claim():
            self._read_log()
            return len(self._unclaimed) >= count

        try:
            wait_until(claim, f"{count} log lines", seconds)
        except TimeoutError as error:
            ends = collections.Counter((line["reason"], line["end"]) for line in self._unclaimed)
            raise TimeoutError(f"{error}, but {len(self._unclaimed)}: {dict(ends)}") from error
        lines, self._unclaimed[:count] = self._unclaimed[:count], []
        return lines

    def _read_log(self):
        if not self.log.exists():
            return
        with self.log.open("rb") as log:
            log.seek(self._read)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                event = json.loads(line)
                lists = {"connection": self._unclaimed, "http": self._exchanges}
                lists.get(event["event_type"], self._events).append(event)
