# SPDX-License-Identifier: GPL-3.0-or-later
"""
Runs last: every fate, reason and end that the engine can name was seen in some test of the lab, and
no other. The tests leave their connection logs in the folder POSTERN_LAB_LOG.
"""

import json
import os
import pathlib
import unittest

from engine import postern

KINDS = ("fate", "reason", "end")


class Reasons(unittest.TestCase):
    def test_all_were_seen(self):
        folder = os.environ.get("POSTERN_LAB_LOG")
        if not folder:
            self.skipTest("POSTERN_LAB_LOG names no folder")
        logs = [log.read_text() for log in pathlib.Path(folder).iterdir()]
        lines = [json.loads(line) for log in logs for line in log.splitlines()]
        seen = {(kind, line[kind]) for line in lines if line["event_type"] == "connection" for kind in KINDS}
        known = {tuple(line.split("\t")[:2]) for line in postern("reasons").splitlines()}
        self.assertEqual(seen, known)


if __name__ == "__main__":
    unittest.main()
