from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from classifiers import engines, onnx_export
from classifiers.engines import Batch, Engine, EngineName, open_engine
from classifiers.onnx_export import exported, quantized
from classifiers.transformer_models import quiet
from prompts.errors import ClassifierError
from tests.tiny_encoders import make_encoder, one_thread

WORDS = ["blocks", "cars", "memo", "new", "fast", "daily"]
# Beside bert, which the other tests use: other positions, another attention, other inputs. An export takes
# seconds, so the nearer relatives are left out.
ARCHITECTURES = ["xlm-roberta", "deberta-v2", "modernbert"]
OTHERS: list[EngineName] = ["onnx", "onnx-int8", "openvino"]
# Of the largest logit, by how much an engine may differ: the formats have 24, about 7 and 8 bits.
TOLERANCE = {"float32": 1e-5, "int8": 0.06, "bfloat16": 0.04}


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def save_model(folder: Path, architecture: str = "bert", seed: int = 3, *, layers: int = 1) -> Path:
    make_encoder(folder, WORDS, architecture, layers)
    config = AutoConfig.from_pretrained(folder)
    config.id2label = dict(enumerate(["Puzzle", "Racing", "Notes"]))
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_config(config)
        for weights in (p for name, p in model.named_parameters() if name.startswith("classifier")):
            torch.nn.init.normal_(weights)  # of a size that differences show against
        model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("engines") / "model")


