# SPDX-License-Identifier: GPL-3.0-or-later
"""
threats.py FOLDER [--write]: runs after all other tests, each of which has left there what became of it, and holds
doc/security.md against that. Where a table's last column is `result`, it says what the tests before it in
the row came to; any other test that the page names has passed. With --write the column is written instead.
"""

import difflib
import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).resolve().parents[1] / "doc" / "security.md"
TEST = re.compile(r"`((?:unit|fuzz|lab)\.[a-z0-9_]+(?: \w+\.test_\w+)?)`")
TABLE_V = "lab.trust Trust.test_table"  # makes the rows V1 to V43, and compares them itself
SUITES = "doc/conformance.md"  # what others' suites found, by a run of its own


def outcomes(folder):
    """Of tests by name: `unit.hello`, `lab.trust Trust.test_table`; and `lab.trust`, of all in the file."""
    found = {}
    for path in pathlib.Path(folder).iterdir():
        lines = [line.rsplit(" ", 1) for line in path.read_text().splitlines()]
        found.update((f"{path.name} {name}", outcome) for name, outcome in lines)
        others = [outcome for _, outcome in lines if outcome != "passed"]
        found[path.name] = others[0] if others or not lines else "passed"
    return found


def said(cell, found):
    """The result of a row."""
    tests = TEST.findall(cell) + ([TABLE_V] if re.search(r"\brows? V\d", cell) else [])
    bad = [f"`{test}` {found.get(test, 'did not run')}" for test in tests if found.get(test) != "passed"]
    if bad:
        return ", ".join(bad)
    return "passed" if tests else "there" if SUITES in cell else "no test"


def filled(text, found):
    """The page as it has to be; and the tests that are named outside of such tables."""
    lines, named, is_result = [], [], False
    for line in text.splitlines():
        cells = line.split("|")
        if not line.startswith("|"):
            is_result = False
        elif cells[-2] == " result ":
            is_result = True
        elif is_result and not cells[-2].startswith("---"):
            cells[-2] = f" {said(cells[-3], found)} "
        if not is_result:
            named += TEST.findall(line)
        lines.append("|".join(cells))
    return "\n".join(lines) + "\n", named


def main(folder, *options):
    found = outcomes(folder)
    before = PAGE.read_text()
    after, named = filled(before, found)
    bad = sorted({f"{test} {found.get(test, 'did not run')}" for test in named if found.get(test) != "passed"})
    if "--write" in options:
        PAGE.write_text(after)
    else:
        bad += difflib.unified_diff(before.splitlines(), after.splitlines(), "the page", "the run", lineterm="", n=0)
    print(*bad, sep="\n", end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
