"""Station 5 for a pipeline: is this run worse than the one it is held against?

In: how many of the same rows were won and lost, level by level and label by label. Out: `Decision`, which
depends on nothing but these counts, the margin and the limits that were asked for.

A level is *not worse* where the lower end of the 90 % interval of the difference lies above minus the margin:
a test of non-inferiority at one-sided 5 %. It is *worse* where that fails and the loss itself is sure: an
exact one-sided test at 5 %, corrected after Holm over all that can raise the alarm. In between it is
*undecided*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reports.arrays import Integers
from reports.gate_power import GateDecisive, rows_to_pass_or_fail
from reports.pairs import holm
from reports.resampling import Interval
from reports.tango import paired_interval

Verdict = Literal["worse", "undecided", "not_worse"]
LimitKind = Literal["slowdown", "cost_ratio", "cost_per_1000"]
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What one test looks at: one classifier at one level, on all rows or on those of one gold label.

    Attributes:
        level: from 1, the root.
        label: the path of the gold label, or None for all rows.
        n: rows.
        right_before: rows that were right in the baseline.
        lost: rows that were right before and are wrong now; no answer is wrong.
        won: rows that were wrong before and are right now.
    """

    classifier: str
    level: int
    label: tuple[str, ...] | None = None
    n: int
    right_before: int
    lost: int
    won: int

    @property
    def difference(self) -> float:
        """Accuracy now minus accuracy before, -1..1; of a label: recall."""
        return (self.won - self.lost) / self.n


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one test found.

    Attributes:
        interval_90: of the difference, now minus before.
        p: one-sided, for a loss.
        p_holm: the same, corrected over its family.
        alpha_loss: at which the test for a loss still has to pass with more rows.
    """

    counted: Counted
    interval_90: Interval
    p: float
    p_holm: float
    verdict: Verdict
    alpha_loss: float = ALPHA

    def decisive(self, margin: float) -> GateDecisive | None:
        """Return how many rows would decide an undecided level, if apps went on to flip as often."""
        test = self.counted
        if self.verdict != "undecided" or test.label is not None:
            return None
        lost, won = test.lost / test.n, test.won / test.n
        found = rows_to_pass_or_fail(lost, won, margin=margin, alpha=ALPHA, alpha_loss=self.alpha_loss)
        # Undecided rows are too few by definition; the approximation may lie a little below them.
        return None if found is None else replace(found, rows=max(found.rows, test.n + 1))


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit on time or cost, and what was measured.

    Attributes:
        most: times as slow, times as dear, or US dollars for 1,000 texts.
        now, before: items per second of live answers, or US dollars for 1,000; None where not known.
    """

    classifier: str
    kind: LimitKind
    most: float
    now: float | None
    before: float | None

    @property
    def verdict(self) -> Verdict:
        """Whether it is kept; a figure that is not known leaves it undecided."""
        if self.now is None or (self.before is None and self.kind != "cost_per_1000"):
            return "undecided"
        before = self.before or 0.0
        if self.kind == "slowdown":
            exceeded = before > self.most * self.now
        else:
            exceeded = self.now > self.most * (before if self.kind == "cost_ratio" else 1.0)
        return "worse" if exceeded else "not_worse"


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """What forbids to say that nothing is worse.

    Attributes:
        kind: `missing`, rows without answer or failure; `requests_failed`, more rows than allowed whose
            requests failed on every attempt; `leakage`, test texts seen before the test.
        classifier: the one it touches, or None for all.
        side: where it lies.
        rows: how many are missing or failed.
    """

    kind: Literal["missing", "requests_failed", "leakage"]
    classifier: str | None = None
    side: Literal["now", "before"]
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the gate says.

    Attributes:
        levels: one finding for every classifier and level.
        labels: one for every classifier, level and gold label.
        by_label: whether the labels can fail the gate.
    """

    verdict: Verdict
    levels: tuple[Finding, ...]
    labels: tuple[Finding, ...]
    by_label: bool
    limits: tuple[Limit, ...]
    obstacles: tuple[Obstacle, ...]


def decide(
    levels: Sequence[Counted],
    labels: Sequence[Counted] = (),
    *,
    margin: float,
    by_label: bool = False,
    limits: Sequence[Limit] = (),
    obstacles: Sequence[Obstacle] = (),
) -> Decision:
    """Decide whether something is worse than before.

    That nothing is worse needs every level to be shown so: each test errs with 5 % at most, and so do they
    together (intersection-union, Berger 1982). Labels have too few rows to be shown so; they can only fail.

    Args:
        levels: all rows, a test for every classifier and level.
        labels: the rows of one gold label each.
        margin: a loss below this does not matter, 0..1.
        by_label: whether the labels join the family and can fail the gate; otherwise they only carry the
            p-values that they would have in it.
        limits: those that were asked for.
        obstacles: what leaves the decision open where nothing is worse.
    """
    p_levels = [loss_p(test.lost, test.won) for test in levels]
    p_labels = [loss_p(test.lost, test.won) for test in labels]
    together = holm([*p_levels, *p_labels])
    corrected = together[: len(levels)] if by_label else holm(p_levels)
    # What Holm has not rejected shares its 5 %: that is what a level still has to pass with more rows.
    unsure = max(sum(p > ALPHA for p in (together if by_label else corrected)), 1)
    found_levels = tuple(
        replace(found, alpha_loss=ALPHA / unsure) for found in _findings(levels, p_levels, corrected, margin)
    )
    found_labels = _findings(labels, p_labels, together[len(levels) :], margin)
    said = [found.verdict for found in found_levels] + [limit.verdict for limit in limits]
    if by_label:
        said += ["worse" for found in found_labels if found.verdict == "worse"]
    if obstacles or not levels:
        said.append("undecided")
    return Decision(
        verdict=_worst(said),
        levels=found_levels,
        labels=found_labels,
        by_label=by_label,
        limits=tuple(limits),
        obstacles=tuple(obstacles),
    )


def loss_p(lost: int, won: int) -> float:
    """Return the exact one-sided p of McNemar's test: so many losses or more if losses were like wins."""
    from scipy.special import bdtr

    return float(bdtr(won, lost + won, 0.5))


