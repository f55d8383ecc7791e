"""A training that is killed goes on from its last whole checkpoint, to the weights it would have had."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from classifiers.checkpoints import Checkpoints
from classifiers.training_identity import recipe_sha256
from classifiers.training_record import read_training
from prompts.errors import ClassifierError, ConfigError
from tests.command import command, harness
from tests.tiny_encoders import make_encoder, one_thread
from tests.tiny_training import DEV, TRAIN, WORDS, train

STEPS = len(TRAIN) // 4 + 1  # of an epoch, in batches of four
SETTINGS: dict[str, object] = {"epochs": 4, "dropout": 0.2}
KILLED = """
import json, os, signal, sys
import torch
from pathlib import Path
from tests.tiny_training import DEV, train

base, folder, step, settings = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
during_save, dev = settings.pop("during_save", False), DEV if settings.pop("dev", True) else []
torch.set_num_threads(1)
whole = torch.save

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def half(content, file, *rest, **more):
    if str(file).endswith(f"checkpoint-{step}/optimizer.pt"):
        Path(file).write_bytes(b"half of it")
        kill()
    whole(content, file, *rest, **more)

if during_save:
    torch.save = half
train(base, folder, dev=dev, progress=lambda at, _: kill() if at == step and not during_save else None, **settings)
"""


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("bert") / "base", WORDS)


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "model"
    train(base, folder, **SETTINGS)
    return folder


def killed(base: Path, folder: Path, step: int, **settings: object) -> None:
    """Train in a process of its own that SIGKILL ends right after `step`, or while its checkpoint is written."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, base, folder, str(step), json.dumps(SETTINGS | settings)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def whole_ones(folder: Path) -> list[str]:
    return sorted(mark.parent.name for mark in folder.glob("checkpoints/*/whole.json"))


