"""Charts as SVG: bars and a line of time, readable on paper, in black and white too."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 680
_BAR, _GAP, _LEFT, _RIGHT = 18, 8, 210, 80


def bars(title: str, rows: Sequence[tuple[str, int]]) -> str:
    """One bar for each row, with its number beside it.

    >>> bars("Written", [("customer", 5)]).count("<rect")
    1
    """
    height = max(1, len(rows)) * (_BAR + _GAP) + _GAP
    most = max((number for _, number in rows), default=0) or 1
    room = WIDTH - _LEFT - _RIGHT
    parts = []
    for place, (name, number) in enumerate(rows):
        top = _GAP + place * (_BAR + _GAP)
        text = top + _BAR - 5
        wide = max(1 if number else 0, round(room * number / most))
        parts.append(
            f'<text x="{_LEFT - 8}" y="{text}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LEFT}" y="{top}" width="{wide}" height="{_BAR}"/>'
            f'<text x="{_LEFT + wide + 6}" y="{text}">{number:,}</text>'
        )
    return _drawing(title, height, parts)


def pace(title: str, steps: Sequence[tuple[int, int]], step_us: int) -> str:
    """How many were written in each step of time, from the first to the last.

    >>> pace("Pace", [(0, 10), (4_000_000, 5)], 1_000_000).count("<rect")
    2
    """
    height, floor = 150, 120
    if not steps:
        return _drawing(title, height, [])
    first, last = steps[0][0], steps[-1][0]
    slots = (last - first) // step_us + 1
    most = max(number for _, number in steps)
    wide = (WIDTH - 80) / slots
    parts = [
        f'<rect x="{60 + (at - first) // step_us * wide:.1f}" y="{floor - 100 * number / most:.1f}"'
        f' width="{max(1.0, wide - 1):.1f}" height="{100 * number / most:.1f}"/>'
        for at, number in steps
    ]
    parts.append(f'<line x1="60" y1="{floor}" x2="{WIDTH - 20}" y2="{floor}"/>')
    parts.append(f'<text x="52" y="30" text-anchor="end">{most:,}</text>')
    parts.append(f'<text x="60" y="{floor + 18}">0 s</text>')
    span = slots * step_us // 1_000_000
    parts.append(f'<text x="{WIDTH - 20}" y="{floor + 18}" text-anchor="end">{span:,} s</text>')
    return _drawing(title, height, parts)


def _drawing(title: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img"><title>{escape(title)}</title>'
        f"{''.join(parts)}</svg>"
    )
