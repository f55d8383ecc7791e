import csv
import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.columnar import hub_table
from harness.readers import open_table
from harness.rows import Row, Table
from prompts.errors import ConfigError, DatasetError
from tests.data_files import bad_rows_of, put, rows_of, table_of

# What a text file can hold: no half surrogate pairs, and line ends only where a format can quote them.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=40)


def test_the_trial_format_is_split_at_the_last_separator(tmp_path: Path) -> None:
    path = put(tmp_path, "test.txt", "one ##$$&& two##$$&&3", "", "公主##$$&&动作")
    assert rows_of(path) == [
        (1, {"text": "one ##$$&& two", "label": "3"}),
        (3, {"text": "公主", "label": "动作"}),
    ]


def test_a_line_separator_of_unicode_does_not_end_a_line_of_the_trial_format(tmp_path: Path) -> None:
    path = put(tmp_path, "test.txt", "one\u2028two\x85three##$$&&0", "four##$$&&1")
    assert [line for line, _ in rows_of(path)] == [1, 2]


def test_a_wrong_separator_is_named_with_its_line(tmp_path: Path) -> None:
    path = put(tmp_path, "test.txt", "a##$$&&0", "b\t0")
    why = "no separator '##$$&&': expected text##$$&&label"
    assert bad_rows_of(path) == [(2, "wrong_separator", why)]


@settings(deadline=None)
@given(rows=st.lists(st.tuples(LINE.filter(str.strip), st.integers(0, 99)), min_size=1))
def test_the_trial_format_gives_back_what_was_written(rows: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "test.txt", *(f"{text}##$$&&{label}" for text, label in rows))
        assert [(cells["text"], cells["label"]) for _, cells in rows_of(path)] == [
            (text, str(label)) for text, label in rows
        ]


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(TEXT, TEXT.filter(str.strip)), min_size=1), delimiter=st.sampled_from([",", "\t"])
)
def test_csv_and_tsv_give_back_what_was_written_with_the_line_of_each_row(
    rows: list[tuple[str, str]], delimiter: str
) -> None:
    target = StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter)
    writer.writerow(["text", "label"])
    starts = []
    for row in rows:
        starts.append(target.getvalue().count("\n") + 1)
        writer.writerow(row)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "test.csv" if delimiter == "," else "test.tsv")
        path.write_bytes(target.getvalue().encode())
        expected = [(line, {"text": a, "label": b}) for line, (a, b) in zip(starts, rows, strict=True)]
        assert rows_of(path) == expected


def test_a_wrong_number_of_columns_names_line_found_and_expected(tmp_path: Path) -> None:
    path = put(tmp_path, "test.csv", "text,label", '"two', 'lines",a', "b,c,d", "e")
    assert bad_rows_of(path) == [
        (4, "wrong_columns", "3 column(s), expected 2 (text, label)"),
        (5, "wrong_columns", "1 column(s), expected 2 (text, label)"),
    ]


def test_a_quote_that_is_never_closed_is_named_where_it_opens(tmp_path: Path) -> None:
    path = put(tmp_path, "test.csv", "text,label", "a,b", '"c,d', "e,f")
    why = 'a quote (") that opens here is never closed: close it, or double quotes inside a quoted field'
    assert bad_rows_of(path) == [(3, "wrong_columns", why)]


def test_a_quote_that_swallows_the_rest_of_a_large_file_is_named_where_it_opens(tmp_path: Path) -> None:
    path = put(tmp_path, "test.csv", "text,label", '"a,b', *["c,d"] * 50_000)
    (line, _, why), *_ = bad_rows_of(path)
    assert (line, why) == (
        2,
        'a field of over 131,072 characters: is a quote (") that opens here not closed?',
    )


def test_a_row_after_broken_quotes_is_read_again(tmp_path: Path) -> None:
    path = put(tmp_path, "test.csv", "text,label", '"a"b,c', "d,e")
    assert [line for line, _, _ in bad_rows_of(path)] == [2]
    assert [row.cells["text"] for row in table_of(path).read() if isinstance(row, Row)] == ["d"]


