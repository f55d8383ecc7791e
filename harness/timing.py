"""The clock of one classifier in one run, written to timing.json while it answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from harness.run_folder import RunFolder

WRITE_EVERY_S = 2.0


class Timing:
    """How long one classifier took, and what has to be said beside it.

    Attributes:
        load_s: seconds from nothing to ready: weights read, server started.
        answer_s: wall seconds of live answering, summed over interruptions; answers taken over are not in it.
        answered: the live answers given in that time.
        reused: answers taken over from an earlier run.
        reused_from: the run they were taken from.
        measured_in: the run in which `answer_s` was measured, or None where it was this one.
        facts: what the classifier says beside the figures.
        error: why the classifier stopped, or None.
    """

    def __init__(self, run: RunFolder, name: str, content: Mapping[str, Any]) -> None:
        self._run = run
        self._file = f"classifiers/{name}/timing.json"
        self._written = 0.0
        self.load_s: float | None = content.get("load_s")
        self.answer_s: float = content.get("answer_s", 0.0)
        self.answered: int = content.get("answered", 0)
        self.reused: int = content.get("reused", 0)
        self.reused_from: str | None = content.get("reused_from")
        self.measured_in: str | None = content.get("measured_in")
        self.facts: dict[str, Any] = content.get("facts", {})
        self.error: str | None = content.get("error")

    @classmethod
    def of(cls, run: RunFolder, name: str) -> Timing:
        """Return the clock of a classifier, going on where an interrupted run stopped."""
        return cls(run, name, run.read(f"classifiers/{name}/timing.json") or {})

    def write(self) -> None:
        self._written = time.monotonic()
        self._run.write(self._file, {k: v for k, v in vars(self).items() if not k.startswith("_")})

    @property
    def is_due(self) -> bool:
        """Whether what is on disk is older than a kill may cost."""
        return time.monotonic() - self._written > WRITE_EVERY_S

    def take_over(self, run: str, timing: Mapping[str, Any], answers: int, *, complete: bool) -> None:
        """Note that answers came from an earlier run.

        Where all of them came from one run, its measured time stands for this one too and says so; a mixture
        has only the time of its live answers.
        """
        first = self.reused == 0
        self.reused += answers
        self.reused_from = run
        if first and complete and timing.get("answered"):
            self.load_s, self.answer_s = timing.get("load_s"), timing["answer_s"]
            self.answered, self.facts = timing["answered"], dict(timing.get("facts", {}))
            self.measured_in = timing.get("measured_in") or run


_MEANS = {"cut_share": "texts", "windows_per_text": "texts", "unknown_token_share": "read_tokens"}
"""Facts that are means, by the fact that counts over how many."""


def over_both(earlier: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return `facts`, with what they count and average counted and averaged over the `earlier` ones too.

    What one of them does not say of its texts, as one of an earlier version, is left out.
    """
    merged, both = dict(facts), [one for one in (earlier, facts) if one.get("texts")]
    if not both:
        return merged
    for mean, count in _MEANS.items():
        known = [(one[count], one[mean]) for one in both if one.get(count) and one.get(mean) is not None]
        if known:
            merged[mean] = sum(round(n * share) for n, share in known) / sum(n for n, _ in known)
        if any(count not in one or mean not in one for one in both):
            merged.pop(mean, None)
    for count in set(_MEANS.values()):
        merged[count] = sum(one.get(count) or 0 for one in both)
        if any(count not in one for one in both):
            del merged[count]
    return merged
