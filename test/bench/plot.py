# SPDX-License-Identifier: GPL-3.0-or-later
"""The plot: postern's figure as a part of each peer's, with bar and target."""

from html import escape

from engines import POSTERN

LEFT, WIDTH, LINE, TOP, MOST = 510, 420, 22, 58, 2.0
MET, MISSED, PLAIN = "#2a7f62", "#c0392b", "#7f8c8d"
STYLE = """<style>
text { font: 12px sans-serif; fill: #222 }
.title { font-size: 15px; font-weight: bold }
.axis { stroke: #ccc } .one { stroke: #555 } .bar { stroke: #111; stroke-width: 2 }
.target { stroke: #111; stroke-width: 2; stroke-dasharray: 2 2 }
.paper { fill: #fff }
</style>"""


def at(ratio):
    return LEFT + WIDTH * min(ratio, MOST) / MOST


def colour(row, bar):
    if bar.most is None and bar.target is None:
        return PLAIN
    return MISSED if "miss" in bar.verdict(row) else MET


def entries(cells):
    for cell in cells:
        for row in cell.rows:
            for bar in row.bars:
                if bar.against in row.figures and POSTERN in row.figures and not cell.failed:
                    yield row, bar


def upright(x, y, name):
    return f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{y + 1}" y2="{y + LINE - 3}"/>'


def entry(row, bar, y):
    ratio = max(bar.value(row), 0)
    yield f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(f"{row.what} / {bar.against}")}</text>'
    yield (f'<rect x="{LEFT}" y="{y + 4}" width="{at(ratio) - LEFT:.1f}" height="{LINE - 10}" '
        f'fill="{colour(row, bar)}"/>')
    yield f'<text x="{at(ratio) + 5:.1f}" y="{y + 14}">{ratio:.2f}</text>'
    for limit, name in ((bar.most, "bar"), (bar.target, "target")):
        if limit is not None:
            yield upright(at(limit), y, name)


def svg(cells):
    rows = list(entries(cells))
    bottom = TOP + LINE * len(rows)
    size = LEFT + WIDTH + 60, bottom + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" '
            f'height="{size[1]}">',
        STYLE, f'<rect class="paper" width="{size[0]}" height="{size[1]}"/>',
        '<text class="title" x="12" y="24">postern beside others, in one run: 1 is as much as they need</text>',
        '<text x="12" y="44">solid mark: bar; dashed mark: target; green: met, red: missed, grey: none set</text>']
    for tenth in range(0, int(MOST * 10) + 1, 5):
        x = at(tenth / 10)
        name = "one" if tenth == 10 else "axis"
        lines.append(f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        lines.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tenth / 10:g}</text>')
    for number, (row, bar) in enumerate(rows):
        lines.extend(entry(row, bar, TOP + LINE * number))
    return "\n".join([*lines, "</svg>", ""])
