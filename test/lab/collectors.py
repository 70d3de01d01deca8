# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes events: rsyslog, systemd's journal, and a program that does not do its work."""

import json
import os
import pathlib
import shutil
import socket
import subprocess

from lab import wait_until

RSYSLOG = """
global(workDirectory="{folder}")
module(load="imuxsock" SysSock.Use="off")
module(load="imtcp")
module(load="imudp")
module(load="imptcp")
module(load="mmjsonparse")
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
ruleset(name="cee") {{
    action(type="mmjsonparse" cookie="@cee:")
    action(type="omfile" file="{folder}/received" template="fields")
}}
ruleset(name="lines") {{
    action(type="mmjsonparse" cookie="" useRawMsg="on")
    action(type="omfile" file="{folder}/received" template="fields")
}}
input(type="imuxsock" Socket="{folder}/new" UseSpecialParser="off" ruleset="cee")
input(type="imuxsock" Socket="{folder}/old" ruleset="cee")
input(type="imtcp" port="601" address="127.0.0.1" ruleset="cee")
input(type="imudp" port="514" address="127.0.0.1" ruleset="cee")
input(type="imptcp" path="{folder}/lines" unlink="on" ruleset="lines")
"""


class Rsyslog:
    """On the appliance: `new` and `old` are its /dev/log, for RFC 5424 and 3164; `lines` takes JSON lines."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = lab.folder / "rsyslog"
        self.folder.mkdir()
        self.received = self.folder / "received"
        self.process = None
        (self.folder / "conf").write_text(RSYSLOG.format(folder=self.folder))

    def start(self):
        self.process = self.lab.appliance.start("rsyslogd", "-n", "-f", self.folder / "conf", "-i", self.folder / "pid",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: "127.0.0.1:601" in self.lab.appliance.listening() and (self.folder / "lines").exists(),
            "rsyslog")
        (self.folder / "lines").chmod(0o666)  # the engine is nobody

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
