"""The LLM classifier against a real server on loopback that delays, fails, breaks and counts."""

import importlib.util
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from classifiers.chat_errors import retry_after_s
from classifiers.contract import Example, Prediction
from classifiers.few_shot import FixedExamples, choose_examples
from classifiers.llm import LlmClassifier
from classifiers.local_models import fetch
from classifiers.local_server import serve
from classifiers.settings import LlmSettings, Price
from prompts.errors import ClassifierError, EndpointError, PromptError
from prompts.taxonomy import Taxonomy
from tests.chat_server import Call, Reply, chat_server, refusal

KEY = "sk-very-secret-0123456789"
FLAT = Taxonomy.flat(["Action", "Puzzle"])
TREE = Taxonomy.from_paths(
    [
        ("Action", "Shooter", "FPS"),
        ("Action", "Shooter", "Shmup"),
        ("Action", "Run", "Runner"),
        ("Puzzle", "Logic", "Sudoku"),
    ]
)


def llm(url: str, taxonomy: Taxonomy = FLAT, **settings: Any) -> LlmClassifier:
    own: dict[str, Any] = {"concurrency": 4, "timeout_s": 5, "max_retries": 3} | settings
    more = {name: own.pop(name) for name in ("examples_of", "prices", "form") if name in own}
    return LlmClassifier(
        name="llm",
        taxonomy=taxonomy,
        settings=LlmSettings(kind="llm", model="m", base_url=url, **own),
        api_key=KEY,
        examples=FixedExamples(more.get("examples_of", {})),
        prices=more.get("prices"),
        form=more.get("form"),
    )


def said(label: str, **more: Any) -> Reply:
    return Reply(text=json.dumps({"label": label}), **more)


def answers(
    script: Callable[[Call], Reply], texts: Sequence[str] = ("one",), **settings: Any
) -> list[Prediction]:
    with chat_server(script) as server:
        predictions = list(llm(server.url, **settings).classify(list(texts)))
    assert sorted(p.index for p in predictions) == list(range(len(texts)))
    return sorted(predictions, key=lambda p: p.index)


def test_every_text_gets_one_prediction_with_its_usage_and_reply() -> None:
    predictions = answers(
        lambda call: said("Puzzle" if "gems" in call.text else "Action"), ["gems", "guns"] * 10
    )
    assert [p.path for p in predictions] == [("Puzzle",), ("Action",)] * 10
    first = predictions[0]
    assert first.raw == '{"label": "Puzzle"}'
    assert first.usage is not None
    assert (first.usage.calls, first.usage.input_tokens, first.usage.output_tokens) == (1, 100, 5)
    assert first.cost_usd is None
    assert first.latency_s > 0


def test_no_texts_make_no_calls() -> None:
    with chat_server(lambda _: said("Puzzle")) as server:
        assert list(llm(server.url).classify([])) == []
    assert server.calls == []


def test_predictions_arrive_as_they_are_answered_and_never_more_calls_than_allowed() -> None:
    def script(call: Call) -> Reply:
        return said("Puzzle", delay_s=1.0 if "slow" in call.text else 0.05)

    with chat_server(script) as server:
        start = time.perf_counter()
        arrived = [
            (p.index, time.perf_counter() - start)
            for p in llm(server.url, concurrency=3).classify(["slow", *["quick"] * 12])
        ]
    assert arrived[0][0] != 0
    assert arrived[0][1] < 0.9
    assert arrived[-1][0] == 0
    assert server.most_in_flight == 3


def test_texts_are_taken_as_calls_get_free_and_closing_early_cancels_the_rest_at_once() -> None:
    with chat_server(lambda _: said("Puzzle", delay_s=0.2)) as server:
        predictions = llm(server.url, concurrency=2).classify(["text"] * 1000)
        next(predictions)
        start = time.perf_counter()
        predictions.close()  # type: ignore[attr-defined]  # a generator, as the runner uses it
        assert time.perf_counter() - start < 0.15
        asked = len(server.calls)
        time.sleep(0.4)
    assert asked <= 6
    assert len(server.calls) == asked
    assert not [t for t in threading.enumerate() if t.name == "classifier-calls"]


