"""The estimate before the first call: by the real prompts of a sample, and told in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.contract import Example
from classifiers.llm import LlmClassifier
from classifiers.prices import price_of
from classifiers.settings import LlmSettings, Price
from harness.estimate import Estimate, draw, estimate, in_words, tokens_of, whole_path
from prompts.taxonomy import Taxonomy
from tests.chat_server import Call, Reply, chat_server
from tests.command import harness

OPENAI = "https://api.openai.com/v1"
TREE = Taxonomy.from_paths(
    [("Action", "Shooter"), ("Action", "Fighting"), ("Puzzle", "Logic"), ("Strategy", "War"), ("Strategy", "City")]
)  # fmt: skip
PRICE = Price(input_usd_per_mtok=1.0, output_usd_per_mtok=2.0, source="this test", date=date(2026, 11, 1))


def llm(**settings: Any) -> LlmClassifier:
    return LlmClassifier(
        name="llm",
        taxonomy=TREE,
        settings=LlmSettings(kind="llm", model="m", base_url="https://nowhere.example/v1", **settings),
        prices={"m": PRICE},
    )


def examples(count: int, gold: tuple[str, ...] = ("Action", "Shooter")) -> list[Example]:
    return [Example(id=f"{n}", text=f"App number {n:06d}", gold=gold) for n in range(count)]


def of(classifier: LlmClassifier, todo: list[Example], votes: int = 1) -> Estimate:
    return estimate(classifier, todo, len(todo), votes=votes, seed=1999)


def test_latin_text_has_4_characters_a_token_and_chinese_1_5() -> None:
    assert tokens_of("a" * 40) == 10
    assert tokens_of("字" * 15) == tokens_of("かな" * 7 + "！") == tokens_of("글" * 15) == 10
    assert tokens_of("a" * 40 + "字" * 15) == 20
    assert tokens_of("") == 0


def test_stepwise_makes_a_call_for_every_level_that_leaves_a_choice() -> None:
    assert of(llm(), examples(10)).calls == 20
    assert of(llm(), examples(10, gold=("Puzzle", "Logic"))).calls == 10
    assert of(llm(path="joint"), examples(10)).calls == 10


def test_votes_multiply_the_calls() -> None:
    once, thrice = of(llm(), examples(10)), of(llm(), examples(10), votes=3)
    assert thrice.calls == 3 * once.calls
    assert thrice.cost_usd == pytest.approx(3 * (once.cost_usd or 0))


def test_a_sample_stands_for_all_texts() -> None:
    few, many = of(llm(), examples(50)), of(llm(), examples(5000))
    assert many.calls == 100 * few.calls
    assert many.input_tokens == pytest.approx(100 * few.input_tokens)
    assert many.cost_usd == pytest.approx(100 * (few.cost_usd or 0))


def test_the_cost_is_that_of_the_tokens() -> None:
    expected = of(llm(), examples(30))
    assert expected.cost_usd == pytest.approx((expected.input_tokens + 2 * expected.output_tokens) / 1e6)


def test_what_is_planned_is_what_is_sent() -> None:
    def script(call: Call) -> Reply:
        sent.append(call.body["messages"])
        return Reply(text=json.dumps({"label": "Action" if len(sent) == 1 else "Shooter"}))

    sent: list[Any] = []
    with chat_server(script) as server:
        settings = LlmSettings(kind="llm", model="m", base_url=server.url)
        classifier = LlmClassifier(name="llm", taxonomy=TREE, settings=settings)
        list(classifier.classify(["Shoot them all"]))
    planned = list(classifier.plan(["Shoot them all"], [("Action", "Shooter")]))
    assert [call[:-1] for call in planned] == sent
    assert [call[-1]["content"] for call in planned] == ['{"label": "Action"}', '{"label": "Shooter"}']


def test_nothing_left_to_ask_takes_nothing() -> None:
    assert of(llm(), []) == Estimate(calls=0, input_tokens=0, output_tokens=0, cost_usd=0)


def test_the_sample_is_the_same_for_the_same_seed_and_holds_at_most_50() -> None:
    todo = examples(1000)
    assert draw(todo, 1000, 1) == draw(iter(todo), 1000, 1) != draw(todo, 1000, 2)
    assert len(draw(todo, 1000, 1)) == 50
    assert draw(todo, 7, 1) == todo[:7]


@given(st.integers(0, 300), st.integers())
def test_the_sample_holds_no_example_twice(count: int, seed: int) -> None:
    ids = [example.id for example in draw(examples(count), count, seed)]
    assert len(ids) == len(set(ids)) == min(50, count)


@pytest.mark.parametrize(
    ("gold", "path"),
    [
        ((), ("Action", "Shooter")),
        (("Strategy",), ("Strategy", "War")),
        (("Strategy", "City"), ("Strategy", "City")),
    ],
)
def test_where_no_gold_is_known_the_first_label_below_stands_for_it(
    gold: tuple[str, ...], path: tuple[str, ...]
) -> None:
    assert whole_path(gold, TREE) == path


def line(cost_usd: float | None, *, model: str = "gpt-4o-mini", url: str = OPENAI, **money: Any) -> str:
    expected = Estimate(calls=2400, input_tokens=912_345, output_tokens=21_000, cost_usd=cost_usd)
    return in_words(
        "gpt", expected, price_of(model, url, {}), **({"spent_usd": 0.0, "limit_usd": None} | money)
    )


def test_the_line_says_calls_tokens_cost_and_where_the_price_comes_from() -> None:
    assert line(0.1494).startswith(
        "gpt: about 2,400 calls, 0.91 M input and 0.021 M output tokens, about 0.15 USD "
        "(estimate; gpt-4o-mini at genai-prices "
    )


def test_the_line_says_that_the_run_will_stop_at_a_limit_below_the_estimate() -> None:
    assert line(0.15, limit_usd=0.1).endswith("; that passes max_cost_usd = 0.1, so the run will stop there")
    assert "stop" not in line(0.15, limit_usd=0.2)
    assert "stop" in line(0.15, limit_usd=0.2, spent_usd=0.1)


def test_the_line_says_that_a_price_is_unknown_and_what_to_do() -> None:
    assert line(None, model="no-such-model").endswith(
        ', cost unknown (estimate; no price for no-such-model: add [prices."no-such-model"])'
    )


def test_a_model_on_this_machine_has_tokens_and_no_price() -> None:
    said = line(None, url="http://127.0.0.1:8080/v1")
    assert said.endswith("output tokens (estimate; on this machine)")
    assert "USD" not in said


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.setenv("HARNESS_TEST_KEY", "sk-test-3f9a7c41")
    (tmp_path / "class.txt").write_text("Action\nPuzzle\n")
    rows = [f"app number {n} of this set,{'Action' if n % 2 else 'Puzzle'}\n" for n in range(20)]
    (tmp_path / "test.csv").write_text("text,label\n" + "".join(rows))

    def write(url: str, *, settings: str = "", usd_per_mtok: float = 1.0) -> Path:
        (tmp_path / "experiment.toml").write_text(
            f"""
