"""`harness data`: what is in the data and what is wrong with it, on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from harness.dataset import load
from harness.experiment_file import ExperimentFile
from harness.progress import say

STYLES = {"error": "bold red", "warning": "yellow", "note": None}


def show(file: ExperimentFile, console: Console) -> None:
    """Print the splits, the labels and every finding of an experiment's data.

    Raises:
        HarnessError: the data cannot be read.
    """
    experiment = file.experiment
    needs_train = any(settings.learns for settings in experiment.classifiers.values())
    dataset = load(experiment.data, folder=file.folder, seed=experiment.seed, needs_train=needs_train)
    facts = dataset.describe()
    splits = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("split", "source"):
        splits.add_column(column, overflow="fold")
    for column in ("texts", "characters: mean", "95 % below", "longest"):
        splits.add_column(column, justify="right")
    for split, rows in facts["counts"].items():
        length = facts["characters"][split]
        splits.add_row(
            split,
            str(facts["sources"][split]),
            f"{rows:,}",
            f"{length['mean']:.0f}",
            f"{length['p95']:.0f}",
            f"{length['max']:,}",
        )
    console.print(splits)
    for number, level in enumerate(facts["levels"], 1):
        examples = level["examples"].get("train") or level["examples"]["test"]
        rarest = min(examples, key=examples.__getitem__)
        commonest = max(examples, key=examples.__getitem__)
        say(
            console,
            f"level {number}: {level['labels']} labels, from {examples[rarest]} examples ({rarest}) "
            f"to {examples[commonest]} ({commonest})",
        )
    for finding in dataset.findings:
        at = f"{finding.where}: " if finding.where else ""
        say(console, f"{finding.severity}: {at}{finding.message}", STYLES[finding.severity])
        for place in finding.places:
            if place not in finding.message:
                say(console, f"    {place}")
    if not dataset.findings:
        say(console, "Nothing wrong was found.")
