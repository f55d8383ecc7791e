from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from classifiers.heads import Head, LeafHead, LevelHeads
from classifiers.temperature import (
    BINS,
    FILE,
    HIGHEST,
    LOWEST,
    TEXTS_AT_LEAST,
    TemperatureScaling,
    expected_calibration_error,
    fit_temperature,
    read_temperature,
    write_temperature,
)
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy

FLAT = LeafHead(Taxonomy.flat(["a", "b", "c", "d"]))
TREE = Taxonomy.from_paths([("a", "x"), ("a", "y"), ("b", "z"), ("b", "w")])
HEADS: list[Head] = [FLAT, LeafHead(TREE), LevelHeads(TREE)]


def known_model(head: Head, seed: int, texts: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and gold leaves that are drawn from just these logits' probabilities."""
    rng = np.random.default_rng(seed)
    leaves = 2 * rng.standard_normal((texts, 4))
    probabilities = np.exp(leaves) / np.exp(leaves).sum(axis=1, keepdims=True)
    gold = (probabilities.cumsum(axis=1) > rng.random((texts, 1))).argmax(axis=1)
    if isinstance(head, LevelHeads):
        roots = probabilities.reshape(texts, 2, 2).sum(axis=2)
        return np.hstack([np.log(roots), leaves]), gold
    return leaves, gold


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(HEADS), st.floats(0.3, 5), st.integers(0, 10_000))
def test_a_model_that_is_too_sure_by_a_factor_gets_that_factor(head: Head, factor: float, seed: int) -> None:
    logits, gold = known_model(head, seed)
    fitted = fit_temperature(head, factor * logits, gold)
    assert fitted.kept_because is None
    assert fitted.temperature == pytest.approx(factor, rel=0.15)


@settings(deadline=None)
@given(st.sampled_from(HEADS), st.floats(0.1, 10), st.integers(0, 10_000), st.integers(30, 200))
def test_the_likelihood_never_gets_worse_and_no_other_temperature_does_better(
    head: Head, spread: float, seed: int, texts: int
) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 4, size=texts)
    logits = spread * rng.standard_normal((texts, len(head.outputs)))
    logits[np.arange(texts), gold] += spread
    fitted = fit_temperature(head, logits, gold)
    assert fitted.nll_before is not None
    assert fitted.nll_after is not None
    assert fitted.nll_after <= fitted.nll_before == head.nll(logits, gold)
    assert fitted.nll_after == head.nll(logits, gold, fitted.temperature)
    assume(fitted.kept_because is None)
    grid = np.geomspace(LOWEST, HIGHEST, 60)
    assert fitted.nll_after <= min(head.nll(logits, gold, float(t)) for t in grid) + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(HEADS), st.integers(0, 10_000))
def test_a_model_that_is_scaled_already_stays_as_it_is(head: Head, seed: int) -> None:
    logits, gold = known_model(head, seed, texts=200)
    scaled = logits / fit_temperature(head, logits, gold).temperature
    again = fit_temperature(head, scaled, gold)
    assert again.temperature == pytest.approx(1, abs=1e-4)
    assert again.nll_before is not None
    assert again.nll_after is not None
    assert again.nll_after <= again.nll_before
    assert (again.temperature == 1) == (again.kept_because is not None)


@given(st.integers(0, 10_000), st.floats(LOWEST, HIGHEST))
def test_the_most_probable_leaf_is_the_same_at_every_temperature(seed: int, temperature: float) -> None:
    logits = 4 * np.random.default_rng(seed).standard_normal((20, 4))
    (softmax,) = FLAT.softmaxes
    best = softmax.probabilities(logits).argmax(axis=1)
    assert (softmax.probabilities(logits, temperature).argmax(axis=1) == best).all()
    assert (FLAT.best_leaves(logits) == best).all()


