"""Station 1: one training a seed, which is what `seeds = 3` under a classifier stands for.

In: the classifiers of an experiment and its seed. Out: a `Part` for each that takes part in the run; the
further seeds of a classifier stand right behind it, with its settings and names of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from classifiers.settings import BertSettings, ClassifierSettings


@dataclass(frozen=True, kw_only=True)
class Part:
    """A classifier as it takes part in a run.

    Attributes:
        name: unique in the run.
        settings: as in the experiment.
        seed: of everything in it that is drawn by chance.
        further_seed_of: the classifier of the experiment that it trains once more, or None where it is that
            classifier itself.
    """

    name: str
    settings: ClassifierSettings
    seed: int
    further_seed_of: str | None = None


def parts(classifiers: Mapping[str, ClassifierSettings], seed: int) -> tuple[Part, ...]:
    """Return all that takes part in a run, in the order of the experiment.

    Raises:
        ValueError: the name of a further seed is that of another classifier.
    """
    found = tuple(part for name, settings in classifiers.items() for part in _seeds(name, settings, seed))
    for part in found:
        if part.further_seed_of is not None and part.name in classifiers:
            raise ValueError(
                f"classifiers.{part.further_seed_of}.seeds names a further training {part.name!r}, "
                "but another classifier has this name already: rename that one"
            )
    return found


def _seeds(name: str, settings: ClassifierSettings, seed: int) -> Iterator[Part]:
    yield Part(name=name, settings=settings, seed=seed)
    if isinstance(settings, BertSettings):
        for further in range(seed + 1, seed + settings.seeds):
            yield Part(name=f"{name}-seed{further}", settings=settings, seed=further, further_seed_of=name)
