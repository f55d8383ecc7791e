"""The settings of each kind of classifier, as `[classifiers.<name>]` in the experiment file takes them.

One definition serves the experiment file, its error messages and the classifiers themselves. Only pydantic is
imported here, so reading an experiment stays cheap.
"""

from __future__ import annotations

import datetime
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator


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
    truncation: Literal["head", "tail", "head_tail", "windows"] = Field(
        "head", description="what is read of a text longer than max_length"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = Field(None, description="left out: the base's own")
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of training, and of answering in torch"
    )
    engine: Literal["auto", "torch", "torch-compile", "onnx", "onnx-int8", "openvino"] = Field(
        "auto", description="what answers; auto: the fastest that answers dev as torch float32 does"
    )
    choose_by: Literal["accuracy", "macro_f1"] = Field("accuracy", description="what on dev picks the epoch")
    patience: Annotated[int, Field(ge=1)] | None = Field(
        None, description="epochs without a better dev figure before it stops"
    )
    class_weights: Literal["none", "balanced"] = "none"
    sampling: Literal["all", "balanced"] = "all"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    gradient_accumulation: Annotated[int, Field(ge=1)] = Field(1, description="batches a step")
    gradient_checkpointing: bool = Field(False, description="less memory, more time")
    freeze: Annotated[int, Field(ge=0)] | Literal["encoder"] = Field(
        0, description="the lowest layers, with the embeddings; 'encoder': all but the head"
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="the learning rate of a layer as a share of that of the layer above"
    )
    seeds: Annotated[int, Field(ge=1)] = Field(1, description="trainings, each with a seed of its own")
    heads: Literal["leaves", "levels"] = Field(
        "leaves", description="one softmax over the last labels, or one for each level"
    )
    calibrate: bool = Field(True, description="scale the scores by a temperature fitted on dev")

    @property
    def learns(self) -> bool:
        """Whether it needs training examples."""
        return True

    @property
    def needs_dev(self) -> str | None:
        """The setting that means nothing without dev examples, or None."""
        if self.patience is not None:
            return f"patience = {self.patience}"
        return f"choose_by = {self.choose_by!r}" if self.choose_by != "accuracy" else None

    @model_validator(mode="after")
    def _labels_are_balanced_once(self) -> BertSettings:
        if self.class_weights == "balanced" and self.sampling == "balanced":
            raise ValueError(
                "class_weights and sampling would both balance the labels: leave one of them out"
            )
        return self


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
    examples_by: Literal["label", "tfidf", "encoder"] = Field(
        "label", description="a fixed choice spread over the labels, or the nearest to each text"
    )
    examples_base: str = Field(
        "local:all-minilm-l6-v2", description="the encoder of examples_by = 'encoder': hub id or folder"
    )
    temperature: Annotated[float, Field(ge=0)] = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 64
    context_tokens: Annotated[int, Field(ge=128)] = Field(
        4096, description="of a local model: prompt and answer of one call together"
    )
    logprobs: bool = Field(False, description="ask for log-probabilities, which give scores")
    calibrate: bool = Field(False, description="divide out the answers to texts that say nothing")
    votes: Annotated[int, Field(ge=1)] = Field(1, description="answers asked for each text")
    mode: Literal["live", "batch"] = Field("live", description="batch: the provider's Batch API")
    batch_price_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="of the price, what a batch costs"
    )
    batch_poll_s: Annotated[float, Field(gt=0)] = 60.0
    concurrency: Annotated[int, Field(ge=1)] = 32
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    deadline_s: Annotated[float, Field(gt=0)] | None = None
    max_retries: Annotated[int, Field(ge=0)] = 5
    max_cost_usd: Annotated[float, Field(gt=0)] | None = None

    @property
    def learns(self) -> bool:
        """Whether it needs training examples."""
        return self.examples > 0

    @property
    def named_model(self) -> str:
        """The model, a local file by its name alone: where it lies changes no answer."""
        kind, local, file = self.model.partition("local:")
        return self.model if kind or not local else local + PurePath(file).name

    @field_validator("examples_by")
    @classmethod
    def _there_are_examples(cls, examples_by: str, known: ValidationInfo) -> str:
        if examples_by != "label" and known.data.get("examples") == 0:
            raise ValueError("no examples are shown; set examples = 8, say, or leave examples_by out")
        return examples_by

    @field_validator("examples_base")
    @classmethod
    def _there_is_an_encoder(cls, examples_base: str, known: ValidationInfo) -> str:
        # A resolved experiment names the default also where it is not used.
        unused = known.data.get("examples_by", "encoder") != "encoder"
        if unused and examples_base != cls.model_fields["examples_base"].default:
            raise ValueError("no encoder is used; set examples_by = 'encoder', or leave examples_base out")
        return examples_base

    @model_validator(mode="after")
    def _scores_fit_together(self) -> LlmSettings:
        if self.votes > 1 and self.temperature == 0:
            raise ValueError(f"votes = {self.votes} would all be the same: set temperature above 0, say 0.7")
        if self.votes > 1 and self.logprobs:
            raise ValueError("votes and logprobs both give scores: choose one")
        if self.mode == "batch" and self.model.startswith("local:"):
            raise ValueError("a local model has no Batch API: leave mode out")
        if self.calibrate and not self.logprobs:
            raise ValueError("calibrate needs log-probabilities: set logprobs = true")
        return self


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
    cache_write_usd_per_mtok: Annotated[float, Field(ge=0)] | None = None
    output_usd_per_mtok: Annotated[float, Field(ge=0)]
    source: str
    date: datetime.date
