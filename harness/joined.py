"""The test set of a run with every classifier's answer beside each text, in little memory.

In: test.jsonl, and predictions.jsonl in whatever order the answers came. Out: one text after another. Kept
are the ids, about 120 bytes each (119 MB measured with 1,000,000), and where in its file each last answer
lies, 8 bytes a text and classifier.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from classifiers.contract import Example
from harness.answer_file import StoredExamples, read_answer
from harness.run_folder import RunFolder

NONE = -1


def joined(
    run: RunFolder, classifiers: Sequence[str]
) -> Iterator[tuple[Example, Mapping[str, dict[str, Any] | None]]]:
    """Yield every text with the last answer of each classifier, None where it has none."""
    place = {example.id: number for number, example in enumerate(StoredExamples(run.test))}
    with ExitStack() as files:
        answers = {
            name: (files.enter_context(path.open("rb")), _offsets(path, place))
            for name in classifiers
            if (path := run.predictions(name)).exists()
        }
        for number, example in enumerate(StoredExamples(run.test)):
            yield (
                example,
                {name: _at(*answers[name], number) if name in answers else None for name in classifiers},
            )


def _offsets(path: Path, place: Mapping[str, int]) -> array[int]:
    """Return where in the file the last answer to each text begins."""
    found = array("q", [NONE]) * len(place)
    begin = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            row = read_answer(line, path, number)
            if row is not None and row["id"] in place:
                found[place[row["id"]]] = begin
            begin += len(line)
    return found


def _at(file: BinaryIO, offsets: array[int], number: int) -> dict[str, Any] | None:
    if offsets[number] == NONE:
        return None
    file.seek(offsets[number])
    row: dict[str, Any] = json.loads(file.readline())
    return row
