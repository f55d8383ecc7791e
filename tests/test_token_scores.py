"""Probabilities of the labels from the log-probabilities of a reply's tokens."""

import math

import pytest

from classifiers.token_scores import Token, answer_scores, calibrated
from prompts.errors import ClassifierError


def tokens(*parts: tuple[str, dict[str, float]]) -> list[Token]:
    """Each part: what was said, and the probabilities at its place."""
    return [
        Token(said=said.encode(), alternatives={t.encode(): math.log(p) for t, p in chances.items()})
        for said, chances in parts
    ]


def test_alternatives_of_the_first_token_share_the_rest() -> None:
    reply = tokens(("Puz", {"Puz": 0.7, "Act": 0.2, "The": 0.1}), ("zle", {"zle": 1.0}))
    scores = answer_scores(reply, "Puzzle", ["Puzzle", "Action", "Sports"])
    assert scores == {"Puzzle": pytest.approx(7 / 9), "Action": pytest.approx(2 / 9), "Sports": 0.0}


def test_a_label_that_begins_like_another_is_told_apart_at_the_token_where_they_part() -> None:
    reply = tokens(("Run", {"Run": 1.0}), ('"', {'"': 0.6, "ner": 0.4}))
    assert answer_scores(reply, "Run", ["Run", "Runner"]) == pytest.approx({"Run": 0.6, "Runner": 0.4})
    reply = tokens(("Run", {"Run": 1.0}), ("ner", {'"': 0.6, "ner": 0.4}))
    assert answer_scores(reply, "Runner", ["Run", "Runner"]) == pytest.approx({"Run": 0.6, "Runner": 0.4})


def test_json_around_the_label_and_a_token_that_holds_both_are_passed_over() -> None:
    reply = tokens(
        ('{"label"', {'{"label"': 0.5, "Action": 0.5}),
        (': "P', {': "P': 0.8, ': "A': 0.2}),
        ("uzzle", {"uzzle": 1.0}),
        ('"}', {'"}': 1.0}),
    )
    assert answer_scores(reply, "Puzzle", ["Puzzle", "Action"]) == pytest.approx(
        {"Puzzle": 0.8, "Action": 0.2}
    )


def test_an_alternative_that_leads_to_several_answers_is_shared_between_them() -> None:
    reply = tokens(("P", {"P": 0.4, "S": 0.6}), ("uzzle", {"uzzle": 1.0}))
    scores = answer_scores(reply, "Puzzle", ["Puzzle", "Sports", "Strategy"])
    assert scores == pytest.approx({"Puzzle": 0.4, "Sports": 0.3, "Strategy": 0.3})


def test_chinese_labels_whose_characters_are_cut_between_tokens_are_read_by_their_bytes() -> None:
    first, second = "益智".encode()[:2], "益智".encode()[2:]
    other = "动作".encode()
    reply = [
        Token(said=first, alternatives={first: math.log(0.75), other: math.log(0.25)}),
        Token(said=second, alternatives={second: 0.0}),
    ]
    assert answer_scores(reply, "益智", ["益智", "动作"]) == pytest.approx({"益智": 0.75, "动作": 0.25})


def test_the_last_mention_is_the_answer_and_case_does_not_matter() -> None:
    reply = tokens(("Action? No: ", {"Action? No: ": 1.0}), ("action", {"action": 0.9, "puzzle": 0.1}))
    scores = answer_scores(reply, "Action", ["Action", "Puzzle"])
    assert scores == pytest.approx({"Action": 0.9, "Puzzle": 0.1})


def test_a_reply_by_an_alias_tells_nothing() -> None:
    assert answer_scores(tokens(("brain teaser", {"brain teaser": 1.0})), "Puzzle", ["Puzzle"]) is None


def test_calibration_divides_out_the_answers_to_texts_that_say_nothing() -> None:
    bias = [{"a": 0.9, "b": 0.1}, {"a": 0.7, "b": 0.3}]
    assert calibrated({"a": 0.8, "b": 0.2}, bias) == pytest.approx({"a": 0.5, "b": 0.5})
    with pytest.raises(ClassifierError, match="leave calibrate out"):
        calibrated({"a": 0.8, "b": 0.2}, [])


def test_capitals_beyond_ascii_are_read() -> None:
    reply = tokens(("Игры", {"Игры": 0.9, "Музыка": 0.1}))
    assert answer_scores(reply, "Игры", ["Игры", "Музыка"]) == pytest.approx({"Игры": 0.9, "Музыка": 0.1})
