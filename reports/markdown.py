"""Station 6 as Markdown: the verdict, one table and the pairs, for a comment on a pull request.

In: scores.json. Out: text that GitHub renders; no name or label in it can become a link, a mention or markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reports.summary import summary as summarise
from reports.wording import Words, p_value, points

MOST_CHARACTERS = 60_000  # a comment on GitHub holds 65,536
MOST_IN_A_TEXT = 2_000
JOINER = "\N{WORD JOINER}"  # invisible, and no part of any name


def summary(name: str, scores: Mapping[str, Any]) -> str:
    """Return the summary of a run of that name."""
    words = Words.of(scores["language"])
    found = summarise(scores)
    blocks = [
        f"## {escape(name)}",
        *(f"> **{escape(warning)}**" for warning in found.warnings),
        f"**{escape(found.verdict[0])}**",
        *([f"> {escape(found.note)}"] if found.note else []),
        _list(found.verdict[1:]),
        f"**{words('next.title')}**",
        _list(found.steps),
        table(found.head, found.rows),
        *_pairs(scores, words),
        _list(found.remarks),
    ]
    return fitted([block for block in blocks if block], words("export.cut"))


def escape(text: str) -> str:
    """Return the text as Markdown that shows just this, on one line."""
    line = " ".join(text.split())
    if len(line) > MOST_IN_A_TEXT:
        line = line[: MOST_IN_A_TEXT - 1] + "…"
    line = re.sub(r"([\\`*_\[\]<>#|~&$!])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)
    line = re.sub(r"^([-+])(?=[-+\s]|$)", r"\\\1", line)
    # GitHub makes mentions, issues, emoji and links later; an invisible sign parts them.
    return re.sub(r"(?i)([@#]|:(?=[/\w+-])|\bwww(?=\.)|\bGH(?=-\d))", rf"\1{JOINER}", line)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table; its first `texts` columns are text, the others are figures."""
    lines = [_row(head), "|" + "|".join(["---"] * texts + ["---:"] * (len(head) - texts)) + "|"]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def fitted(blocks: Sequence[str], left_out: str) -> str:
    """Join blocks to a text of at most 60,000 characters; say so where lines had to be left out."""
    text = "\n\n".join(blocks) + "\n"
    if len(text) <= MOST_CHARACTERS:
        return text
    room = MOST_CHARACTERS - len(left_out) - 4
    return text[: text.rindex("\n", 0, room)].rstrip() + f"\n\n{left_out}\n"


def _pairs(scores: Mapping[str, Any], words: Words) -> list[str]:
    left_out = scores["verdict"]["left_out"]
    rows = [
        [
            f"{pair['a']} − {pair['b']}",
            words.column(level["level"], scores["levels"]),
            points(level["difference"]),
            words("word.interval", low=points(level["interval_95"][0]), high=points(level["interval_95"][1])),
            words(f"verdict.word.{level['verdict']}", a=pair["a"], b=pair["b"]),
            p_value(level["mcnemar_p"]),
        ]
        for pair in scores["pairs"]
        if pair["a"] not in left_out and pair["b"] not in left_out
        for level in pair["levels"]
    ]
    if not rows:
        return []
    keys = ("pairs.pair", "export.level", "pairs.difference", "pairs.interval", "pairs.verdict", "pairs.p")
    return [f"### {words('pairs.title')}", table([words(key) for key in keys], rows)]


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"
