from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.timing import over_both

TEXTS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 16), st.integers(0, 500), st.integers(0, 20)), max_size=40
)
"""Whether it was cut, in how many windows it was read, its tokens, and how many more were unknown."""


def facts(texts: list[tuple[bool, int, int, int]], **others: Any) -> dict[str, Any]:
    n, tokens = len(texts), sum(known + unknown for _, _, known, unknown in texts)
    return {
        "texts": n,
        "read_tokens": tokens,
        "cut_share": sum(cut for cut, *_ in texts) / n if n else None,
        "windows_per_text": sum(windows for _, windows, *_ in texts) / n if n else None,
        "unknown_token_share": sum(unknown for *_, unknown in texts) / tokens if tokens else None,
        **others,
    }


@given(before=TEXTS, after=TEXTS)
def test_two_parts_count_and_average_as_the_whole(
    before: list[tuple[bool, int, int, int]], after: list[tuple[bool, int, int, int]]
) -> None:
    merged = over_both(facts(before, device="before"), facts(after, device="after"))
    assert merged == facts([*before, *after], device="after")


def test_a_large_share_stays_exact() -> None:
    texts = 999_983
    merged = over_both({"texts": texts, "cut_share": 1 / texts}, {"texts": 17, "cut_share": 0.0})
    assert merged == {"texts": 1_000_000, "cut_share": float(Fraction(1, 1_000_000))}


def test_what_an_earlier_version_did_not_count_is_left_out() -> None:
    earlier = {"texts": 1000, "cut_share": 0.5, "unknown_token_share": 0.4}
    merged = over_both(earlier, facts([(True, 1, 49, 1)] * 10))
    assert merged == {"texts": 1010, "cut_share": 510 / 1010}


def test_facts_that_count_nothing_stay_as_they_are() -> None:
    assert over_both({}, {"concurrency": 8}) == {"concurrency": 8}
    assert over_both({"texts": 3, "cut_share": 1.0}, {"concurrency": 8}) == {
        "concurrency": 8,
        "cut_share": 1.0,
        "texts": 3,
    }