def test_a_lone_carriage_return_outside_quotes_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_bytes(b"text,label\ra,b\rc,d\r")
    why = "a carriage return in an unquoted field: quote the field, or end the lines with line feeds"
    assert bad_rows_of(tmp_path / "test.csv") == [(1, "wrong_columns", why)]


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "test.csv", "text,label,text", "a,b,c")
    with pytest.raises(DatasetError, match=r"^test.csv:1: the column 'text' stands twice"):
        rows_of(path)


SCALAR = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT


@settings(deadline=None)
@given(rows=st.lists(st.dictionaries(TEXT, SCALAR | st.lists(TEXT, max_size=3)), min_size=1))
@pytest.mark.parametrize("ascii_only", [True, False])
def test_jsonl_gives_back_what_was_written(ascii_only: bool, rows: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "test.jsonl", *(json.dumps(row, ensure_ascii=ascii_only) for row in rows))
        assert rows_of(path) == list(enumerate(rows, start=1))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"text": "a"', "not JSON (Expecting ',' delimiter, column 13): one object a line"),
        ('["a", "b"]', "a JSON list, expected one object a line"),
        ('{"text": "\\ud83d"}', "holds half of a surrogate pair (\\ud800 to \\udfff alone): repair it"),
        ('{"text": ' + "[" * 100_000, "JSON nested too deeply: one flat object a line"),
    ],
)
def test_a_broken_json_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    path = put(tmp_path, "test.jsonl", '{"text": "sound \\ud83d\\ude00"}', line)
    assert bad_rows_of(path) == [(2, "not_json", why)]


@settings(deadline=None)
@given(rows=st.lists(st.fixed_dictionaries({"text": TEXT, "gold": st.lists(TEXT), "n": SCALAR}), min_size=1))
def test_parquet_gives_back_what_was_written(rows: list[dict[str, object]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for row in rows:  # a column has one type
        row["n"] = str(row["n"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "test.parquet")
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
        assert rows_of(path) == list(enumerate(rows, start=1))


def test_a_row_of_a_columnar_file_is_called_by_its_number(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "test.parquet")
    assert table_of(tmp_path / "test.parquet").place(3) == "test.parquet row 3"


def put_workbook(path: Path, *rows: list[object]) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


# A workbook is XML: it has no control characters, and openpyxl writes a leading "=" as a formula.
CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1).filter(
    lambda text: not text.startswith("=") and "_x" not in text and text.strip() == text
)


@settings(deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL | st.integers(-(2**31), 2**31)), min_size=1, max_size=8))
def test_excel_gives_back_what_was_written(rows: list[tuple[object, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = put_workbook(Path(folder, "test.xlsx"), ["text", "label"], *map(list, rows))
        expected = [(line, {"text": a, "label": b}) for line, (a, b) in enumerate(rows, start=2)]
        assert rows_of(path) == expected


def test_excel_rows_have_the_numbers_that_excel_shows(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 1, 8, 30)
    path = put_workbook(tmp_path / "test.xlsx", ["text", "when"], [], ["a", moment], ["b", None, "stray"])
    assert rows_of(put_workbook(tmp_path / "short.xlsx", ["text", "when"], [], ["a", moment])) == [
        (3, {"text": "a", "when": moment})
    ]
    why = "a value right of the last column, expected 2 (text, when)"
    assert bad_rows_of(path) == [(4, "wrong_columns", why)]


@pytest.mark.parametrize("name", ["test.parquet", "test.xlsx"])
def test_a_damaged_columnar_file_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK not what it says")
    with pytest.raises(DatasetError, match=rf"^{name} is not a readable .+$") as error:
        rows_of(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [("test.parquet", "pyarrow", "parquet"), ("test.xlsx", "openpyxl", "excel")],
)
def test_a_missing_library_names_the_exact_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str, extra: str
) -> None:
    (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DatasetError) as error:
        rows_of(tmp_path / name)
    assert str(error.value) == f'reading {name} needs {library}: pip install "llm-vs-bert[{extra}]"'


def test_a_missing_hub_library_names_the_exact_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DatasetError) as error:
        list(hub_table("hf:clue/iflytek", key="test", folder=Path()).read())
    wanted = 'reading hf:clue/iflytek:test needs datasets: pip install "llm-vs-bert[hub]"'
    assert str(error.value) == wanted


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("test.json", "no reader for '.json' files; known are .txt, .csv, .tsv, .jsonl, .parquet, .xlsx"),
        ("tset.csv", "did you mean 'test.csv'?"),
        ("hf:a/b/c/d", "are named hf:owner/name[/config][:split]"),
        ("hf:./nowhere", "no such folder"),
        ("hf:", "expected hf:owner/name[/config][:split]"),
    ],
)
def test_a_source_that_cannot_be_opened_says_what_would(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "test.json").touch()
    (tmp_path / "test.csv").touch()
    with pytest.raises(DatasetError) as error:
        open_table(source, key="test", folder=tmp_path, encoding="utf-8")
    assert str(error.value).startswith(f"data.test = {source!r}: ")
    assert message in str(error.value)


