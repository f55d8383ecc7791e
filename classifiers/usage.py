"""What an answer consumed: from an endpoint's own way of counting tokens to our `Usage`.

All endpoints speak OpenAI's protocol, and yet count differently. Input from the cache goes by four names.
Reasoning is inside `completion_tokens` (OpenAI, DeepSeek) or beside it (xAI, Gemini). Input through a cache
is inside `prompt_tokens` or, with gateways that pass Anthropic's figures on, beside it. The total tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from classifiers.contract import Usage

if TYPE_CHECKING:
    from openai.types import CompletionUsage

# Where the count stands: within `prompt_tokens_details`, or "" for the usage block itself.
_CACHED = (
    ("prompt_tokens_details", "cached_tokens"),  # OpenAI and most others
    ("", "prompt_cache_hit_tokens"),  # DeepSeek
    ("", "cache_read_input_tokens"),  # Anthropic, as gateways pass it on
    ("", "cached_tokens"),  # Moonshot
)
_WRITTEN = (
    ("prompt_tokens_details", "cache_write_tokens"),  # OpenRouter
    ("prompt_tokens_details", "cache_creation_tokens"),  # LiteLLM
    ("prompt_tokens_details", "cache_creation_input_tokens"),  # DashScope
    ("", "cache_creation_input_tokens"),  # Anthropic, as gateways pass it on
)
_COUNTS = tuple(field.name for field in fields(Usage))
_REASONING = (("completion_tokens_details", "reasoning_tokens"), ("", "reasoning_tokens"))


def read_usage(block: CompletionUsage | None, *, calls: int) -> Usage | None:
    """Return the tokens of one answer, each counted once; None where the endpoint does not count them.

    Args:
        block: the `usage` of a chat completion, with whatever the endpoint added to it.
        calls: the requests to put down for it.
    """
    if not isinstance(block, BaseModel):  # none, or of no known shape
        return None
    fields = block.to_dict(warnings=False)  # what comes in need not have the types it is said to have
    prompt, completion = _count(fields.get("prompt_tokens")), _count(fields.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    cached, written = _first(fields, _CACHED), _first(fields, _WRITTEN)
    reasoning = _first(fields, _REASONING)
    beside = max((_count(fields.get("total_tokens")) or 0) - prompt - completion, 0)
    if _cache_is_beside(prompt, cached + written, reasoning, beside):
        prompt += cached + written
        beside = max(beside - cached - written, 0)
    if reasoning > completion:  # so it cannot be a part of it, whatever the total says
        beside = max(beside, reasoning)
    cached = min(cached, prompt)
    return Usage(
        calls=calls,
        input_tokens=prompt,
        cached_input_tokens=cached,
        cache_write_tokens=min(written, prompt - cached),
        output_tokens=completion + beside,
        # Gemini's endpoint may leave reasoning unnamed: it is what the total has more.
        reasoning_tokens=reasoning or beside,
    )


def add_usages(usages: Sequence[Usage | None]) -> Usage | None:
    """Add up the usage of several calls; None as soon as one is not counted, or where there is none."""
    counted = [usage for usage in usages if usage is not None]
    if not counted or len(counted) < len(usages):
        return None
    return Usage(**{name: sum(getattr(usage, name) for usage in counted) for name in _COUNTS})


def _cache_is_beside(prompt: int, through_cache: int, reasoning: int, beside: int) -> bool:
    """Tell whether `prompt_tokens` leaves out what went through the cache."""
    if through_cache > prompt:
        return True
    # A surplus that is exactly the reasoning is just that: xAI and Gemini count it so.
    if beside == reasoning:
        return False
    return through_cache > 0 and beside - through_cache in (0, reasoning)


def _first(fields: Mapping[str, Any], places: Iterable[tuple[str, str]]) -> int:
    """Return the first count above 0; one figure often stands under several names."""
    for within, name in places:
        part = fields.get(within) if within else fields
        if isinstance(part, Mapping) and (count := _count(part.get(name))):
            return count
    return 0


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and value >= 0 else None
