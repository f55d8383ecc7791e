"""Writing to disk: whole files in one step, and what to say of a full or protected disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prompts.errors import ConfigError


def write_text(path: Path, text: str, *, option: str = "--runs") -> None:
    """Write a text file in one step: afterwards it holds all of `text`, or what it held before.

    Args:
        path: of the file.
        text: what it is to hold.
        option: of the command line, which chooses another folder.
    """
    part = path.with_name(path.name + ".part")
    with disk_errors(path.parent, option=option):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)


@contextmanager
def disk_errors(place: Path, *, option: str = "--runs") -> Iterator[None]:
    """Translate what an operating system says of a full or protected disk.

    Raises:
        ConfigError: with the place and the cure.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            cure = f"free some space, or choose another folder with {option}"
        elif exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            cure = f"make it writable, or choose another folder with {option}"
        else:
            raise
        raise ConfigError(f"{place}: cannot write here ({exc.strerror}); {cure}") from exc