@pytest.mark.parametrize("head", HEADS)
def test_the_calibration_error_of_an_oversure_model_shrinks(head: Head) -> None:
    logits, gold = known_model(head, seed=1)
    fitted = fit_temperature(head, 4 * logits, gold)
    assert fitted.ece_before is not None
    assert fitted.ece_after is not None
    assert fitted.ece_before > 0.15
    assert fitted.ece_after < 0.03


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_the_calibration_error_is_that_of_the_paper(seed: int, texts: int) -> None:
    rng = np.random.default_rng(seed)
    logits, gold = 3 * rng.standard_normal((texts, 4)), rng.integers(0, 4, size=texts)
    probabilities = FLAT.softmaxes[0].probabilities(logits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == gold
    expected = 0.0
    for m in range(1, BINS + 1):
        inside = ((m - 1) / BINS < confidence) & (confidence <= m / BINS)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            expected += inside.sum() / texts * gap
    assert expected_calibration_error(FLAT, logits, gold) == pytest.approx(expected, abs=1e-12)


def test_a_confidence_on_the_edge_of_two_bins_counts_in_the_lower() -> None:
    head = LeafHead(Taxonomy.flat(["a", "b", "c"]))
    logits, gold = np.log(np.array([[1, 1, 1], [0.3, 0.35, 0.35]])), np.array([2, 1])
    # 1/3 is the end of the fifth bin; in one bin with 0.35 the two errors would cancel out.
    expected = ((1 / 3 - 0) + (1 - 0.35)) / 2
    assert expected_calibration_error(head, logits, gold) == pytest.approx(expected)


def test_the_calibration_error_of_levels_is_their_mean() -> None:
    head = LevelHeads(Taxonomy.from_paths([("a", "x"), ("b", "y")]))
    sure, even = 60.0, 0.0
    logits = np.array([[sure, 0, even, 0]] * 2)  # certain of the root, even about the leaf
    gold = np.array([1, 1])  # the root is wrong both times; of equal leaves the first is taken, also wrong
    assert expected_calibration_error(head, logits, gold) == pytest.approx((1.0 + 0.5) / 2)


def test_too_few_texts_keep_the_probabilities_as_they_are() -> None:
    logits, gold = known_model(FLAT, seed=1, texts=TEXTS_AT_LEAST - 1)
    fitted = fit_temperature(FLAT, 4 * logits, gold)
    assert (fitted.temperature, fitted.texts, fitted.nll_before) == (1.0, 29, None)
    assert fitted.kept_because == "29 dev texts are too few to fit it: 30 are needed"


def test_no_text_at_all_keeps_the_probabilities_as_they_are() -> None:
    assert fit_temperature(FLAT, np.zeros((0, 4)), np.zeros(0, dtype=np.intp)).temperature == 1.0


@pytest.mark.parametrize("margin", [1e-3, 1.0, 15.0, 36.0, 1000.0])
@pytest.mark.parametrize("head", HEADS)
def test_texts_that_are_all_answered_right_do_not_make_the_model_certain(head: Head, margin: float) -> None:
    gold = np.arange(40) % 4
    logits = np.zeros((40, len(head.outputs)))
    for softmax in head.softmaxes:
        own = np.zeros((40, softmax.outputs.stop - softmax.outputs.start))
        own[np.arange(40), softmax.target_of_leaf[gold]] = margin
        logits[:, softmax.outputs] = own
    fitted = fit_temperature(head, logits, gold)
    assert fitted.temperature == 1.0
    assert fitted.nll_after == fitted.nll_before
    assert fitted.kept_because is not None
    assert fitted.kept_because.startswith("every dev text is answered right")


def test_a_model_that_knows_less_than_nothing_is_not_made_even() -> None:
    gold = np.arange(40) % 4
    logits = -3.0 * np.eye(4)[gold]
    fitted = fit_temperature(FLAT, logits, gold)
    assert fitted.temperature == 1.0
    assert fitted.kept_because == "the best one for the dev set lies outside 0.05 to 20.0"


def test_outputs_that_are_all_equal_keep_the_temperature() -> None:
    fitted = fit_temperature(FLAT, np.zeros((40, 4)), np.arange(40) % 4)
    assert fitted.temperature == 1.0
    assert fitted.nll_after == pytest.approx(np.log(4))


def test_one_label_keeps_the_temperature() -> None:
    head = LeafHead(Taxonomy.flat(["only"]))
    fitted = fit_temperature(head, np.ones((40, 1)), np.zeros(40, dtype=np.intp))
    assert (fitted.temperature, fitted.nll_after, fitted.ece_after) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_no_numbers_keep_the_temperature(broken: float) -> None:
    logits, gold = known_model(FLAT, seed=1, texts=40)
    logits[3, 2] = broken
    fitted = fit_temperature(FLAT, logits, gold)
    assert fitted.temperature == 1.0
    assert fitted.kept_because == "the model's outputs are not all finite numbers"


def test_huge_outputs_are_fitted_without_overflow() -> None:
    logits, gold = known_model(FLAT, seed=1)
    fitted = fit_temperature(FLAT, (15 * logits).astype(np.float32) + np.float32(1e4), gold)
    assert fitted.temperature == pytest.approx(15, rel=0.15)
    assert fit_temperature(FLAT, 1e38 * logits, gold).temperature == 1.0


def test_equal_input_gives_equal_bytes_and_no_half_file_stays(tmp_path: Path) -> None:
    logits, gold = known_model(FLAT, seed=1, texts=500)
    written = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        write_temperature(folder, fit_temperature(FLAT, 2 * logits, gold))
        written.append((folder / FILE).read_bytes())
        assert [file.name for file in folder.iterdir()] == [FILE]
    assert written[0] == written[1]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    logits, gold = known_model(FLAT, seed=1, texts=500)
    scaling = fit_temperature(FLAT, 2 * logits, gold)
    write_temperature(tmp_path, TemperatureScaling(temperature=3.0))
    write_temperature(tmp_path, scaling)
    assert read_temperature(tmp_path) == scaling


def test_a_folder_without_a_temperature_leaves_the_probabilities_as_they_are(tmp_path: Path) -> None:
    assert read_temperature(tmp_path).temperature == 1.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[1, 2]", "cannot be read"),
        ('{"temperature": 2.0, "heat": 1}', "cannot be read"),
        ('{"temperature": "warm"}', "cannot be read"),
        ('{"temperature": 0}', "is 0, expected a number above 0"),
        ('{"temperature": -1.5}', "is -1.5, expected a number above 0"),
        ('{"temperature": NaN}', "is nan, expected a number above 0"),
    ],
)
def test_a_damaged_temperature_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(ClassifierError, match=message):
        read_temperature(tmp_path)


def test_the_file_names_what_was_measured(tmp_path: Path) -> None:
    logits, gold = known_model(FLAT, seed=1, texts=500)
    write_temperature(tmp_path, fit_temperature(FLAT, 2 * logits, gold))
    fields = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert fields["texts"] == 500
    assert fields["nll_after"] < fields["nll_before"]
    assert fields["kept_because"] is None
