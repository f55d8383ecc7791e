"""Station 2: the data of an experiment, read, checked and split.

In: the `[data]` settings. Out: a `Dataset`. Train and dev are held in memory; test is streamed each time
it is asked for, so that a million rows cost a few megabytes.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from classifiers.contract import Example
from harness.checks import Finding
from harness.examples import StreamedSplit
from harness.experiment import DataSettings
from harness.intake import Intake, take_in
from harness.split_summary import SplitSummary, summarise
from harness.splits import count_labels, dev_shares, limited_shares, rank, share_out, take
from prompts.errors import ConfigError
from prompts.taxonomy import Path as LabelPath
from prompts.taxonomy import Taxonomy


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Checked data, ready for the classifiers.

    Attributes:
        taxonomy: the labels.
        train: what classifiers learn from; empty where none is named.
        dev: what choices such as the best epoch are made on; may be empty.
        test: what they are measured on, streamed.
        summaries: split -> its figures, as used; only splits that have rows.
        rows_before_limit: split -> how many rows there are without `--limit`.
        majority: per level the path down to the most frequent training label; None without train.
        findings: what the checks found in the files as they are, whatever a limit leaves of them.
    """

    taxonomy: Taxonomy
    train: list[Example]
    dev: list[Example]
    test: StreamedSplit
    summaries: Mapping[str, SplitSummary]
    rows_before_limit: Mapping[str, int]
    majority: tuple[LabelPath, ...] | None
    findings: tuple[Finding, ...]

    @property
    def sha256(self) -> dict[str, str]:
        """Split -> hash over its ids, texts and gold paths, in order."""
        return {split: summary.sha256 for split, summary in self.summaries.items()}

    @property
    def leakage(self) -> bool:
        """Whether a classifier sees test texts before the test; a compare stops unless that is allowed."""
        return any(finding.kind in ("leakage", "dev_is_test") for finding in self.findings)

    def describe(self) -> dict[str, Any]:
        """Return what data.json holds and `harness data` prints.

        By split: `counts`, `sha256`, `sources`, `characters` (mean, p95, max) and, where `--limit` left
        something out, `limit` ([kept, all]). By level: `levels` (number of labels, and by split display name
        -> examples). `majority`, `leakage` and `findings` as here.
        """
        summaries = self.summaries.items()
        limited = {
            split: [summary.rows, self.rows_before_limit[split]]
            for split, summary in summaries
            if summary.rows < self.rows_before_limit[split]
        }
        return {
            "counts": {split: summary.rows for split, summary in summaries},
            "limit": limited or None,
            "sha256": self.sha256,
            "sources": {split: summary.source for split, summary in summaries},
            "characters": {
                split: {
                    "mean": round(summary.characters_mean, 1),
                    "p95": round(summary.characters_p95, 1),
                    "max": summary.characters_max,
                }
                for split, summary in summaries
            },
            "levels": [
                {
                    "labels": len(self.taxonomy.nodes[level]),
                    "examples": {split: self._names(level, summary.leaves) for split, summary in summaries},
                }
                for level in range(self.taxonomy.depth)
            ],
            "majority": None if self.majority is None else [list(path) for path in self.majority],
            "leakage": self.leakage,
            "findings": [asdict(finding) | {"places": list(finding.places)} for finding in self.findings],
        }

    def _names(self, level: int, leaves: Counter[LabelPath]) -> dict[str, int]:
        counts = _counts(self.taxonomy, level, leaves)
        return {self.taxonomy.display_names[node]: count for node, count in counts.items()}


