"""What the gate gets wrong, by simulation with a fixed seed: false alarms, misses, and the power to see a loss.

`pytest -s` prints the shares. With 2,000 runs an error rate of 5 % shows as 5 % +- 0.5; "noise" here is three
times that.
"""

from __future__ import annotations

import re
from functools import cache
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, multinomial, norm

from reports.arrays import Integers
from reports.gate import Counted, Verdict, decide, right_depth

RUNS, APPS, MARGIN = 2000, 800, 0.02
NOISE = 3 * sqrt(0.05 * 0.95 / RUNS)
WIDTHS = (8, 3, 2)  # labels at level 1, and below each label of the level above


@cache
def verdict_of(lost: int, won: int) -> Verdict:
    one = Counted(classifier="bert", level=1, n=APPS, right_before=0, lost=lost, won=won)
    return decide([one], margin=MARGIN).verdict


def one_level(rng: np.random.Generator, share_lost: float, share_won: float, runs: int) -> list[Verdict]:
    counts = rng.multinomial(APPS, [share_lost, share_won, 1 - share_lost - share_won], size=runs)
    return [verdict_of(int(lost), int(won)) for lost, won, _ in counts]


def share(verdicts: list[Verdict], wanted: Verdict) -> float:
    return verdicts.count(wanted) / len(verdicts)


def paths(rng: np.random.Generator, depth: int) -> Integers:
    """Return (apps, depth): gold labels, numbered level by level; a label has twice the apps of the next one."""
    weights = 0.7 ** np.arange(WIDTHS[0])
    columns = [rng.choice(WIDTHS[0], size=APPS, p=weights / weights.sum())]
    for width in WIDTHS[1:depth]:
        columns.append(columns[-1] * width + rng.integers(width, size=APPS))
    return np.stack(columns, axis=1).astype(np.int32)


def answers(rng: np.random.Generator, gold: Integers, accuracy: float) -> Integers:
    """Return answers right with the same probability at each level; a wrong parent leads to wrong children."""
    answered = gold.copy()
    wrong = np.zeros(APPS, dtype=np.bool_)
    for level in range(gold.shape[1]):
        wrong |= rng.random(APPS) > accuracy
        answered[wrong, level] = -1
    return answered


def simulate(rng: np.random.Generator, runs: int, *, depth: int, by_label: bool) -> list[Verdict]:
    """Hold two equally good classifiers against each other."""
    verdicts: list[Verdict] = []
    for _ in range(runs):
        gold = paths(rng, depth)
        depth_before, depth_now = (right_depth(gold, answers(rng, gold, 0.9)) for _ in range(2))
        levels, labels = [], []
        for level in range(depth):
            was, is_now = depth_before > level, depth_now > level
            lost, won = was & ~is_now, is_now & ~was
            levels.append(counted(level, None, APPS, int(lost.sum()), int(won.sum())))
            if by_label:
                n, n_lost, n_won = (np.bincount(gold[rows, level]) for rows in (slice(None), lost, won))
                for label in np.flatnonzero(n):
                    some = [int(part[label]) if label < len(part) else 0 for part in (n, n_lost, n_won)]
                    labels.append(counted(level, (str(label),), *some))
        verdicts.append(decide(levels, labels, margin=MARGIN, by_label=by_label).verdict)
    return verdicts


def counted(level: int, label: tuple[str, ...] | None, n: int, lost: int, won: int) -> Counted:
    return Counted(classifier="bert", level=level + 1, label=label, n=n, right_before=0, lost=lost, won=won)


@pytest.mark.parametrize("discordant", [0.02, 0.10, 0.30])
def test_without_a_true_difference_one_level_fails_in_at_most_five_per_cent(discordant: float) -> None:
    rng = np.random.default_rng(1)
    failed = share(one_level(rng, discordant / 2, discordant / 2, RUNS), "worse")
    print(f"\none level, {discordant:.0%} discordant, no difference: {failed:.2%} worse")
    assert failed <= 0.05 + NOISE


