# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that read captures: tshark, Suricata."""

import json
import subprocess

import unpacked
from lab import PATIENCE

_CHECKED = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
# What a capture of a whole, sound connection has none of.
_UNSOUND = "tcp.analysis.flags || tcp.checksum.status != 1 || ip.checksum.status != 1 || _ws.malformed"
_CUT = "cut short"


def tshark(path, *options):
    """What tshark prints; RuntimeError: it could not read the file to its end."""
    done = subprocess.run(["tshark", "-n", "-r", path, *_CHECKED, *options], text=True, timeout=60 * PATIENCE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0 or _CUT in done.stderr:
        raise RuntimeError(f"tshark cannot read {path}: {done.stderr}")
    return done.stdout


_BOOLEANS = {"True": "1", "False": "0"}  # newer tshark's words


def fields(path, filter_, *names, options=()):
    """Of each packet that the filter admits: a tuple of its fields, as text; what occurs twice has a comma."""
    what = [word for name in names for word in ("-e", name)]
    lines = tshark(path, *options, "-Y", filter_, "-T", "fields", *what).splitlines()
    return [tuple(_BOOLEANS.get(word, word) for word in line.split("\t")) for line in lines]


def faults(path):
    """What is not sound about the TCP connections in a file, in tshark's words."""
    return tshark(path, "-Y", _UNSOUND).splitlines()


def packets(path):
    return len(fields(path, "frame", "frame.number"))


def objects(path, folder):
    """The bodies of HTTP by name, newer tshark those of HTTP/2, too; the folder is for them, and empty."""
    tshark(path, "-q", "--export-objects", f"http,{folder}")
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def merged(paths, path):
    subprocess.run(["mergecap", "-a", "-F", "pcap", "-w", path, *paths], check=True)
    return path


SURICATA = """%YAML 1.1
---
outputs:
  - eve-log: {enabled: yes, filename: eve.json, types: [alert, http, anomaly, stats]}
app-layer:
  protocols:
    http: {enabled: yes}
    http2: {enabled: yes}
"""


def suricata(folder, rules, source, prefix=(), **options):
    """
    A running Suricata that reads the file `source`, with these rules and a configuration that has no more
    than that; it writes its events into the folder, which it makes.
    """
    program, _, environment = unpacked.program("suricata", "usr/bin/suricata")
    folder.mkdir()
    (folder / "suricata.yaml").write_text(SURICATA)
    (folder / "test.rules").write_text(rules)
    return subprocess.Popen([*prefix, program, "-c", folder / "suricata.yaml", "-S", folder / "test.rules", "-l", folder,
        "--runmode", "single", "-k", "all", "-r", source], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, **options)


def events(folder, kind):
    """What Suricata wrote there of that kind."""
    lines = (folder / "eve.json").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event_type"] == kind]
