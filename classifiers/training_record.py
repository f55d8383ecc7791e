"""The record of a training, kept beside the weights as `training.json`.

It is written last, so a folder that has it holds a whole model.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from classifiers.contract import Training
from prompts.errors import ClassifierError

FILE = "training.json"


def write_training(folder: Path, training: Training) -> None:
    """Write `training` into the folder of its weights, replacing the file in one step."""
    half = folder / f"{FILE}.part"
    half.write_text(
        json.dumps(dataclasses.asdict(training), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    half.replace(folder / FILE)


def read_training(folder: Path) -> Training:
    """Return the record of the model in `folder`.

    Raises:
        ClassifierError: there is none, so the training did not finish, or it cannot be read.
    """
    file = folder / FILE
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        return Training(**{**fields, "curve": tuple(fields["curve"])})
    except FileNotFoundError as exc:
        raise ClassifierError(f"{file} is missing: the training did not finish; train again") from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise ClassifierError(f"{file} cannot be read ({exc}): train again") from exc
