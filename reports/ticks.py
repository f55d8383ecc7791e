"""Station 6: where the numbers of an axis stand and how they are written.

In: a `Scale` and the values on it. Out: `Ticks`. matplotlib chooses the round numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from reports.plots import Scale
from reports.wording import MINUS, SPACE, percent

MOST = 6
ROUND = (1, 2, 5)
LOG_ROOM = 1.1  # a factor beyond the outermost value
DECIMALS = 12
_LAST_DIGIT = 1e-12
_ALIKE = 1e-6  # shares that no test set tells apart


@dataclass(frozen=True, kw_only=True)
class Ticks:
    """The ends of an axis and its marks.

    Attributes:
        low, high: low is below high.
        marks: (value, word), inside the ends.
    """

    low: float
    high: float
    marks: tuple[tuple[float, str], ...]


def ticks(scale: Scale, values: Sequence[float]) -> Ticks:
    """Return the axis that holds the values; ends that the scale sets stay."""
    shown = [value for value in values if math.isfinite(value) and (value > 0 or not scale.log)]
    low, high = _ends(scale, shown)
    if scale.ticks:
        return Ticks(low=low, high=high, marks=scale.ticks)
    if scale.log:
        return _log(scale, low, high)
    from matplotlib.ticker import MaxNLocator

    whole = scale.kind == "number" and all(float(value).is_integer() for value in shown)
    places = MaxNLocator(nbins=MOST - 1, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(low, high)
    found = [0.0 if abs(place) < _LAST_DIGIT else round(float(place), DECIMALS) for place in places]
    if scale.low is None and not (whole and scale.high is None):
        low = found[0] if scale.kind != "share" or min(shown, default=0) < 0 else max(found[0], 0.0)
    if scale.high is None and not (whole and scale.low is None):
        high = found[-1] if scale.kind != "share" or max(shown, default=0) > 1 else min(found[-1], 1.0)
    # The round numbers may lie a last digit inside the values.
    low = min([low, *(value for value in shown if value > low - _LAST_DIGIT)])
    high = max([high, *(value for value in shown if value < high + _LAST_DIGIT)])
    found = [place for place in found if low - _LAST_DIGIT <= place <= high + _LAST_DIGIT]
    return Ticks(low=low, high=high, marks=_written(scale, found))


def _ends(scale: Scale, values: Sequence[float]) -> tuple[float, float]:
    low = min(values, default=1.0 if scale.log else 0.0) if scale.low is None else scale.low
    high = max(values, default=10.0 if scale.log else 1.0) if scale.high is None else scale.high
    if scale.log:
        return (
            _round_below(low / LOG_ROOM) if scale.low is None else low,
            _round_above(high * LOG_ROOM) if scale.high is None else high,
        )
    if high - low <= (_ALIKE if scale.kind == "share" else 0.0):
        step = 0.05 if scale.kind == "share" else abs(low) / 2 or 1.0
        low, high = (low - step if scale.low is None else low), max(low, high) + step
    if scale.least and scale.kind == "share":  # beyond these ends nothing is drawn
        low, high = max(low, 0.0), min(high, 1.0)
    if high - low < scale.least:
        low, high = _widened(scale, low, high)
    return low, high


def _widened(scale: Scale, low: float, high: float) -> tuple[float, float]:
    """Return ends that are `least` apart, around the same middle; shares stay between 0 and 1."""
    lacking = scale.least - (high - low)
    if scale.low is not None or scale.high is not None:
        return (low - lacking if scale.low is None else low), (high + lacking if scale.high is None else high)
    low -= lacking / 2
    if scale.kind == "share":
        low = min(max(low, 0.0), max(1.0 - scale.least, 0.0))
    return low, low + scale.least


def _round_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(part * power for part in ROUND if part * power <= value * (1 + 1e-9))


def _round_above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(part * power for part in (*ROUND, 10) if part * power >= value * (1 - 1e-9))


def _log(scale: Scale, low: float, high: float) -> Ticks:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for parts in (ROUND, (1, 3), (1,)):
        places = [part * 10.0**power for power in range(first, last + 1) for part in parts]
        inside = [place for place in places if low * (1 - 1e-9) <= place <= high * (1 + 1e-9)]
        if len(inside) <= MOST:
            return Ticks(low=low, high=high, marks=_written(scale, inside))
    step = math.ceil(len(inside) / MOST)
    return Ticks(low=low, high=high, marks=_written(scale, inside[::step]))


def _written(scale: Scale, places: Sequence[float]) -> tuple[tuple[float, str], ...]:
    if scale.kind != "share":
        return tuple((place, _word(scale.kind, place)) for place in places)
    gaps = [b - a for a, b in pairwise(places)]
    digits = int(any(gap < 0.0099 or round(gap * 1000) % 10 for gap in gaps))
    # Marks of a share less than 0.1 % apart need more, or two of them would read alike.
    while len({percent(place, digits) for place in places}) < len(places) and digits < DECIMALS - 2:
        digits += 1
    return tuple((place, percent(place, digits)) for place in places)


def _word(kind: str, value: float) -> str:
    size = abs(value)
    if kind == "seconds":
        if 0 < size < 0.001:
            return f"{_plain(value * 1e6)}{SPACE}µs"
        if 0 < size < 1:
            return f"{_plain(value * 1000)}{SPACE}ms"
        return f"{_plain(value)}{SPACE}s"
    sign = MINUS if value < 0 else ""
    return f"{sign}${_plain(size)}" if kind == "usd" else _plain(value)


def _plain(value: float) -> str:
    """Write a round number without an exponent."""
    size = abs(value)
    digits = 0 if size == 0 else max(0, 3 - math.ceil(math.log10(size)))
    text = f"{value:,.{min(digits, DECIMALS)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS)
