from pathlib import Path

import pytest

from harness.checks import BAD_ROWS_SHOWN
from prompts.errors import ConfigError, DatasetError
from tests.data_files import loaded, put, put_labels, put_trial


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put_labels(tmp_path, "动作", "射击")
    put_trial(tmp_path, "train.txt", ("train one", 0), ("train two", 1))
    put_trial(tmp_path, "test.txt", ("test one", 0), ("test two", 1))
    return tmp_path


def refusal(folder: Path, **settings: object) -> str:
    with pytest.raises(DatasetError) as error:
        loaded(folder, **settings)
    return str(error.value)


def test_a_missing_file(folder: Path) -> None:
    said = refusal(folder, test="tset.txt")
    assert said == (
        f"data.test = 'tset.txt': there is no such file ({folder / 'tset.txt'}); did you mean 'test.txt'?"
    )


def test_a_folder_instead_of_a_file(folder: Path) -> None:
    (folder / "data").mkdir()
    said = f"data.test = 'data' is a folder: name a file in it ({folder / 'data'})"
    assert refusal(folder, test="data") == said


@pytest.mark.parametrize("lines", [[], ["", "  "]])
def test_an_empty_file(folder: Path, lines: list[str]) -> None:
    put(folder, "test.txt", *lines)
    assert refusal(folder) == "test.txt is empty: at least one example is needed"


def test_a_csv_of_nothing_but_a_header(folder: Path) -> None:
    put(folder, "test.csv", "text,label")
    assert refusal(folder, test="test.csv") == "test.csv is empty: at least one example is needed"


def test_a_label_out_of_range(folder: Path) -> None:
    put_trial(folder, "train.txt", ("a", 0), ("b", 2))
    said = "train.txt:2: label 2 is out of range: class.txt has 2 label(s), so 0 to 1"
    assert refusal(folder) == said


def test_an_unknown_label(folder: Path) -> None:
    put_trial(folder, "test.txt", ("a", "动作类"))
    assert refusal(folder) == "test.txt:1: unknown label '动作类' (did you mean '动作'?)"


def test_a_test_label_that_train_lacks_says_where_the_labels_come_from(folder: Path) -> None:
    put_trial(folder, "test.txt", ("a", "x"))
    said = "test.txt:1: unknown label 'x' (the set of labels found in train.txt has '0', '1')"
    assert refusal(folder, labels=None) == said


def test_a_wrong_separator(folder: Path) -> None:
    put(folder, "test.txt", "a##$$&&0", "b##$$&1")
    said = "test.txt:2: no separator '##$$&&': expected text##$$&&label"
    assert refusal(folder) == said


def test_a_wrong_number_of_columns(folder: Path) -> None:
    put(folder, "test.csv", "text,label", "a,0,1")
    assert refusal(folder, test="test.csv") == "test.csv:2: 3 column(s), expected 2 (text, label)"


def test_bytes_that_are_not_utf_8(folder: Path) -> None:
    put(folder, "test.txt", "a##$$&&0", "动作##$$&&1", encoding="gb18030")
    said = "test.txt:2: not utf-8 (byte 0xb6, byte 1 of the line); the whole file decodes as gb18030: "
    assert refusal(folder) == said + 'set encoding = "gb18030" under [data]'


def test_the_suggested_encoding_reads_the_file(folder: Path) -> None:
    for name in ("train.txt", "test.txt", "class.txt"):
        path = folder / name
        path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    assert [label.name for label in loaded(folder, encoding="gb18030").taxonomy.roots] == ["动作", "射击"]


def test_an_empty_text(folder: Path) -> None:
    put_trial(folder, "test.txt", ("a", 0), (" \u3000 ", 1))
    assert refusal(folder) == "test.txt:2: the text is empty"


def test_a_missing_label(folder: Path) -> None:
    put_trial(folder, "test.txt", ("a", " "))
    assert refusal(folder) == "test.txt:1: no label"


def test_a_column_that_is_not_there(folder: Path) -> None:
    put(folder, "test.csv", "txet,label,more", "a,0,1")
    said = (
        "test.csv has no column 'text' (data.text): did you mean 'txet'? columns are 'txet', 'label', 'more'"
    )
    assert refusal(folder, test="test.csv") == said
    assert "(data.meta)" in refusal(folder, test="test.csv", text="txet", meta=["hard"])
    assert "(data.id)" in refusal(folder, test="test.csv", text="txet", id="app")
    assert "(data.gold)" in refusal(folder, test="test.csv", text="txet", gold=["label", "level2"])


