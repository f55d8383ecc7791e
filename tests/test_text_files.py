from pathlib import Path

import pytest

from harness.text_files import Line, read_lines
from prompts.errors import DatasetError
from tests.data_files import bad_rows_of, put, rows_of


def texts(path: Path, encoding: str = "utf-8") -> list[str]:
    return [line.text for line in read_lines(path, encoding, name=path.name)]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path, encoding: str) -> None:
    assert texts(put(tmp_path, "class.txt", "动作", encoding="utf-8-sig"), encoding) == ["动作\n"]


def test_a_byte_order_mark_is_no_part_of_the_first_column_name(tmp_path: Path) -> None:
    path = put(tmp_path, "test.csv", "text,label", "a,b", encoding="utf-8-sig")
    assert rows_of(path) == [(2, {"text": "a", "label": "b"})]


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-16", "utf-16-le", "utf-32", "big5"])
def test_lines_keep_their_numbers_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = put(tmp_path, "test.txt", "一", "", "二三", encoding=encoding)
    expected = [Line(1, "一\n"), Line(2, "\n"), Line(3, "二三\n")]
    assert list(read_lines(path, encoding, name="test.txt")) == expected


def test_a_file_in_gb18030_names_the_line_and_the_setting_that_reads_it(tmp_path: Path) -> None:
    path = put(tmp_path, "test.txt", "plain##$$&&0", "动作##$$&&1", encoding="gb18030")
    with pytest.raises(DatasetError) as error:
        rows_of(path)
    assert str(error.value) == (
        "test.txt:2: not utf-8 (byte 0xb6, byte 1 of the line); the whole file decodes as gb18030: "
        'set encoding = "gb18030" under [data]'
    )


def test_a_file_in_utf_16_names_the_setting_that_reads_it(tmp_path: Path) -> None:
    path = put(tmp_path, "test.txt", "动作##$$&&1", encoding="utf-16")
    with pytest.raises(DatasetError, match='set encoding = "utf-16" under'):
        rows_of(path)
    assert rows_of(path, encoding="utf-16") == [(1, {"text": "动作", "label": "1"})]


def test_utf_8_read_as_utf_16_names_the_setting_that_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_bytes("动作##$$&&1".encode())  # an odd number of bytes
    with pytest.raises(
        DatasetError, match=r'^test.txt:1: not utf-16.+set encoding = "utf-8" under \[data\]$'
    ):
        rows_of(path, encoding="utf-16")


def test_single_lines_that_no_encoding_reads_are_named_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_bytes(b"a##$$&&0\n\xff\xff##$$&&1\nb##$$&&0\n\xfe##$$&&1\n")
    assert bad_rows_of(path) == [
        (2, "not_decodable", "not utf-8 (byte 0xff, byte 1 of the line)"),
        (4, "not_decodable", "not utf-8 (byte 0xfe, byte 1 of the line)"),
    ]


def test_an_undecodable_line_inside_a_quoted_field_keeps_its_own_number(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_bytes(b'text,label\n"a\n\xff",b\nc,d\n')
    assert [line for line, _, _ in bad_rows_of(path)] == [3]


def test_an_undecodable_header_stops_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_bytes(b"text,\xff\na,b\n")
    with pytest.raises(DatasetError, match=r"^test.csv:1: not utf-8"):
        rows_of(path)
