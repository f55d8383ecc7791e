"""Few-shot examples: which training examples a prompt shows, by a fixed choice spread over the labels.

In: the training examples and the taxonomy. Out: for every question that can be asked, its examples. Equal
training sets, in any order, and an equal seed give equal examples.
"""

from __future__ import annotations

import hashlib
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Protocol

from classifiers.contract import Example, Scalar
from prompts.render import PathMode
from prompts.taxonomy import Path, Taxonomy


class Examples(Protocol):
    """Which training examples a question shows: some for every text, then some for the text it is about.

    Attributes:
        identity: everything about them that can change an answer.
    """

    @property
    def identity(self) -> Mapping[str, Scalar]: ...

    def fixed(self, path: Path) -> Sequence[Example]:
        """Return what the question below `path` shows for every text."""
        ...

    def look_up(self, texts: Iterable[str]) -> None:
        """Compute together what these texts need, in place of earlier ones."""
        ...

    def near(self, path: Path, text: str) -> Sequence[Example]:
        """Return what the question below `path` shows for a text, best one of those of `look_up`."""
        ...


@dataclass(frozen=True)
class FixedExamples:
    """The same examples for every text: the `chosen` ones of each question."""

    chosen: Mapping[Path, Sequence[Example]] = field(default_factory=dict)

    @property
    def identity(self) -> Mapping[str, Scalar]:
        shown = [example for path in sorted(self.chosen) for example in self.chosen[path]]
        known = "".join(f"{e.id}\0{e.text}\0{e.gold}\0" for e in shown)
        return {
            "example_ids": " ".join(dict.fromkeys(e.id for e in shown)),
            "examples_sha256": hashlib.sha256(known.encode()).hexdigest() if shown else None,
        }

    def fixed(self, path: Path) -> Sequence[Example]:
        return self.chosen.get(path, ())

    def look_up(self, texts: Iterable[str]) -> None:
        """Do nothing: no text has examples of its own."""

    def near(self, path: Path, text: str) -> Sequence[Example]:
        del path, text
        return ()


def choose_examples(
    train: Iterable[Example], taxonomy: Taxonomy, *, count: int, mode: PathMode, seed: int
) -> dict[Path, tuple[Example, ...]]:
    """Choose `count` examples for each question, spread over its labels, the longer half of texts left out.

    Returns:
        The examples by the path that was chosen above: () for the first level and for "joint".
    """
    if count == 0:
        return {}
    by_leaf: dict[Path, list[tuple[float, str, Example]]] = defaultdict(list)
    for example in train:
        priority = random.Random(f"{seed}:{example.id}").random()
        by_leaf[example.gold].append((priority, example.id, example))
    short = {leaf: _shorter_half(sorted(ranked)) for leaf, ranked in by_leaf.items()}
    asked: list[Path] = [()]
    if mode == "stepwise":
        asked += [path for level in taxonomy.nodes[:-1] for path in level]
    chosen = {}
    for path in asked:
        shown = list(islice(_spread(path, taxonomy, short, seed), count))
        random.Random(f"{seed}:order:{path}").shuffle(shown)
        chosen[path] = tuple(shown)
    return chosen


def _shorter_half(ranked: list[tuple[float, str, Example]]) -> list[Example]:
    # The examples are paid for with every call, so whole short texts rather than long or cut ones.
    middle = statistics.median(len(example.text) for _, _, example in ranked)
    return [example for _, _, example in ranked if len(example.text) <= middle]


def _spread(
    path: Path, taxonomy: Taxonomy, by_leaf: Mapping[Path, Sequence[Example]], seed: int
) -> Iterable[Example]:
    """Take turns between the labels below `path`, and inside each between those below it."""
    if len(path) == taxonomy.depth:
        return by_leaf.get(path, ())
    below = [(*path, label.name) for label in taxonomy.children(path)]
    random.Random(f"{seed}:{path}").shuffle(below)
    turns = zip_longest(*(_spread(child, taxonomy, by_leaf, seed) for child in below))
    return [example for example in chain.from_iterable(turns) if example is not None]
