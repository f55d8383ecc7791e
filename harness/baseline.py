"""The baseline file: the answers of a run, small enough to be committed.

One line a label, a classifier and an app, always in the same order, so that a diff names what changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError

from harness.disk import write_text
from harness.record import Answered, Record, of_run
from harness.run_folder import open_run
from prompts.characters import in_json
from prompts.errors import ConfigError
from reports.arrays import NO_LABEL, Integers
from reports.verdict import MOST_REQUESTS_FAILED

SCHEMA = 1


def read(path: Path) -> Record:
    """Read a run folder or a baseline file.

    Raises:
        ConfigError: it is neither, it is damaged, or of another version.
        DatasetError: the run's test set does not fit its labels.
    """
    try:
        is_run, is_there = path.is_dir(), path.exists()
    except OSError as exc:  # a name that is too long, a folder that is closed to this user
        raise ConfigError(f"{path}: cannot be read ({exc.strerror})") from exc
    if is_run:
        return of_run(open_run(path))
    if not is_there:
        raise ConfigError(
            f"{path}: no such run or baseline file; `harness baseline RUN {path}` writes one from a run"
        )
    return _from_file(path)


def write(record: Record, path: Path) -> None:
    """Write a baseline file in one step.

    Raises:
        ConfigError: a classifier has not answered everything, too many of its requests failed, or the place
            cannot be written to.
    """
    rows = len(record.ids)
    for name, one in record.classifiers.items():
        if one.missing:
            raise ConfigError(
                f"run {record.run}: {name} has answered {rows - one.missing} of {rows} texts; finish the run "
                "with `harness compare --resume`, or name the others with --classifier"
            )
        if one.crippled:
            raise ConfigError(
                f"run {record.run}: the requests of {name} failed for {one.request_failed} of {rows} texts, "
                f"more than {MOST_REQUESTS_FAILED:.0%}; ask again with `harness compare --resume`, or name "
                "the others with --classifier"
            )
    write_text(path, as_text(record), option=None)


def as_text(record: Record) -> str:
    """Return the content of the baseline file: one label, one classifier, one app a line."""
    classifiers = [
        {
            "name": name,
            "further_seed": one.further_seed,
            "request_failed": one.request_failed,
            "items_per_s": one.items_per_s,
            "device": one.device,
            "concurrency": one.concurrency,
            "per_1000_usd": one.per_1000_usd,
        }
        for name, one in record.classifiers.items()
    ]
    columns = [record.gold, *(one.answers for one in record.classifiers.values())]
    numbers = [[None if n == NO_LABEL else n for n in column.tolist()] for column in columns]
    apps = zip(record.ids, record.texts, *numbers, strict=True)
    head = {"schema": SCHEMA, "run": record.run, "leakage": record.leakage}
    lines = [f" {_json(key)}: {_json(value)}" for key, value in head.items()]
    for key, items in (("labels", record.nodes), ("classifiers", classifiers), ("apps", apps)):
        lines.append(f" {_json(key)}: [\n" + ",\n".join(f"  {_json(item)}" for item in items) + "\n ]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _json(value: object) -> str:
    return in_json(json.dumps(value, ensure_ascii=False, allow_nan=False))


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)  # keys of later versions are passed over


Text = InstanceOf[str]  # pydantic's own str refuses half a surrogate pair, which a label or an id may hold
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Classifier(_Model):
    name: Text
    further_seed: bool
    request_failed: Annotated[int, Field(ge=0)]
    items_per_s: Positive | None
    device: str | None
    concurrency: int | None
    per_1000_usd: Positive | None


class _File(_Model):
    version: Literal[1] = Field(alias="schema")
    run: Text
    leakage: bool
    labels: Annotated[list[Annotated[list[Text], Field(min_length=1)]], Field(min_length=1)]
    classifiers: Annotated[list[_Classifier], Field(min_length=1)]
    apps: Annotated[list[list[Any]], Field(min_length=1)]


def _from_file(path: Path) -> Record:
    again = "write it again with `harness baseline RUN FILE`"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{path}: not a baseline file ({exc}); {again}") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror})") from exc
    version = content.get("schema") if isinstance(content, dict) else None
    if version != SCHEMA or isinstance(version, bool):
        raise ConfigError(f"{path}: schema {version!r}, this version reads schema {SCHEMA}; {again}")
    try:
        file = _File.model_validate(content)
        return _record(file)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigError(f"{path}: damaged at {where}: {first['msg'].lower()}; {again}") from exc
    except _DamagedError as exc:
        raise ConfigError(f"{path}: damaged: {exc}; {again}") from exc


class _DamagedError(Exception):
    """A baseline file has the right form, but what it says cannot be."""


def _record(file: _File) -> Record:
    nodes = tuple(tuple(path) for path in file.labels)
    depth = max(map(len, nodes))
    leaves = {place for place, node in enumerate(nodes) if len(node) == depth}
    names = [one.name for one in file.classifiers]
    known = set(nodes)
    if len(known) < len(nodes) or any(node[:-1] and node[:-1] not in known for node in nodes):
        raise _DamagedError("labels: a path stands twice, or without the one above it")
    if len(set(names)) < len(names):
        raise _DamagedError("classifiers: a name stands twice")
    for number, app in enumerate(file.apps, start=1):
        _check_app(app, number, len(names), nodes=len(nodes), leaves=leaves)
    ids, texts, gold, *answers = zip(*file.apps, strict=True)
    if len(set(ids)) < len(ids):
        raise _DamagedError("apps: an id stands twice")
    return Record(
        run=file.run,
        nodes=nodes,
        ids=ids,
        texts=texts,
        gold=_numbers(gold),
        classifiers={
            one.name: Answered(
                answers=_numbers(column), missing=0, request_failed=one.request_failed,
                further_seed=one.further_seed, items_per_s=one.items_per_s, device=one.device,
                concurrency=one.concurrency, per_1000_usd=one.per_1000_usd,
            )
            for one, column in zip(file.classifiers, answers, strict=True)
        },
        leakage=file.leakage,
    )  # fmt: skip


def _check_app(app: list[Any], number: int, classifiers: int, *, nodes: int, leaves: set[int]) -> None:
    if len(app) != 3 + classifiers or not all(isinstance(cell, str) for cell in app[:2]):
        raise _DamagedError(f"app {number}: expected id, hash, gold and {classifiers} answer(s)")
    if type(app[2]) is not int or app[2] not in leaves:
        raise _DamagedError(f"app {number}, id {app[0]!r}: gold {app[2]!r} is not the number of a last label")
    for answer in app[3:]:
        if answer is not None and (type(answer) is not int or not 0 <= answer < nodes):
            raise _DamagedError(
                f"app {number}, id {app[0]!r}: answer {answer!r} is not the number of a label"
            )


def _numbers(column: Sequence[int | None]) -> Integers:
    return np.array([NO_LABEL if n is None else n for n in column], dtype=np.int32)
