import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.taxonomy import Taxonomy
from reports import score_arrays
from reports.arrays import read_answers, read_test_set
from reports.label_quality import find_suspects
from reports.page import render
from reports.scores import score
from tests.scored_run import with_wrong_labels
from tests.simulated_run import FLAT, classifier, examples, of_quality, row, run, three_classifiers

TWO = {"bert": 3.0, "tfidf": 2.5}


def found(made):
    quality = score(made.data)["label_quality"]
    return quality, [entry["id"] for entry in quality["review"]]


def test_planted_wrong_labels_come_first_in_the_list():
    made = with_wrong_labels(rows=800, labels=8, wrong=0.05, skill=TWO)
    quality, ids = found(made)
    agreed = [entry["id"] for entry in quality["review"] if len(entry["agree"]) > 1]
    hits = len(made.wrong & set(agreed))
    print(
        f"{len(made.wrong)} planted, {quality['suspects']} suspects, {quality['agreed']} agreed: "
        f"precision {hits / len(agreed):.2f}, recall {hits / len(made.wrong):.2f}"
    )
    assert ids[: len(agreed)] == agreed
    assert quality["agreed"] == len(agreed)
    assert hits / len(agreed) > 0.9
    assert hits / len(made.wrong) > 0.7


def test_right_labels_are_rarely_doubted_by_two():
    quality, _ = found(with_wrong_labels(rows=800, labels=8, wrong=0, skill=TWO))
    print(f"no wrong label: {quality['suspects']} suspects, {quality['agreed']} agreed of 800")
    assert quality["agreed"] <= 8
    assert quality["suspects"] <= 80


def test_a_strong_classifier_alone_finds_them_too():
    made = with_wrong_labels(rows=800, labels=8, wrong=0.05, skill={"bert": 4.0})
    quality, ids = found(made)
    hits = len(made.wrong & set(ids))
    print(f"alone: {len(made.wrong)} planted, {len(ids)} suspects, {hits} of them wrong")
    assert hits / len(ids) > 0.9
    assert hits / len(made.wrong) > 0.85
    assert quality["agreed"] == 0
    assert "weak evidence" in render(made.data, score(made.data))


def test_an_llm_without_scores_counts_among_those_who_agree():
    made = with_wrong_labels(rows=400, labels=8, wrong=0.05, skill={"bert": 3.0})
    test = list(made.data.test)
    alone = {entry["id"]: entry for entry in score(made.data)["label_quality"]["review"]}
    said = [
        row(one.id, alone[one.id]["suggested"] if one.id in alone and one.id in made.wrong else one.gold)
        for one in test
    ]
    llm = classifier("llm", said, kind="llm")
    quality = score(replace(made.data, classifiers=[*made.data.classifiers, llm]))["label_quality"]
    assert list(quality["classifiers"]) == ["bert"]
    for entry in quality["review"]:
        assert entry["agree"] == (["bert", "llm"] if entry["id"] in made.wrong else ["bert"])
        assert entry["answered_gold"] == ([] if entry["id"] in made.wrong else ["llm"])
    assert [len(entry["agree"]) for entry in quality["review"]] == sorted(
        (len(entry["agree"]) for entry in quality["review"]), reverse=True
    )


def test_a_further_seed_does_not_agree_with_its_first():
    made = with_wrong_labels(rows=200, labels=4, wrong=0.05, skill={"bert": 3.0})
    (first,) = made.data.classifiers
    second = replace(first, name="bert-seed2", further_seed_of="bert", seed=2)
    quality = score(replace(made.data, classifiers=[replace(first, seed=1), second]))["label_quality"]
    assert quality["suspects"] > 0
    assert all(entry["agree"] == ["bert"] for entry in quality["review"])


@pytest.mark.parametrize("wrong", [0.0, 0.1])
def test_the_probabilities_of_an_entry_are_the_margin_that_cleanlab_ranks_by(wrong):
    made = with_wrong_labels(rows=300, labels=6, wrong=wrong, skill={"bert": 2.0})
    test = read_test_set(made.data)
    (one,) = made.data.classifiers
    scores = read_answers(made.data, one, test).label_scores
    margins = get_label_quality_scores(test.gold[:, -1], scores.probabilities, method="normalized_margin")
    entries = score(made.data)["label_quality"]["review"]
    assert entries
    for entry in entries:
        gap = entry["suggested_score"] - entry["gold_score"]
        assert (1 - gap) / 2 == pytest.approx(margins[test.row_of[entry["id"]]], abs=1e-5)


