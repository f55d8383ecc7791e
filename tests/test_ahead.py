from __future__ import annotations

import threading
import time

import pytest

from classifiers.ahead import one_ahead


def test_everything_comes_in_order() -> None:
    assert list(one_ahead(lambda x: x * x, range(100))) == [x * x for x in range(100)]
    assert list(one_ahead(str, [])) == []


def test_the_next_is_made_while_the_caller_works_and_none_after_it() -> None:
    begun: list[int] = []
    second = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item == 1:
            second.set()
        return item

    made = one_ahead(work, range(10))
    assert begun == []
    assert next(made) == 0
    assert second.wait(timeout=10)
    time.sleep(0.05)  # for a third one to begin, if it would
    assert begun == [0, 1]
    assert next(made) == 1
    made.close()


def test_a_single_piece_needs_no_thread() -> None:
    threads: list[threading.Thread] = []
    list(one_ahead(lambda _: threads.append(threading.current_thread()), [1]))
    assert threads == [threading.current_thread()]


@pytest.mark.parametrize("bad", [0, 1, 3])
def test_an_exception_reaches_the_caller_in_its_turn(bad: int) -> None:
    def work(item: int) -> int:
        if item == bad:
            raise KeyError(f"item {item}")
        return item

    made = one_ahead(work, range(5))
    assert [next(made) for _ in range(bad)] == list(range(bad))
    with pytest.raises(KeyError, match=f"item {bad}"):
        next(made)


def test_closing_waits_for_the_piece_under_way_and_leaves_no_thread() -> None:
    finished: list[int] = []

    def work(item: int) -> int:
        if item:
            time.sleep(0.1)
        finished.append(item)
        return item

    made = one_ahead(work, range(10))
    next(made)
    assert [thread for thread in threading.enumerate() if thread.name.startswith("one-ahead")]
    made.close()
    assert finished == [0, 1]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("one-ahead")]
