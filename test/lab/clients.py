# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of a lab, and what they saw."""

import dataclasses
import itertools
import json
import os
import re

_MARK = "\x1e"
# Chosen here, below what the kernel gives out: newer curls do not tell their port when they fail.
_ports = itertools.cycle(range(20000, 32000))


@dataclasses.dataclass
class Reply:
    """What curl saw of one request."""
    exit_code: int
    error: str    # curl's own words; "" when it went well
    status: int   # of HTTP; 0: no answer
    version: str  # of HTTP
    body: str
    issuer: str   # of the server's certificate, its common name; "" when there was none
    port: int     # its own: what the connection's log line says

    @property
    def saw(self):
        """The body of servers that say what they saw."""
        return json.loads(self.body)


def curl(lab, url, *options, family=4, timeout=20, environment=None):
    """curl in the client's namespace; it trusts the real root and the appliance's CA, both."""
    port = next(_ports)
    done = lab.client.run("curl", f"-{family}", "-sS", "--local-port", port, "--max-time", timeout,
        "--cacert", lab.folder / "trusted.pem", "-w", f"{_MARK}%{{json}}{_MARK}%{{certs}}", *options, url,
        check=False, timeout=timeout + 10, env={**os.environ, **(environment or {})})
    body, facts, certificates = done.stdout.split(_MARK)
    facts = json.loads(facts)
    issuer = re.search(r"^Issuer:(.*)$", certificates, re.MULTILINE)
    return Reply(done.returncode, facts["errormsg"] or "", facts["http_code"], facts["http_version"], body,
        common_name(issuer[1]) if issuer else "", port)


def common_name(subject):
    """Of a distinguished name as OpenSSL, nginx or Apache write it; "" when it has none."""
    found = re.search(r"CN ?= ?([^,]*)", subject)
    return found[1].strip() if found else ""
