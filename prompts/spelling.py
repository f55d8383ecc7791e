"""Spellings: when two ways of writing a label count as the same.

Case, width, quotes, dashes, gaps and the sign between levels may vary; the words may not.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

from prompts.taxonomy import Path

CJK = r"\u2e80-\u2fff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"

_SIGNS = str.maketrans(
    dict.fromkeys("‘’‛`´ʼ′", "'")
    | dict.fromkeys("“”„″«»「」『』《》", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys("→⇒›", ">")
)
_LEVELS = r"\s*(?:-+>|=+>|>+|/|\||\\|:)\s*"
_GAP = r"[\s'\".,\-/()_]"


def fold(text: str) -> str:
    """Return a text in which case, width, quotes and dashes no longer differ; line ends stay."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_SIGNS)


def plain(text: str) -> str:
    """Reduce a whole answer to what has to agree: its outer quotes and marks and its gaps do not."""
    text = re.sub(r"\s+", " ", fold(text)).strip()
    return re.sub(_LEVELS, " > ", text).strip(" \"'*_.,;:!?。、()[]{}`#-") or text


def levels(text: str) -> tuple[str, ...]:
    """Split a path into its plain names."""
    return tuple(plain(part) for part in re.split(_LEVELS, fold(text)))


def patterns(spellings: Mapping[Path, Sequence[str]]) -> list[tuple[re.Pattern[str], Path]]:
    """Compile what finds each answer in a folded text, never inside a longer Latin word."""
    owners: dict[str, set[Path]] = defaultdict(set)
    for path, known in spellings.items():
        for spelling in known:
            owners[_loose(fold(spelling).strip())].add(path)
    found: dict[tuple[str, Path], None] = {}
    for path, known in spellings.items():
        for spelling in known:
            folded = fold(spelling).strip()
            loose = _loose(folded)
            # "C++" and "C#" differ in nothing but their signs, so such are compared as written.
            form = loose if len(owners[loose]) == 1 else re.escape(folded)
            found[_bounded(form, folded), path] = None
    return [(re.compile(form), path) for form, path in found]


def _loose(spelling: str) -> str:
    parts = [part for part in re.split(r"\s*>\s*", spelling) if part]
    return r"\s*(?:-+>|=+>|>+|/|\||\\|:|,)\s*".join(_loose_name(part) for part in parts)


def _loose_name(name: str) -> str:
    words = re.findall(rf"[{CJK}]|[^\W_{CJK}]+|[^\w\s'\".,\-/()]", name)
    if not words:
        return re.escape(name)
    pattern = ""
    for before, word in zip(["", *words], words, strict=False):
        if before:
            # Between two Latin words there must be a gap; around a Chinese character or a sign there may be.
            pattern += _GAP + "+" if re.fullmatch(rf"[^\W_{CJK}]+", before + word) else _GAP + "*"
        pattern += r"(?:&|and)" if word in ("&", "and") else re.escape(word)
    return pattern


def _bounded(form: str, spelling: str) -> str:
    word = rf"[^\W_{CJK}]"
    latin_start, latin_end = (not re.match(rf"[{CJK}]", end) for end in (spelling[:1], spelling[-1:]))
    before = rf"(?<!{word})(?<!{word}[-'_])(?<![_@#])" if latin_start else ""
    after = rf"(?!{word}|[-'_]{word}|[_+#])" if latin_end else ""
    return before + form + after
