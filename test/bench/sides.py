# SPDX-License-Identifier: GPL-3.0-or-later
"""
Ways to measure one engine. warm_up() does once what is to be measured; measure(number) gives the figures of
a round, one for each row of the cell.
"""

import json
import statistics
import subprocess
import time

import clocks
from engine import build
from engines import POSTERN
from pki import REAL_CA
from stage import UNDIVERTED, LoadFailed, Seen

SAMPLE = 100  # connections whose instructions are
WARM = 20  # connections ahead of the first measurement
DIRECT, FULL, EARLY = "direct", "postern, not resumed", "postern, greeting early"
PHASES = ("hello", "wait", "dial", "probe", "hear", "forge", "greet")


class Cost:
    """CPU time of a load."""

    def __init__(self, stage, engine, load, scale):
        self.stage, self.engine, self.load, self.scale = stage, engine, load, scale
        self.seen = Seen()

    def warm_up(self):
        self.stage.divert_to(self.engine)
        self.stage.run(self.load, WARM)

    def measure(self, number):
        self.choose(number)
        seconds, seen = self.stage.cost(self.engine, self.load)
        self.seen.add(seen)
        return (seconds * self.scale,)

    def profile(self, path):
        """Of the same load once more."""
        self.stage.divert_to(self.engine)
        profile = clocks.Profile(self.engine, path)
        for number in ("profile 1", "profile 2"):
            self.choose(number)
            self.stage.run(self.load)
        return profile.stop()

    def instructions(self, folder):
        """Of a connection, by library. The first of them is a first visit, and what begins a session."""
        counter = clocks.Instructions(folder)
        with self.engine.run_by(*counter.command):
            self.stage.divert_to(self.engine)
            self.stage.run(self.load, SAMPLE)
        return {library: count / SAMPLE for library, count in counter.read().most_common()}

    def choose(self, number):
        """The hosts of a round."""


class Several(Cost):
    """Some costs in one side: a row for each."""

    def __init__(self, costs):
        self.costs = costs
        self.seen = costs[0].seen

    def warm_up(self):
        for cost in self.costs:
            cost.warm_up()

    def measure(self, number):
        return tuple(cost.measure(number)[0] for cost in self.costs)

    def profile(self, path):
        return self.costs[0].profile(path)


class Kernel(Several):
    """Costs of what an engine has no part in: what it does anyway in such a time is taken off."""

    def measure(self, number):
        return tuple(map(self._measure, self.costs))

    def _measure(self, cost):
        began = time.monotonic()
        figure = cost.measure(0)[0]
        taken, before = time.monotonic() - began, clocks.cpu_seconds(cost.engine)
        time.sleep(taken)
        return max(0, figure - (clocks.cpu_seconds(cost.engine) - before) * cost.scale)


class Fresh(Cost):
    """Each round has names that no engine has seen, the same for all of them."""
    files = {}

    def warm_up(self):
        self._choose("warm-up", WARM)
        super().warm_up()

    def choose(self, number):
        self._choose(number, self.load.count)

    def _choose(self, number, count):
        if number not in self.files:
            self.files[number] = self.stage.fresh_names(count)
        self.load.names = self.files[number]


class Memory:
    """Bytes that an engine grows by with idle connections, from a fresh start: MiB of each load."""

    def __init__(self, stage, engines, loads):
        self.stage, self.engines, self.loads = stage, engines, loads

    def warm_up(self):
        pass

    def measure(self, number):
        return tuple(self._held(engine, load) for engine, load in zip(self.engines, self.loads))

    def _held(self, engine, load):
        engine.restart()
        self.stage.cost(engine, load, WARM)
        before = clocks.memory(engine)
        with self.stage.holding(load):
            clocks.cpu_when_quiet(engine)
            return (clocks.memory(engine) - before) * 1000 / load.count / 2**20


