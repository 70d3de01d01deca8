# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: nothing on it is written by hand."""

import collections
import dataclasses
import datetime
import itertools
import os
import pathlib
import platform
import re
import statistics

import sides
from clocks import QUIET, said
from engines import POSTERN
from stage import BULK, DOWNLOADS

HEAD = ("figure", "unit", "postern", "beside", "its figure", "ratio", "bar", "target", "")


@dataclasses.dataclass
class Facts:
    rounds: int
    connections: int
    seconds: float
    load_average: float


def digits(number):
    """Three that count; none behind the point that are not there."""
    if abs(number) < 0.0005:
        return "0"
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def figure(numbers):
    least, most = digits(min(numbers)), digits(max(numbers))
    middle = digits(statistics.median(numbers))
    return middle if least == most else f"{middle} ({least} to {most})"


def one_line(row):
    figures = (f"{name} {figure(numbers)}" for name, numbers in row.figures.items())
    return "; ".join((f"{row.what}, {row.unit}", *figures))


def limit(number, bar):
    if number is None:
        return "-"
    return digits(number) if bar.against is None else f"{number:.2f}"


def lines_of(cell, row):
    if cell.failed or POSTERN not in row.figures:
        yield row.what, row.unit, "failed", "-", "-", "-", "-", "-", f"**failed**: {cell.failed}"
        return
    first = row.what, row.unit, figure(row.figures[POSTERN])
    for bar in row.bars:
        limits = limit(bar.most, bar), limit(bar.target, bar)
        if bar.against is None:
            yield *first, "-", "-", "-", *limits, bar.verdict(row)
        elif bar.against in cell.impossible:
            yield *first, bar.against, "-", "-", *limits, f"**failed**: {cell.impossible[bar.against]}"
        else:
            yield (*first, bar.against, figure(row.figures[bar.against]), f"{bar.value(row):.2f}", *limits,
                bar.verdict(row))
        first = "", "", ""


def table_of(cells):
    return [line for cell in cells for row in cell.rows for line in lines_of(cell, row)]


def plain(cells):
    table = [HEAD, *table_of(cells)]
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in table]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def markdown_table(head, lines):
    rows = [f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in (head, *lines)]
    return [rows[0], "|---" * len(head) + "|", *rows[1:], ""]


def seen_of(cells):
    """(cell, name of the side, what its load saw) of those that have seen something."""
    for cell in cells:
        for name, side in cell.sides.items():
            if getattr(side, "seen", None) and side.seen.connections:
                yield cell, name, side.seen


def legs(cells):
    found = {}
    for _, name, seen in seen_of(cells):
        found.setdefault(name, set()).update(seen.legs)
    return [f"- {name}: {'; '.join(sorted(legs))}" for name, legs in found.items() if name != sides.FULL]


def resumed(cells):
    lines = [(cell.rows[0].what, name, *(f"{seen.resumed[leg]} of {seen.connections}" for leg in ("client", "server")))
        for cell, name, seen in seen_of(cells) if cell.key.startswith("resumed")]
    if not lines:
        return []
    return ["## What was resumed", "",
        "The client offers the session of the connection before; four connections of each round have none to offer. "
        "This server would resume too: each engine does what it does. A figure of an engine that resumed nothing is "
        "that of full handshakes.", "",
        *markdown_table(("cell", "engine", "resumed with the client", "resumed with the server"), lines)]


def latency(cells):
    for cell in cells:
        if cell.key != "latency" or cell.failed:
            continue
        direct = ", ".join(f"{row.what.rpartition(' ')[2]} {figure(row.figures[sides.DIRECT])}" for row in cell.rows)
        phases = cell.sides[POSTERN].phases
        rows = [(phase, *(f"{rank / 1000:.2f}" for rank in sides.percentiles(numbers)))
            for phase, numbers in phases.items()]
        return ["## What the latency consists of", "",
            "From `connect` to the head of the answer, one connection at a time. Without an engine, at a port that "
            f"is not diverted, it is, in ms: {direct}. Of what postern adds, by its own log:", "",
            *markdown_table(("phase", "p50 ms", "p99 ms"), rows)]
    return []


def share(entry):
    return (f"{entry[0]:.1f}", f"`{entry[1]}`") if entry else ("", "")


def profiles(cells):
    text = []
    for cell in cells:
        if not cell.profile:
            continue
        libraries, workers, ours = cell.profile
        text += [f"### {cell.rows[0].what}", "",
            "By library: " + "; ".join(f"{what} {percent:.0f} %" for percent, what in libraries) + ".", "",
            *markdown_table(("%", "at work", "%", "on behalf of"), [
                (*share(worker), *share(caller)) for worker, caller in itertools.zip_longest(workers, ours)])]
    if not text:
        return []
    return ["## Where a bar is missed", "",
        "Where postern's time goes there, in samples by perf: the functions at work, and beside them the functions of "
        "its own that any are at work for.", "", *text]


def instructions(cells):
    found = [cell for cell in cells if cell.instructions]
    if not found:
        return []
    total = collections.Counter()
    for cell in found:
        total.update(cell.instructions)
    libraries = [library for library, _ in total.most_common(4)]
    return ["## Instructions outside the kernel", "",
        f"Thousands for a connection, the mean of {sides.SAMPLE} of which the first is a first visit, counted by callgrind in "
        "the thread that carries them, without certgen. Its processor has no instructions for SHA, so libcrypto's share "
        "is less where they are.", "",
        *markdown_table(("connection", "all", *libraries, "others"), [
            (cell.rows[0].what, *(f"{count / 1000:,.0f}" for count in (sum(cell.instructions.values()),
                *(cell.instructions.get(library, 0) for library in libraries),
                sum(count for library, count in cell.instructions.items() if library not in libraries))))
            for cell in found])]


