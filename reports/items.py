"""Station 6 for other programs: every text of the test set as one row of a table.

In: the run, one text after another with what each classifier said. Out: the columns, and a dict a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from classifiers.contract import Example, Scalar
from prompts.taxonomy import Taxonomy

Kind = Literal["text", "flag", "whole", "number"]
NOT_ASKED = "not_asked"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the table; an empty cell is None."""

    name: str
    kind: Kind


def meta_columns(test: Iterable[Example]) -> dict[str, Kind]:
    """Return the meta columns of the test set in their order, with what all their values are."""
    kinds: dict[str, set[type]] = {}
    for example in test:
        for name, value in example.meta.items():
            kinds.setdefault(name, set()).add(type(value))
    return {name: _kind(types - {type(None)}) for name, types in kinds.items()}


def columns(levels: int, classifiers: Sequence[str], meta: Mapping[str, Kind]) -> list[Column]:
    """Return the columns: the text and its gold labels, then each classifier's, then meta."""
    found = [Column(name="id", kind="text"), Column(name="text", kind="text")]
    found += [Column(name=f"gold.level_{level}", kind="text") for level in range(1, levels + 1)]
    for name in classifiers:
        for level in range(1, levels + 1):
            found.append(Column(name=f"{name}.level_{level}", kind="text"))
            found.append(Column(name=f"{name}.level_{level}_right", kind="flag"))
            found.append(Column(name=f"{name}.level_{level}_confidence", kind="number"))
        found.append(Column(name=f"{name}.failure", kind="text"))
        found += [Column(name=f"{name}.{figure}", kind="number") for figure in ("latency_s", "cost_usd")]
        found.append(Column(name=f"{name}.raw", kind="text"))
    return found + [Column(name=f"meta:{name}", kind=kind) for name, kind in meta.items()]


def item(
    example: Example,
    said: Mapping[str, Mapping[str, Any] | None],
    taxonomy: Taxonomy,
    meta: Mapping[str, Kind],
) -> dict[str, Any]:
    """Return the cells of one text by column.

    Args:
        example: the text.
        said: the last line of predictions.jsonl on it by classifier, None where there is none.
        taxonomy: names the labels in `scores`.
        meta: as `meta_columns` gives it.
    """
    cells: dict[str, Any] = {"id": example.id, "text": example.text}
    cells |= {f"gold.level_{level}": label for level, label in enumerate(example.gold, start=1)}
    for name, row in said.items():
        cells |= {f"{name}.{key}": cell for key, cell in _answer(row, example, taxonomy)}
    for name, kind in meta.items():
        value = example.meta.get(name)
        cells[f"meta:{name}"] = _as_text(value) if kind == "text" and value is not None else value
    return {key: _clean(cell) if isinstance(cell, str) else cell for key, cell in cells.items()}


def _answer(row: Mapping[str, Any] | None, example: Example, taxonomy: Taxonomy) -> Iterator[tuple[str, Any]]:
    if row is None:
        yield "failure", NOT_ASKED
        return
    path = tuple(row["path"])[: taxonomy.depth]
    for level in range(1, taxonomy.depth + 1):
        answered = len(path) >= level
        yield f"level_{level}", path[level - 1] if answered else None
        yield f"level_{level}_right", answered and path[:level] == tuple(example.gold[:level])
        scores = row["scores"][level - 1] if answered and row["scores"] else {}
        yield f"level_{level}_confidence", scores.get(taxonomy.display_names.get(path[:level]))
    for key in ("failure", "latency_s", "cost_usd", "raw"):
        yield key, row[key]


def _kind(types: set[type]) -> Kind:
    if types == {bool}:
        return "flag"
    if types == {int}:
        return "whole"
    return "number" if types and types <= {int, float} else "text"


def _as_text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clean(text: str) -> str:
    """Return the text without halves of characters, which no file in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
