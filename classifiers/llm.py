"""The LLM classifier: a prompt per question, a call to a chat endpoint, a reading of the reply.

Station 3 of 6. In: texts. Out: predictions as the answers arrive. "stepwise" asks once per level and offers
only the labels below the one chosen; "joint" asks once for the last label, which settles the path.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from openai import AsyncOpenAI

from classifiers.background import stream
from classifiers.chat import Answer, ChatEndpoint
from classifiers.contract import Example, Failure, Prediction, Scalar, Usage
from classifiers.local_server import START_TIMEOUT_S, LocalServer
from classifiers.prices import PriceSource, price_of
from classifiers.settings import LlmSettings, Price
from prompts.read_reply import ReplyReader
from prompts.render import Message, Prompt, Question, Shot, load_prompt
from prompts.taxonomy import Path as LabelPath
from prompts.taxonomy import Taxonomy


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A question with all that does not depend on the text; `fixed` by whether the answer is to be JSON."""

    question: Question
    answers: tuple[str, ...]
    reader: ReplyReader
    fixed: Mapping[bool, tuple[Message, ...]]


class LlmClassifier:
    """Asks a chat endpoint.

    Args:
        name: unique in a run.
        taxonomy: the labels.
        settings: as in the experiment.
        seed: sent to the endpoint where the temperature is above 0.
        api_key: the key itself, or None; it is kept out of the identity and of every message.
        examples: from `few_shot.choose_examples`: the examples of each question.
        prompt_folder: what a prompt's path is relative to.
        prices: the experiment's own prices, by model.
        local: the server to ask instead of the settings' endpoint.

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
        examples: Mapping[LabelPath, Sequence[Example]] | None = None,
        prompt_folder: Path | None = None,
        prices: Mapping[str, Price] | None = None,
        local: LocalServer | None = None,
    ) -> None:
        self.name = name
        self.taxonomy = taxonomy
        self._settings = settings
        self._seed = seed if settings.temperature > 0 else None
        self._examples = dict(examples or {})
        self._local = local
        self._prompt: Prompt = load_prompt(settings.prompt, prompt_folder)
        self._asked: dict[LabelPath, _Asked] = {}
        model = local.model if local else settings.model
        base_url = local.url if local else settings.base_url
        self.price: PriceSource = price_of(model, base_url, prices or {})
        self._endpoint = ChatEndpoint(
            base_url=base_url,
            model=model,
            api_key=None if local else api_key,
            api_key_env=None if local else settings.api_key_env,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            timeout_s=settings.timeout_s,
            max_retries=settings.max_retries,
            concurrency=settings.concurrency,
            seed=self._seed,
            structured="grammar" if local else None,
        )
        # A last label that stands in two places does not settle the path.
        self._whole_path = len({path[-1] for path in taxonomy.leaves}) < len(taxonomy.leaves)
        self._ask_about(())  # so that a broken template is found before the first call

    @property
    def identity(self) -> Mapping[str, Scalar]:
        """Everything that can change an answer, and no secret."""
        settings = self._settings
        shown = [e for path in sorted(self._examples) for e in self._examples[path]]
        known = "".join(f"{e.id}\0{e.text}\0{e.gold}\0" for e in shown)
        identity: dict[str, Scalar] = {
            "kind": "llm",
            "model": settings.model if self._local else self._endpoint.model,
            "endpoint": "local" if self._local else urlsplit(self._endpoint.base_url).netloc,
            "weights_sha256": self._local.sha256 if self._local else None,
            "path": settings.path,
            "prompt_sha256": hashlib.sha256(
                (self._prompt.sha256 + self.taxonomy.sha256).encode()
            ).hexdigest(),
            "example_ids": " ".join(dict.fromkeys(e.id for e in shown)),
            "examples_sha256": hashlib.sha256(known.encode()).hexdigest() if shown else None,
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "structured": "grammar" if self._local else "auto",
            "seed": self._seed,
        }
        return identity

    @property
    def facts(self) -> Mapping[str, Scalar]:
        """What the report says beside the figures."""
        return {
            "concurrency": self._settings.concurrency,
            "structured_output": self._endpoint.structured,
            "calls": self._endpoint.calls,
            "retries": self._endpoint.retries,
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
            asked = self._ask_about(())
            async with self._endpoint.connect() as client:
                texts = (f"{number}" for number in range(calls))
                await asyncio.gather(*(self._ask(client, asked, text, first=True) for text in texts))

        asyncio.run(first_calls())

    def classify(self, texts: list[str]) -> Iterator[Prediction]:
        """Yield one prediction per text as its answer arrives; closing the iterator cancels the rest.

        Raises:
            ClassifierError: the endpoint refuses the key, the model or every request.
        """

        async def answer_all(emit: Callable[[Prediction], Coroutine[None, None, None]]) -> None:
            todo = enumerate(texts)  # shared, so that there are never more tasks than calls at once

            async def work(client: AsyncOpenAI) -> None:
                for index, text in todo:
                    await emit(await self._answer(client, index, text))

            async with self._endpoint.connect() as client:
                try:
                    async with asyncio.TaskGroup() as group:
                        for _ in range(min(self._settings.concurrency, len(texts))):
                            group.create_task(work(client))
                except BaseExceptionGroup as errors:
                    raise errors.exceptions[0] from None

        return stream(answer_all)

    async def _answer(self, client: AsyncOpenAI, index: int, text: str) -> Prediction:
        start = time.perf_counter()
        path: LabelPath = ()
        failure: Failure | None = None
        said: list[str] = []
        answers: list[Answer] = []
        while failure is None and len(path) < self.taxonomy.depth:
            asked = self._ask_about(path)
            if len(asked.answers) == 1:  # nothing to choose from
                path = self._path_of(asked, asked.answers[0], path)
                continue
            answer = await self._ask(client, asked, text)
            answers.append(answer)
            if answer.text:
                said.append(answer.text)
            if answer.failure:
                failure = answer.failure
            else:
                reading = asked.reader.read(answer.text)
                path, failure = (*path, *reading.path), reading.failure
        usage = _total(answers)
        return Prediction(
            index=index,
            path=path,
            failure=failure,
            latency_s=time.perf_counter() - start,
            usage=usage,
            # Calls that all failed report no tokens; what they cost is unknown, not 0.
            cost_usd=self.price.cost_usd(usage) if usage and usage.input_tokens else None,
            raw="\n".join(said) if said else None,
        )

    async def _ask(self, client: AsyncOpenAI, asked: _Asked, text: str, *, first: bool = False) -> Answer:
        messages = {
            as_json: [*fixed, self._prompt.user(text, asked.question, as_json=as_json)]
            for as_json, fixed in asked.fixed.items()
        }
        # A local server computes the fixed part of the prompt anew in every slot, which may take a minute.
        timeout_s = max(self._settings.timeout_s, START_TIMEOUT_S) if first and self._local else None
        return await self._endpoint.ask(client, messages, asked.answers, trying=first, timeout_s=timeout_s)

    def _ask_about(self, path: LabelPath) -> _Asked:
        if path not in self._asked:
            self._asked[path] = self._joint() if self._settings.path == "joint" else self._stepwise(path)
        return self._asked[path]

    def _stepwise(self, path: LabelPath) -> _Asked:
        options = tuple(replace(label, children=()) for label in self.taxonomy.children(path))
        question = Question(options=options, chosen=path, depth=self.taxonomy.depth, mode="stepwise")
        shots = [Shot(text=e.text, answer=e.gold[len(path)]) for e in self._examples.get(path, ())]
        reader = ReplyReader.for_labels(options, above=path)
        return self._fixed(question, tuple(label.name for label in options), reader, shots)

    def _joint(self) -> _Asked:
        question = Question(
            options=self.taxonomy.roots,
            chosen=(),
            depth=self.taxonomy.depth,
            mode="joint",
            whole_path=self._whole_path,
        )
        shots = [Shot(text=e.text, answer=self._said(e.gold)) for e in self._examples.get((), ())]
        answers = tuple(self._said(path) for path in self.taxonomy.leaves)
        return self._fixed(question, answers, ReplyReader.for_paths(self.taxonomy), shots)

    def _fixed(
        self, question: Question, answers: tuple[str, ...], reader: ReplyReader, shots: Sequence[Shot]
    ) -> _Asked:
        fixed = {
            as_json: tuple(self._prompt.fixed(question, shots, as_json=as_json)) for as_json in (False, True)
        }
        return _Asked(question=question, answers=answers, reader=reader, fixed=fixed)

    def _said(self, path: LabelPath) -> str:
        """Return how a joint answer names a path: by its last label, which takes a third of the tokens."""
        return " > ".join(path) if self._whole_path else path[-1]

    def _path_of(self, asked: _Asked, answer: str, above: LabelPath) -> LabelPath:
        return (*above, *asked.reader.read(answer).path)


def _total(answers: Sequence[Answer]) -> Usage | None:
    """Add up the usage of a text's calls; None as soon as one is not counted."""
    counted = [answer.usage for answer in answers]
    if not counted or None in counted:
        return None
    usages = [usage for usage in counted if usage is not None]
    return Usage(
        calls=sum(usage.calls for usage in usages),
        input_tokens=sum(usage.input_tokens for usage in usages),
        cached_input_tokens=sum(usage.cached_input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
    )