@pytest.fixture(scope="module")
def cut(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a SIGKILL in epoch 2 left; to be copied, since loading torch is what takes the time here."""
    folder = tmp_path_factory.mktemp("cut") / "model"
    killed(base, folder, STEPS + 2)
    assert whole_ones(folder) == [f"checkpoint-{STEPS}"]
    assert not (folder / "training.json").exists()
    return folder


def test_a_training_killed_in_epoch_2_goes_on_to_the_same_weights(
    base: Path, whole: Path, cut: Path, tmp_path: Path
) -> None:
    shutil.copytree(cut, tmp_path / "model")
    seen: list[int] = []
    training = train(base, tmp_path / "model", progress=lambda step, _: seen.append(step), **SETTINGS)
    assert weights(tmp_path / "model") == weights(whole)
    assert seen == list(range(STEPS + 1, 4 * STEPS + 1))
    expected = read_training(whole)
    assert (training.best_epoch, training.curve) == (expected.best_epoch, expected.curve)
    assert training.facts == {**expected.facts, "resumed_after_epochs": "1"}
    assert not (tmp_path / "model/checkpoints").exists()


def test_a_checkpoint_that_was_cut_off_is_not_gone_on_from(base: Path, whole: Path, tmp_path: Path) -> None:
    killed(base, tmp_path / "model", 4 * STEPS, during_save=True)
    half = tmp_path / f"model/checkpoints/checkpoint-{4 * STEPS}"
    assert (half / "optimizer.pt").read_bytes() == b"half of it"
    assert whole_ones(tmp_path / "model") == [f"checkpoint-{3 * STEPS}"]
    training = train(base, tmp_path / "model", **SETTINGS)
    assert training.facts["resumed_after_epochs"] == "3"
    assert weights(tmp_path / "model") == weights(whole)


def test_it_goes_on_with_every_way_of_training_and_without_dev(base: Path, tmp_path: Path) -> None:
    ways = {"sampling": "balanced", "layer_decay": 0.5, "gradient_accumulation": 2, "label_smoothing": 0.1}
    killed(base, tmp_path / "model", 4, dev=False, **ways)
    train(base, tmp_path / "model", dev=[], **SETTINGS, **ways)
    train(base, tmp_path / "whole", dev=[], **SETTINGS, **ways)
    assert read_training(tmp_path / "model").facts["resumed_after_epochs"] == "1"
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")


def test_the_time_before_the_kill_is_counted(base: Path, cut: Path, tmp_path: Path) -> None:
    shutil.copytree(cut, tmp_path / "model")
    mark = tmp_path / f"model/checkpoints/checkpoint-{STEPS}/whole.json"
    before = json.loads(mark.read_text())
    assert before["train_s"] > 0
    mark.write_text(json.dumps(before | {"train_s": 1000.0}))
    assert 1000 < train(base, tmp_path / "model", **SETTINGS).train_s < 1100


def test_it_goes_on_after_a_second_kill_and_after_ctrl_c(
    base: Path, whole: Path, cut: Path, tmp_path: Path
) -> None:
    def ctrl_c(step: int, _all: int) -> None:
        if step == 3 * STEPS + 2:
            raise KeyboardInterrupt

    shutil.copytree(cut, tmp_path / "model")
    killed(base, tmp_path / "model", 2 * STEPS + 2)
    with pytest.raises(KeyboardInterrupt):
        train(base, tmp_path / "model", progress=ctrl_c, **SETTINGS)
    training = train(base, tmp_path / "model", **SETTINGS)
    assert weights(tmp_path / "model") == weights(whole)
    assert training.facts["resumed_after_epochs"] == "1, 2, 3"


@pytest.mark.parametrize("changed", ["seed", "settings", "data"])
def test_checkpoints_of_another_training_are_not_gone_on_from(
    base: Path, cut: Path, tmp_path: Path, changed: str
) -> None:
    shutil.copytree(cut, tmp_path / "model")
    other: dict[str, object] = {
        "seed": {"seed": 2},
        "settings": {"learning_rate": 9e-3},
        "data": {"dev": DEV[1:]},
    }[changed]
    assert "resumed_after_epochs" not in train(base, tmp_path / "model", **SETTINGS, **other).facts
    train(base, tmp_path / "anew", **SETTINGS, **other)
    assert weights(tmp_path / "model") == weights(tmp_path / "anew")


def test_a_folder_that_was_moved_still_has_its_best_epoch(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dev answers that contradict train: the first epoch is the best, and its weights lie in the other checkpoint.
    golds = [DEV[1].gold, DEV[2].gold, DEV[0].gold]
    contrary = [type(row)(id=row.id, text=row.text, gold=gold) for row, gold in zip(DEV, golds, strict=True)]
    seen: list[int] = []

    def stop(step: int, _all: int) -> None:
        seen.append(step)
        if step == 3 * STEPS + 1:
            raise KeyboardInterrupt

    settings = SETTINGS | {"dropout": 0.0}
    with pytest.raises(KeyboardInterrupt):
        train(base, tmp_path / "model", dev=contrary, progress=stop, **settings)
    left = {folder.name: folder for folder in (tmp_path / "model/checkpoints").iterdir()}
    assert len(left) == 2
    assert sum((folder / "optimizer.pt").exists() for folder in left.values()) == 1
    (tmp_path / "model").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    training = train(base, Path("moved"), dev=contrary, **settings)
    expected = train(base, tmp_path / "whole", dev=contrary, **settings)
    assert training.best_epoch == expected.best_epoch < 3
    assert weights(tmp_path / "moved") == weights(tmp_path / "whole")


def test_at_most_two_checkpoints_lie_on_the_disk_while_an_epoch_runs(base: Path, tmp_path: Path) -> None:
    counts = set()

    def look(_done: int, _all: int) -> None:
        counts.add(len(list((tmp_path / "model").glob("checkpoints/*"))))

    train(base, tmp_path / "model", progress=look, **SETTINGS)
    assert counts <= {0, 1, 2}
    assert counts >= {0, 1}


def test_a_training_that_fails_for_good_leaves_no_checkpoint(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="diverged"):
        train(base, tmp_path / "model", learning_rate=1e30, precision="float32", dev=[])
    assert not (tmp_path / "model/checkpoints").exists()


def test_a_training_that_diverges_in_several_processes_is_cleared_away_by_the_first_alone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classifiers.fine_tuning.is_first", lambda: False)
    with pytest.raises(ClassifierError, match="diverged"):
        train(base, tmp_path / "model", learning_rate=1e30, precision="float32", dev=[])
    assert whole_ones(tmp_path / "model")


@pytest.mark.parametrize(
    "error", [RuntimeError("a peer closed the connection"), ValueError("a bug")], ids=str
)
def test_a_training_that_breaks_off_with_any_error_keeps_its_checkpoints(
    base: Path, whole: Path, tmp_path: Path, error: Exception
) -> None:
    def break_off(step: int, _all: int) -> None:
        if step == STEPS + 2:
            raise error

    with pytest.raises(type(error), match=str(error)):
        train(base, tmp_path / "model", progress=break_off, **SETTINGS)
    assert whole_ones(tmp_path / "model") == [f"checkpoint-{STEPS}"]
    assert train(base, tmp_path / "model", **SETTINGS).facts["resumed_after_epochs"] == "1"
    assert weights(tmp_path / "model") == weights(whole)


def test_a_training_without_enough_memory_names_the_cures_and_can_go_on(
    base: Path, whole: Path, tmp_path: Path
) -> None:
    def take_a_pebibyte(step: int, _all: int) -> None:
        if step == STEPS + 2:
            torch.empty(2**50, dtype=torch.uint8)

    with pytest.raises(
        ClassifierError,
        match=r"needs more memory than .*threads has \(RuntimeError\(.*allocate memory.*\)\): lower batch_size = 4 and raise "
        r"gradient_accumulation = 1 as much, set gradient_checkpointing = true, or lower max_length = 16$",
    ):
        train(base, tmp_path / "model", progress=take_a_pebibyte, **SETTINGS)
    assert whole_ones(tmp_path / "model") == [f"checkpoint-{STEPS}"]
    assert train(base, tmp_path / "model", **SETTINGS).facts["resumed_after_epochs"] == "1"
    assert weights(tmp_path / "model") == weights(whole)


def test_checkpoints_of_another_number_of_threads_are_not_gone_on_from(
    base: Path, cut: Path, tmp_path: Path
) -> None:
    shutil.copytree(cut, tmp_path / "model")
    torch.set_num_threads(2)
    try:
        assert "resumed_after_epochs" not in train(base, tmp_path / "model", **SETTINGS).facts
    finally:
        torch.set_num_threads(1)


def test_checkpoints_of_another_gpu_are_not_gone_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, identity = torch.device("cuda:0"), {"seed": 1}
    recipes = []
    for name in ("NVIDIA H100", "NVIDIA H200", "NVIDIA H100"):
        monkeypatch.setattr("torch.cuda.get_device_name", lambda _device, name=name: name)
        recipes.append(recipe_sha256(identity, gpu))
    assert recipes[0] == recipes[2] != recipes[1]


def test_with_room_made_on_the_disk_it_goes_on(base: Path, whole: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits the size of files, which Windows cannot")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = int((whole / "model.safetensors").stat().st_size * 1.5)  # the optimizer's state takes twice that

    def fill_up(step: int, _all: int) -> None:
        if step == STEPS + 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))

    try:
        with pytest.raises(ConfigError, match=r"cannot be written to .*; make room there"):
            train(base, tmp_path / "model", progress=fill_up, **SETTINGS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert train(base, tmp_path / "model", **SETTINGS).facts["resumed_after_epochs"] == "1"
    assert weights(tmp_path / "model") == weights(whole)


def test_a_checkpoint_is_whole_only_with_its_mark_and_all_its_bytes(tmp_path: Path) -> None:
    kept = Checkpoints(folder=tmp_path, recipe="a")
    for step in (3, 6):
        kept.step(step).mkdir()
        (kept.step(step) / "optimizer.pt").write_bytes(b"state")
        (kept.step(step) / "model.safetensors").write_bytes(b"weights")
    assert kept.last() is None
    kept.keep(6, 3, train_s=1.5, resumed_after=(1,))
    last = kept.last()
    assert last is not None
    assert (last.folder, last.train_s, last.resumed_after) == (kept.step(6), 1.5, (1,))
    assert [file.name for file in kept.step(3).iterdir()] == ["model.safetensors"]
    assert Checkpoints(folder=tmp_path, recipe="b").last() is None
    (kept.step(6) / "optimizer.pt").write_bytes(b"")  # as after a power cut
    assert kept.last() is None


def test_a_killed_compare_goes_on_with_its_training(base: Path, tmp_path: Path) -> None:
    rows = [f"{example.text},{example.gold[0]},{example.gold[1]}\n" for example in TRAIN]
    (tmp_path / "train.csv").write_text("text,one,two\n" + "".join(rows))
    tests = [f"{example.text},{example.gold[0]},{example.gold[1]}\n" for example in DEV]
    (tmp_path / "test.csv").write_text("text,one,two\n" + "".join(tests))
    (tmp_path / "experiment.toml").write_text(
        'name = "cut"\nseed = 1\n[data]\ntrain = "train.csv"\ntest = "test.csv"\ngold = ["one", "two"]\n'
        f'[classifiers.tiny]\nkind = "bert"\nbase = "{base}"\nepochs = 25\nbatch_size = 4\ndevice = "cpu"\n'
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        command("compare"), cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        until = time.monotonic() + 60
        while not list(tmp_path.glob("runs/*/classifiers/tiny/model/checkpoints/*/whole.json")):
            assert running.poll() is None, running.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.005)
    finally:
        running.kill()
        running.communicate()
    (run,) = tmp_path.glob("runs/*")
    model = run / "classifiers/tiny/model"
    assert not (model / "training.json").exists()
    assert harness("compare", "--resume", run, cwd=tmp_path, env=environment).code == 0
    assert "resumed_after_epochs" in read_training(model).facts
    assert (run / "report.html").exists()
    train(base, tmp_path / "whole", dev=[], epochs=25, learning_rate=2e-5, max_length=256)
    assert weights(model) == weights(tmp_path / "whole")