def percentiles(seconds):
    """ms: (p50, p99)"""
    parts = statistics.quantiles(seconds, n=100, method="inclusive")
    return parts[49] * 1000, parts[98] * 1000


class Direct:
    """The same server at a port that is not diverted. Its figures are those of the round."""

    def __init__(self, stage, load):
        self.stage, self.load = stage, load
        self.now = None

    def warm_up(self):
        self.measure(0)

    def measure(self, number):
        before = self.load.issuer
        self.load.issuer = REAL_CA
        try:
            seen = self.stage.run(self.load, None, "--port", UNDIVERTED)
        finally:
            self.load.issuer = before
        self.now = percentiles(seen.seconds)
        return self.now


class Latency:
    """What an engine adds, one connection at a time."""

    def __init__(self, stage, engine, load, direct):
        self.stage, self.engine, self.load, self.direct = stage, engine, load, direct
        self.phases = {}

    def warm_up(self):
        self.stage.divert_to(self.engine)
        self.stage.run(self.load, WARM)

    def measure(self, number):
        self.stage.divert_to(self.engine)
        clocks.cpu_when_quiet(self.engine)
        seen = self.stage.run(self.load)
        if self.engine.name == POSTERN:
            self._read_phases()
        return tuple(through - direct for through, direct in zip(percentiles(seen.seconds), self.direct.now))

    def lines(self):
        """Of the last connections: what postern itself says."""
        clocks.cpu_when_quiet(self.engine)
        lines = self.engine.engine.log.read_text().splitlines()[-self.load.count:]
        return [line for line in map(json.loads, lines) if line.get("tls", {}).get("sni") == self.load.host]

    def _read_phases(self):
        """In ms."""
        for line in self.lines():
            for phase in PHASES:
                if phase in line.get("ms", {}):
                    self.phases.setdefault(phase, []).append(line["ms"][phase])


class Early(Latency):
    """postern, which greets its clients while their server answers."""

    def __init__(self, stage, load, direct):
        super().__init__(stage, stage.postern, load, direct)

    def warm_up(self):
        pass  # with other settings it has to be done anew each time

    def measure(self, number):
        engine = self.stage.postern.engine
        engine.reload({"downstream": {"greet_early": True}})
        try:
            super().warm_up()
            figures = super().measure(number)
            if not all(line.get("downstream", {}).get("early") for line in self.lines()):
                raise LoadFailed("a client was not greeted early")
            return figures
        finally:
            engine.reload()


def with_many(number):
    return f"postern, {number:,}"


class Many(Several):
    """An engine with so many rules, and as many learned hosts, that are about others."""

    def __init__(self, stage, number, loads, scale):
        super().__init__([Cost(stage, stage.postern, load, scale) for load in loads])
        self.stage, self.number = stage, number
        self.folder = stage.postern.folder
        self.changes = {
            "rules": [{"pass": {"host_file": f"{number}.list"}}, *stage.postern.engine.settings["rules"]],
            "learn": {"store": str(self.folder / f"{number}.db"), "max_entries": 2 * number}}

    def warm_up(self):
        """The lists; the store is filled by the command that users have."""
        (self.folder / f"{self.number}.list").write_text(
            "".join(f"host-{i}.ruled.example\n" for i in range(self.number)))
        entries = self.folder / f"{self.number}.jsonl"
        entries.write_text("".join(json.dumps({"host": f"host-{i}.learned.example", "port": 443,
            "address": f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}", "class": "asked", "state": "approved",
            "source": "operator"}) + "\n" for i in range(self.number)))
        self.stage.postern.engine.configure(self.changes)
        done = subprocess.run([build() / "engine/cli/postern", "learned", "import", entries, "--config",
            self.stage.postern.engine.configuration], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise LoadFailed(done.stdout)

    def measure(self, number):
        self.stage.postern.restart(self.changes)
        for cost in self.costs:
            cost.warm_up()
        return super().measure(number)

    def profile(self, path):
        self.stage.postern.restart(self.changes)
        return super().profile(path)