name = "paid"
[data]
test = "test.csv"
labels = "class.txt"
[classifiers.llm]
kind = "llm"
model = "loopback"
base_url = "{url}"
api_key_env = "HARNESS_TEST_KEY"
max_retries = 0
{settings}
[prices.loopback]
input_usd_per_mtok = {usd_per_mtok}
output_usd_per_mtok = 2.0
source = "this test"
date = 2026-11-01
"""
        )
        return tmp_path

    return write


def run_of(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def test_a_run_says_what_is_to_come_and_keeps_the_prices(experiment: Callable[..., Path]) -> None:
    with chat_server(lambda _: Reply(text="Puzzle")) as server:
        folder = experiment(server.url, settings="max_cost_usd = 0.05")
        said = harness("compare", cwd=folder)
    assert said.code == 0, said
    assert re.search(
        r"^llm: about 20 calls, [\d,]+ input and \d+ output tokens, about 0\.00\d+ USD "
        r"\(estimate; loopback at this test, 2026-11-01\)$",
        said.out,
        flags=re.MULTILINE,
    )
    (price,) = json.loads((run_of(folder) / "classifiers/llm/price.json").read_text())
    assert price["model"] == "loopback"
    assert [value for key, value in price.items() if key.endswith("_per_mtok")] == [1.0, 1.0, 1.0, 2.0]
    assert (price["source"], price["date"]) == ("this test", "2026-11-01")


def test_failures_that_are_asked_again_stay_in_the_cost_and_only_they_are_estimated(
    experiment: Callable[..., Path],
) -> None:
    broken = True

    def script(call: Call) -> Reply:
        found = re.search(r"app number (\d+) of", call.text)
        if broken and found and int(found[1]) < 5:
            return Reply(status=500, body="{}")
        return Reply(text="Puzzle")

    with chat_server(script) as server:
        folder = experiment(server.url)
        harness("compare", cwd=folder)
        run = run_of(folder)
        rows = (run / "classifiers/llm/predictions.jsonl").read_text().splitlines()
        failed = [json.loads(row) for row in rows if '"request_failed"' in row]
        assert len(failed) == 5
        # As a text whose first level was answered and paid for, before its second level failed.
        paid = [json.dumps(row | {"cost_usd": 0.001}) for row in failed]
        kept = [row for row in rows if '"request_failed"' not in row]
        (run / "classifiers/llm/predictions.jsonl").write_text("\n".join([*kept, *paid]) + "\n")
        resolved = run / "experiment.toml"
        resolved.write_text(
            resolved.read_text().replace("input_usd_per_mtok = 1.0", "input_usd_per_mtok = 3.0")
        )
        broken = False
        said = harness("compare", "--resume", run, cwd=folder)
    assert said.code == 0, said
    assert "llm: about 5 calls" in said.out
    cost = json.loads((run / "scores.json").read_text())["classifiers"]["llm"]["cost"]
    first, second = (100 * 1.0 + 5 * 2.0) / 1e6, (100 * 3.0 + 5 * 2.0) / 1e6
    assert cost["superseded_usd"] == pytest.approx(0.005)
    assert cost["total_usd"] == cost["spent_usd"] == pytest.approx(15 * first + 5 * second + 0.005)
    prices = json.loads((run / "classifiers/llm/price.json").read_text())
    assert [price["input_usd_per_mtok"] for price in prices] == [1.0, 3.0]
