"""Usage: the dialects in which endpoints count tokens, each to the exact dollars."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage

from classifiers.contract import Usage
from classifiers.prices import price_of
from classifiers.settings import Price
from classifiers.usage import read_usage

PRICE = Price(
    input_usd_per_mtok=2.0,
    cached_input_usd_per_mtok=0.5,
    cache_write_usd_per_mtok=2.5,
    output_usd_per_mtok=8.0,
    source="this test",
    date=date(2026, 11, 1),
)


def block(**fields: Any) -> CompletionUsage:
    """Return a usage block as the client makes it from JSON: unchecked, with whatever else stands there."""
    return CompletionUsage.construct(**fields)


def usd(usage: Usage | None) -> float:
    assert usage is not None
    cost = price_of("m", "https://nowhere.example/v1", {"m": PRICE}).cost_usd(usage)
    assert cost is not None
    return cost


# (input, cached, written, output, reasoning) and dollars at 2.00, 0.50, 2.50 and 8.00 a million.
DIALECTS: list[Any] = [
    pytest.param(
        {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        (1000, 0, 0, 100, 0), 0.0028, id="plain",
    ),
    pytest.param(  # OpenAI API reference, "the chat completion object"
        {"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
         "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
         "completion_tokens_details": {"reasoning_tokens": 256, "audio_tokens": 0}},
        (2006, 1920, 0, 300, 256), 0.003532, id="OpenAI with cached input and reasoning inside the output",
    ),
    pytest.param(  # DeepSeek API docs, "create chat completion"
        {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500,
         "prompt_cache_hit_tokens": 640, "prompt_cache_miss_tokens": 360,
         "prompt_tokens_details": {"cached_tokens": 640},
         "completion_tokens_details": {"reasoning_tokens": 450}},
        (1000, 640, 0, 500, 450), 0.00504, id="DeepSeek names its cache hits twice",
    ),
    pytest.param(
        {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
         "prompt_cache_hit_tokens": 640, "prompt_cache_miss_tokens": 360},
        (1000, 640, 0, 10, 0), 0.00112, id="DeepSeek's own names alone",
    ),
    pytest.param(  # Alibaba Cloud Model Studio, "context cache": explicit cache, OpenAI-compatible
        {"prompt_tokens": 2000, "completion_tokens": 20, "total_tokens": 2020,
         "prompt_tokens_details": {"cached_tokens": 0, "cache_creation_input_tokens": 1500,
                                   "cache_type": "ephemeral"}},
        (2000, 0, 1500, 20, 0), 0.00491, id="DashScope writes a cache",
    ),
    pytest.param(
        {"prompt_tokens": 2000, "completion_tokens": 20, "total_tokens": 2020,
         "prompt_tokens_details": {"cached_tokens": 1500}},
        (2000, 1500, 0, 20, 0), 0.00191, id="DashScope reads it",
    ),
    pytest.param(  # OpenRouter docs, "usage accounting"
        {"prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196, "cost": 0.95,
         "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 100, "audio_tokens": 0},
         "completion_tokens_details": {"reasoning_tokens": 0}},
        (194, 0, 100, 2, 0), 0.000454, id="OpenRouter writes a cache",
    ),
    pytest.param(  # LiteLLM docs, "prompt caching": Anthropic's figures, added to prompt_tokens
        {"prompt_tokens": 3000, "completion_tokens": 50, "total_tokens": 3050,
         "prompt_tokens_details": {"cached_tokens": 1000, "cache_creation_tokens": 1500},
         "cache_creation_input_tokens": 1500, "cache_read_input_tokens": 1000},
        (3000, 1000, 1500, 50, 0), 0.00565, id="Anthropic's cache inside the prompt, named twice",
    ),
    pytest.param(  # Anthropic docs, "prompt caching": input_tokens leaves out what went through the cache
        {"prompt_tokens": 500, "completion_tokens": 50, "total_tokens": 3050,
         "cache_creation_input_tokens": 1500, "cache_read_input_tokens": 1000},
        (3000, 1000, 1500, 50, 0), 0.00565, id="Anthropic's cache beside the prompt, as the total tells",
    ),
    pytest.param(
        {"prompt_tokens": 3, "completion_tokens": 550, "total_tokens": 553,
         "cache_creation_input_tokens": 12304, "cache_read_input_tokens": 0},
        (12307, 0, 12304, 550, 0), 0.035166, id="Anthropic's cache beside the prompt and not in the total",
    ),
    pytest.param(  # xAI docs, "consumption and rate limits": reasoning beside completion_tokens, in the total
        {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
         "prompt_tokens_details": {"cached_tokens": 6},
         "completion_tokens_details": {"reasoning_tokens": 94}},
        (32, 6, 0, 103, 94), 0.000879, id="xAI counts reasoning beside the output",
    ),
    pytest.param(
        {"prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14,
         "completion_tokens_details": {"reasoning_tokens": 317}},
        (12, 0, 0, 319, 317), 0.002576, id="more reasoning than output is beside it whatever the total says",
    ),
    pytest.param(  # Google Gemini API docs, "OpenAI compatibility" and "token counting": thoughts are in the total
        {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623},
        (20, 0, 0, 603, 405), 0.004864, id="Gemini leaves its reasoning unnamed",
    ),
    pytest.param(
        {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 1000105,
         "prompt_tokens_details": {"cached_tokens": 1000000}, "completion_tokens_details": None},
        (1000100, 1000000, 0, 5, 0), 0.50024, id="a cache larger than the prompt is beside it",
    ),
    pytest.param(
        {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
         "prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": None}},
        (1000, 0, 0, 10, 0), 0.00208, id="details that are null",
    ),
    pytest.param(  # some servers send no total
        {"prompt_tokens": 1000, "completion_tokens": 10},
        (1000, 0, 0, 10, 0), 0.00208, id="no total",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected", "dollars"), DIALECTS)
def test_each_dialect_gives_the_right_tokens_and_dollars(
    fields: dict[str, Any], expected: tuple[int, ...], dollars: float
) -> None:
    usage = read_usage(block(**fields), calls=1)
    given_tokens, cached, written, out, reasoning = expected
    assert usage == Usage(
        calls=1,
        input_tokens=given_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=out,
        reasoning_tokens=reasoning,
    )
    assert usd(usage) == pytest.approx(dollars, abs=1e-9)


@pytest.mark.parametrize(
    "fields",
    [
        None,
        {},
        {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
        {"prompt_tokens": 10, "completion_tokens": None, "total_tokens": 10},
        {"prompt_tokens": "many", "completion_tokens": 3, "total_tokens": 10},
        {"total_tokens": 10},
    ],
)
def test_an_endpoint_that_does_not_count_has_no_usage(fields: dict[str, Any] | None) -> None:
    assert read_usage(None if fields is None else block(**fields), calls=1) is None


counts = st.integers(0, 10**6) | st.none()


@given(
    prompt=st.integers(0, 10**6),
    completion=st.integers(0, 10**6),
    total=counts,
    cached=counts,
    written=counts,
    reasoning=counts,
)
def test_parts_never_exceed_the_whole_and_nothing_that_is_counted_is_lost(
    prompt: int,
    completion: int,
    total: int | None,
    cached: int | None,
    written: int | None,
    reasoning: int | None,
) -> None:
    usage = read_usage(
        block(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=total,
            prompt_tokens_details={"cached_tokens": cached, "cache_write_tokens": written},
            completion_tokens_details={"reasoning_tokens": reasoning},
        ),
        calls=1,
    )
    assert usage is not None
    assert usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens
    assert usage.reasoning_tokens <= usage.output_tokens
    assert usage.input_tokens >= prompt
    assert usage.output_tokens >= completion
    assert usage.input_tokens + usage.output_tokens >= (total or 0)
