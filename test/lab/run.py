# SPDX-License-Identifier: GPL-3.0-or-later
"""
run.py MODULE FILE: runs the tests of a module, and leaves in FILE what became of each, one a line: for
test/threats.py. By hand the module itself is run, with or without the names of tests.
"""

import pathlib
import sys
import unittest


class Result(unittest.TextTestResult):
    """What befell a test, or all of a class, and is no success."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.outcomes = {}

    def _note(self, test, outcome):
        self.outcomes[test.id().removeprefix(f"{type(test).__module__}.")] = outcome

    def startTest(self, test):
        super().startTest(test)
        self._note(test, "passed")

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, "failed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, "failed")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self._note(test, "failed")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(getattr(test, "test_case", test), "skipped")


def main(module, file):
    path = pathlib.Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("all failed\n")
    runner = unittest.TextTestRunner(resultclass=Result)
    result = unittest.main(module, argv=[module], testRunner=runner, exit=False).result
    path.write_text("".join(f"{name} {outcome}\n" for name, outcome in result.outcomes.items()))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