def load(
    settings: DataSettings, *, folder: Path, seed: int, limit: int | None = None, needs_train: bool = True
) -> Dataset:
    """Read, check and split the data of an experiment.

    Args:
        settings: the `[data]` table.
        folder: what its paths are relative to.
        seed: of the dev share and the limit.
        limit: how many test examples to keep, stratified by leaf label, with the same share of train and
            dev; None for all.
        needs_train: whether a classifier learns from train. If not, train may be left out, and test texts
            that stand in train are only a note.

    Raises:
        ConfigError: the settings contradict each other.
        DatasetError: a file is missing or damaged, or rows are bad; all are counted, up to 20 named.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"the limit is {limit}: at least 1 test example is needed")
    if settings.train is None and needs_train:
        raise ConfigError("data.train is not set, but a classifier learns from it: name the training file")
    if settings.train is None and isinstance(settings.dev, float):
        raise ConfigError(
            f"data.dev = {settings.dev} is a share of data.train, which is not set: name a file"
        )
    intake = take_in(settings, folder=folder, needs_train=needs_train)
    leaves = {leaf: index for index, leaf in enumerate(intake.taxonomy.leaves)}
    train, dev = ([row.example for row in intake.held.get(split, ())] for split in ("train", "dev"))
    if isinstance(settings.dev, float):
        train, dev = _split_off_dev(train, leaves, share=settings.dev, seed=seed)
    test = StreamedSplit(intake.test, rows=len(intake.scans["test"].lines))
    whole = {"train": len(train), "dev": len(dev), "test": len(test)}
    if limit is not None and limit < len(test):
        share = limit / len(test)
        train = _limited(train, leaves, share=share, seed=seed, at_least_one=True)
        dev = _limited(dev, leaves, share=share, seed=seed, at_least_one=False)
        test = _limited_test(intake, test, limit=limit, seed=seed)
    return Dataset(
        taxonomy=intake.taxonomy,
        train=train,
        dev=dev,
        test=test,
        summaries=_summaries(intake, train, dev, test),
        rows_before_limit=whole,
        majority=_majority(intake.taxonomy, train),
        findings=intake.findings,
    )


def _split_off_dev(
    train: list[Example], leaves: Mapping[LabelPath, int], *, share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    labels = [leaves[example.gold] for example in train]
    ranks = [rank(seed, example.id) for example in train]
    chosen = take(labels, ranks, dev_shares(count_labels(labels), share))
    in_dev = set(chosen)
    return [example for row, example in enumerate(train) if row not in in_dev], [train[row] for row in chosen]


def _limited(
    examples: list[Example], leaves: Mapping[LabelPath, int], *, share: float, seed: int, at_least_one: bool
) -> list[Example]:
    labels = [leaves[example.gold] for example in examples]
    ranks = [rank(seed, example.id) for example in examples]
    shares = limited_shares(count_labels(labels), share, at_least_one=at_least_one)
    return [examples[row] for row in take(labels, ranks, shares)]


def _limited_test(intake: Intake, test: StreamedSplit, *, limit: int, seed: int) -> StreamedSplit:
    labels = intake.scans["test"].leaves
    ranks = array("d", (rank(seed, example.id) for example in test))
    kept = array("Q", take(labels, ranks, share_out(count_labels(labels), limit)))
    return StreamedSplit(intake.test, rows=len(test), kept=kept)


def _summaries(
    intake: Intake, train: Sequence[Example], dev: Sequence[Example], test: StreamedSplit
) -> dict[str, SplitSummary]:
    sources = {split: scan.table.name for split, scan in intake.scans.items()}
    summaries = {}
    if "train" in sources:
        summaries["train"] = summarise(train, source=sources["train"])
    if dev:
        summaries["dev"] = summarise(dev, source=sources.get("dev") or f"a share of {sources['train']}")
    return summaries | {"test": summarise(test, source=sources["test"])}


def _majority(taxonomy: Taxonomy, train: Sequence[Example]) -> tuple[LabelPath, ...] | None:
    if not train:
        return None
    leaves = Counter(example.gold for example in train)
    return tuple(
        max(_counts(taxonomy, level, leaves).items(), key=lambda item: item[1])[0]
        for level in range(taxonomy.depth)
    )


def _counts(taxonomy: Taxonomy, level: int, leaves: Counter[LabelPath]) -> dict[LabelPath, int]:
    """Return path -> examples at one level, from 0, in the order of the tree."""
    counts = dict.fromkeys(taxonomy.nodes[level], 0)
    for leaf, count in leaves.items():
        counts[leaf[: level + 1]] += count
    return counts
