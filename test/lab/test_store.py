# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores of learned servers where it hurts: kills, full and broken files, a Redis that is gone, slow or torn
between two boxes. No engine: store_box is the part of it that learns."""

import contextlib
import pathlib
import random
import select
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
import unittest

import lab
from engine import build

EVERY = 0.5             # seconds between two writes, as in the engine
SECOND = 1.0            # what is promised
SLACK = 4.0             # of a machine that has other things to do
KILLS = 1000
HOSTS = 2000            # of store_box


def program():
    return build() / "test/lab/store_box"


class Box:
    """One learned table with its store, in a process of its own."""

    def __init__(self, test, store, every=EVERY, prefix=()):
        self.log = tempfile.TemporaryFile("w+")
        test.addCleanup(self.log.close)
        self.process = subprocess.Popen([*prefix, program(), store, str(int(every * 1e6))], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        test.addCleanup(self.end, kill=True)
        self.ask("count")  # it is up

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def note(self, host, before=0, kind="asked"):
        return self.ask("note", host, before, kind)

    def show(self, host):
        """The entry as a dictionary; None: unknown."""
        answer = self.ask("show", host)
        return None if answer == "-" else dict(field.split("=", 1) for field in answer.split("\t"))

    def state(self, host):
        entry = self.show(host)
        return entry and entry["state"]

    def is_stored(self):
        return self.ask("stored") == "yes"

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def end(self, kill=False):
        if self.process.poll() is None:
            if kill:
                self.process.kill()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait(30)


class Folder(unittest.TestCase):
    WHERE = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-store-", dir=self.WHERE)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "learned.db"

    def wait(self, question, what, seconds=SLACK):
        return lab.wait_until(question, what, seconds)

    def rows(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
            return database.execute("SELECT count(*) FROM server").fetchone()[0]


class Kills(Folder):
    # In memory: what a kill leaves is the same there, and a thousand lives need not wait for a disk.
    WHERE = "/dev/shm"

    def life(self, every, seconds, first):
        """One life, ended by SIGKILL so long after its first note; None: while it starts. Returns what it noted,
        [(number, moment)], and when it was killed."""
        process = subprocess.Popen([program(), self.path, str(int(every * 1e6)), str(first)], stdout=subprocess.PIPE,
            bufsize=0)
        if seconds is None:
            time.sleep(random.uniform(0, 0.02))
        else:
            select.select([process.stdout], [], [], 10)
            time.sleep(seconds)
        killed = time.clock_gettime(time.CLOCK_MONOTONIC)
        process.kill()
        said = process.stdout.read().decode()
        process.stdout.close()
        self.assertEqual(process.wait(), -signal.SIGKILL)
        lines = [line.split() for line in said.split("\n")[:-1]]
        return [(int(number), int(moment) / 1e6) for number, moment in lines], killed

    def stored(self):
        """{host number: number noted}, from a copy: the next life has to find the file as the kill left it."""
        copy = self.folder / "copy"
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{self.path}{suffix}", f"{copy}{suffix}")
        database = sqlite3.connect(copy)
        with contextlib.closing(database):
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            try:
                rows = database.execute("SELECT host, last_seen FROM server").fetchall()
            except sqlite3.OperationalError:  # killed before there was a table
                rows = []
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(f"{copy}{suffix}").unlink(missing_ok=True)
        return {int(host[1:].split(".")[0]): number for host, number in rows}

    def check(self, noted, killed, allowed, before):
        """What was noted longer ago than that is in the file. How long ago the oldest was that is not."""
        after = self.stored()
        for host, number in before.items():
            self.assertGreaterEqual(after.get(host, -1), number, "something stored is gone again")
        lost = 0
        for number, moment in noted:
            if after.get(number % HOSTS, -1) < number:
                lost = max(lost, killed - moment)
        self.assertLessEqual(lost, allowed)
        return after, lost

    def lives(self, count, every, longest, allowed, starts=0.0):
        """`starts`: the share of those that are killed while they start."""
        stored, first, worst, notes, effective = {}, 0, 0, 0, 0
        for _ in range(count):
            seconds = None if random.random() < starts else random.uniform(0, longest)
            noted, killed = self.life(every, seconds, first)
            stored, lost = self.check(noted, killed, allowed, stored)
            worst = max(worst, lost)
            notes += len(noted)
            effective += bool(noted)
            if noted:
                first = noted[-1][0] + 16
        self.assertEqual(sorted(path.name for path in self.folder.glob("*corrupt*")), [])
        print(f"{count} kills, {effective} after the first note, {notes * 16} notes; at most {worst * 1000:.0f} ms lost, "
            f"written every {every * 1000:.0f} ms", flush=True)
        self.assertGreater(effective, count * 0.6)
        self.assertTrue(stored)

    def test_kills_at_random_moments(self):
        """Many short lives, over one file, with as short a time between writes: each part of a write is hit."""
        self.lives(KILLS, 0.004, 0.03, 0.5, starts=0.2)

    def test_kills_at_full_length(self):
        """As the engine writes: a second at most."""
        self.lives(8, EVERY, 2.0, 1.5 * SECOND)


class Files(Folder):
    def test_restart(self):
        box = Box(self, self.path)
        self.assertEqual(box.note("a.example"), "0")
        self.assertEqual(box.note("b.example"), "0")
        self.assertEqual(box.ask("state", "b.example", "forbidden"), "1")
        self.assertEqual(box.note("c.example"), "0")
        self.assertEqual(box.ask("forget", "c.example"), "1")
        before = [box.show("a.example"), box.show("b.example")]
        box.end()
        box = Box(self, f"sqlite:{self.path}")
        self.assertEqual([box.show("a.example"), box.show("b.example")], before)
        self.assertIsNone(box.show("c.example"))

    def test_corrupt_while_at_rest(self):
        box = Box(self, self.path)
        box.ask("fill", 3000)
        box.end()
        with open(self.path, "r+b") as file:
            for page in range(3, 40):
                file.seek(page * 4096 + 8)
                file.write(random.randbytes(2000))
        box = Box(self, self.path)
        self.wait(lambda: box.is_stored(), "a new file", 10)
        self.assertEqual(len(list(self.folder.glob("learned.db.corrupt-*"))), 1)
        self.assertIn("put aside", box.said())
        box.note("after.example")
        box.end()
        box = Box(self, self.path)
        self.assertIsNotNone(box.show("after.example"))

    def test_removed_while_in_use(self):
        box = Box(self, self.path)
        box.ask("fill", 500)
        self.wait(lambda: self.rows() == 500, "written", 10)
        for path in self.folder.iterdir():
            path.unlink()
        box.note("after.example")
        self.wait(lambda: "works again" in box.said(), "a new file", 10)
        box.end()
        box = Box(self, self.path)
        self.assertEqual(box.ask("count"), "501")


class Full(Folder):
    """A file system of one megabyte, or one that is read-only, in a mount namespace of the test's own."""

    def setUp(self):
        super().setUp()
        lab.require_root()
        self.mount = self.folder / "small"
        self.mount.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "postern-test", self.mount], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", "-l", self.mount], check=True))
        self.path = self.mount / "learned.db"

    def test_disk_full(self):
        box = Box(self, self.path)
        box.note("before.example")
        self.wait(lambda: self.rows() == 1, "written", 5)
        ballast = self.mount / "ballast"
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        box.ask("fill", 3000)
        self.wait(lambda: not box.is_stored(), "noticed", 10)
        self.assertEqual(box.ask("count"), "3001")  # memory serves
        self.assertIsNotNone(box.show("f2999.example"))
        time.sleep(3)  # several more attempts
        self.assertEqual(box.said().count("memory only"), 1)
        self.assertIn("full", box.said())
        subprocess.run(["mount", "-o", "remount,size=20m", self.mount], check=True)
        self.wait(box.is_stored, "room again", 20)
        self.wait(lambda: self.rows() == 3001, "all written", 5)
        self.assertEqual(box.said().count("works again"), 1)

    def test_read_only(self):
        subprocess.run(["mount", "-o", "remount,size=20m", self.mount], check=True)
        box = Box(self, self.path)
        box.note("before.example")
        self.wait(lambda: self.rows() == 1, "written", 5)
        box.end(kill=True)  # an open file would forbid the next step
        subprocess.run(["mount", "-o", "remount,ro", self.mount], check=True)
        box = Box(self, self.path)
        self.assertIsNotNone(box.show("before.example"))  # to read is possible
        box.ask("fill", 100)
        self.wait(lambda: not box.is_stored(), "noticed", 5)
        self.assertIsNotNone(box.show("f99.example"))
        subprocess.run(["mount", "-o", "remount,rw", self.mount], check=True)
        self.wait(box.is_stored, "writable again", 20)
        self.wait(lambda: self.rows() == 101, "all written", 5)
        self.assertIsNotNone(box.show("before.example"))


