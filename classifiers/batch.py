"""A provider's Batch API: many calls in one file, for half the price and within a day instead of at once.

In: single requests, as they come. Out: their completions. Requests that wait together are submitted together;
what was submitted is written down first, so that a restarted run waits for it instead of submitting it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import openai
from openai import AsyncOpenAI
from openai.types import Batch
from openai.types.chat import ChatCompletion

from classifiers import batch_lines
from classifiers.chat_errors import TryAgain, retry_after_s
from prompts.errors import ClassifierError

MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000
"""Of one file, as OpenAI documents it (200 MB, less a margin)."""

QUIET_S = 0.5  # nobody has asked for so long, so all that can be asked now has been
PATIENCE_S = 600.0  # without a connection; the batch itself goes on meanwhile
T = TypeVar("T")
ENDED = ("completed", "failed", "expired", "cancelled")
_URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
_TAG = "llm_vs_bert_submission"


class _NotBegunError(ClassifierError):
    """A submission that the provider surely did not take."""


@dataclass
class _Submission:
    """Requests that go together."""

    ids: Sequence[str]
    batch: str | None = None
    lines: asyncio.Future[Mapping[str, Mapping[str, Any]]] | None = None


@dataclass
class _Waiting:
    line: bytes
    completion: asyncio.Future[ChatCompletion]


@dataclass
class BatchQueue:
    """Collects requests, submits them, and hands the completions back. It belongs to one running loop.

    Attributes:
        state: a file of what was submitted; it survives a restart.
        poll_s: seconds between two looks at a batch.
    """

    state: Path
    poll_s: float
    _spent: set[str] = field(default_factory=set)
    _known: dict[str, _Submission] = field(default_factory=dict)
    _asked: Counter[str] = field(default_factory=Counter)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _last_asked_s: float = 0.0
    _flusher: asyncio.Task[None] | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        submissions: dict[str, _Submission] = {}
        for row in batch_lines.noted(self.state):
            if "spent" in row:
                self._spent.update(row["spent"])
            elif "ids" in row:
                submissions[row["submission"]] = _Submission(ids=row["ids"])
            else:
                submissions[row["submission"]].batch = row["batch"]
        self._known = {id_: one for one in submissions.values() for id_ in one.ids if id_ not in self._spent}
        self._unnamed = {name: one for name, one in submissions.items() if one.batch is None}

    async def complete(self, client: AsyncOpenAI, request: Mapping[str, Any]) -> ChatCompletion:
        """Return the completion of a request, in this batch or one that an earlier process submitted.

        Raises:
            openai.APIStatusError: the provider refused this request.
            TryAgain: the batch ended without it.
            ClassifierError: the batch as a whole failed.
        """
        digest = hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[
            :40
        ]
        while (custom_id := f"{digest}-{self._asked[digest]}") in self._spent:
            self._asked[digest] += 1
        self._asked[digest] += 1  # the same question may be asked again, and paid again
        if custom_id in self._known:
            return await self._from_earlier(client, custom_id)
        line = {"custom_id": custom_id, "method": "POST", "url": _URL, "body": request}
        waiting = _Waiting(
            line=json.dumps(line, ensure_ascii=False).encode() + b"\n",
            completion=asyncio.get_running_loop().create_future(),
        )
        self._waiting[custom_id] = waiting
        self._last_asked_s = time.monotonic()
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_when_quiet(client))
        return await waiting.completion

    async def _from_earlier(self, client: AsyncOpenAI, custom_id: str) -> ChatCompletion:
        submission = self._known[custom_id]
        if submission.lines is None:
            submission.lines = asyncio.ensure_future(self._lines_of(client, submission))
        lines = await asyncio.shield(submission.lines)
        if custom_id not in lines:
            self._spend([custom_id])
            raise TryAgain("its batch ended without it")
        return batch_lines.completion(lines[custom_id])

    def _spend(self, ids: Sequence[str]) -> None:
        """Note that nothing will come under these ids any more, so that others are taken."""
        self._spent.update(ids)
        self._note({"spent": list(ids)})

    async def _lines_of(
        self, client: AsyncOpenAI, submission: _Submission
    ) -> Mapping[str, Mapping[str, Any]]:
        if submission.batch is None:  # killed between submitting and writing down the batch's name
            name = next(name for name, one in self._unnamed.items() if one is submission)
            submission.batch = await self._find(client, name)
            if submission.batch is None:
                return {}
        batch = await self._ended(client, submission.batch)
        return await self._patiently(lambda: batch_lines.results(client, batch), f"batch {batch.id}")

    async def _flush_when_quiet(self, client: AsyncOpenAI) -> None:
        while (left_s := self._last_asked_s + QUIET_S - time.monotonic()) > 0:
            await asyncio.sleep(left_s)
        waiting, self._waiting = self._waiting, {}
        for chunk in _chunks(waiting):
            task = asyncio.create_task(self._run(client, chunk))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, client: AsyncOpenAI, waiting: Mapping[str, _Waiting]) -> None:
        try:
            batch = await self._ended(client, await self._submit(client, waiting))
            lines = await self._patiently(lambda: batch_lines.results(client, batch), f"batch {batch.id}")
            if missing := [custom_id for custom_id in waiting if custom_id not in lines]:
                self._spend(missing)
            for custom_id, one in waiting.items():
                if one.completion.done():  # cancelled
                    continue
                try:
                    if custom_id not in lines:
                        raise batch_lines.missing(batch)
                    one.completion.set_result(batch_lines.completion(lines[custom_id]))
                except Exception as exc:  # noqa: BLE001  # carried over to whoever asked
                    one.completion.set_exception(exc)
        except Exception as exc:  # noqa: BLE001  # carried over to everybody who asked
            for one in waiting.values():
                if not one.completion.done():
                    one.completion.set_exception(exc)

    async def _submit(self, client: AsyncOpenAI, waiting: Mapping[str, _Waiting]) -> str:
        slow = client.with_options(timeout=300.0)
        content = b"".join(one.line for one in waiting.values())
        upload = partial(slow.files.create, file=("requests.jsonl", content), purpose="batch")
        file = await self._patiently(upload, "its file")
        name = uuid.uuid4().hex
        submission = _Submission(ids=list(waiting))
        self._known |= dict.fromkeys(submission.ids, submission)
        self._note({"submission": name, "ids": list(submission.ids)})
        begin = partial(
            slow.batches.create,
            input_file_id=file.id,
            endpoint=_URL,
            completion_window="24h",
            metadata={_TAG: name},
        )
        try:
            submission.batch = await self._begun(client, begin, name)
        except _NotBegunError:  # and only then: any other error leaves open whether it was
            self._spend(submission.ids)
            raise
        return submission.batch

    async def _begun(self, client: AsyncOpenAI, begin: Callable[[], Awaitable[Batch]], name: str) -> str:
        """Return the batch that was begun.

        Raises:
            _NotBegunError: it surely was not.
            ClassifierError: nobody can tell; the next process looks for it.
        """
        since_s = time.monotonic()
        while True:
            try:
                batch = await begin()
                self._note({"submission": name, "batch": batch.id})
                return batch.id
            except openai.RateLimitError as exc:
                wait_s = retry_after_s(exc.response.headers) or self.poll_s
                if time.monotonic() + wait_s - since_s > PATIENCE_S:
                    raise _NotBegunError(str(batch_lines.refused(exc))) from None
                await asyncio.sleep(wait_s)
            except (openai.APIConnectionError, openai.InternalServerError) as exc:
                # The lost answer may hide a batch that was begun: never submit it again without looking.
                found = await self._find(client, name)
                if found is None:
                    raise _NotBegunError(
                        f"the batch could not be submitted ({type(exc).__name__}); --resume tries again"
                    ) from None
                return found
            except openai.APIStatusError as exc:
                raise _NotBegunError(str(batch_lines.refused(exc))) from None

    async def _find(self, client: AsyncOpenAI, name: str) -> str | None:
        """Look for a submission among the provider's batches; None where it never arrived."""

        async def look() -> str | None:
            async for batch in client.batches.list(limit=100):
                if (batch.metadata or {}).get(_TAG) == name:
                    self._note({"submission": name, "batch": batch.id})
                    return batch.id
            return None

        return await self._patiently(look, f"submission {name}")

    async def _ended(self, client: AsyncOpenAI, batch_id: str) -> Batch:
        while True:
            batch = await self._patiently(lambda: client.batches.retrieve(batch_id), f"batch {batch_id}")
            if batch.status == "failed":
                self._spend([id_ for id_, one in self._known.items() if one.batch == batch_id])
                raise ClassifierError(
                    f"batch {batch_id} failed: {batch_lines.reasons(batch)}; --resume submits it anew"
                )
            if batch.status in ENDED:
                return batch
            await asyncio.sleep(self.poll_s)

    async def _patiently(self, ask: Callable[[], Awaitable[T]], what: str) -> T:
        """Ask until there is an answer. A batch is paid for: a fault on the way is no reason to lose it.

        Raises:
            ClassifierError: there was none for `PATIENCE_S`, or the endpoint refuses.
        """
        since_s = time.monotonic()
        while True:
            try:
                return await ask()
            except openai.APIStatusError as exc:
                if exc.status_code not in (408, 409, 429) and exc.status_code < 500:
                    raise batch_lines.refused(exc) from None
                why = f"HTTP {exc.status_code}"
            except (openai.APIConnectionError, ValueError) as exc:
                why = type(exc).__name__
            if time.monotonic() - since_s > PATIENCE_S:
                raise ClassifierError(
                    f"cannot reach the Batch API for {what} ({why}); what was submitted goes on without, and "
                    "--resume waits for it"
                )
            await asyncio.sleep(self.poll_s)

    def _note(self, row: Mapping[str, Any]) -> None:
        self.state.parent.mkdir(parents=True, exist_ok=True)
        with self.state.open("ab") as file:
            file.write(json.dumps(row).encode() + b"\n")


def _chunks(waiting: Mapping[str, _Waiting]) -> Iterator[dict[str, _Waiting]]:
    chunk: dict[str, _Waiting] = {}
    size = 0
    for custom_id, one in waiting.items():
        if chunk and (len(chunk) == MOST_REQUESTS or size + len(one.line) > MOST_BYTES):
            yield chunk
            chunk, size = {}, 0
        chunk[custom_id] = one
        size += len(one.line)
    if chunk:
        yield chunk
