"""`max_cost_usd`: a classifier stops before it has spent more than the user allows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prompts.errors import ClassifierError


class Budget:
    """Counts what answers cost and says when the next ones could pass the limit.

    Args:
        limit_usd: the most that may be spent, or None for no limit.
        in_flight: how many answers can be under way, and so be paid for, at once; None where all are paid for
            together, before the first comes.
    """

    def __init__(self, limit_usd: float | None, in_flight: int | None) -> None:
        self._limit_usd = limit_usd
        self._in_flight = in_flight
        self._spent_usd = 0.0
        self._dearest_usd = 0.0
        self._expected_usd = 0.0

    @property
    def spent_usd(self) -> float:
        """What the answers counted so far have cost, those without a price left out."""
        return self._spent_usd

    def count(self, rows: Iterable[dict[str, Any]]) -> None:
        """Count the paid answers of a file, those taken over from an earlier run left out."""
        for row in rows:
            if not row.get("reused"):
                self.add(row["cost_usd"], failure=row["failure"])

    def expect(self, cost_usd: float) -> None:
        """Say what an answer is expected to cost: it stands for those that cannot be known, or not yet."""
        self._expected_usd = cost_usd
        self._dearest_usd = max(self._dearest_usd, cost_usd)

    def add(self, cost_usd: float | None, *, failure: str | None = None) -> None:
        """Count one answer; one whose usage the endpoint does not count costs what is expected."""
        if cost_usd is None:
            cost_usd = 0.0 if failure == "request_failed" else self._expected_usd
        self._spent_usd += cost_usd
        self._dearest_usd = max(self._dearest_usd, cost_usd)

    def check(self) -> None:
        """Stop when the next answers could pass the limit.

        Raises:
            ClassifierError: with what was spent and how to go on.
        """
        if (passed := self.passed()) is not None:
            raise passed

    def passed(self) -> ClassifierError | None:
        """Return why to stop: answers under way, each as dear as the dearest so far, could pass the limit."""
        if self._limit_usd is None or self._in_flight is None:
            return None
        if self._spent_usd + self._in_flight * self._dearest_usd > self._limit_usd:
            return ClassifierError(
                f"stopped at {self._spent_usd:.4f} USD: the {self._in_flight} answers under way could pass "
                f"max_cost_usd = {self._limit_usd}; raise it in the run's experiment.toml, then --resume"
            )
        return None

    def check_whole(self, expected_usd: float | None) -> None:
        """Stop before answers that are all paid for together, where they could pass the limit.

        Raises:
            ClassifierError: the estimate, half as much again as a margin, is above what is left.
        """
        if self._limit_usd is None or expected_usd is None:
            return
        if self._spent_usd + 1.5 * expected_usd > self._limit_usd:
            raise ClassifierError(
                f"nothing was submitted: the batch would cost about {expected_usd:.4f} USD, which with a "
                f"margin of half as much again passes max_cost_usd = {self._limit_usd}; raise it in the "
                "run's experiment.toml, then --resume"
            )
