"""Asynchronous work behind a plain generator: a loop in one thread, results as they arrive."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import TypeVar

T = TypeVar("T")


class _Ended:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def stream(
    produce: Callable[[Callable[[T], Coroutine[None, None, None]]], Coroutine[None, None, None]],
) -> Iterator[T]:
    """Run a coroutine in a thread of its own and yield what it emits, as soon as it is emitted.

    Emitting waits until the consumer asks for the next item. So a worker that emits an answer before its next
    call never has a paid answer that is not yet stored beside a call under way. Calls under way go on while
    the consumer is busy. Closing the generator cancels the coroutine and waits until it has cleaned up.

    Args:
        produce: takes the function to emit an item with. What it raises is raised here, after its items.
    """
    items: queue.SimpleQueue[tuple[T, asyncio.Future[None]] | _Ended] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()

    async def emit(item: T) -> None:
        taken = loop.create_future()
        items.put((item, taken))
        await taken

    task = loop.create_task(produce(emit))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except BaseException as exc:  # noqa: BLE001  # carried over to the consumer's thread
            items.put(_Ended(exc))
        else:
            items.put(_Ended(None))

    thread = threading.Thread(target=run, name="classifier-calls", daemon=True)
    thread.start()
    try:
        while not isinstance(got := items.get(), _Ended):
            item, taken = got
            yield item
            loop.call_soon_threadsafe(_settle, taken)
        if got.error is not None:
            raise got.error
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _settle(taken: asyncio.Future[None]) -> None:
    if not taken.done():  # a cancelled producer no longer waits
        taken.set_result(None)
