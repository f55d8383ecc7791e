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


def stream(produce: Callable[[Callable[[T], None]], Coroutine[None, None, None]]) -> Iterator[T]:
    """Run a coroutine in a thread of its own and yield what it emits, as soon as it is emitted.

    Closing the generator cancels the coroutine and waits until it has cleaned up. The work goes on while the
    consumer is busy, so a slow consumer never makes a call time out.

    Args:
        produce: takes the function to emit an item with. What it raises is raised here, after its items.
    """
    items: queue.SimpleQueue[T | _Ended] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(produce(items.put))

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
        while not isinstance(item := items.get(), _Ended):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
