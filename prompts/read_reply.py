"""Replies: from what a model said to one of the labels it was offered, or why there is none.

In: a reply, as JSON or in plain words, and the labels asked for. Out: a `Reading`. Nothing is guessed: the
reader takes the last clear answer, and what is not clear is a failure.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prompts.spelling import CJK, fold, levels, patterns, plain
from prompts.taxonomy import Label, Path, Taxonomy

ReadingFailure = Literal["unreadable", "outside_labels", "empty"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a reply says.

    Attributes:
        path: the labels, root first, as far as they were read; one label for a stepwise question.
        failure: why the answer is not complete, or None.
    """

    path: Path
    failure: ReadingFailure | None = None


class ReplyReader:
    """Reads the replies to one question; building it costs far more than a reading, so keep it.

    Args:
        spellings: every possible answer, with all that may be written for it.
    """

    def __init__(self, spellings: Mapping[Path, Sequence[str]]) -> None:
        self._patterns = patterns(spellings)
        owners = _owners(spellings)
        self._exact = {spelling: next(iter(paths)) for spelling, paths in owners.items() if len(paths) == 1}
        self._inner = {
            tuple(map(plain, path[:end])): path[:end] for path in spellings for end in range(1, len(path))
        }

    @classmethod
    def for_labels(cls, labels: Iterable[Label], above: Path = ()) -> ReplyReader:
        """Build the reader of a stepwise question: one of these labels, the ones above it said or not."""
        spellings: dict[Path, list[str]] = {}
        for label in labels:
            spellings[(label.name,)] = _chains((*above, label.name), label.aliases)
        return cls(spellings)

    @classmethod
    def for_paths(cls, taxonomy: Taxonomy) -> ReplyReader:
        """Build the reader of a joint question: a whole path, or its last labels where these are unique."""
        spellings: dict[Path, list[str]] = {}
        for labels in _label_paths(taxonomy.roots):
            names = tuple(label.name for label in labels)
            spellings[names] = _chains(names, labels[-1].aliases)
        owners = _owners(spellings)
        return cls(
            {
                path: [known[0], *(s for s in known[1:] if len(owners[plain(s)]) == 1)]
                for path, known in spellings.items()
            }
        )

    def read(self, reply: str) -> Reading:
        """Return the label or path that a reply settles on."""
        said = _without_reasoning(reply).strip()
        if path := self._exact.get(plain(_tidy(fold(said)))):  # also where it is JSON as well: null, 0E0
            return Reading(path=path)
        answer = _from_json(said)
        text = _tidy(fold(said if answer is None else answer))
        if not text:
            return Reading(path=(), failure="empty")
        if path := self._exact.get(plain(text)):
            return Reading(path=path)
        if mentions := self._mentions(text):
            return _settle(text, mentions)
        said_levels = levels(text)
        known = next(
            (
                self._inner[said_levels[:end]]
                for end in range(len(said_levels), 0, -1)
                if said_levels[:end] in self._inner
            ),
            (),
        )
        outside = _is_a_name(text) and len(known) < len(said_levels)
        return Reading(path=known, failure="outside_labels" if outside else "unreadable")

    def _mentions(self, text: str) -> list[_Mention]:
        found = [
            _Mention(start=match.start(), end=match.end(), path=path)
            for pattern, path in self._patterns
            for match in pattern.finditer(text)
            if not _NOT_MEANT.search(_just_before(text, match.start()))
        ]
        # The "Puzzle" in "Puzzle platformer" is no mention of its own.
        return sorted(
            (m for m in found if not any(o.covers(m) for o in found)), key=lambda m: (m.end, m.start, m.path)
        )


@dataclass(frozen=True, kw_only=True)
class _Mention:
    start: int
    end: int
    path: Path

    def covers(self, other: _Mention) -> bool:
        longer = self.end - self.start > other.end - other.start
        return longer and self.start <= other.start and other.end <= self.end


# "not Puzzle"; and a last label below parents that are not its own ("Music > Puzzle").
_NOT_MEANT = re.compile(
    r"(?:\b(?:not|never|neither|nor|isn't|than|instead of)\s+(?:an?\s+|the\s+)?|不是|并非|而非|不属于|不算|>)"
    r"[\"'*\s]*$"
)
_MARKER = re.compile(
    r"(?:\b(?:answer|label|category|path|genre)\b(?:\s+(?:is|would be|should be))?|答案|标签|类别|分类|路径)"
    r"\s*(?:is|[:=]|是|为)*[\s\"'*(\[]*$"
)
_CONNECTOR = re.compile(r"(?:[\s\d,;/|&*\-.、\"'()]|\b(?:or|and|maybe|perhaps)\b|或者?|和|与|及|还是|以及)*")
_HEDGE = re.compile(
    r"(?:i|i'm|it|this|that|the|there|sorry|none|unknown|unclear|n/?a|not|no|cannot|can't|as|yes|okay|ok|sure)\b"
    r"|我|抱歉|对不起|无法|不|没有|这|该|未知"
)


