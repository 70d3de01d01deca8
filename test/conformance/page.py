# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: nothing on it is written by hand, but for the reasons, which come from the tables."""

import collections
import datetime
import platform

import sources
from results import OK

ABOUT = {
    "sslscan": "protocols, suites, groups, signatures and the certificate that clients are shown",
    "testssl.sh": "the same, and known attacks on the client face",
    "tlsfuzzer": "clients that break TLS, each with the answer that a server owes them",
    "badssl": "servers that are wrong in one way each, behind an engine with its default settings and with "
        "`upstream.unsupported: block` (strict)",
}


def table(head, lines):
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in (head, *lines)]
    rows = [f"| {' | '.join(line)} |" for line in cells]
    return [rows[0], "|---" * len(head) + "|", *rows[1:], ""]


def counts(verdict, suites):
    for suite in suites:
        results = [result for result in verdict.results if result.suite == suite]
        wrong = sum(result.suite == suite for result, _ in verdict.unexpected)
        explained = sum(count for row, count in verdict.exceptions.items() if row.suite == suite)
        if suite == "badssl":  # it says nothing of what should be: the table does, of each host
            explained = 0
        yield suite, ABOUT[suite], len(results), len(results) - wrong - explained, explained, wrong


def unexpected(verdict):
    lines = [(result.suite, result.subject, result.check, result.outcome, expected)
        for result, expected in verdict.unexpected]
    lines += [(row.suite, row.subject, row.check, "never seen", row.outcome) for row in verdict.unused]
    if not lines:
        return []
    return ["## Unexpected", "", *table(("suite", "with", "check", "found", "expected"), lines)]


def exceptions(verdict, suite):
    lines = [(row.subject, row.check, row.outcome, count, row.reason)
        for row, count in verdict.exceptions.items() if row.suite == suite]
    return table(("with", "check", "found", "times", "reason"), lines) if lines else ["None.", ""]


def hosts(verdict):
    """badssl: what became of each host, with both policies."""
    rows = collections.OrderedDict()
    for result in verdict.results:
        if result.suite == "badssl":
            rows.setdefault(result.check, {})[result.subject] = result.outcome
    reasons = {}
    for row in verdict.exceptions:
        if row.suite == "badssl":
            reasons.setdefault(row.check, row.reason)
    lines = [(host, found["defaults"], found["strict"] if found["strict"] != found["defaults"] else "the same",
        reasons.get(host, "")) for host, found in rows.items()]
    return table(("host", "defaults", "strict", "why it has to be so"), lines)


def runs(verdict, left_out):
    """tlsfuzzer: the scripts, with what came of them."""
    by_script = collections.OrderedDict()
    for result in verdict.results:
        if result.suite == "tlsfuzzer":
            by_script.setdefault(result.subject, []).append(result.outcome == OK)
    lines = [(script, len(found), sum(found)) for script, found in by_script.items()]
    by_reason = collections.OrderedDict()
    for script, reason in left_out.items():
        by_reason.setdefault(reason, []).append(script)
    return [
        "### Scripts", "", *table(("script", "conversations", "as it wants"), lines),
        "### Scripts that are not run", "",
        *table(("scripts", "why"), [(", ".join(scripts), reason) for reason, scripts in by_reason.items()])]


def markdown(verdict, suites, versions, left_out, seconds):
    lines = [
        "# Suites that others wrote", "",
        "Written by `./dev conformance`. Every suite ran in the lab against a real posternd. What is not as a suite "
        "wants it has a row here, from `test/conformance/expected.tsv`; what has none, or has come to be as it should "
        "while its row says otherwise, makes the run fail.", "",
        f"- {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} minutes; "
        f"{platform.freedesktop_os_release()['PRETTY_NAME']}",
        *(f"- {name} {version}" for name, version in versions.items()), "",
        *table(("suite", "what it looks at", "checks", "as it should be", "explained", "unexpected"),
            counts(verdict, suites)),
        *unexpected(verdict)]
    for suite in suites:
        lines += [f"## {suite}", ""]
        lines += hosts(verdict) if suite == "badssl" else exceptions(verdict, suite)
        if suite == "tlsfuzzer":
            lines += runs(verdict, left_out)
    return "\n".join(lines)


def versions_of_sources(names):
    return {name: f"at {sources.commit(name)[:12]}" for name in names}
