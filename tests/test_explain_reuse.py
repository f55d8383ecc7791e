"""`--explain-reuse`: which answers and weights of earlier runs would be taken over, and why not the others."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.llm import LlmClassifier
from classifiers.local_server import LocalServer, checked_sha256
from classifiers.settings import LlmSettings
from harness import reuse
from harness.explain_reuse import RUNS_SHOWN, Change, Explanation, Fit, differences, explain, fit
from harness.explain_view import lines
from harness.run_folder import RunFolder
from prompts.taxonomy import Taxonomy
from tests.simulated_run import row

LLM = {"kind": "llm", "model": "m", "temperature": 0.0, "seed": None, "prompt_sha256": "a" * 64}
TRAINING = {"kind": "bert", "epochs": 3, "base_sha256": "b" * 64}
BERT = {"kind": "bert", "weights_sha256": "c" * 64}
TEXTS = {"1": "one", "2": "two", "3": "three"}


def wanted(texts: Mapping[str, str] = TEXTS) -> dict[str, bytes]:
    return {id: reuse.digest(text) for id, text in texts.items()}


def json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def put_run(
    root: Path,
    name: str,
    *,
    classifier: str = "gpt",
    identity: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    weights: str = "weights",
    texts: Mapping[str, str] = TEXTS,
    answers: Mapping[str, str | None] | None = None,
) -> reuse.Earlier:
    """Write a run; `answers` are id -> failure, left out: every text has an answer."""
    run = RunFolder(root / name)
    folder = run.classifier(classifier)
    folder.mkdir(parents=True)
    (run.path / "experiment.toml").write_text("")
    run.test.write_text(
        json_lines([{"id": id, "text": text, "gold": ["a"], "meta": {}} for id, text in texts.items()])
    )
    given = dict.fromkeys(texts) if answers is None else answers
    if identity is not None:
        run.write(f"classifiers/{classifier}/identity.json", dict(identity))
        rows = [row(id, [], failure=failure) for id, failure in given.items()]
        run.predictions(classifier).write_text(json_lines(rows))
    if training is not None:
        run.write(f"classifiers/{classifier}/model/{reuse.TRAINING_IDENTITY}", dict(training))
        (run.model(classifier) / "model.safetensors").write_text(weights)
    return reuse.Earlier(run, classifier)


def explained(root: Path, identity: Mapping[str, Any] = LLM, name: str = "gpt") -> Explanation:
    return explain(root, name=name, kind="llm", identity=identity, training=None, wanted=wanted())


def explained_bert(root: Path, training: Mapping[str, Any] = TRAINING) -> Explanation:
    return explain(root, name="bert", kind="bert", identity=None, training=training, wanted=wanted())


def said(explanation: Explanation, root: Path) -> str:
    return "\n".join(lines(explanation, root))


def test_the_keys_that_differ_stand_with_both_values() -> None:
    old = {"kind": "llm", "model": "m", "gone": 1, "seed": None, "temperature": 0}
    new = {"kind": "llm", "model": "n", "votes": 3, "seed": 1999, "temperature": 0.0}
    assert differences(old, new) == (
        Change(key="gone", old="1", new=None),
        Change(key="model", old='"m"', new='"n"'),
        Change(key="seed", old="null", new="1999"),
        Change(key="votes", old=None, new="3"),
    )
    assert differences(BERT, LLM) == (Change(key="kind", old='"bert"', new='"llm"'),)
    assert differences(LLM, LLM) == ()


def test_every_text_is_counted_once(tmp_path: Path) -> None:
    texts = {"a": "a", "b": "b", "c": "c", "d": "d", "e": "was e"}
    answers = {"a": None, "b": "refused", "c": "truncated", "e": None}
    earlier = put_run(tmp_path, "1", identity=LLM, texts=texts, answers=answers)
    found = fit(earlier, wanted({**texts, "e": "is e", "f": "f"}))
    assert found == Fit(answers=1, failures={"refused": 1, "truncated": 1}, unanswered=1, changed=1, absent=1)


def test_the_last_line_of_an_id_counts_and_a_half_written_one_does_not(tmp_path: Path) -> None:
    earlier = put_run(tmp_path, "1", identity=LLM, answers={"1": "request_failed"})
    with earlier.run.predictions("gpt").open("a") as file:
        file.write(json_lines([row("1", [])]) + '{"id": "2", "fail')
    assert fit(earlier, wanted()) == Fit(answers=1, failures={}, unanswered=2, changed=0, absent=0)


ids = st.sampled_from("abcdef")
outcomes = st.sampled_from([None, "refused", "empty"])


@given(
    now=st.dictionaries(ids, st.sampled_from("xy")),
    runs=st.lists(
        st.tuples(
            st.dictionaries(ids, st.sampled_from("xy")), st.dictionaries(ids, outcomes), st.sampled_from("mn")
        ),
        max_size=4,
    ),
)
def test_the_counts_add_up_and_the_sum_is_what_a_run_would_take(
    now: dict[str, str], runs: list[tuple[dict[str, str], dict[str, str | None], str]]
) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        best: set[str] = set()
        for number, (texts, given_answers, model) in enumerate(runs):
            answers = {id: failure for id, failure in given_answers.items() if id in texts}
            put_run(root, str(number), identity=LLM | {"model": model}, texts=texts, answers=answers)
            if model == "m":
                best |= {id for id, failure in answers.items() if not failure and now.get(id) == texts[id]}
        found = explain(root, name="gpt", kind="llm", identity=LLM, training=None, wanted=wanted(now))
        assert sum(found.taken.values()) == len(best)
        assert len(found.sources) == len(runs)
        for source in found.sources:
            part = source.fit
            counts = (part.answers, part.unanswered, part.changed, part.absent, *part.failures.values())
            assert sum(counts) == len(now)
            assert min(counts) >= 0
    finally:
        shutil.rmtree(root)


def test_an_equal_identity_is_taken_the_newest_first_and_failures_never(tmp_path: Path) -> None:
    put_run(tmp_path, "2", identity=LLM, answers={"1": None, "2": "refused"})
    put_run(tmp_path, "1", identity=LLM)
    found = explained(tmp_path)
    assert found.taken == {"2": 1, "1": 2}
    assert [(source.earlier.run.name, source.identity) for source in found.sources] == [("2", ()), ("1", ())]
    text = said(found, tmp_path)
    assert text.startswith("gpt: would take 3 of 3 answers (1 from run 2, 2 from run 1); nothing to answer\n")
    assert "its answers: 1 fit by id and text; never taken over: 1 refused; 1 text without an answer" in text


def test_another_identity_takes_nothing_and_shows_short_values(tmp_path: Path) -> None:
    put_run(tmp_path, "1", identity=LLM | {"temperature": 0.5, "prompt_sha256": "d" * 64})
    found = explained(tmp_path)
    assert found.taken == {}
    text = said(found, tmp_path)
    assert "gpt: would take 0 of 3 answers; 3 texts to answer" in text
    assert "prompt_sha256: dddddddddddd... -> aaaaaaaaaaaa..." in text
    assert "temperature: 0.5 -> 0.0" in text


def test_long_values_that_begin_alike_are_shown_where_they_differ(tmp_path: Path) -> None:
    many = " ".join(map(str, range(200)))
    put_run(tmp_path, "1", identity=LLM | {"example_ids": f"{many} 7001 {many}"})
    text = said(explained(tmp_path, LLM | {"example_ids": f"{many} 8002 {many}"}), tmp_path)
    (line,) = (line for line in text.splitlines() if "example_ids" in line)
    old, new = line.split(" -> ")
    assert "7001" in old
    assert "8002" in new
    assert len(line) < 200


def test_a_classifier_of_another_name_is_compared_by_its_kind_and_the_nearest_one_of_a_run_is_shown(
    tmp_path: Path,
) -> None:
    put_run(tmp_path, "1", classifier="far", identity=LLM | {"model": "x", "temperature": 1.0})
    put_run(tmp_path / "more", "1", classifier="near", identity=LLM)
    (tmp_path / "more/1/classifiers/near").rename(tmp_path / "1/classifiers/near")
    put_run(tmp_path, "0", classifier="other", identity=BERT)
    (source,) = explained(tmp_path).sources
    assert source.earlier.classifier == "near"
    (source,) = explained(tmp_path, LLM | {"model": "y"}, name="far").sources
    assert source.earlier.classifier == "far"


def test_a_name_that_was_of_another_kind_says_only_that(tmp_path: Path) -> None:
    put_run(tmp_path, "1", identity=BERT)
    assert 'kind: "bert" -> "llm"' in said(explained(tmp_path), tmp_path)


def test_only_the_newest_runs_are_shown_and_the_sum_counts_them_all(tmp_path: Path) -> None:
    for number in range(RUNS_SHOWN + 2):
        put_run(tmp_path, str(number), identity=LLM | {"temperature": 1.0 if number else 0.0})
    found = explained(tmp_path)
    assert [source.earlier.run.name for source in found.sources] == ["6", "5", "4", "3", "2"]
    assert found.more == 2
    assert found.taken == {"0": 3}
    assert said(found, tmp_path).endswith("  and 2 more runs")


def test_a_folder_without_runs_says_so(tmp_path: Path) -> None:
    assert "holds a classifier of kind llm" in said(explained(tmp_path / "nowhere"), tmp_path)


def test_a_run_that_was_killed_before_it_answered_is_shown_as_such(tmp_path: Path) -> None:
    earlier = put_run(tmp_path, "1")
    (earlier.run.classifier("gpt") / "identity.json").write_text('{"kind": "ll')
    text = said(explained(tmp_path), tmp_path)
    assert "identity: not known, as no answer was given with it" in text
    assert "0 fit by id and text; 3 texts without an answer" in text


def test_weights_trained_alike_are_taken_and_with_them_the_answers(tmp_path: Path) -> None:
    put_run(tmp_path, "1", classifier="bert", identity=BERT, training=TRAINING)
    found = explained_bert(tmp_path)
    assert found.weights is not None
    assert found.weights.run.name == "1"
    assert found.taken == {"1": 3}
    assert "bert: would take the trained weights of run 1; would take 3 of 3 answers" in said(found, tmp_path)


def test_the_answers_to_weights_that_were_only_trained_lie_in_the_run_they_came_from(tmp_path: Path) -> None:
    put_run(tmp_path, "1", classifier="bert", identity=BERT, training=TRAINING)
    put_run(tmp_path, "2", classifier="bert", training=TRAINING)
    found = explained_bert(tmp_path)
    assert found.weights is not None
    assert found.weights.run.name == "2"
    assert found.taken == {"1": 3}
    put_run(tmp_path, "3", classifier="bert", training=TRAINING, weights="others")
    assert explained_bert(tmp_path).taken == {}


def test_weights_that_were_trained_otherwise_name_what_differs(tmp_path: Path) -> None:
    put_run(tmp_path, "1", classifier="bert", identity=BERT, training=TRAINING | {"epochs": 5})
    found = explained_bert(tmp_path)
    assert (found.weights, found.taken) == (None, {})
    assert found.sources[0].training == (Change(key="epochs", old="5", new="3"),)
    text = said(found, tmp_path)
    assert "bert: would be trained, as no earlier weights fit; then 3 texts to answer" in text
    assert "weights: not taken, their training differs:\n      epochs: 5 -> 3" in text


def test_a_training_that_was_cut_off_is_shown_as_such(tmp_path: Path) -> None:
    put_run(tmp_path, "1", classifier="bert")
    assert "it has none that were trained to the end" in said(explained_bert(tmp_path), tmp_path)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_local_model_that_is_not_served_has_the_identity_it_will_have(
    tmp_path: Path, temperature: float
) -> None:
    gguf = tmp_path / "small.gguf"
    gguf.write_bytes(b"GGUF and weights")
    settings = LlmSettings(kind="llm", model="local:small.gguf", temperature=temperature)
    sha256 = checked_sha256(gguf)
    served = LocalServer(
        url="http://127.0.0.1:1/v1", model="small", sha256=sha256, load_s=1.0, pid=1, threads=1
    )
    taxonomy = Taxonomy.flat(["a", "b"])
    later = LlmClassifier(name="small", taxonomy=taxonomy, settings=settings, local=served)
    now = LlmClassifier(name="small", taxonomy=taxonomy, settings=settings, weights_sha256=sha256)
    assert now.identity == later.identity
