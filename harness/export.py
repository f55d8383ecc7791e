"""`harness export`: a run as files for other programs: a table of all texts, a summary, the charts.

Each file is written whole or not at all. Nothing is scored anew: run `harness report` first where scores.json
is missing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import reporting
from harness.disk import disk_errors, write_text
from harness.joined import joined
from harness.progress import say
from harness.run_folder import RunFolder
from prompts.errors import ConfigError
from reports.items import Column, Kind, columns, item, meta_columns

CSV, PARQUET, SUMMARY, CHARTS = "items.csv", "items.parquet", "summary.md", "charts"
BATCH_ROWS = 2000
# What a spreadsheet takes for a formula; a cell that begins so is data from strangers.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
OPTION = "--out"


def write(run: RunFolder, out: Path | None, console: Console) -> None:
    """Write all exports of a run.

    Args:
        run: what to export.
        out: the folder to write to, or None for `export` in the run.
        console: where to say what was written.

    Raises:
        ConfigError: the run has no scores yet, or the folder cannot be written to.
    """
    scores = run.read("scores.json")
    if scores is None:
        raise ConfigError(
            f"{run.path}: no scores.json in it; finish the run with `harness compare --resume`, "
            "or score what there is with `harness report`"
        )
    folder = out or run.path / "export"
    with disk_errors(folder, option=OPTION):
        folder.mkdir(parents=True, exist_ok=True)
    data = reporting.load(run)
    meta = meta_columns(data.test)
    names = [classifier.name for classifier in data.classifiers]
    head = columns(data.taxonomy.depth, names, meta)

    def rows() -> Iterator[dict[str, Any]]:
        return (item(example, said, data.taxonomy, meta) for example, said in joined(run, names))

    _write_csv(folder / CSV, head, rows())
    if not _write_parquet(folder / PARQUET, head, rows):
        say(console, f"{PARQUET} was left out: pip install 'llm-vs-bert[parquet]'", "yellow")
    from reports.all_charts import for_files
    from reports.drawing import file
    from reports.markdown import summary

    write_text(folder / SUMMARY, summary(data.name, scores), option=OPTION)
    charts = for_files(data, scores)
    for chart in charts:
        write_text(folder / CHARTS / f"{chart.key}.svg", file(chart), option=OPTION)
    say(console, f"Exported: {folder} ({len(charts)} charts)")


def _write_csv(path: Path, head: Sequence[Column], rows: Iterator[dict[str, Any]]) -> None:
    # The mark at the start tells Excel that this is UTF-8; without it Chinese comes out garbled there.
    with _whole(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([_harmless(column.name) for column in head])
        for row in rows:
            writer.writerow([_cell(row.get(column.name)) for column in head])


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _harmless(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _write_parquet(path: Path, head: Sequence[Column], rows: Any) -> bool:
    """Write the table as Parquet; return False where its library is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return False
    types: dict[Kind, Any] = {
        "text": pyarrow.string(),
        "flag": pyarrow.bool_(),
        "whole": pyarrow.int64(),
        "number": pyarrow.float64(),
    }
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in head])
    found = rows()
    with _whole(path) as part, pyarrow.parquet.ParquetWriter(part, schema) as writer:
        while batch := list(islice(found, BATCH_ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
    return True


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a file to write to that takes its name only when it is whole."""
    part = path.with_name(path.name + ".part")
    with disk_errors(path.parent, option=OPTION):
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
