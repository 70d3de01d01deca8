#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Connections that end before they have said anything, so many a second: the cheapest way to an event. Prints
how many a second there really were.
"""

import argparse
import socket
import struct
import time

RESET = struct.pack("ii", 1, 0)  # a TIME_WAIT for each would soon leave no port


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=int)
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    began = time.monotonic()
    for number in range(options.count):
        ahead = began + number / options.rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        with socket.create_connection((options.address, options.port), timeout=10) as end:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    print(round(options.count / (time.monotonic() - began)))


if __name__ == "__main__":
    main()
