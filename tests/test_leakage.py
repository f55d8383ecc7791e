from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sameness import NEAR, TextIndex, fingerprint, jaccard, shingles, words
from tests.data_files import loaded, put_labels, put_trial, shared_data

ENGLISH = (
    "Enemies follow the minute hand. Twelve building slots, one per hour, so every second your guns have a "
    "different target. When the short hand strikes, something large emerges at six o'clock."
)
CHINESE = "敌人跟着分针走。十二个建造位，一小时一个，炮口面对的目标每秒都在变。时针一敲响，六点钟方向就会钻出个大家伙。"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (ENGLISH, ENGLISH.upper().replace(",", " ;").replace(" ", "  ")),
        (CHINESE, CHINESE.replace("，", "").replace("。", " ")),
        ("ＡＢＣ　１２３", "abc 123"),
        ("Straße", "STRASSE"),
        ("！！", " ！！"),
    ],
)
def test_width_case_space_and_punctuation_make_no_other_text(left: str, right: str) -> None:
    assert fingerprint(words(left)) == fingerprint(words(right))


@pytest.mark.parametrize(
    ("left", "right"), [("动作", "动 作 片"), ("a b", "ab"), ("2.5", "25"), ("!!", "??"), ("👍", "👎")]
)
def test_other_words_make_another_text(left: str, right: str) -> None:
    assert fingerprint(words(left)) != fingerprint(words(right))


def set_jaccard(left: str, right: str) -> float:
    left_pairs, right_pairs = set(pairwise(left.split())), set(pairwise(right.split()))
    return len(left_pairs & right_pairs) / len(left_pairs | right_pairs)


SENTENCE = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30).map(" ".join)


@settings(deadline=None)
@given(left=SENTENCE, right=SENTENCE)
def test_the_similarity_is_the_jaccard_of_pairs_of_neighbouring_words(left: str, right: str) -> None:
    assert jaccard(shingles(words(left)), shingles(words(right))) == set_jaccard(left, right)


TEXT = st.lists(st.integers(0, 5000), min_size=40, max_size=60, unique=True)


@settings(deadline=None)
@given(numbers=TEXT, others=st.lists(TEXT, max_size=5), data=st.data())
def test_a_text_with_one_word_replaced_is_found_and_its_similarity_is_true(
    numbers: list[int], others: list[list[int]], data: st.DataObject
) -> None:
    index = TextIndex()
    for key, text in enumerate([*others, numbers]):
        index.add(key, [f"w{number}" for number in text])
    changed = [f"w{number}" for number in numbers]
    changed[data.draw(st.integers(0, len(changed) - 1))] = "new"
    match = index.find(changed)
    assert match is not None
    assert not match.exact
    assert NEAR <= match.similarity < 1


@settings(deadline=None)
@given(texts=st.lists(SENTENCE, min_size=1), text=SENTENCE)
def test_a_match_is_never_less_similar_than_it_has_to_be(texts: list[str], text: str) -> None:
    index = TextIndex()
    for key, known in enumerate(texts):
        index.add(key, known.split())
    match = index.find(text.split())
    if match is None:
        assert text not in texts
    elif match.exact:
        assert texts[match.key] == text
    else:
        assert text not in texts
        assert match.similarity == set_jaccard(texts[match.key], text) >= NEAR


def test_an_empty_index_finds_nothing() -> None:
    assert TextIndex().find(["a"]) is None


def leaks(folder: Path, **settings: object) -> list[tuple[str, str, int, tuple[str, ...]]]:
    found = loaded(folder, **settings).findings
    kinds = ("leakage", "overlap", "dev_is_test", "train_in_dev")
    return [(f.severity, f.kind, f.count, f.places) for f in found if f.kind in kinds]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put_labels(tmp_path, "a", "b")
    put_trial(tmp_path, "train.txt", (ENGLISH, "a"), ("something else", "b"), (CHINESE, "a"))
    put_trial(tmp_path, "dev.txt", ("for dev alone", "a"))
    put_trial(tmp_path, "test.txt", ("new", "a"), ("brand new", "b"))
    return tmp_path


