#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Runs suites that others wrote, in the lab, against a real posternd, and compares what they find with a table.

    scanners.py    sslscan and testssl.sh          } at an intercepted host:
    tlsfuzzer.py   tlsfuzzer, tlsfuzzer.tsv        } stage.py
    badssl.py      badssl.com's servers, behind an engine of its own
    sources.py     what is not in Debian           results.py    the comparison, with expected.tsv
    page.py        what is written
"""

import argparse
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import badssl  # noqa: E402
import lab  # noqa: E402
import page  # noqa: E402
import scanners  # noqa: E402
import sources  # noqa: E402
import tlsfuzzer  # noqa: E402
from results import judge, read_table  # noqa: E402
from stage import Stage  # noqa: E402

PAGE = HERE.parents[1] / "doc" / "conformance.md"
SUITES = {"sslscan": (), "testssl.sh": (), "tlsfuzzer": ("tlsfuzzer", "tlslite-ng"), "badssl": ("badssl.com",)}


def tell(text):
    print(f"conformance: {text}", file=sys.stderr, flush=True)


def run(suites, fetched):
    """(results, scripts of tlsfuzzer that were left out)"""
    results, left_out = [], {}
    if set(suites) & {"sslscan", "testssl.sh", "tlsfuzzer"}:
        stage = Stage()
        if "sslscan" in suites:
            results += scanners.run_sslscan(stage, tell)
        if "testssl.sh" in suites:
            results += scanners.run_testssl(stage, tell)
        if "tlsfuzzer" in suites:
            found, left_out = tlsfuzzer.run(stage, fetched, tell)
            results += found
        tell(f"the engine had {stage.stop()} connections, and passed none")
    if "badssl" in suites:
        results += badssl.run_suite(fetched["badssl.com"], tell)
    return results, left_out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="SUITE", action="append", choices=SUITES,
        help=f"one suite; may be given again: {', '.join(SUITES)}")
    parser.add_argument("--page", metavar="FILE", type=pathlib.Path,
        help="where the page goes; doc/conformance.md, unless some suites only are run")
    options = parser.parse_args()
    suites = options.only or list(SUITES)
    lab.require_root()

    began = time.monotonic()
    rows = read_table()
    fetched = {name: sources.fetch(name, tell) for suite in suites for name in SUITES[suite]}
    results, left_out = run(suites, fetched)
    verdict = judge(results, rows)
    debian = [name for name in ("sslscan", "testssl.sh") if name in suites]
    versions = {**{name: scanners.version(name) for name in debian}, **page.versions_of_sources(fetched)}
    text = page.markdown(verdict, suites, versions, left_out, time.monotonic() - began)
    if options.page or not options.only:
        (options.page or PAGE).write_text(text)

    for result, expected in verdict.unexpected:
        tell(f"{result.suite}: {result.subject}: {result.check}: {result.outcome}; expected: {expected}")
    for row in verdict.unused:
        tell(f"{row.suite}: {row.subject}: {row.check}: is in expected.tsv, and was never seen")
    print("\n".join(f"{suite}: {checks} checks, {fine} as it should be, {explained} explained, {wrong} unexpected"
        for suite, _, checks, fine, explained, wrong in page.counts(verdict, suites)))
    sys.exit(0 if verdict.is_good(suites) else 1)


if __name__ == "__main__":
    main()
