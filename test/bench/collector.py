# SPDX-License-Identifier: GPL-3.0-or-later
"""Postern under many events a second, with a collector that takes them or one that never reads."""

import socket
import statistics
import subprocess
import sys
import threading

import clocks
from sides import Cost, percentiles
from stage import HERE, LoadFailed

RATE = 2000  # events a second, beside the load
SECONDS = 5
KNOCKERS = 4
HEALTHY = "postern, the collector reads"


class Collector:
    """A unix socket where events arrive; with `reads` they are read."""

    def __init__(self, path, reads):
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o666)
        self.listener.listen()
        self.end = None
        self.reads = reads
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self):
        self.end, _ = self.listener.accept()
        while self.reads and self.end.recv(1 << 16):
            pass

    def close(self):
        self.thread.join()
        if self.end:
            self.end.close()
        self.listener.close()


class Collected(Cost):
    """
    CPU us of an event and its share of the load, latency of the load's connections: p50 and p99. The queue is
    full before anything is measured when nobody reads.
    """

    def __init__(self, stage, load, reads):
        super().__init__(stage, stage.postern, load, 1)
        self.reads = reads
        self.path = stage.postern.folder / "collector.sock"

    def warm_up(self):
        """Done in each round, which begins with another engine."""

    def _knock(self, seconds):
        share = RATE // KNOCKERS
        return [self.stage.lab.client.start(sys.executable, HERE / "knock.py",
            self.stage.lab.addresses[self.load.host][0], 443, share, share * seconds, stdout=subprocess.PIPE,
            text=True) for _ in range(KNOCKERS)]

    @staticmethod
    def _await(knockers):
        rate = sum(int(knocker.communicate(timeout=120)[0] or 0) for knocker in knockers)
        if rate < RATE * 0.9:
            raise LoadFailed(f"only {rate} events a second of {RATE}")

    def measure(self, number):
        collector = Collector(self.path, self.reads)
        try:
            self.engine.restart({"log": {"queue": "1M", "outputs": [
                {"file": str(self.engine.engine.log)}, {"unix": str(self.path)}]}})
            return self._measure()
        finally:
            self.engine.stop()
            collector.close()
            self.engine.engine.log.unlink(missing_ok=True)
            self.engine.restart()

    def _measure(self):
        super().warm_up()
        self._await(self._knock(2))
        before = clocks.cpu_when_quiet(self.engine)
        knockers = self._knock(SECONDS)
        seen = self.stage.run(self.load)
        self._await(knockers)
        spent = clocks.cpu_when_quiet(self.engine) - before
        lost = self.engine.engine.said(f"unix {self.path}: events are being lost")
        if bool(lost) == self.reads:
            raise LoadFailed("events were lost" if lost else "no event was lost to a collector that never reads")
        self.engine.engine.messages.write_text("")
        self.seen.add(seen)
        p50, p99 = percentiles(seen.seconds)
        return 1e6 * spent / (RATE * SECONDS + self.load.count), p50, p99