def batch(texts: int, tokens: int) -> Batch:
    rng = np.random.default_rng(texts * 100 + tokens)
    mask = np.ones((texts, tokens), dtype=np.int64)
    mask[texts // 2 :, (tokens + 1) // 2 :] = 0
    ids = np.where(mask == 1, rng.integers(5, 11, (texts, tokens)), 0)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def opened(name: EngineName, folder: Path, **options: str) -> Engine:
    return open_engine(name, folder, **({"device": "cpu", "precision": "float32"} | options))


def check_against_torch(folder: Path, name: EngineName) -> None:
    engine, reference = opened(name, folder), opened("torch", folder)
    for texts, tokens in ((1, 3), (3, 20), (5, 31), (7, 2), (1, 32)):
        expected = reference.logits(batch(texts, tokens))
        got = engine.logits(batch(texts, tokens))
        assert got.shape == expected.shape
        assert got.dtype == np.float32
        assert np.abs(got - expected).max() < TOLERANCE[engine.precision] * np.abs(expected).max()


@pytest.mark.parametrize("name", OTHERS)
def test_an_engine_gives_the_logits_of_torch_for_batches_of_any_shape(folder: Path, name: EngineName) -> None:
    check_against_torch(folder, name)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_runs_in_every_engine(architecture: str, tmp_path: Path) -> None:
    save_model(tmp_path / "model", architecture)
    for name in OTHERS:
        check_against_torch(tmp_path / "model", name)


def test_int8_really_multiplies_in_int8_except_in_the_last_layer(folder: Path) -> None:
    import onnx

    nodes = onnx.load(quantized(folder), load_external_data=False).graph.node
    kinds = [node.op_type for node in nodes]
    # A layer of bert: query, key and value as one, the attention's output, the feed-forward's first; its second,
    # which halves the width, is in two pieces.
    assert kinds.count("MatMulIntegerToFloat") == 5
    before_output = [node.op_type for node in nodes if onnx_export.OUTPUT in node.output]
    assert before_output == ["Gemm"]


def test_int8_says_the_same_of_a_text_whatever_is_in_its_batch(folder: Path) -> None:
    engine = opened("onnx-int8", folder)
    whole = batch(6, 12)
    together = engine.logits(whole)
    for row in range(6):
        tokens = int(whole["attention_mask"][row].sum())  # on its own it is not padded
        alone = engine.logits({name: values[row : row + 1, :tokens] for name, values in whole.items()})
        # What a last digit of float32 decides on its way may be a step of 1/255 elsewhere.
        assert np.abs(alone[0] - together[row]).max() < 0.003 * np.abs(together).max()


def test_a_graph_is_written_once(folder: Path) -> None:
    for write in (exported, quantized):
        first = write(folder)
        written = first.stat().st_mtime_ns
        assert write(folder) == first
        assert first.stat().st_mtime_ns == written


def test_other_weights_get_graphs_of_their_own_without_a_word(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    exported(folder)
    copy = shutil.copytree(folder, tmp_path / "model")
    first = exported(copy)
    before = opened("onnx", copy).logits(batch(2, 5))
    save_model(copy, seed=4)
    capfd.readouterr()
    state = torch.random.get_rng_state()
    quantized(copy)
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.random.get_rng_state(), state)
    check_against_torch(copy, "onnx")
    assert not np.allclose(before, opened("onnx", copy).logits(batch(2, 5)), atol=0.01)
    assert not first.exists()  # the graph of weights that are gone only takes room


def test_an_export_that_was_killed_leaves_nothing_that_is_taken_for_a_graph(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(folder, tmp_path / "model", ignore=shutil.ignore_patterns("onnx"))

    def dies(_folder: Path, file: Path) -> None:
        file.write_bytes(b"half a graph")
        os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:
        monkeypatch.setattr(onnx_export, "_export", dies)
        exported(copy)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert [file.read_bytes() for file in (copy / "onnx").rglob("model.onnx")] == [b"half a graph"]
    monkeypatch.setattr(onnx_export, "_export", lambda _, file: file.write_bytes(b"a whole graph"))
    assert exported(copy).read_bytes() == b"a whole graph"
    assert [file.read_bytes() for file in (copy / "onnx").rglob("model.onnx")] == [b"a whole graph"]


def test_a_model_that_cannot_be_exported_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import BertForSequenceClassification

    def untraceable(_self: object, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> None:
        if input_ids.sum().item() > attention_mask.sum().item():  # which way it goes depends on the data
            raise AssertionError

    save_model(tmp_path / "model")
    monkeypatch.setattr(BertForSequenceClassification, "forward", untraceable)
    with pytest.raises(ClassifierError, match=r"cannot be exported to ONNX .*set engine = 'torch'"):
        exported(tmp_path / "model")
    assert not list((tmp_path / "model" / "onnx").rglob("float32-*"))


@pytest.mark.parametrize(
    ("name", "lacking", "extra"),
    [
        ("onnx", "onnxruntime", "onnx"),
        ("onnx-int8", "onnxscript", "onnx"),
        ("openvino", "openvino", "openvino"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    folder: Path, name: EngineName, lacking: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = engines.find_spec
    monkeypatch.setattr(engines, "find_spec", lambda package: None if package == lacking else known(package))
    with pytest.raises(ClassifierError) as raised:
        opened(name, folder)
    assert str(raised.value) == (
        f'engine = {name!r} needs {lacking}, not installed here: pip install "llm-vs-bert[{extra}]"'
    )


@pytest.mark.parametrize("name", OTHERS)
def test_an_engine_of_the_cpu_refuses_a_gpu(folder: Path, name: EngineName) -> None:
    with pytest.raises(
        ClassifierError, match=rf"engine = '{name}' runs on the CPU alone, and device = 'cuda:0'"
    ):
        opened(name, folder, device="cuda:0")


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2", "modernbert"])
def test_in_bfloat16_the_sums_over_the_layers_stay_exact(architecture: str, tmp_path: Path) -> None:
    engine = opened("torch", save_model(tmp_path / "model", architecture, layers=2), precision="bfloat16")
    model = engine._model  # type: ignore[attr-defined]  # of the torch engine
    between, products = [], []
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.register_forward_pre_hook(lambda _module, inputs: between.append(inputs[0].dtype))
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda _module, _inputs, output: products.append(output.dtype))
    engine.logits(batch(4, 20))
    assert between.count(torch.float32) >= 4  # ModernBERT's head has one behind a product, too
    assert products[-1] == torch.float32  # the logits
    assert products.count(torch.bfloat16) >= 8


def test_an_architecture_that_fails_in_half_precision_is_left_in_float32_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_model(tmp_path / "model", "deberta")
    monkeypatch.setattr(
        "classifiers.torch_engine.choose_precision",
        lambda wanted, _device: "bfloat16" if wanted == "auto" else wanted,
    )
    engine = opened("torch", folder, precision="auto")
    assert engine.precision == "float32"
    expected = opened("torch", folder, precision="float32").logits(batch(3, 20))
    assert np.array_equal(engine.logits(batch(3, 20)), expected)
    with pytest.raises(ClassifierError, match=r"does not run in bfloat16 .* set precision = 'float32'"):
        opened("torch", folder, precision="bfloat16").logits(batch(3, 20))


def test_a_folder_without_a_model_is_refused_by_every_engine(tmp_path: Path) -> None:
    for name in OTHERS:
        with pytest.raises(ClassifierError, match="holds no trained model"):
            opened(name, tmp_path)


def test_openvino_reports_nothing_to_its_maker(folder: Path) -> None:
    exported(folder)
    code = (
        "import sys\nfrom pathlib import Path\nfrom classifiers.engines import open_engine\n"
        "open_engine('openvino', Path(sys.argv[1]), device='cpu', precision='auto')\n"
        "print(json.dumps([name for name in sys.modules if 'telemetry' in name]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import json\n{code}", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = json.loads(done.stdout)
    assert "openvino.tools.ovc.telemetry_stub" in loaded
    assert not [name for name in loaded if name.startswith("openvino_telemetry")]
