# SPDX-License-Identifier: GPL-3.0-or-later
"""tlsfuzzer: a client that breaks TLS in thousands of ways, each with the answer that a server owes it."""

import concurrent.futures
import dataclasses
import fnmatch
import os
import pathlib
import re
import subprocess

from results import OK, Result

NAME = "tlsfuzzer"
SCRIPTS = pathlib.Path(__file__).with_name("tlsfuzzer.tsv")
LIMIT = 20     # conversations of a script, chosen by a fixed seed, beside "sanity"
SECONDS = 300  # for one script
# Debian's Python: python3-ecdsa is for that one.
PYTHON = "/usr/bin/python3"
# A script chooses its conversations by random.sample: the same ones in each run.
SEEDED = "import random, runpy, sys; random.seed(1); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], None, '__main__')"
# What begins a conversation: its name, or its name and which time it is.
BEGIN = re.compile(r'^(?:(\S.*) \.\.\.|"(.+)" repeat \d+(?:\.\.\.)?)$')
OBJECT = re.compile(r" (?:object )?at 0x[0-9a-f]+")


@dataclasses.dataclass
class Run:
    script: str
    host: str
    arguments: list

    @property
    def label(self):
        return " ".join((self.script, *self.arguments, *(("ECDSA",) if self.host.startswith("ecdsa") else ())))


def read_scripts(names):
    """The runs, and {script: why it is none} of those left out. Each script there is must be one of both."""
    runs, left_out = [], {}
    for line in SCRIPTS.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        script, host, text = line.split("\t")
        if host != "-":
            runs.append(Run(script, f"{host}.example", [] if text == "-" else text.split(" ")))
            continue
        left_out.update({name: text for name in fnmatch.filter(names, script)})
    chosen = {run.script for run in runs}
    lost, gone = set(names) - chosen - set(left_out), chosen - set(names)
    if lost or gone:
        raise ValueError(f"{SCRIPTS.name}: not there: {', '.join(gone) or '-'}; not in it: {', '.join(lost) or '-'}")
    return runs, left_out


def read_output(label, output):
    """One result for each conversation: OK, or the exception that ended it, the first line after its traceback."""
    results, name, outcome, is_traceback = [], None, None, False
    for line in output.splitlines():
        begin = BEGIN.match(line)
        if begin or line == "Test end":
            if name:
                results.append(Result(NAME, label, name, outcome or "says nothing"))
            name, outcome, is_traceback = begin and (begin[1] or begin[2]), None, False
        elif line in ("OK", "OK-expected failure"):
            outcome = OK
        elif line.startswith("Traceback "):
            is_traceback = True
        elif is_traceback and line[:1].strip():
            error, _, text = line.partition(": ")
            outcome, is_traceback = OBJECT.sub("", text or error.rpartition(".")[2]), False
    return results


def run_one(stage, sources, run):
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": f"{sources['tlsfuzzer']}:{sources['tlslite-ng']}"}
    limit = () if "-n" in run.arguments else ("-n", LIMIT)
    try:
        done = stage.lab.client.run(PYTHON, "-c", SEEDED, sources["tlsfuzzer"] / f"scripts/test-{run.script}.py",
            "-h", run.host, "-p", 443, *limit, *run.arguments, check=False, timeout=SECONDS, env=environment,
            cwd=sources["tlsfuzzer"])
    except subprocess.TimeoutExpired:
        return [Result(NAME, run.label, "(the script)", f"not done in {SECONDS} seconds")]
    log = stage.lab.folder / "tlsfuzzer" / f"{run.label.replace(' ', '_').replace('/', '_')}.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(done.stdout + done.stderr)
    results = read_output(run.label, done.stdout)
    failed = sum(result.outcome != OK for result in results)
    if not results or bool(done.returncode) != bool(failed):
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        results.append(Result(NAME, run.label, "(the script)", f"exit code {done.returncode}: {last}"))
    return results


def run(stage, sources, tell):
    scripts = sources["tlsfuzzer"] / "scripts"
    names = sorted(path.stem[5:] for path in scripts.glob("test-*.py"))
    runs, left_out = read_scripts(names)
    results = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, found in enumerate(pool.map(lambda one: run_one(stage, sources, one), runs), 1):
            results += found
            if number % 20 == 0:
                tell(f"tlsfuzzer: {number} of {len(runs)} runs")
    return results, left_out
