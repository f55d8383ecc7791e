"""When two texts are the same, and when they are nearly the same, in Chinese, English and mixtures.

Texts are compared as sequences of words, a Chinese or Japanese character counting as a word: full-width
forms, case, spaces and punctuation make no difference.
"""

from __future__ import annotations

import hashlib
import operator
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from datasketch import MinHash, MinHashLSH

# Texts count as nearly the same from this Jaccard similarity of their pairs of neighbouring words: one word
# replaced in a text of 20 or more.
NEAR = 0.8
# 16 bands of 5 rows find a pair at exactly 0.8 with probability 1 - (1 - 0.8^5)^16 = 0.998, and propose one
# at 0.3 with 0.04 (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4.2).
_BANDS, _ROWS = 16, 5

_CHARACTERS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(f"[{_CHARACTERS}]|[^\\W_{_CHARACTERS}]+")

Shingles = npt.NDArray[np.uint32]


def words(text: str) -> list[str]:
    """Return the words of a text, case folded and in NFKC; a text of nothing but signs is one word."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold()) or ["".join(text.split())]


def fingerprint(text_words: list[str]) -> int:
    """Return 64 bits that are equal for the same text; two of a million texts collide with p < 1e-7."""
    digest = hashlib.blake2b(" ".join(text_words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def shingles(text_words: list[str]) -> Shingles:
    """Return the distinct pairs of neighbouring words as sorted 32-bit hashes; a lone word is a pair."""
    hashes = np.fromiter(map(_word_hash, text_words), np.uint64, len(text_words))
    # multiply and shift with odd 64-bit constants, so that (a, b) and (b, a) differ
    pairs = hashes[:-1] * _FIRST + hashes[1:] * _SECOND if len(hashes) > 1 else hashes * _FIRST
    pairs ^= pairs >> np.uint64(29)
    pairs *= _SECOND
    return np.unique((pairs >> np.uint64(32)).astype(np.uint32))


_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


@lru_cache(maxsize=1 << 16)
def _word_hash(word: str) -> int:
    return crc32(word.encode())


def jaccard(left: Shingles, right: Shingles) -> float:
    """Return the size of the intersection over the size of the union, 0..1."""
    common = int(np.intersect1d(left, right, assume_unique=True).size)
    return common / (left.size + right.size - common)


@dataclass(frozen=True, slots=True)
class Match:
    """A known text that is the same or nearly the same.

    Attributes:
        key: what it was added under.
        similarity: 1.0 for the same text, else the Jaccard similarity, `NEAR`..1.
        exact: whether it is the same text and not only nearly.
    """

    key: int
    similarity: float
    exact: bool


class TextIndex:
    """Texts to look others up in; only distinct texts are kept, as hashes."""

    def __init__(self) -> None:
        self._exact: dict[int, int] = {}
        self._shingles: dict[int, Shingles] = {}

    @cached_property
    def _near(self) -> MinHashLSH:
        from datasketch import MinHashLSH  # slow to import, and not needed where there is only a test set

        return MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))

    @cached_property
    def _blank(self) -> MinHash:
        from datasketch import MinHash

        return MinHash(num_perm=_BANDS * _ROWS, hashfunc=operator.index)

    def add(self, key: int, text_words: list[str]) -> None:
        """Add a text; of the same text only the first key is kept."""
        if self._exact.setdefault(fingerprint(text_words), key) != key:
            return
        self._shingles[key] = found = shingles(text_words)
        self._near.insert(key, self._minhash(found), check_duplication=False)

    def find(self, text_words: list[str]) -> Match | None:
        """Return the same text, else the nearly same one with the lowest key, else None."""
        if not self._exact:
            return None
        if (key := self._exact.get(fingerprint(text_words))) is not None:
            return Match(key, 1.0, exact=True)
        found = shingles(text_words)
        for key in sorted(self._near.query(self._minhash(found))):
            similarity = jaccard(self._shingles[key], found)
            if similarity >= NEAR:
                return Match(key, similarity, exact=False)
        return None

    def _minhash(self, found: Shingles) -> MinHash:
        minhash = self._blank.copy()
        minhash.update_batch(found.tolist())
        return minhash
