"""The settings of each kind of classifier, as `[classifiers.<name>]` in the experiment file takes them.

One definition serves the experiment file, its error messages and the classifiers themselves. Only pydantic is
imported here, so reading an experiment stays cheap.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """A table of the experiment file: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BertSettings(Settings):
    """Fine-tune a transformers encoder, then answer with it."""

    kind: Literal["bert"]
    base: str = Field(description="hub id, folder, or local:all-minilm-l6-v2")
    revision: str | None = None
    epochs: Annotated[int, Field(ge=1)] = 5
    batch_size: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_length: Annotated[int, Field(ge=8)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = Field(None, description="left out: the base's own")
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"

    @property
    def learns(self) -> bool:
        """Whether it needs training examples."""
        return True


class LlmSettings(Settings):
    """Ask an LLM behind an OpenAI-compatible endpoint."""

    kind: Literal["llm"]
    model: str = Field(
        description="the endpoint's model name, local:smollm2-135m-instruct or local:FILE.gguf"
    )
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str | None = "OPENAI_API_KEY"
    prompt: str = Field("zero_shot", description="a template in prompts/templates, or the path of your own")
    path: Literal["stepwise", "joint"] = "stepwise"
    examples: Annotated[int, Field(ge=0)] = Field(0, description="training examples shown in the prompt")
    temperature: Annotated[float, Field(ge=0)] = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 64
    context_tokens: Annotated[int, Field(ge=128)] = Field(
        4096, description="of a local model: prompt and answer of one call together"
    )
    concurrency: Annotated[int, Field(ge=1)] = 32
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    max_retries: Annotated[int, Field(ge=0)] = 5
    max_cost_usd: Annotated[float, Field(gt=0)] | None = None

    @property
    def learns(self) -> bool:
        """Whether it needs training examples."""
        return self.examples > 0


class BaselineSettings(Settings):
    """TF-IDF with logistic regression, or always the most frequent label."""

    kind: Literal["baseline"]
    method: Literal["tfidf", "majority"] = "tfidf"
    analyzer: Literal["auto", "word", "char"] = "auto"
    c: Annotated[float, Field(gt=0)] = 30.0

    @property
    def learns(self) -> bool:
        """Whether it needs training examples."""
        return True


ClassifierSettings = Annotated[BertSettings | LlmSettings | BaselineSettings, Field(discriminator="kind")]


class Price(Settings):
    """`[prices."model"]`: overrides the dated table; US dollars per million tokens."""

    input_usd_per_mtok: Annotated[float, Field(ge=0)]
    cached_input_usd_per_mtok: Annotated[float, Field(ge=0)] | None = None
    output_usd_per_mtok: Annotated[float, Field(ge=0)]
    source: str
    date: datetime.date
