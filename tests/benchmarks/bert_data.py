"""The texts of the BERT benchmark: real apps that lie beside this checkout, not in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.labels import taxonomy_from_json
from prompts.taxonomy import Taxonomy

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("HARNESS_SHARED", ROOT.parent / "shared")).resolve()
ENCODER = SHARED / "models/encoder_zh_en"
APPS = SHARED / "data/iflytek_apps"
GAMES = SHARED / "data/iflytek_games"

Source = Literal["apps", "games"]
Split = Literal["train", "dev", "test"]


@dataclass(frozen=True)
class App:
    """One text and its labels, from the first level down."""

    text: str
    path: tuple[str, ...]

    @property
    def label(self) -> str:
        """The first level's."""
        return self.path[0]


def absent() -> str | None:
    """Return one line that says which of the data is not here, or None."""
    lacking = [str(folder) for folder in (ENCODER, APPS, GAMES) if not folder.is_dir()]
    if not lacking:
        return None
    return f"not here: {', '.join(lacking)}; HARNESS_SHARED names the folder that holds data/ and models/"


def labels(source: Source) -> list[str]:
    """Return the names of the first-level labels: 13 of the apps, 8 of the games."""
    if source == "games":
        return (GAMES / "class.txt").read_text(encoding="utf-8").split()
    roots = json.loads((APPS / "taxonomy.json").read_text(encoding="utf-8"))
    return [root["name"] for root in roots]


def app_taxonomy(levels: int) -> Taxonomy:
    """Return the labels of the apps: 13 of the first level, or with both levels 119."""
    if levels == 1:
        return Taxonomy.flat(labels("apps"))
    return taxonomy_from_json(json.loads((APPS / "taxonomy.json").read_text(encoding="utf-8")))


def read(source: Source, split: Split, items: int | None = None) -> list[App]:
    """Return the first `items` of a split in the order of its file, or all."""
    if source == "apps":
        lines = _lines(APPS / f"{split}.jsonl")
        rows = map(json.loads, lines[:items])
        return [App(row["text"], tuple(row["labels"])) for row in rows]
    names = labels("games")
    pairs = (line.rpartition("##$$&&") for line in _lines(GAMES / f"{split}.txt")[:items])
    return [App(text, (names[int(label)],)) for text, _, label in pairs]


def _lines(file: Path) -> list[str]:
    # Not splitlines: a text may hold one of the rarer line separators.
    return file.read_text(encoding="utf-8").strip("\n").split("\n")
