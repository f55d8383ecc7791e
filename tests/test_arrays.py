import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.taxonomy import Taxonomy
from reports import score_arrays
from reports.arrays import read_answers, read_test_set
from tests.simulated_run import PATHS, classifier, examples, row, run

TAXONOMY = Taxonomy.from_paths(PATHS)
NAMES = [[TAXONOMY.display_names[path] for path in paths] for paths in TAXONOMY.nodes]


def answers_of(test, rows, taxonomy=TAXONOMY):
    data = run(test, [classifier("bert", rows)], taxonomy=taxonomy, data={})
    return read_answers(data, data.classifiers[0], read_test_set(data))


@st.composite
def scored_rows(draw):
    """Rows whose levels are scored in full, in part, not to a sum of 1, in another order, or not at all."""
    test = examples(draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=12)))
    rows = []
    for one in test:
        levels = []
        for names in NAMES:
            kept = draw(st.permutations(names))[: draw(st.integers(1, len(names)))]
            weights = [draw(st.integers(1, 9)) for _ in kept]
            total = sum(weights) * draw(st.sampled_from([1, 1, 1, 2]))
            levels.append({name: weight / total for name, weight in zip(kept, weights, strict=True)})
        path = draw(st.sampled_from(PATHS))
        kind = draw(st.sampled_from(["scored", "scored", "scored", "plain", "failed", "missing"]))
        if kind == "failed":
            rows.append(row(one.id, path[:1], failure="unreadable", scores=levels))
        elif kind != "missing":
            rows.append(row(one.id, path, scores=levels if kind == "scored" else None))
    return test, rows


@settings(deadline=None, max_examples=200)
@given(scored_rows())
def test_the_arrays_say_what_the_scores_say(made):
    test, rows = made
    got = answers_of(test, rows)
    by_id = {one["id"]: one for one in rows}
    for place, one in enumerate(test):
        said = by_id.get(one.id)
        for level in range(2):
            scores = said["scores"][level] if said and said["scores"] else None
            figures = (
                got.confidence[place, level],
                got.gold_score[place, level],
                got.squares[place, level],
            )
            if scores is None:
                assert np.isnan(figures).all()
                continue
            gold = TAXONOMY.display_names[one.gold[: level + 1]]
            path = tuple(said["path"])
            answer = TAXONOMY.display_names[path[: level + 1]] if len(path) > level else None
            whole = sum(scores.values()) == pytest.approx(1)
            squares = sum(p * p for p in scores.values()) if whole else np.nan
            expected = (scores.get(answer, np.nan), scores.get(gold, 0.0), squares)
            assert figures == pytest.approx(expected, nan_ok=True, abs=1e-6)
            if level == 1 and got.label_scores is not None:
                kept = got.label_scores.probabilities[place]
                if whole and len(scores) == len(NAMES[1]):
                    assert kept == pytest.approx([scores[name] for name in NAMES[1]], abs=1e-6)
                else:
                    assert np.isnan(kept).all()


def test_without_scores_nothing_is_kept_of_them():
    test = examples(PATHS)
    got = answers_of(test, [row(one.id, one.gold) for one in test])
    assert np.isnan(got.confidence).all()
    assert np.isnan(got.gold_score).all()
    assert np.isnan(got.squares).all()
    assert got.label_scores is None


def test_the_scores_of_the_last_answer_to_a_text_count():
    test = examples(PATHS[:2])
    full = [{"Action": 0.5, "Puzzle": 0.3, "Strategy": 0.2}, dict(zip(NAMES[1], [0.2] * 5, strict=True))]
    first = [row(one.id, one.gold, scores=full) for one in test]
    got = answers_of(test, [*first, row(test[0].id, [], failure="request_failed")])
    assert np.isnan(got.confidence[0]).all()
    assert np.isnan(got.gold_score[0]).all()
    assert np.isnan(got.label_scores.whole().probabilities).sum() == 0
    assert got.label_scores.whole().rows.tolist() == [1]
    assert got.confidence[1].tolist() == pytest.approx([0.5, 0.2])


def test_a_name_that_repeats_within_a_level_is_read_by_its_whole_path():
    taxonomy = Taxonomy.from_paths([("Action", "Other"), ("Puzzle", "Other")])
    test = examples([("Puzzle", "Other")])
    scores = [{"Action": 0.4, "Puzzle": 0.6}, {"Action > Other": 0.4, "Puzzle > Other": 0.6}]
    got = answers_of(test, [row(test[0].id, ("Action", "Other"), scores=scores)], taxonomy)
    assert got.confidence[0].tolist() == pytest.approx([0.4, 0.4])
    assert got.gold_score[0].tolist() == pytest.approx([0.6, 0.6])


def test_a_level_that_says_nothing_has_no_scores():
    test = examples(PATHS[:1])
    got = answers_of(test, [row(test[0].id, PATHS[0], scores=[{}, {"Shooter": 0.7}])])
    assert np.isnan(got.gold_score[0, 0])
    assert got.confidence[0, 1] == pytest.approx(0.7)


def test_of_more_probabilities_than_fit_the_same_sample_of_rows_is_kept(monkeypatch):
    monkeypatch.setattr(score_arrays, "MOST_CELLS", 5 * 20)
    test = examples([PATHS[i % 5] for i in range(100)])
    rows = [row(one.id, one.gold, scores=[{}, dict(zip(NAMES[1], [0.2] * 5, strict=True))]) for one in test]
    first, second = (answers_of(test, rows).label_scores for _ in range(2))
    assert first.probabilities.shape == (20, 5)
    assert first.rows.tolist() == second.rows.tolist() == sorted(set(first.rows.tolist()))
    assert not np.isnan(first.probabilities).any()
