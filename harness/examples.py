"""Station 2: from rows to examples: which columns are text, labels, id and slices.

In: a `Table` and the `[data]` settings. Out: a stream of examples with their line, and bad rows.
"""

from __future__ import annotations

import difflib
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Protocol

from classifiers.contract import Example, Scalar
from harness.experiment import DataSettings
from harness.rows import BadRow, Row, RowError, Table
from prompts.errors import DatasetError
from prompts.taxonomy import Path as LabelPath


@dataclass(frozen=True, slots=True)
class Placed:
    """An example and the line or row it was read from."""

    line: int
    example: Example


class Gold(Protocol):
    """Turns the labels of a row into a path; raises `RowError`."""

    def path(self, names: tuple[str, ...]) -> LabelPath: ...


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column plays which part.

    Attributes:
        text: joined by a line feed, empty ones left out.
        gold: one per level, root first; or one that holds a whole path or a flat label.
        id: the column of ids, or None where rows are numbered.
        meta: the columns of `Example.meta`, or None for all others that hold plain values.
    """

    text: tuple[str, ...]
    gold: tuple[str, ...]
    id: str | None
    meta: tuple[str, ...] | None


def find_columns(table: Table, settings: DataSettings) -> Columns:
    """Decide by the first row which column plays which part.

    Raises:
        DatasetError: the table holds no row, or lacks a column that the settings name.
    """
    row = next((row for row in table.read() if isinstance(row, Row)), None)
    if row is None and next(table.read(), None) is None:
        raise DatasetError(f"{table.name} is empty: at least one example is needed")
    if table.trial:
        return Columns(text=("text",), gold=("label",), id=None, meta=None)
    text, gold = tuple(settings.text_columns), tuple(settings.gold_columns)
    meta = None if settings.meta is None else tuple(settings.meta)
    if row is None:  # nothing but bad rows, which are reported with their lines
        return Columns(text=text, gold=gold, id=settings.id, meta=meta)
    wanted = [("text", text), ("gold", gold), ("meta", meta or ())]
    wanted += [("id", (settings.id,))] if settings.id is not None else []
    for key, columns in wanted:
        for column in columns:
            if column not in row.cells:
                raise DatasetError(_no_column(table, row, key, column))
    id_column = settings.id or ("id" if "id" in row.cells else None)
    return Columns(text=text, gold=gold, id=id_column, meta=meta)


def _no_column(table: Table, row: Row, key: str, column: str) -> str:
    near = difflib.get_close_matches(column, list(row.cells), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    there = ", ".join(repr(name) for name in row.cells)
    return f"{table.name} has no column {column!r} (data.{key}): {hint}columns are {there}"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The rows of one split as examples, to be read as often as wanted.

    Attributes:
        split: "train", "dev" or "test".
        table: where the rows come from.
        columns: which column plays which part.
        gold: reads the labels.
    """

    split: str
    table: Table
    columns: Columns
    gold: Gold

    def read(self) -> Iterator[Placed | BadRow]:
        """Yield an example, or what is wrong with it, for every row.

        Rows without a column of ids are called "<split>-<n>", n counting the rows from 1.
        """
        for number, row in enumerate(self.table.read(), start=1):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                example = _example(row.cells, self.columns, self.gold, generated_id=f"{self.split}-{number}")
                yield Placed(row.line, example)
            except RowError as error:
                yield BadRow(row.line, error.kind, error.why)


class StreamedSplit:
    """A checked split that is read anew each time it is walked through; it never lies in memory.

    Raises:
        DatasetError: while walking, when the source is no longer what was checked.
    """

    def __init__(self, source: Source, *, rows: int, kept: array[int] | None = None) -> None:
        self._source = source
        self._rows = rows  # in the source
        self._kept = kept  # the indices of the rows that a limit leaves, ascending; None for all

    def __len__(self) -> int:
        return self._rows if self._kept is None else len(self._kept)

    def __iter__(self) -> Iterator[Example]:
        table = self._source.table
        kept = iter(range(self._rows) if self._kept is None else self._kept)
        wanted = next(kept, None)
        read = 0
        for row in self._source.read():
            if isinstance(row, BadRow):
                raise DatasetError(
                    f"{table.place(row.line)}: {row.why}; the data changed while it was in use"
                )
            if read == wanted:
                yield row.example
                wanted = next(kept, None)
            read += 1
        if read != self._rows:
            raise DatasetError(
                f"{table.name} changed while it was in use: {read:,} rows now, {self._rows:,} when checked"
            )


def _example(cells: Mapping[str, object], columns: Columns, gold: Gold, *, generated_id: str) -> Example:
    parts = (_words(cells.get(column)) for column in columns.text)
    text = "\n".join(part for part in parts if part.strip())
    if not text:
        raise RowError("empty_text", "the text is empty")
    path = gold.path(_label_names(cells, columns.gold))
    if columns.id is None:
        return Example(id=generated_id, text=text, gold=path, meta=_meta(cells, columns))
    own_id = _words(cells.get(columns.id)).strip()
    if not own_id:
        raise RowError("no_id", f"no id in column {columns.id!r}")
    return Example(id=own_id, text=text, gold=path, meta=_meta(cells, columns))


def _label_names(cells: Mapping[str, object], columns: tuple[str, ...]) -> tuple[str, ...]:
    values: Iterable[object] = [cells.get(column) for column in columns]
    if len(columns) == 1 and isinstance(whole := cells.get(columns[0]), list | tuple):
        values = whole
    return tuple(_words(value).strip() for value in values)


def _meta(cells: Mapping[str, object], columns: Columns) -> dict[str, Scalar]:
    if columns.meta is not None:
        return {column: _scalar(cells.get(column)) for column in columns.meta}
    used = {*columns.text, *columns.gold, columns.id}
    return {
        column: _scalar(value)
        for column, value in cells.items()
        if column not in used and not isinstance(value, list | tuple | dict | bytes)
    }


def _words(value: object) -> str:
    """Return a cell as text: spreadsheets and data frames store whole numbers as 3.0 and gaps as NaN."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    plain = _scalar(value)
    return "" if plain is None else str(plain)


def _scalar(value: object) -> Scalar:
    match value:
        case float() if not math.isfinite(value):
            return None
        case str() | bool() | int() | float() | None:
            return value
        case Decimal():
            return _scalar(float(value))
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)
