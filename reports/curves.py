"""Station 6: the curve of a training as line charts.

In: the rows of `Training.curve`, one an epoch. Out: at most two panels, losses and shares, with the axes
their lines are drawn on. What is neither is left to the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.charts import Axis, counting_axis, loss_axis, part_axis

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure over the epochs.

    Attributes:
        key: as in the curve.
        points: (epoch, value), at least one.
    """

    key: str
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart: its lines share an axis upwards, all panels of a training the one of the epochs."""

    kind: Literal["loss", "share"]
    lines: tuple[Line, ...]
    up: Axis
    epochs: Axis


def panels(curve: Sequence[Mapping[str, float]]) -> tuple[Panel, ...]:
    """Return the charts of a training; none where there is nothing to draw."""
    lines = [Line(key=key, points=points) for key in keys(curve) if (points := _points(curve, key))]
    losses = [line for line in lines if line.key.endswith("loss")]
    shares = [
        line for line in lines if line.key.startswith("dev_") and line not in losses and _is_share(line)
    ]
    epochs = counting_axis([epoch for line in [*losses, *shares] for epoch, _ in line.points])
    found = []
    if losses:
        lines = sorted(losses, key=lambda line: not line.key.startswith("dev_"))
        found.append(Panel(kind="loss", lines=tuple(lines), up=loss_axis(_values(lines)), epochs=epochs))
    if shares:
        found.append(Panel(kind="share", lines=tuple(shares), up=part_axis(_values(shares)), epochs=epochs))
    return tuple(found)


def keys(curve: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the keys of all rows, in the order in which they come up."""
    return list(dict.fromkeys(key for row in curve for key in row))


def _points(curve: Sequence[Mapping[str, float]], key: str) -> tuple[Point, ...]:
    if key == "epoch":
        return ()
    return tuple(
        (row.get("epoch", number), row[key])
        for number, row in enumerate(curve, start=1)
        if row.get(key) is not None and math.isfinite(row[key])
    )


def _is_share(line: Line) -> bool:
    return all(0 <= value <= 1 for _, value in line.points)


def _values(lines: Iterable[Line]) -> list[float]:
    return [value for line in lines for _, value in line.points]
