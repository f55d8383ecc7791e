import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from classifiers.contract import Example
from harness.dataset import Dataset
from prompts.errors import DatasetError
from tests.data_files import loaded, put, put_labels, put_trial, shared_data

SAMPLE = Path(__file__).parents[1] / "harness" / "sample"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three labels: a frequent, b rare, c once."""
    put_labels(tmp_path, "a", "b", "c")
    for split, size in (("train", 100), ("dev", 20), ("test", 50)):
        labels = ["c"] + ["b"] * (size // 10) + ["a"] * (size - size // 10 - 1)
        put_trial(tmp_path, f"{split}.txt", *((f"{split} app number {n}", x) for n, x in enumerate(labels)))
    return tmp_path


def labels(examples: list[Example]) -> Counter[str]:
    return Counter(example.gold[0] for example in examples)


def test_the_trial_format_becomes_examples_with_numbered_ids(folder: Path) -> None:
    dataset = loaded(folder, dev="dev.txt")
    assert dataset.train[1] == Example(id="train-2", text="train app number 1", gold=("b",))
    assert [example.id for example in dataset.test][:2] == ["test-1", "test-2"]
    assert (len(dataset.train), len(dataset.dev), len(dataset.test)) == (100, 20, 50)


def test_the_test_set_can_be_walked_through_again_and_again(folder: Path) -> None:
    test = loaded(folder).test
    assert list(test) == list(test)
    assert len(list(test)) == len(test)


def test_several_text_columns_are_joined_by_a_line_feed_and_empty_ones_left_out(tmp_path: Path) -> None:
    put(tmp_path, "t.csv", "name,about,label", "Chess,A game,x", ",Only this,x", "Only that, ,x")
    dataset = loaded(tmp_path, train="t.csv", test="t.csv", labels=None, text=["name", "about"])
    assert [example.text for example in dataset.train] == ["Chess\nA game", "Only this", "Only that"]


def test_gold_is_one_column_per_level_or_one_that_holds_the_path(tmp_path: Path) -> None:
    put(tmp_path, "t.csv", "text,level1,level2", "one,A,A1", "two,B,B1")
    rows = [
        {"text": "one", "labels": ["A", "A1"]},
        {"text": "two", "labels": ["B", "B1"]},
    ]
    put(tmp_path, "t.jsonl", *map(json.dumps, rows))
    columns = loaded(tmp_path, train="t.csv", test="t.csv", labels=None, gold=["level1", "level2"])
    path = loaded(tmp_path, train="t.jsonl", test="t.jsonl", labels=None, gold="labels")
    assert [e.gold for e in columns.train] == [e.gold for e in path.train] == [("A", "A1"), ("B", "B1")]
    assert columns.taxonomy == path.taxonomy
    assert columns.sha256 == path.sha256


def test_meta_is_every_other_plain_column_or_those_that_are_named(tmp_path: Path) -> None:
    row = {"id": "x", "text": "t", "label": "a", "hard": True, "n": 2, "none": None, "list": [1]}
    put(tmp_path, "t.jsonl", json.dumps(row))
    files = {"train": "t.jsonl", "test": "t.jsonl", "labels": None}
    (example,) = loaded(tmp_path, **files).train
    assert (example.id, example.meta) == ("x", {"hard": True, "n": 2, "none": None})
    assert loaded(tmp_path, **files, meta=["hard"]).train[0].meta == {"hard": True}


def test_whole_numbers_that_a_spreadsheet_stores_as_fractions_are_labels(tmp_path: Path) -> None:
    put_labels(tmp_path, "a", "b")
    put(tmp_path, "t.jsonl", '{"text": 7.0, "label": 1.0, "score": NaN}')
    (example,) = loaded(tmp_path, train="t.jsonl", test="t.jsonl").train
    assert example == Example(id="train-1", text="7", gold=("b",), meta={"score": None})


def test_a_dev_share_splits_train_by_label_and_seed(folder: Path) -> None:
    dataset = loaded(folder, dev=0.2)
    assert labels(dataset.dev) == {"a": 18, "b": 2}
    assert labels(dataset.train) == {"a": 71, "b": 8, "c": 1}
    assert {e.id for e in dataset.train}.isdisjoint(e.id for e in dataset.dev)
    assert loaded(folder, dev=0.2).sha256 == dataset.sha256
    assert loaded(folder, dev=0.2, seed=2).sha256["dev"] != dataset.sha256["dev"]
    numbers = [int(e.id.removeprefix("train-")) for e in dataset.dev]
    assert numbers == sorted(numbers)


def test_a_limit_keeps_the_shares_of_the_labels_and_an_example_of_each_in_train(folder: Path) -> None:
    dataset = loaded(folder, dev="dev.txt", limit=10)
    assert len(dataset.test) == len(list(dataset.test)) == 10
    assert labels(list(dataset.test)) == {"a": 9, "b": 1}
    assert labels(dataset.train) == {"a": 18, "b": 2, "c": 1}
    assert labels(dataset.dev) == {"a": 4}
    numbers = [int(e.id.removeprefix("test-")) for e in dataset.test]
    assert numbers == sorted(numbers)
    assert dataset.describe()["limit"] == {"train": [21, 100], "dev": [4, 20], "test": [10, 50]}


@pytest.mark.parametrize("limit", [50, 51, 10**9])
def test_a_limit_of_the_whole_test_set_or_more_changes_nothing(folder: Path, limit: int) -> None:
    assert loaded(folder, dev=0.2, limit=limit).describe() == loaded(folder, dev=0.2).describe()


def test_findings_are_about_the_whole_files_whatever_a_limit_leaves(folder: Path) -> None:
    put_trial(folder, "test.txt", *((f"test {n}", "a") for n in range(30)), ("train app number 0", "c"))
    assert loaded(folder, limit=1).leakage


def test_the_hash_changes_with_ids_texts_golds_and_order(tmp_path: Path) -> None:
    put_labels(tmp_path, "a", "b")
    row = '{{"id": "{}", "text": "{}", "label": "{}", "more": "{}"}}'
    put(tmp_path, "train.txt", "t##$$&&a")

    def test_hash(*rows: tuple[str, str, str, str]) -> str:
        put(tmp_path, "test.jsonl", *(row.format(*cells) for cells in rows))
        return loaded(tmp_path, test="test.jsonl").sha256["test"]

    first, second = ("1", "x", "a", ""), ("2", "y", "b", "")
    variants = [
        [first, second],
        [second, first],
        [first],
        [("3", "x", "a", ""), second],
        [("1", "z", "a", ""), second],
        [("1", "x", "b", ""), second],
    ]
    assert len({test_hash(*rows) for rows in variants}) == len(variants)
    assert test_hash(first) == test_hash(("1", "x", "a", "other"))


def test_the_majority_is_the_most_frequent_training_label_of_each_level(tmp_path: Path) -> None:
    paths = ["A,A1"] * 3 + ["B,B1"] * 2 + ["B,B2"] * 2
    put(tmp_path, "t.csv", "text,level1,level2", *(f"text {n},{path}" for n, path in enumerate(paths)))
    dataset = loaded(tmp_path, train="t.csv", test="t.csv", labels=None, gold=["level1", "level2"])
    assert dataset.majority == (("B",), ("A", "A1"))


def test_without_train_there_is_no_majority(folder: Path) -> None:
    dataset = loaded(folder, train=None)
    assert (dataset.train, dataset.dev, dataset.majority) == ([], [], None)
    assert dataset.describe()["counts"] == {"test": 50}


def test_the_description_is_plain_json_and_names_the_counts(folder: Path) -> None:
    put_trial(folder, "test.txt", ("seven 7", "a"), ("four", "b"))
    described = loaded(folder, dev=0.2).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["counts"] == {"train": 80, "dev": 20, "test": 2}
    assert described["characters"]["test"] == {"mean": 5.5, "p95": 6.8, "max": 7}
    assert described["sources"]["dev"] == "a share of train.txt"
    assert described["levels"][0]["labels"] == 3
    assert described["levels"][0]["examples"]["test"] == {"a": 1, "b": 1, "c": 0}
    assert described["majority"] == [["a"]]
    assert [finding["kind"] for finding in described["findings"]] == ["no_test_example"]


@pytest.mark.parametrize("change", ["append", "cut", "break"])
def test_a_test_file_that_changes_during_the_run_is_noticed(folder: Path, change: str) -> None:
    dataset = loaded(folder)
    lines = (folder / "test.txt").read_text().splitlines()
    new = {"append": [*lines, lines[0]], "cut": lines[:-1], "break": [*lines[:-1], "no separator"]}
    put(folder, "test.txt", *new[change])
    with pytest.raises(DatasetError, match=r"^test.txt.+changed while it was in use"):
        list(dataset.test)


def sample(language: str) -> Dataset:
    files = {split: f"{split}.jsonl" for split in ("train", "dev", "test")}
    columns = {
        "text": [f"name_{language}", f"text_{language}"],
        "gold": f"labels_{language}",
        "meta": ["hard"],
    }
    return loaded(SAMPLE, **files, **columns, labels=None)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_sample_is_sound(language: str) -> None:
    dataset = sample(language)
    described = dataset.describe()
    assert described["counts"] == {"train": 1360, "dev": 240, "test": 800}
    assert [level["labels"] for level in described["levels"]] == [8, 24, 48]
    assert dataset.findings == ()


def test_the_real_games_in_the_trials_own_format_are_read() -> None:
    dataset = loaded(shared_data("iflytek_games"), dev="dev.txt")
    assert dataset.describe()["counts"] == {"train": 498, "dev": 76, "test": 249}
    assert dataset.taxonomy.leaves[2] == ("角色扮演",)
    assert dataset.findings == ()


def test_the_real_apps_are_read_with_their_taxonomy() -> None:
    folder = shared_data("iflytek_apps")
    files = {split: f"{split}.jsonl" for split in ("train", "dev", "test")}
    dataset = loaded(folder, **files, labels="taxonomy.json", gold="labels")
    assert dataset.describe()["counts"] == {"train": 4396, "dev": 450, "test": 800}
    assert [level["labels"] for level in dataset.describe()["levels"]] == [13, 119]
    assert [(f.kind, f.count) for f in dataset.findings] == [("leakage", 16), ("no_test_example", 6)]


def test_memory_does_not_grow_with_the_texts_of_the_test_set(folder: Path) -> None:
    # 20,000 texts of 4,000 characters are 80 MB as they lie in the file, more as objects.
    rows, size = 20_000, 4_000
    with (folder / "large.txt").open("w", encoding="utf-8") as file:
        for n in range(rows):
            file.write(f"{n} {'x' * size}##$$&&{'abc'[n % 3]}\n")
    code = """
import resource, sys
from tests.data_files import loaded
from pathlib import Path
folder = Path(sys.argv[1])
def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
sum(1 for _ in loaded(folder).test)
before = peak_mb()
dataset = loaded(folder, test="large.txt")
assert sum(len(example.text) for example in dataset.test) > 80_000_000
print(peak_mb() - before)
"""
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=300, cwd=Path(__file__).parents[1]
    )
    assert float(done.stdout) < 30
