"""What every reader hands on: rows with their place, and rows that could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BadRowKind = Literal[
    "not_decodable",
    "wrong_separator",
    "wrong_columns",
    "not_json",
    "empty_text",
    "unknown_label",
    "label_out_of_range",
    "no_label",
    "no_id",
    "repeated_id",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One row as the file holds it.

    Attributes:
        line: the line on which it starts, or the row number where the format has no lines; from 1.
        cells: column -> value, in the file's order of columns.
    """

    line: int
    cells: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used, and why, in words that follow a "file:line: "."""

    line: int
    kind: BadRowKind
    why: str


class RowError(Exception):
    """Raised inside this station for one bad row; always caught there and turned into a `BadRow`."""

    def __init__(self, kind: BadRowKind, why: str) -> None:
        super().__init__(why)
        self.kind = kind
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Table:
    """A source of rows that can be read again and again, each time from the start.

    Attributes:
        name: what messages call it, as the experiment file does.
        unit: what `Row.line` counts.
        path: the file, or None for a data set of the hub.
        read: starts one reading.
        trial: whether it is in the trial's format, whose columns are always "text" and "label".
    """

    name: str
    unit: Literal["line", "row"]
    path: Path | None
    read: Callable[[], Iterator[Row | BadRow]]
    trial: bool = False

    def place(self, line: int) -> str:
        """Return where a row stands: "train.csv:3", or "train.parquet row 3"."""
        return f"{self.name}:{line}" if self.unit == "line" else f"{self.name} row {line}"