def _tidy(text: str) -> str:
    """Shorten every gap to one space or one line end."""
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text)).strip()


def _just_before(text: str, start: int) -> str:
    return text[max(0, start - 40) : start]


def _settle(text: str, mentions: list[_Mention]) -> Reading:
    """Take the last mention: of those after "answer:", else of those alone on a line, else of all."""
    marked = [m for m in mentions if _MARKER.search(_just_before(text, m.start))]
    clear = marked or [m for m in mentions if _stands_alone(text, m)] or mentions
    last = clear[-1]
    for other in mentions:
        if other.path == last.path or (other not in clear and other.start < last.start):
            continue
        between = text[other.end : last.start] if other.start <= last.start else text[last.end : other.start]
        if _CONNECTOR.fullmatch(between) and not (other.start > last.start and "\n" in between):
            return Reading(path=(), failure="unreadable")  # "Puzzle or Action": two answers, or none
    return Reading(path=last.path)


def _stands_alone(text: str, mention: _Mention) -> bool:
    before = text[text.rfind("\n", 0, mention.start) + 1 : mention.start]
    after = text[mention.end :].split("\n", 1)[0]
    return not re.search(r"[^\W\d_]", before + after)


def _is_a_name(text: str) -> bool:
    """Whether a reply is a name and nothing more, so a label, if not one of those offered."""
    text = text.strip(" \n\"'*.。!")
    short = len(re.findall(r"[^\W_]+", text)) <= 6 and len(re.findall(rf"[{CJK}]", text)) <= 15
    sentence = re.search(r"[\n.!?。、]|, ", text) or _HEDGE.match(text)
    return bool(text) and (short or ">" in text) and not sentence


def _without_reasoning(reply: str) -> str:
    """Drop <think> blocks; one that is not closed takes all that follows, a lone end all before it."""
    reply = re.sub(r"<(think|thinking)>.*?(?:</\1>|\Z)", "", reply, flags=re.DOTALL | re.IGNORECASE)
    return re.split(r"</think(?:ing)?>", reply, flags=re.IGNORECASE)[-1]


def _from_json(said: str) -> str | None:
    """Return the answer that a JSON reply holds, "" where it is null, or None where there is none."""
    answer = None
    for value in _json_values(re.sub(r"^```\w*\s*|\s*```$", "", said)):
        if isinstance(value, dict):
            named = [v for k, v in value.items() if k.casefold() in ("label", "answer", "category", "path")]
            if not named and len(value) != 1:
                continue
            value = named[-1] if named else next(iter(value.values()))
        if isinstance(value, list):
            value = " > ".join(map(str, value))
        if not isinstance(value, dict):
            answer = "" if value is None else str(value)
    return answer


# A number keeps the spelling it was given: "0E0" may be a label, and is not "0.0".
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


def _json_values(said: str) -> Iterator[object]:
    try:
        yield _DECODER.decode(said)
        return
    except (ValueError, RecursionError):  # words around it, or no JSON at all
        pass
    start = said.find("{")
    while start >= 0:
        try:
            value, end = _DECODER.raw_decode(said, start)
            yield value
        except (ValueError, RecursionError):
            end = start + 1
        start = said.find("{", end)


def _owners(spellings: Mapping[Path, Sequence[str]]) -> dict[str, set[Path]]:
    owners: dict[str, set[Path]] = defaultdict(set)
    for path, known in spellings.items():
        for spelling in known:
            owners[plain(spelling)].add(path)
    return owners


def _chains(names: Path, aliases: Sequence[str]) -> list[str]:
    """Every way to say the last label: with all, some or none of those above it, by its name or an alias."""
    lasts = (names[-1], *aliases)
    return [" > ".join((*names[start:-1], last)) for start in range(len(names)) for last in lasts]


def _label_paths(labels: Iterable[Label], above: tuple[Label, ...] = ()) -> Iterator[tuple[Label, ...]]:
    for label in labels:
        if label.children:
            yield from _label_paths(label.children, (*above, label))
        else:
            yield (*above, label)
