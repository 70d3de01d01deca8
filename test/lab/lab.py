# SPDX-License-Identifier: GPL-3.0-or-later
"""
The lab: three network namespaces, joined as on a real network.

    client                     appliance                       server
      eth0 ─────────────── lan0         wan0 ─────────────── eth0
      10.0.1.2             10.0.1.1     10.0.2.1             10.0.2.2
      fd00:1::2            fd00:1::1    fd00:2::1            fd00:2::2
                                                             10.0.2.10, fd00:2::10: first host
                                                             10.0.2.11, fd00:2::11: second host ...

The appliance routes, and diverts by rules/postern-rules, the very files that a user would load. Each
host has addresses of its own, so that servers of any kind can all listen to port 443. Names are
resolved by /etc/netns/*/hosts and nothing else. Labs carry the process id in their names, so that any
number may run at once. With POSTERN_LAB_KEEP in the environment what they wrote stays in /tmp.
"""

import atexit
import contextlib
import ctypes
import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "rules" / "postern-rules"
ROLES = ("client", "appliance", "server")
PATIENCE = float(os.environ.get("POSTERN_LAB_PATIENCE", "1"))  # how many times slower the machine may be

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def wait_until(question, what, seconds=10.0):
    """The first true answer to `question`, asked again and again; TimeoutError when there is none in time."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} seconds: {what}")
        time.sleep(0.005)


def endpoint(address, port=443):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Namespace:
    """One machine of the lab."""

    def __init__(self, name):
        self.name = name
        self.started = []
        self.hosts = pathlib.Path("/etc/netns", name, "hosts")
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.hosts.parent.mkdir(parents=True)
        self.hosts.write_text("127.0.0.1 localhost\n::1 localhost\n")
        (self.hosts.parent / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        # Without duplicate address detection IPv6 works from the first moment: this is for the addresses
        # that the kernel makes, "nodad" for ours.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")

    def configure(self, *commands):
        """Commands of ip(8)."""
        subprocess.run(["ip", "-n", self.name, "-batch", "-"], check=True, text=True, input="\n".join(commands))

    def run(self, *command, check=True, timeout=60, **options):
        return subprocess.run(["ip", "netns", "exec", self.name, *map(str, command)], check=check,
            timeout=timeout * PATIENCE, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def start(self, *command, **options):
        """In a session of its own: the terminal's Ctrl-C is for the lab, which ends it in its turn."""
        process = subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, command)], start_new_session=True,
            **options)
        self.started.append(process)
        return process

    @contextlib.contextmanager
    def _entered(self):
        """Sockets that this thread makes belong to the namespace, and stay there."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)

    def socket(self, family, kind=socket.SOCK_STREAM):
        with self._entered():
            return socket.socket(family, kind)

    def connect(self, address, port=443, timeout=10, source=None):
        end = self.socket(_family(address))
        end.settimeout(timeout)
        try:
            if source:
                end.bind((source, 0))
            end.connect((address, port))
        except OSError:
            end.close()
            raise
        return end

    def listen(self, address, port=443):
        end = self.socket(_family(address))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end.bind((address, port))
        end.listen(128)
        return end

    def accepted(self):
        """How many TCP connections were made to this machine so far."""
        with self._entered():
            counters = pathlib.Path("/proc/thread-self/net/snmp").read_text()
        names, numbers = (line.split() for line in counters.splitlines() if line.startswith("Tcp:"))
        return int(numbers[names.index("PassiveOpens")])

    def listening(self):
        """The endpoints that are listened to."""
        return {line.split()[3] for line in self.run("ss", "-Hltn").stdout.splitlines()}

    def remove(self):
        _remove_namespace(self.name)
        for process in self.started:
            process.wait()


class Lab:
    def __init__(self, name=None):
        """Goes when the process ends, unless it is given a name: then remove(name) removes it."""
        require_root()
        _remove_orphans()
        self.name = name or f"postern-{os.getpid()}-{next(_numbers)}"
        self.folder = folder_of(self.name)
        self.folder.mkdir(mode=0o755)
        self.addresses = {}
        self.is_diverted = False
        if not name:
            atexit.register(self.remove)
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda *_: sys.exit(1))
        self.client, self.appliance, self.server = (Namespace(f"{self.name}-{role}") for role in ROLES)
        self._join()

    def _join(self):
        self.client.configure(
            f"link add eth0 type veth peer name lan0 netns {self.appliance.name}",
            "link set lo up",
            "link set eth0 up",
            "address add 10.0.1.2/24 dev eth0",
            "address add fd00:1::2/64 dev eth0 nodad")
        self.server.configure(
            f"link add eth0 type veth peer name wan0 netns {self.appliance.name}",
            "link set lo up",
            "link set eth0 up",
            "address add 10.0.2.2/24 dev eth0",
            "address add fd00:2::2/64 dev eth0 nodad")
        self.appliance.configure(
            "link set lo up",
            "link set lan0 up",
            "link set wan0 up",
            "address add 10.0.1.1/24 dev lan0",
            "address add fd00:1::1/64 dev lan0 nodad",
            "address add 10.0.2.1/24 dev wan0",
            "address add fd00:2::1/64 dev wan0 nodad")
        for end, network in ((self.client, 1), (self.server, 2)):
            end.configure(
                f"route add default via 10.0.{network}.1",
                f"route add ::/0 via fd00:{network}::1")

    def divert(self, *options):
        self.appliance.run(RULES, "up", *options)
        self.is_diverted = True

    def add_host(self, name, like=None):
        """Gives a server's name addresses, new ones or those of another host: (IPv4, IPv6)."""
        if like:
            addresses = self.addresses[like]
        else:
            number = 10 + len(set(self.addresses.values()))
            addresses = (f"10.0.2.{number}", f"fd00:2::{number}")
            self.server.configure(
                f"address add {addresses[0]}/24 dev eth0",
                f"address add {addresses[1]}/64 dev eth0 nodad")
        self.addresses[name] = addresses
        for namespace in (self.client, self.appliance, self.server):
            with namespace.hosts.open("a") as hosts:
                hosts.writelines(f"{address} {name}\n" for address in addresses)
        return addresses

    def remove(self):
        for namespace in (self.client, self.appliance, self.server):
            namespace.remove()
        remove(self.name)


