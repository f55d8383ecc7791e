"""Prices: dollars from tokens, and None where nobody knows."""

from datetime import date
from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.contract import Usage
from classifiers.prices import is_this_machine, price_of
from classifiers.settings import Price

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com/v1"
OWN = Price(
    input_usd_per_mtok=2.0,
    cached_input_usd_per_mtok=0.5,
    cache_write_usd_per_mtok=2.5,
    output_usd_per_mtok=8.0,
    source="price page",
    date=date(2026, 11, 1),
)


def usage(given: int, cached: int, out: int, written: int = 0) -> Usage:
    return Usage(
        calls=1,
        input_tokens=given,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=out,
        reasoning_tokens=out // 2,
    )


def test_an_own_price_charges_each_kind_of_token_once() -> None:
    price = price_of("m", "https://nowhere.example/v1", {"m": OWN})
    assert price.cost_usd(usage(1_000_000, 400_000, 100_000)) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.1 * 8)
    written = price.cost_usd(usage(1_000_000, 400_000, 100_000, written=200_000))
    assert written == pytest.approx(0.4 * 2 + 0.4 * 0.5 + 0.2 * 2.5 + 0.1 * 8)
    assert price.source == "price page, 2026-11-01"


def test_without_a_cached_price_cached_input_costs_as_other_input() -> None:
    price = price_of("m", OPENAI, {"m": OWN.model_copy(update={"cached_input_usd_per_mtok": None})})
    assert price.cost_usd(usage(1_000_000, 400_000, 0)) == pytest.approx(2.0)


def test_without_a_price_for_writing_a_cache_it_costs_as_other_input() -> None:
    price = price_of("m", OPENAI, {"m": OWN.model_copy(update={"cache_write_usd_per_mtok": None})})
    assert price.cost_usd(usage(1_000_000, 0, 0, written=400_000)) == pytest.approx(2.0)


def test_the_table_knows_a_well_known_model_and_its_cached_price() -> None:
    price = price_of("gpt-4o-mini", OPENAI, {})
    full = price.cost_usd(usage(1_000_000, 0, 1_000_000))
    cached = price.cost_usd(usage(1_000_000, 1_000_000, 1_000_000))
    assert full == pytest.approx(0.15 + 0.60)
    assert cached == pytest.approx(0.075 + 0.60)
    assert price.source is not None
    assert price.source.startswith("genai-prices ")


def test_the_table_charges_what_was_written_to_a_cache_once_and_at_its_own_price() -> None:
    price = price_of("claude-sonnet-4-5", ANTHROPIC, {})
    cost = price.cost_usd(usage(100_000, 20_000, 1_000, written=30_000))
    assert cost == pytest.approx((50_000 * 3 + 20_000 * 0.3 + 30_000 * 3.75 + 1_000 * 15) / 1e6)


def test_the_table_charges_a_cache_write_without_a_price_as_other_input() -> None:
    price = price_of("gpt-4o-mini", OPENAI, {})
    assert price.cost_usd(usage(1_000_000, 0, 0, written=400_000)) == pytest.approx(0.15)


def test_the_record_holds_the_prices_that_are_applied() -> None:
    own = price_of("m", "https://user:secret@nowhere.example:8443/v1", {"m": OWN}).record()
    assert own == {
        "model": "m",
        "endpoint": "nowhere.example",
        "provider": None,
        "input_usd_per_mtok": 2.0,
        "cached_input_usd_per_mtok": 0.5,
        "cache_write_usd_per_mtok": 2.5,
        "output_usd_per_mtok": 8.0,
        "table_entry": None,
        "source": "price page",
        "date": "2026-11-01",
        "genai_prices": version("genai-prices"),
    }
    table = price_of("claude-sonnet-4-5", ANTHROPIC, {}).record()
    prices = [value for key, value in table.items() if key.endswith("_per_mtok")]
    assert (table["provider"], prices) == ("anthropic", [3.0, 0.3, 3.75, 15.0])
    assert "tiers" in str(table["table_entry"])
    filled = price_of("gpt-4o-mini", OPENAI, {}).record()
    assert filled["cache_write_usd_per_mtok"] == filled["input_usd_per_mtok"] == 0.15


def test_the_record_of_an_unknown_price_holds_none_and_never_zero() -> None:
    record = price_of("m", "http://127.0.0.1:8080/v1", {}).record()
    known = {key for key, value in record.items() if value is not None}
    assert known == {"model", "endpoint", "genai_prices"}


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        ("no-such-model", OPENAI),
        ("gpt-4o-mini", "https://nowhere.example/v1"),
        ("gpt-4o-mini", "http://127.0.0.1:8080/v1"),
        ("gpt-4o-mini", "http://localhost:8080/v1"),
        ("gpt-4o-mini", "http://[::1]:8080/v1"),
    ],
)
def test_an_unknown_price_is_none_and_never_zero(model: str, base_url: str) -> None:
    price = price_of(model, base_url, {"another": OWN})
    assert price.cost_usd(usage(1000, 0, 1000)) is None
    assert (price.known, price.source) == (False, None)


def test_a_host_that_only_looks_local_is_not_this_machine() -> None:
    assert not is_this_machine("https://localhost.example.com/v1")
    assert not is_this_machine("https://127.example.com/v1")
    assert is_this_machine("http://127.3.2.1/v1")


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_costs_add_up(fresh: int, cached: int, written: int, out: int) -> None:
    price = price_of("m", OPENAI, {"m": OWN})
    whole = price.cost_usd(usage(fresh + cached + written, cached, out, written=written))
    parts = [
        usage(fresh, 0, 0),
        usage(cached, cached, 0),
        usage(written, 0, 0, written=written),
        usage(0, 0, out),
    ]
    assert whole == pytest.approx(sum(price.cost_usd(part) or 0.0 for part in parts))
