"""Where the names of a few points of a chart go, so that they cover neither each other nor points.

Each name is on the right or the left of its point, as near as covers least; point by point, so
equal data gives equal places. Widths are estimated, at the width of a wide font, because a page's
fonts are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LETTER, _LINE, _MARK = 7.0, 14.0, 5.0
_NEAR = 8.0
_COST_OUTSIDE, _COST_NAME, _COST_NAMED, _COST_POINT = 10_000, 1_000, 200, 10
"""What a place costs that leaves the chart, covers a name, a named point and another point."""


@dataclass(frozen=True)
class Place:
    """Where a name begins, or ends if it is on the left of its point: pixels, its middle line."""

    x: float
    y: float
    is_right: bool
    is_near: bool
    """Whether it stands right beside its point; else a line leads to it."""


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def covers(self, point: tuple[float, float]) -> bool:
        x, y = point
        return (
            self.left - _MARK < x < self.right + _MARK
            and self.top - _MARK < y < self.bottom + _MARK
        )

    def is_within(self, other: _Box) -> bool:
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.top <= self.top
            and self.bottom <= other.bottom
        )


_OFFSETS = sorted(
    (
        (dx, lines * _LINE)
        for dx in (_NEAR, 24.0, 48.0)
        for lines in range(-4, 5)
        if lines or dx == _NEAR
    ),
    key=lambda offset: (abs(offset[0]) + abs(offset[1]), offset[1]),
)


def places(
    points: Sequence[tuple[float, float]], texts: Sequence[str], width: float, height: float
) -> list[Place]:
    """The place of each of ``texts``, which name the first of ``points`` (pixels from the top left
    of a chart of that size).
    """
    chart = _Box(0, 0, width, height)
    taken: list[_Box] = []
    chosen = []
    for point, text in zip(points, texts, strict=False):
        options = [_place(point, *offset, is_right) for offset in _OFFSETS for is_right in (1, 0)]
        boxes = [_box(place, text) for place in options]
        costs = [
            _cost(box, taken, points, len(texts), chart)
            + _COST_NAMED * _crossed(point, place, points[: len(texts)])
            + farness
            for farness, (place, box) in enumerate(zip(options, boxes, strict=True))
        ]
        best = costs.index(min(costs))
        taken.append(boxes[best])
        chosen.append(options[best])
    return chosen


def _place(point: tuple[float, float], dx: float, dy: float, is_right: int) -> Place:
    x = point[0] + (dx if is_right else -dx)
    return Place(x, point[1] + dy, bool(is_right), is_near=dx == _NEAR and dy == 0)


def _box(place: Place, text: str) -> _Box:
    wide = _LETTER * len(text)
    left = place.x if place.is_right else place.x - wide
    return _Box(left, place.y - _LINE / 2, left + wide, place.y + _LINE / 2)


def _crossed(start: tuple[float, float], place: Place, named: Sequence[tuple[float, float]]) -> int:
    """How many other named points the line to the name runs through."""
    dx, dy = place.x - start[0], place.y - start[1]
    length = hypot(dx, dy)
    count = 0
    for x, y in ((point[0] - start[0], point[1] - start[1]) for point in named if point != start):
        along = (x * dx + y * dy) / length
        count += 0 < along < length and abs(x * dy - y * dx) / length < 2 * _MARK
    return count


def _cost(
    box: _Box,
    taken: Sequence[_Box],
    points: Sequence[tuple[float, float]],
    named: int,
    chart: _Box,
) -> int:
    covered = [box.covers(point) for point in points]
    return (
        _COST_OUTSIDE * (not box.is_within(chart))
        + _COST_NAME * sum(box.meets(other) for other in taken)
        + _COST_NAMED * sum(covered[:named])
        + _COST_POINT * sum(covered[named:])
    )
