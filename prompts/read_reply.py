"""Replies: from what a model said to one of the labels it was offered, or why there is none.

In: a reply, as JSON or in plain words, and the labels asked for. Out: a `Reading`. Nothing is guessed: the
reader takes the last clear answer, and an unclear one is a failure.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prompts.taxonomy import Label, Path, Taxonomy

ReadingFailure = Literal["unreadable", "outside_labels", "empty"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a reply says.

    Attributes:
        path: the labels, root first, as far as they were read; a single label for a stepwise question.
        failure: why the answer is not complete, or None.
    """

    path: Path
    failure: ReadingFailure | None = None


class ReplyReader:
    """Reads replies to one question; building it costs more than a reading, so keep it."""

    def __init__(self, spellings: Mapping[Path, Sequence[str]]) -> None:
        """Take the possible answers, each with every spelling that means it."""
        self._patterns = _compile(spellings)
        self._exact = _unambiguous({_plain(s): path for s in names} for path, names in spellings.items())
        self._prefixes: dict[tuple[str, ...], Path] = {}
        for path in spellings:
            for end in range(1, len(path)):
                self._prefixes[tuple(_plain(name) for name in path[:end])] = path[:end]

    @classmethod
    def for_labels(cls, labels: Iterable[Label]) -> ReplyReader:
        """Build the reader of a stepwise question: one of these labels, by name or alias."""
        return cls({(label.name,): (label.name, *label.aliases) for label in labels})

    @classmethod
    def for_paths(cls, taxonomy: Taxonomy) -> ReplyReader:
        """Build the reader of a joint question: a whole path, or the last label where it is unique."""
        spellings: dict[Path, list[str]] = {}
        for labels in _label_paths(taxonomy.roots):
            names = [label.name for label in labels]
            spellings[tuple(names)] = [
                *(" > ".join(names[start:]) for start in range(len(names))),
                *labels[-1].aliases,
            ]
        owners: dict[str, set[Path]] = defaultdict(set)
        for path, known in spellings.items():
            for spelling in known:
                owners[_plain(spelling)].add(path)
        return cls(
            {
                path: [spelling for spelling in known if len(owners[_plain(spelling)]) == 1]
                for path, known in spellings.items()
            }
        )

    def read(self, reply: str) -> Reading:
        """Return the label or path that a reply settles on."""
        said = _without_reasoning(reply).strip()
        if not said:
            return Reading(path=(), failure="empty")
        answer = _from_json(said)
        if answer is not None and not answer.strip():
            return Reading(path=(), failure="empty")
        text = _fold(said if answer is None else answer)
        if path := self._exact.get(_plain(text)):
            return Reading(path=path)
        found = self._mentions(text)
        if found:
            return _settle(text, found)
        if _is_a_phrase(text):
            return Reading(path=self._known_part(text), failure="outside_labels")
        return Reading(path=(), failure="unreadable")

    def _mentions(self, text: str) -> list[_Mention]:
        found = [
            _Mention(match.start(), match.end(), path)
            for pattern, path in self._patterns
            for match in pattern.finditer(text)
            if not _NEGATED.search(text[: match.start()])
        ]
        # "Puzzle" inside "Puzzle platformer" is not a mention of its own.
        return sorted(
            (a for a in found if not any(b.covers(a) for b in found)), key=lambda m: (m.end, m.start)
        )

    def _known_part(self, text: str) -> Path:
        parts = tuple(_plain(part) for part in _LEVELS.split(text))
        return next(
            (self._prefixes[parts[:end]] for end in range(len(parts), 0, -1) if parts[:end] in self._prefixes),
            (),
        )


@dataclass(frozen=True)
class _Mention:
    start: int
    end: int
    path: Path

    def covers(self, other: _Mention) -> bool:
        return (
            self.start <= other.start
            and other.end <= self.end
            and self.end - self.start > other.end - other.start
        )


