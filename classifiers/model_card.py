"""The README.md in the folder of a trained model: what it is, what it learned from, how good it was on dev.

In: the identity and the record of the training. Out: Markdown with the front matter that model hubs read. It
holds no date, no time and no path, so equal trainings write equal cards.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path

from classifiers.contract import Scalar, Training
from classifiers.heads import Head
from classifiers.settings import BertSettings

FILE = "README.md"
_NAMED = 12  # labels that are named; config.json has all of them

_CARD = """\
---
{front}
---

# {title}

A text classifier: {base} fine-tuned over {label_count} labels. {outputs}

Labels: {labels}.

## Use

```python
from transformers import pipeline

classify = pipeline("text-classification", model="path/of/this/folder")
classify("a text", truncation=True)
```

`config.json` holds the labels in the order of the outputs. Texts were cut to {max_length} tokens. Divide the
logits by {temperature:.4g} for probabilities that are calibrated on dev.

## Scores on dev

{scores}

## Trained from

{origin}

## Settings

{settings}

## Versions

{versions}
"""


_OUTPUTS = {
    "leaves": "One output per leaf of the label tree; the\nprobability of a parent is the sum of those of "
    "its children.",
    "levels": "One output per node of the label tree,\nlevel after level; the outputs of a level make up one "
    "softmax.",
}


def write_model_card(
    folder: Path,
    settings: BertSettings,
    *,
    identity: Mapping[str, Scalar],
    training: Training,
    head: Head,
    temperature: float,
    versions: Mapping[str, str],
) -> None:
    """Write README.md into the folder of a trained model.

    Args:
        folder: of the model.
        settings: it was trained with.
        identity: from `training_identity`.
        training: the record of it.
        head: of the model.
        temperature: what its logits are divided by, 1.0 where none was fitted.
        versions: package -> version that trained it.
    """
    base = _base(settings.base)
    recipe = {
        key: value for key, value in identity.items() if key in type(settings).model_fields and key != "kind"
    }
    recipe |= {key: training.facts[key] for key in ("precision", "max_length")}
    origin = {
        "base model": base,
        "base model sha256": identity["base_sha256"],
        "training examples": training.examples,
        "training data sha256": identity["train_sha256"],
        "dev data sha256": identity["dev_sha256"] or None,
        "labels sha256": identity["taxonomy_sha256"],
        "seed": identity["seed"],
        "device": training.device,
        "processes": training.facts.get("processes", 1),
    }
    labels = head.outputs
    named = ", ".join(map(_plain, labels[:_NAMED]))
    rest = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    card = _CARD.format(
        front="\n".join(_front(settings.base)),
        title=f"{_plain(base)}, fine-tuned to classify texts",
        base=_plain(base),
        label_count=len(labels),
        outputs=_OUTPUTS["leaves" if len(head.softmaxes) == 1 else "levels"],
        temperature=temperature,
        labels=named + rest,
        max_length=training.facts["max_length"],
        scores=_scores(training),
        origin=_table(origin),
        settings=_table(recipe),
        versions=_table(versions),
    )
    (folder / FILE).write_text(card, encoding="utf-8")


def _base(base: str) -> str:
    return base if _on_hub(base) else Path(base.removeprefix("local:")).name or "a local model"


def _on_hub(base: str) -> bool:
    path_like = base.startswith((".", "/", "~", "local:")) or "\\" in base or Path(base).is_dir()
    return not path_like and base.count("/") <= 1


def _front(base: str) -> list[str]:
    front = [
        "library_name: transformers",
        "pipeline_tag: text-classification",
        "tags:",
        "- text-classification",
        "metrics:",
        "- accuracy",
        "- f1",
    ]
    return [*front, f"base_model: {json.dumps(base)}"] if _on_hub(base) else front


def _scores(training: Training) -> str:
    row = next((row for row in training.curve if row["epoch"] == training.best_epoch), {})
    chosen = f"Epoch {training.best_epoch} was kept, chosen by: {training.facts['epoch_chosen_by']}."
    names = {"dev_accuracy": "accuracy", "dev_macro_f1": "macro-F1 over the leaves", "dev_loss": "loss"}
    figures = {name: round(row[key], 4) for key, name in names.items() if key in row}
    return f"{chosen}\n\n{_table(figures)}" if figures else f"{chosen} There were no dev examples."


def _table(rows: Mapping[str, object]) -> str:
    lines = [f"| {_plain(str(key))} | {_value(value)} |" for key, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _value(value: object) -> str:
    return "-" if value is None else _plain(value if isinstance(value, str) else json.dumps(value))


def _plain(text: str) -> str:
    """Return a text in which nothing is Markdown or HTML, on one line."""
    escaped = "".join(f"\\{char}" if char in r"\`*[]|" else char for char in html.escape(text, quote=False))
    return " ".join(escaped.split())
