"""What a classifier's calls will take, before the first of them: counted on a sample, told in one line.

In: the classifier and the texts it has still to answer. Out: calls, tokens and dollars, by the real prompts.
No tokenizer is asked, as every provider has its own: tokens go by characters, all input counts as fresh, and
reasoning, which no prompt foretells, is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress
from random import Random
from typing import TYPE_CHECKING

from classifiers.contract import Example, Usage
from classifiers.prices import PriceSource, is_this_machine
from prompts.taxonomy import Path as LabelPath
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    from classifiers.llm import LlmClassifier
    from prompts.render import Message

SAMPLE = 50
CHARACTERS_PER_TOKEN, WIDE_CHARACTERS_PER_TOKEN = 4.0, 1.5
MESSAGE_TOKENS = 4  # what a chat format puts around each message

# Chinese, Japanese, Korean and full-width forms, which tokenizers cut far finer than Latin words.
_WIDE = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What answering will take, as expected.

    Attributes:
        calls: without retries.
        cost_usd: US dollars, or None where the price is unknown.
    """

    calls: float
    input_tokens: float
    output_tokens: float
    cost_usd: float | None


def estimate(
    classifier: LlmClassifier, examples: Iterable[Example], count: int, *, votes: int, seed: int
) -> Estimate:
    """Return what the first `count` examples will take, by a seeded sample of up to 50 of them.

    Args:
        classifier: whose prompts are rendered; it is not asked.
        examples: at least `count`; where one has no gold path the first labels of the tree stand for it.
        count: how many of them.
        votes: answers for each text.
        seed: of the sample.
    """
    sample = draw(examples, count, seed)
    paths = [whole_path(example.gold, classifier.taxonomy) for example in sample]
    used = [_usage(call) for call in classifier.plan([example.text for example in sample], paths)]
    costs = [classifier.price.cost_usd(usage) for usage in used]
    times = votes * count / len(sample) if sample else 0.0
    charged = times * classifier.price_share
    known = [cost for cost in costs if cost is not None]
    return Estimate(
        calls=times * len(used),
        input_tokens=times * sum(usage.input_tokens for usage in used),
        output_tokens=times * sum(usage.output_tokens for usage in used),
        cost_usd=charged * sum(known) if classifier.price.known and len(known) == len(costs) else None,
    )


def draw(examples: Iterable[Example], count: int, seed: int) -> list[Example]:
    """Return up to 50 of the first `count` examples, the same ones for the same seed."""
    chosen = set(Random(f"{seed}:estimate").sample(range(count), min(SAMPLE, count)))
    return list(compress(examples, (place in chosen for place in range(count))))


def whole_path(path: LabelPath, taxonomy: Taxonomy) -> LabelPath:
    """Return a path down to a last label: as given, and from there on the first label below."""
    while len(path) < taxonomy.depth:
        path = (*path, taxonomy.children(path)[0].name)
    return path


def tokens_of(text: str) -> float:
    """Return about how many tokens a text has: 4 characters each, of Chinese, Japanese and Korean 1.5."""
    wide = len(_WIDE.findall(text))
    return (len(text) - wide) / CHARACTERS_PER_TOKEN + wide / WIDE_CHARACTERS_PER_TOKEN


def _usage(call: Sequence[Message]) -> Usage:
    *sent, answer = call
    return Usage(
        calls=1,
        input_tokens=round(sum(tokens_of(message["content"]) + MESSAGE_TOKENS for message in sent)),
        cached_input_tokens=0,
        output_tokens=max(1, round(tokens_of(answer["content"]))),
    )


def in_words(
    name: str, expected: Estimate, price: PriceSource, *, spent_usd: float, limit_usd: float | None
) -> str:
    """Return the line that is printed before the first call.

    Args:
        name: of the classifier.
        expected: what is still to come.
        price: what the tokens cost.
        spent_usd: what the run has paid already.
        limit_usd: its `max_cost_usd`, where it stops, or None.
    """
    line = (
        f"{name}: about {_rounded(expected.calls)} calls, {_amount(expected.input_tokens)} input and "
        f"{_amount(expected.output_tokens)} output tokens"
    )
    if expected.cost_usd is None and is_this_machine(price.base_url):
        return f"{line} (estimate; on this machine)"
    if expected.cost_usd is None:
        return f'{line}, cost unknown (estimate; no price for {price.model}: add [prices."{price.model}"])'
    line += f", about {_rounded(expected.cost_usd)} USD (estimate; {price.model} at {price.source})"
    if limit_usd is not None and spent_usd + expected.cost_usd > limit_usd:
        line += f"; that passes max_cost_usd = {limit_usd:g}, so the run will stop there"
    return line


def _amount(tokens: float) -> str:
    return f"{_rounded(tokens / 1e6)} M" if tokens >= 10_000 else _rounded(tokens)


def _rounded(figure: float) -> str:
    """Return two digits of a figure, which is all an estimate knows."""
    return f"{Decimal(f'{figure:.2g}'):,f}"
