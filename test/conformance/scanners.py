# SPDX-License-Identifier: GPL-3.0-or-later
"""sslscan and testssl.sh, each at every host of the stage: what they enumerate of the client face."""

import json
import subprocess
import xml.etree.ElementTree

from results import OK, Result
from stage import HOSTS

PROTOCOLS = {"TLS 1.2", "TLS 1.3"}
STRENGTHS = {"strong", "acceptable"}
FINE = {"OK", "INFO", "LOW", "DEBUG"}  # severities of testssl.sh


def read_sslscan(host, document):
    """A result for each thing that it looked at; its own marks decide, where it has any."""
    results = []

    def note(check, wrong):
        results.append(Result("sslscan", host, check, wrong or OK))

    for element in document.iter():
        is_set = {name: element.get(name) == "1" for name in ("enabled", "supported", "secure", "vulnerable")}
        name = element.get("cipher") or element.get("name")
        if element.tag == "protocol":
            protocol = f"{element.get('type').upper()} {element.get('version')}"
            note(protocol, is_set["enabled"] != (protocol in PROTOCOLS) and ("off", "on")[is_set["enabled"]])
        elif element.tag == "renegotiation":
            note("renegotiation", is_set["supported"] and not is_set["secure"] and "insecure")
        elif element.tag == "compression":
            note("compression", is_set["supported"] and "on")
        elif element.tag == "fallback":
            note("TLS_FALLBACK_SCSV", not is_set["supported"] and "ignored")
        elif element.tag == "heartbleed":
            note(f"heartbleed {element.get('sslversion')}", is_set["vulnerable"] and "vulnerable")
        elif element.tag == "cipher":
            strength = element.get("strength")
            note(f"{element.get('sslversion')} {name}", strength not in STRENGTHS and strength)
        elif element.tag == "group":
            bits = float(element.get("bits"))
            note(f"{element.get('sslversion')} {name}", bits < 112 and f"{bits:g} bits")
        elif element.tag == "connection-signature-algorithm":
            is_old = any(hash in name for hash in ("md5", "sha1", "any"))
            note(f"{element.get('sslversion')} {name}", is_old and "old")
        elif element.tag == "signature-algorithm":
            note("certificate's signature", any(hash in element.text.lower() for hash in ("md5", "sha1")) and element.text)
        elif element.tag == "pk":
            note("certificate's key", element.get("error") != "false" and "weak")
        elif element.tag in ("self-signed", "expired"):
            note(f"certificate {element.tag}", element.text != "false" and element.text)
    return results


def run_sslscan(stage, tell):
    results = []
    for host in HOSTS:
        tell(f"sslscan: {host}")
        path = stage.lab.folder / f"sslscan-{host}.xml"
        stage.lab.client.run("sslscan", "--show-sigs", f"--xml={path}", f"{host}:443", timeout=300)
        results += read_sslscan(host, xml.etree.ElementTree.parse(path).getroot())
    return results


def run_testssl(stage, tell):
    results = []
    for host in HOSTS:
        tell(f"testssl.sh: {host}, some minutes")
        path = stage.lab.folder / f"testssl-{host}.json"
        # Its exit code counts findings.
        stage.lab.client.run("testssl", "--quiet", "--warnings", "off", "--openssl-timeout", 10, "--ip",
            stage.lab.addresses[host][0], "--add-ca", stage.engine.folder / "ca.crt", "--jsonfile", path, host,
            check=False, timeout=1200, stdin=subprocess.DEVNULL)
        for finding in json.loads(path.read_text()):
            severity = finding["severity"]
            results.append(Result("testssl.sh", host, finding["id"],
                OK if severity in FINE else f"{severity}: {finding['finding']}"))
    return results


def version(*command):
    """Of a Debian package."""
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", *command], check=True, text=True,
        stdout=subprocess.PIPE).stdout
