# SPDX-License-Identifier: GPL-3.0-or-later
"""What the suites found, held against the table of what is expected."""

import collections
import dataclasses
import fnmatch
import pathlib
import re

TABLE = pathlib.Path(__file__).with_name("expected.tsv")
OK = "ok"


@dataclasses.dataclass(frozen=True)
class Result:
    suite: str
    subject: str  # what it was done to, or with
    check: str
    outcome: str  # OK, or what is wrong in the suite's own words; of badssl: what became of the connection


@dataclasses.dataclass(frozen=True)
class Expected:
    """A row of the table: * stands for anything, | between two outcomes for either."""
    suite: str
    subject: str
    check: str
    outcome: str
    reason: str

    def covers(self, result):
        return result.suite == self.suite and _matches(self.subject, result.subject) and _matches(
            self.check, result.check)

    def agrees(self, result):
        return any(_matches(pattern, result.outcome) for pattern in self.outcome.split("|"))


def _matches(pattern, text):
    return re.match(fnmatch.translate(pattern.replace("[", "[[]")), text) is not None


def read_table(path=TABLE):
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != 5 or not all(cells):
            raise ValueError(f"{path.name}:{number}: five cells, none of them empty, are a row")
        rows.append(Expected(*cells))
    return rows


@dataclasses.dataclass
class Verdict:
    results: list
    exceptions: dict    # row of the table: how many results it explains
    unexpected: list    # (result, what was expected)
    unused: list        # rows that covered nothing

    def is_good(self, suites):
        """A suite that found nothing at all has not run."""
        return {result.suite for result in self.results} == set(suites) and not self.unexpected and not self.unused


def judge(results, rows):
    """The first row that covers a result says what it must be; without one it must be OK."""
    exceptions, unexpected = collections.Counter(), []
    for result in results:
        row = next((row for row in rows if row.covers(result)), None)
        if row is None and result.outcome != OK:
            unexpected.append((result, OK))
        elif row and not row.agrees(result):
            unexpected.append((result, row.outcome))
        elif row:
            exceptions[row] += 1
    ran = {result.suite for result in results}
    unused = [row for row in rows if row.suite in ran and row not in exceptions]
    return Verdict(results, exceptions, unexpected, unused)
