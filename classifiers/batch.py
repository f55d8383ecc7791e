"""A provider's Batch API: many calls in one file, for half the price and within a day instead of at once.

In: single requests, as they come. Out: their completions. Requests that wait together are submitted together;
what was submitted is written down first, so that a restarted run waits for it instead of submitting it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import openai
from openai import AsyncOpenAI
from openai.types import Batch
from openai.types.chat import ChatCompletion

from classifiers.chat_errors import TryAgain
from prompts.errors import ClassifierError

MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000
"""Of one file, as OpenAI documents it (200 MB, less a margin)."""

QUIET_S = 0.5  # nobody has asked for so long, so all that can be asked now has been
PATIENCE_S = 600.0  # without a connection; the batch itself goes on meanwhile
ENDED = ("completed", "failed", "expired", "cancelled")
_URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
_TAG = "llm_vs_bert_submission"


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
        submitted: batches submitted by this object.
    """

    state: Path
    poll_s: float
    submitted: int = 0
    _known: dict[str, _Submission] = field(default_factory=dict)
    _asked: Counter[str] = field(default_factory=Counter)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _last_asked_s: float = 0.0
    _flusher: asyncio.Task[None] | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        submissions: dict[str, _Submission] = {}
        for row in _rows(self.state):
            if "ids" in row:
                submissions[row["submission"]] = _Submission(ids=row["ids"])
            else:
                submissions[row["submission"]].batch = row["batch"]
        self._known = {id_: one for one in submissions.values() for id_ in one.ids}
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
        custom_id = f"{digest}-{self._asked[digest]}"  # the same question may be asked again, and paid again
        self._asked[digest] += 1
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
            raise TryAgain("its batch ended without it")
        return _completion(lines[custom_id])

    async def _lines_of(
        self, client: AsyncOpenAI, submission: _Submission
    ) -> Mapping[str, Mapping[str, Any]]:
        if submission.batch is None:  # killed between submitting and writing down the batch's name
            name = next(name for name, one in self._unnamed.items() if one is submission)
            submission.batch = await self._find(client, name)
            if submission.batch is None:
                return {}
        return await _results(client, await self._ended(client, submission.batch))

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
            lines = await _results(client, batch)
            for custom_id, one in waiting.items():
                if one.completion.done():  # cancelled
                    continue
                try:
                    if custom_id not in lines:
                        raise _missing(batch)
                    one.completion.set_result(_completion(lines[custom_id]))
                except Exception as exc:  # noqa: BLE001  # carried over to whoever asked
                    one.completion.set_exception(exc)
        except Exception as exc:  # noqa: BLE001  # carried over to everybody who asked
            for one in waiting.values():
                if not one.completion.done():
                    one.completion.set_exception(exc)

    async def _submit(self, client: AsyncOpenAI, waiting: Mapping[str, _Waiting]) -> str:
        patient = client.with_options(max_retries=5, timeout=300.0)
        content = b"".join(one.line for one in waiting.values())
        file = await patient.files.create(file=("requests.jsonl", content), purpose="batch")
        name = uuid.uuid4().hex
        self._note({"submission": name, "ids": list(waiting)})
        self.submitted += 1
        try:
            batch = await client.with_options(timeout=300.0).batches.create(
                input_file_id=file.id, endpoint=_URL, completion_window="24h", metadata={_TAG: name}
            )
        except (openai.APIConnectionError, openai.InternalServerError):
            # The lost answer may hide a batch that was begun: never submit it again without looking.
            found = await self._find(client, name)
            if found is None:
                raise
            return found
        self._note({"submission": name, "batch": batch.id})
        return batch.id

    async def _find(self, client: AsyncOpenAI, name: str) -> str | None:
        """Look for a submission among the provider's batches; None where it never arrived."""
        async for batch in client.with_options(max_retries=5).batches.list(limit=100):
            if (batch.metadata or {}).get(_TAG) == name:
                self._note({"submission": name, "batch": batch.id})
                return batch.id
        return None

    async def _ended(self, client: AsyncOpenAI, batch_id: str) -> Batch:
        silent_since_s: float | None = None
        while True:
            try:
                batch = await client.batches.retrieve(batch_id)
                silent_since_s = None
                if batch.status == "failed":
                    raise ClassifierError(f"batch {batch_id} failed: {_reasons(batch)}")
                if batch.status in ENDED:
                    return batch
            except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as exc:
                silent_since_s = silent_since_s or time.monotonic()
                if time.monotonic() - silent_since_s > PATIENCE_S:
                    raise ClassifierError(
                        f"cannot look after batch {batch_id} ({type(exc).__name__}); it goes on without: "
                        "--resume waits for it"
                    ) from None
            await asyncio.sleep(self.poll_s)

    def _note(self, row: Mapping[str, Any]) -> None:
        self.state.parent.mkdir(parents=True, exist_ok=True)
        with self.state.open("ab") as file:
            file.write(json.dumps(row).encode() + b"\n")


def _rows(path: Path) -> list[dict[str, Any]]:
    """Read what was noted, and take away a last line that a kill cut in half."""
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        os.truncate(path, sum(map(len, lines[:-1])))
        lines.pop()
    return [json.loads(line) for line in lines]


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


async def _results(client: AsyncOpenAI, batch: Batch) -> dict[str, Mapping[str, Any]]:
    patient = client.with_options(max_retries=5, timeout=300.0)
    lines: dict[str, Mapping[str, Any]] = {}
    for file_id in (batch.error_file_id, batch.output_file_id):
        if file_id:
            content = await patient.files.content(file_id)
            for line in content.content.splitlines():
                row = json.loads(line)
                lines[row["custom_id"]] = row
    return lines


def _completion(line: Mapping[str, Any]) -> ChatCompletion:
    """Return the completion that a line of the output holds.

    Raises:
        openai.APIStatusError: it holds a refusal.
        TryAgain: it holds neither.
    """
    response = line.get("response")
    if response is None:
        raise TryAgain(f"the batch could not answer it ({(line.get('error') or {}).get('code')})")
    status, body = response["status_code"], response.get("body") or {}
    if status == 200:
        return ChatCompletion.construct(**body)
    import httpx2

    error: dict[str, Any] = body["error"] if isinstance(body.get("error"), dict) else body
    kind = openai.NotFoundError if status == 404 else openai.APIStatusError
    answered = httpx2.Response(status, json=body, request=httpx2.Request("POST", f"https://batch{_URL}"))
    raise kind(str(error.get("message") or f"HTTP {status}"), response=answered, body=error)


def _missing(batch: Batch) -> Exception:
    if batch.status == "cancelled":
        return ClassifierError(
            f"batch {batch.id} was cancelled; what it had answered is kept, go on with --resume"
        )
    return TryAgain(f"its batch ended without it ({batch.status})")


def _reasons(batch: Batch) -> str:
    errors = (batch.errors.data if batch.errors else None) or []
    return "; ".join(f"{error.message} (line {error.line})" for error in errors[:3]) or "no reason was given"