def test_an_id_that_stands_twice(folder: Path) -> None:
    put(folder, "test.jsonl", *(f'{{"id": {n}, "text": "t{n}", "label": 0}}' for n in (7, 8)))
    assert len(loaded(folder, test="test.jsonl").test) == 2
    put(folder, "test.jsonl", *(f'{{"id": {n}, "text": "t{n}", "label": 0}}' for n in (7, 8, 7)))
    said = "test.jsonl:3: its id already stands at test.jsonl:1: every id must be unique"
    assert refusal(folder, test="test.jsonl") == said


def test_an_id_that_is_missing(folder: Path) -> None:
    put(folder, "test.csv", "id,text,label", "1,a,0", ",b,0")
    assert refusal(folder, test="test.csv") == "test.csv:3: no id in column 'id'"


def test_bad_rows_of_all_files_are_named_together(folder: Path) -> None:
    put_trial(folder, "train.txt", ("a", 0), ("", 0))
    put(folder, "dev.txt", "a")
    put_trial(folder, "test.txt", ("a", 0), ("b", 9))
    assert refusal(folder, dev="dev.txt").splitlines() == [
        "3 bad rows in the data:",
        "  train.txt:2: the text is empty",
        "  dev.txt:1: no separator '##$$&&': expected text##$$&&label",
        "  test.txt:2: label 9 is out of range: class.txt has 2 label(s), so 0 to 1",
    ]


def test_of_many_bad_rows_the_first_are_shown_and_all_are_counted(folder: Path) -> None:
    put_trial(folder, "test.txt", *[("a", 9)] * 1234)
    summary, *lines = refusal(folder).splitlines()
    assert summary == "1,234 bad rows in the data, the first 20 of them:"
    assert len(lines) == BAD_ROWS_SHOWN
    assert lines[-1].startswith("  test.txt:20: ")


def found(folder: Path, **settings: object) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [(f.severity, f.kind, f.count, f.places) for f in loaded(folder, **settings).findings]


def test_sound_data_has_no_finding(folder: Path) -> None:
    assert found(folder) == []


def test_a_label_without_an_example_is_a_warning_in_train_and_a_note_in_test(folder: Path) -> None:
    put_labels(folder, "动作", "射击", "策略")
    assert found(folder) == [
        ("warning", "no_training_example", 1, ("策略",)),
        ("note", "no_test_example", 1, ("策略",)),
    ]


def test_the_same_text_again_in_a_split_is_a_warning(folder: Path) -> None:
    put_trial(folder, "train.txt", ("a b", 0), ("c", 1), ("A, b!", 0), ("a b", 0))
    pairs = ("train.txt:1 ~ train.txt:3", "train.txt:3 ~ train.txt:4")
    assert found(folder) == [("warning", "duplicate", 2, pairs)]


def test_the_same_text_under_different_labels_is_a_warning(folder: Path) -> None:
    put_trial(folder, "train.txt", ("a b", 0), ("c", 1), ("a b", 1), ("a b", 0))
    duplicate, conflict = found(folder)
    assert duplicate[:3] == ("warning", "duplicate", 2)
    assert conflict[:3] == ("warning", "conflicting_labels", 1)
    assert conflict[3][0] == "train.txt:1 ~ train.txt:3"


def test_every_finding_is_one_line_that_starts_with_a_number_or_the_split(folder: Path) -> None:
    put_labels(folder, "动作", "射击", "策略")
    put_trial(folder, "train.txt", ("a b", 0), ("c", 1), ("a b", 1))
    put_trial(folder, "test.txt", ("a b", 0))
    messages = [finding.message for finding in loaded(folder, dev="test.txt").findings]
    assert len(messages) == 7
    assert all("\n" not in message and message[0] in "0123456789d" for message in messages)


@pytest.mark.parametrize(
    ("settings", "limit", "message"),
    [
        ({"train": None, "labels": None}, None, "data.labels is not set and there is no data.train"),
        ({"train": None, "dev": 0.5}, None, "data.dev = 0.5 is a share of data.train, which is not set"),
        ({}, 0, "the limit is 0: at least 1 test example is needed"),
    ],
)
def test_settings_that_contradict_each_other_are_the_experiments_fault(
    folder: Path, settings: dict[str, object], limit: int | None, message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(folder, limit=limit, **settings)
    assert str(error.value).startswith(message)


def test_a_classifier_that_learns_needs_train(folder: Path) -> None:
    from harness.dataset import load
    from harness.experiment import DataSettings

    with pytest.raises(ConfigError, match=r"^data.train is not set, but a classifier learns from it"):
        load(DataSettings(test="test.txt", labels="class.txt"), folder=folder, seed=1, needs_train=True)
