"""Why a run would, or would not, take over the answers and the trained weights of each earlier run.

In: the identity of a classifier and the folder of the runs. Out: an `Explanation`; nothing is asked, trained
or written. What is taken is found by `harness.reuse`, as in a run; here the reasons are added.
"""

from __future__ import annotations

import filecmp
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from harness import reuse
from harness.answer_file import StoredExamples, StoredRows
from harness.reuse import Earlier

RUNS_SHOWN = 5

Identity = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A key of two identities that differs; both values as JSON, None where the key is not there."""

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How the answers of an earlier classifier fit the texts of this test set; all counts add up to its size.

    Attributes:
        answers: with the same id and text.
        failures: the same, but without an answer, by the kind of the failure; these are never taken over.
        unanswered: the same text is in the earlier run, which did not come to it.
        changed: the id is in the earlier run with another text.
        absent: the id is not in the earlier run.
    """

    answers: int
    failures: Mapping[str, int]
    unanswered: int
    changed: int
    absent: int


@dataclass(frozen=True, kw_only=True)
class Source:
    """The classifier of one earlier run that comes nearest.

    Attributes:
        earlier: which.
        identity: what differs in what can change an answer; None where it is not known on either side.
        training: what differs in what shapes the weights; None where it is not known on either side.
        fit: its answers beside this test set, whether they are taken or not.
    """

    earlier: Earlier
    identity: tuple[Change, ...] | None
    training: tuple[Change, ...] | None
    fit: Fit


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a run would take over for one classifier, and why.

    Attributes:
        name: of the classifier.
        kind: of the classifier.
        texts: in this test set.
        trained: whether it has weights of its own.
        weights: whose weights would be taken, or None where none fit or it has none.
        taken: run -> how many of its answers would be taken, in the order in which this is tried.
        sources: the newest runs that hold a classifier of this kind or name, the newest first.
        more: how many such runs there are beside those.
    """

    name: str
    kind: str
    texts: int
    trained: bool
    weights: Earlier | None
    taken: Mapping[str, int]
    sources: tuple[Source, ...]
    more: int


def explain(
    root: Path,
    *,
    name: str,
    kind: str,
    identity: Identity | None,
    training: Identity | None,
    wanted: Mapping[str, bytes],
) -> Explanation:
    """Explain for one classifier what a run would take over from the runs below `root`.

    Args:
        root: the folder of the runs.
        name: of the classifier.
        kind: of the classifier.
        identity: everything that can change an answer, or None where only the trained weights tell.
        training: everything that shapes the weights, or None where it has none of its own.
        wanted: example id -> `reuse.digest` of its text, for the whole test set.
    """
    weights = None
    if training is not None:
        alike = list(reuse.same_training(root, None, training))
        weights = alike[0] if alike else None
        identity = _identity_of_weights(alike)
    found = list(_comparable(root, name, kind, identity, training))
    return Explanation(
        name=name,
        kind=kind,
        texts=len(wanted),
        trained=training is not None,
        weights=weights,
        taken=_taken(root, identity, wanted) if identity is not None else {},
        sources=tuple(
            Source(
                earlier=one.earlier,
                identity=one.identity,
                training=one.training,
                fit=fit(one.earlier, wanted),
            )
            for one in islice(found, RUNS_SHOWN)
        ),
        more=max(0, len(found) - RUNS_SHOWN),
    )


def differences(old: Identity, new: Identity) -> tuple[Change, ...]:
    """Return the keys that differ; where the kinds do, only that."""
    new = json.loads(json.dumps(new))
    keys = ["kind"] if old.get("kind") != new.get("kind") else sorted({*old, *new})
    return tuple(
        Change(key=key, old=_as_json(old, key), new=_as_json(new, key))
        for key in keys
        if key not in old or key not in new or old[key] != new[key]
    )


def fit(earlier: Earlier, wanted: Mapping[str, bytes]) -> Fit:
    """Count how the answers of an earlier classifier fit the wanted examples."""
    same, changed = set(), 0
    for example in StoredExamples(earlier.run.test):
        if example.id in wanted:
            if wanted[example.id] == reuse.digest(example.text):
                same.add(example.id)
            else:
                changed += 1
    rows = StoredRows(earlier.run.predictions(earlier.classifier))
    last = {row["id"]: row["failure"] for row in rows if row["id"] in same}
    failures = Counter(failure for failure in last.values() if failure is not None)
    return Fit(
        answers=len(last) - failures.total(),
        failures=dict(sorted(failures.items())),
        unanswered=len(same) - len(last),
        changed=changed,
        absent=len(wanted) - len(same) - changed,
    )


@dataclass(frozen=True, kw_only=True)
class _Compared:
    earlier: Earlier
    identity: tuple[Change, ...] | None
    training: tuple[Change, ...] | None
    same_name: bool
    same_kind: bool

    @property
    def distance(self) -> tuple[bool, bool, bool, int]:
        first = self.training if self.training is not None else self.identity
        return bool(first) or first is None, not self.same_kind, not self.same_name, len(first or ())


def _comparable(
    root: Path, name: str, kind: str, identity: Identity | None, training: Identity | None
) -> Iterator[_Compared]:
    """Yield the classifier of every run that comes nearest, the newest run first."""
    for run in reuse.runs(root):
        compared = []
        for folder in sorted(run.path.glob("classifiers/*/")):
            old = _read(folder / "identity.json")
            old_training = _read(folder / "model" / reuse.TRAINING_IDENTITY)
            same_kind = (old or old_training or {}).get("kind") == kind
            if same_kind or folder.name == name:
                compared.append(
                    _Compared(
                        earlier=Earlier(run, folder.name),
                        identity=_compare(old, identity),
                        training=_compare(old_training, training),
                        same_name=folder.name == name,
                        same_kind=same_kind,
                    )
                )
        if compared:
            yield min(compared, key=lambda one: one.distance)


def _compare(old: Identity | None, new: Identity | None) -> tuple[Change, ...] | None:
    return None if old is None or new is None else differences(old, new)


def _identity_of_weights(alike: list[Earlier]) -> Identity | None:
    """Return the identity that goes with the weights of the first, None where none answered with them."""
    with_it = ((_read(one.run.classifier(one.classifier) / "identity.json"), one) for one in alike)
    return next((found for found, one in with_it if found and _same_weights(alike[0], one)), None)


def _same_weights(one: Earlier, other: Earlier) -> bool:
    weights = "model.safetensors"
    try:
        return filecmp.cmp(
            one.run.model(one.classifier) / weights, other.run.model(other.classifier) / weights
        )
    except OSError:
        return False


def _taken(root: Path, identity: Identity, wanted: Mapping[str, bytes]) -> dict[str, int]:
    left = dict(wanted)
    taken: Counter[str] = Counter()
    for earlier in reuse.same_identity(root, None, identity):
        for row in reuse.answers(earlier, left):
            del left[row["id"]]
            taken[earlier.run.name] += 1
        if not left:
            break
    return dict(taken)


def _as_json(identity: Identity, key: str) -> str | None:
    return json.dumps(identity[key], ensure_ascii=False) if key in identity else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there yet, or cut off by a kill
        return None
    return found if isinstance(found, dict) else None
