# SPDX-License-Identifier: GPL-3.0-or-later
"""
What is measured, and against what. A cell has sides, which take turns: postern, peer, postern, peer. Each
measurement of a side gives one figure for each row of the cell. A row has bars; one without a number is
for comparison only.
"""

import contextlib
import dataclasses
import statistics
import subprocess

import sides
from collector import HEALTHY, RATE, Collected
from engines import FLOOR, HAPROXY, NGINX, POSTERN, SSLSPLIT
from sides import DIRECT, FULL, Cost, Fresh, Kernel, Latency, Many, Memory
from stage import BULK, DOWNLOADS, FRESH, FloorLoad, Load, LoadFailed

FAILURES = LoadFailed, TimeoutError, RuntimeError, AssertionError, OSError, subprocess.SubprocessError


@dataclasses.dataclass
class Size:
    """Of a run."""
    rounds: int
    connections: int  # of a round, for each side
    many: tuple = (10, 10_000, 1_000_000)  # rules and learned hosts


HELD = 1000
PER_GIGABYTE = 1e9 / (DOWNLOADS * BULK)
WHOLE, QUICK = Size(5, 400), Size(1, 120, (10, 1000, 50_000))


@dataclasses.dataclass
class Bar:
    """At most that much of the other's figure; with nobody, that much in the row's unit."""
    against: str | None
    most: float | None = None
    target: float | None = None

    def value(self, row):
        """The median of the rounds' ratios: the machine may change its pace between rounds."""
        ours = row.figures[POSTERN]
        if self.against is None:
            return statistics.median(ours)
        return statistics.median(a / b if b > 0 else float("inf") for a, b in zip(ours, row.figures[self.against]))

    def is_missed(self, row):
        return self.most is not None and self.value(row) > self.most + row.rounding

    def verdict(self, row):
        if self.most is None and self.target is None:
            return ""
        if self.is_missed(row):
            return "**missed**"
        if self.target is not None and self.value(row) <= self.target + row.rounding:
            return "target met"
        return "met" if self.most is not None else "target missed"


@dataclasses.dataclass
class Row:
    what: str
    unit: str
    bars: tuple
    rounding: float = 0  # of absolute figures: so little is nothing
    figures: dict = dataclasses.field(default_factory=dict)  # of each side, one for each round


@dataclasses.dataclass
class Cell:
    key: str
    rows: tuple
    sides: dict
    impossible: dict = dataclasses.field(default_factory=dict)  # side: why
    failed: str = ""
    profile: tuple = ()  # of postern; see clocks.Profile.stop
    instructions: dict = dataclasses.field(default_factory=dict)  # of a connection, by library

    def warm_up(self):
        """Every engine has done everything once: leaves are forged, buffers are there. Or it cannot."""
        for name, side in self.sides.items():
            with self._judged(name):
                side.warm_up()

    def round(self, number):
        for name, side in self.sides.items():
            if name in self.impossible:
                continue
            with self._judged(name):
                for row, figure in zip(self.rows, side.measure(number), strict=True):
                    row.figures.setdefault(name, []).append(figure)

    @contextlib.contextmanager
    def _judged(self, name):
        """A peer that fails drops out; without postern there is nothing to compare."""
        try:
            yield
        except FAILURES as error:
            if name in (POSTERN, DIRECT):
                raise
            self.impossible[name] = str(error) or repr(error)
            for row in self.rows:
                row.figures.pop(name, None)

    def is_missed(self):
        return any(bar.is_missed(row) for row in self.rows for bar in row.bars
            if POSTERN in row.figures and (bar.against is None or bar.against in row.figures))


def full(stage, key, what, count, bars):
    """A new connection, full handshakes on both legs."""
    host = f"{key}.example"
    load = Load(host, count)
    found = {POSTERN: stage.postern, HAPROXY: stage.bridging, SSLSPLIT: stage.sslsplit}
    made = {name: Cost(stage, engine, load, 1e6 / count) for name, engine in found.items()}
    made[FLOOR] = Cost(stage, stage.floor, FloorLoad(key, count), 1e6 / count)
    return Cell(key, (Row(f"new connection, intercepted: {what}", "CPU us", bars),), made)


