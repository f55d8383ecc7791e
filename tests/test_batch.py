"""The Batch API against a server on loopback that keeps files and batches."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from classifiers import batch
from classifiers.contract import Prediction
from classifiers.llm import LlmClassifier
from classifiers.settings import LlmSettings, Price
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy
from tests.batch_server import BatchServer, batch_server
from tests.chat_server import Call, Reply, refusal

FLAT = Taxonomy.flat(["Action", "Puzzle"])
TREE = Taxonomy.from_paths(
    [("Action", "Shooter"), ("Action", "Run"), ("Puzzle", "Sudoku"), ("Puzzle", "Match")]
)
PRICE = Price(input_usd_per_mtok=1.0, output_usd_per_mtok=2.0, source="page", date=date(2026, 11, 1))


def classifier(server: BatchServer, state: Path, taxonomy: Taxonomy = FLAT, **more: Any) -> LlmClassifier:
    own: dict[str, Any] = {"mode": "batch", "batch_poll_s": 0.05, "max_retries": 2} | more
    return LlmClassifier(
        name="llm",
        taxonomy=taxonomy,
        settings=LlmSettings(kind="llm", model="m", base_url=server.url, **own),
        prices={"m": PRICE},
        batches=state,
    )


def first_offered(call: Call) -> Reply:
    labels = call.body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
    return Reply(text=json.dumps({"label": labels[0]}))


def answer(
    script: Callable[[Call], Reply | None], tmp_path: Path, texts: list[str], taxonomy: Taxonomy = FLAT
) -> tuple[list[Prediction], BatchServer]:
    with batch_server(script) as server:
        found = list(classifier(server, tmp_path / "batches.jsonl", taxonomy).classify(texts))
    return sorted(found, key=lambda prediction: prediction.index), server


def test_all_texts_go_in_one_batch_and_every_answer_finds_its_text(tmp_path: Path) -> None:
    def script(call: Call) -> Reply:
        return Reply(text=json.dumps({"label": "Puzzle" if "sudoku" in call.text else "Action"}))

    texts = [f"{'sudoku' if n % 3 else 'guns'} {n}" for n in range(50)]
    predictions, server = answer(script, tmp_path, texts)
    assert [p.path for p in predictions] == [("Puzzle",) if n % 3 else ("Action",) for n in range(50)]
    assert len(server.batches) == 1
    assert server.live == []


def test_a_batch_costs_its_share_of_the_price(tmp_path: Path) -> None:
    (prediction,), _ = answer(first_offered, tmp_path, ["a"])
    assert prediction.cost_usd == pytest.approx(0.5 * (100 * 1.0 + 5 * 2.0) / 1e6)


def test_stepwise_takes_one_batch_a_level(tmp_path: Path) -> None:
    predictions, server = answer(first_offered, tmp_path, ["a", "b", "c"], TREE)
    assert [p.path for p in predictions] == [("Action", "Shooter")] * 3
    assert len(server.batches) == 2
    assert len(server.submitted()) == 6


def test_the_same_text_twice_is_two_requests(tmp_path: Path) -> None:
    predictions, server = answer(first_offered, tmp_path, ["a", "a"])
    assert [p.failure for p in predictions] == [None, None]
    ids = [json.loads(line)["custom_id"] for line in server.files["file-0"].splitlines()]
    assert len(set(ids)) == 2


def test_what_failed_or_was_left_out_is_asked_again_in_the_next_batch(tmp_path: Path) -> None:
    tries: dict[str, int] = {}

    def script(call: Call) -> Reply | None:
        tries[call.text] = tries.get(call.text, 0) + 1
        if "late" in call.text and tries[call.text] == 1:
            return None
        if "broken" in call.text and tries[call.text] == 1:
            return refusal(500, "oops")
        if "hopeless" in call.text:
            return refusal(500, "oops")
        return first_offered(call)

    predictions, server = answer(script, tmp_path, ["fine", "late", "broken", "hopeless"])
    assert [p.failure for p in predictions] == [None, None, None, "request_failed"]
    assert sum("fine" in text for text in server.submitted()) == 1
    assert sum("hopeless" in text for text in server.submitted()) == 3  # max_retries = 2


def test_a_text_that_is_refused_is_that_texts_failure(tmp_path: Path) -> None:
    def script(call: Call) -> Reply:
        return refusal(400, "bad", code="content_filter") if "bad" in call.text else first_offered(call)

    predictions, _ = answer(script, tmp_path, ["good", "bad"])
    assert [p.failure for p in predictions] == [None, "refused"]


def test_a_restarted_run_waits_for_its_batch_instead_of_submitting_again(tmp_path: Path) -> None:
    texts, state = ["a", "b", "c"], tmp_path / "batches.jsonl"
    with batch_server(first_offered) as server:
        server.ready = False
        with pytest.raises(ClassifierError, match="deadline_s"):
            list(classifier(server, state, deadline_s=2.0).classify(texts))
        server.ready = True
        predictions = list(classifier(server, state).classify(texts))
    assert [p.failure for p in predictions] == [None] * 3
    assert len(server.batches) == 1


def test_a_run_that_was_killed_before_it_knew_its_batch_finds_it_again(tmp_path: Path) -> None:
    state = tmp_path / "batches.jsonl"
    with batch_server(first_offered) as server:
        list(classifier(server, state).classify(["a", "b"]))
        state.write_bytes(state.read_bytes().splitlines(keepends=True)[0] + b'{"submission": "cut in ha')
        predictions = list(classifier(server, state).classify(["a", "b"]))
    assert [p.failure for p in predictions] == [None, None]
    assert len(server.batches) == 1


def test_a_lost_answer_to_the_submission_does_not_submit_twice(tmp_path: Path) -> None:
    with batch_server(first_offered) as server:
        server.lose_answer_of_create = True
        predictions = list(classifier(server, tmp_path / "batches.jsonl").classify(["a", "b"]))
    assert [p.failure for p in predictions] == [None, None]
    assert len(server.batches) == 1


def test_a_batch_that_is_cancelled_stops_the_run_and_a_restart_asks_for_the_rest(tmp_path: Path) -> None:
    state = tmp_path / "batches.jsonl"
    with batch_server(lambda call: first_offered(call) if "done" in call.text else None) as server:
        server.status = "cancelled"
        with pytest.raises(ClassifierError, match="cancelled"):
            list(classifier(server, state).classify(["done", "open"]))
        server.status, server.script = "completed", first_offered
        predictions = list(classifier(server, state).classify(["done", "open"]))
    assert [p.failure for p in predictions] == [None, None]
    assert sum("done" in text for text in server.submitted()) == 1


def test_a_download_that_is_cut_off_is_tried_again_and_nothing_is_submitted_twice(tmp_path: Path) -> None:
    with batch_server(first_offered) as server:
        server.cut_downloads = 2
        predictions = list(classifier(server, tmp_path / "batches.jsonl").classify(["a", "b"]))
    assert [p.failure for p in predictions] == [None, None]
    assert len(server.batches) == 1


def test_a_batch_that_fails_as_a_whole_is_submitted_anew_on_resume(tmp_path: Path) -> None:
    state = tmp_path / "batches.jsonl"
    with batch_server(first_offered) as server:
        server.fail_whole = True
        with pytest.raises(ClassifierError, match=r"Enqueued token limit reached.*--resume"):
            list(classifier(server, state).classify(["a", "b"]))
        server.fail_whole = False
        predictions = list(classifier(server, state, max_retries=0).classify(["a", "b"]))
    assert [p.failure for p in predictions] == [None, None]


def test_what_an_expired_batch_left_out_is_submitted_anew_on_resume(tmp_path: Path) -> None:
    state = tmp_path / "batches.jsonl"
    with batch_server(lambda _: None) as server:
        (prediction,) = classifier(server, state, max_retries=0).classify(["a"])
        assert prediction.failure == "request_failed"
        server.script = first_offered
        (prediction,) = classifier(server, state, max_retries=0).classify(["a"])
    assert prediction.failure is None


def test_a_limit_on_submitting_is_waited_for(tmp_path: Path) -> None:
    with batch_server(first_offered) as server:
        server.refuse_create = [Reply(status=429, body='{"error": {}}', headers={"Retry-After": "1"})]
        predictions = list(classifier(server, tmp_path / "batches.jsonl", max_retries=0).classify(["a", "b"]))
    assert [p.failure for p in predictions] == [None, None]


@pytest.mark.parametrize("where", ["refuse_create", "refuse_files"])
def test_an_endpoint_without_a_batch_api_is_named_as_such(tmp_path: Path, where: str) -> None:
    with batch_server(first_offered) as server:
        setattr(server, where, [refusal(404, "no such page")])
        with pytest.raises(ClassifierError, match="has no Batch API"):
            list(classifier(server, tmp_path / "batches.jsonl").classify(["a"]))


def test_a_submission_nobody_can_tell_of_is_looked_for_on_resume_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PATIENCE_S", 0.3)  # ten minutes would be long for a test
    state = tmp_path / "batches.jsonl"
    with batch_server(first_offered) as server:
        server.lose_answer_of_create = server.lists_fail = True
        with pytest.raises(ClassifierError, match=r"cannot reach the Batch API.*--resume"):
            list(classifier(server, state).classify(["a", "b"]))
        server.lose_answer_of_create = server.lists_fail = False
        predictions = list(classifier(server, state).classify(["a", "b"]))
    assert [p.failure for p in predictions] == [None, None]
    assert len(server.batches) == 1


def test_the_first_tiny_call_is_made_at_once(tmp_path: Path) -> None:
    with batch_server(first_offered) as server:
        classifier(server, tmp_path / "batches.jsonl").preflight()
    assert len(server.live) == 1
    assert server.batches == []
