"""Several trainings of one classifier: their names, their figures, and that the verdict knows only the first."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.settings import BaselineSettings, BertSettings
from harness.experiment_file import read
from harness.seeds import parts
from prompts.errors import ConfigError
from prompts.taxonomy import Taxonomy
from reports.page import render
from reports.scores import score
from reports.summary import summary
from reports.wording import SPACE
from reports.wording_terms import TEXTS as TERMS
from tests.command import harness
from tests.simulated_run import FLAT, answered, classifier, examples, run, three_classifiers, with_seeds
from tests.tiny_encoders import make_encoder
from tests.tiny_training import DEV, TRAIN, WORDS

BERT = BertSettings(kind="bert", base="a-base")


def flat(*rights, rows=249, other=None, **more):
    """The seeds of `bert` on flat labels, each with its number of right answers, and `tfidf` with its own."""
    test = examples([FLAT[i % 3] for i in range(rows)])
    wrong = {FLAT[0]: FLAT[1], FLAT[1]: FLAT[2], FLAT[2]: FLAT[0]}

    def of(right, name, **more):
        paths = [one.gold if i in right else wrong[one.gold] for i, one in enumerate(test)]
        return classifier(name, answered(test, paths), **more)

    first, *further = (range(right) for right in rights)
    made = [of(first, "bert", seed=2000)]
    made += [
        of(right, f"bert-seed{seed}", seed=seed, further_seed_of="bert")
        for seed, right in enumerate(further, start=2001)
    ]
    if other is not None:
        made.append(of(other, "tfidf", kind="baseline", identity={"method": "tfidf"}))
    return run(test, made, taxonomy=Taxonomy.from_paths(FLAT), **({"data": {}} | more))


def plain(sentence):
    return sentence.replace(SPACE, " ")


def test_every_seed_is_a_classifier_of_its_own_right_behind_the_first():
    tfidf = BaselineSettings(kind="baseline")
    found = parts({"bert": BERT.model_copy(update={"seeds": 3}), "tfidf": tfidf, "other": BERT}, 1999)
    assert [(part.name, part.seed, part.further_seed_of) for part in found] == [
        ("bert", 1999, None),
        ("bert-seed2000", 2000, "bert"),
        ("bert-seed2001", 2001, "bert"),
        ("tfidf", 1999, None),
        ("other", 1999, None),
    ]
    assert [part.settings.kind for part in found] == ["bert", "bert", "bert", "baseline", "bert"]


def test_a_further_seed_with_the_name_of_another_classifier_is_refused(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(
        'name = "two"\nseed = 7\n[data]\ntrain = "a"\ntest = "b"\n'
        '[classifiers.bert]\nkind = "bert"\nbase = "c"\nseeds = 2\n'
        '[classifiers.bert-seed8]\nkind = "baseline"\n'
    )
    with pytest.raises(
        ConfigError, match=re.escape("classifiers.bert.seeds names a further training")
    ) as said:
        read(path)
    assert str(said.value).startswith(str(path))
    assert "'bert-seed8'" in str(said.value)
    assert "rename" in str(said.value)


def test_the_spread_of_three_trainings_is_said_in_one_line():
    english = score(flat(138, 144, 147))
    assert [plain(one) for one in english["verdict"]["sentences"]["seeds"]] == [
        "bert: 3 trainings with different seeds: mean 57.4 %, standard deviation 1.8 points, 55.4 % to 59.0 %."
    ]
    assert english["verdict"]["sentences"]["seeds"][0] in summary(english).verdict
    chinese = score(flat(138, 144, 147, language="zh"))
    assert [plain(one) for one in chinese["verdict"]["sentences"]["seeds"]] == [
        "bert 用不同的随机种子训练了 3 次：平均 57.4 %，标准差 1.8 个百分点，范围 55.4 % 至 59.0 %。"
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=6))
def test_the_figures_of_the_seeds_are_those_of_numpy(rights):
    scores = score(flat(*rights, rows=40))
    group = scores["seeds"]["bert"]
    names = ["bert", *(f"bert-seed{2000 + n}" for n in range(1, len(rights)))]
    assert list(group["classifiers"].items()) == [(name, 2000 + n) for n, name in enumerate(names)]
    (level,) = group["levels"]
    for key, values in {
        "accuracy": [right / 40 for right in rights],
        "macro_f1": [scores["classifiers"][name]["levels"][0]["macro_f1"] for name in names],
    }.items():
        found = level[key]
        assert found["n"] == len(rights)
        assert found["mean"] == pytest.approx(np.mean(values), abs=2e-9)
        assert found["standard_deviation"] == pytest.approx(np.std(values, ddof=1), abs=2e-9)
        assert (found["min"], found["max"]) == pytest.approx((min(values), max(values)), abs=2e-9)


def test_further_seeds_change_nothing_that_was_there_without_them():
    data = three_classifiers(machine_usd_per_hour=1.2)
    alone, together = score(data), score(with_seeds(data, 0.88, 0.99))
    for key in ("pairs", "examples", "floor", "problems"):
        assert together[key] == alone[key]
    assert {name: together["classifiers"][name] for name in alone["classifiers"]} == alone["classifiers"]
    sentences = dict(together["verdict"]["sentences"])
    sentences.pop("seeds")
    assert together["verdict"] | {"sentences": sentences} == alone["verdict"]
    assert set(together) - set(alone) == {"seeds"}
    assert list(together["classifiers"]) == ["bert", "bert-seed2000", "bert-seed2001", "llm", "tfidf"]


def test_one_seed_leaves_no_trace():
    told = json.dumps(score(three_classifiers()))
    assert "seed" not in told


def test_the_best_seed_does_not_lift_the_verdict():
    scores = score(flat(100, 240, other=range(149)))
    assert scores["verdict"]["choice"]["name"] == "tfidf"
    assert scores["verdict"]["levels"][0]["ranking"] == ["tfidf", "bert"]


def warnings(scores):
    return [problem for problem in scores["problems"] if problem["kind"].startswith("seeds_")]


def test_seeds_further_apart_than_the_lead_are_warned_of():
    scores = score(flat(600, 500, rows=800, other=range(520)))
    assert scores["verdict"]["choice"]["name"] == "bert"
    assert warnings(scores) == [
        {
            "kind": "seeds_beyond_lead",
            "other": "tfidf",
            "difference": 0.1,
            "invalid": False,
            "classifier": "bert",
            "level": 1,
            "spread": 0.125,
        }
    ]
    (remark,) = summary(scores).remarks
    assert remark == (
        "The trainings of bert lie 12.5 points apart overall, more than the 10.0 points between bert and tfidf: "
        "with another seed the verdict could be another. It speaks of the first training alone."
    )


def test_seeds_further_apart_than_the_margin_are_warned_of_where_two_count_as_equivalent():
    scores = score(flat(700, 740, rows=800, other=range(699)))
    assert scores["verdict"]["levels"][0]["comparisons"][0]["verdict"] == "equivalent"
    (problem,) = warnings(scores)
    assert problem["kind"] == "seeds_beyond_margin"
    assert (problem["spread"], problem["difference"]) == (0.05, scores["margin"])
    assert "more than the 2.0 points within which bert and tfidf count as equivalent" in " ".join(
        scores["verdict"]["sentences"]["problems"]
    )


def test_seeds_closer_than_the_lead_are_not_warned_of_and_neither_is_what_is_undecided_anyway():
    assert warnings(score(flat(600, 590, rows=800, other=range(520)))) == []
    undecided = score(flat(153, 100, other=range(60, 206)))
    assert undecided["verdict"]["choice"]["reason"] == "undecided"
    assert warnings(undecided) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"error": "the training diverged"},
            "bert-seed2001 stopped before it was done: the training diverged",
        ),
        (
            {"predictions": ()},
            "bert-seed2001 has no answer yet for 249 of 249 texts, so it is left out of the",
        ),
    ],
)
def test_a_further_seed_that_did_not_finish_is_left_out_of_the_spread_and_harms_no_verdict(change, sentence):
    data = flat(138, 10, 147, other=range(70))
    data = replace(
        data,
        classifiers=[
            replace(one, **change) if one.name == "bert-seed2001" else one for one in data.classifiers
        ],
    )
    scores = score(data)
    assert scores["verdict"]["valid"]
    assert scores["verdict"]["left_out"] == []
    assert scores["verdict"]["choice"]["name"] == "bert"
    assert scores["seeds"]["bert"]["left_out"] == ["bert-seed2001"]
    accuracy = scores["seeds"]["bert"]["levels"][0]["accuracy"]
    assert (accuracy["n"], accuracy["min"]) == (2, round(138 / 249, 9))
    found = summary(scores)
    assert any(one.startswith(sentence) for one in found.remarks)
    assert found.warnings == ()
    assert found.rows[1][:2] == ("bert-seed2001 (further seed of bert)", "not stated")
    assert "not stated" in render(data, scores)


def test_a_single_training_that_finished_has_no_spread():
    data = flat(138, 144)
    first, second = data.classifiers
    scores = score(replace(data, classifiers=[first, replace(second, predictions=())]))
    accuracy = scores["seeds"]["bert"]["levels"][0]["accuracy"]
    assert (accuracy["n"], accuracy["standard_deviation"]) == (1, None)
    assert "seeds" not in scores["verdict"]["sentences"]


def test_the_page_shows_every_seed_in_its_tables_and_only_the_first_in_the_comparison():
    data = with_seeds(three_classifiers(machine_usd_per_hour=1.2), 0.8, 0.7)
    html = render(data, score(data))
    assert html.count('<article class="card') == 3
    tables = re.findall(r"<caption.*?>(.*?)</caption>(.*?)</table>", html, flags=re.DOTALL)
    marks = {name: of.count("further seed of bert") for name, of in tables if "bert-seed2000" in of}
    assert marks == {
        "Accuracy, wall time and cost of each classifier": 2,
        "Accuracy over the answered texts only, macro-F1 and weighted F1": 2,
        "Hierarchical precision, recall and F1, and the level where paths first go wrong": 2,
        "Time": 2,
        "Cost in US dollars": 2,
    }
    assert html.count("further seed of bert") == sum(marks.values())
    assert "bert: 3 trainings with different seeds" in html
    assert "The comparison counts the first training of bert alone" in html
    pairs = html.split('id="pairs"', 1)[1].split('id="data"', 1)[0]
    assert "bert-seed" not in pairs
    assert "seed" not in render(three_classifiers(), score(three_classifiers()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_encoder(tmp_path / "base", WORDS)
    for split, some in {"train": TRAIN, "dev": DEV, "test": TRAIN[::2]}.items():
        lines = [
            json.dumps({"text": f"{one.text} {split}", "one": one.gold[0], "two": one.gold[1]}) + "\n"
            for one in some
        ]
        (tmp_path / f"{split}.jsonl").write_text("".join(lines))
    return tmp_path


def experiment(folder: Path, *, seed: int, seeds: int) -> None:
    (folder / "experiment.toml").write_text(
        f'name = "seeds"\nseed = {seed}\n[data]\ntrain = "train.jsonl"\ndev = "dev.jsonl"\n'
        'test = "test.jsonl"\ngold = ["one", "two"]\nmeta = []\n'
        f'[classifiers.bert]\nkind = "bert"\nbase = "base"\nepochs = 1\nbatch_size = 6\nmax_length = 16\n'
        f'device = "cpu"\nengine = "torch"\nprecision = "float32"\nlearning_rate = 0.01\nseeds = {seeds}\n'
        '[classifiers.majority]\nkind = "baseline"\nmethod = "majority"\n'
    )


def test_seeds_are_trained_kept_reused_and_opened_one_by_one(folder: Path) -> None:
    experiment(folder, seed=5, seeds=2)
    said = harness("compare", cwd=folder)
    assert said.code == 0, said
    assert "bert: 2 trainings with different seeds" in plain(said.out)
    (first,) = (folder / "runs").iterdir()
    kept = {path.name: path for path in (first / "classifiers").iterdir()}
    assert sorted(kept) == ["bert", "bert-seed6", "majority"]
    trained = [
        json.loads((kept[name] / "model/training_identity.json").read_text()) for name in sorted(kept)[:2]
    ]
    assert [one.pop("seed") for one in trained] == [5, 6]
    assert trained[0] == trained[1]
    weights = [
        json.loads((kept[name] / "identity.json").read_text())["weights_sha256"] for name in sorted(kept)[:2]
    ]
    assert weights[0] != weights[1]
    facts = [json.loads((path / "timing.json").read_text())["facts"] for path in kept.values()]
    facts += [json.loads((path / "model/training.json").read_text())["facts"] for path in kept.values()]
    assert [key for found in facts for key in found if f"fact.{key}" not in TERMS] == []
    assert harness("predict", first, "-c", "bert-seed6", cwd=folder, stdin="memo\n").code == 0

    experiment(folder, seed=6, seeds=1)
    said = harness("compare", cwd=folder)
    assert f"bert: trained weights taken from run {first.name}" in said.out
    assert f"bert: 9 answers taken from run {first.name}" in said.out
    (second,) = (run for run in (folder / "runs").iterdir() if run != first)
    assert sorted(path.name for path in (second / "classifiers").iterdir()) == ["bert", "majority"]
    scores = (second / "scores.json").read_text()
    assert "further_seed_of" not in scores
    assert '"seeds"' not in scores
