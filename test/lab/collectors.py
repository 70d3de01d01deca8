# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes events: rsyslog, syslog-ng, systemd's journal, and a program that does not do its work."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess

import unpacked
from lab import REPOSITORY, wait_until


def documented(collector, paths):
    """The configuration that doc/events.md has for it, with these paths in place of those."""
    page = (REPOSITORY / "doc" / "events.md").read_text()
    text, = re.findall(rf"^```{collector}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for shown, path in paths.items():
        if f'"{shown}"' not in text:
            raise RuntimeError(f"{shown} is not in {text}")
        text = text.replace(f'"{shown}"', f'"{path}"')
    return text


# What is looked at beside what the page has; and inputs of the other kinds.
RSYSLOG = """
global(workDirectory="{folder}")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
template(name="fields" type="list" option.jsonf="on") {{
    property(outname="app" name="app-name" format="jsonf")
    property(outname="kind" name="msgid" format="jsonf")
    property(outname="facility" name="syslogfacility-text" format="jsonf")
    property(outname="severity" name="syslogseverity-text" format="jsonf")
    property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="input" name="inputname" format="jsonf")
    property(outname="type" name="$!event_type" format="jsonf")
    property(outname="sni" name="$!tls!sni" format="jsonf")
    property(outname="bytes" name="$!flow!bytes_toclient" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
}}
ruleset(name="all") {{
    action(type="omfile" file="{folder}/received" template="fields")
}}
input(type="imuxsock" Socket="{folder}/new" UseSpecialParser="off" ruleset="postern_syslog")
input(type="imuxsock" Socket="{folder}/old" ruleset="postern_syslog")
input(type="imudp" port="514" address="127.0.0.1" ruleset="postern_syslog")
"""


class Rsyslog:
    """On the appliance: `new` and `old` are its /dev/log, for RFC 5424 and 3164; `lines` takes JSON lines."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = lab.folder / "rsyslog"
        self.folder.mkdir()
        self.received, self.blocked = self.folder / "received", self.folder / "blocked.log"
        self.process = None
        page = documented("rsyslog", {"/run/collector.sock": self.folder / "lines", "/var/log/blocked.log": self.blocked})
        # Each ruleset of the page, and then the one above.
        (self.folder / "conf").write_text(page.replace("call postern\n", "call postern\n    call all\n")
            + RSYSLOG.format(folder=self.folder))

    def start(self):
        self.process = self.lab.appliance.start("rsyslogd", "-n", "-f", self.folder / "conf", "-i", self.folder / "pid",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: "0.0.0.0:601" in self.lab.appliance.listening() and (self.folder / "lines").exists(),
            "rsyslog")
        (self.folder / "lines").chmod(0o666)  # the engine is nobody

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)

    def messages(self):
        if not self.received.exists():
            return []
        return [json.loads(line) for line in self.received.read_text().splitlines() if line.endswith("}")]


# Beside what the page has: each event as JSON again, by its source.
SYSLOG_NG = """
destination d_all {{
    file("{received}" template("$(format-json source=${{SOURCE}} program=${{PROGRAM}} kind=${{MSGID}} --key .eve.*)\\n"));
}};
log {{ source(s_syslog); source(s_lines); source(s_file); parser(p_eve); destination(d_all); }};
"""


class SyslogNg:
    """On the appliance: it takes syslog by TCP and lines of JSON on `lines`, and follows a file."""

    def __init__(self, lab, file):
        self.lab = lab
        self.folder = lab.folder / "syslog-ng"
        self.folder.mkdir()
        self.received, self.blocked = self.folder / "received", self.folder / "blocked.log"
        self.process = None
        (self.folder / "conf").write_text(documented("syslog-ng", {"/run/collector.sock": self.folder / "lines",
            "/var/log/postern/events.json": file, "/var/log/blocked.log": self.blocked})
            + SYSLOG_NG.format(received=self.received))

    def start(self):
        program, root, environment = unpacked.program("syslog-ng", "usr/sbin/syslog-ng")
        modules = [f"--module-path={module.parent}" for module in root.glob("**/libjson-plugin.so")] if root else []
        self.process = self.lab.appliance.start(program, "-F", "--no-caps", "-f", self.folder / "conf", *modules,
            "-R", self.folder / "persist", "-p", self.folder / "pid", "-c", self.folder / "control", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        wait_until(lambda: "0.0.0.0:601" in self.lab.appliance.listening() and (self.folder / "lines").exists(),
            "syslog-ng")
        (self.folder / "lines").chmod(0o666)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)

    def messages(self):
        if not self.received.exists():
            return []
        return [json.loads(line) for line in self.received.read_text().splitlines() if line.endswith("}")]


class Journal:
    """A journal of its own, as systemd keeps for a log namespace."""

    def __init__(self, lab):
        self.name = lab.name
        self.socket = pathlib.Path(f"/run/systemd/journal.{self.name}/socket")
        self.process = subprocess.Popen([next(path for path in (
            "/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald") if os.path.exists(path)), self.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.socket.exists, "the journal")

    def entries(self, *matches):
        """What journalctl finds by these fields."""
        found = subprocess.run(["journalctl", f"--namespace={self.name}", "--output=json", "--all", *matches], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        return [json.loads(line) for line in found.stdout.splitlines()]

    def remove(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        shutil.rmtree(self.socket.parent, ignore_errors=True)
        for log in ("/var/log/journal", "/run/log/journal"):
            for folder in pathlib.Path(log).glob(f"*.{self.name}"):
                shutil.rmtree(folder)


class Sloth:
    """A collector that accepts and does not read until it is asked to."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.path.chmod(0o666)
        self.listener.listen()
        self.listener.settimeout(20)
        self.end = None
        self._left = b""

    def accept(self):
        self.end, _ = self.listener.accept()
        self.end.settimeout(20)

    def read(self):
        """The events that come next; [] when it was left."""
        got = self.end.recv(1 << 20)
        *lines, self._left = (self._left + got).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self):
        if self.end:
            self.end.close()
        self.listener.close()
