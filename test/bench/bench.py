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
    collector.py, knock.py    many events, and who takes them
"""

import argparse
import dataclasses
import os
import pathlib
import resource
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import lab  # noqa: E402
import page  # noqa: E402
import plot  # noqa: E402
from cells import CELLS, COUNTED, FAILURES, QUICK, WHOLE  # noqa: E402
from engines import POSTERN  # noqa: E402
from stage import Stage  # noqa: E402

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
    began = time.monotonic()
    tell(f"{cell.key}: {', '.join(cell.sides)}")
    try:
        cell.warm_up()
        for number in range(options.size.rounds):
            cell.round(number)
        for row in cell.rows:
            tell("    " + page.one_line(row))
    except FAILURES as error:
        cell.failed = str(error) or repr(error)
        tell(f"{cell.key}: failed: {cell.failed}")
    for name, why in cell.impossible.items():
        tell(f"{cell.key}: {name}: not possible: {why}")
    if options.profile and not cell.failed:
        profile(stage, cell)
    if cell.failed or cell.impossible:
        revive(stage)
    tell(f"{cell.key}: {time.monotonic() - began:.0f} seconds")


def profile(stage, cell):
    side = cell.sides[POSTERN]
    try:
        if cell.is_missed() and hasattr(side, "profile"):
            tell(f"{cell.key}: a bar is missed, profiling")
            cell.profile = side.profile(stage.lab.folder / f"{cell.key}.perf")
        if cell.key in COUNTED:
            tell(f"{cell.key}: counting instructions")
            cell.instructions = side.instructions(stage.lab.folder / f"{cell.key}.callgrind")
    except FAILURES as error:
        tell(f"{cell.key}: no profile: {error}")


def revive(stage):
    """After a failure: whoever is gone comes back, for the next cell."""
    for engine in stage.engines():
        if engine.has_ended():
            try:
                engine.restart()
            except FAILURES as error:
                tell(f"{engine.name} does not start again: {error}")


def parse():
    parser = argparse.ArgumentParser(description="Measures what postern costs, beside peers.")
    parser.add_argument("--rounds", type=int, help=f"{WHOLE.rounds}; quick: {QUICK.rounds}")
    parser.add_argument("--connections", type=int,
        help=f"of a round, for each side: {WHOLE.connections}; quick: {QUICK.connections}")
    parser.add_argument("--quick", action="store_true", help="a rehearsal, of some minutes")
    parser.add_argument("--only", metavar="CELL", action="append", choices=CELLS,
        help=f"one cell; may be given again: {', '.join(CELLS)}")
    parser.add_argument("--profile", action="store_true", help="by perf where a bar is missed, and by callgrind")
    parser.add_argument("--page", metavar="FOLDER", type=pathlib.Path,
        help="where performance.md and .svg go; doc, unless the run is quick or of some cells only")
    options = parser.parse_args()
    default = QUICK if options.quick else WHOLE
    options.size = dataclasses.replace(default, rounds=options.rounds or default.rounds,
        connections=options.connections or default.connections)
    if options.size.rounds < 1 or options.size.connections < 20:
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
    cells = [CELLS[key](stage, options.size) for key in options.only or CELLS]
    for cell in cells:
        measure(stage, cell, options)

    facts = page.Facts(options.size.rounds, options.size.connections, time.monotonic() - began, load_average)
    print(page.plain(cells))
    if options.page:
        options.page.mkdir(parents=True, exist_ok=True)
        (options.page / "performance.md").write_text(page.markdown(stage, cells, facts))
        (options.page / "performance.svg").write_text(plot.svg(cells))
    sys.exit(1 if any(cell.failed or cell.impossible for cell in cells) else 0)


if __name__ == "__main__":
    main()
