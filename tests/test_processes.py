"""Several processes train one model: over loopback on the CPU, as they would on several GPUs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from classifiers.encoders import sha256_of
from classifiers.fine_tuning import _working_precision
from classifiers.settings import BertSettings
from classifiers.training_record import read_training
from prompts.errors import ClassifierError
from tests.command import harness
from tests.tiny_encoders import make_encoder, one_thread
from tests.tiny_training import DEV, TRAIN, WORDS, train

EXPERIMENT = """
name = "two"
[data]
train = "train.csv"
test = "test.csv"
gold = ["one", "two"]
[classifiers.tfidf]
kind = "baseline"
[classifiers.tiny]
kind = "bert"
base = "BASE"
epochs = 2
batch_size = 4
device = "cpu"
"""
SHARED: dict[str, object] = {
    "examples": TRAIN[:16],  # four whole batches, so that no row is repeated to fill the last
    "sampling": "balanced",  # its draws are the same for any number of processes
    "dropout": 0.0,
    "precision": "float32",
    "learning_rate": 1e-3,
}
TOGETHER = """
import sys
from pathlib import Path
from tests.test_processes import SHARED
from tests.tiny_training import train
train(Path(sys.argv[1]), Path(sys.argv[2]), **SHARED)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("bert") / "base", WORDS)


def together(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in two processes that know of each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python"]
    return subprocess.run(
        [*launch, "--master-addr", "127.0.0.1", "--master-port", str(port), sys.executable, *command],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


def test_two_processes_learn_what_one_does(base: Path, tmp_path: Path) -> None:
    done = together("-c", TOGETHER, base, tmp_path / "two", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with one_thread():
        train(base, tmp_path / "one", **SHARED)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, expected in one.items():
        if not name.endswith("key.bias"):  # its gradient is 0 but for rounding, which Adam scales up to 1
            torch.testing.assert_close(two[name], expected, rtol=1e-3, atol=2e-5, msg=name)
    ours, theirs = read_training(tmp_path / "one"), read_training(tmp_path / "two")
    assert theirs.facts == {**ours.facts, "processes": 2}
    assert theirs.best_epoch == ours.best_epoch
    for row, other in zip(ours.curve, theirs.curve, strict=True):
        assert other["train_loss"] == pytest.approx(row["train_loss"], rel=1e-4)


def test_harness_train_in_two_processes_makes_one_run_that_compare_takes_over(
    base: Path, tmp_path: Path
) -> None:
    for split, examples in {"train": TRAIN, "test": DEV}.items():
        rows = [f"{example.text},{example.gold[0]},{example.gold[1]}\n" for example in examples]
        (tmp_path / f"{split}.csv").write_text("text,one,two\n" + "".join(rows))
    (tmp_path / "experiment.toml").write_text(EXPERIMENT.replace("BASE", str(base)))
    done = together("-c", "from harness.cli import main; main()", "train", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("runs/*")
    assert done.stdout.count("tiny: trained on 18 examples") == 1
    assert done.stdout.count("Trained: ") == 1
    assert read_training(run / "classifiers/tiny/model").facts["processes"] == 2
    said = harness("compare", cwd=tmp_path)
    assert said.code == 0
    assert f"tiny: trained weights taken from run {run.name}" in said.out
    assert (
        len({sha256_of(path) for path in tmp_path.glob("runs/*/classifiers/tiny/model/model.safetensors")})
        == 1
    )


def test_a_batch_that_cannot_be_shared_is_said(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.TrainingArguments.world_size", 3)
    with pytest.raises(
        ClassifierError, match=r"batch_size = 4 cannot be shared by 3 processes.*multiple of 3"
    ):
        train(base, tmp_path / "model")


def test_several_processes_are_not_let_to_compare(tmp_path: Path) -> None:
    said = harness("compare", cwd=tmp_path, env={"WORLD_SIZE": "2", "RANK": "0"})
    assert said.code == 2
    assert "can only train" in said.err
    assert list(tmp_path.iterdir()) == []


def test_every_process_tries_the_number_format_on_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    class TriedError(Exception):
        pass

    class Model:
        def forward(self) -> None: ...

        def to(self, device: torch.device) -> None:
            raise TriedError(str(device))

    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    settings = BertSettings(kind="bert", base="some", precision="bfloat16")
    gpu = torch.device("cuda:0")
    for processes, rank, own in [("1", "0", "cuda:0"), ("2", "0", "cuda:0"), ("2", "1", "cuda:1")]:
        monkeypatch.setenv("WORLD_SIZE", processes)
        monkeypatch.setenv("LOCAL_RANK", rank)
        with pytest.raises(TriedError, match=f"^{own}$"):
            _working_precision(settings, Model(), {}, gpu)
