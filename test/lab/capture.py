# SPDX-License-Identifier: GPL-3.0-or-later
"""What went over an interface, put together again as TCP streams."""

import contextlib
import dataclasses
import struct
import subprocess

from lab import wait_until

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


@dataclasses.dataclass
class Connection:
    """One that was seen from its SYN on."""
    client: tuple  # (address, port) as bytes and number
    to_server: bytearray = dataclasses.field(default_factory=bytearray)
    to_client: bytearray = dataclasses.field(default_factory=bytearray)
    finished: set = dataclasses.field(default_factory=set)  # endpoints that sent FIN
    starts: dict = dataclasses.field(default_factory=dict)  # endpoint: number of its first byte
    is_reset: bool = False

    @property
    def is_over(self):
        return self.is_reset or len(self.finished) == 2


class Capture:
    """Of TCP port 443 on one of the appliance's interfaces."""

    def __init__(self, lab, interface):
        self.path = lab.folder / f"{interface}.pcap"
        self._tcpdump = lab.appliance.start("tcpdump", "-i", interface, "-w", self.path, "-U", "--immediate-mode",
            "-Z", "root", "tcp port 443", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._tcpdump.stderr.readline()  # "listening on ..."

    def connections(self, count):
        """The first `count` connections, once they are over."""
        def all_over():
            seen = _connections(self.path.read_bytes())
            return len(seen) >= count and all(one.is_over for one in seen) and seen

        return wait_until(all_over, f"{count} connections in {self.path.name}")

    def stop(self):
        self._tcpdump.terminate()
        self._tcpdump.communicate()


@contextlib.contextmanager
def captured(lab, *interfaces):
    captures = [Capture(lab, interface) for interface in interfaces]
    try:
        yield captures
    finally:
        for capture in captures:
            capture.stop()


def _connections(pcap):
    seen, current = [], {}
    for source, target, number, flags, data in _segments(pcap):
        ends = frozenset((source, target))
        if flags & SYN and not flags & ACK:
            current[ends] = Connection(client=source)
            seen.append(current[ends])
        one = current.get(ends)
        if not one:
            continue
        if flags & SYN:
            one.starts[source] = number + 1
        if data:
            stream = one.to_server if source == one.client else one.to_client
            at = (number - one.starts[source]) % (1 << 32)
            stream.extend(bytes(max(0, at + len(data) - len(stream))))
            stream[at:at + len(data)] = data
        if flags & FIN:
            one.finished.add(source)
        one.is_reset = one.is_reset or bool(flags & RST)
    return seen


def _segments(pcap):
    """(source, target, sequence number, flags, bytes) of each TCP segment in a file of Ethernet frames."""
    at = 24
    while at + 16 <= len(pcap):
        length = struct.unpack_from("<I", pcap, at + 8)[0]
        frame = pcap[at + 16:at + 16 + length]
        at += 16 + length
        if len(frame) < length:
            return
        packet = frame[14:]
        if frame[12:14] == b"\x08\x00":
            head, end = (packet[0] & 15) * 4, struct.unpack_from(">H", packet, 2)[0]
            addresses = packet[12:16], packet[16:20]
        else:
            head, end = 40, 40 + struct.unpack_from(">H", packet, 4)[0]
            addresses = packet[8:24], packet[24:40]
        segment = packet[head:end]
        source_port, target_port, number = struct.unpack_from(">HHI", segment)
        yield ((addresses[0], source_port), (addresses[1], target_port), number, segment[13],
            segment[(segment[12] >> 4) * 4:])
