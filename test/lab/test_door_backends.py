# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of test_door.py, with the other back ends of the rules."""

import unittest

import test_door


class Legacy(test_door.Cases, test_door.DoorTest):
    RULES = ("--backend", "legacy")


class Nftables(test_door.Cases, test_door.DoorTest):
    RULES = ("--backend", "nftables")


if __name__ == "__main__":
    unittest.main()
