"""One figure of a benchmark beside its bound and its peer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A line of a benchmark's table.

    Attributes:
        scenario: what was run.
        what: what was measured, with its unit.
        value: of ours.
        at_most, at_least, exactly: the bound; all None for a figure without one.
        peer: the same of the peer's, or None where there is none.
    """

    scenario: str
    what: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    exactly: float | None = None
    peer: float | None = None

    @property
    def ok(self) -> bool | None:
        """Whether the bound is met; None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.exactly is None else self.value == self.exactly

    def cells(self) -> tuple[str, ...]:
        """Return scenario, what, figure, bound, peer, ratio to the peer, and "ok" or "short"."""
        signs = (("<= ", self.at_most), (">= ", self.at_least), ("= ", self.exactly))
        bound = next((sign + _shown(value) for sign, value in signs if value is not None), "")
        peer = "" if self.peer is None else _shown(self.peer)
        ratio = f"{self.value / self.peer:.2f}" if self.peer else ""
        verdict = {None: "", True: "ok", False: "[bold red]short[/]"}[self.ok]
        return self.scenario, self.what, _shown(self.value), bound, peer, ratio, verdict


def _shown(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
