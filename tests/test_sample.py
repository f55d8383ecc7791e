"""The built-in sample: what the README promises about its data, its labels and its two experiments."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from harness.dataset import load
from harness.experiment_file import BUILT_IN, SAMPLE_FOLDER, find, read
from harness.labels import read_labels
from prompts.taxonomy import Label, Taxonomy

SPLITS = {"train": 1360, "dev": 240, "test": 800}
LANGUAGES = ("en", "zh")
HAN = re.compile(r"[一-鿿]")
LATIN_WORD = re.compile(r"[A-Za-z]{2,}")


def rows(split: str) -> list[dict[str, Any]]:
    with (SAMPLE_FOLDER / f"{split}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def every_row() -> Iterator[dict[str, Any]]:
    for split in SPLITS:
        yield from rows(split)


def taxonomy(language: str) -> Taxonomy:
    file = f"taxonomy_{language}.json"
    return read_labels(SAMPLE_FOLDER / file, encoding="utf-8", name=file)


def levels(tree: Taxonomy) -> list[list[Label]]:
    out = [list(tree.roots)]
    while any(label.children for label in out[-1]):
        out.append([child for label in out[-1] for child in label.children])
    return out


def as_a_reply_spells_it(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in folded if char.isalnum())


@pytest.mark.parametrize(("split", "count"), SPLITS.items())
def test_each_split_has_the_promised_number_of_apps(split: str, count: int) -> None:
    assert len(rows(split)) == count


def test_no_id_is_used_twice_within_or_across_splits() -> None:
    assert [id_ for id_, times in Counter(row["id"] for row in every_row()).items() if times > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_stands_in_two_splits(language: str) -> None:
    texts = {split: {row[f"text_{language}"].casefold() for row in rows(split)} for split in SPLITS}
    assert not texts["test"] & (texts["train"] | texts["dev"])
    assert not texts["dev"] & texts["train"]


def test_every_app_has_a_name_and_a_text_in_both_languages() -> None:
    columns = [f"{what}_{language}" for what in ("name", "text") for language in LANGUAGES]
    assert [(row["id"], column) for row in every_row() for column in columns if not row[column].strip()] == []


def test_hard_is_a_boolean_true_for_about_one_app_in_six() -> None:
    flags = [row["hard"] for row in every_row()]
    assert {type(flag) for flag in flags} == {bool}
    assert 1 / 8 < sum(flags) / len(flags) < 1 / 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tree_has_8_24_and_48_labels(language: str) -> None:
    assert [len(paths) for paths in taxonomy(language).nodes] == [8, 24, 48]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", SPLITS)
def test_every_gold_path_is_a_leaf_and_every_leaf_has_examples(language: str, split: str) -> None:
    paths = {tuple(row[f"labels_{language}"]) for row in rows(split)}
    assert paths == set(taxonomy(language).leaves)


def test_both_languages_tag_each_app_with_the_same_leaf() -> None:
    translation = dict(zip(taxonomy("en").leaves, taxonomy("zh").leaves, strict=True))
    assert [
        row["id"] for row in every_row() if translation[tuple(row["labels_en"])] != tuple(row["labels_zh"])
    ] == []


def test_every_label_is_described_in_english_in_6_to_16_words() -> None:
    wrong = [
        label.description
        for level in levels(taxonomy("en"))
        for label in level
        if not 6 <= len(label.description.split()) <= 16 or HAN.search(label.description)
    ]
    assert wrong == []


def test_every_label_is_described_in_chinese_in_10_to_30_characters() -> None:
    wrong = [
        label.description
        for level in levels(taxonomy("zh"))
        for label in level
        if not 10 <= len(label.description) <= 30
        or not HAN.search(label.description)
        or LATIN_WORD.search(label.description)
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_labels_share_a_description(language: str) -> None:
    described = Counter(label.description for level in levels(taxonomy(language)) for label in level)
    assert [text for text, times in described.items() if times > 1 or "\n" in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_description_uses_the_name_of_a_label(language: str) -> None:
    described = [label for level in levels(taxonomy(language)) for label in level]
    names = [label.name.casefold() for label in described]
    assert [
        (label.name, name) for label in described for name in names if name in label.description.casefold()
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_alias_can_be_read_as_another_label_of_its_level(language: str) -> None:
    for level in levels(taxonomy(language)):
        owners: dict[str, str] = {}
        for label in level:
            for spelling in {as_a_reply_spells_it(name) for name in (label.name, *label.aliases)}:
                assert spelling, f"{label.name!r} has an alias without a letter or digit"
                assert spelling not in owners, (
                    f"{label.name!r} and {owners[spelling]!r} can both be {spelling!r}"
                )
                owners[spelling] = label.name


@pytest.mark.parametrize(("name", "language"), [("sample", "en"), ("sample-zh", "zh")])
def test_a_built_in_experiment_is_valid_and_names_columns_and_files_that_exist(
    name: str, language: str
) -> None:
    experiment = read(find(name)).experiment
    assert experiment.compare.language == language
    assert experiment.data.meta == ["hard"]
    columns = set(rows("test")[0])
    assert {*experiment.data.text_columns, *experiment.data.gold_columns, experiment.data.id} <= columns
    for file in (experiment.data.train, experiment.data.dev, experiment.data.test, experiment.data.labels):
        assert isinstance(file, str)
        assert (SAMPLE_FOLDER / file).is_file()
    assert {settings.kind for settings in experiment.classifiers.values()} == {"baseline", "bert", "llm"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_data_checks_find_nothing_wrong_with_a_built_in_experiment(name: str) -> None:
    file = read(find(name))
    dataset = load(file.experiment.data, folder=file.folder, seed=file.experiment.seed)
    assert [finding.message for finding in dataset.findings] == []
    assert (len(dataset.train), len(dataset.dev), len(dataset.test)) == tuple(SPLITS.values())


def test_the_two_built_in_experiments_differ_in_language_only() -> None:
    english, chinese = (read(find(name)).experiment for name in BUILT_IN)
    assert english.classifiers["bert"] == chinese.classifiers["bert"]
    assert english.classifiers["tfidf"] == chinese.classifiers["tfidf"]
    assert english.compare.machine_usd_per_hour == chinese.compare.machine_usd_per_hour


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "sample",
            ["language model's help", "free of noise", "LLMs beat BERT, or the reverse", "tiny and weak"],
        ),
        ("sample-zh", ["借助语言模型", "几乎没有噪声", "证明大模型胜过 BERT，或者相反", "又小又弱"]),
    ],
)
def test_the_note_for_the_report_says_what_the_sample_cannot_show(name: str, said: list[str]) -> None:
    note = read(find(name)).experiment.data.note or ""
    assert [words for words in said if words not in note] == []
