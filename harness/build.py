"""From settings to working classifiers: checked first, trained where they learn, opened to answer.

The only place that knows which kind of classifier is made how; everything else uses the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from classifiers.contract import Example, Scalar
from classifiers.settings import BaselineSettings, BertSettings, LlmSettings, Price
from prompts.taxonomy import Taxonomy

LOCAL = "local:"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A classifier that was found able to work.

    Attributes:
        name: as in the experiment.
        settings: as in the experiment.
        taxonomy: the labels it answers with.
        training_identity: everything that shapes its weights, or None where it has none of its own.
        model_path: the base encoder's folder or the local LLM's file, or None.
        examples: the training examples its prompt shows.
        prices: the prices of the experiment file, by model name.
    """

    name: str
    settings: BertSettings | LlmSettings | BaselineSettings
    taxonomy: Taxonomy
    training_identity: Mapping[str, Scalar] | None = None
    model_path: Path | None = None
    examples: tuple[Example, ...] = ()
    prices: Mapping[str, Price] = field(default_factory=dict)
    seed: int = 0
