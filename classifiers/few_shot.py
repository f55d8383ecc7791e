"""Few-shot examples: which training examples a prompt shows.

In: the training examples and the taxonomy. Out: for every question that can be asked, its examples. Equal
training sets, in any order, and an equal seed give equal examples.
"""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice, zip_longest

from classifiers.contract import Example
from prompts.render import PathMode
from prompts.taxonomy import Path, Taxonomy


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
