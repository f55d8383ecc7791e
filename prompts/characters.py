"""What a file can hold of a text: UTF-8 has no half surrogate pairs, XML no control characters either."""

from __future__ import annotations

import re

_HALF = re.compile("[\ud800-\udfff]")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def in_utf8(text: str) -> str:
    """Return the text as a file in UTF-8 can hold it, with a sign in the place of each half pair."""
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", text)


def in_xml(text: str) -> str:
    """Return the text as XML can hold it, with a sign in the place of all else."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def in_json(written: str) -> str:
    """Return JSON as a file in UTF-8 can hold it: half pairs are escaped, and come back when it is read."""
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", written)