# How far a spelling may differ: quotes, dashes and spaces of all kinds count alike.
_QUOTES = str.maketrans(dict.fromkeys("‘’‛`´ʼ′", "'") | dict.fromkeys("“”„″«»「」『』《》", '"'))
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-") | dict.fromkeys("→⇒›»", ">"))
_CJK = r"\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_LEVELS = re.compile(r"\s*(?:-+>|=+>|>+|/|\||\\|:)\s*")
_LEVEL_SEPARATOR = r"\s*(?:-+>|=+>|>+|/|\||\\|:|,)\s*"
_CONNECTOR = re.compile(r"(?:[\s,;/|&*\-.、\"'()]|\b(?:or|and|and/or|maybe|perhaps)\b|或者?|和|与|及|还是|以及)*")
_NEGATED = re.compile(
    r"(?:\b(?:not|never|neither|nor|isn't|than|instead of)\s+(?:an?\s+|the\s+)?|不是|并非|而非|不属于|不算)[\"'*\s]*$"
)
_MARKER = re.compile(
    r"(?:\b(?:answer|label|category|path|genre)\b(?:\s+(?:is|would be|should be))?|答案|标签|类别|分类|路径)\s*"
    r"(?:is|[:=]|是|为)*[\s\"'*(\[`]*$"
)
_HEDGES = re.compile(
    r"^(?:i|i'm|it|this|that|the|there|sorry|none|unknown|unclear|n/?a|not|no|cannot|can't|as|yes|okay|ok|sure)\b"
    r"|^(?:我|抱歉|对不起|无法|不|没有|这|该|未知|无)"
)


def _settle(text: str, found: list[_Mention]) -> Reading:
    """Take the last mention: of those after "answer:", else of those alone on a line, else of all."""
    marked = [m for m in found if _MARKER.search(text[: m.start])]
    alone = [m for m in found if _stands_alone(text, m)]
    clear = marked or alone or found
    last = clear[-1]
    for other in found if clear is found else clear:
        if other.path == last.path:
            continue
        if other.end > last.start or _CONNECTOR.fullmatch(text[other.end : last.start]):
            return Reading(path=(), failure="unreadable")  # "Puzzle or Action": no answer, or two
    for other in found:
        if other.start >= last.end and other.path != last.path and marked:
            between = text[last.end : other.start]
            if "\n" not in between and _CONNECTOR.fullmatch(between):
                return Reading(path=(), failure="unreadable")  # "answer: Puzzle or Action"
    return Reading(path=last.path)


def _stands_alone(text: str, mention: _Mention) -> bool:
    before = text[text.rfind("\n", 0, mention.start) + 1 : mention.start]
    after = text[mention.end :].split("\n", 1)[0]
    return not re.search(rf"[^\W_]|[{_CJK}]", before + after)


def _without_reasoning(reply: str) -> str:
    """Drop <think> blocks; one that is not closed takes all that follows, and a lone end all before it."""
    reply = re.sub(r"<(think|thinking)>.*?(?:</\1>|\Z)", "", reply, flags=re.DOTALL | re.IGNORECASE)
    return re.split(r"</think(?:ing)?>", reply, flags=re.IGNORECASE)[-1]


def _from_json(said: str) -> str | None:
    """Return the answer inside a JSON reply, "" where it is null, or None where there is no JSON answer."""
    said = re.sub(r"^```\w*\s*|\s*```$", "", said)
    answer = None
    for value in _json_values(said):
        if isinstance(value, dict):
            named = [v for k, v in value.items() if k.casefold() in ("label", "answer", "category", "path")]
            value = named[-1] if named else next(iter(value.values()), None) if len(value) == 1 else None
            if value is None and named:
                answer = ""
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            value = " > ".join(value)
        if isinstance(value, str):
            answer = value
    return answer


def _json_values(said: str) -> Iterator[object]:
    try:
        yield json.loads(said)
        return
    except ValueError:  # words around it, or no JSON at all
        pass
    decoder, start = json.JSONDecoder(), said.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(said, start)
            yield value
        except (ValueError, RecursionError):
            end = start + 1
        start = said.find("{", end)


