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

    def write_now_and_then(self) -> None:
        if time.monotonic() - self._written > WRITE_EVERY_S:
            self.write()

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
