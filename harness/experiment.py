"""Station 1: what an experiment file may hold.

`harness.experiment_file` reads one into these models; unknown keys are refused.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from classifiers.settings import ClassifierSettings, Price, Settings
from harness.seeds import Part, parts


class DataSettings(Settings):
    """`[data]`: where the examples lie and which columns to read."""

    train: str | None = None
    dev: str | Annotated[float, Field(gt=0, lt=1)] | None = None
    test: str
    labels: str | None = None
    text: str | list[str] = "text"
    gold: str | list[str] = "label"
    id: str | None = None
    meta: list[str] | None = Field(None, description="columns to slice by; left out: every other column")
    encoding: str = "utf-8"
    note: str | None = Field(None, description="what a reader of the report must know about this data")

    @property
    def text_columns(self) -> list[str]:
        return [self.text] if isinstance(self.text, str) else self.text

    @property
    def gold_columns(self) -> list[str]:
        return [self.gold] if isinstance(self.gold, str) else self.gold


class CompareSettings(Settings):
    """`[compare]`: what the verdict and the prices rest on."""

    machine_usd_per_hour: Annotated[float, Field(ge=0)] | None = None
    machine_price_source: str | None = None
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.02
    allow_leakage: bool = False
    language: Literal["en", "zh"] = "en"


LONGEST_NAME = 60
NAME_RULE = (
    f"it becomes the name of a folder and of columns: at most {LONGEST_NAME} characters, none of them / or "
    "\\ or invisible, no dot at the start, no dot or space at the end, and not meta: before it"
)


def _can_be_a_folder(name: str) -> str:
    invisible = any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in name)
    if (
        not 0 < len(name) <= LONGEST_NAME
        or invisible
        or "/" in name
        or "\\" in name
        or name.startswith((".", "meta:"))
        or name.endswith((".", " "))
    ):
        raise ValueError(f"no name for a classifier; {NAME_RULE}")
    return name


ClassifierName = Annotated[str, AfterValidator(_can_be_a_folder)]


class Experiment(Settings):
    """A whole experiment; the file's keys and these fields are the same."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
    seed: int = 1999
    env_file: str | None = Field(
        None, description="a file of NAME=value lines for the keys the environment lacks"
    )
    data: DataSettings
    classifiers: Annotated[dict[ClassifierName, ClassifierSettings], Field(min_length=1)]
    prices: dict[str, Price] = Field(default_factory=dict)
    compare: CompareSettings = CompareSettings()

    @property
    def parts(self) -> tuple[Part, ...]:
        """What takes part in a run: every classifier, and its further seeds right behind it."""
        return parts(self.classifiers, self.seed)

    @model_validator(mode="after")
    def _dev_share_needs_train(self) -> Experiment:
        if isinstance(self.data.dev, float) and self.data.train is None:
            raise ValueError(
                "data.dev is a share of train, but data.train is missing: name the training file"
            )
        return self

    @model_validator(mode="after")
    def _seeds_have_names_of_their_own(self) -> Experiment:
        parts(self.classifiers, self.seed)
        return self
