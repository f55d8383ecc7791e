"""Station 6: the Jinja environment of every page: strict, escaping, with the ways to write figures.

What it compiles is kept between runs, for 0.1 s.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from reports import wording


def environment(**more: object) -> Environment:
    """Return an environment over the templates of this folder.

    Args:
        more: globals beside the ways to write figures.
    """
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_compiled_before(),
    )
    found.globals.update(
        percent=wording.percent,
        points=wording.points,
        count=wording.count,
        rate=wording.rate,
        usd=wording.usd,
        **more,
    )
    return found


class _CompiledBefore(FileSystemBytecodeCache):
    """Compiled templates, in a folder of the temporary files that only this user can write to."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # a full disk costs the next run 0.1 s, and nobody a report
            super().dump_bytecode(bucket)


def _compiled_before() -> _CompiledBefore | None:
    try:
        return _CompiledBefore()
    except (OSError, RuntimeError):  # no such folder can be had
        return None
