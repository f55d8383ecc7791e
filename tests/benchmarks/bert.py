"""How fast and how sure the BERT classifier is: `python -m tests.benchmarks.bert`.

Every contender runs in a process of its own, one after the other, on the same weights and texts. Answering times
leave loading and two first texts out. It needs the data and the encoder that lie beside this checkout.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from classifiers.devices import describe_cpu
from tests.benchmarks.bert_answers import ENGINES
from tests.benchmarks.bert_data import absent
from tests.benchmarks.bert_runs import Runs
from tests.benchmarks.bert_scenarios import MEMORY_TEXTS, SCENARIOS, Options

DEFAULT = ("inference", "resume")
"""What runs without --only, --all or --memory: about 7 minutes on 2 idle cores, most of it the peers'."""


def main() -> int:
    arguments = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    if lacking := absent():
        console.print(escape(lacking), soft_wrap=True)
        return 2
    options = Options(
        items=arguments.items,
        engines=tuple(arguments.engine or ENGINES),
        memory_engines=tuple(arguments.engine or ["torch-float32"]),
        passes=arguments.passes,
        epochs=arguments.epochs,
        trial_steps=arguments.trial_steps,
        memory_items=arguments.memory_items,
        trained=arguments.trained,
    )
    sizes = "the sizes of the bounds" if options.items is None else f"at most {options.items} texts"
    tiny = ", tiny models: the times mean nothing" if arguments.tiny else ""
    console.print(f"{sizes}{tiny}; {describe_cpu()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    table = Table("scenario", "what", box=None, header_style="bold", pad_edge=False)
    for column in ("figure", "bound", "peer", "ratio", ""):
        table.add_column(column, justify="right")
    short = 0
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        cache = arguments.cache or Path(scratch) / "models"
        cache.mkdir(parents=True, exist_ok=True)
        runs = Runs(
            Path(scratch),
            cache.resolve(),
            tiny=arguments.tiny,
            say=lambda line: console.print(escape(line), soft_wrap=True),
        )
        for name in _chosen(arguments):
            console.print(f"running {name} ...")
            for figure in SCENARIOS[name](runs, options):
                table.add_row(*figure.cells())
                short += figure.ok is False
    console.print(table)
    console.print("All bounds are met." if not short else f"{short} of the bounds are not met.")
    return int(short > 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bert", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="may be given several times")
    parser.add_argument("--all", action="store_true", help="also parity and training: an hour more")
    parser.add_argument("--memory", action="store_true", help="also memory, which takes minutes")
    parser.add_argument(
        "--engine", action="append", choices=ENGINES, help="may be given several times; all of them"
    )
    parser.add_argument("--cache", type=Path, help="a folder that keeps the models for the next run")
    parser.add_argument(
        "--trained",
        type=_trained,
        metavar="FOLDER",
        help="for parity, in place of a short training: a model of tests/experiments/iflytek_apps.toml",
    )
    parser.add_argument("--items", type=_positive, help="at most so many texts; the bounds are meant for all")
    parser.add_argument(
        "--passes", type=_positive, default=1, help="of ours and the bare loops; the fastest counts"
    )
    parser.add_argument(
        "--epochs",
        type=_positive,
        default=3,
        help="of both trainings (%(default)s); in one the rate rises and falls too fast",
    )
    parser.add_argument(
        "--trial-steps",
        type=_positive,
        help="run so many steps of the trial's loop and work the epoch out from their mean",
    )
    parser.add_argument("--memory-items", type=_positive, default=MEMORY_TEXTS, help="texts (%(default)s)")
    parser.add_argument("--tiny", action="store_true", help="tiny models, to try the paths of this program")
    return parser.parse_args()


def _chosen(arguments: argparse.Namespace) -> list[str]:
    if arguments.only:
        return list(dict.fromkeys(arguments.only))
    chosen = [name for name in SCENARIOS if name != "memory"] if arguments.all else list(DEFAULT)
    return [*chosen, "memory"] if arguments.memory else chosen


def _trained(given: str) -> Path:
    folder = Path(given).resolve()
    if not (folder / "training_identity.json").is_file():
        raise argparse.ArgumentTypeError(f"{given} is no folder of a trained model")
    return folder


def _positive(given: str) -> int:
    number = int(given)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{given} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
