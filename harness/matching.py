"""Two runs side by side: whether they answered the same apps, and what each classifier won and lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.record import Record
from prompts.errors import ConfigError, DatasetError
from reports.arrays import NO_LABEL
from reports.gate import Counted, right_depth

NAMED = 3  # ids in a message
Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two classifiers to hold against each other."""

    now: str
    before: str

    @property
    def title(self) -> str:
        """What to call the two."""
        return self.now if self.now == self.before else f"{self.now} / {self.before}"


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What there is to test about a pair.

    Attributes:
        flipped: the rows that are right at a level on one side only.
        depth_before, depth_now: of these rows, how many levels are right from the root.
    """

    levels: list[Counted]
    labels: list[Counted]
    flipped: Rows
    depth_before: Rows
    depth_now: Rows


def align(now: Record, before: Record, *, places: tuple[str, str]) -> Record:
    """Return `before` with its rows and its label numbers in the order of `now`.

    Args:
        now, before: what was answered.
        places: what to call the two in a message.

    Raises:
        DatasetError: they have not answered the same texts, or not with the same labels.
    """
    of, cure = f"{places[0]} and {places[1]}", "hold it against a baseline that answered the same test set"
    only_now, only_before = set(now.nodes) - set(before.nodes), set(before.nodes) - set(now.nodes)
    if only_now or only_before:
        few = _few([" > ".join(path) for path in sorted(only_now | only_before)])
        raise DatasetError(
            f"{of}: {len(only_now | only_before)} label(s) stand in one of the two only ({few}); {cure}"
        )
    number = {path: place for place, path in enumerate(now.nodes)}
    renumbered = np.array([*(number[path] for path in before.nodes), NO_LABEL], dtype=np.int32)
    place = {id: row for row, id in enumerate(before.ids)}
    unlike = {
        "stand in one of the two only": [id for id in now.ids if id not in place]
        + sorted(set(before.ids) - set(now.ids)),
        "have another text": [],
        "have another gold label": [],
    }
    gold = renumbered[before.gold]
    for row, id in enumerate(now.ids):
        if (other := place.get(id)) is None:
            continue
        if now.texts[row] != before.texts[other]:
            unlike["have another text"].append(id)
        elif now.gold[row] != gold[other]:
            unlike["have another gold label"].append(id)
    if any(unlike.values()):
        told = "; ".join(f"{len(ids)} text(s) {what} ({_few(ids)})" for what, ids in unlike.items() if ids)
        raise DatasetError(f"{of}, {len(now.ids)} and {len(before.ids)} texts: {told}; {cure}")
    return before.reordered([place[id] for id in now.ids], now.nodes, renumbered)


def pair_up(
    now: Record,
    before: Record,
    classifier: str | None,
    baseline_classifier: str | None,
    *,
    places: tuple[str, str],
) -> list[Pair]:
    """Return the classifiers to check: the named ones, otherwise all that have a namesake.

    Raises:
        ConfigError: there is no such classifier, or none in common.
    """
    if classifier is not None or baseline_classifier is not None:
        pair = Pair(
            now=classifier or baseline_classifier or "", before=baseline_classifier or classifier or ""
        )
        for name, record, place in ((pair.now, now, places[0]), (pair.before, before, places[1])):
            find(record, name, place)
        return [pair]
    pairs = [Pair(now=name, before=name) for name in now.judged if name in before.classifiers]
    if not pairs:
        raise ConfigError(
            f"{places[0]} has {', '.join(now.classifiers)}, {places[1]} has {', '.join(before.classifiers)}: "
            "no name in common; name the two with --classifier and --baseline-classifier"
        )
    return pairs


def find(record: Record, name: str, place: str) -> None:
    """Make sure that a record holds a classifier.

    Raises:
        ConfigError: it does not.
    """
    if name not in record.classifiers:
        raise ConfigError(f"{place}: no classifier {name!r}; there are {', '.join(record.classifiers)}")


def changes_of(now: Record, before: Record, pair: Pair) -> Changes:
    """Count what was won and lost between two aligned records, by level and by gold label."""
    gold = now.by_level(now.gold)
    depth_now, depth_before = (
        right_depth(gold, now.by_level(record.classifiers[name].answers))
        for record, name in ((now, pair.now), (before, pair.before))
    )
    levels, labels = [], []
    for level in range(gold.shape[1]):
        is_now, was = depth_now > level, depth_before > level
        events = (np.ones_like(is_now), was, was & ~is_now, is_now & ~was)
        counts = [int(event.sum()) for event in events]
        levels.append(_counted(pair, level, None, counts))
        by_label = [np.bincount(gold[event, level], minlength=len(now.nodes)) for event in events]
        labels += [
            _counted(pair, level, now.nodes[code], [int(column[code]) for column in by_label])
            for code in np.flatnonzero(by_label[0]).tolist()
        ]
    flipped = np.flatnonzero(depth_now != depth_before)
    return Changes(
        levels=levels,
        labels=labels,
        flipped=flipped,
        depth_before=depth_before[flipped],
        depth_now=depth_now[flipped],
    )


def _counted(pair: Pair, level: int, label: tuple[str, ...] | None, counts: Sequence[int]) -> Counted:
    n, right_before, lost, won = counts
    return Counted(
        classifier=pair.title,
        level=level + 1,
        label=label,
        n=n,
        right_before=right_before,
        lost=lost,
        won=won,
    )


def _few(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:NAMED]) + (", ..." if len(names) > NAMED else "")
