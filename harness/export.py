"""`harness export`: a run as files for other programs: a table of all texts, a summary, the charts.

Each file is written whole or not at all. Nothing is scored anew: run `harness report` first where scores.json
is missing or of another version.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import reporting
from harness.disk import disk_errors, whole, write_text
from harness.joined import joined
from harness.progress import say
from harness.run_folder import RunFolder
from prompts.errors import ConfigError
from reports.items import Column, Kind, columns, item, meta_columns
from reports.scores import SCHEMA

CSV, PARQUET, SUMMARY, CHARTS = "items.csv", "items.parquet", "summary.md", "charts"
RECORD = "files.json"
OWN = re.compile(r"items\.parquet|charts/[\w-]+\.svg")  # what an export may write and a later one not
BATCH_ROWS = 2000
# What a spreadsheet takes for a formula; a cell that begins so is data from strangers.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
OPTION = "--out"
WriteRows = Callable[[Sequence[dict[str, Any]]], None]


def write(run: RunFolder, out: Path | None, console: Console) -> None:
    """Write all exports of a run.

    Args:
        run: what to export.
        out: the folder to write to, or None for `export` in the run.
        console: where to say what was written.

    Raises:
        ConfigError: the run has no scores, or those of another version; or the folder cannot be written to.
    """
    scores = run.read("scores.json")
    if scores is None:
        raise ConfigError(
            f"{run.path}: no scores.json in it; finish the run with `harness compare --resume`, "
            "or score what there is with `harness report`"
        )
    if scores.get("schema") != SCHEMA:
        raise ConfigError(
            f"{run.path}: its scores.json is of schema {scores.get('schema')!r}, this version exports schema "
            f"{SCHEMA}; score it anew with `harness report {run.path}`"
        )
    folder = out or run.path / "export"
    with disk_errors(folder, option=OPTION):
        folder.mkdir(parents=True, exist_ok=True)
    data = reporting.load(run)
    meta = meta_columns(data.test)
    names = [classifier.name for classifier in data.classifiers]
    head = columns(data.taxonomy.depth, names, meta)
    rows = (item(example, said, data.taxonomy, meta) for example, said in joined(run, names))
    written = [CSV, SUMMARY, *([PARQUET] if _write_table(folder, head, rows) else [])]
    if PARQUET not in written:
        say(console, f"{PARQUET} was left out: pip install 'llm-vs-bert[parquet]'", "yellow")
    from reports.all_charts import for_files
    from reports.chart_files import file_names
    from reports.drawing import file
    from reports.markdown import summary

    write_text(folder / SUMMARY, summary(data.name, scores), option=OPTION)
    charts = {f"{CHARTS}/{name}.svg": chart for name, chart in file_names(for_files(data, scores)).items()}
    _forget_earlier(folder, [*written, *charts])
    for name, chart in charts.items():
        write_text(folder / name, file(chart), option=OPTION)
    say(console, f"Exported: {folder} ({len(charts)} charts)")


def _write_table(folder: Path, head: Sequence[Column], rows: Iterator[dict[str, Any]]) -> bool:
    """Write the table as CSV and as Parquet in one pass; return False where Parquet's library is missing."""
    with ExitStack() as files:
        csv_file = _csv_writer(files.enter_context(whole(folder / CSV, option=OPTION)), head, files)
        parquet_file = _parquet_writer(folder / PARQUET, head, files)
        while batch := list(islice(rows, BATCH_ROWS)):
            csv_file(batch)
            if parquet_file is not None:
                parquet_file(batch)
    return parquet_file is not None


def _csv_writer(path: Path, head: Sequence[Column], files: ExitStack) -> WriteRows:
    # The mark at the start tells Excel that this is UTF-8; without it Chinese comes out garbled there.
    writer = csv.writer(files.enter_context(path.open("w", encoding="utf-8-sig", newline="")))
    writer.writerow([_harmless(column.name) for column in head])
    return lambda rows: writer.writerows([_cell(row.get(column.name)) for column in head] for row in rows)


def _parquet_writer(path: Path, head: Sequence[Column], files: ExitStack) -> WriteRows | None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return None
    types: dict[Kind, Any] = {
        "text": pyarrow.string(),
        "flag": pyarrow.bool_(),
        "whole": pyarrow.int64(),
        "number": pyarrow.float64(),
    }
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in head])
    part = files.enter_context(whole(path, option=OPTION))
    writer = files.enter_context(pyarrow.parquet.ParquetWriter(part, schema))

    def write(rows: Sequence[dict[str, Any]]) -> None:
        writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))

    return write


def _forget_earlier(folder: Path, written: Sequence[str]) -> None:
    """Remove what an earlier export wrote to this folder and this one does not, and nothing else."""
    record = folder / RECORD
    with disk_errors(folder, option=OPTION):
        for name in sorted(set(_recorded(record)) - set(written)):
            if (folder / name).is_file():
                (folder / name).unlink()
    write_text(record, json.dumps(sorted(written), indent=1) + "\n", option=OPTION)


def _recorded(record: Path) -> list[str]:
    try:
        names = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no earlier export, or somebody changed its record: then all is kept
        return []
    if not isinstance(names, list):
        return []
    return [name for name in names if isinstance(name, str) and OWN.fullmatch(name)]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _harmless(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