def right_depth(gold: Integers, answered: Integers) -> NDArray[np.int64]:
    """Return how many levels of each row are right, from the root; a wrong parent makes its children wrong.

    Args:
        gold: (rows, levels) a number for each label path, level by level.
        answered: (rows, levels) the same of the answers, -1 for none.
    """
    right = np.logical_and.accumulate(gold == answered, axis=1)
    return np.asarray(right.sum(axis=1), dtype=np.int64)


def _findings(
    tests: Sequence[Counted], p: Sequence[float], p_holm: Sequence[float], margin: float
) -> tuple[Finding, ...]:
    return tuple(
        _finding(test, alone, corrected, margin)
        for test, alone, corrected in zip(tests, p, p_holm, strict=True)
    )


def _finding(test: Counted, p: float, p_holm: float, margin: float) -> Finding:
    interval = _interval_90(test.lost, test.won, test.n)
    verdict: Verdict = "undecided"
    if interval.low > -margin:
        verdict = "not_worse"
    elif p_holm <= ALPHA:
        verdict = "worse"
    return Finding(counted=test, interval_90=interval, p=p, p_holm=p_holm, verdict=verdict)


@lru_cache(maxsize=1 << 14)  # many labels share their counts
def _interval_90(lost: int, won: int, n: int) -> Interval:
    return paired_interval(won, lost, n, confidence=0.90)


def _worst(said: Sequence[Verdict]) -> Verdict:
    if "worse" in said:
        return "worse"
    return "undecided" if "undecided" in said else "not_worse"
