"""Station 5: what happens to each text when only the unsure ones are sent on, and where to draw that line.

In: how sure the first classifier is, and which rows both got right. Out: `Route`, with every threshold worth
looking at, and `Choice`, made by cross-fitting. No loop runs over rows: 1,000,000 of them take seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.arrays import Flags, Floats, Integers
from reports.reliability import DIGITS

FOLDS = 10
STEPS = 40


@dataclass(frozen=True, kw_only=True)
class Route:
    """Two classifiers, the second asked only below a threshold.

    Attributes:
        right_first, right_second: (rows, levels) what is right if the text stays, and if it is sent.
        kept_first: rows on which the second gave no answer, so that the first one's counts when sent.
        thresholds: (points,) ascending from -inf, which sends nothing, to inf, which sends all.
        bins: (rows,) a row is sent at the points from this one on; never 0.
        sent: (points,) how many rows are sent.
        usd, seconds: (first, second) of each for 1,000 texts alone; None when unknown.
        price_share: (points,) the share of the second's whole price that the rows sent make up.
    """

    first: str
    second: str
    right_first: Flags
    right_second: Flags
    kept_first: int
    thresholds: Floats
    bins: NDArray[np.int8]
    sent: NDArray[np.int64]
    usd: tuple[float | None, float | None]
    seconds: tuple[float | None, float | None]
    price_share: Floats

    @classmethod
    def of(
        cls,
        *,
        first: str,
        second: str,
        confidence: Floats,
        right_first: Flags,
        right_second: Flags,
        kept_first: int = 0,
        usd: tuple[float | None, float | None] = (None, None),
        seconds: tuple[float | None, float | None] = (None, None),
        row_usd: Floats | None = None,
    ) -> Route:
        """Lay the thresholds at the quantiles of what the first classifier is sure of.

        They look at no gold label, so they may be drawn from the rows that are then measured. They have the
        digits of predictions.jsonl, so that each sends the same rows when it is held against that file.

        Args:
            confidence: (rows,) of the first, 0..1; -inf or NaN where it says nothing, which is sent first.
            row_usd: (rows,) what each row costs with the second, since unsure texts may be longer than
                others; where one is NaN, or None is given, all count alike.
        """
        sure = np.where(np.isnan(confidence), -np.inf, confidence).astype(np.float64).round(DIGITS)
        said = sure[np.isfinite(sure)]
        at = np.sort(sure)[np.linspace(0, len(sure) - 1, STEPS + 1).astype(np.int64)]
        lowest = [said.min()] if len(said) else []
        thresholds = np.unique(np.concatenate([[-np.inf, np.inf], lowest, at]))
        bins = np.searchsorted(thresholds, sure, side="right").astype(np.int8)
        points = len(thresholds)
        sent = np.cumsum(np.bincount(bins, minlength=points))
        alike = row_usd is None or np.isnan(row_usd).any() or row_usd.sum() == 0
        price = np.cumsum(np.bincount(bins, weights=None if alike else row_usd, minlength=points))
        keep = np.concatenate([[True], np.diff(sent) > 0])  # not a point that sends what the one before sends
        return cls(
            first=first,
            second=second,
            right_first=right_first,
            right_second=right_second,
            kept_first=kept_first,
            thresholds=thresholds[keep],
            bins=(np.cumsum(keep) - 1)[bins].astype(np.int8),
            sent=sent[keep],
            usd=usd,
            seconds=seconds,
            price_share=price[keep] / price[-1],
        )

    @property
    def rows(self) -> int:
        return len(self.bins)

    def right(self, point: int) -> Flags:
        """Return (rows, levels): what is right at a threshold."""
        right: Flags = np.where((self.bins <= point)[:, None], self.right_second, self.right_first)
        return right

    def usd_at(self, point: int) -> float | None:
        """Return the price of 1,000 texts: all of them with the first, those sent with the second as well."""
        return _sum(self.usd, float(self.price_share[point]))

    def seconds_at(self, point: int) -> float | None:
        """Return the seconds for 1,000 texts, the two working one after the other at their measured rates."""
        return _sum(self.seconds, float(self.sent[point]) / self.rows)


def _sum(values: tuple[float | None, float | None], share: float) -> float | None:
    first, second = values
    if share == 0 or first is None:
        return first
    return None if second is None else first + share * second


def divide(ids: Sequence[str], gold: Integers) -> NDArray[np.int8]:
    """Return (rows,) the fold of each row: drawn by its id, every label spread over all folds.

    Args:
        gold: (rows,) the label by which to stratify.
    """
    drawn = np.array(
        [int.from_bytes(hashlib.blake2b(id_.encode(), digest_size=8).digest()) for id_ in ids],
        dtype=np.uint64,
    )
    folds = np.empty(len(ids), dtype=np.int8)
    folds[np.lexsort((drawn, gold))] = np.arange(len(ids)) % FOLDS
    return folds


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A route and one of its points.

    Attributes:
        route, point: what all rows together choose, by place.
        by_fold: (route, point) that the rows outside each fold choose.
        right: (rows, levels) what is right when each fold is answered as the rows outside it choose.
    """

    route: int
    point: int
    by_fold: tuple[tuple[int, int], ...]
    right: Flags


def cross_fit(routes: Sequence[Route], folds: NDArray[np.int8]) -> Choice:
    """Choose the route and threshold that get most right on the deepest level; ties go to the fewest sent.

    Every row is judged by a choice it had no part in, so that the accuracy of `right` is that of choosing
    this way, not that of the luckiest threshold (Hastie, Tibshirani, Friedman 2009, section 7.10).

    Args:
        routes: over the same rows.
        folds: (rows,) 0 to FOLDS - 1.
    """
    counted = [_count(route, folds) for route in routes]
    places = [(of, point) for of, route in enumerate(routes) for point in range(len(route.thresholds))]
    hits = np.concatenate([right for right, _ in counted], axis=1)  # (folds, places)
    sent = np.concatenate([sent for _, sent in counted], axis=1)
    worth = hits * (len(folds) + 1) - sent
    everything = worth.sum(axis=0)
    right = np.empty_like(routes[0].right_first)
    by_fold = []
    for fold in range(FOLDS):
        of, point = places[int(np.argmax(everything - worth[fold]))]
        inside = folds == fold
        route = routes[of]
        goes = (route.bins[inside] <= point)[:, None]
        right[inside] = np.where(goes, route.right_second[inside], route.right_first[inside])
        by_fold.append((of, point))
    of, point = places[int(np.argmax(everything))]
    return Choice(route=of, point=point, by_fold=tuple(by_fold), right=right)


def _count(route: Route, folds: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (folds, points): how many rows are right at the deepest level, and how many are sent."""
    points = len(route.thresholds)
    cell = folds.astype(np.int64) * points + route.bins

    def up_to_each_point(rows: Flags | None) -> NDArray[np.int64]:
        counts = np.bincount(cell if rows is None else cell[rows], minlength=FOLDS * points)
        return np.cumsum(counts.reshape(FOLDS, points), axis=1)

    stays = up_to_each_point(route.right_first[:, -1])
    goes = up_to_each_point(route.right_second[:, -1])
    return goes + stays[:, -1:] - stays, up_to_each_point(None)
