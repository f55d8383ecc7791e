"""Station 6: where the marks of a row go that shows a value and its interval.

In: figures. Out: places in percent of the width. The templates draw them as inline SVG in percent, so that a
row fits any width while its text keeps its size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
MOST_TICKS = 6


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A straight axis from `low` to `high`."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        """Return the place of a value in percent of the width, held inside the axis."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{100 * share:.2f}%"

    def width(self, low: float, high: float) -> str:
        """Return the distance of two values in percent of the width."""
        return f"{float(self.at(high)[:-1]) - float(self.at(low)[:-1]):.2f}%"


def share_axis() -> Axis:
    """Return the axis of all accuracies: 0 to 1, so that lengths can be compared between charts."""
    return Axis(low=0.0, high=1.0, ticks=(0.0, 0.25, 0.5, 0.75, 1.0))


def difference_axis(values: Sequence[float]) -> Axis:
    """Return an axis with 0 in its middle that holds every value, with round ticks."""
    reach = max((abs(value) for value in values), default=0.0) * 1.05 or STEPS[0]
    step = next((step for step in STEPS if math.ceil(reach / step) * 2 <= MOST_TICKS), 0.5)
    steps = math.ceil(reach / step)
    return Axis(
        low=-steps * step,
        high=steps * step,
        ticks=tuple(round(i * step, 9) for i in range(-steps, steps + 1)),
    )