class Redis:
    """A redis-server that keeps nothing on disk."""

    def __init__(self, test, folder, password=None):
        self.folder, self.password, self.process = folder, password, None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.socket = folder / "redis.sock"
        self.start()
        test.addCleanup(self.stop)

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--unixsocket", self.socket, "--dir", self.folder, *(["--requirepass", self.password] if self.password else [])],
            stdout=subprocess.DEVNULL)
        lab.wait_until(lambda: self.command("PING") == "PONG", "redis-server", 10)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def command(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *(["-a", self.password] if self.password else []), *words],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10).stdout.strip()

    def signal(self, number):
        self.process.send_signal(number)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"


class Fleet(Folder):
    def setUp(self):
        super().setUp()
        self.redis = Redis(self, self.folder)
        self.a, self.b = Box(self, self.redis.url), Box(self, self.redis.url)

    def same(self, host):
        a, b = self.a.show(host), self.b.show(host)
        return a and b and all(a[field] == b[field] for field in a if field != "source") and a

    def test_what_one_learns_all_know(self):
        took = []
        for i in range(10):
            self.a.note(f"h{i}.example")
            since = time.monotonic()
            entry = self.wait(lambda: self.b.show(f"h{i}.example"), "the other box")
            took.append(time.monotonic() - since)
            self.assertEqual((entry["class"], entry["source"]), ("asked", "fleet"))
        print(f"known elsewhere after {max(took) * 1000:.0f} ms at most", flush=True)
        self.assertLess(statistics.median(took), SECOND)
        self.b.note("h0.example", kind="required")
        self.wait(lambda: self.a.show("h0.example")["class"] == "required", "news of a known one")
        self.b.ask("state", "h1.example", "approved")
        self.wait(lambda: self.a.state("h1.example") == "approved", "a decision")
        self.a.ask("forget", "h2.example")
        self.wait(lambda: self.b.show("h2.example") is None, "forgotten")
        time.sleep(2 * EVERY)
        self.assertIsNone(self.a.show("h2.example"))
        self.b.note("h2.example")
        self.wait(lambda: self.a.show("h2.example"), "learned again")

    def test_new_box(self):
        self.a.ask("fill", 1000)
        self.wait(lambda: self.b.ask("count") == "1000", "all", 10)
        self.assertEqual(Box(self, self.redis.url).ask("count"), "1000")
        self.assertEqual(Box(self, f"redis+unix://{self.redis.socket}?db=0").ask("count"), "1000")
        self.assertEqual(Box(self, f"redis+unix://{self.redis.socket}?db=1").ask("count"), "0")

    def test_entries_expire_in_redis(self):
        self.a.note("a.example")
        self.a.note("b.example")
        self.a.ask("state", "b.example", "forbidden")
        name = "postern:server:{}.example|192.0.2.1|443"
        self.wait(lambda: self.redis.command("HGET", name.format("b"), "state") == "forbidden", "written")
        self.assertGreater(int(self.redis.command("TTL", name.format("a"))), 7 * 86400)
        self.assertEqual(self.redis.command("TTL", name.format("b")), "-1")

    def test_redis_gone(self):
        """Without Redis both boxes serve and learn; a new and empty Redis gets all that they know."""
        self.a.note("both.example")
        self.wait(lambda: self.b.show("both.example"), "the other box")
        self.redis.stop()
        self.wait(lambda: not self.a.is_stored() and not self.b.is_stored(), "noticed", 20)
        self.assertEqual(self.a.said().count("memory only"), 1)
        self.a.note("a.example")
        self.b.note("b.example")
        self.assertIsNone(self.a.show("b.example"))
        self.assertIsNotNone(self.a.show("both.example"))
        self.redis.start()
        for host in ("a.example", "b.example", "both.example"):
            self.wait(lambda: self.same(host), host, 20)
        self.wait(lambda: self.a.is_stored() and self.b.is_stored(), "well again", 5)
        self.assertEqual(self.redis.command("DBSIZE"), "3")
        self.assertEqual(self.a.said().count("works again"), 1)

    def test_redis_slow(self):
        """A Redis that hangs delays nobody, and is told all when it wakes."""
        self.a.note("h.example")
        self.wait(lambda: self.b.show("h.example"), "the other box")
        self.redis.signal(signal.SIGSTOP)
        try:
            started = time.monotonic()
            self.a.ask("fill", 2000)
            self.assertLess(time.monotonic() - started, 1.0)
            self.wait(lambda: not self.a.is_stored(), "noticed", 10)
            self.assertIn("does not answer", self.a.said())
            started = time.monotonic()
            longest = int(self.a.ask("measure"))
            self.assertLess(time.monotonic() - started, 2.0)  # 20,000 lookups
            self.assertLess(longest, 200000)
            late = Box(self, self.redis.url)  # and a start does not wait for it
            self.assertLess(time.monotonic() - started, 6.0)
            late.note("late.example")
        finally:
            self.redis.signal(signal.SIGCONT)
        self.wait(lambda: self.b.ask("count") == "2002", "all", 40)
        self.wait(lambda: late.ask("count") == "2002", "all", 40)

    def apart(self):
        """Both boxes, without a Redis, until together()."""
        for host in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.a.note(f"{host}.example", before=100)
        self.wait(lambda: self.b.ask("count") == "6", "the same", 5)
        self.redis.stop()
        self.wait(lambda: not self.a.is_stored() and not self.b.is_stored(), "apart", 20)

    def together(self):
        self.redis.start()
        self.wait(lambda: self.a.is_stored() and self.b.is_stored(), "together", 40)
        time.sleep(4 * EVERY)

    def test_boxes_that_disagree(self):
        self.apart()
        # The newest evidence wins, whoever comes first.
        self.a.note("h1.example", before=50, kind="required")
        self.b.note("h1.example", before=20, kind="nothing")
        # The operator wins over evidence.
        self.a.ask("state", "h2.example", "approved")
        self.b.note("h2.example", before=0, kind="nothing")
        # Forbidden wins over approved, when neither operator knew.
        self.a.ask("state", "h3.example", "approved")
        self.b.ask("state", "h3.example", "forbidden")
        # What was seen after it was forgotten is known; what was not, is not.
        self.a.ask("forget", "h4.example")
        self.a.ask("forget", "h5.example")
        time.sleep(1.1)
        self.b.note("h5.example")
        # The operator's word is more than another operator's forgetting.
        self.a.ask("forget", "h6.example")
        self.b.ask("state", "h6.example", "forbidden")
        self.together()
        for host in ("h1", "h2", "h3", "h5", "h6"):
            self.assertTrue(self.same(f"{host}.example"), (host, self.a.show(f"{host}.example"),
                self.b.show(f"{host}.example")))
        self.assertEqual(self.a.show("h1.example")["class"], "nothing")
        self.assertEqual(self.a.show("h2.example")["class"], "nothing")
        self.assertEqual(self.a.state("h2.example"), "approved")
        self.assertEqual(self.a.state("h3.example"), "forbidden")
        self.assertEqual((self.a.show("h4.example"), self.b.show("h4.example")), (None, None))
        self.assertEqual(self.a.state("h6.example"), "forbidden")
        # Who approves what is forbidden, knowing it, is obeyed everywhere.
        self.a.ask("state", "h3.example", "approved")
        self.wait(lambda: self.b.state("h3.example") == "approved", "the later decision")

    def test_both_write_the_same(self):
        """At once, again and again: nothing is lost, and both end with the same."""
        for i in range(200):
            for box in (self.a, self.b):
                box.note(f"h{i % 20}.example", kind=("asked", "required", "requested", "late", "nothing")[i % 5])
            if i % 40 == 0:
                (self.a, self.b)[i // 40 % 2].ask("state", f"h{i % 7}.example", "approved")
        for i in range(20):
            self.wait(lambda: self.same(f"h{i}.example"), f"h{i}", 5)

    def test_nonsense_in_redis(self):
        """What others put there is read with care."""
        name = "postern:server:{}|192.0.2.1|443"
        self.redis.command("HSET", name.format("x.example"), "host", "x.example", "class", "no such")
        self.redis.command("HSET", name.format("y.example"), "host", "z.example", "address", "192.0.2.1", "port", "443")
        self.redis.command("HSET", "postern:server:", "version", "x" * 500)
        for name in ("postern:server:nothing", "other", "postern:server:" + "n" * 5000):
            self.redis.command("PUBLISH", "postern:learned", f"0123456789abcdef {name}")
        self.redis.command("PUBLISH", "postern:learned", "short")
        box = Box(self, self.redis.url)
        self.assertEqual(box.ask("count"), "0")
        box.note("x.example")
        self.wait(lambda: self.b.show("x.example"), "written over")
        self.assertTrue(self.a.is_stored())


class Password(Folder):
    def test_password(self):
        redis = Redis(self, self.folder, password="s/ecret@")
        right = Box(self, f"redis://:s%2fecret%40@127.0.0.1:{redis.port}")
        right.note("a.example")
        other = Box(self, f"redis://default:s%2Fecret%40@127.0.0.1:{redis.port}/0")
        self.wait(lambda: other.show("a.example"), "the other box")
        wrong = Box(self, f"redis://:wrong@127.0.0.1:{redis.port}")
        self.assertFalse(wrong.is_stored())
        self.assertIn("WRONGPASS", wrong.said())
        self.assertNotIn("ecret", right.said() + other.said() + wrong.said())


if __name__ == "__main__":
    unittest.main()
