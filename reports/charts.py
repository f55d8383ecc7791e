"""Station 6: where the marks of a chart go.

In: figures. Out: places in percent of the width. The templates draw them as inline SVG in percent, so that a
chart fits any width while its text keeps its size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
MOST_TICKS = 6
MOST_COUNTED = 12
NOTHING = 1e-9  # a loss below this is drawn as 0


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

    def up(self, value: float) -> str:
        """Return the place of a value in percent of the height, from the top, held inside the axis."""
        return f"{100 - float(self.at(value)[:-1]):.2f}%"

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


def part_axis(shares: Sequence[float]) -> Axis:
    """Return an axis of shares, 0..1, that holds these and little more, with ticks of whole percent."""
    reach = max(shares) - min(shares)
    step = next((step for step in STEPS if reach / step <= MOST_TICKS - 2), 0.5)
    first = math.floor(min(shares) / step + 1e-9)
    last = max(math.ceil(max(shares) / step - 1e-9), first + 1)
    if last * step > 1:  # all are 1
        first, last = first - 1, last - 1
    return _even(first, last, step)


def loss_axis(losses: Sequence[float]) -> Axis:
    """Return an axis from 0 that holds every loss, with round ticks."""
    most = max(losses)
    if most < NOTHING:
        return _even(0, 1, 1.0)
    power = 10.0 ** math.floor(math.log10(most))
    step = next(part * power for part in (0.2, 0.5, 1.0, 2.0) if most / (part * power) <= MOST_TICKS - 1)
    return _even(0, math.ceil(most / step - 1e-9), step)


def counting_axis(numbers: Sequence[float]) -> Axis:
    """Return an axis of whole numbers, of epochs say, with a tick for each or for as many as fit."""
    low, high = (int(min(numbers)), int(max(numbers))) if numbers else (0, 0)
    step = math.ceil((high - low + 1) / MOST_COUNTED)
    ticks = tuple(float(number) for number in range(low, high + 1, step))
    # A single number stands in the middle.
    return (
        Axis(low=low, high=high, ticks=ticks) if low < high else Axis(low=low - 1, high=high + 1, ticks=ticks)
    )


def _even(first: int, last: int, step: float) -> Axis:
    ticks = tuple(float(f"{i * step:.9g}") for i in range(first, last + 1))
    return Axis(low=ticks[0], high=ticks[-1], ticks=ticks)
