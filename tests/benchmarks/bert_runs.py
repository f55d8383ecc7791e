"""The runs behind the BERT benchmark: each a process of its own, one after the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks import bert_answers, bert_training
from tests.benchmarks.bert_answers import Answers
from tests.benchmarks.bert_data import ENCODER, ROOT
from tests.benchmarks.bert_training import Trained
from tests.benchmarks.measured_process import Measured, measure


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A training killed half-way and started again.

    Attributes:
        steps: it had done when it was killed.
        folder: of the model it came to in the end.
    """

    steps: int
    folder: Path


class Runs:
    """Makes the runs below `folder`.

    Args:
        folder: of this benchmark's run.
        cache: where the models lie that a later run need not make again.
        tiny: tiny models in place of the real ones.
        say: called with a line whenever something starts.
    """

    def __init__(self, folder: Path, cache: Path, *, tiny: bool, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._cache = cache
        self._tiny = tiny
        self._say = say
        self._made = 0

    def encoder(self) -> Path:
        """Return the pretrained encoder that trainings start from."""
        return self._model("encoder", "tiny") if self._tiny else ENCODER

    def classifier(self) -> Path:
        """Return a model of the size of BERT-base that learned nothing."""
        return self._model("classifier", "tiny" if self._tiny else "base")

    def trained(self, items: int, *, learning_rate: float, batch_size: int, max_length: int) -> Path:
        """Return the encoder fine-tuned for an epoch on the first `items` train apps."""
        size = "tiny" if self._tiny else "encoder"
        folder = self._cache / f"apps-{size}-{items}x{max_length}-{learning_rate}-{batch_size}"
        if not (folder / "training.json").exists():
            self.train(
                base=self.encoder(),
                source="apps",
                items=items,
                dev_items=0,
                epochs=1,
                batch_size=batch_size,
                learning_rate=learning_rate,
                max_length=max_length,
                folder=folder,
            )
        return folder

    def answers(
        self,
        contender: str,
        folder: Path,
        texts: int,
        *,
        max_length: int,
        passes: int = 1,
        give_up_s: float | None = None,
        batch_tokens: int = 0,
        levels: int = 1,
    ) -> Answers:
        """Let one contender answer the test apps; the arguments are those of `bert_answers.Job`."""
        out = self._new()
        job = bert_answers.Job(
            contender=contender,
            folder=str(folder),
            texts=texts,
            max_length=max_length,
            passes=passes,
            give_up_s=give_up_s,
            batch_tokens=batch_tokens,
            levels=levels,
            out=str(out),
        )
        answers = Answers(**self._run("bert_answers", asdict(job), contender))
        if answers.unavailable:
            self._say(f"{contender} is not available here: {answers.unavailable}")
        return answers

    def train(self, *, base: Path, folder: Path, **job: Any) -> Trained:
        """Train with `train_bert`; the arguments are those of `bert_training.Job`."""
        given = bert_training.Job(base=str(base), folder=str(folder), out=str(self._new()), **job)
        what = f"training on {given.items} {given.source}, {given.epochs} epoch(s)"
        return Trained(**self._run("bert_training", asdict(given), what))

    def train_as_the_trial(self, *, base: Path, **job: Any) -> Trained:
        """Train with the trial's loop."""
        given = bert_training.Job(base=str(base), out=str(self._new()), **job)
        return Trained(**self._run("bert_training_peer", asdict(given), "the trial's training loop"))

    def train_killed(self, after_steps: int, *, base: Path, folder: Path, **job: Any) -> Killed:
        """Kill -9 a training as soon as it has done so many steps, then start it again."""
        out = self._new()
        progress = out.with_suffix(".steps")
        given = bert_training.Job(base=str(base), folder=str(folder), out=str(out), **job)
        first = replace(given, progress=str(progress))

        def far_enough() -> bool:
            return _steps(progress) >= after_steps

        process = self._start("bert_training", asdict(first), "training, to be killed", kill_when=far_enough)
        if process.code != -9:
            raise SystemExit(
                f"the training ended (code {process.code}) before it was killed:\n{process.said}"
            )
        steps = _steps(progress)
        self._run("bert_training", asdict(given), "the same training again")
        return Killed(steps=steps, folder=folder)

    def memory(self, engine: str, items: int, first: int) -> dict[str, float]:
        """Answer many texts; see `bert_memory.run`."""
        out = self._new()
        job = {"engine": engine, "items": items, "first": first, "folder": str(out.with_suffix(""))}
        return self._run("bert_memory", {**job, "out": str(out)}, f"{items:,} texts, {engine}")

    def new_folder(self) -> Path:
        """Return a folder that is not there yet."""
        return self._new().with_suffix("")

    def _model(self, kind: str, size: str) -> Path:
        folder = self._cache / f"{kind}-{size}"
        if not folder.exists():
            job = {"kind": f"{kind}-{size}", "folder": str(folder), "out": str(self._new())}
            self._run("bert_models", job, f"making a {size} {kind}")
        return folder

    def _new(self) -> Path:
        self._made += 1
        return self._folder / f"{self._made:03d}.json"

    def _run(self, module: str, job: dict[str, Any], what: str) -> dict[str, Any]:
        process = self._start(module, job, what)
        if process.code:
            raise SystemExit(f"{what} failed (code {process.code}):\n{process.said}")
        result: dict[str, Any] = json.loads(Path(job["out"]).read_text(encoding="utf-8"))
        return result

    def _start(
        self, module: str, job: dict[str, Any], what: str, *, kill_when: Callable[[], bool] | None = None
    ) -> Measured:
        self._say(f"  {what} ...")
        return measure(
            [sys.executable, "-m", f"tests.benchmarks.{module}", json.dumps(job)],
            cwd=ROOT,
            log=Path(job["out"]).with_suffix(".log"),
            kill_when=kill_when,
        )


def _steps(progress: Path) -> int:
    # It may be half-written, or not there yet.
    said = progress.read_text(encoding="utf-8") if progress.exists() else ""
    return int(said or 0)