TRIED = (
    "Half of what an intercepted connection costs, and four fifths of a passed one, is the kernel's: accept, connect, "
        "and each send with all that a packet causes behind it. Peers make as many; a call less is what is left to win.",
    "Segments: our Finished goes with the request behind it, a ticket with the answer, close_notify and the FIN with "
        "the last data. A short connection in TLS 1.3 takes 5 segments with data or a FIN from the engine instead of 8, "
        "and each that is not sent wakes nobody.",
    "SPLICE_F_MORE while a pipe comes out full, so that no segment is a short one: no difference. Not kept.",
    "A first visit is a leaf forged in another process, which judges it, signs it and writes it to disk before it is "
        "given out (`fdatasync`), and a chain of the server's that nobody has judged yet. Peers do neither: HAProxy "
        "makes its leaf from the name alone, sslsplit verifies nothing, and none keeps a record.",
    "A sixth of a first visit is libcrypto's: two signatures to verify, and the server's leaf to read, for whose key "
        "OpenSSL 3.0 goes through its decoders, few as they are here. Fewer still (RSA and EC alone) saved a tenth of "
        "the reading. Not kept.",
    "TCP_DEFER_ACCEPT: no difference, and clients that await the server's first word wait a second longer. Not kept.",
    "Other allocators: 7 % of the time outside the kernel is malloc's, of which mimalloc saved one or two. Not kept.",
    "TCP Fast Open (`upstream.fast_open`): it saves a round trip and no CPU time, so no row here shows it.",
    "Kernel TLS (`tls.kernel`): not in these figures, since the kernel that this was measured on has none. It works, "
        "as `./dev vm` shows on two kernels that have it; what it saves is not known, as an emulated processor says "
        "nothing about that. Before Linux 6.14 a kernel cannot go on reading after a KeyUpdate of TLS 1.3, which either "
        "end may send at any time: there, and so in Debian 12 and 13 but for backports, it carries TLS 1.2 alone.",
    "Greeting the client while its server answers (`downstream.greet_early`) saves the shorter of two waits: the client's "
        "handshake, one round trip with it in TLS 1.3 and two in 1.2, and the dial and the handshake with the server, two "
        "round trips there and three. With 10, 20 and 40 ms of round trip on either side a first byte came after 57, 108 "
        "and 211 ms instead of 71, 135 and 255 (TLS 1.3), after 70, 127 and 248 instead of 95, 171 and 333 (TLS 1.2); with "
        "2 ms to the client and 40 to the server after 134 instead of 139. CPU time is the same within what a run varies "
        "by. So it is for clients far away; it is off by default for what it gives up.",
    "Workers bound to processors: engine, clients and servers share two here, which says nothing about it.",
)


def versions(stage):
    return "; ".join((*(engine.version() for engine in (stage.postern, stage.bridging, stage.sslsplit, stage.nginx)),
        said("openssl", "version"), f"Python {platform.python_version()}"))


def method(stage, facts):
    models = re.findall(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    kernel = platform.release().partition("-")[0]  # the rest names the machine's maker
    return [
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, {facts.seconds / 60:.0f} minutes; "
            f"load average of the machine before: {facts.load_average:.2f}.",
        f"{os.cpu_count()} x {models[0] if models else platform.machine()}; Linux {kernel}; "
            f"{platform.freedesktop_os_release()['PRETTY_NAME']}.",
        f"{versions(stage)}.",
        f"Median of {facts.rounds} round{'s' if facts.rounds > 1 else ''} (least to most), taken by turns: postern, "
            "peer, postern, peer. The ratio is the median of the rounds' ratios: below 1, postern needs less.",
        "Figures move with the machine; ratios of one run are what counts.",
        "CPU time of all of an engine's processes (postern: supervisor, engine, gate, certgen), user and system, all "
            f"threads, until it is quiet ({QUIET:g} s without work) after the load. All engines on one processor; "
            "clients and servers on another; three network namespaces, TPROXY, IPv4.",
        f"{facts.connections} connections a round, 4 at a time, each with one small request; AES-128-GCM and X25519 "
            "on both legs, full handshakes on both unless the row says otherwise. Each connection is checked for that.",
        f"GB: 10^9 bytes, {DOWNLOADS} downloads of {BULK >> 20} MiB a round, side by side. Memory: growth of the proportional set of all "
            "processes, from a fresh start; the kernel's memory is not in it.",
        "HAProxy that intercepts: `generate-certificates`, a leaf from the server name alone, the server's chain and "
            "name verified. sslsplit verifies nothing. HAProxy that passes: by server name, `splice-auto` for "
            "connections, always splicing for GB. nginx: `ssl_preread`. Each engine logs a line for a connection.",
        "Floor: a relay that does only what no interception can do without: the primitives of both handshakes, and "
            "the socket calls; `test/bench/floor.c` says which.",
        "Passed by the kernel: a rule with the server's address. What the engine does anyway in such a time is taken "
            "off; less than 1 us, and than 5 ms for a GB, counts as nothing.",
        "A bar is what postern has to reach, a target what it aims at beyond that. Rows without are for comparison.",
    ]


def markdown(stage, cells, facts):
    return "\n".join([
        "# What postern costs", "",
        "Written by `./dev bench`. The method is below.", "",
        "![Ratios to the peers](performance.svg)", "",
        *markdown_table(HEAD, table_of(cells)),
        *profiles(cells),
        *instructions(cells),
        *resumed(cells),
        *latency(cells),
        "## What is behind it, and what was tried", "",
        *(f"- {line}" for line in TRIED), "",
        "## Method", "",
        *(f"- {line}" for line in method(stage, facts)), "",
        "## What was seen on the legs", "",
        *legs(cells), ""])
