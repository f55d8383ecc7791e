"""Station 6: where the names of a chart's dots stand, so that none covers another.

In: names and the places of their dots. Out: `Name`, beside its dot, on the first side that is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.svg import width

Box = tuple[float, float, float, float]  # left, top, right, bottom
GAP = 10
LINE = 15


@dataclass(frozen=True, kw_only=True)
class Name:
    """A name on a chart; x and y are of its anchor, on its base line."""

    name: str
    x: float
    y: float
    anchor: str
    colour: str


def place_names(
    labels: Sequence[tuple[str, float, float, str]],
    dots: Sequence[tuple[float, float]],
    *,
    box: Box,
    digit: float,
) -> list[Name]:
    """Return the names with their places; where no side is free, the least covered one is taken.

    Args:
        labels: name, place of its dot across and from the top, colour.
        dots: the places of all dots.
        box: what a name should not leave.
        digit: how wide a digit is.
    """
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in dots]
    found = []
    for name, x, y, colour in labels:
        long = digit * width(name)
        sides: list[tuple[str, float, float, Box]] = [
            ("start", x + GAP, y + 4, (x + GAP, y - LINE / 2, x + GAP + long, y + LINE / 2)),
            ("end", x - GAP, y + 4, (x - GAP - long, y - LINE / 2, x - GAP, y + LINE / 2)),
            ("middle", x, y - GAP, (x - long / 2, y - GAP - LINE, x + long / 2, y - GAP + 2)),
            ("middle", x, y + GAP + 11, (x - long / 2, y + GAP - 2, x + long / 2, y + GAP + LINE)),
            ("start", x + 4, y - GAP, (x + 4, y - GAP - LINE, x + 4 + long, y - GAP + 2)),
            ("end", x - 4, y - GAP, (x - 4 - long, y - GAP - LINE, x - 4, y - GAP + 2)),
            ("start", x + 4, y + GAP + 11, (x + 4, y + GAP - 2, x + 4 + long, y + GAP + LINE)),
            ("end", x - 4, y + GAP + 11, (x - 4 - long, y + GAP - 2, x - 4, y + GAP + LINE)),
        ]
        costs = [
            sum(_common(side[3], other) for other in taken) + 4 * _outside(side[3], box) for side in sides
        ]
        anchor, at_x, at_y, covered = sides[costs.index(min(costs))]
        taken.append(covered)
        found.append(Name(name=name, x=at_x, y=at_y, anchor=anchor, colour=colour))
    return found


def _common(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0.0


def _outside(one: Box, box: Box) -> float:
    area = (one[2] - one[0]) * (one[3] - one[1])
    return area - _common(one, box)
