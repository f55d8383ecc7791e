"""Writing to disk: whole files in one step, and what to say of a full or protected disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from prompts.characters import in_utf8
from prompts.errors import ConfigError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def write_text(path: Path, text: str, *, option: str | None = "--runs") -> None:
    """Write a text file in one step: afterwards it holds all of `text`, or what it held before.

    Args:
        path: of the file.
        text: what it is to hold; UTF-8 has no half surrogate pairs, a sign takes their place.
        option: of the command line, which chooses another place; None where the command has none.

    Raises:
        ConfigError: the place cannot be written to.
    """
    with whole(path, option=option) as part:
        part.write_text(in_utf8(text), encoding="utf-8")


@contextmanager
def whole(path: Path, *, option: str | None = "--runs") -> Iterator[Path]:
    """Give a file to write to, one for each caller, that takes the name `path` only when it is whole.

    Raises:
        ConfigError: the place cannot be written to.
    """
    part = path.parent / f".{uuid4().hex}.part"  # its length has nothing to do with that of the name
    with disk_errors(path.parent, option=option):
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def disk_errors(place: Path, *, option: str | None = "--runs") -> Iterator[None]:
    """Translate what an operating system says of a full or protected disk, or of a name it does not take.

    Raises:
        ConfigError: with the place and the cure.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in FULL:
            cure = "free some space"
        elif exc.errno in CLOSED:
            cure = "make it writable"
        elif exc.errno == errno.ENAMETOOLONG:
            cure = "choose a shorter name"
        else:
            raise
        if option is not None:
            cure += f", or choose another folder with {option}"
        raise ConfigError(f"{place}: cannot write here ({exc.strerror}); {cure}") from exc