def _fold(text: str) -> str:
    return _upper_folded(unicodedata.normalize("NFKC", text))


def _upper_folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold()).translate(_QUOTES).translate(_DASHES)


def _plain(text: str) -> str:
    """Reduce a whole answer to what has to agree: outer quotes and marks, and the kind of gaps, do not."""
    text = re.sub(r"\s+", " ", _fold(text)).strip()
    text = re.sub(_LEVELS, " > ", text)
    return text.strip(" \"'*_.,;:!?。，；：！？()[]{}`#-") or text


def _is_a_phrase(text: str) -> bool:
    """Whether a reply is a name and nothing more, so a label, if not one of ours."""
    text = text.strip(" \n\"'*.。!")
    words = len(re.findall(r"[^\W_]+", text))
    chinese = len(re.findall(rf"[{_CJK}]", text))
    short = chinese <= 15 and (words <= 6 or ">" in text)
    return bool(text) and short and not re.search(r"[\n.!?。！？，]|, ", text) and not _HEDGES.match(text)


def _compile(spellings: Mapping[Path, Sequence[str]]) -> list[tuple[re.Pattern[str], Path]]:
    loose: dict[str, set[Path]] = defaultdict(set)
    for path, known in spellings.items():
        for spelling in known:
            loose[_loose(spelling)].add(path)
    patterns = {}
    for path, known in spellings.items():
        for spelling in known:
            # "C++" and "C#" differ in nothing but their marks, so these are compared as written.
            form = _loose(spelling) if len(loose[_loose(spelling)]) == 1 else re.escape(_fold(spelling).strip())
            patterns[_bounded(form, _fold(spelling).strip()), path] = None
    return [(re.compile(form), path) for form, path in patterns]


def _loose(spelling: str) -> str:
    """Return a pattern for a spelling that lets gaps, dashes, "&" and level separators vary."""
    parts = [part for part in re.split(r"\s*>\s*", _fold(spelling).strip()) if part]
    return _LEVEL_SEPARATOR.join(_loose_name(part) for part in parts)


def _loose_name(name: str) -> str:
    words = re.findall(rf"[{_CJK}]|&|[^\W_{_CJK}]+|[^\w\s'\".,\-–/()]", name.replace("_", " "))
    if not words:
        return re.escape(name)
    pattern = ""
    for before, word in zip(["", *words], words, strict=False):
        if before:
            tight = re.match(rf"[{_CJK}]", before) or re.match(rf"[{_CJK}]", word)
            pattern += r"\s*" if tight else r"[\s'\".,\-/()]*" if not _is_word(before + word) else r"[\s'\".,\-_/()]+"
        pattern += r"(?:&|and)" if word in ("&", "and") else re.escape(word)
    return pattern


def _is_word(text: str) -> bool:
    return re.fullmatch(r"\w+", text) is not None


def _bounded(form: str, spelling: str) -> str:
    """Keep a Latin edge from lying inside a longer word; Chinese has no such boundary."""
    word = rf"[^\W_{_CJK}]"
    before = rf"(?<!{word})(?<!{word}[-'_])(?<![_@#])" if not re.match(rf"[{_CJK}]", spelling) else ""
    after = rf"(?!{word}|[-'_]{word}|[_+#])" if not re.search(rf"[{_CJK}]$", spelling) else ""
    return before + form + after


def _unambiguous(candidates: Iterable[Mapping[str, Path]]) -> dict[str, Path]:
    owners: dict[str, set[Path]] = defaultdict(set)
    for spellings in candidates:
        for spelling, path in spellings.items():
            owners[spelling].add(path)
    return {spelling: next(iter(paths)) for spelling, paths in owners.items() if len(paths) == 1}


def _label_paths(labels: Iterable[Label], above: tuple[Label, ...] = ()) -> Iterator[tuple[Label, ...]]:
    for label in labels:
        if label.children:
            yield from _label_paths(label.children, (*above, label))
        else:
            yield (*above, label)
