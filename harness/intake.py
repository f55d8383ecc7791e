"""Station 2: open, read and check every split of an experiment.

In: the `[data]` settings. Out: an `Intake`, or one `DatasetError` that names the bad rows of every file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.checks import (
    BadRows,
    Finding,
    Scan,
    duplicates,
    repeated_ids,
    same_texts,
    train_in_dev,
    unseen_labels,
)
from harness.examples import Gold, Placed, Source, find_columns
from harness.experiment import DataSettings
from harness.labels import GoldReader, RawGold, labels_found, read_labels
from harness.leakage import Leakage
from harness.readers import find_file, open_table, shown
from harness.rows import BadRow, Table
from harness.sameness import words
from prompts.errors import ConfigError
from prompts.taxonomy import Taxonomy

_See = Callable[[Table, int, list[str]], None]


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Every split, read once and found sound.

    Attributes:
        taxonomy: the labels.
        held: the rows of "train" and "dev", where the settings name a file for them.
        test: the test rows, to be streamed.
        scans: split -> what the pass over it left behind.
        findings: what a reader of the report has to know.
    """

    taxonomy: Taxonomy
    held: Mapping[str, list[Placed]]
    test: Source
    scans: Mapping[str, Scan]
    findings: tuple[Finding, ...]


def take_in(settings: DataSettings, *, folder: Path, needs_train: bool) -> Intake:
    """Read and check all splits; see `harness.dataset.load` for arguments and errors."""
    tables = _open_tables(settings, folder)
    bad_rows, leakage = BadRows(), Leakage()
    gold: Gold = RawGold()
    taxonomy = None
    if settings.labels is not None:
        taxonomy, gold = _read_label_file(settings.labels, folder, settings.encoding)
    held: dict[str, list[Placed]] = {}
    scans: dict[str, Scan] = {}
    if "train" in tables:
        train = _source("train", tables, settings, gold)
        held["train"] = list(_good_rows(train, bad_rows))
        if taxonomy is None:
            bad_rows.raise_if_any()  # without these rows there are no labels to check the others by
            taxonomy = labels_found(row.example.gold for row in held["train"])
            gold = GoldReader(taxonomy, source=f"the set of labels found in {train.table.name}")
        scans["train"] = _scan(train, held["train"], taxonomy, see=leakage.learn)
    if taxonomy is None:
        raise ConfigError(
            "data.labels is not set and there is no data.train to find the labels in: set one of them"
        )
    if "dev" in tables:
        dev = _source("dev", tables, settings, gold)
        held["dev"] = list(_good_rows(dev, bad_rows))
        scans["dev"] = _scan(dev, held["dev"], taxonomy, see=leakage.learn)
    test = _source("test", tables, settings, gold)
    scans["test"] = _scan(test, _good_rows(test, bad_rows), taxonomy, see=leakage.watch)
    for scan in scans.values():
        for bad in repeated_ids(scan):
            bad_rows.add(scan.table, bad)
    bad_rows.raise_if_any()
    findings = _findings(taxonomy, scans, leakage, needs_train=needs_train)
    return Intake(taxonomy=taxonomy, held=held, test=test, scans=scans, findings=tuple(findings))


def _open_tables(settings: DataSettings, folder: Path) -> dict[str, Table]:
    named = {"train": settings.train, "dev": settings.dev, "test": settings.test}
    return {
        key: open_table(source, key=key, folder=folder, encoding=settings.encoding)
        for key, source in named.items()
        if isinstance(source, str)  # dev may be a share of train
    }


def _read_label_file(source: str, folder: Path, encoding: str) -> tuple[Taxonomy, GoldReader]:
    path = find_file(source, key="labels", folder=folder)
    name = shown(path, folder)
    taxonomy = read_labels(path, encoding=encoding, name=name)
    return taxonomy, GoldReader(taxonomy, source=name)


def _source(split: str, tables: Mapping[str, Table], settings: DataSettings, gold: Gold) -> Source:
    table = tables[split]
    return Source(split=split, table=table, columns=find_columns(table, settings), gold=gold)


def _good_rows(source: Source, bad_rows: BadRows) -> Iterator[Placed]:
    for row in source.read():
        if isinstance(row, BadRow):
            bad_rows.add(source.table, row)
        else:
            yield row


def _scan(source: Source, rows: Iterable[Placed], taxonomy: Taxonomy, *, see: _See) -> Scan:
    scan = Scan(table=source.table)
    leaves = {leaf: index for index, leaf in enumerate(taxonomy.leaves)}
    own_id = source.columns.id is not None
    for row in rows:
        text_words = words(row.example.text)
        scan.add(row.line, row.example, text_words=text_words, leaf=leaves[row.example.gold], own_id=own_id)
        see(source.table, row.line, text_words)
    return scan


def _findings(
    taxonomy: Taxonomy, scans: Mapping[str, Scan], leakage: Leakage, *, needs_train: bool
) -> Iterator[Finding]:
    train, dev, test = scans.get("train"), scans.get("dev"), scans["test"]
    dev_is_test = needs_train and dev is not None and same_texts(dev, test)
    if dev is not None and dev_is_test:
        yield Finding(
            severity="error",
            kind="dev_is_test",
            message=f"dev ({dev.table.name}) is the test set ({test.table.name}): what is chosen on dev, "
            "such as the best epoch, is chosen on the test data, so the result is too good",
            where=test.place(0),
            count=len(test.lines),
        )
    yield from leakage.findings(
        learned=needs_train, leaving_out=dev.table.name if dev and dev_is_test else None
    )
    if train is not None:
        yield from duplicates(train)
        if dev is not None:
            yield from train_in_dev(train, dev)
    if dev is not None and not dev_is_test:
        yield from duplicates(dev)
    yield from duplicates(test)
    if train is not None:
        yield from unseen_labels(taxonomy, train, kind="no_training_example")
    yield from unseen_labels(taxonomy, test, kind="no_test_example")