def test_the_same_text_in_train_and_test_is_leakage_and_names_the_pair(folder: Path) -> None:
    put_trial(folder, "test.txt", ("new", "a"), ("Something ELSE!", "b"))
    assert leaks(folder) == [("error", "leakage", 1, ("train.txt:2 ~ test.txt:2",))]
    dataset = loaded(folder)
    assert dataset.leakage
    assert dataset.findings[0].where == "test.txt:2"
    assert dataset.findings[0].message == (
        "1 text(s) of test.txt also stand in train.txt, so their labels are seen before the test: "
        "train.txt:2 ~ test.txt:2"
    )


@pytest.mark.parametrize(
    ("changed", "train_line"),
    [(ENGLISH.replace("hour", "minute"), 1), (CHINESE.replace("大家伙", "小家伙"), 3)],
)
def test_nearly_the_same_text_is_leakage_with_its_similarity(
    folder: Path, changed: str, train_line: int
) -> None:
    put_trial(folder, "test.txt", (changed, "a"), ("new", "b"))
    ((severity, kind, count, (pair,)),) = leaks(folder)
    assert (severity, kind, count) == ("error", "leakage", 1)
    assert pair.startswith(f"train.txt:{train_line} ~ test.txt:1 (0.")


def test_texts_that_share_only_a_phrase_do_not_leak(folder: Path) -> None:
    half = " ".join(ENGLISH.split()[:15])
    put_trial(folder, "test.txt", (half, "a"), (CHINESE[:25], "b"))
    assert leaks(folder) == []
    assert not loaded(folder).leakage


def test_a_test_text_in_dev_is_leakage(folder: Path) -> None:
    put_trial(folder, "test.txt", ("new", "a"), ("For dev, alone", "b"))
    assert leaks(folder, dev="dev.txt") == [("error", "leakage", 1, ("dev.txt:1 ~ test.txt:2",))]


@pytest.mark.parametrize("dev", ["test.txt", "./test.txt", "copy.txt", "shuffled.txt"])
def test_dev_being_the_test_set_is_a_finding_of_its_own(folder: Path, dev: str) -> None:
    put_trial(folder, "copy.txt", ("new", "a"), ("brand new", "b"))
    put_trial(folder, "shuffled.txt", ("brand new", "b"), ("new", "a"))
    assert [leak[:3] for leak in leaks(folder, dev=dev)] == [("error", "dev_is_test", 2)]
    assert loaded(folder, dev=dev).leakage


def test_where_nothing_learns_from_train_an_overlap_is_only_a_note(folder: Path) -> None:
    from harness.dataset import load
    from harness.experiment import DataSettings

    put_trial(folder, "test.txt", ("something else", "a"))
    settings = DataSettings(train="train.txt", test="test.txt", labels="class.txt")
    dataset = load(settings, folder=folder, seed=1, needs_train=False)
    assert ("note", "overlap") in [(f.severity, f.kind) for f in dataset.findings]
    assert not dataset.leakage


def test_dev_repeating_train_is_a_warning(folder: Path) -> None:
    put_trial(folder, "dev.txt", ("for dev alone", "a"), ("SOMETHING else", "b"))
    assert leaks(folder, dev="dev.txt") == [("warning", "train_in_dev", 1, ("dev.txt:2",))]


def test_a_thousand_copies_in_train_cost_one_comparison_per_test_text(folder: Path) -> None:
    put_trial(folder, "train.txt", *[(ENGLISH, "a")] * 1000, ("other", "b"))
    put_trial(folder, "test.txt", *[(ENGLISH.replace("hour", "minute") + str(n), "a") for n in range(30)])
    ((_, _, count, places),) = leaks(folder)
    assert count == 30
    assert all(place.startswith("train.txt:1 ~ ") for place in places)
    assert len(places) == 20


def test_the_real_games_have_no_leak() -> None:
    assert leaks(shared_data("iflytek_games"), dev="dev.txt") == []


def test_the_real_apps_have_sixteen_nearly_equal_pairs() -> None:
    folder = shared_data("iflytek_apps")
    files = {split: f"{split}.jsonl" for split in ("train", "dev", "test")}
    ((severity, kind, count, places),) = leaks(folder, **files, labels="taxonomy.json", gold="labels")
    assert (severity, kind, count) == ("error", "leakage", 16)
    assert places[0] == "train.jsonl:3345 ~ test.jsonl:37 (0.88)"
