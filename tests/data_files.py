"""Small data files for the tests of station 2, and the way to the shared data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.dataset import Dataset, load
from harness.experiment import DataSettings
from harness.readers import open_table
from harness.rows import BadRow, Row, Table


def put(folder: Path, name: str, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("".join(line + "\n" for line in lines).encode(encoding))
    return path


def put_trial(folder: Path, name: str, *pairs: tuple[str, object]) -> Path:
    return put(folder, name, *(f"{text}##$$&&{label}" for text, label in pairs))


def put_labels(folder: Path, *names: str) -> Path:
    return put(folder, "class.txt", *names)


def loaded(folder: Path, *, seed: int = 1, limit: int | None = None, **settings: object) -> Dataset:
    settings = {"train": "train.txt", "test": "test.txt", "labels": "class.txt"} | settings
    given = {key: value for key, value in settings.items() if value is not None}
    return load(
        DataSettings.model_validate(given),
        folder=folder,
        seed=seed,
        limit=limit,
        needs_train="train" in given,
    )


def table_of(path: Path, *, encoding: str = "utf-8") -> Table:
    return open_table(path.name, key="test", folder=path.parent, encoding=encoding)


def rows_of(path: Path, *, encoding: str = "utf-8") -> list[tuple[int, dict[str, object]]]:
    rows = list(table_of(path, encoding=encoding).read())
    assert not [row for row in rows if isinstance(row, BadRow)], rows
    return [(row.line, dict(row.cells)) for row in rows if isinstance(row, Row)]


def bad_rows_of(path: Path, *, encoding: str = "utf-8") -> list[tuple[int, str, str]]:
    rows = table_of(path, encoding=encoding).read()
    return [(row.line, row.kind, row.why) for row in rows if isinstance(row, BadRow)]


def shared_data(name: str) -> Path:
    repository = Path(__file__).parents[1]
    folder = Path(os.environ.get("HARNESS_SHARED", repository.parent / "shared")) / "data" / name
    if not folder.is_dir():
        pytest.skip(
            f"the shared data {name!r} is not beside this checkout (HARNESS_SHARED names another place)"
        )
    return folder