def test_no_more_than_fifty_are_listed_each_once():
    quality, ids = found(with_wrong_labels(rows=1500, labels=8, wrong=0.1, skill={"a": 1.0, "b": 1.0}))
    assert quality["suspects"] > 50 == len(ids) == len(set(ids))


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 80),
    labels=st.integers(2, 6),
    wrong=st.floats(0, 1),
    skills=st.lists(st.floats(0, 5), min_size=1, max_size=3),
    seed=st.integers(0, 1000),
)
def test_whatever_the_answers_are_the_list_is_of_real_rows_and_the_same_each_time(
    rows, labels, wrong, skills, seed
):
    skill = {f"c{n}": one for n, one in enumerate(skills)}
    made = with_wrong_labels(rows=rows, labels=labels, wrong=wrong, skill=skill, seed=seed)
    first, second = (json.dumps(score(made.data)["label_quality"], allow_nan=False) for _ in range(2))
    assert first == second
    quality = json.loads(first)
    gold = {one.id: list(one.gold) for one in made.data.test}
    assert quality["available"] == (quality["reason"] is None)
    assert quality["agreed"] <= quality["suspects"] <= rows
    for entry in quality["review"]:
        assert gold[entry["id"]] == entry["gold"] != entry["suggested"]
        assert entry["agree"]
        assert not set(entry["agree"]) & set(entry["answered_gold"])
        assert 0 <= entry["gold_score"] <= entry["suggested_score"] <= 1


