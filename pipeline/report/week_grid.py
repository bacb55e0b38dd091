"""The hours of a week as a small picture: busy, quiet or never seen, and the off-hours outlined.

The states differ in form, not only in colour: a filled cell, an empty one, one with a stroke across
it. Neighbours of one state are one path, so a picture is about 3 kB. It is 320 pixels wide, which
fits a phone, and uses the colours and fonts of the charts.
"""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from pipeline.report.text.week import DAYS, HOURS, hours_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Cells = Sequence[Sequence[bool]]

_CELL, _LEFT, _TOP = 12, 30, 14
_RIGHT, _BOTTOM = _LEFT + HOURS * _CELL, _TOP + len(DAYS) * _CELL
_LEGEND = _BOTTOM + 8
_HOUR_LABELS = (0, 6, 12, 18, 24)
_BUSY, _QUIET, _UNSEEN, _OFF = (_LEFT + x for x in (0, 54, 112, 198))
"""Where the legend has its cells."""


def draw(seen: Sequence[int], busy: Sequence[int], off: Sequence[int], label: str) -> str:
    """The picture of seven 24-bit masks each, Monday first; ``label`` describes it in words."""
    unseen = hours_set([~mask for mask in seen])
    view = f"0 0 {_RIGHT + 6} {_LEGEND + _CELL + 3}"
    return (
        f'<svg viewBox="{view}" role="img" aria-label="{escape(label)}">'
        f'<path d="{_grid()}" stroke="var(--line)" fill="none"/>'
        f'<path d="{_filled(hours_set(busy))}{_box(_BUSY)}" fill="var(--c1)"/>'
        f'<path d="{_strokes(unseen)}{_stroke(_UNSEEN, _LEGEND)}{_box(_QUIET)}{_box(_UNSEEN)}" '
        'stroke="var(--muted)" fill="none"/>'
        f'<path d="{_outline(hours_set(off))}{_box(_OFF)}" stroke="var(--ink)" stroke-width="2" '
        'stroke-linecap="square" fill="none"/>'
        f'<g fill="var(--muted)" font-family="Arial" font-size="11px">{"".join(_texts())}</g></svg>'
    )


def _x(hour: int) -> int:
    return _LEFT + hour * _CELL


def _y(day: int) -> int:
    return _TOP + day * _CELL


def _grid() -> str:
    level = [f"M{_LEFT} {_y(day)}H{_RIGHT}" for day in range(len(DAYS) + 1)]
    upright = [f"M{_x(hour)} {_TOP}V{_BOTTOM}" for hour in range(HOURS + 1)]
    return "".join((*level, *upright))


def _filled(cells: Cells) -> str:
    return "".join(
        f"M{_x(first)} {_y(day) + 1}H{_x(end)}v{_CELL - 2}H{_x(first)}z"
        for day, row in enumerate(cells)
        for first, end in _stretches(row)
    )


def _strokes(cells: Cells) -> str:
    return "".join(
        _stroke(_x(hour), _y(day))
        for day, row in enumerate(cells)
        for hour, is_set in enumerate(row)
        if is_set
    )


def _outline(cells: Cells) -> str:
    """The edges between the cells that are set and all else."""
    level = [
        f"M{_x(first)} {_y(day)}H{_x(end)}"
        for day, edges in enumerate(_edges(cells))
        for first, end in _stretches(edges)
    ]
    upright = [
        f"M{_x(hour)} {_y(first)}V{_y(end)}"
        for hour, edges in enumerate(_edges(list(zip(*cells, strict=True))))
        for first, end in _stretches(edges)
    ]
    return "".join((*level, *upright))


def _edges(rows: Cells) -> Cells:
    """Before each row and after the last: the places in which its neighbours differ."""
    outside = [False] * len(rows[0])
    pairs = zip([outside, *rows], [*rows, outside], strict=True)
    return [[a != b for a, b in zip(*pair, strict=True)] for pair in pairs]


def _stretches(places: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """First and last + 1 of each stretch of places that are set."""
    at = 0
    for is_set, stretch in groupby(places):
        end = at + len(list(stretch))
        if is_set:
            yield at, end
        at = end


def _stroke(x: int, y: int) -> str:
    return f"M{x + 2} {y + _CELL - 2}l{_CELL - 4}-{_CELL - 4}"


def _box(x: int) -> str:
    """A cell of the legend."""
    return f"M{x} {_LEGEND}h{_CELL}v{_CELL}h-{_CELL}z"


def _texts() -> Iterator[str]:
    for day, name in enumerate(DAYS):
        yield f'<text x="0" y="{_y(day) + 10}">{name}</text>'
    for hour in _HOUR_LABELS:
        yield f'<text x="{_x(hour)}" y="10" text-anchor="middle">{hour}</text>'
    legend = ((_BUSY, "busy"), (_QUIET, "quiet"), (_UNSEEN, "never seen"), (_OFF, "off-hours"))
    for x, words in legend:
        yield f'<text x="{x + 17}" y="{_LEGEND + 10}">{words}</text>'
