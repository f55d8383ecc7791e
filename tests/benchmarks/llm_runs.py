"""The runs behind the LLM benchmark: `harness compare` and its peer, each over an endpoint of its own."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.answer_file import rows
from tests.benchmarks.behaviour import Behaviour
from tests.benchmarks.endpoint import MODEL, Stats, scripted_endpoint, stats_of
from tests.benchmarks.measured_process import Measured, measure
from tests.command import command

CONCURRENCY = 64
KEY_ENV = "LLM_BENCHMARK_KEY"
ROOT = Path(__file__).resolve().parents[2]
LABELS = ("Action", "Board", "Card", "Casual", "Puzzle", "Racing", "Sports", "Strategy", "Tools", "Weather")
WORDS = [
    "fast",
    "quiet",
    "daily",
    "small",
    "bright",
    "shared",
    "offline",
    "weekly",
    "simple",
    "old",
    "new",
    "free",
    "cars",
    "maps",
    "cards",
    "notes",
    "scores",
    "levels",
    "friends",
    "clouds",
    "tiles",
    "teams",
    "plans",
    "games",
]

EXPERIMENT = """
name = "benchmark"
[data]
test = "test.jsonl"
labels = "labels.txt"
id = "id"
[classifiers.llm]
kind = "llm"
model = "{model}"
base_url = "{address}/v1"
api_key_env = "{key_env}"
path = "joint"
concurrency = {concurrency}
timeout_s = {timeout_s}
"""


def item_ids(items: int) -> list[str]:
    """Return the ids of the texts; each text begins with its own, by which the endpoint knows it."""
    return [f"app-{n:06d}" for n in range(items)]


@dataclass(frozen=True)
class HarnessRun:
    """One `harness compare`, what it stored and what the endpoint counted until its end."""

    process: Measured
    run: Path
    stats: Stats

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        return stored(self.run)

    @property
    def answered(self) -> set[str]:
        return {row["id"] for row in self._rows if row["failure"] is None}

    def failed(self, kind: str) -> set[str]:
        """Return the texts that failed in this way."""
        return {row["id"] for row in self._rows if row["failure"] == kind}

    def reported(self, kind: str) -> int:
        """Return the failures of this kind that scores.json counts; -1 where there is no scores.json."""
        path = self.run / "scores.json"
        if not path.exists():
            return -1
        scores = json.loads(path.read_text(encoding="utf-8"))
        return int(scores["classifiers"]["llm"]["failures"]["by_kind"].get(kind, 0))


@dataclass(frozen=True)
class PeerRun:
    """One plain openai loop; `answered` counts the texts it has an answer for."""

    process: Measured
    answered: int
    stats: Stats


@dataclass(frozen=True)
class Halves:
    """A run killed half-way and resumed.

    Attributes:
        written: the texts whose answer was in the run folder after the kill.
        before: what the endpoint counted until the kill.
        second: the resumed run; its stats count both halves.
    """

    written: set[str]
    before: Stats
    second: HarnessRun

    @property
    def asked_again(self) -> set[str]:
        """The texts asked about both before and after the kill."""
        return {item for item, times in self.before.asked.items() if self.second.stats.asked[item] > times}


class Runs:
    """Makes the runs, each in a folder of its own below `folder`; an equal run is made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ours: dict[tuple[object, ...], HarnessRun] = {}
        self._peers: dict[tuple[object, ...], PeerRun] = {}
        self._made = 0

    def ours(
        self, behaviour: Behaviour, items: int, *, timeout_s: float = 60.0, again: int = 0
    ) -> HarnessRun:
        """Measure a whole `harness compare`; `again` tells repetitions of an equal run apart."""
        key = (behaviour, items, timeout_s, again)
        if key not in self._ours:
            with scripted_endpoint(behaviour) as address:
                folder = self._experiment(address, items, timeout_s)
                process = self._compare(folder)
                self._ours[key] = HarnessRun(process, _only_run(folder, process), stats_of(address))
        return self._ours[key]

    def peer(self, behaviour: Behaviour, items: int, *, timeout_s: float = 60.0, again: int = 0) -> PeerRun:
        """Measure the plain loop as a whole process."""
        key = (behaviour, items, timeout_s, again)
        if key not in self._peers:
            with scripted_endpoint(behaviour) as address:
                folder = self._experiment(address, items, timeout_s)
                answers = folder / "answers.jsonl"
                arguments = (f"{address}/v1", MODEL, folder / "test.jsonl", answers, CONCURRENCY, timeout_s)
                process = measure(
                    [sys.executable, "-m", "tests.benchmarks.openai_loop", *map(str, arguments)],
                    cwd=ROOT,
                    log=folder / "log.txt",
                )
                answered = len({row["id"] for row in rows(answers)})
                self._peers[key] = PeerRun(process, answered, stats_of(address))
        return self._peers[key]

    def killed_and_resumed(self, behaviour: Behaviour, items: int, *, after: int) -> Halves:
        """Kill -9 a run as soon as so many answers are written, then resume it."""
        with scripted_endpoint(behaviour) as address:
            folder = self._experiment(address, items, timeout_s=60.0)
            first = self._compare(folder, kill_after=after)
            run = _only_run(folder, first)
            if first.code != -9:
                raise SystemExit(f"the run ended (code {first.code}) before it was killed:\n{first.said}")
            before = stats_of(address)
            written = {row["id"] for row in stored(run)}
            second = self._compare(folder, "--resume", str(run))
            return Halves(written, before, HarnessRun(second, run, stats_of(address)))

    def _experiment(self, address: str, items: int, timeout_s: float) -> Path:
        self._made += 1
        folder = self._folder / f"{self._made:03d}"
        folder.mkdir()
        (folder / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
        with (folder / "test.jsonl").open("w", encoding="utf-8") as file:
            for number, item in enumerate(item_ids(items)):
                text = f"{item}: " + " ".join(random.Random(item).choices(WORDS, k=24))
                row = {"id": item, "text": text, "label": LABELS[number % len(LABELS)]}
                file.write(json.dumps(row) + "\n")
        settings = {"concurrency": CONCURRENCY, "timeout_s": timeout_s, "key_env": KEY_ENV, "model": MODEL}
        (folder / "experiment.toml").write_text(
            EXPERIMENT.format(address=address, **settings), encoding="utf-8"
        )
        return folder

    def _compare(self, folder: Path, *resume: str, kill_after: int | None = None) -> Measured:
        def enough() -> bool:
            files = list((folder / "runs").glob("*/classifiers/llm/predictions.jsonl"))
            return bool(files) and files[0].read_bytes().count(b"\n") >= (kill_after or 0)

        return measure(
            command("compare", *(resume or ("experiment.toml", "--runs", "runs"))),
            cwd=folder,
            log=folder / "log.txt",
            env={KEY_ENV: "sk-benchmark"},
            kill_when=enough if kill_after else None,
        )


def stored(run: Path) -> list[dict[str, Any]]:
    """Return the answers of a run, a half-written last one left out."""
    return list(rows(run / "classifiers/llm/predictions.jsonl"))


def _only_run(folder: Path, process: Measured) -> Path:
    found = list((folder / "runs").glob("*/"))
    if len(found) != 1:
        raise SystemExit(f"harness compare made {len(found)} runs (code {process.code}):\n{process.said}")
    return found[0]
