# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs tests by their names and says, a line for each, what became of them: tap.py [unittest name...]"""

import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lab")]

DEFAULT = ("test_native", "test_kernel_tls")


class Result(unittest.TestResult):
    count = 0

    def startTest(self, test):
        super().startTest(test)
        self.began, self.bad = time.monotonic(), False

    def line(self, word, what, text=""):
        self.count += 1
        print(f"{word} {self.count} - {what} ({time.monotonic() - self.began:.1f} s)", flush=True)
        for line in text.splitlines():
            print(f"# {line}", flush=True)

    def wrong(self, test, error):
        self.bad = True
        self.line("not ok", test.id(), self._exc_info_to_string(error, test))

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.wrong(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        if not hasattr(self, "began"):  # of a whole class
            self.began = time.monotonic()
        self.wrong(test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.wrong(subtest, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("ok", f"{test.id()} # SKIP {reason}")

    def addSuccess(self, test):
        super().addSuccess(test)
        if not self.bad:
            self.line("ok", test.id())


def main(names):
    tests = unittest.defaultTestLoader.loadTestsFromNames(names or DEFAULT)
    result = Result()
    tests.run(result)
    print(f"1..{result.count}", flush=True)
    return 0 if result.count and result.wasSuccessful() else 1


sys.exit(main(sys.argv[1:]))
