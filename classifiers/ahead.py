"""Work done ahead: the next piece is made in a thread while the caller is busy with this one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def one_ahead(work: Callable[[S], T], items: Sequence[S]) -> Generator[T, None, None]:
    """Yield `work(item)` for each item in order, at most one ahead of the caller.

    Worth a thread where both sides leave the interpreter's lock. What `work` raises is raised here, in its
    turn. Closing the generator waits for the piece under way; no thread outlives it.
    """
    if not items:
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="one-ahead") as pool:
        ready = work(items[0])
        for item in items[1:]:
            following = pool.submit(work, item)
            yield ready
            ready = following.result()
        yield ready
