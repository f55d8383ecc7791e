"""Replies: which label a reply settles on, and when it settles on none."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.read_reply import ReplyReader
from prompts.spelling import fold, plain
from prompts.taxonomy import Label, Taxonomy

GENRES = ReplyReader.for_labels(
    [
        Label(name="Action"),
        Label(name="Puzzle", aliases=("Brain teaser",)),
        Label(name="Puzzle platformer"),
        Label(name="Role-playing", aliases=("RPG",)),
        Label(name="Sports and racing"),
        Label(name="Beat-'em-up"),
    ]
)
CHINESE = ReplyReader.for_labels(
    [
        Label(name="角色扮演"),
        Label(name="动作角色扮演"),
        Label(name="益智", aliases=("Puzzle",)),
        Label(name="动作"),
    ]
)
TREE = Taxonomy(
    (
        Label(
            name="Action",
            children=(
                Label(
                    name="Shooter",
                    children=(
                        Label(name="First-person shooter", aliases=("FPS",)),
                        Label(name="Arcade shoot-'em-up"),
                    ),
                ),
                Label(name="Other", children=(Label(name="General"),)),
            ),
        ),
        Label(name="Puzzle", children=(Label(name="Other", children=(Label(name="General"),)),)),
    )
)
PATHS = ReplyReader.for_paths(TREE)


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("Action", "Action"),
        ("  action.\n", "Action"),
        ("**ACTION**", "Action"),
        ("Ａｃｔｉｏｎ", "Action"),
        ('"Puzzle"', "Puzzle"),
        ("“Puzzle”。", "Puzzle"),
        ("role playing", "Role-playing"),
        ("Role–Playing", "Role-playing"),
        ("It is an RPG!", "Role-playing"),
        ("brain-teaser", "Puzzle"),
        ("Sports & Racing", "Sports and racing"),
        ("beat ’em up", "Beat-'em-up"),
        ("The label is Puzzle.", "Puzzle"),
        ("It could be Puzzle, but the shooting makes me say Action.", "Action"),
        ("Not Puzzle but Action", "Action"),
        ("This is Action, not Puzzle.", "Action"),
        ("Puzzle\n\nThe player moves tiles; there is hardly any action in it.", "Puzzle"),
        ("Answer: Puzzle. It has some elements of Action.", "Puzzle"),
        ("1. Puzzle fits, 2. Action fits better.\nAnswer: Action", "Action"),
        ("Puzzle platformer", "Puzzle platformer"),
        ("I would choose the Puzzle platformer label", "Puzzle platformer"),
        ('{"label": "Puzzle"}', "Puzzle"),
        ('```json\n{"label": "puzzle"}\n```', "Puzzle"),
        ('Here you are: {"label": "Puzzle"} Action packed!', "Puzzle"),
        ('{"reason": "lots of Action", "label": "Puzzle"}', "Puzzle"),
        ('["Puzzle"]', "Puzzle"),
        ("<think>Action? No.</think>Puzzle", "Puzzle"),
        ("Action, hmm...</think>\nPuzzle", "Puzzle"),
        ("标签是Puzzle。", "Puzzle"),
    ],
)
def test_a_clear_answer_is_read(reply: str, label: str) -> None:
    reading = GENRES.read(reply)
    assert (reading.path, reading.failure) == ((label,), None)


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("角色扮演", "角色扮演"),
        ("动作角色扮演", "动作角色扮演"),
        ("这款应用属于动作角色扮演类。", "动作角色扮演"),
        ("标签：「益智」", "益智"),
        ("答案：动作", "动作"),
        ("ｐｕｚｚｌｅ", "益智"),
        ("不是动作，而是角色扮演。", "角色扮演"),
        ("角色 扮演", "角色扮演"),
        ('{"label": "角色扮演"}', "角色扮演"),
    ],
)
def test_a_clear_chinese_answer_is_read(reply: str, label: str) -> None:
    reading = CHINESE.read(reply)
    assert (reading.path, reading.failure) == ((label,), None)


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ('""', "empty"),
        ('{"label": null}', "empty"),
        ("<think>Action, surely", "empty"),
        ("<think>Action</think>", "empty"),
        ("Music", "outside_labels"),
        ('{"label": "Card games"}', "outside_labels"),
        ('{"label": 3}', "outside_labels"),
        ("Label", "outside_labels"),
        ("Puzzler", "outside_labels"),
        ("Non-puzzle", "outside_labels"),
        ("puzzle_game", "outside_labels"),
        ("Music > Puzzle", "outside_labels"),
        ("I cannot decide.", "unreadable"),
        ("Sorry", "unreadable"),
        ("Puzzle or Action", "unreadable"),
        ("Puzzle / Action", "unreadable"),
        ("Puzzle\nAction", "unreadable"),
        ("1. Puzzle\n2. Action", "unreadable"),
        ("Answer: Puzzle or Action", "unreadable"),
        ('{"label": "Puzzle, Action"}', "unreadable"),
        ("The player is quick. The player is clever.", "unreadable"),
        ("not Puzzle", "unreadable"),
    ],
)
def test_what_is_not_clear_is_a_failure(reply: str, failure: str) -> None:
    reading = GENRES.read(reply)
    assert (reading.path, reading.failure) == ((), failure)


def test_chinese_alternatives_are_no_answer() -> None:
    assert CHINESE.read("动作或角色扮演").failure == "unreadable"
    assert CHINESE.read("益智、动作").failure == "unreadable"


def test_an_alias_of_two_labels_is_no_answer() -> None:
    reader = ReplyReader.for_labels(
        [Label(name="Chess", aliases=("Board",)), Label(name="Go", aliases=("Board",))]
    )
    assert reader.read("Board").failure == "unreadable"
    assert reader.read("Chess").path == ("Chess",)


@pytest.mark.parametrize("label", ["C", "C++", "C#", "F#"])
def test_labels_that_differ_in_their_signs_are_told_apart(label: str) -> None:
    reader = ReplyReader.for_labels([Label(name=name) for name in ("C", "C++", "C#", "F#")])
    assert reader.read(label).path == (label,)
    assert reader.read(f"I choose {label}, of course.").path == (label,)


def test_a_stepwise_answer_may_repeat_the_labels_above() -> None:
    reader = ReplyReader.for_labels([Label(name="Shooter"), Label(name="Other")], above=("Action",))
    assert reader.read("Action > Shooter").path == ("Shooter",)
    assert reader.read("Puzzle > Other").path == ()


FPS = ("Action", "Shooter", "First-person shooter")


@pytest.mark.parametrize(
    "reply",
    [
        "Action > Shooter > First-person shooter",
        "action>shooter>first person shooter",
        "Action / Shooter / First-person shooter",
        "Action → Shooter → First‑person shooter",
        "Action -> Shooter -> FPS",
        "Action | Shooter | First-person shooter",
        "First-person shooter",
        "FPS",
        "Shooter > First-person shooter",
        '{"label": "Action > Shooter > First-person shooter"}',
        '{"path": ["Action", "Shooter", "First-person shooter"]}',
        "The path is Action > Shooter > First-person shooter.",
    ],
)
def test_a_path_is_read_with_any_separator_or_by_its_unique_leaf(reply: str) -> None:
    assert PATHS.read(reply).path == FPS
    assert PATHS.read(reply).failure is None


def test_a_leaf_name_that_repeats_needs_its_path() -> None:
    assert PATHS.read("General").failure == "outside_labels"
    assert PATHS.read("Puzzle > Other > General").path == ("Puzzle", "Other", "General")
    assert PATHS.read("Action > Other > General").path == ("Action", "Other", "General")


def test_the_levels_that_were_said_are_kept_when_the_path_is_not_complete() -> None:
    assert PATHS.read("Action > Shooter > Chess").path == ("Action", "Shooter")
    assert PATHS.read("Action > Shooter > Chess").failure == "outside_labels"
    assert PATHS.read("Action > Shooter").path == ("Action", "Shooter")
    assert PATHS.read("Action > Shooter").failure == "unreadable"


def test_a_leaf_below_foreign_parents_is_not_an_answer() -> None:
    assert PATHS.read("Puzzle > Shooter > First-person shooter").failure == "outside_labels"


@pytest.mark.parametrize("name", ["0E0", "1.50", "007", "NaN", "-0", "null", "true"])
@pytest.mark.parametrize("dress", ["{}", " {}\n", '"{}"', '{{"label": "{}"}}'])
def test_a_label_that_is_a_json_value_of_another_kind_keeps_its_spelling(name: str, dress: str) -> None:
    reader = ReplyReader.for_labels([Label(name=name), Label(name="0.0"), Label(name="Other")])
    assert reader.read(dress.format(name)).path == (name,)


def test_a_bare_number_in_json_keeps_its_spelling() -> None:
    reader = ReplyReader.for_labels([Label(name="1.50"), Label(name="0E0"), Label(name="1.5")])
    assert reader.read('{"label": 1.50}').path == ("1.50",)
    assert reader.read('{"label": 0E0}').path == ("0E0",)


NAMES = st.text(st.characters(categories=("L", "N", "Zs")), min_size=1, max_size=12).filter(
    lambda name: plain(name).strip() != ""
)
LABEL_SETS = st.lists(NAMES, min_size=1, max_size=6, unique_by=lambda name: plain(name))


@settings(deadline=None)
@given(LABEL_SETS, st.data())
def test_every_label_answers_for_itself_in_every_dress(names: list[str], data: st.DataObject) -> None:
    reader = ReplyReader.for_labels([Label(name=name) for name in names])
    name = data.draw(st.sampled_from(names))
    dress = data.draw(st.sampled_from(["{}", " {}\n", "**{}**", "{}.", '"{}"', "“{}”"]))
    assert reader.read(dress.format(name)).path == (name,)
    assert reader.read(json.dumps({"label": name}, ensure_ascii=False)).path == (name,)
    assert reader.read(json.dumps(name)).path == (name,)


@settings(deadline=None)
@given(LABEL_SETS, st.text(max_size=80))
def test_any_reply_gives_a_label_that_was_offered_or_a_failure(names: list[str], reply: str) -> None:
    reading = ReplyReader.for_labels([Label(name=name) for name in names]).read(reply)
    assert (reading.failure is None) == (reading.path in {(name,) for name in names})
    assert reading.failure is not None or fold(reply).strip() != ""


@settings(deadline=None)
@given(
    st.sampled_from(["Action", "Puzzle", "RPG"]),
    st.text("abcxyzé", min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from(["", "-", "'"]),
)
def test_a_label_inside_a_longer_word_is_not_an_answer(
    label: str, letters: str, before: bool, joint: str
) -> None:
    word = letters + joint + label if before else label + joint + letters
    assert GENRES.read(word).path == ()
    assert GENRES.read(f"So the answer is {word} for me.").path == ()


@pytest.mark.parametrize(
    "reply",
    [
        "and/or " * 4000,
        "Puzzle " + "or and " * 4000 + "x",
        "{" * 4000,
        '{"a":' * 4000,
        "Action " * 2000,
        "answer is" + " " * 20_000 + "x",
        "<think>" * 4000,
        "- > " * 5000,
    ],
)
def test_a_hostile_reply_is_read_in_reasonable_time(reply: str) -> None:
    start = time.perf_counter()
    GENRES.read(reply)
    PATHS.read(reply)
    assert time.perf_counter() - start < 5