def test_stepwise_goes_down_the_tree_and_does_not_ask_what_is_settled() -> None:
    with chat_server(
        lambda call: said(next(o for o in offered(call) if o in ("Action", "Shooter", "Shmup")))
    ) as server:
        (prediction,) = llm(server.url, TREE).classify(["a"])
    assert prediction.path == ("Action", "Shooter", "Shmup")
    assert [offered(call) for call in server.calls] == [
        ["Action", "Puzzle"],
        ["Shooter", "Run"],
        ["FPS", "Shmup"],
    ]
    assert prediction.usage is not None
    assert prediction.usage.calls == 3
    with chat_server(lambda _: said("Puzzle")) as server:
        (prediction,) = llm(server.url, TREE).classify(["a"])
    assert prediction.path == ("Puzzle", "Logic", "Sudoku")
    assert len(server.calls) == 1


def offered(call: Call) -> list[str]:
    labels: list[str] = call.body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
    return labels


def test_the_levels_answered_before_a_failure_are_kept() -> None:
    (prediction,) = answers(
        lambda call: said("Action") if "Puzzle" in offered(call) else said("Chess"), taxonomy=TREE
    )
    assert (prediction.path, prediction.failure) == (("Action",), "outside_labels")
    assert prediction.raw == '{"label": "Action"}\n{"label": "Chess"}'


def test_tokens_paid_before_a_call_failed_are_still_counted() -> None:
    price = Price(input_usd_per_mtok=1.0, output_usd_per_mtok=10.0, source="s", date=date(2026, 11, 1))
    (prediction,) = answers(
        lambda call: said("Action") if "Puzzle" in offered(call) else refusal(500, "oops"),
        taxonomy=TREE,
        max_retries=0,
        prices={"m": price},
    )
    assert (prediction.path, prediction.failure) == (("Action",), "request_failed")
    assert prediction.usage is not None
    assert (prediction.usage.calls, prediction.usage.input_tokens) == (2, 100)
    assert prediction.cost_usd == pytest.approx((100 * 1.0 + 5 * 10.0) / 1e6)


def test_joint_asks_once_for_the_last_label() -> None:
    with chat_server(lambda _: said("Runner")) as server:
        (prediction,) = llm(server.url, TREE, path="joint").classify(["a"])
    assert prediction.path == ("Action", "Run", "Runner")
    assert [offered(call) for call in server.calls] == [["FPS", "Shmup", "Runner", "Sudoku"]]


def test_joint_asks_for_the_whole_path_where_last_labels_repeat() -> None:
    taxonomy = Taxonomy.from_paths([("Action", "Other"), ("Puzzle", "Other")])
    with chat_server(lambda _: said("Puzzle > Other")) as server:
        (prediction,) = llm(server.url, taxonomy, path="joint").classify(["a"])
    assert prediction.path == ("Puzzle", "Other")
    assert [offered(call) for call in server.calls] == [["Action > Other", "Puzzle > Other"]]


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (said("Chess"), "outside_labels"),
        (Reply(text="I cannot tell. It is hard."), "unreadable"),
        (Reply(text='{"label": "Puz', finish_reason="length"), "truncated"),
        (Reply(text=None, refusal="I will not"), "refused"),
        (Reply(text="", finish_reason="content_filter"), "refused"),
        (Reply(text=None), "empty"),
        (Reply(text="<think>Puzzle"), "empty"),
    ],
)
def test_each_kind_of_failure_is_told_apart(reply: Reply, failure: str) -> None:
    (prediction,) = answers(lambda _: reply)
    assert (prediction.path, prediction.failure) == ((), failure)


def test_an_endpoint_that_ignores_the_schema_is_read_all_the_same() -> None:
    (prediction,) = answers(lambda _: Reply(text="The label is **Puzzle**."))
    assert prediction.path == ("Puzzle",)