def resumed(stage, key, version, count):
    load = Load(f"{key}.example", count, options=("--resume",))
    first = Load(f"full{key[-2:]}.example", count)
    made = {name: Cost(stage, engine, load, 1e6 / count) for name, engine in (
        (POSTERN, stage.postern), (HAPROXY, stage.bridging), (SSLSPLIT, stage.sslsplit))}
    made[FULL] = Cost(stage, stage.postern, first, 1e6 / count)
    bars = Bar(HAPROXY, 0.5, 0.25), Bar(FULL, None, 0.4), Bar(SSLSPLIT)
    return Cell(key, (Row(f"the client resumes: {version}", "CPU us", bars),), made)


def gigabyte(host):
    return Load(host, DOWNLOADS, path="/files/bulk", at_least=BULK)


def intercepted_gigabyte(stage, bits):
    load, scale = gigabyte(f"bulk{bits}.example"), PER_GIGABYTE
    made = {POSTERN: Cost(stage, stage.postern, load, scale), HAPROXY: Cost(stage, stage.bridging, load, scale),
        FLOOR: Cost(stage, stage.floor, FloorLoad(f"gb{bits}", DOWNLOADS), scale)}
    bars = Bar(HAPROXY, 0.7), Bar(FLOOR, None, 1.3)
    return Cell(f"gb{bits}", (Row(f"GB intercepted: AES-{bits}-GCM", "CPU s", bars),), made)


def passed(stage, count):
    load = Load("bench.pass.example", count)
    made = {name: Cost(stage, engine, load, 1e6 / count) for name, engine in (
        (POSTERN, stage.postern), (HAPROXY, stage.passing), (NGINX, stage.nginx))}
    bars = Bar(HAPROXY, 0.8, 0.6), Bar(NGINX, 0.8, 0.6)
    return Cell("passed", (Row("connection passed by name", "CPU us", bars),), made)


def passed_gigabyte(stage):
    load, scale = gigabyte("bench.pass.example"), PER_GIGABYTE
    made = {POSTERN: Cost(stage, stage.postern, load, scale), HAPROXY: Cost(stage, stage.splicing, load, scale)}
    return Cell("passed-gb", (Row("GB passed by name, spliced", "CPU s", (Bar(HAPROXY, 0.8, 0.6),)),), made)


def kernel(stage, count):
    side = Kernel((Cost(stage, stage.postern, Load("kernel.example", count), 1e6 / count),
        Cost(stage, stage.postern, gigabyte("kernel.example"), PER_GIGABYTE)))
    return Cell("kernel", (
        Row("connection passed by the kernel", "CPU us", (Bar(None, 0, 0),), 1),
        Row("GB passed by the kernel", "CPU s", (Bar(None, 0, 0),), 0.005)), {POSTERN: side})


def memory(stage, count):
    loads = Load("full13.example", count, processes=1), Load("bench.pass.example", count, processes=1)
    rows = tuple(Row(f"1,000 idle connections, {kind}", "MiB", (Bar(None, most, target), Bar(HAPROXY)))
        for kind, most, target in (("intercepted", 16, 6), ("passed", 3, 1)))
    return Cell("memory", rows, {
        POSTERN: Memory(stage, (stage.postern, stage.postern), loads),
        HAPROXY: Memory(stage, (stage.bridging, stage.passing), loads)})


def latency(stage, count):
    load = Load("latency.example", count, processes=1)
    direct = sides.Direct(stage, load)
    made = {DIRECT: direct}
    made.update({name: Latency(stage, engine, load, direct) for name, engine in (
        (POSTERN, stage.postern), (HAPROXY, stage.bridging), (SSLSPLIT, stage.sslsplit))})
    made[sides.EARLY] = sides.Early(stage, load, direct)
    bars = Bar(HAPROXY, 1, 1 / 3), Bar(SSLSPLIT), Bar(sides.EARLY)
    return Cell("latency", tuple(Row(f"latency added to a new intercepted connection: {rank}", "ms", bars)
        for rank in ("p50", "p99")), made)


