"""Stations 3 to 4: every classifier answers the test set, one after the other, each answer kept as it comes.

In: a `Session` and its run folder. Out: all answers and timings in it. Whatever stops a run (Ctrl-C, kill -9,
a full disk, an endpoint that goes away), `harness compare --resume RUN` goes on after the last answer.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import islice
from threading import Thread
from typing import TYPE_CHECKING

from rich.console import Console

from classifiers.contract import Classifier, Example, Prediction, Scalar
from classifiers.settings import LlmSettings
from harness import reporting, reuse
from harness.answer_file import AnswerWriter, StoredRows, answer_row, answer_writer, lines_after
from harness.budget import Budget
from harness.build import Prepared, open_classifier
from harness.estimate import estimate, in_words
from harness.progress import progress, say
from harness.run_folder import RunFolder, check_same
from harness.session import Session
from harness.timing import Timing, over_both
from harness.training import train_one
from prompts.errors import ClassifierError, EndpointError

if TYPE_CHECKING:
    from classifiers.llm import LlmClassifier

SHARD = 10_000  # texts handed to a classifier at once, so that memory stays flat on a million


def answer_all(session: Session, run: RunFolder, *, fresh: bool, console: Console) -> tuple[str, ...]:
    """Let every classifier answer what it has not answered yet.

    Args:
        session: what to run.
        run: where the answers go.
        fresh: take nothing from earlier runs.
        console: where progress is told.

    Returns:
        The names of the classifiers that could not finish, or some of whose requests failed on every attempt.

    Raises:
        EndpointError: the first one's endpoint, which nothing has tried before, gives no answer.
    """
    Thread(target=reporting.prepare, name="prepare-report", daemon=True).start()
    failed = []
    for prepared in session.prepared:
        timing = Timing.of(run, prepared.name)
        try:
            train_one(prepared, session, run, fresh=fresh, console=console)
            _answer_one(prepared, session, run, timing, fresh=fresh, console=console)
            timing.error = None
            if failures := _failed_requests(run, prepared.name):
                say(
                    console,
                    f"{prepared.name}: {failures} texts have no answer, as their requests failed on every "
                    f"attempt; to ask them again: harness compare --resume {run.path}",
                    "bold red",
                )
                failed.append(prepared.name)
        except ClassifierError as exc:
            if isinstance(exc, EndpointError) and prepared.untried:
                raise
            say(console, f"{prepared.name}: {exc}", "bold red")
            timing.error = str(exc)
            failed.append(prepared.name)
        finally:
            timing.write()
    return tuple(failed)


def _answer_one(
    prepared: Prepared, session: Session, run: RunFolder, timing: Timing, *, fresh: bool, console: Console
) -> None:
    name, total = prepared.name, len(session.dataset.test)
    with ExitStack() as stack:
        began = time.perf_counter()
        classifier = stack.enter_context(open_classifier(prepared, session, run))
        load_s = time.perf_counter() - began
        _keep_identity(run, name, classifier)
        writer = stack.enter_context(answer_writer(run.predictions(name)))
        done = _done(run, name, timing)
        if done:
            say(console, f"{name}: {len(done)} answers are there already")
        if not fresh and len(done) < total:
            done |= _take_over(classifier, session, run, timing, writer, console, done=done)
        if len(done) >= total:
            return
        timing.load_s = load_s
        budget = _budget(prepared)
        budget.count(StoredRows(run.predictions(name)))
        llm = _llm(classifier, prepared)
        if llm is not None:
            _announce(llm, prepared, session, run, budget, console, done=done)
        budget.check()
        update = stack.enter_context(progress(console, f"{name}: answering", "items"))
        todo = (example for example in session.dataset.test if example.id not in done)
        answers = stack.enter_context(closing(_answers(classifier, todo, timing)))
        count, before, end = len(done), timing.answered, writer.end
        try:
            for example, prediction in answers:
                count += 1
                writer.append(answer_row(example.id, prediction))
                timing.answered += 1
                if timing.is_due:
                    timing.write()
                update(count, total)
                budget.add(prediction.cost_usd, failure=prediction.failure)
                if llm is not None and budget.passed() is not None:
                    llm.stop()  # what is under way is paid for, so it is waited for
        except KeyboardInterrupt:  # it may have come between writing and counting
            timing.answered = before + lines_after(run.predictions(name), end)
            raise
        if count < total:
            budget.check()
    say(console, f"{name}: {timing.answered} answers in {timing.answer_s:.1f} s")


def _done(run: RunFolder, name: str, timing: Timing) -> set[str]:
    """Return the ids that need no further answer, some perhaps taken over before a kill."""
    done: set[str] = set()
    reused: set[str] = set()
    for row in StoredRows(run.predictions(name)):
        if row["failure"] != "request_failed":
            done.add(row["id"])
        if row.get("reused"):
            reused.add(row["id"])
    timing.reused = max(timing.reused, len(reused))
    return done


def _failed_requests(run: RunFolder, name: str) -> int:
    failed: set[str] = set()  # the last line of an id counts
    for row in StoredRows(run.predictions(name)):
        (failed.add if row["failure"] == "request_failed" else failed.discard)(row["id"])
    return len(failed)


def _budget(prepared: Prepared) -> Budget:
    settings = prepared.settings
    if isinstance(settings, LlmSettings):
        # The answers of a batch are paid when it is submitted: stopping between them would save nothing.
        return Budget(settings.max_cost_usd, settings.concurrency if settings.mode == "live" else None)
    return Budget(None, None)


def _llm(classifier: Classifier, prepared: Prepared) -> LlmClassifier | None:
    """Return the classifier where it makes calls that may have to be paid."""
    if prepared.llm is None:
        return None
    from classifiers.llm import LlmClassifier

    assert isinstance(classifier, LlmClassifier)
    return classifier


def _announce(
    llm: LlmClassifier,
    prepared: Prepared,
    session: Session,
    run: RunFolder,
    budget: Budget,
    console: Console,
    *,
    done: set[str],
) -> None:
    """Keep the prices, say what the calls to come will take, and hold that to the budget."""
    settings, test = prepared.settings, session.dataset.test
    assert isinstance(settings, LlmSettings)
    _keep_price(run, llm.name, llm.price.record())
    todo, count = (example for example in test if example.id not in done), len(test) - len(done)
    expected = estimate(llm, todo, count, votes=settings.votes, seed=session.experiment.seed)
    limit_usd = settings.max_cost_usd
    say(console, in_words(llm.name, expected, llm.price, spent_usd=budget.spent_usd, limit_usd=limit_usd))
    if expected.cost_usd is not None:
        budget.expect(expected.cost_usd / count)
    if llm.submits_at_once and not run.batches(llm.name).exists():
        budget.check_whole(expected.cost_usd)


def _keep_price(run: RunFolder, name: str, price: Mapping[str, Scalar]) -> None:
    """Keep the prices in force beside those of earlier attempts: a run that is resumed may meet others."""
    file = f"classifiers/{name}/price.json"
    kept = run.read_list(file)
    if kept[-1:] != [price]:
        run.write(file, [*kept, price])


def _answers(
    classifier: Classifier, examples: Iterable[Example], timing: Timing
) -> Generator[tuple[Example, Prediction], None, None]:
    """Yield every answer with its example, keeping the clock."""
    examples, earlier = iter(examples), timing.facts
    while shard := list(islice(examples, SHARD)):
        base_s, began = timing.answer_s, time.perf_counter()
        try:
            with closing(_closable(classifier.classify([example.text for example in shard]))) as answers:
                for prediction in answers:
                    timing.answer_s = base_s + time.perf_counter() - began
                    if timing.is_due:
                        timing.facts = over_both(earlier, classifier.facts)
                    yield shard[prediction.index], prediction
        finally:
            timing.facts = over_both(earlier, classifier.facts)
        timing.answer_s = base_s + time.perf_counter() - began


def _closable(answers: Iterator[Prediction]) -> Generator[Prediction, None, None]:
    # Closing this closes the classifier's own generator at once, which cancels the calls still in flight.
    yield from answers


def _keep_identity(run: RunFolder, name: str, classifier: Classifier) -> None:
    identity = dict(classifier.identity)
    kept = run.read(f"classifiers/{name}/identity.json")
    if kept is not None:
        check_same(run, name, kept, identity)
    run.write(f"classifiers/{name}/identity.json", identity)


def _take_over(
    classifier: Classifier,
    session: Session,
    run: RunFolder,
    timing: Timing,
    writer: AnswerWriter,
    console: Console,
    *,
    done: set[str],
) -> set[str]:
    """Take answers that are not `done` from earlier runs with the same identity; return the ids of those."""
    wanted: dict[str, bytes] | None = None
    taken: set[str] = set()
    for earlier in reuse.same_identity(run.path.parent, run, classifier.identity):
        if wanted is None:
            test = session.dataset.test
            wanted = {example.id: reuse.digest(example.text) for example in test if example.id not in done}
        before = len(taken)
        for row in reuse.answers(earlier, wanted):
            writer.append({**row, "reused": True})
            taken.add(row["id"])
            del wanted[row["id"]]
        if len(taken) > before:
            count = len(taken) - before
            facts = earlier.timing.get("facts", {})
            if facts.get("texts") == count:  # otherwise it counted texts that were not taken
                timing.facts = over_both(facts, timing.facts)
            timing.take_over(earlier.run.name, earlier.timing, count, complete=not wanted and not done)
            say(
                console,
                f"{classifier.name}: {count} answers taken from run {earlier.run.name} "
                "(same classifier, same texts; --fresh asks again)",
            )
        if not wanted:
            break
    return taken
