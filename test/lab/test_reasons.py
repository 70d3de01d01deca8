# SPDX-License-Identifier: GPL-3.0-or-later
"""
Runs last, and looks at every line that the engines of all tests have logged: each event keeps to the
schema, and every fate, reason and end that the engine can name was seen, and no other. The tests leave
their logs in the folder POSTERN_LAB_LOG.
"""

import json
import os
import pathlib
import unittest

import schema
from engine import postern

KINDS = ("fate", "reason", "end")


class Reasons(unittest.TestCase):
    def setUp(self):
        folder = os.environ.get("POSTERN_LAB_LOG")
        if not folder:
            self.skipTest("POSTERN_LAB_LOG names no folder")
        logs = [log.read_text() for log in pathlib.Path(folder).iterdir()]
        self.events = [json.loads(line) for log in logs for line in log.splitlines()]

    def test_all_keep_to_the_schema(self):
        for event in self.events:
            try:
                schema.validate(event)
            except schema.Mismatch as mismatch:
                self.fail(f"{mismatch}: {event}")

    def test_all_were_seen(self):
        connections = [event for event in self.events if event["event_type"] == "connection"]
        seen = {(kind, event[kind]) for event in connections for kind in KINDS}
        known = {tuple(line.split("\t")[:2]) for line in postern("reasons").splitlines()}
        self.assertEqual(seen, known)


if __name__ == "__main__":
    unittest.main()