def many(stage, count, numbers):
    """The same with many rules, and with as many learned hosts."""
    loads = Load("full13.example", count), Load("bench.pass.example", count)
    names = {number: sides.with_many(number) for number in numbers[:-1]} | {numbers[-1]: POSTERN}
    made = {name: Many(stage, number, loads, 1e6 / count) for number, name in names.items()}
    bars = tuple(Bar(names[number], 1.1) for number in numbers[:-1])
    return Cell("many", tuple(Row(f"connection {fate}, {numbers[-1]:,} rules and learned hosts", "CPU us", bars)
        for fate in ("intercepted", "passed by name")), made)


def first_visit(stage, count):
    made = {name: Fresh(stage, engine, Load(FRESH, count), 1e6 / count) for name, engine in (
        (POSTERN, stage.postern), (HAPROXY, stage.bridging), (SSLSPLIT, stage.sslsplit))}
    bars = Bar(SSLSPLIT, 0.4, 0.25), Bar(HAPROXY)
    return Cell("first", (Row(f"first visit to a name, {count} names", "CPU us", bars),), made)


def events(stage, count):
    """With a collector that accepts and never reads: traffic does not notice."""
    load = Load("latency.example", count, processes=1)
    made = {HEALTHY: Collected(stage, load, True), POSTERN: Collected(stage, load, False)}
    bars = (Bar(HEALTHY, 1.1, 1),)
    what = f"{RATE:,} events a second, a dead collector"
    return Cell("events", (Row(f"{what}: one of them", "CPU us", bars),
        Row(f"{what}: intercepted beside them, p50", "ms", bars),
        Row(f"{what}: intercepted beside them, p99", "ms", (Bar(HEALTHY),))), made)


P256 = Bar(HAPROXY, 0.45, 0.25), Bar(SSLSPLIT, 0.34), Bar(FLOOR, None, 1.5)
RSA = Bar(HAPROXY, 0.6, 0.33), Bar(SSLSPLIT), Bar(FLOOR)

# In the order of the page. Each makes its cell for a stage and the size of the run. The last leaves
# postern with other settings.
CELLS = {
    "full13": lambda stage, size: full(stage, "full13", "P-256 server, TLS 1.3", size.connections, P256),
    "full12": lambda stage, size: full(stage, "full12", "P-256 server, TLS 1.2", size.connections, P256),
    "rsa13": lambda stage, size: full(stage, "rsa13", "RSA-2048 server, TLS 1.3", size.connections, RSA),
    "rsa12": lambda stage, size: full(stage, "rsa12", "RSA-2048 server, TLS 1.2", size.connections, RSA),
    "first": lambda stage, size: first_visit(stage, min(size.connections, 400)),
    "resumed13": lambda stage, size: resumed(stage, "resumed13", "TLS 1.3", size.connections),
    "resumed12": lambda stage, size: resumed(stage, "resumed12", "TLS 1.2", size.connections),
    "gb128": lambda stage, size: intercepted_gigabyte(stage, 128),
    "gb256": lambda stage, size: intercepted_gigabyte(stage, 256),
    "passed": lambda stage, size: passed(stage, size.connections),
    "passed-gb": lambda stage, size: passed_gigabyte(stage),
    "kernel": lambda stage, size: kernel(stage, size.connections),
    "memory": lambda stage, size: memory(stage, HELD),
    "latency": lambda stage, size: latency(stage, size.connections),
    "events": lambda stage, size: events(stage, size.connections),
    "many": lambda stage, size: many(stage, size.connections, size.many),
}

# Those whose instructions are counted, too.
COUNTED = "full13", "full12", "rsa13", "rsa12", "resumed13", "resumed12", "passed"
