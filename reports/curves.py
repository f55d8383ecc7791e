"""Station 6: the curve of a training as charts.

In: the rows of `Training.curve`, one an epoch. Out: at most two charts, of losses and of shares. What is
neither is left to the table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from classifiers.contract import Training
from reports.plots import Chart, Scale, Series
from reports.wording import Words, percent

Lines = dict[str, tuple[tuple[float, float], ...]]  # (epoch, value) by key


def charts(training: Training, words: Words, *, key: str, colour: int, name: str = "") -> list[Chart]:
    """Return the charts of a training, `key-loss` and `key-share`; none where there is nothing to draw.

    Args:
        name: of the classifier, for the names of the files.
    """
    lines = {one: points for one in keys(training.curve) if (points := _points(training.curve, one))}
    losses = {name: points for name, points in lines.items() if name.endswith("loss")}
    losses = dict(sorted(losses.items(), key=lambda line: not line[0].startswith("dev_")))
    shares = {
        name: points
        for name, points in lines.items()
        if name.startswith("dev_") and name not in losses and all(0 <= value <= 1 for _, value in points)
    }
    share_title = words("training.dev_accuracy" if list(shares) == ["dev_accuracy"] else "training.share")
    return [
        Chart(
            key=f"{key}-{kind}",
            file=f"training-{name}-{kind}" if name else "",
            title=title,
            alternative=f"{title}: {_told(found, words, share=kind == 'share')}",
            across=Scale(title=words("charts.epoch"), kind="number"),
            up=Scale(title="", kind="share") if kind == "share" else Scale(title="", kind="number", low=0.0),
            series=tuple(
                Series(name=words.known("curve", one), points=points, colour=colour, form="line_and_dots")
                for one, points in found.items()
            ),
            uprights=() if training.best_epoch is None else (float(training.best_epoch),),
        )
        for kind, found, title in (
            ("loss", losses, words("training.loss")),
            ("share", shares, share_title),
        )
        if found
    ]


def keys(curve: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the keys of all rows, in the order in which they come up."""
    return list(dict.fromkeys(key for row in curve for key in row))


def _points(curve: Sequence[Mapping[str, float]], key: str) -> tuple[tuple[float, float], ...]:
    if key == "epoch":
        return ()
    return tuple(
        (row.get("epoch", number), row[key])
        for number, row in enumerate(curve, start=1)
        if row.get(key) is not None and math.isfinite(row[key])
    )


def _told(lines: Lines, words: Words, *, share: bool) -> str:
    def written(value: float) -> str:
        return percent(value) if share else f"{value:.3f}"

    return words.listed(
        [
            words(
                "training.point" if len(points) == 1 else "training.line",
                name=words.known("curve", name),
                first=written(points[0][1]),
                last=written(points[-1][1]),
            )
            for name, points in lines.items()
        ],
        "clauses",
    )
