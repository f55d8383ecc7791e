"""Station 6: what a chart shows, before anyone draws it.

In: figures of scores.json, in the hands of the module that knows what they mean. Out: `Chart`, for
`reports.drawing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INK = 0


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One axis.

    Attributes:
        title: what it shows, with its unit.
        kind: how its numbers are written: shares 0..1 as percent, US dollars, seconds, or as they are.
        low, high: its ends; None takes them from the data.
        log: equal steps are equal factors; every value must be above 0.
        least: how far apart the ends are at least, where the data sets them; not with `log`.
        ticks: (value, word) in place of round numbers, or none.
    """

    title: str
    kind: Literal["share", "usd", "seconds", "number"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    least: float = 0.0
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line or group of dots.

    Attributes:
        name: for the legend; empty: not in it.
        points: (across, up).
        colour: 1 to 6 as the classifier's on the page, 0 for ink.
        form: how its points are joined.
        names: one for each point, written beside it, or none.
        band: (across, low, high): an interval around the line, or none.
        reach: (low, high) across, one for each point: its interval, or none.
        rise: (low, high) up, one for each point: its interval, or none.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    colour: int = INK
    form: Literal["line", "steps", "dashed", "dots", "line_and_dots"] = "line"
    names: tuple[str, ...] = ()
    band: tuple[tuple[float, float, float], ...] = ()
    reach: tuple[tuple[float, float], ...] = ()
    rise: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart.

    Attributes:
        key: unique in a report, of a-z, 0-9 and "-"; the name of its file, too.
        title: what it shows, as a line over it.
        alternative: the same in words with its figures, for who cannot see it.
        uprights: places across where an upright line is drawn, to compare with.
        zone: (low, high) across, shaded from bottom to top, or None.
        file: what its file is called instead of its key; any text.
    """

    key: str
    title: str
    alternative: str
    across: Scale
    up: Scale
    series: tuple[Series, ...]
    uprights: tuple[float, ...] = ()
    zone: tuple[float, float] | None = None
    file: str = ""
