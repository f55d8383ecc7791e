"""Lines of text files, each with its number, whatever the encoding.

In: a file and an encoding. Out: lines; one that does not decode is marked, so that the reader can go on.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path

from prompts.errors import ConfigError, DatasetError

_BOM = codecs.BOM_UTF8
_LIKELY = ("utf-8", "gb18030")


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        number: from 1.
        text: without the mark at the start of the file, with its line ending; undecodable bytes as U+FFFD.
        problem: why it does not decode, or "".
    """

    number: int
    text: str
    problem: str = ""


def read_lines(path: Path, encoding: str, *, name: str) -> Iterator[Line]:
    """Yield the lines of a file; only a line feed ends a line, so U+2028 stays inside a text.

    Raises:
        ConfigError: the encoding is not known.
        DatasetError: the file cannot be read, or it is in another encoding, which the message names.
    """
    encoding = check_encoding(encoding)
    if "\n".encode(encoding) != b"\n":  # UTF-16 and UTF-32: a line feed is more than one byte
        yield from _read_wide_lines(path, encoding, name)
        return
    with _opened(path, name) as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and encoding == "utf-8":
                raw = raw.removeprefix(_BOM)
            try:
                yield Line(number, raw.decode(encoding))
            except UnicodeDecodeError as error:
                problem = (
                    f"not {encoding} (byte 0x{raw[error.start]:02x}, byte {error.start + 1} of the line)"
                )
                if other := _encoding_that_decodes(path, but=encoding):
                    raise DatasetError(
                        f"{name}:{number}: {problem}; the whole file decodes as {other}: "
                        f'set encoding = "{other}" under [data]'
                    ) from error
                yield Line(number, raw.decode(encoding, errors="replace"), problem)


def check_encoding(encoding: str) -> str:
    """Return Python's name of an encoding; one that only adds a byte-order mark counts as UTF-8.

    Raises:
        ConfigError: there is no such text encoding.
    """
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except LookupError as error:
        raise ConfigError(
            f'data.encoding = {encoding!r} is no text encoding: use "utf-8", "gb18030" or another one that '
            "Python knows"
        ) from error
    return "utf-8" if name == "utf-8-sig" else name


def _opened(path: Path, name: str) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise DatasetError(f"{name} cannot be read: {error.strerror} ({path})") from error


def _read_wide_lines(path: Path, encoding: str, name: str) -> Iterator[Line]:
    number = 0
    with _opened(path, name) as raw, TextIOWrapper(raw, encoding, newline="\n") as file:
        try:
            for number, text in enumerate(file, start=1):
                yield Line(number, text.removeprefix("\ufeff") if number == 1 else text)
        except UnicodeError as error:
            other = _encoding_that_decodes(path, but=encoding)
            cure = f'set encoding = "{other}" under [data]' if other else "name its encoding under [data]"
            raise DatasetError(
                f"{name}:{number + 1}: not {encoding} (at or after this line); {cure}"
            ) from error


def _encoding_that_decodes(path: Path, *, but: str) -> str | None:
    with path.open("rb") as file:
        start = file.read(4)
    wide = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    candidates = ("utf-16",) if wide else _LIKELY
    return next((name for name in candidates if name != but and _decodes(path, name)), None)


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True
