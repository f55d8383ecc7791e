"""Fits the temperature of a model that was just trained to what it answers to the dev texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classifiers.bert import BertClassifier
from classifiers.contract import Example
from classifiers.engines import open_engine
from classifiers.heads import Head
from classifiers.settings import BertSettings
from classifiers.temperature import fit_temperature, write_temperature


def calibrate(settings: BertSettings, folder: Path, dev: list[Example], head: Head) -> None:
    """Write temperature.json beside the weights in `folder`; without dev texts there is none.

    The texts are read and cut as they will be when it answers, in torch.
    """
    if not dev:
        return
    engine = open_engine("torch", folder, device=settings.device, precision=settings.precision)
    classifier = BertClassifier(
        "trained",
        head.taxonomy,
        folder,
        engine,
        max_length=settings.max_length,
        truncation=settings.truncation,
    )
    leaves = {leaf: i for i, leaf in enumerate(head.taxonomy.leaves)}
    gold = np.array([leaves[example.gold] for example in dev])
    logits = classifier.logits([example.text for example in dev])
    write_temperature(folder, fit_temperature(head, logits, gold))