def require_root():
    if os.geteuid() != 0:
        sys.exit("lab: only root can make network namespaces")


def folder_of(name):
    """Everything that a lab writes."""
    return pathlib.Path(tempfile.gettempdir(), name)


def remove(name):
    """The lab of that name, if there is one."""
    for role in ROLES:
        _remove_namespace(f"{name}-{role}")
    if not os.environ.get("POSTERN_LAB_KEEP"):
        shutil.rmtree(folder_of(name), ignore_errors=True)


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _setns(namespace):
    if _libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _remove_namespace(name):
    """Ends every process in it first. Nothing is wrong if there is no such namespace."""
    path = pathlib.Path("/run/netns", name)
    shutil.rmtree(pathlib.Path("/etc/netns", name), ignore_errors=True)
    for state in pathlib.Path("/run/postern").glob(f"rules.{name}*"):  # of postern-rules
        state.unlink(missing_ok=True)
    if not path.exists():
        return

    def is_empty():
        found = subprocess.run(["ip", "netns", "pids", name], check=True, capture_output=True, text=True)
        for pid in found.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return not found.stdout

    wait_until(is_empty, f"end of the processes in {name}")
    subprocess.run(["ip", "netns", "del", name], check=True)


def _remove_orphans():
    """What labs left behind whose processes were killed outright."""
    def is_orphan(path):
        owner = re.match(r"postern-(\d+)-", path.name)
        return owner and not pathlib.Path("/proc", owner[1]).exists()

    for path in filter(is_orphan, pathlib.Path("/run/netns").glob("postern-*")):
        _remove_namespace(path.name)
    for path in filter(is_orphan, pathlib.Path(tempfile.gettempdir()).glob("postern-*")):
        shutil.rmtree(path, ignore_errors=True)
