"""The lines of a batch: what was noted of it, and its output and error files as completions or errors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openai
from openai import AsyncOpenAI
from openai.types import Batch
from openai.types.chat import ChatCompletion

from classifiers.chat_errors import TryAgain
from prompts.errors import ClassifierError


def noted(path: Path) -> list[dict[str, Any]]:
    """Read what was noted, and take away a last line that a kill cut in half."""
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        os.truncate(path, sum(map(len, lines[:-1])))
        lines.pop()
    return [json.loads(line) for line in lines]


async def results(client: AsyncOpenAI, batch: Batch) -> dict[str, Mapping[str, Any]]:
    """Download what a batch that has ended says, by custom_id."""
    patient = client.with_options(max_retries=5, timeout=300.0)
    lines: dict[str, Mapping[str, Any]] = {}
    for file_id in (batch.error_file_id, batch.output_file_id):
        if file_id:
            content = await patient.files.content(file_id)
            for line in content.content.splitlines():
                row = json.loads(line)
                lines[row["custom_id"]] = row
    return lines


def completion(line: Mapping[str, Any]) -> ChatCompletion:
    """Return the completion that a line of the output holds.

    Raises:
        openai.APIStatusError: it holds a refusal.
        TryAgain: it holds neither.
    """
    response = line.get("response")
    if response is None:
        raise TryAgain(f"the batch could not answer it ({(line.get('error') or {}).get('code')})")
    status, body = response.get("status_code"), response.get("body")
    if not isinstance(status, int) or not isinstance(body, dict):
        raise TryAgain("its line in the batch cannot be read")
    if status == 200:
        return ChatCompletion.construct(**body)
    import httpx2

    error: dict[str, Any] = body["error"] if isinstance(body.get("error"), dict) else body
    kind = openai.NotFoundError if status == 404 else openai.APIStatusError
    answered = httpx2.Response(
        status, json=body, request=httpx2.Request("POST", "https://batch/v1/chat/completions")
    )
    raise kind(str(error.get("message") or f"HTTP {status}"), response=answered, body=error)


def refused(exc: openai.APIStatusError) -> ClassifierError:
    """Return what a refusal of the Batch API means, without its own words, which may repeat the key."""
    if exc.status_code == 404:
        return ClassifierError(
            'the endpoint has no Batch API, or has lost this batch (HTTP 404): leave mode = "batch" out'
        )
    return ClassifierError(
        f"the Batch API refuses (HTTP {exc.status_code}, {exc.code or exc.type}); --resume tries again"
    )


def missing(batch: Batch) -> Exception:
    """Return what it means that a batch ended without a request."""
    if batch.status == "cancelled":
        return ClassifierError(
            f"batch {batch.id} was cancelled; what it had answered is kept, go on with --resume"
        )
    return TryAgain(f"its batch ended without it ({batch.status})")


def reasons(batch: Batch) -> str:
    """Return in one line why a batch failed as a whole."""
    errors = (batch.errors.data if batch.errors else None) or []
    return "; ".join(f"{error.message} (line {error.line})" for error in errors[:3]) or "no reason was given"