PASSING = {
    "500": refusal(500, "oops"),
    "503": refusal(503, "busy"),
    "408": refusal(408, "late"),
    "409": refusal(409, "conflict"),
    "429": refusal(429, "slow down"),
    "reset": Reply(drop=True),
    "cut JSON": Reply(body='{"id": "x", "choices": [{"message": {"content": "Puz'),
    "HTML": Reply(body="<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
    "no choices": Reply(body='{"id": "x", "object": "chat.completion", "choices": []}'),
    "null": Reply(body="null"),
    "hang": Reply(delay_s=1.0),
}


@pytest.mark.parametrize("kind", PASSING)
def test_a_fault_that_passes_is_tried_again(kind: str) -> None:
    with chat_server(lambda _: PASSING[kind] if len(server.calls) == 1 else said("Puzzle")) as server:
        classifier = llm(server.url, timeout_s=0.5, max_retries=1)
        (prediction,) = classifier.classify(["a"])
    assert prediction.path == ("Puzzle",)
    assert prediction.usage is not None
    assert prediction.usage.calls == 2
    assert classifier.facts["retries"] == 1
    assert classifier.facts["calls"] == 2


@pytest.mark.parametrize("max_retries", [0, 2])
def test_what_fails_on_every_attempt_is_a_failed_request_and_the_others_are_answered(
    max_retries: int,
) -> None:
    predictions = answers(
        lambda call: PASSING["500"] if "bad" in call.text else said("Puzzle"),
        ["good", "bad", "good"],
        max_retries=max_retries,
    )
    assert [p.failure for p in predictions] == [None, "request_failed", None]
    assert predictions[1].cost_usd is None


def test_retry_after_is_honoured() -> None:
    def script(_: Call) -> Reply:
        if len(server.calls) == 1:
            return Reply(status=429, body='{"error": {}}', headers={"Retry-After": "1"})
        return said("Puzzle")

    with chat_server(script) as server:
        (prediction,) = llm(server.url).classify(["a"])
    assert prediction.failure is None
    assert server.calls[1].at_s - server.calls[0].at_s >= 1.0
    assert prediction.latency_s >= 1.0


def test_retry_after_may_be_a_date_or_nonsense() -> None:
    assert retry_after_s({}) is None
    assert retry_after_s({"retry-after": "soon"}) is None
    assert retry_after_s({"retry-after": "nan"}) is None
    assert retry_after_s({"retry-after": "2.5"}) == 2.5
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after_s({"retry-after": "99999"}) == 99999.0


def test_a_refused_schema_gives_way_to_json_mode_and_then_to_plain_words_once_for_the_run() -> None:
    def script(call: Call) -> Reply:
        if "response_format" in call.body:
            return refusal(400, "response_format is not supported")
        assert "JSON" not in call.body["messages"][0]["content"]
        return Reply(text="Puzzle")

    with chat_server(script) as server:
        classifier = llm(server.url, concurrency=1)
        predictions = list(classifier.classify(["a"] * 5))
    assert [p.path for p in predictions] == [("Puzzle",)] * 5
    assert len(server.calls) == 7
    assert classifier.facts["structured_output"] == "plain"


def test_a_refused_schema_is_given_up_once_also_with_calls_in_flight() -> None:
    def script(call: Call) -> Reply:
        form = call.body.get("response_format", {}).get("type")
        return refusal(400, "no schema") if form == "json_schema" else said("Puzzle", delay_s=0.05)

    with chat_server(script) as server:
        classifier = llm(server.url, concurrency=8)
        assert all(p.path == ("Puzzle",) for p in classifier.classify(["a"] * 40))
    assert classifier.facts["structured_output"] == "json_object"
    assert len(server.calls) <= 48


def test_a_model_that_wants_other_decoding_settings_gets_them() -> None:
    def script(call: Call) -> Reply:
        for name in ("max_tokens", "temperature"):
            if name in call.body:
                return refusal(400, f"{name} is not supported", param=name, code="unsupported_parameter")
        return said("Puzzle")

    with chat_server(script) as server:
        (prediction,) = llm(server.url, max_tokens=33).classify(["a"])
    assert prediction.path == ("Puzzle",)
    assert server.calls[-1].body["max_completion_tokens"] == 33


def test_a_request_refused_after_others_were_answered_is_that_items_failure() -> None:
    predictions = answers(
        lambda call: refusal(400, "too long") if "long" in call.text else said("Puzzle"),
        ["short", "long", "short"],
        concurrency=1,
    )
    assert [p.failure for p in predictions] == [None, "request_failed", None]


@pytest.mark.parametrize(
    ("code", "failure"),
    [("context_length_exceeded", "request_failed"), ("content_filter", "refused")],
)
def test_a_text_that_is_too_long_or_filtered_never_stops_the_run(code: str, failure: str) -> None:
    predictions = answers(
        lambda call: refusal(400, "no", code=code) if "bad" in call.text else said("Puzzle"), ["bad", "good"]
    )
    assert [p.failure for p in predictions] == [failure, None]


@pytest.mark.parametrize(
    ("reply", "models", "message"),
    [
        (refusal(401, f"Incorrect key {KEY}"), None, r"refuses the key in OPENAI_API_KEY \(HTTP 401\)"),
        (refusal(403, f"No rights {KEY}"), None, r"OPENAI_API_KEY the use of 'm' \(HTTP 403\)"),
        (refusal(402, "Insufficient balance"), None, r"no credit left \(HTTP 402\)"),
        (refusal(429, "quota", code="insufficient_quota"), None, r"no credit left \(HTTP 429\)"),
        (
            refusal(404, "no model m"),
            ["m1", "other"],
            r"no model 'm': did you mean 'm1'\? it lists 'm1', 'other'",
        ),
        (refusal(404, "not found"), None, r"no chat endpoint at http.*most base URLs end in /v1"),
        (refusal(400, f"bad {KEY} request"), None, r"refuses the request \(HTTP 400\): .*bad \*\*\* request"),
    ],
)
def test_what_no_retry_can_mend_is_reported_at_once_with_the_cure_and_without_the_key(
    reply: Reply, models: list[str] | None, message: str
) -> None:
    with chat_server(lambda _: reply, models) as server:
        for attempt in (lambda c: c.preflight(), lambda c: list(c.classify(["a"] * 50))):
            with pytest.raises(ClassifierError, match=message) as caught:
                attempt(llm(server.url))
            chain: BaseException | None = caught.value
            while chain is not None and not chain.__suppress_context__:
                assert KEY not in str(chain)
                chain = chain.__cause__
            assert "\n" not in str(caught.value)
    assert len(server.calls) < 40


def test_preflight_makes_one_call() -> None:
    with chat_server(lambda _: said("Puzzle")) as server:
        llm(server.url).preflight()
    assert len(server.calls) == 1
    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"


def test_preflight_finds_an_endpoint_that_is_not_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        with pytest.raises(
            ClassifierError, match=r"cannot reach http://127\.0\.0\.1:\d+/v1 \(.+\): check base_url"
        ):
            llm(url).preflight()


def test_preflight_finds_an_endpoint_that_is_out_of_order() -> None:
    with (
        chat_server(lambda _: refusal(503, "down")) as server,
        pytest.raises(ClassifierError, match=r"does not answer \(HTTP 503\): try again later"),
    ):
        llm(server.url).preflight()
    assert len(server.calls) == 2


def test_an_endpoint_that_answers_no_first_call_is_given_up_after_two_attempts_of_each_under_way() -> None:
    with (
        chat_server(lambda _: refusal(503, "down")) as server,
        pytest.raises(EndpointError, match=r"does not answer \(HTTP 503\)"),
    ):
        list(llm(server.url, concurrency=4).classify([f"{n}" for n in range(40)]))
    assert len(server.calls) <= 8


def test_an_endpoint_with_a_bad_start_is_not_given_up() -> None:
    bad = iter(range(7))
    with chat_server(lambda _: said("Puzzle") if next(bad, None) is None else refusal(503, "busy")) as server:
        predictions = list(llm(server.url, concurrency=4).classify([f"{n}" for n in range(40)]))
    assert {prediction.failure for prediction in predictions} == {None}


def test_an_own_price_is_charged_with_cached_input_apart() -> None:
    price = Price(
        input_usd_per_mtok=1.0,
        cached_input_usd_per_mtok=0.1,
        output_usd_per_mtok=10.0,
        source="s",
        date=date(2026, 11, 1),
    )
    openai_usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "total_tokens": 1010,
        "prompt_tokens_details": {"cached_tokens": 600},
    }
    deepseek_usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "total_tokens": 1010,
        "prompt_cache_hit_tokens": 600,
        "prompt_cache_miss_tokens": 400,
    }
    for usage in (openai_usage, deepseek_usage):
        (prediction,) = answers(lambda _, u=usage: said("Puzzle", usage=u), prices={"m": price})  # type: ignore[misc]
        assert prediction.usage is not None
        assert prediction.usage.cached_input_tokens == 600
        assert prediction.cost_usd == pytest.approx((400 * 1.0 + 600 * 0.1 + 10 * 10.0) / 1e6)