def test_an_encoding_that_does_not_exist_is_the_experiments_fault(tmp_path: Path) -> None:
    (tmp_path / "test.txt").touch()
    with pytest.raises(ConfigError, match=r"^data.encoding = 'utf-9' is no text encoding: use \"utf-8\""):
        open_table("test.txt", key="test", folder=tmp_path, encoding="utf-9")


def hub_folder(folder: Path) -> Table:
    """A data set as the hub stores it: Parquet files, the names of the labels in their metadata."""
    from datasets import ClassLabel, Dataset, Features, List, Value

    level = ClassLabel(names=["动作", "射击"])
    features = Features({"sentence": Value("string"), "label": level, "path": List(level)})
    for split, labels in (("train", [0, 1]), ("validation", [1]), ("test", [1, -1])):
        columns = {"sentence": [f"{split} {n}" for n in range(len(labels))], "label": labels}
        data = Dataset.from_dict(columns | {"path": [[label] for label in labels]}, features=features)
        data.to_parquet(folder / "apps" / f"{split}.parquet")
    return hub_table("hf:apps", key="dev", folder=folder)


def test_a_local_folder_after_hf_is_read_like_a_data_set_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "apps").mkdir()
    dev = hub_folder(tmp_path)
    assert dev.place(1) == "hf:apps:validation row 1"
    cells = [(row.line, row.cells) for row in dev.read() if isinstance(row, Row)]
    assert cells == [(1, {"sentence": "validation 0", "label": "射击", "path": ["射击"]})]
    test = hub_table("hf:apps:test", key="train", folder=tmp_path)
    assert [row.cells["label"] for row in test.read() if isinstance(row, Row)] == ["射击", None]


def test_a_split_that_the_data_set_lacks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "apps").mkdir()
    hub_folder(tmp_path)
    with pytest.raises(DatasetError, match=r"^hf:apps:tset cannot be loaded: .*tset.*$") as error:
        list(hub_table("hf:apps:tset", key="test", folder=tmp_path).read())
    assert "\n" not in str(error.value)


def test_an_unreachable_hub_is_one_line(tmp_path: Path) -> None:
    # A process of its own: the library reads its settings from the environment when it is imported.
    code = """
from pathlib import Path
from harness.columnar import hub_table
from prompts.errors import DatasetError
try:
    list(hub_table("hf:clue/iflytek", key="dev", folder=Path()).read())
except DatasetError as error:
    print(error)
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("hf:clue/iflytek:validation: the hub cannot be reached (")
    assert "set HF_ENDPOINT to a mirror" in done.stdout
