"""Station 3, before any answer: what learns is trained, or takes the weights of an earlier run over.

In: a prepared classifier. Out: its weights in the run folder, and for an encoder the engine that runs them.
"""

from __future__ import annotations

from rich.console import Console

from classifiers.processes import is_first
from classifiers.settings import BertSettings
from harness import reuse
from harness.bert_engine import choose_engine
from harness.build import Prepared, train
from harness.progress import progress, say
from harness.run_folder import RunFolder, check_same
from harness.session import Session


def train_one(prepared: Prepared, session: Session, run: RunFolder, *, fresh: bool, console: Console) -> None:
    """Leave trained weights in the run where the classifier has any, and choose the engine that runs them."""
    if not is_first() and not isinstance(prepared.settings, BertSettings):
        return  # several processes train encoders alone
    _keep_weights(prepared, session, run, fresh=fresh, console=console)
    answering = run.read(f"classifiers/{prepared.name}/identity.json") is not None
    if is_first() and isinstance(prepared.settings, BertSettings) and not answering:
        taxonomy, dev, folder = session.dataset.taxonomy, session.dataset.dev, run.model(prepared.name)
        choose_engine(prepared.name, prepared.settings, taxonomy, dev, folder, console)


def _keep_weights(
    prepared: Prepared, session: Session, run: RunFolder, *, fresh: bool, console: Console
) -> None:
    """Train, or take the weights of an earlier run that were trained in exactly this way."""
    identity = prepared.training_identity
    if identity is None:
        return
    folder, file = run.model(prepared.name), f"classifiers/{prepared.name}/model/{reuse.TRAINING_IDENTITY}"
    if (kept := run.read(file)) is not None:
        check_same(run, f"the training of {prepared.name}", kept, dict(identity))
        return
    earlier = None if fresh else next(reuse.same_training(run.path.parent, run, identity), None)
    if earlier:
        if is_first():
            reuse.take_weights(earlier, folder)
        say(console, f"{prepared.name}: trained weights taken from run {earlier.run.name}")
        return
    with progress(console, f"{prepared.name}: training", "steps") as update:
        training = train(prepared, session.dataset, folder, update)
    if is_first():
        run.write(file, dict(identity))
    say(console, f"{prepared.name}: trained on {training.examples} examples in {training.train_s:.1f} s")
