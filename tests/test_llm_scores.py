"""Votes, log-probabilities, limits and deadlines of the LLM classifier, against a real server on loopback."""

import json
import math
from collections import Counter

import pytest

from classifiers import chat
from prompts.errors import ClassifierError
from tests.chat_server import Call, Reply, chat_server, refusal
from tests.test_llm import TREE, answers, llm, said


def with_logprobs(said_label: str, chances: dict[str, float]) -> Reply:
    """A reply whose label is one token, with the probabilities at its place."""
    top = [{"token": label, "logprob": math.log(p), "bytes": None} for label, p in chances.items()]
    quote = {"token": '{"label": "', "logprob": 0.0, "bytes": None, "top_logprobs": []}
    token = {
        "token": said_label,
        "logprob": math.log(chances[said_label]),
        "bytes": None,
        "top_logprobs": top,
    }
    end = {"token": '"}', "logprob": 0.0, "bytes": None, "top_logprobs": []}
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": json.dumps({"label": said_label})},
        "logprobs": {"content": [quote, token, end], "refusal": None},
    }
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }
    return Reply(body=json.dumps(body))


def options(call: Call) -> list[str]:
    enum: list[str] = call.body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
    return enum


def test_votes_take_the_majority_and_give_the_shares() -> None:
    seeds = []

    def script(call: Call) -> Reply:
        seeds.append(call.body["seed"])
        return said("Action" if len(seeds) == 2 else "Puzzle")

    (prediction,) = answers(script, votes=3, temperature=0.7)
    assert prediction.path == ("Puzzle",)
    assert prediction.scores == ({"Puzzle": 2 / 3, "Action": 1 / 3},)
    assert prediction.usage is not None
    assert prediction.usage.calls == 3
    assert len(set(seeds)) == 3  # the same seed would give the same answer three times


def test_log_probabilities_give_scores_for_every_level_that_was_asked() -> None:
    def script(call: Call) -> Reply:
        assert call.body["logprobs"] is True
        first, *others = options(call)
        return with_logprobs(first, {first: 0.8} | {other: 0.2 / len(others) for other in others})

    (prediction,) = answers(script, taxonomy=TREE, logprobs=True)
    assert prediction.path == ("Action", "Shooter", "FPS")
    assert prediction.scores is not None
    levels = [{label: pytest.approx(p) for label, p in level.items()} for level in prediction.scores]
    assert levels == [
        {"Action": 0.8, "Puzzle": 0.2},
        {"Shooter": 0.64, "Run": 0.16},
        {"FPS": 0.512, "Shmup": 0.128},
    ]


def test_joint_log_probabilities_are_summed_up_to_the_parents() -> None:
    chances = {"FPS": 0.4, "Shmup": 0.3, "Runner": 0.1, "Sudoku": 0.2}
    (prediction,) = answers(
        lambda _: with_logprobs("FPS", chances), taxonomy=TREE, path="joint", logprobs=True
    )
    assert prediction.scores is not None
    assert prediction.scores[0] == {"Action": pytest.approx(0.8), "Puzzle": pytest.approx(0.2)}
    assert prediction.scores[2] == pytest.approx(chances)


def test_an_endpoint_without_log_probabilities_gives_no_scores() -> None:
    (prediction,) = answers(lambda _: said("Puzzle"), logprobs=True)
    assert (prediction.path, prediction.scores) == (("Puzzle",), None)


def test_an_endpoint_that_refuses_log_probabilities_is_asked_without_them() -> None:
    def script(call: Call) -> Reply:
        if "logprobs" in call.body:
            return refusal(400, "logprobs are not supported with this model", param="logprobs")
        return said("Puzzle")

    (prediction,) = answers(script, logprobs=True)
    assert (prediction.path, prediction.scores) == (("Puzzle",), None)


def test_calibration_asks_texts_that_say_nothing_once_and_can_change_the_answer() -> None:
    asked: Counter[bool] = Counter()

    def script(call: Call) -> Reply:
        real = "a game" in call.text
        asked[real] += 1
        return with_logprobs("Action", {"Action": 0.6 if real else 0.9, "Puzzle": 0.4 if real else 0.1})

    predictions = answers(script, ["a game 1", "a game 2", "a game 3"], logprobs=True, calibrate=True)
    assert [p.path for p in predictions] == [("Puzzle",)] * 3
    assert predictions[0].scores == ({"Action": pytest.approx(1 / 7), "Puzzle": pytest.approx(6 / 7)},)
    assert asked == {True: 3, False: 3}
    assert sum(p.usage.calls for p in predictions if p.usage) == 6  # nothing is left unpaid in the books


def test_a_limit_never_uses_up_the_attempts_of_a_text() -> None:
    def script(_: Call) -> Reply:
        if len(server.calls) <= 6:
            return Reply(status=429, body='{"error": {}}', headers={"Retry-After": "0"})
        return said("Puzzle")

    with chat_server(script) as server:
        classifier = llm(server.url, max_retries=1, concurrency=1)
        (prediction,) = classifier.classify(["a"])
    assert prediction.path == ("Puzzle",)
    assert classifier.facts["limits_met"] == 6


def test_no_retries_means_none_also_for_a_limit() -> None:
    (prediction,) = answers(lambda _: Reply(status=429, body='{"error": {}}'), max_retries=0)
    assert prediction.failure == "request_failed"
    assert prediction.usage is not None
    assert prediction.usage.calls == 1


