"""Station 5: two classifiers on the same rows: how far apart, how sure, and what follows from it.

In: which rows each got right. Out: `Pair`, with a paired interval, exact and score tests and a verdict, which
holds over all pairs that are judged together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reports.arrays import Flags
from reports.power import Decisive, rows_to_decide
from reports.resampling import Interval
from reports.tango import different_p, equivalent_p, mcnemar_p, paired_interval

Verdict = Literal["better", "worse", "equivalent", "undecided"]
ALPHA = 0.05
# How often the score test calls two equals different, enumerated for 2 to 1,000 rows, of which up to 70 %
# tell them apart: up to 6.3 % alone, 5.1 % where the exact test has to agree below 50 such rows,
# 5.02 % below 100.
FEW_DISCORDANT = 100


@dataclass(frozen=True, kw_only=True)
class Tests:
    """The p-values of a pair, or the same after Holm's correction.

    Attributes:
        mcnemar: exact, two-sided.
        different: of Tango's score test, two-sided; where few rows tell them apart, `mcnemar` if larger.
        equivalent: the larger of Tango's two one-sided tests against the margins.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    mcnemar: float
    different: float
    equivalent: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A against B on the rows both were asked; every difference is A minus B, -1..1.

    Attributes:
        both, only_a, only_b, neither: how many rows each combination got right.
        interval: 95 % for the difference, of this pair alone.
        interval_90: 90 %, which two one-sided tests at 5 % for equivalence amount to.
        p: of this pair alone.
        p_holm: the same, corrected for all pairs judged together.
        verdict: of A, from `p_holm`.
        matters: whether the whole 95 % interval lies beyond the margin.
        decisive: what would decide it, where the verdict is "undecided" and some number of rows would.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    difference: float
    interval: Interval
    interval_90: Interval
    p: Tests
    p_holm: Tests
    verdict: Verdict
    matters: bool
    decisive: Decisive | None

    @property
    def n(self) -> int:
        """The rows compared."""
        return self.both + self.only_a + self.only_b + self.neither


def compare(right_a: Flags, right_b: Flags, *, margin: float) -> Pair | None:
    """Compare two classifiers by the rows they got right; None when there is no row.

    Args:
        right_a: (rows,) whether A was right, in the same order as `right_b`.
        right_b: (rows,) whether B was right.
        margin: differences below this do not matter, 0..1.
    """
    n = len(right_a)
    if n == 0:
        return None
    only_a = int((right_a & ~right_b).sum())
    only_b = int((right_b & ~right_a).sum())
    both = int((right_a & right_b).sum())
    interval = paired_interval(only_a, only_b, n, confidence=1 - ALPHA)
    exact, different = mcnemar_p(only_a, only_b), different_p(only_a, only_b, n)
    p = Tests(
        mcnemar=exact,
        different=max(exact, different) if only_a + only_b < FEW_DISCORDANT else different,
        equivalent=equivalent_p(only_a, only_b, n, margin),
    )
    alone = Pair(
        both=both,
        only_a=only_a,
        only_b=only_b,
        neither=n - both - only_a - only_b,
        difference=(only_a - only_b) / n,
        interval=interval,
        interval_90=paired_interval(only_a, only_b, n, confidence=1 - 2 * ALPHA),
        p=p,
        p_holm=p,
        verdict="undecided",
        matters=interval.low > margin or interval.high < -margin,
        decisive=None,
    )
    return judge_together([alone], margin=margin)[0]


def judge_together(pairs: Sequence[Pair], *, margin: float) -> list[Pair]:
    """Return the pairs with a verdict that holds over all of them.

    "Different" and "equivalent" are each claimed with a chance of at most 5 % that any such claim is wrong.
    With a single pair that is: the 95 % interval leaves 0 out (and, below `FEW_DISCORDANT` rows that tell
    the two apart, the exact test agrees), and the 90 % interval lies inside the margins.
    """
    corrected = [
        Tests(mcnemar=mcnemar, different=different, equivalent=equivalent)
        for mcnemar, different, equivalent in zip(
            holm([pair.p.mcnemar for pair in pairs]),
            holm([pair.p.different for pair in pairs]),
            holm([pair.p.equivalent for pair in pairs]),
            strict=True,
        )
    ]
    # What Holm has not rejected shares its 5 %: that is what a pair still has to pass with more rows.
    open_different = sum(p.different >= ALPHA for p in corrected)
    open_equivalent = sum(p.equivalent >= ALPHA for p in corrected)
    judged = []
    for pair, p_holm in zip(pairs, corrected, strict=True):
        verdict = judge(pair.difference, different=p_holm.different, equivalent=p_holm.equivalent)
        decisive = None
        if verdict == "undecided":
            decisive = rows_to_decide(
                pair.only_a / pair.n,
                pair.only_b / pair.n,
                margin=margin,
                alpha_different=ALPHA / open_different,
                alpha_equivalent=ALPHA / open_equivalent,
                few=FEW_DISCORDANT,
            )
        judged.append(replace(pair, p_holm=p_holm, verdict=verdict, decisive=decisive))
    return judged


def judge(difference: float, *, different: float, equivalent: float) -> Verdict:
    """Say what the p-values allow to be said of the first side.

    A difference that is certain counts as one even where it is smaller than the margin; `Pair.matters` tells.
    """
    if different < ALPHA:
        return "better" if difference > 0 else "worse"
    return "equivalent" if equivalent < ALPHA else "undecided"


def holm(ps: Sequence[float]) -> list[float]:
    """Return the p-values corrected for their number, in their order (Holm 1979, Scand. J. Stat. 6, 65)."""
    corrected = [0.0] * len(ps)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        least = max(least, min((len(ps) - rank) * ps[place], 1.0))
        corrected[place] = least
    return corrected
