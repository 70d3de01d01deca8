# SPDX-License-Identifier: GPL-3.0-or-later
"""
What stands in posternd's place when only the rules are tested: the test itself writes the kernel's sets,
which posternd's gate would, and a listener takes what is diverted and relays it, byte for byte.
"""

import contextlib
import os
import select
import socket
import struct
import threading
import time

SERVER_MARK, CLIENT_MARK = 0x40, 0x80
PORT = 8443

_TRANSPARENT = {socket.AF_INET: (socket.SOL_IP, 19), socket.AF_INET6: (socket.IPPROTO_IPV6, 75)}
_TCP_REPAIR, _TCP_REPAIR_QUEUE, _TCP_QUEUE_SEQ, _SEND_QUEUE = 19, 20, 21, 2


class StandIn:
    """Listens in a namespace, as the engine does; with the client's address towards the server if told so."""

    def __init__(self, namespace, source="appliance"):
        self.namespace = namespace
        self.source = source
        self.clients = []  # whose connections were accepted: (address, port)
        self._ends = []
        self._listeners = []

    def start(self):
        for family in (socket.AF_INET, socket.AF_INET6):
            listener = self.namespace.socket(family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, CLIENT_MARK)
            listener.setsockopt(*_TRANSPARENT[family], 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(("", PORT))
            listener.listen(128)
            self._listeners.append(listener)
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self

    def stop(self):
        """As if it had died: all its sockets are closed."""
        for end in (*self._listeners, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._listeners.clear()
        self._ends.clear()

    def close_first(self):
        """Ends what it relays from its own side, so that TIME_WAIT is its own."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_WR)
        self._ends.clear()

    def has(self, client):
        """Whether it took this socket's connection."""
        return client.getsockname()[:2] in self.clients

    def _accept(self, listener):
        while True:
            try:
                client, address = listener.accept()
            except OSError:
                return
            self.clients.append(address[:2])
            self._ends.append(client)
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client):
        with client, contextlib.suppress(OSError, ValueError), self._dial(client) as server:
            self._ends.append(server)
            other = {client: server, server: client}
            while other:
                for end in select.select(list(other), [], [])[0]:
                    data = end.recv(65536)
                    if data:
                        other[end].sendall(data)
                    else:
                        other.pop(end).shutdown(socket.SHUT_WR)

    def _dial(self, client):
        server = self.namespace.socket(client.family)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, SERVER_MARK)
            set_sequence(server)
            if self.source == "client":
                server.setsockopt(*_TRANSPARENT[client.family], 1)
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind(client.getpeername()[:2])
            server.connect(client.getsockname()[:2])
        except OSError:
            server.close()
            raise
        return server


def set_sequence(end):
    """
    An initial sequence number of its own. All machines of a lab have one kernel, so two sockets with the
    same addresses and ports would get nearly the same, which hides what real machines would run into.
    """
    end.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    end.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_QUEUE, _SEND_QUEUE)
    end.setsockopt(socket.IPPROTO_TCP, _TCP_QUEUE_SEQ, struct.unpack("i", os.urandom(4))[0])
    end.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 0)


class Sets:
    """The sets in the kernel, of the rules of that backend."""

    def __init__(self, namespace, backend):
        self.namespace = namespace
        self.is_nft = backend == "nftables"

    def add(self, name, element=443):
        if self.is_nft:
            life = "" if name == "closed" else " timeout 600s"
            self._nft(f"add element inet postern {name} {{ {element}{life} }}")
        else:
            life = () if name == "closed" else ("timeout", 600)
            self.namespace.run("ipset", "-exist", "add", f"postern_{name}", element, *life)

    def clear(self, *names):
        for name in names:
            if self.is_nft:
                self._nft(f"flush set inet postern {name}")
            else:
                self.namespace.run("ipset", "flush", f"postern_{name}")

    def has(self, name):
        """Whether port 443 is in it."""
        if self.is_nft:
            return "443" in self._nft(f"list set inet postern {name}")
        return self.namespace.run("ipset", "-q", "test", f"postern_{name}", 443, check=False).returncode == 0

    def unjudged(self):
        """How many were counted."""
        if self.is_nft:
            words = self._nft("list counter inet postern unjudged").split()
        else:
            words = self.namespace.run("ipset", "list", "postern_unjudged").stdout.split()
        return int(words[words.index("packets") + 1])

    def _nft(self, command):
        return self.namespace.run("nft", command).stdout


class Sniffer:
    """What reaches a device."""

    def __init__(self, namespace, device):
        with namespace._entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
            self._socket.bind((device, 3))

    def close(self):
        self._socket.close()

    def packets(self, seconds=0.0):
        """(transport protocol, port that it goes to, IP packet) of each one received so far."""
        end = time.monotonic() + seconds
        while select.select([self._socket], [], [], max(0.0, end - time.monotonic()))[0]:
            packet, (_, _, kind, *_) = self._socket.recvfrom(65536)
            is_ipv6 = packet[0] >> 4 == 6
            at = 40 if is_ipv6 else 20
            if kind != socket.PACKET_OUTGOING and len(packet) >= at + 4:
                yield packet[6 if is_ipv6 else 9], int.from_bytes(packet[at + 2:at + 4], "big"), packet