def test_an_endpoint_that_asks_to_come_back_tomorrow_stops_the_run() -> None:
    limit = Reply(status=429, body='{"error": {}}', headers={"Retry-After": "86400"})
    with (
        chat_server(lambda _: limit) as server,
        pytest.raises(ClassifierError, match=r"come back in 86400 s.*--resume"),
    ):
        list(llm(server.url).classify(["a"]))


def test_an_endpoint_that_takes_nothing_for_long_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "PATIENCE_S", 0.5)
    limit = Reply(status=429, body='{"error": {}}', headers={"Retry-After": "0.2"})
    with (
        chat_server(lambda _: limit) as server,
        pytest.raises(ClassifierError, match=r"has taken no call for .* --resume"),
    ):
        list(llm(server.url).classify(["a"]))


def test_an_empty_answer_is_asked_again_twice_and_all_are_paid() -> None:
    with chat_server(lambda _: said("Puzzle") if len(server.calls) == 3 else Reply(text="")) as server:
        (prediction,) = llm(server.url, max_retries=5).classify(["a"])
    assert prediction.path == ("Puzzle",)
    assert prediction.usage is not None
    assert (prediction.usage.calls, prediction.usage.input_tokens) == (3, 300)
    with chat_server(lambda _: Reply(text=" ")) as server:
        (prediction,) = llm(server.url, max_retries=5).classify(["a"])
    assert prediction.failure == "empty"
    assert len(server.calls) == 3


def test_the_deadline_stops_the_run_and_keeps_what_was_answered() -> None:
    with chat_server(lambda call: said("Puzzle", delay_s=0.0 if "fast" in call.text else 5.0)) as server:
        predictions = llm(server.url, deadline_s=1.0, timeout_s=60).classify(["fast", "slow"])
        assert next(predictions).index == 0
        with pytest.raises(ClassifierError, match=r"deadline_s = 1.*--resume"):
            next(predictions)


def test_fixed_limits_are_kept() -> None:
    with chat_server(lambda _: said("Puzzle")) as server:
        list(llm(server.url, requests_per_minute=600, concurrency=8).classify([str(n) for n in range(12)]))
    times = [call.at_s for call in server.calls]
    assert times[-1] - times[0] > 0.95  # 11 gaps of 0.1 s, and at most one is made up for


@pytest.mark.parametrize(
    "body",
    [
        '{"choices": [{"message": "hello", "finish_reason": "stop"}]}',
        '{"choices": {"0": {}}}',
        '{"choices": [{"message": {"content": 7}}]}',
    ],
)
def test_a_body_of_an_odd_shape_is_a_failed_request_and_no_crash(body: str) -> None:
    with chat_server(lambda call: Reply(body=body) if "odd" in call.text else said("Puzzle")) as server:
        predictions = list(llm(server.url, concurrency=1, max_retries=0).classify(["plain", "odd"]))
    assert [p.failure for p in predictions] == [None, "request_failed"]


def test_an_answer_in_parts_is_read_and_an_odd_usage_is_none() -> None:
    parts = [{"type": "thinking", "thinking": "Action?"}, {"type": "text", "text": "Puzzle"}]
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": parts}}
    (prediction,) = answers(lambda _: Reply(body=json.dumps({"choices": [choice], "usage": "much"})))
    assert (prediction.path, prediction.usage) == (("Puzzle",), None)


def test_the_first_text_being_too_long_neither_stops_nor_degrades_the_run() -> None:
    too_long = refusal(400, "This model's maximum context length is 4096 tokens", code="400")
    with chat_server(lambda call: too_long if "long" in call.text else said("Puzzle")) as server:
        classifier = llm(server.url, concurrency=1)
        predictions = list(classifier.classify(["long", "short"]))
    assert [p.failure for p in predictions] == ["request_failed", None]
    assert classifier.facts["structured_output"] == "json_schema"


def test_what_the_first_tiny_call_found_out_holds_for_the_run() -> None:
    refused = refusal(400, "response_format is not supported", param="response_format")
    with chat_server(
        lambda call: refused if "response_format" in call.body else Reply(text="Puzzle")
    ) as server:
        first = llm(server.url)
        first.preflight()
        before = len(server.calls)
        second = llm(server.url, form=first.form)
        list(second.classify(["a", "b", "c", "d"]))
    assert len(server.calls) - before == 4


def test_a_refusal_that_comes_late_is_asked_again_in_the_form_found_meanwhile() -> None:
    def script(call: Call) -> Reply:
        if "response_format" in call.body:
            return (
                refusal(400, "no response_format here", param="response_format")
                if "1" in call.text
                else Reply(
                    status=400, body='{"error": {"message": "no", "param": "response_format"}}', delay_s=0.5
                )
            )
        return Reply(text="Puzzle")

    predictions = answers(script, ["1", "2", "3", "4"], concurrency=4)
    assert [p.failure for p in predictions] == [None] * 4


def test_one_text_that_is_always_one_call_too_many_does_not_stop_the_others() -> None:
    too_large = refusal(429, "Request too large for model m on tokens per min", code="rate_limit_exceeded")
    predictions = answers(
        lambda call: too_large if "large" in call.text else said("Puzzle"), ["a", "large", "b"]
    )
    assert [p.failure for p in predictions] == [None, "request_failed", None]


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with chat_server(lambda _: said("Puzzle")) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
        (prediction,) = llm("http://llm.invalid/v1").classify(["a"])
    assert prediction.path == ("Puzzle",)
    assert [call.path for call in server.calls] == ["http://llm.invalid/v1/chat/completions"]
