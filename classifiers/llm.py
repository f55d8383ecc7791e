"""The LLM classifier: a prompt per question, a call to a chat endpoint, a reading of the reply.

Station 3 of 6. In: texts. Out: predictions as the answers arrive. "stepwise" asks once per level and offers
only the labels below the one chosen; "joint" asks once for the last label, which settles the path.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path

from classifiers.background import stream
from classifiers.chat import ChatEndpoint
from classifiers.chat_protocol import Answer
from classifiers.connection import Connection
from classifiers.contract import Prediction, Scalar
from classifiers.few_shot import Examples, FixedExamples
from classifiers.local_server import START_TIMEOUT_S, LocalServer
from classifiers.prices import PriceSource, price_of
from classifiers.questions import Asked, Descent, Questions
from classifiers.request_form import RequestForm
from classifiers.settings import LlmSettings, Price
from classifiers.token_scores import CONTENT_FREE, Scores, calibrated, spread
from classifiers.usage import add_usages
from classifiers.votes import Count, count
from prompts.errors import ClassifierError
from prompts.render import Message, load_prompt
from prompts.taxonomy import Path as LabelPath
from prompts.taxonomy import Taxonomy


class LlmClassifier:
    """Asks a chat endpoint.

    Args:
        name: unique in a run.
        taxonomy: the labels.
        settings: as in the experiment.
        seed: sent to the endpoint where the temperature is above 0.
        api_key: the key itself, or None; it is kept out of the identity and of every message.
        examples: the training examples that its prompts show; None for none.
        prompt_folder: what a prompt's path is relative to.
        prices: the experiment's own prices, by model.
        local: the server to ask instead of the settings' endpoint.
        weights_sha256: of the file of a local model that is not served, to know its identity; else None.
        batches: where a batch mode writes down what it submitted; None asks at once, whatever the mode.

        form: what an earlier classifier of these settings found out about the endpoint; None to begin anew.

    Attributes:
        form: of the requests, as far as it was found out.
        price: what tokens cost at the endpoint.
        price_share: of that price, what is charged.
        submits_at_once: whether all questions go into a batch, to be paid for together.

    Raises:
        PromptError: the prompt template has to be mended.
    """

    def __init__(
        self,
        *,
        name: str,
        taxonomy: Taxonomy,
        settings: LlmSettings,
        seed: int = 0,
        api_key: str | None = None,
        examples: Examples | None = None,
        prompt_folder: Path | None = None,
        prices: Mapping[str, Price] | None = None,
        local: LocalServer | None = None,
        weights_sha256: str | None = None,
        batches: Path | None = None,
        form: RequestForm | None = None,
    ) -> None:
        self.name = name
        self.taxonomy = taxonomy
        self._settings = settings
        self._seed = seed if settings.temperature > 0 else None
        self._examples = examples or FixedExamples()
        self._local = local
        self._weights_sha256 = local.sha256 if local else weights_sha256
        self._questions = Questions(
            taxonomy,
            load_prompt(settings.prompt, prompt_folder),
            examples=self._examples,
            joint=settings.path == "joint",
        )
        self._biases: dict[LabelPath, asyncio.Future[list[Answer]]] = {}
        self._deadline: float | None = None
        self._stopped = False
        model = local.model if local else settings.model
        base_url = local.url if local else settings.base_url
        self.price: PriceSource = price_of(model, base_url, prices or {})
        self.form = form or RequestForm.of(settings, model, self._seed, local=local is not None)
        self._endpoint = ChatEndpoint(
            base_url=base_url,
            model=model,
            api_key=None if local else api_key,
            api_key_env=None if local else settings.api_key_env,
            form=self.form,
            timeout_s=settings.timeout_s,
            max_retries=settings.max_retries,
            concurrency=settings.concurrency,
            requests_per_minute=settings.requests_per_minute,
            tokens_per_minute=settings.tokens_per_minute,
            batches=batches if settings.mode == "batch" else None,
            batch_poll_s=settings.batch_poll_s,
        )
        self.submits_at_once = batches is not None and settings.mode == "batch"
        self.price_share = settings.batch_price_share if self.submits_at_once else 1.0
        self._workers = sys.maxsize if self.submits_at_once else settings.concurrency
        self._questions.about(())  # so that a broken template is found before the first call

    @property
    def identity(self) -> Mapping[str, Scalar]:
        """Everything that can change an answer, and no secret."""
        settings = self._settings
        identity: dict[str, Scalar] = {
            "kind": "llm",
            "model": settings.named_model,
            "endpoint": "local" if self._weights_sha256 else self._endpoint.address,
            "weights_sha256": self._weights_sha256,
            "path": settings.path,
            "prompt_sha256": hashlib.sha256(
                (self._questions.prompt.sha256 + self.taxonomy.sha256).encode()
            ).hexdigest(),
            **self._examples.identity,
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "structured": "grammar" if self._weights_sha256 else "auto",
            "seed": self._seed,
            "logprobs": settings.logprobs,
            "calibrate": settings.calibrate,
            "votes": settings.votes,
        }
        return identity

    @property
    def facts(self) -> Mapping[str, Scalar]:
        """What the report says beside the figures."""
        return {
            "concurrency": self._settings.concurrency,
            "structured_output": self.form.structured,
            "refused_parameters": ", ".join(self.form.refused) or None,
            "examples_by": self._settings.examples_by if self._settings.examples else None,
            "calls": self._endpoint.calls,
            "retries": self._endpoint.retries,
            "limits_met": self._endpoint.limits_met,
            "threads": self._local.threads if self._local else None,
            "price_source": self.price.source,
        }

    def preflight(self) -> None:
        """Make a first tiny call; a local server is asked once per slot, which fills its prompt caches.

        Raises:
            ClassifierError: the endpoint cannot be reached, or refuses the key, the model or the request.
        """
        calls = self._settings.concurrency if self._local else 1

        async def first_calls() -> None:
            asked = self._questions.about(())
            async with self._endpoint.connect(calls) as connection:
                texts = (f"{number}" for number in range(calls))
                await asyncio.gather(*(self._ask(connection, asked, text, first=True) for text in texts))

        asyncio.run(first_calls())

    def classify(self, texts: list[str]) -> Iterator[Prediction]:
        """Yield one prediction per text as its answer arrives; closing the iterator cancels the rest.

        Raises:
            ClassifierError: the endpoint refuses the key, the model or every request, or time is up.
        """
        if self._deadline is None and self._settings.deadline_s is not None:
            self._deadline = time.monotonic() + self._settings.deadline_s
        self._examples.look_up(texts)

        async def answer_all(emit: Callable[[Prediction], Coroutine[None, None, None]]) -> None:
            todo = enumerate(texts)  # shared, so that there are never more tasks than calls at once

            async def work(connection: Connection) -> None:
                for index, text in todo:
                    if self._stopped:
                        return
                    await emit(await self._answer(connection, index, text))

            left_s = None if self._deadline is None else self._deadline - time.monotonic()
            async with self._endpoint.connect(len(texts)) as connection:
                try:
                    async with asyncio.timeout(left_s), asyncio.TaskGroup() as group:
                        for _ in range(min(self._workers, len(texts))):
                            group.create_task(work(connection))
                except TimeoutError:
                    raise ClassifierError(
                        f"stopped after deadline_s = {self._settings.deadline_s:g}; every answer so far "
                        "is kept, go on with --resume"
                    ) from None
                except BaseExceptionGroup as errors:
                    raise errors.exceptions[0] from None

        return stream(answer_all)

    def stop(self) -> None:
        """Begin no more texts; `classify` ends with the answers under way."""
        self._stopped = True

    def plan(self, texts: Sequence[str], paths: Sequence[LabelPath]) -> Iterator[list[Message]]:
        """Yield the calls that would take each text down to a whole path, its answer as the last message.

        Nothing is sent: this is for whoever wants to know beforehand what the calls will take.
        """
        self._examples.look_up(texts)
        as_json = self.form.structured.startswith("json")
        for text, path in zip(texts, paths, strict=True):
            yield from self._questions.dialogue(text, path, as_json=as_json)

    async def _answer(self, connection: Connection, index: int, text: str) -> Prediction:
        descents = [await self._descend(connection, text, vote) for vote in range(self._settings.votes)]
        answers = [answer for descent in descents for answer in descent.answers]
        usage = add_usages([answer.usage for answer in answers])
        said = [answer.text for answer in answers if answer.text]
        result: Descent | Count = descents[0]
        if len(descents) > 1:
            result = count([(one.path, one.failure) for one in descents], self.taxonomy)
        return Prediction(
            index=index,
            path=result.path,
            failure=result.failure,
            scores=result.scores,
            latency_s=sum(answer.latency_s for answer in answers),
            usage=usage,
            cost_usd=self.price.cost_of_calls([a.usage for a in answers], share=self.price_share),
            raw="\n".join(said) if said else None,
        )

    async def _descend(self, connection: Connection, text: str, vote: int) -> Descent:
        """Ask from the root down to a whole path, or to the first question without an answer."""
        path: LabelPath = ()
        answers: list[Answer] = []
        scores: Scores | None = ({},) * self.taxonomy.depth if self._settings.logprobs else None
        while len(path) < self.taxonomy.depth:
            asked = self._questions.about(path)
            if len(asked.answers) == 1:  # nothing to choose from
                above, path = path, asked.paths[0]
                scores = spread(scores, self.taxonomy, above, {path: 1.0})
                continue
            answer = await self._ask(connection, asked, text, vote=vote)
            answers.append(answer)
            if answer.failure:
                return Descent(path=path, failure=answer.failure, answers=answers)
            reading = asked.reader.read(answer.text)
            if reading.failure:
                return Descent(path=(*path, *reading.path), failure=reading.failure, answers=answers)
            above, path = path, (*path, *reading.path)
            chances = asked.chances(answer, path) if scores is not None else None
            if chances is not None and self._settings.calibrate:
                bias, more = await self._bias(connection, above)
                answers += more
                chances = calibrated(chances, bias)
                path = max(chances, key=chances.__getitem__)
            scores = spread(scores, self.taxonomy, above, chances)
        return Descent(path=path, failure=None, answers=answers, scores=scores)

    async def _bias(
        self, connection: Connection, path: LabelPath
    ) -> tuple[list[dict[LabelPath, float]], list[Answer]]:
        """Ask what the model answers to texts that say nothing, once for each question.

        Returns:
            The chances it gives, and the answers where they were asked now: the text that needs them first
            pays for them.
        """
        asked, first = self._questions.about(path), path not in self._biases
        if first:
            questions = [self._ask(connection, asked, text) for text in CONTENT_FREE]
            self._biases[path] = asyncio.ensure_future(asyncio.gather(*questions))
        answers = await self._biases[path]
        readings = [(answer, asked.reader.read(answer.text)) for answer in answers if not answer.failure]
        bias = [
            chances
            for answer, reading in readings
            if not reading.failure and (chances := asked.chances(answer, (*path, *reading.path)))
        ]
        return bias, list(answers) if first else []

    async def _ask(
        self, connection: Connection, asked: Asked, text: str, *, vote: int = 0, first: bool = False
    ) -> Answer:
        messages = self._questions.messages(asked, text)
        # A local server computes the fixed part of the prompt anew in every slot, which may take a minute.
        timeout_s = max(self._settings.timeout_s, START_TIMEOUT_S) if first and self._local else None
        return await self._endpoint.ask(
            connection, messages, asked.answers, vote=vote, live=first, timeout_s=timeout_s
        )
