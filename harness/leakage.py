"""Station 2: test texts that a classifier has already seen, with their answers, in train or dev."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.checks import PLACES_SHOWN, Finding
from harness.rows import Table
from harness.sameness import NEAR, TextIndex

PAIRS_SHOWN = 4 * PLACES_SHOWN  # the user has to go through them


@dataclass
class _Overlap:
    where: str  # the first place in test
    count: int = 0
    pairs: list[str] = field(default_factory=list)


class Leakage:
    """Learns the texts of train and dev, then watches the test texts go by.

    A test text counts once: where it was seen first, and as the same text rather than a nearly same one.
    """

    def __init__(self) -> None:
        self._index = TextIndex()
        self._learned: list[tuple[Table, int]] = []
        self._overlaps: dict[tuple[str, bool], _Overlap] = {}
        self._test_name = ""

    def learn(self, table: Table, line: int, text_words: list[str]) -> None:
        """Note a text of train or dev."""
        self._index.add(len(self._learned), text_words)
        self._learned.append((table, line))

    def watch(self, table: Table, line: int, text_words: list[str]) -> None:
        """Look up a text of test."""
        match = self._index.find(text_words)
        if match is None:
            return
        seen_table, seen_line = self._learned[match.key]
        overlap = self._overlaps.setdefault((seen_table.name, match.exact), _Overlap(table.place(line)))
        overlap.count += 1
        self._test_name = table.name
        if len(overlap.pairs) < PAIRS_SHOWN:
            pair = f"{seen_table.place(seen_line)} ~ {table.place(line)}"
            overlap.pairs.append(pair if match.exact else f"{pair} ({match.similarity:.2f})")

    def findings(self, *, learned: bool, leaving_out: str | None = None) -> list[Finding]:
        """Return one finding per file and kind of overlap.

        Args:
            learned: whether a classifier learns from these files; otherwise the overlap does no harm.
            leaving_out: the name of a file that was reported as a whole.
        """
        return [
            Finding(
                severity="error" if learned else "note",
                kind="leakage" if learned else "overlap",
                message=f"{overlap.count:,} text(s) of {self._test_name} {_how(exact)} in {name}"
                f"{', so their labels are seen before the test' if learned else ''}: "
                f"{', '.join(overlap.pairs[:PLACES_SHOWN])}",
                where=overlap.where,
                count=overlap.count,
                places=tuple(overlap.pairs),
            )
            for (name, exact), overlap in sorted(self._overlaps.items(), reverse=True)
            if name != leaving_out
        ]


def _how(exact: bool) -> str:
    if exact:
        return "also stand"
    return f"stand nearly the same (Jaccard similarity of word pairs at least {NEAR})"
