import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.labels import GoldReader, RawGold, labels_found, read_labels, taxonomy_from_json
from harness.rows import RowError
from prompts.errors import DatasetError
from prompts.taxonomy import Taxonomy
from tests.data_files import put

TREE = Taxonomy.from_paths([("Strategy", "Defence"), ("Strategy", "War"), ("Puzzle", "Match")])


def read(path: Path) -> Taxonomy:
    return read_labels(path, encoding="utf-8", name=path.name)


def why(gold: GoldReader | RawGold, *names: str) -> tuple[str, str]:
    with pytest.raises(RowError) as error:
        gold.path(names)
    return error.value.kind, error.value.why


def test_class_txt_is_one_name_a_line_in_the_order_of_the_lines(tmp_path: Path) -> None:
    path = put(tmp_path, "class.txt", "射击", " 动作 ", "", "", encoding="utf-8-sig")
    assert read(path) == Taxonomy.flat(["射击", "动作"])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a", "", "b"], "class.txt:2: an empty line between labels: take it out"),
        (["a", "b", "a"], "class.txt:3: label 'a' already stands on line 1: keep one"),
        ([""], "class.txt is empty: at least one label is needed, one a line"),
    ],
)
def test_a_bad_class_txt_names_the_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DatasetError) as error:
        read(put(tmp_path, "class.txt", *lines))
    assert str(error.value) == message


def test_taxonomy_json_keeps_descriptions_aliases_and_children(tmp_path: Path) -> None:
    entries = [
        {"name": "动作", "description": "反应与操作", "children": [{"name": "射击", "aliases": ["FPS"]}]},
        {"name": "Puzzle", "children": [{"name": "Match"}]},
    ]
    path = put(tmp_path, "taxonomy.json", json.dumps(entries, ensure_ascii=False, indent=1))
    taxonomy = read(path)
    assert taxonomy.leaves == (("动作", "射击"), ("Puzzle", "Match"))
    assert taxonomy.to_json() == entries
    assert taxonomy_from_json(taxonomy.to_json()) == taxonomy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n{"name": "a"},\n]', r"^taxonomy.json:3: not JSON \("),
        ('[{"name": "a"}, {"name": "b", "child": []}]', r"^taxonomy.json: at \[1\].child: "),
        ('[{"name": "a", "children": [{"names": "b"}]}]', r"^taxonomy.json: at \[0\].children\[0\].name: "),
        ('{"name": "a"}', r"^taxonomy.json: at the top: .+ expected a list of labels"),
        ('[{"name": "a"}, {"name": "a"}]', r"^taxonomy.json: label 'a' stands twice at the first level"),
        (
            '[{"name": "a"}, {"name": "b", "children": [{"name": "c"}]}]',
            r"^taxonomy.json: .+ different depths",
        ),
        ("", r"^taxonomy.json is empty"),
        ("[]", r"^taxonomy.json: the label set is empty"),
    ],
)
def test_a_bad_taxonomy_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        read(put(tmp_path, "taxonomy.json", text))
    assert "\n" not in str(error.value)


def test_a_label_is_a_name_or_an_index_from_0() -> None:
    gold = GoldReader(Taxonomy.flat(["动作", "射击"]), source="class.txt")
    assert gold.path(("射击",)) == gold.path(("1",)) == ("射击",)
    assert gold.path(("0",)) == ("动作",)


@pytest.mark.parametrize("index", ["2", "-1", "99999999999999999999"])
def test_an_index_out_of_range_says_how_many_labels_there_are(index: str) -> None:
    gold = GoldReader(Taxonomy.flat(["动作", "射击"]), source="class.txt")
    said = f"label {index} is out of range: class.txt has 2 label(s), so 0 to 1"
    assert why(gold, index) == ("label_out_of_range", said)


def test_labels_that_are_numbers_are_never_taken_for_indices() -> None:
    gold = GoldReader(Taxonomy.flat(["1", "2", "3"]), source="class.txt")
    assert gold.path(("2",)) == ("2",)
    assert why(gold, "0") == ("unknown_label", "unknown label '0' (class.txt has '1', '2', '3')")


def test_digits_of_another_script_are_no_index() -> None:
    gold = GoldReader(Taxonomy.flat(["a", "b"]), source="class.txt")
    assert why(gold, "²")[0] == why(gold, "١")[0] == "unknown_label"


def test_an_unknown_label_offers_the_nearest_known_ones() -> None:
    gold = GoldReader(TREE, source="taxonomy.json")
    said = "unknown label 'Defense' below 'Strategy' (did you mean 'Defence'?)"
    assert why(gold, "Strategy", "Defense") == ("unknown_label", said)
    assert why(gold, "Xyz", "War")[1] == "unknown label 'Xyz' (taxonomy.json has 'Strategy', 'Puzzle')"


def test_a_label_below_another_parent_is_unknown() -> None:
    said = "unknown label 'Match' below 'Strategy' (taxonomy.json has 'Defence', 'War')"
    assert why(GoldReader(TREE, source="taxonomy.json"), "Strategy", "Match") == ("unknown_label", said)


@pytest.mark.parametrize("names", [("Puzzle",), ("Puzzle", "Match", "3")])
def test_a_path_of_another_length_says_both_lengths(names: tuple[str, ...]) -> None:
    said = f"the path {' > '.join(names)!r} has {len(names)} level(s), taxonomy.json has 2"
    assert why(GoldReader(TREE, source="taxonomy.json"), *names) == ("unknown_label", said)


@pytest.mark.parametrize("gold", [GoldReader(TREE, source="taxonomy.json"), RawGold()])
def test_a_missing_label_says_at_which_level(gold: GoldReader | RawGold) -> None:
    assert why(gold, "Puzzle", "") == ("no_label", "no label at level 2")
    assert why(gold, "") == ("no_label", "no label")
    assert why(gold) == ("no_label", "no label")


def test_without_a_label_file_the_first_row_sets_the_number_of_levels() -> None:
    gold = RawGold()
    assert gold.path(("a", "b")) == ("a", "b")
    said = "the path 'c' has 1 level(s), the first row's 'a > b' has 2"
    assert why(gold, "c") == ("unknown_label", said)


NAME = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=4)


@settings(deadline=None)
@given(paths=st.lists(st.tuples(NAME, NAME), min_size=1))
def test_found_labels_do_not_depend_on_the_order_of_the_rows(paths: list[tuple[str, str]]) -> None:
    taxonomy = labels_found(paths)
    assert taxonomy == labels_found(reversed(paths))
    assert set(taxonomy.leaves) == set(paths)
    assert all(GoldReader(taxonomy, source="train").path(path) == path for path in paths)