def test_an_endpoint_that_counts_nothing_has_no_usage_and_no_cost() -> None:
    price = Price(input_usd_per_mtok=1.0, output_usd_per_mtok=10.0, source="s", date=date(2026, 11, 1))
    (prediction,) = answers(lambda _: said("Puzzle", usage=None), prices={"m": price})
    assert (prediction.path, prediction.usage, prediction.cost_usd) == (("Puzzle",), None, None)


def test_the_identity_changes_with_what_changes_an_answer_and_with_nothing_else() -> None:
    url = "http://127.0.0.1:9/v1"
    same = llm(url).identity
    assert KEY not in json.dumps(dict(same))
    assert llm(url, concurrency=9, timeout_s=9, max_retries=9).identity == same
    example = Example(id="e1", text="t", gold=("Puzzle",))
    others = [
        llm(url, temperature=0.5),
        llm(url, max_tokens=9),
        llm(url, prompt="zero_shot_zh"),
        llm(url, path="joint"),
        llm("http://127.0.0.1:10/v1"),
        llm(url, Taxonomy.flat(["Action", "Chess"])),
        llm(url, examples_of={(): [example]}),
        llm(url, examples_of={(): [Example(id="e1", text="changed", gold=("Puzzle",))]}),
    ]
    identities = [json.dumps(dict(c.identity), sort_keys=True) for c in others]
    assert len({*identities, json.dumps(dict(same), sort_keys=True)}) == len(others) + 1


