"""The baseline file: what is written is read back, one app a line, and a damaged file is one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import baseline
from harness.matching import align
from harness.record import Answered, Record, text_hash
from harness.record import _of_data as record_of
from prompts.errors import ConfigError, DatasetError
from tests.simulated_run import three_classifiers, with_seeds

NODES = (("Action",), ("Puzzle",), ("Action", "Shooter"), ("Action", "Fighting"), ("Puzzle", "Logic"))


def answered(answers: list[int], **more: Any) -> Answered:
    plain: dict[str, Any] = {
        "missing": 0, "request_failed": 0, "items_per_s": 12.5, "device": "cpu", "concurrency": 8, "per_1000_usd": None,
    }  # fmt: skip
    return Answered(answers=np.array(answers, dtype=np.int32), **(plain | more))


def record(answers: list[int], gold: list[int] | None = None, **more: Any) -> Record:
    rows = len(answers)
    plain: dict[str, Any] = {
        "run": "20261101-000000-games",
        "nodes": NODES,
        "ids": tuple(f"app-{row}" for row in range(rows)),
        "texts": tuple(text_hash(f"text {row}") for row in range(rows)),
        "gold": np.array(gold or [2 + row % 3 for row in range(rows)], dtype=np.int32),
        "classifiers": {"bert": answered(answers), "llm": answered([-1] * rows)},
        "leakage": False,
    }
    return Record(**(plain | more))


def same(one: Record, other: Record) -> bool:
    return baseline.as_text(one) == baseline.as_text(other)


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=30), st.booleans())
def test_what_is_written_is_read_back(tmp_path_factory: Any, answers: list[int], leakage: bool) -> None:
    path = tmp_path_factory.mktemp("b") / "baseline.json"
    written = record(answers, leakage=leakage)
    baseline.write(written, path)
    read = baseline.read(path)
    assert same(read, written)
    assert read.classifiers["bert"].answers.tolist() == answers
    assert read.gold.tolist() == written.gold.tolist()


def test_the_same_answers_give_the_same_bytes_and_one_changed_answer_changes_one_line() -> None:
    before, after = ([row % 5 for row in range(50)] for _ in range(2))
    assert baseline.as_text(record(before)) == baseline.as_text(record(after))
    after[7] = -1
    pairs = zip(
        baseline.as_text(record(before)).splitlines(),
        baseline.as_text(record(after)).splitlines(),
        strict=True,
    )
    changed = [pair for pair in pairs if pair[0] != pair[1]]
    assert len(changed) == 1
    assert changed[0][1].startswith('  ["app-7", ')


def test_800_apps_and_three_classifiers_take_some_ten_kilobytes() -> None:
    classifiers = {name: answered([row % 5 for row in range(800)]) for name in ("bert", "llm", "tfidf")}
    assert len(baseline.as_text(record([0] * 800, classifiers=classifiers)).encode()) < 60_000


def test_a_classifier_that_did_not_finish_gets_no_baseline(tmp_path: Path) -> None:
    unfinished = record([0, 1], classifiers={"bert": answered([0, -1], missing=1)})
    with pytest.raises(ConfigError, match=r"bert has answered 1 of 2 texts; finish the run"):
        baseline.write(unfinished, tmp_path / "baseline.json")
    assert list(tmp_path.iterdir()) == []


def test_a_classifier_whose_requests_failed_too_often_gets_no_baseline(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    for failed, refused in ((5, False), (6, True)):
        failing = answered([-1] * failed + [2] * (100 - failed), request_failed=failed)
        one = record([2] * 100, classifiers={"gpt": failing})
        if not refused:
            baseline.write(one, file)
            assert baseline.read(file).classifiers["gpt"].request_failed == failed
            file.unlink()
            continue
        with pytest.raises(ConfigError) as raised:
            baseline.write(one, file)
        assert "the requests of gpt failed for 6 of 100 texts, more than 5%; ask again with " in str(
            raised.value
        )
        assert list(tmp_path.iterdir()) == []


def test_half_a_surrogate_pair_in_a_label_or_an_id_is_written_and_read_back(tmp_path: Path) -> None:
    nodes = (*NODES[:4], ("Puzzle", "half \ud83d"))
    written = record([2, 4], gold=[2, 4], nodes=nodes, ids=("app-\udc00", "smile \U0001f600"))
    baseline.write(written, tmp_path / "baseline.json")
    read = baseline.read(tmp_path / "baseline.json")
    assert (read.nodes, read.ids) == (written.nodes, written.ids)


def test_a_further_training_is_still_one_in_the_file(tmp_path: Path) -> None:
    data = with_seeds(three_classifiers(), 0.9, 0.88)
    now = record_of(data)
    baseline.write(now, tmp_path / "baseline.json")
    read = baseline.read(tmp_path / "baseline.json")
    assert set(read.classifiers) == {"bert", "bert-seed2000", "bert-seed2001", "llm", "tfidf"}
    assert read.judged == now.judged == ["bert", "llm", "tfidf"]


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    content = json.loads(baseline.as_text(record([0, 2, -1])))
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a baseline file"),
        ("{\n<<<<<<< HEAD\n}", "not a baseline file (Expecting property name enclosed in double quotes: line 2"),
        ("\udcff", "not a baseline file"),
        ("[]", "schema None, this version reads schema 1"),
        ("{}", "schema None, this version reads schema 1"),
        (changed(lambda c: c.update(schema=2)), "schema 2, this version reads schema 1"),
        (changed(lambda c: c.update(schema=True)), "schema True"),
        (changed(lambda c: c.pop("apps")), "damaged at apps: field required"),
        (changed(lambda c: c.update(apps=[])), "damaged at apps: "),
        (changed(lambda c: c.update(labels=[[]])), "damaged at labels.0: "),
        (changed(lambda c: c["labels"].append(["A", "B"])), "without the one above it"),
        (changed(lambda c: c["labels"].append(["Action"])), "a path stands twice"),
        (changed(lambda c: c["classifiers"][0].update(items_per_s="fast")), "damaged at classifiers.0.items_per_s"),
        (changed(lambda c: c["classifiers"][0].pop("request_failed")), "damaged at classifiers.0.request_failed: field"),
        (changed(lambda c: c["labels"].append([7])), "damaged at labels.5.0: "),
        (changed(lambda c: c["classifiers"][1].update(name="bert")), "a name stands twice"),
        (changed(lambda c: c["apps"][1].pop()), "app 2: expected id, hash, gold and 2 answer(s)"),
        (changed(lambda c: c["apps"][1].__setitem__(2, 0)), "app 2, id 'app-1': gold 0 is not"),
        (changed(lambda c: c["apps"][1].__setitem__(3, 5)), "app 2, id 'app-1': answer 5 is not"),
        (changed(lambda c: c["apps"][1].__setitem__(3, True)), "app 2, id 'app-1': answer True is not"),
        (changed(lambda c: c["apps"][1].__setitem__(0, "app-0")), "an id stands twice"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line_with_the_place_and_the_cure(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "baseline.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as raised:
        baseline.read(path)
    assert message in str(raised.value)
    assert "harness baseline RUN FILE" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_keys_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(changed(lambda c: c.update(comment="kept for the audit")))
    assert same(baseline.read(path), record([0, 2, -1]))


def test_rows_and_labels_in_another_order_are_the_same_answers() -> None:
    now = record([2, 3, -1, 0], gold=[2, 3, 4, 2])
    nodes = (NODES[1], NODES[0], NODES[4], NODES[3], NODES[2])
    number = {path: place for place, path in enumerate(nodes)}
    turned = [number[NODES[code]] if code >= 0 else -1 for code in (0, -1, 3, 2)]
    before = record(
        turned,
        gold=[number[NODES[code]] for code in (2, 4, 3, 2)],
        nodes=nodes,
        ids=now.ids[::-1],
        texts=now.texts[::-1],
        classifiers={"bert": answered(turned), "llm": answered([-1] * 4)},
    )
    assert same(align(now, before, places=("a", "b")), now)


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (record([0, 1], ids=("app-0", "app-9")), "2 text(s) stand in one of the two only ('app-1', 'app-9')"),
        (record([0, 1], texts=(text_hash("text 0"), text_hash("text one"))), "1 text(s) have another text ('app-1')"),
        (record([0, 1], gold=[2, 4]), "1 text(s) have another gold label ('app-1')"),
        (record([0, 1, 2]), "1 text(s) stand in one of the two only ('app-2')"),
        (record([0, 1], nodes=(*NODES[:4], ("Puzzle", "Words"))), "2 label(s) stand in one of the two only"),
        (record([0] * 9, ids=tuple("abcdefghi")), "11 text(s) stand in one of the two only ('app-0', 'app-1', 'a', ...)"),
    ],
)  # fmt: skip
def test_unlike_data_is_refused_with_how_many_and_which(before: Record, message: str) -> None:
    with pytest.raises(DatasetError) as raised:
        align(record([0, 1]), before, places=("now", "then"))
    assert message in str(raised.value)
    assert str(raised.value).endswith("hold it against a baseline that answered the same test set")
