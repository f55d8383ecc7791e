"""Small experiments for the tests of the gate: two cheap baselines on 300 apps in two levels."""

from __future__ import annotations

from pathlib import Path

from tests.command import harness

WORDS = {
    ("Action", "Shooter"): "aim fire bullets",
    ("Action", "Fighting"): "punch kick arena",
    ("Puzzle", "Logic"): "think rules grid",
}
CLASSIFIERS = """
[classifiers.tfidf]
kind = "baseline"
"""
MAJORITY = """
[classifiers.majority]
kind = "baseline"
method = "majority"
"""


def write_experiment(folder: Path, *, classifiers: str = CLASSIFIERS + MAJORITY, compare: str = "") -> None:
    """Write experiment.toml and its CSV files."""
    for split, rows in {"train": 10, "dev": 2, "test": 100}.items():
        lines = [
            f"{split}-{leaf}-{number},{split} {number} {words},{root},{leaf}"
            for number in range(rows)
            for (root, leaf), words in WORDS.items()
        ]
        (folder / f"{split}.csv").write_text("\n".join(["id,text,root,leaf", *lines]) + "\n")
    (folder / "experiment.toml").write_text(
        'name = "tiny"\n[data]\ntrain = "train.csv"\ndev = "dev.csv"\ntest = "test.csv"\n'
        f'gold = ["root", "leaf"]\n{classifiers}\n[compare]\n{compare}'
    )


def a_run(folder: Path, **settings: str) -> Path:
    """Run an experiment and return the folder of the run."""
    folder.mkdir(exist_ok=True)
    write_experiment(folder, **settings)
    said = harness("compare", cwd=folder)
    assert said.code == 0, said
    return max((folder / "runs").iterdir())