@pytest.mark.parametrize(("depth", "by_label"), [(3, False), (1, True), (3, True)])
def test_without_a_true_difference_several_tests_together_fail_in_at_most_five_per_cent(
    depth: int, by_label: bool
) -> None:
    verdicts = simulate(np.random.default_rng(2), RUNS, depth=depth, by_label=by_label)
    failed = share(verdicts, "worse")
    print(f"\n{depth} level(s){', with --labels' if by_label else ''}, no difference: {failed:.2%} worse")
    assert failed <= 0.05 + NOISE


def exact(share_lost: float, share_won: float, wanted: Verdict) -> float:
    """Return the probability of a verdict, summed over the multinomial distribution of the counts."""
    total = 0.0
    low, high = binom.ppf([1e-7, 1 - 1e-7], APPS, share_lost + share_won).astype(int)
    for discordant in range(low, high + 1):
        lost = np.arange(discordant + 1)
        rows = np.stack([lost, discordant - lost, np.full_like(lost, APPS - discordant)], axis=1)
        p = multinomial.pmf(rows, APPS, [share_lost, share_won, 1 - share_lost - share_won])
        total += sum(
            float(chance)
            for chance, k in zip(p, lost, strict=True)
            if chance > 1e-9 and verdict_of(int(k), int(discordant - k)) == wanted
        )
    return total


def test_the_power_to_see_a_loss_of_three_points_is_the_analytic_one() -> None:
    share_lost, share_won = 0.065, 0.035  # 10 % discordant, 3 points lost
    expected = exact(share_lost, share_won, "worse")
    seen = share(one_level(np.random.default_rng(4), share_lost, share_won, RUNS), "worse")
    print(f"\n3 points lost, 10 % discordant: {seen:.2%} worse, analytic {expected:.2%}")
    assert seen == pytest.approx(expected, abs=3 * sqrt(expected * (1 - expected) / RUNS))
    # Connor (1987): the normal approximation of McNemar's test, which the exact one stays a little below.
    z = 1.6448536269514722
    connor = norm.cdf((0.03 * sqrt(APPS) - z * sqrt(0.10)) / sqrt(0.10 - 0.03**2))
    print(f"Connor's formula: {connor:.2%}")
    assert 0 < connor - expected < 0.05


@pytest.mark.parametrize("discordant", [0.03, 0.10, 0.30])
def test_a_loss_of_just_the_margin_passes_in_at_most_five_per_cent(discordant: float) -> None:
    share_lost, share_won = (discordant + MARGIN) / 2, (discordant - MARGIN) / 2
    expected = exact(share_lost, share_won, "not_worse")
    passed = share(one_level(np.random.default_rng(5), share_lost, share_won, RUNS), "not_worse")
    print(
        f"\nloss at the margin, {discordant:.0%} discordant: {passed:.2%} not worse, exactly {expected:.2%}"
    )
    assert passed <= 0.05 + NOISE
    assert expected <= 0.055


def test_what_equally_good_classifiers_get_to_hear() -> None:
    """The figures that the README gives for 800 apps and a margin of 2 points."""
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    row = re.search(r"^\| no difference, 2 / 5 / 10 % flip \| \*not worse\* in (.*) %,", readme, re.MULTILINE)
    assert row is not None
    told = dict(zip((0.02, 0.05, 0.10), row[1].split(" / "), strict=True))
    for discordant in (0.02, 0.05, 0.10):
        chances = {
            verdict: exact(discordant / 2, discordant / 2, verdict)  # type: ignore[arg-type]
            for verdict in ("not_worse", "undecided", "worse")
        }
        print(
            f"\nequally good, {discordant:.0%} discordant: "
            + ", ".join(f"{k} {v:.1%}" for k, v in chances.items())
        )
        assert told[discordant] == f"{chances['not_worse']:.0%}".rstrip("%")
        assert chances["worse"] <= 0.05