@pytest.mark.parametrize(
    ("golds", "scores", "reason"),
    [
        (FLAT * 20, None, "no_scores"),
        (FLAT * 20, {"Action": 0.9, "Puzzle": 0.1}, "no_scores"),  # one label has no probability
        (FLAT * 20, {"Action": 0.9, "Puzzle": 0.1, "Strategy": 0.3}, "no_scores"),  # they do not sum to 1
        (FLAT * 9, {"Action": 0.5, "Puzzle": 0.3, "Strategy": 0.2}, "few_rows"),
        (FLAT[:1] * 60, {"Action": 0.5, "Puzzle": 0.3, "Strategy": 0.2}, "one_label"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_where_nothing_can_be_checked_the_reason_is_given(golds, scores, reason, language):
    test = examples(golds)
    rows = [row(one.id, FLAT[0], scores=[scores] if scores else None) for one in test]
    data = run(
        test, [classifier("bert", rows)], taxonomy=Taxonomy.from_paths(FLAT), data={}, language=language
    )
    got = score(data)
    assert got["label_quality"] == {
        "available": False,
        "reason": reason,
        "level": 1,
        "sampled": False,
        "classifiers": {},
        "suspects": 0,
        "agreed": 0,
        "review": [],
    }
    assert '<section id="label_quality"' in render(data, got)


def test_too_many_probabilities_are_sampled_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(score_arrays, "MOST_CELLS", 8 * 300)
    made = with_wrong_labels(rows=1000, labels=8, wrong=0.05, skill=TWO)
    quality, ids = found(made)
    assert quality["sampled"]
    assert {one["n"] for one in quality["classifiers"].values()} == {300}
    assert ids
    assert "300 of the 1,000 texts" in render(made.data, score(made.data))
    assert found(made) == (quality, ids)


def test_cleanlab_is_not_imported_where_no_classifier_has_scores():
    code = (
        "import sys\n"
        "from reports.scores import score\n"
        "from tests.simulated_run import three_classifiers\n"
        "score(three_classifiers(60))\n"
        "print(sorted({'cleanlab', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_list_on_the_page_shows_the_text_both_labels_and_who_agrees():
    made = with_wrong_labels(rows=300, labels=8, wrong=0.05, skill=TWO)
    attack = "<script>alert(1)</script>"
    data = replace(made.data, test=[replace(one, text=attack + one.text) for one in made.data.test])
    for language in ("en", "zh"):
        data = replace(data, language=language)
        html = render(data, scores := score(data))
        section = html[html.index('<section id="label_quality"') :].split("</section>")[0]
        assert attack not in html
        for entry in scores["label_quality"]["review"]:
            assert entry["id"] in section
            assert " › ".join(entry["suggested"]) in section


def test_suspects_are_rows_of_the_sample_not_places_in_it():
    made = with_wrong_labels(rows=400, labels=4, wrong=0.1, skill={"bert": 4.0})
    test = read_test_set(made.data)
    scores = read_answers(made.data, made.data.classifiers[0], test).label_scores
    half = replace(scores, rows=scores.rows[200:], probabilities=scores.probabilities[200:])
    suspects = find_suspects(test.gold[:, -1], half)
    wrong = {test.row_of[id_] for id_ in made.wrong}
    assert suspects.n == 200
    assert suspects.rows.min() >= 200
    assert np.mean([place in wrong for place in suspects.rows.tolist()]) > 0.9


def test_a_run_without_scores_is_told_so_on_the_page():
    data = three_classifiers(40)
    assert "so the test labels could not be checked" in render(data, score(data))


def test_classifiers_that_only_guess_do_not_make_a_list_of_agreed_labels():
    made = with_wrong_labels(rows=600, labels=8, wrong=0, skill=TWO)
    guess = classifier("llm", of_quality("llm", list(made.data.test), 0.0, made.data.taxonomy.leaves))
    quality = score(replace(made.data, classifiers=[*made.data.classifiers, guess]))["label_quality"]
    assert quality["agreed"] < 20


def keys(part):
    if isinstance(part, dict):
        yield from part
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from keys(one)


def test_every_key_of_the_calibration_and_of_the_list_is_documented():
    scores = score(with_wrong_labels(rows=200, labels=8, wrong=0.1, skill=TWO).data)
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_0-9]+)`", readme[readme.index("## scores.json") :]))
    for part in (scores["label_quality"], scores["classifiers"]["bert"]["calibration"]):
        assert set(keys(part)) - named - set(TWO) == set()


def test_of_labels_doubted_alike_the_one_with_the_widest_gap_comes_first():
    golds = [FLAT[place % 3] for place in range(90)]
    test = examples(golds)
    rows = []
    gaps = {
        "app-0000": (0.05, 0.85),
        "app-0003": (0.01, 0.98),
        "app-0006": (0.1, 0.82),
    }  # of gold, of another
    for one in test:
        own, other = gaps.get(one.id, (0.8, 0.1))
        scores = {path[0]: round(1 - own - other, 6) for path in FLAT}
        second = FLAT[(FLAT.index(one.gold) + 1) % 3]
        scores |= {one.gold[0]: own, second[0]: other}
        rows.append(row(one.id, second if one.id in gaps else one.gold, scores=[scores]))
    data = run(test, [classifier("bert", rows)], taxonomy=Taxonomy.from_paths(FLAT), data={})
    review = score(data)["label_quality"]["review"]
    # Nobody else agrees or answers gold, so that the gaps decide: 0.97, 0.80, 0.72.
    assert [entry["id"] for entry in review] == ["app-0003", "app-0000", "app-0006"]
    assert {tuple(entry["agree"]) for entry in review} == {("bert",)}


def test_the_section_opens_with_how_often_those_who_doubt_are_wrong_and_leads_with_what_two_agree_on():
    for skill, opening in (
        (TWO, "wrong themselves in some texts"),
        ({"bert": 1.5, "tfidf": 1.0}, "often wrong"),
    ):
        made = with_wrong_labels(rows=800, labels=8, wrong=0.05, skill=skill)
        scores = score(made.data)
        page = render(made.data, scores).replace("\N{NO-BREAK SPACE}", " ")
        bert = 1 - scores["classifiers"]["bert"]["levels"][-1]["accuracy"]["value"]
        assert page.index(opening) < page.index(f"For {scores['label_quality']['agreed']} of 800 labels")
        assert f"(bert in {100 * bert:.0f} % and tfidf in " in page
