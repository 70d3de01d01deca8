# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU time and memory of an engine, which is all of its processes; where its time goes; what it executes."""

import collections
import pathlib
import re
import subprocess
import time

import lab

QUIET = 0.3  # seconds without work: the engine is done
TOP = 14     # functions of a profile
OURS = "posternd", "postern-certgen"


def said(*command, lines=1):
    """The first lines that it says."""
    done = subprocess.run([*map(str, command)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        errors="replace", check=True, timeout=300)
    return "\n".join(done.stdout.strip().splitlines()[:lines])


def family(pid):
    """A process and its descendants."""
    rows = [tuple(map(int, row.split())) for row in said("ps", "-eo", "pid=,ppid=", lines=None).splitlines()]
    found = [pid]
    for parent in found:
        found.extend(child for child, of in rows if of == parent)
    return found


def cpu_seconds(engine):
    """
    utime and stime of its processes. /proc/PID/stat has them in steps of 10 ms; the kernel gives the sum of
    the two, ended threads included, in nanoseconds as a process's CPU clock: CPUCLOCK_SCHED of
    include/linux/posix-timers.h.
    """
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in engine.processes()) / 1e9


def cpu_when_quiet(engine, seconds=30):
    """Of an engine that has nothing left to do."""
    before = [cpu_seconds(engine)]

    def is_quiet():
        time.sleep(QUIET)
        now = cpu_seconds(engine)
        spent, before[0] = now - before[0], now
        return spent < QUIET / 100

    lab.wait_until(is_quiet, f"{engine.name} has nothing left to do", seconds)
    return before[0]


def memory(engine):
    """Bytes: its proportional set, so that what its processes share counts once."""
    texts = (pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in engine.processes())
    return sum(1024 * int(re.search(r"^Pss:\s*(\d+) kB$", text, re.MULTILINE)[1]) for text in texts)


class Profile:
    """Samples of an engine's processes, by time: virtual machines have no other counter."""

    def __init__(self, engine, path):
        self.path = path
        self.process = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "999", "--call-graph",
            "dwarf,16384", "-o", path, "-p", ",".join(map(str, engine.processes()))], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)
        if self.process.poll() is not None:
            raise OSError(f"perf cannot: {self.process.stderr.read().strip().splitlines()[-1]}")

    def stop(self):
        """
        Three tables of (percent, what): the libraries; the functions that work; and those of ours for which
        they do, which also tells what libraries without symbols are busy with.
        """
        self.process.terminate()
        self.process.communicate(timeout=60)
        libraries, workers, ours = (collections.Counter() for _ in range(3))
        for frames in self._samples():
            library, function = frames[0]
            libraries[library] += 1
            workers[f"{library}: {function}"] += 1
            ours[next((function for library, function in frames if library in OURS), "none")] += 1
        total = sum(libraries.values()) or 1
        return tuple([(100 * count / total, what) for what, count in found.most_common(most)]
            for found, most in ((libraries, 6), (workers, TOP), (ours, TOP)))

    def _samples(self):
        """Lists of (library, function), the innermost first."""
        text = said("perf", "script", "-i", self.path, "--no-inline", "-F", "ip,sym,dso", lines=None)
        for sample in text.split("\n\n"):
            frames = re.findall(r"^\s*[0-9a-f]+ (.*) \((\S+)\)$", sample, re.MULTILINE)
            if frames:
                yield [(re.sub(r"\[kernel.*", "kernel", library).rpartition("/")[2],
                    function.replace("[unknown]", "without a name")) for function, library in frames]


class Instructions:
    """
    What the workers of a posternd execute outside the kernel, counted by callgrind: the same each time, however
    busy the machine is. Its processor has no instructions for SHA.
    """
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        folder.chmod(0o777)  # who writes there has given up its privileges
        self.command = ("valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={folder}/%p",
            "--trace-children=yes", "--trace-children-skip=*/postern-certgen", "--collect-atstart=no",
            "--toggle-collect=worker_main")

    def read(self):
        """Of all processes that have ended, by library; that of functions nobody can name is the program itself."""
        found = collections.Counter()
        for path in self.folder.iterdir():
            text = said("callgrind_annotate", "--threshold=100", path, lines=None)
            for count, place in re.findall(r"^ *([\d,]+) \([ \d.]+%\)  \S+:.*?(?: \[(.+)\])?$", text, re.MULTILINE):
                found[pathlib.PurePath(place or OURS[0]).name] += int(count.replace(",", ""))
        return found
