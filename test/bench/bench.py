#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Measures what postern costs, beside peers that do the same work in the same run, and beside the floor: what
no engine can do without (floor.c).

What is counted is the CPU time of all of an engine's processes, all threads, user and system, from before
the first connection until it is quiet after the last. Each cell is measured by turns, postern, peer, postern,
peer; the page has medians, and the median of the rounds' ratios. load.py checks that every connection is what
the cell says. Each engine logs a line for each connection, as postern does.

    stage.py    the lab, its servers, loads         sides.py    ways to measure one engine
    engines.py  postern and its peers               cells.py    what is measured, and the bars
    clocks.py   CPU time, memory, profiles          page.py, plot.py    what is written
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import lab  # noqa: E402
import page  # noqa: E402
import plot  # noqa: E402
from cells import CELLS  # noqa: E402
from engines import POSTERN  # noqa: E402
from stage import LoadFailed, Stage  # noqa: E402

FAILURES = (LoadFailed, TimeoutError, RuntimeError, AssertionError, OSError, subprocess.SubprocessError)
DOC = HERE.parents[1] / "doc"


def tell(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def choose_cores():
    """The engines' one. This process and all that it starts get the other."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        sys.exit("bench: this takes two processors, one for the engines and one for the load")
    os.sched_setaffinity(0, {available[1]})
    return available[0]


def measure(stage, cell, options):
    tell(f"{cell.key}: {', '.join(cell.sides)}")
    try:
        cell.warm_up()
        for number in range(options.rounds):
            cell.round(number)
        for row in cell.rows:
            tell("    " + page.one_line(row))
        if options.profile and cell.is_missed() and hasattr(cell.sides[POSTERN], "profile"):
            tell(f"{cell.key}: a bar is missed, profiling")
            cell.profile = cell.sides[POSTERN].profile(stage.lab.folder / f"{cell.key}.perf")
    except FAILURES as error:
        cell.failed = str(error) or repr(error)
        tell(f"{cell.key}: failed: {cell.failed}")
        revive(stage)
    for name, why in cell.impossible.items():
        tell(f"{cell.key}: {name}: not possible: {why}")


def revive(stage):
    """After a failure: whoever is gone comes back, for the next cell."""
    for engine in stage.engines():
        if engine.has_ended():
            engine.restart()


def parse():
    parser = argparse.ArgumentParser(description="Measures what postern costs, beside peers.")
    parser.add_argument("--rounds", type=int, help="5; quick: 1")
    parser.add_argument("--connections", type=int, help="of a round, for each side: 400; quick: 120")
    parser.add_argument("--quick", action="store_true", help="a rehearsal, of some minutes")
    parser.add_argument("--only", metavar="CELL", action="append", choices=CELLS, help="one cell; may be given again: "
        + ", ".join(CELLS))
    parser.add_argument("--profile", action="store_true", help="where a bar is missed, by perf")
    parser.add_argument("--page", metavar="FOLDER", type=pathlib.Path,
        help="where performance.md and .svg go; doc, unless the run is quick or of some cells only")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.connections = options.connections or (120 if options.quick else 400)
    if options.rounds < 1 or options.connections < 20:
        parser.error("one round and twenty connections are the least")
    if not options.page and not options.quick and not options.only:
        options.page = DOC
    return options


def main():
    options = parse()
    lab.require_root()
    began, load_average = time.monotonic(), os.getloadavg()[0]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    tell("starting servers and engines")
    stage = Stage(choose_cores())
    cells = [CELLS[key](stage, options.connections) for key in options.only or CELLS]
    for cell in cells:
        measure(stage, cell, options)
    stage.close()

    facts = page.Facts(options.rounds, options.connections, time.monotonic() - began, load_average)
    print(page.plain(cells))
    if options.page:
        (options.page / "performance.md").write_text(page.markdown(stage, cells, facts))
        (options.page / "performance.svg").write_text(plot.svg(cells))
    sys.exit(1 if any(cell.failed for cell in cells) else 0)


if __name__ == "__main__":
    main()