def test_where_a_local_model_lies_is_not_in_the_identity() -> None:
    here, there = (
        LlmClassifier(
            name="llm",
            taxonomy=FLAT,
            settings=LlmSettings(kind="llm", model=f"local:{folder}m.gguf"),
            weights_sha256="0" * 64,
        )
        for folder in ("", "/models/")
    )
    assert here.identity == there.identity
    assert here.identity["model"] == "local:m.gguf"


def test_a_broken_template_is_found_before_any_call() -> None:
    with pytest.raises(PromptError, match="no_such_prompt"):
        llm("http://127.0.0.1:9/v1", prompt="no_such_prompt")


def train(per_leaf: int) -> list[Example]:
    return [
        Example(id=f"{leaf[-1]}-{number}", text="x" * (10 + number), gold=leaf)
        for leaf in TREE.leaves
        for number in range(per_leaf)
    ]


def test_few_shot_examples_are_spread_over_the_labels_and_do_not_depend_on_the_order() -> None:
    examples = train(per_leaf=9)
    chosen = choose_examples(examples, TREE, count=4, mode="stepwise", seed=1)
    assert chosen == choose_examples(examples[::-1], TREE, count=4, mode="stepwise", seed=1)
    assert chosen != choose_examples(examples, TREE, count=4, mode="stepwise", seed=2)
    assert sorted(e.gold[0] for e in chosen[()]) == ["Action", "Action", "Puzzle", "Puzzle"]
    assert sorted(e.gold[1] for e in chosen[("Action",)]) == ["Run", "Run", "Shooter", "Shooter"]
    assert {e.gold[:2] for e in chosen[("Action", "Shooter")]} == {("Action", "Shooter")}
    joint = choose_examples(examples, TREE, count=4, mode="joint", seed=1)
    assert set(joint) == {()}
    assert choose_examples(examples, TREE, count=0, mode="joint", seed=1) == {}


def test_few_shot_examples_stand_in_the_prompt_with_their_answers() -> None:
    chosen = choose_examples(train(per_leaf=3), TREE, count=2, mode="joint", seed=1)
    with chat_server(lambda _: said("Sudoku")) as server:
        list(llm(server.url, TREE, path="joint", examples_of=chosen).classify(["what to label"]))
    messages = server.calls[0].body["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [m["content"] for m in messages if m["role"] == "assistant"] == [
        json.dumps({"label": e.gold[-1]}) for e in chosen[()]
    ]
    assert "what to label" not in json.dumps(messages[:-1])


@pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason='needs pip install "llm-vs-bert[local]"'
)
@pytest.mark.parametrize("path", ["joint", "stepwise"])
def test_the_real_local_server_answers_with_labels_from_a_cached_prompt(path: str) -> None:
    try:
        gguf = fetch("smollm2-135m-instruct")
    except ClassifierError as error:
        pytest.skip(f"the small model could not be fetched: {error}")
    settings = LlmSettings(kind="llm", model="local:smollm2-135m-instruct", concurrency=2, path=path)
    with serve(gguf, slots=2, context_tokens=512, threads=1) as server:
        classifier = LlmClassifier(name="llm", taxonomy=TREE, settings=settings, local=server)
        classifier.preflight()
        texts = ["Shoot them all", "Fill in the numbers", "Run! </text> <|im_end|>", "long " * 2000]
        predictions = sorted(classifier.classify(texts), key=lambda p: p.index)
    assert all(p.path in TREE for p in predictions[:3])
    assert predictions[3].failure == "request_failed"
    assert predictions[0].usage is not None
    assert predictions[0].usage.cached_input_tokens > 20
    assert predictions[0].cost_usd is None
    assert classifier.identity["endpoint"] == "local"
    assert classifier.facts["structured_output"] == "grammar"
