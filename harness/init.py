"""`harness init`: a commented experiment file to start from."""

from __future__ import annotations

from pathlib import Path

from harness.disk import write_text
from prompts.errors import ConfigError

TEMPLATE = Path(__file__).parent / "sample" / "template.toml"


def write(path: Path) -> None:
    """Write the template to `path`.

    Raises:
        ConfigError: the file is there already, or cannot be written.
    """
    if path.is_dir():
        path = path / "experiment.toml"
    if path.exists():
        raise ConfigError(f"{path}: is there already; take it away, or name another file")
    write_text(path, TEMPLATE.read_text(encoding="utf-8"), option=None)
