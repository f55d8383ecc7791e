"""The labels: a tree that prompts offer, replies are read against and every station above shares.

In: label names, or nested labels with descriptions and aliases. Out: a `Taxonomy`, which knows every path.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from prompts.errors import DatasetError

Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Label:
    """One label: what a prompt shows and what the reply reader accepts.

    Attributes:
        name: unique among its siblings.
        description: one line for the prompt, or "" for none.
        aliases: other spellings that a reply may use.
        children: the labels one level below; empty for a leaf.
    """

    name: str
    description: str = ""
    aliases: tuple[str, ...] = ()
    children: tuple[Label, ...] = ()


@dataclass(frozen=True)
class Taxonomy:
    """A tree of labels whose leaves all lie at the same depth; a flat label set has depth 1.

    Raises:
        DatasetError: no label, an empty or repeated name, or leaves at different depths.
    """

    roots: tuple[Label, ...]

    def __post_init__(self) -> None:
        if not self.roots:
            raise DatasetError("the label set is empty: at least one label is needed")
        _check_siblings(self.roots, ())
        depths = {len(path): path for path in _leaf_paths(self.roots)}
        if len(depths) > 1:
            shallow, deep = depths[min(depths)], depths[max(depths)]
            raise DatasetError(
                f"labels end at different depths: {' > '.join(shallow)!r} has {len(shallow)} level(s), "
                f"{' > '.join(deep)!r} has {len(deep)}; give every path the same number of levels "
                "(repeat the last label, or add an 'Other' below it)"
            )

    @classmethod
    def flat(cls, names: Iterable[str]) -> Taxonomy:
        """Build a taxonomy of depth 1 from label names, in their order."""
        return cls(tuple(Label(name=name) for name in names))

    @classmethod
    def from_paths(cls, paths: Iterable[Path]) -> Taxonomy:
        """Build the tree that holds every path, siblings in the order of first appearance."""
        tree: dict[str, dict] = {}  # type: ignore[type-arg]  # a nested dict of itself has no finite type
        for path in paths:
            node = tree
            for name in path:
                node = node.setdefault(name, {})

        def labels(node: Mapping[str, Mapping]) -> tuple[Label, ...]:  # type: ignore[type-arg]  # as above
            return tuple(Label(name=name, children=labels(below)) for name, below in node.items())

        return cls(labels(tree))

    @cached_property
    def depth(self) -> int:
        """The number of levels."""
        return len(self.leaves[0])

    @cached_property
    def leaves(self) -> tuple[Path, ...]:
        """Every full path, root first, in the order of the tree."""
        return tuple(_leaf_paths(self.roots))

    @cached_property
    def nodes(self) -> tuple[tuple[Path, ...], ...]:
        """The paths at each level: `nodes[0]` the roots, `nodes[-1]` the leaves."""
        return tuple(
            tuple(dict.fromkeys(leaf[: level + 1] for leaf in self.leaves)) for level in range(self.depth)
        )

    @cached_property
    def display_names(self) -> Mapping[Path, str]:
        """What to call each node: its name, or the whole path where the name repeats within its level."""
        names: dict[Path, str] = {}
        for paths in self.nodes:
            times = Counter(path[-1] for path in paths)
            names |= {path: path[-1] if times[path[-1]] == 1 else " > ".join(path) for path in paths}
        return names

    def children(self, path: Path) -> tuple[Label, ...]:
        """Return the labels directly below `path`; () gives the roots.

        Raises:
            KeyError: the path is not in the tree.
        """
        labels = self.roots
        for name in path:
            labels = {label.name: label for label in labels}[name].children
        return labels

    def __contains__(self, path: object) -> bool:
        return path in self._leaf_set

    @cached_property
    def _leaf_set(self) -> frozenset[Path]:
        return frozenset(self.leaves)

    @cached_property
    def sha256(self) -> str:
        """A hash over everything a prompt may show: names, descriptions, aliases and their order."""
        return hashlib.sha256(
            json.dumps(self.to_json(), ensure_ascii=False, sort_keys=True).encode()
        ).hexdigest()

    def to_json(self) -> list[dict[str, object]]:
        """Return the tree as taxonomy.json holds it."""
        return [_to_json(label) for label in self.roots]


def _to_json(label: Label) -> dict[str, object]:
    out: dict[str, object] = {"name": label.name}
    if label.description:
        out["description"] = label.description
    if label.aliases:
        out["aliases"] = list(label.aliases)
    if label.children:
        out["children"] = [_to_json(child) for child in label.children]
    return out


def _leaf_paths(labels: Iterable[Label], above: Path = ()) -> Iterator[Path]:
    for label in labels:
        path = (*above, label.name)
        if label.children:
            yield from _leaf_paths(label.children, path)
        else:
            yield path


def _check_siblings(labels: tuple[Label, ...], above: Path) -> None:
    where = f"below {' > '.join(above)!r}" if above else "at the first level"
    seen: set[str] = set()
    for label in labels:
        if not label.name.strip():
            raise DatasetError(f"a label {where} has an empty name: give it one or take it out")
        if label.name in seen:
            raise DatasetError(f"label {label.name!r} stands twice {where}: keep one of them")
        seen.add(label.name)
        _check_siblings(label.children, (*above, label.name))
