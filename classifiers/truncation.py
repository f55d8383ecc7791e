"""Tokenises texts and cuts the long ones to what a model reads; training and prediction cut alike.

In: texts. Out: per text one window of token ids, or several overlapping ones, special tokens in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerBase

Truncation = Literal["head", "tail", "head_tail", "windows"]

MAX_WINDOWS = 16
"""Windows read of one text at most, so that one huge text cannot hold up a run."""

# The tokenizer keeps some 100 bytes for every token of a text, also for those that are cut.
_TEXTS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class TokenisedText:
    """A text as the model reads it.

    Attributes:
        windows: by the names of the model's inputs, arrays of shape (tokens,); more than one window only with
            "windows".
        read_tokens: tokens of the text in the windows, special tokens not counted.
        unknown_tokens: how many of these the tokenizer does not know.
        is_cut: whether some of the text is in no window.
    """

    windows: tuple[Mapping[str, NDArray[np.integer]], ...]
    read_tokens: int
    unknown_tokens: int
    is_cut: bool


class Truncator:
    """Tokenises with a fast tokenizer; safe to use from several threads, as encoding changes nothing in it.

    Args:
        tokenizer: its own truncation and padding are switched off.
        max_length: tokens in a window, special tokens included.
        truncation: which tokens of a longer text are read: the first, the last, a quarter from the head with
            the rest from the tail (the split of Sun et al. 2019, "How to Fine-Tune BERT for Text
            Classification?", section 5.3.1: 128 and 382 of 510), or all of them in overlapping windows.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, max_length: int, truncation: Truncation
    ) -> None:
        self._encoder = tokenizer.backend_tokenizer
        self._encoder.no_truncation()
        self._encoder.no_padding()
        # What surrounds a text differs by architecture; the padding token is one every tokenizer knows whole.
        sample = self._encoder.encode(tokenizer.pad_token)
        body = [i for i, special in enumerate(sample.special_tokens_mask) if not special]
        self._before, self._after = slice(0, body[0]), slice(body[-1] + 1, None)
        self._frame = {"input_ids": sample.ids, "token_type_ids": sample.type_ids}
        self._body_type = sample.type_ids[body[0]]
        self._names = tokenizer.model_input_names
        self._unknown = tokenizer.unk_token_id
        self._room = max_length - (len(sample.ids) - len(body))
        self._truncation = truncation

    def tokenise(self, texts: Sequence[str]) -> list[TokenisedText]:
        """Return one `TokenisedText` per text, in order."""
        out = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = list(texts[start : start + _TEXTS_AT_ONCE])
            encodings = self._encoder.encode_batch_fast(some, add_special_tokens=False)
            out += [self._cut(encoding) for encoding in encodings]
        return out

    def _cut(self, encoding: Encoding) -> TokenisedText:
        ids = np.array(encoding.ids, dtype=np.int32)
        spans = window_spans(len(ids), self._room, self._truncation)
        kept = [np.concatenate([ids[part] for part in window]) for window in spans]
        return TokenisedText(
            windows=tuple(self._framed(window) for window in kept),
            read_tokens=sum(map(len, kept)),
            unknown_tokens=sum(int((window == self._unknown).sum()) for window in kept),
            is_cut=_some_unread(len(ids), spans),
        )

    def _framed(self, ids: NDArray[np.int32]) -> Mapping[str, NDArray[np.integer]]:
        types = np.full(len(ids), self._body_type, dtype=np.int8)
        framed: dict[str, NDArray[np.integer]] = {}
        for name, body in (("input_ids", ids), ("token_type_ids", types)):
            before, after = self._frame[name][self._before], self._frame[name][self._after]
            framed[name] = np.concatenate([before, body, after], dtype=body.dtype, casting="unsafe")
        framed["attention_mask"] = np.ones(len(framed["input_ids"]), dtype=np.int8)
        return {name: values for name, values in framed.items() if name in self._names}


def window_spans(tokens: int, room: int, truncation: Truncation) -> tuple[tuple[slice, ...], ...]:
    """Return which tokens of a text are read: per window the parts it is put together from, in order.

    Windows overlap by half at least; a text that needs more than `MAX_WINDOWS` gets these spread evenly from
    its first token to its last.

    Args:
        tokens: of the text.
        room: tokens of it in a window, at least 1.
        truncation: see `Truncator`.
    """
    if tokens <= room:
        return ((slice(0, tokens),),)
    match truncation:
        case "head":
            return ((slice(0, room),),)
        case "tail":
            return ((slice(tokens - room, tokens),),)
        case "head_tail":
            head = room // 4
            return ((slice(0, head), slice(tokens - (room - head), tokens)),)
        case "windows":
            return tuple((slice(start, start + room),) for start in _starts(tokens, room))


def _starts(tokens: int, room: int) -> Iterator[int]:
    last = tokens - room
    steps = min(-(-last // max(room // 2, 1)), MAX_WINDOWS - 1)
    return (last * step // steps for step in range(steps + 1))


def _some_unread(tokens: int, spans: tuple[tuple[slice, ...], ...]) -> bool:
    reached = 0
    for part in (part for window in spans for part in window):
        if part.start > reached:
            return True
        reached = part.stop
    return reached < tokens
