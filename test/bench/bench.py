#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Measures what postern costs, beside peers that do the same work in the same run.

All engines stand in the lab's appliance at once, each with a port of its own; postern-rules diverts the
clients to the one whose turn it is. What is counted is the CPU time of the engine's processes, all
threads, user and system, from before the first connection until it is quiet after the last. Each cell is
measured by turns, postern, peer, postern, peer; the table shows medians, and the median of the rounds'
ratios: the machine may change its pace between rounds, less so between neighbours.

The engines have one processor, the clients, the servers and this program another. load.py checks that
every connection is what the cell says. Each engine logs a line for each connection, as postern does.
"""

import argparse
import contextlib
import dataclasses
import datetime
import os
import pathlib
import platform
import re
import resource
import select
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import lab  # noqa: E402
import servers  # noqa: E402
from engine import CA, Engine, build  # noqa: E402
from pki import REAL_CA, Pki, openssl  # noqa: E402

INTERCEPTED, INTERCEPTED12 = "intercepted.example", "intercepted12.example"
PASSED = "bench.pass.example"
BULK = 256 << 20
HELD = 1000
WARM = 20         # connections ahead of the first measurement
QUIET = 0.3       # seconds without work: the engine is done
TIMEOUT = 120     # of one load
# Full handshakes, and the same cipher for all: the question is whose AES is faster, not who chose the cheaper.
DIRECTIVES = (
    "ssl_session_cache off; ssl_session_tickets off;",
    "ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384; ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;",
    'add_header Leg "$ssl_protocol $ssl_cipher $ssl_curve $ssl_session_reused" always;')


class LoadFailed(Exception):
    """The engine does not do what the cell asks for; the text says what it did."""


# --- engines -------------------------------------------------------------------------------------------------

class Postern:
    name = "postern"
    port = 8443

    def __init__(self, the_lab, pki, core):
        self.prefix = pinned(core)
        self.engine = Engine(the_lab, pki, {"rules": [{"pass": "*.pass.example"}], "workers": 1})
        self.engine.start(*self.prefix)

    def processes(self):
        return family(self.engine.process.pid)

    def restart(self):
        self.engine.stop()
        self.engine.start(*self.prefix)

    def version(self):
        return said(build() / "engine/posternd", "--version")


class Peer:
    def __init__(self, the_lab, core, *command):
        self.output = the_lab.folder / f"{self.port}.output"
        with self.output.open("ab") as output:
            self.process = the_lab.appliance.start(*pinned(core), *command,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        def is_up():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.output.read_text()}")
            return f"0.0.0.0:{self.port}" in the_lab.appliance.listening()

        lab.wait_until(is_up, f"{self.name} listens")

    def processes(self):
        return family(self.process.pid)


class Sslsplit(Peer):
    """Forges from postern's CA, with a P-256 key as postern does; it does not verify the server's chain."""
    name = "sslsplit"
    port = 8444

    def __init__(self, the_lab, postern, core):
        key = the_lab.folder / "sslsplit.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        super().__init__(the_lab, core, "sslsplit", "-c", postern.folder / "ca.crt", "-k", postern.folder / "ca.key",
            "-K", key, "-l", the_lab.folder / "sslsplit.connections", "ssl", "0.0.0.0", self.port, "tproxy")

    @staticmethod
    def version():
        return said("sslsplit", "-V")


class Haproxy(Peer):
    """
    Passes by name: haproxy.cfg. It may splice when that seems worth it, or always. The first is the cheaper
    one for a short connection, the second, by far, for a long download: each is the peer in its own field.
    """
    def __init__(self, the_lab, core, name, port, splice):
        self.name, self.port = name, port
        text = (HERE / "haproxy.cfg").read_text().replace("@PORT@", str(port)).replace("@SPLICE@", splice)
        configuration = the_lab.folder / f"haproxy-{port}.cfg"
        configuration.write_text(text)
        super().__init__(the_lab, core, "haproxy", "-db", "-f", configuration)

    @staticmethod
    def version():
        return said("haproxy", "-v")


def pinned(core):
    return "taskset", "--cpu-list", str(core)


def family(pid):
    """A process and its descendants."""
    rows = [tuple(map(int, row.split())) for row in said("ps", "-eo", "pid=,ppid=", lines=None).splitlines()]
    found = [pid]
    for parent in found:
        found.extend(child for child, of in rows if of == parent)
    return found


def said(*command, lines=1):
    """The first lines that it says."""
    done = subprocess.run([*map(str, command)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=True, timeout=30)
    return "\n".join(done.stdout.strip().splitlines()[:lines])


# --- clocks --------------------------------------------------------------------------------------------------

def cpu_seconds(engine):
    """
    utime and stime of its processes. /proc/PID/stat has them in steps of 10 ms; the kernel gives the sum of
    the two, ended threads included, in nanoseconds as a process's CPU clock: CPUCLOCK_SCHED of
    include/linux/posix-timers.h.
    """
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in engine.processes()) / 1e9


def cpu_when_quiet(engine):
    """Of an engine that has nothing left to do."""
    before = [cpu_seconds(engine)]

    def is_quiet():
        time.sleep(QUIET)
        now = cpu_seconds(engine)
        spent, before[0] = now - before[0], now
        return spent < QUIET / 100

    lab.wait_until(is_quiet, f"{engine.name} has nothing left to do", seconds=30)
    return before[0]


def rss(engine):
    """Bytes."""
    texts = (pathlib.Path(f"/proc/{pid}/status").read_text() for pid in engine.processes())
    return sum(1024 * int(re.search(r"^VmRSS:\s*(\d+) kB$", text, re.MULTILINE)[1]) for text in texts)


# --- what is measured ----------------------------------------------------------------------------------------

@dataclasses.dataclass
class Cell:
    what: str
    unit: str
    scale: float   # from seconds for all of the load to the unit
    engines: tuple # postern, and its peer
    host: str
    version: str
    count: int
    path: str = "/"
    at_least: int = 1
    processes: int = 4
    figures: dict = dataclasses.field(default_factory=dict)  # engine's name to a list, one for each round
    legs: dict = dataclasses.field(default_factory=dict)     # engine's name to what the load saw
    reason: str = ""                                         # why the peer cannot

    def load(self, count):
        return load_command(self.host, self.version, count, "--path", self.path, "--at-least", self.at_least,
            "--processes", min(self.processes, count))

    def ratio(self):
        ours, theirs = (self.figures[engine.name] for engine in self.engines)
        return statistics.median(a / b for a, b in zip(ours, theirs))


def load_command(host, version, count, *options):
    issuer = REAL_CA if host == PASSED else CA
    return [sys.executable, HERE / "load.py", host, "--issuer", issuer, "--version", version, "--count", count,
        *options]


def cells_of(bench, count):
    intercepting = bench.postern, bench.sslsplit
    gigabyte = {"scale": 1e9 / BULK, "version": "TLSv1.3", "count": 1, "path": "/files/bulk", "at_least": BULK}
    return [
        *(Cell(f"intercepted connection, {version}", "CPU us", 1e6 / count, intercepting, host, version, count)
            for host, version in ((INTERCEPTED, "TLSv1.3"), (INTERCEPTED12, "TLSv1.2"))),
        Cell("passed connection, by name", "CPU us", 1e6 / count, (bench.postern, bench.haproxy), PASSED, "TLSv1.3",
            count),
        Cell("intercepted GB", "CPU s", engines=intercepting, host=INTERCEPTED, **gigabyte),
        Cell("passed GB", "CPU s", engines=(bench.postern, bench.splicing), host=PASSED, **gigabyte),
    ]


class Bench:
    def __init__(self, engine_core):
        self.lab = lab.Lab()
        pki = Pki(self.lab.folder / "pki")
        nginx = servers.Nginx(self.lab, pki)
        for name in (INTERCEPTED, PASSED):
            nginx.site(name, *DIRECTIVES)
        nginx.site(INTERCEPTED12, *DIRECTIVES, "ssl_protocols TLSv1.2;")
        with (nginx.files / "bulk").open("wb") as bulk:
            bulk.truncate(BULK)
        nginx.start()
        self.lab.divert()
        self.postern = Postern(self.lab, pki, engine_core)
        self.sslsplit = Sslsplit(self.lab, self.postern.engine, engine_core)
        self.haproxy = Haproxy(self.lab, engine_core, "haproxy, may splice", 8445, "option splice-auto")
        self.splicing = Haproxy(self.lab, engine_core, "haproxy, splices", 8446,
            "option splice-request\n\toption splice-response")

    def divert_to(self, engine):
        self.lab.appliance.run(lab.RULES, "up", "--port", engine.port)

    def cost(self, cell, engine, count):
        """CPU seconds of one load."""
        self.divert_to(engine)
        before = cpu_when_quiet(engine)
        try:
            done = self.lab.client.run(*cell.load(count), check=False, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            raise LoadFailed(f"not done within {TIMEOUT} seconds") from None
        if done.returncode != 0:
            raise LoadFailed(done.stderr.strip().splitlines()[-1])
        cell.legs.setdefault(engine.name, set()).update(done.stdout.splitlines())
        return cpu_when_quiet(engine) - before

    def warm_up(self, cells):
        """Every engine has done everything once: leaves are forged, buffers are there. Or it cannot."""
        for cell in cells:
            for engine in cell.engines:
                try:
                    self.cost(cell, engine, min(WARM, cell.count))
                except LoadFailed as error:
                    if engine is self.postern:
                        raise
                    cell.reason = str(error)

    def round(self, cells):
        for cell in cells:
            for engine in cell.engines:
                if engine is self.postern or not cell.reason:
                    figure = self.cost(cell, engine, cell.count) * cell.scale
                    cell.figures.setdefault(engine.name, []).append(figure)

    def held(self, host):
        """Bytes that postern's processes grow by with HELD idle connections, from a fresh start."""
        self.postern.restart()
        self.divert_to(self.postern)
        self.lab.client.run(*load_command(host, "TLSv1.3", WARM))
        cpu_when_quiet(self.postern)
        before = rss(self.postern)
        with self.holding(host):
            cpu_when_quiet(self.postern)
            return rss(self.postern) - before

    @contextlib.contextmanager
    def holding(self, host):
        holder = self.lab.client.start(*load_command(host, "TLSv1.3", HELD, "--hold"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with holder:
            try:
                ready, _, _ = select.select([holder.stdout], [], [], TIMEOUT)
                if not ready or holder.stdout.readline() != b"held\n":
                    raise LoadFailed(f"{HELD} connections to {host} were not held")
                yield
            finally:
                holder.kill()


# --- report --------------------------------------------------------------------------------------------------

def digits(number):
    """Three that count."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def figure(numbers):
    return f"{digits(statistics.median(numbers))} ({digits(min(numbers))} to {digits(max(numbers))})"


def row(cell):
    ours, peer = figure(cell.figures["postern"]), cell.engines[1].name
    if cell.reason:
        return cell.what, cell.unit, ours, peer, f"not possible: {cell.reason}", "-"
    return cell.what, cell.unit, ours, peer, figure(cell.figures[peer]), f"{cell.ratio():.2f}"


def table_of(cells, memory):
    return [
        ("per", "unit", "postern", "peer", "the peer's", "postern / peer"),
        *map(row, cells),
        *((f"{HELD:,} idle {kind} connections", "MiB RSS", digits(grown / 2**20), "-", "-", "-")
            for kind, grown in memory.items()),
    ]


def plain(table):
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def markdown(table):
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in table]
    return "\n".join([lines[0], "|---" * len(table[0]) + "|", *lines[1:]])


def legs_of(cells):
    """What the load saw: the client's leg as the client tells it, the server's as the server does."""
    seen = {}
    for cell in cells:
        for name, legs in cell.legs.items():
            seen.setdefault(name, set()).update(legs)
    return [f"{name}: {'; '.join(sorted(legs))}" for name, legs in seen.items()]


def facts(bench, cells, rounds, seconds, load_average):
    models = re.findall(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    per_cell = max(cell.count for cell in cells)
    return [
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, {seconds:.0f} seconds; "
            f"load average of the machine before: {load_average:.2f}",
        f"{os.cpu_count()} x {models[0] if models else platform.machine()}; Linux {platform.release()}; "
            f"{platform.freedesktop_os_release()['PRETTY_NAME']}",
        "; ".join(engine.version() for engine in (bench.postern, bench.sslsplit, bench.haproxy)),
        "; ".join((said("nginx", "-v"), said("openssl", "version"), f"Python {platform.python_version()}")),
        f"Median of {rounds} round{'s' if rounds > 1 else ''} (least to most), taken by turns; the ratio is "
            "the median of the rounds' ratios: below 1, postern needs less.",
        "CPU time of the engine's processes, user and system, all threads, until quiet after the load; engines "
            "on one processor, clients and servers on another; three network namespaces, TPROXY, IPv4.",
        f"{per_cell} connections a round, 4 at a time, each with one small request; P-256 server certificate, "
            "full handshakes on both legs.",
        f"GB: 10^9 bytes; a round is one download of {BULK >> 20} MiB. RSS: growth from a fresh start.",
        "postern verifies the server's chain and sslsplit does not; each engine logs a line per connection.",
        *legs_of(cells),
    ]


def tell(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def choose_cores():
    """The engines' one. This process and all that it starts get the other."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        sys.exit("bench: this takes two processors, one for the engines and one for the load")
    os.sched_setaffinity(0, {available[1]})
    return available[0]


def main():
    parser = argparse.ArgumentParser(description="Measures what postern costs, beside peers.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=300, help="of a round, for each cell")
    parser.add_argument("--markdown", metavar="FILE", type=pathlib.Path, help="write the table there as well")
    options = parser.parse_args()
    if options.rounds < 1 or options.connections < 1:
        parser.error("one round and one connection are the least")
    lab.require_root()
    began, load_average = time.monotonic(), os.getloadavg()[0]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    bench = Bench(choose_cores())
    cells = cells_of(bench, options.connections)
    tell("warming up")
    bench.warm_up(cells)
    for number in range(options.rounds):
        tell(f"round {number + 1} of {options.rounds}")
        bench.round(cells)
    tell("memory")
    memory = {"intercepted": bench.held(INTERCEPTED), "passed": bench.held(PASSED)}
    bench.postern.engine.stop()

    table = table_of(cells, memory)
    notes = facts(bench, cells, options.rounds, time.monotonic() - began, load_average)
    print(plain(table), "", *notes, sep="\n")
    if options.markdown:
        options.markdown.write_text("\n".join(["# What postern costs", "", markdown(table), "",
            *(f"- {note}" for note in notes), ""]))


if __name__ == "__main__":
    try:
        main()
    except LoadFailed as failure:
        sys.exit(f"bench: postern: {failure}")
