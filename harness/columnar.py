"""Readers for formats that need a library of their own: Parquet, Excel, data sets of the hub.

Each library comes with an extra and is imported only when such a source is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from harness.rows import BadRow, Row, Table
from prompts.errors import DatasetError

_BATCH_ROWS = 1000
_HUB_SPLIT = {"train": "train", "dev": "validation", "test": "test"}


def parquet_rows(path: Path, name: str) -> Iterator[Row | BadRow]:
    """Yield the rows of a Parquet file, counted from 1, a batch in memory at a time.

    Raises:
        DatasetError: pyarrow is not installed, or the file is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing_library(name, "pyarrow", extra="parquet") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for cells in batch.to_pylist():
                    number += 1
                    yield Row(number, cells)
    except (pyarrow.ArrowException, OSError) as error:
        raise DatasetError(f"{name} is not a readable Parquet file: {one_line(error)}") from error


def xlsx_rows(path: Path, name: str) -> Iterator[Row | BadRow]:
    """Yield the rows of the first sheet of a workbook, numbered as Excel shows them; row 1 is the header.

    Raises:
        DatasetError: openpyxl is not installed, the file is damaged, or the header names a column twice.
    """
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise missing_library(name, "openpyxl", extra="excel") from error
    from zipfile import BadZipFile

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, BadZipFile, KeyError, OSError) as error:
        raise DatasetError(f"{name} is not a readable .xlsx workbook: {one_line(error)}") from error
    try:
        columns: list[str] | None = None
        for number, values in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            if all(value is None for value in values):
                continue
            if columns is None:
                columns = _sheet_header(values, name, number)
            elif any(value is not None for value in values[len(columns) :]):
                why = f"a value right of the last column, expected {len(columns)} ({', '.join(columns)})"
                yield BadRow(number, "wrong_columns", why)
            else:
                cells = zip_longest(columns, values[: len(columns)])
                yield Row(number, {column: value for column, value in cells if column})
    finally:
        book.close()


def _sheet_header(values: tuple[object, ...], name: str, number: int) -> list[str]:
    columns = ["" if value is None else str(value).strip() for value in values]
    while columns and not columns[-1]:
        columns.pop()
    if repeated := sorted({column for column in columns if column and columns.count(column) > 1}):
        raise DatasetError(f"{name} row {number}: the column {repeated[0]!r} stands twice: rename one")
    return columns


def hub_table(source: str, *, key: str, folder: Path) -> Table:
    """Return a data set of the Hugging Face hub, or a local folder in its layout, as a table.

    Args:
        source: "hf:owner/name[/config][:split]" or "hf:FOLDER[:split]"; without a split, `key` decides.
        key: "train", "dev" (the hub's "validation") or "test".
        folder: what a local folder is relative to.

    Raises:
        DatasetError: the `datasets` library is not installed, or the source is not in this form.
    """
    spec, _, split = source.removeprefix("hf:").partition(":")
    if not spec:
        raise DatasetError(f"data.{key} = {source!r}: expected hf:owner/name[/config][:split]")
    split = split or _HUB_SPLIT[key]
    parts = spec.split("/")
    local = (folder / spec).absolute()
    if local.is_dir():
        where, config = str(local), None
    elif len(parts) <= 3 and all(parts) and not spec.startswith("."):
        where, config = "/".join(parts[:2]), parts[2] if len(parts) == 3 else None
    else:
        raise DatasetError(
            f"data.{key} = {source!r}: no such folder ({local}), and the hub's data sets "
            "are named hf:owner/name[/config][:split]"
        )
    name = f"hf:{spec}:{split}"
    data = cache(partial(_load_from_hub, where, config, split, name))
    return Table(name=name, unit="row", path=None, read=lambda: _hub_rows(data()))


def _hub_rows(data: Any) -> Iterator[Row | BadRow]:
    names = {column: _label_names(feature) for column, feature in data.features.items()}
    number = 0
    for batch in data.iter(batch_size=_BATCH_ROWS):
        for values in zip(*batch.values(), strict=True):
            number += 1
            cells = zip(batch, values, strict=True)
            yield Row(number, {column: _named(value, names[column]) for column, value in cells})


def _load_from_hub(where: str, config: str | None, split: str, name: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise missing_library(name, "datasets", extra="hub") from error
    from datasets.exceptions import DatasetsError

    try:
        return datasets.load_dataset(where, config, split=split)
    except ConnectionError as error:
        raise DatasetError(
            f"{name}: the hub cannot be reached ({one_line(error)}); check the network, set HF_ENDPOINT to a "
            "mirror, or download the data and name the folder after hf:"
        ) from error
    except (DatasetsError, ValueError, OSError) as error:
        raise DatasetError(
            f"{name} cannot be loaded: {one_line(error)}; expected hf:owner/name[/config][:split]"
        ) from error


def _label_names(feature: Any) -> list[str] | None:
    """Return the names behind a ClassLabel column, or behind the items of a list of them."""
    return getattr(getattr(feature, "feature", feature), "names", None)


def _named(value: object, names: list[str] | None) -> object:
    if names is None:
        return value
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return None  # the hub writes -1 where a label is withheld


def missing_library(name: str, library: str, *, extra: str) -> DatasetError:
    """Return the error that says how to install what reading `name` needs."""
    return DatasetError(f'reading {name} needs {library}: pip install "llm-vs-bert[{extra}]"')


def one_line(error: BaseException) -> str:
    """Return an error's words on one line, at most 200 characters."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 200 else words[:199] + "…"
