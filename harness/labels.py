"""Station 2: the label set and the reading of gold labels against it.

In: class.txt, taxonomy.json, or the label paths of the training set. Out: a `Taxonomy`, and for
every row a path in it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from harness.rows import RowError
from harness.text_files import read_lines
from prompts.errors import DatasetError
from prompts.taxonomy import Label, Taxonomy
from prompts.taxonomy import Path as LabelPath


class _LabelEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    aliases: list[str] = []
    children: list[_LabelEntry] = []

    def label(self) -> Label:
        return Label(
            name=self.name.strip(),
            description=self.description.strip(),
            aliases=tuple(self.aliases),
            children=tuple(child.label() for child in self.children),
        )


_TAXONOMY_FILE = TypeAdapter(list[_LabelEntry])


def read_labels(path: Path, *, encoding: str, name: str) -> Taxonomy:
    """Read a label file: nested labels from .json, otherwise one name a line.

    Raises:
        DatasetError: the file is empty, names a label twice or does not have the expected form.
    """
    if path.suffix.lower() == ".json":
        return _read_taxonomy(path, encoding, name)
    return _read_names(path, encoding, name)


def _read_names(path: Path, encoding: str, name: str) -> Taxonomy:
    seen: dict[str, int] = {}
    blank = 0
    for line in read_lines(path, encoding, name=name):
        label = line.text.strip()
        if line.problem:
            raise DatasetError(f"{name}:{line.number}: {line.problem}")
        if not label:
            blank = blank or line.number
        elif blank:  # a label's index is its line, so a gap would shift all that follow
            raise DatasetError(f"{name}:{blank}: an empty line between labels: take it out")
        elif label in seen:
            raise DatasetError(
                f"{name}:{line.number}: label {label!r} already stands on line {seen[label]}: keep one"
            )
        else:
            seen[label] = line.number
    if not seen:
        raise DatasetError(f"{name} is empty: at least one label is needed, one a line")
    return Taxonomy.flat(seen)


def _read_taxonomy(path: Path, encoding: str, name: str) -> Taxonomy:
    lines = list(read_lines(path, encoding, name=name))
    if bad := next((line for line in lines if line.problem), None):
        raise DatasetError(f"{name}:{bad.number}: {bad.problem}")
    text = "".join(line.text for line in lines)
    if not text.strip():
        raise DatasetError(f'{name} is empty: expected a list of {{"name": ..., "children": [...]}}')
    try:
        return taxonomy_from_json(json.loads(text))
    except json.JSONDecodeError as error:
        raise DatasetError(f"{name}:{error.lineno}: not JSON ({error.msg}, column {error.colno})") from error
    except DatasetError as error:
        raise DatasetError(f"{name}: {error}") from error


def taxonomy_from_json(entries: object) -> Taxonomy:
    """Build the labels from what taxonomy.json holds, a file's or a run folder's.

    Raises:
        DatasetError: not a list of labels, or labels that make no tree.
    """
    try:
        labels = _TAXONOMY_FILE.validate_python(entries)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        raise DatasetError(
            f"at {where or 'the top'}: {first['msg'].lower()}; expected a list of labels, each with "
            "name and, where wanted, description, aliases, children"
        ) from error
    return Taxonomy(tuple(entry.label() for entry in labels))


class GoldReader:
    """Turns what a row says about its labels into a path of the taxonomy.

    A label is a name. Where the labels are flat and no name is a whole number, a whole number is the label's
    index from 0, as in the trial's format: with numbers among the names the two could not be told apart.
    """

    def __init__(self, taxonomy: Taxonomy, *, source: str) -> None:
        self._taxonomy = taxonomy
        self._source = source  # what messages call the label set: a file, or "the labels found in train.txt"
        self._known = {leaf: leaf for leaf in taxonomy.leaves}
        names = [leaf[0] for leaf in taxonomy.leaves]
        self._by_index = taxonomy.depth == 1 and not any(_is_index(name) for name in names)

    def path(self, names: tuple[str, ...]) -> LabelPath:
        """Return the path that `names` means, as the taxonomy's own tuple.

        Raises:
            RowError: a label is missing, unknown or out of range.
        """
        if known := self._known.get(names):
            return known
        check_names(names)
        if self._by_index and len(names) == 1 and _is_index(names[0]):
            return self._at(int(names[0]))
        depth = self._taxonomy.depth
        for level in range(min(len(names), depth)):
            known_names = [label.name for label in self._taxonomy.children(names[:level])]
            if names[level] not in known_names:
                raise RowError("unknown_label", self._unknown(names, level, known_names))
        why = f"the path {' > '.join(names)!r} has {len(names)} level(s), {self._source} has {depth}"
        raise RowError("unknown_label", why)

    def _at(self, index: int) -> LabelPath:
        leaves = self._taxonomy.leaves
        if 0 <= index < len(leaves):
            return leaves[index]
        why = (
            f"label {index} is out of range: {self._source} has {len(leaves)} label(s), "
            f"so 0 to {len(leaves) - 1}"
        )
        raise RowError("label_out_of_range", why)

    def _unknown(self, names: tuple[str, ...], level: int, known: list[str]) -> str:
        below = f" below {' > '.join(names[:level])!r}" if level else ""
        near = difflib.get_close_matches(names[level], known, n=3, cutoff=0.5)
        if near:
            hint = f"did you mean {' or '.join(repr(name) for name in near)}?"
        else:
            few = ", ".join(repr(name) for name in known[:5])
            hint = f"{self._source} has {few}" + (f" and {len(known) - 5} more" if len(known) > 5 else "")
        return f"unknown label {names[level]!r}{below} ({hint})"


class RawGold:
    """Takes label paths as they come, all with as many levels as the first: where no label file is named."""

    def __init__(self) -> None:
        self._first: LabelPath | None = None

    def path(self, names: tuple[str, ...]) -> LabelPath:
        """Return `names`.

        Raises:
            RowError: a label is missing, or the number of levels is not that of the first row.
        """
        check_names(names)
        self._first = self._first or names
        if len(names) != len(self._first):
            why = (
                f"the path {' > '.join(names)!r} has {len(names)} level(s), "
                f"the first row's {' > '.join(self._first)!r} has {len(self._first)}"
            )
            raise RowError("unknown_label", why)
        return names


def labels_found(paths: Iterable[LabelPath]) -> Taxonomy:
    """Return the taxonomy of the paths that occur, siblings sorted by name."""
    return Taxonomy.from_paths(sorted(set(paths)))


def check_names(names: tuple[str, ...]) -> None:
    """Raise a `RowError` where a label is missing at some level."""
    if not names or not all(names):
        level = f" at level {names.index('') + 1}" if len(names) > 1 else ""
        raise RowError("no_label", f"no label{level}")


def _is_index(name: str) -> bool:
    digits = name.removeprefix("-")
    return digits.isascii() and digits.isdigit()
