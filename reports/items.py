"""Station 6 for other programs: every text of the test set as one row of a table.

In: the run, one text after another with what each classifier said. Out: the columns, and a dict a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from classifiers.contract import Example, Scalar
from prompts.characters import in_utf8
from prompts.taxonomy import Taxonomy
from reports.answer_rows import read_answer

Kind = Literal["text", "flag", "whole", "number"]
_ValueKind = Literal["text", "flag", "whole", "large", "number"]
NOT_ASKED = "not_asked"
EXACT = 2**53  # up to here every whole number is one of 64 bits with a fraction, too
LARGEST = 2**63  # what a column of whole numbers ends before


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the table; an empty cell is None."""

    name: str
    kind: Kind


def meta_columns(test: Iterable[Example]) -> dict[str, Kind]:
    """Return the meta columns of the test set in their order, with what all their values are."""
    kinds: dict[str, set[_ValueKind]] = {}
    for example in test:
        for name, value in example.meta.items():
            found = kinds.setdefault(name, set())
            if value is not None:
                found.add(_kind(value))
    return {name: _together(found) for name, found in kinds.items()}


def columns(levels: int, classifiers: Sequence[str], meta: Mapping[str, Kind]) -> list[Column]:
    """Return the columns: the text and its gold labels, then each classifier's, then meta.

    The columns of a classifier end in a dot and a word of their own, which `id`, `gold:` and `text` lack; no
    name of one begins with `meta:` (`harness.experiment`). So no two columns have one name.
    """
    found = [Column(name="id", kind="text"), Column(name="text", kind="text")]
    found += [Column(name=f"gold:level_{level}", kind="text") for level in range(1, levels + 1)]
    for name in classifiers:
        for level in range(1, levels + 1):
            found.append(Column(name=f"{name}.level_{level}", kind="text"))
            found.append(Column(name=f"{name}.level_{level}_right", kind="flag"))
            found.append(Column(name=f"{name}.level_{level}_confidence", kind="number"))
        found.append(Column(name=f"{name}.failure", kind="text"))
        found += [Column(name=f"{name}.{figure}", kind="number") for figure in ("latency_s", "cost_usd")]
        found.append(Column(name=f"{name}.raw", kind="text"))
    return found + [Column(name=in_utf8(f"meta:{name}"), kind=kind) for name, kind in meta.items()]


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
    cells |= {f"gold:level_{level}": label for level, label in enumerate(example.gold, start=1)}
    for name, row in said.items():
        cells |= {f"{name}.{key}": cell for key, cell in _answer(row, example, taxonomy)}
    for name, kind in meta.items():
        value = example.meta.get(name)
        cells[in_utf8(f"meta:{name}")] = _as_text(value) if kind == "text" and value is not None else value
    return {key: in_utf8(cell) if isinstance(cell, str) else cell for key, cell in cells.items()}


def _answer(row: Mapping[str, Any] | None, example: Example, taxonomy: Taxonomy) -> Iterator[tuple[str, Any]]:
    if row is None:
        yield "failure", NOT_ASKED
        return
    answer = read_answer(row, taxonomy)
    right, confidence = answer.right(example.gold), answer.confidence(taxonomy)
    for level in range(taxonomy.depth):
        reached = level < len(answer.path)
        yield f"level_{level + 1}", answer.path[level] if reached else None
        yield f"level_{level + 1}_right", reached and right[level]
        yield f"level_{level + 1}_confidence", confidence[level] if reached and confidence else None
    yield "failure", answer.failure
    for key in ("latency_s", "cost_usd", "raw"):
        yield key, row[key]


def _kind(value: Scalar) -> _ValueKind:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "whole" if abs(value) <= EXACT else "large" if -LARGEST <= value < LARGEST else "text"
    return "number" if isinstance(value, float) else "text"


def _together(kinds: set[_ValueKind]) -> Kind:
    """Return the kind of a column that holds every value of these kinds as it is."""
    if kinds == {"flag"}:
        return "flag"
    if kinds and kinds <= {"whole", "large"}:
        return "whole"
    return "number" if kinds and kinds <= {"whole", "number"} else "text"


def _as_text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
