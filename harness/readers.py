"""Station 2: the readers, one per file ending, each a stream of rows with their place.

In: what the experiment file names as train, dev or test. Out: a `Table`.
"""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from harness.columnar import hub_table, parquet_rows, xlsx_rows
from harness.rows import BadRow, Row, Table
from harness.text_files import check_encoding, read_lines
from prompts.errors import DatasetError

SEPARATOR = "##$$&&"

_TextRows = Callable[[Path, str, str], Iterator[Row | BadRow]]


def open_table(source: str, *, key: str, folder: Path, encoding: str) -> Table:
    """Return the table behind `source`; nothing but its presence is checked yet.

    Args:
        source: a path relative to `folder`, or "hf:owner/name[/config][:split]".
        key: the experiment file's key, "train", "dev" or "test"; also decides the hub's split.
        folder: where the experiment file lies.
        encoding: of text formats.

    Raises:
        ConfigError: the encoding is not known.
        DatasetError: no such file, an ending that no reader knows, or a library that is not installed.
    """
    if source.startswith("hf:"):
        return hub_table(source, key=key, folder=folder)
    path = find_file(source, key=key, folder=folder)
    text_rows: dict[str, _TextRows] = {
        ".txt": _trial_rows,
        ".csv": partial(_csv_rows, delimiter=","),
        ".tsv": partial(_csv_rows, delimiter="\t"),
        ".jsonl": _jsonl_rows,
    }
    row_readers = {".parquet": parquet_rows, ".xlsx": xlsx_rows}
    ending = path.suffix.lower()
    name = shown(path, folder)
    if ending in row_readers:
        return Table(name=name, unit="row", path=path, read=partial(row_readers[ending], path, name))
    if ending not in text_rows:
        known = ", ".join([*text_rows, *row_readers])
        hint = " (for JSON, write one object a line into a .jsonl file)" if ending == ".json" else ""
        raise DatasetError(
            f"data.{key} = {source!r}: no reader for {ending!r} files; known are {known}{hint}"
        )
    read = partial(text_rows[ending], path, check_encoding(encoding), name)
    return Table(name=name, unit="line", path=path, read=read, trial=ending == ".txt")


def find_file(source: str, *, key: str, folder: Path) -> Path:
    """Return the absolute path of a file that the experiment file names.

    Raises:
        DatasetError: there is no such file; the message offers the most similar one beside it.
    """
    path = (folder / source).absolute()
    if path.is_dir():
        raise DatasetError(f"data.{key} = {source!r} is a folder: name a file in it ({path})")
    if not path.exists():
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DatasetError(f"data.{key} = {source!r}: there is no such file ({path}){hint}")
    return path


def shown(path: Path, folder: Path) -> str:
    """Return what messages call a file: its path from the experiment's folder where it lies below it."""
    folder = folder.absolute()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _trial_rows(path: Path, encoding: str, name: str) -> Iterator[Row | BadRow]:
    for line in read_lines(path, encoding, name=name):
        content = line.text.rstrip("\r\n")
        if line.problem:
            yield BadRow(line.number, "not_decodable", line.problem)
        elif content.strip():
            text, separator, label = content.rpartition(SEPARATOR)
            if separator:
                yield Row(line.number, {"text": text, "label": label})
            else:
                why = f"no separator {SEPARATOR!r}: expected text{SEPARATOR}label"
                yield BadRow(line.number, "wrong_separator", why)


def _csv_rows(path: Path, encoding: str, name: str, *, delimiter: str) -> Iterator[Row | BadRow]:
    undecodable: list[BadRow] = []

    def lines() -> Iterator[str]:
        for line in read_lines(path, encoding, name=name):
            if line.problem:
                undecodable.append(BadRow(line.number, "not_decodable", line.problem))
            yield line.text

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line, "wrong_columns", _csv_problem(error))
            continue
        if undecodable:
            if columns is None:
                raise DatasetError(f"{name}:{undecodable[0].line}: {undecodable[0].why}")
            yield from undecodable
            undecodable.clear()
        elif not any(cell.strip() for cell in cells):
            continue  # a blank line
        elif columns is None:
            columns = _header(cells, name, line)
        elif len(cells) != len(columns):
            why = f"{len(cells)} column(s), expected {len(columns)} ({', '.join(columns)})"
            yield BadRow(line, "wrong_columns", why)
        else:
            yield Row(line, dict(zip(columns, cells, strict=True)))


def _header(cells: list[str], name: str, line: int) -> list[str]:
    columns = [cell.strip() for cell in cells]
    if repeated := sorted({column for column in columns if columns.count(column) > 1}):
        raise DatasetError(
            f"{name}:{line}: the column {repeated[0]!r} stands twice in the header: rename one"
        )
    return columns


def _csv_problem(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end" in words:
        return 'a quote (") that opens here is never closed: close it, or double quotes inside a quoted field'
    if "field limit" in words:
        limit = f"{csv.field_size_limit():,}"
        return f'a field of over {limit} characters: is a quote (") that opens here not closed?'
    if "new-line character" in words:
        return "a carriage return in an unquoted field: quote the field, or end the lines with line feeds"
    return f"broken quotes ({words}): double each quote inside a quoted field"


def _jsonl_rows(path: Path, encoding: str, name: str) -> Iterator[Row | BadRow]:
    for line in read_lines(path, encoding, name=name):
        if line.problem:
            yield BadRow(line.number, "not_decodable", line.problem)
        elif line.text.strip():
            yield _json_row(line.number, line.text.rstrip("\r\n"))


def _json_row(line: int, text: str) -> Row | BadRow:
    try:
        cells = json.loads(text)
    except json.JSONDecodeError as error:
        return BadRow(line, "not_json", f"not JSON ({error.msg}, column {error.colno}): one object a line")
    except RecursionError:
        return BadRow(line, "not_json", "JSON nested too deeply: one flat object a line")
    if not isinstance(cells, dict):
        return BadRow(line, "not_json", f"a JSON {type(cells).__name__}, expected one object a line")
    if "\\u" in text:  # only an escape can smuggle in half a character, which no file could store again
        try:
            json.dumps(cells, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return BadRow(
                line, "not_json", "holds half of a surrogate pair (\\ud800 to \\udfff alone): repair it"
            )
    return Row(line, cells)
