from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from classifiers import engine_choice, engine_trials
from classifiers.bert import BertClassifier
from classifiers.contract import Example, Scalar
from classifiers.devices import choose_device, choose_precision
from classifiers.engine_choice import (
    Candidate,
    Choice,
    candidates,
    choose,
    unmeasured,
)
from classifiers.engines import Batch, Engine, EngineName, OutOfMemory, open_engine
from classifiers.onnx_export import quantized
from classifiers.settings import BertSettings
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy
from tests.test_engines import save_model
from tests.tiny_encoders import one_thread

TAXONOMY = Taxonomy.flat(["Puzzle", "Racing", "Notes"])
WORDS = ["blocks", "cars", "memo", "new", "fast", "daily"]
TEXTS = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS]  # 216
SETTINGS = BertSettings(kind="bert", base="tiny", device="cpu")
TORCH, INT8, OPENVINO = (
    Candidate(engine="torch", precision="float32"),
    Candidate(engine="onnx-int8"),
    Candidate(engine="openvino"),
)


class Clock:
    """Goes on only where an engine says so, so that what is fast does not depend on this machine."""

    now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s


CLOCK = Clock()


class Altered:
    """Answers as the model does but for some batches, and takes its time.

    Every text is a batch of its own, so `wrong` counts texts.
    """

    precision = "by hand"
    device = "by hand"
    batch_tokens = 1

    def __init__(self, name: EngineName, engine: Engine, *, wrong: int = 0, takes_s: float = 0.0) -> None:
        self.name = name
        self._engine, self._wrong, self._takes_s = engine, wrong, takes_s
        self._altered: dict[bytes, bool] = {}

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        CLOCK.now_s += self._takes_s
        logits = self._engine.logits(batch)
        known = batch["input_ids"].tobytes()
        # The texts of a batch of a text differ, so the first `wrong` ones that it meets are the same in a pass.
        altered = self._altered.setdefault(known, len(self._altered) < self._wrong)
        return -logits if altered else logits


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (engine_choice, engine_trials):
        monkeypatch.setattr(module, "time", CLOCK)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_model(tmp_path_factory.mktemp("choice") / "model")
    quantized(folder)  # once for all tests: an export takes seconds
    return folder


@pytest.fixture(scope="module")
def in_torch(folder: Path) -> Engine:
    return open_engine("torch", folder, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def dev(folder: Path, in_torch: Engine) -> list[Example]:
    """Texts whose gold label is what torch float32 answers, but for every third."""
    answers = {answer.index: answer.path for answer in classifier(folder, in_torch).classify(TEXTS)}
    return [
        Example(id=str(i), text=text, gold=answers[i] if i % 3 else ("nothing",))
        for i, text in enumerate(TEXTS)
    ]


def classifier(folder: Path, engine: Engine) -> BertClassifier:
    return BertClassifier("tiny", TAXONOMY, folder, engine, max_length=16)


def chosen_among(folder: Path, dev: list[Example], engines: Mapping[Candidate, Engine | str]) -> Choice:
    def opened(candidate: Candidate) -> Engine:
        engine = engines[candidate]
        if isinstance(engine, str):
            raise ClassifierError(engine)
        return engine

    return choose(
        dev,
        list(engines),
        open_engine=opened,
        answer_with=lambda engine: classifier(folder, engine),
        progress=lambda _done, _total: None,
    )


@pytest.mark.usefixtures("clock")
def test_the_fastest_that_answers_as_torch_float32_does_is_taken(
    folder: Path, in_torch: Engine, dev: list[Example]
) -> None:
    choice = chosen_among(
        folder,
        dev,
        {
            TORCH: Altered("torch", in_torch, takes_s=0.004),
            INT8: Altered("onnx-int8", in_torch, takes_s=0.001),
            OPENVINO: Altered("openvino", in_torch, takes_s=0.002),
        },
    )
    assert choice.chosen == INT8
    assert choice.texts == len(dev)
    assert [trial.s_per_text for trial in choice.trials] == pytest.approx([0.004, 0.001, 0.002])
    assert [trial.equal for trial in choice.trials] == [len(dev)] * 3
    assert [trial.accuracy for trial in choice.trials] == [2 / 3] * 3
    # A warm-up of 16 texts, of the first engine twice, and passes over 216 of them, each engine until 2 s are
    # over or it is the third.
    assert choice.took_s == pytest.approx(16 * 0.004 + (16 + 3 * 216) * (0.004 + 0.001 + 0.002))
    assert choice.reason == (
        "onnx-int8 (1 ms a text; torch float32 4 ms; labels equal on 216 of 216 dev texts)"
    )


@pytest.mark.usefixtures("clock")
def test_a_faster_engine_with_other_labels_is_rejected(
    folder: Path, in_torch: Engine, dev: list[Example]
) -> None:
    choice = chosen_among(
        folder,
        dev,
        {TORCH: Altered("torch", in_torch, takes_s=0.002), INT8: Altered("onnx-int8", in_torch, wrong=2)},
    )
    assert choice.chosen == TORCH
    assert choice.trials[1].equal == 214
    assert (
        choice.trials[1].rejected
        == "its labels equal those of torch float32 on 214 of 216 dev texts, 215 are needed"
    )
    assert choice.trials[1].s_per_text is not None
    assert choice.reason == "torch float32 (2 ms a text; tried beside it: onnx-int8)"


@pytest.mark.usefixtures("clock")
def test_one_other_label_passes_where_it_costs_no_accuracy(
    folder: Path, in_torch: Engine, dev: list[Example]
) -> None:
    def one_wrong() -> dict[Candidate, Engine | str]:
        return {
            TORCH: Altered("torch", in_torch, takes_s=0.002),
            INT8: Altered("onnx-int8", in_torch, wrong=1),
        }

    never_right = [Example(id=one.id, text=one.text, gold=("nothing",)) for one in dev]
    choice = chosen_among(folder, never_right, one_wrong())
    assert (choice.chosen, choice.trials[1].equal) == (INT8, 215)
    answers = {answer.index: answer.path for answer in classifier(folder, in_torch).classify(TEXTS)}
    all_right = [Example(id=one.id, text=one.text, gold=answers[i]) for i, one in enumerate(dev)]
    choice = chosen_among(folder, all_right, one_wrong())
    assert choice.chosen == TORCH
    assert choice.trials[1].rejected == "it gets 215 of 216 dev texts right, torch float32 216"


def test_what_cannot_be_opened_is_left_out_with_its_reason(
    folder: Path, in_torch: Engine, dev: list[Example]
) -> None:
    choice = chosen_among(folder, dev, {TORCH: in_torch, INT8: "not installed", OPENVINO: "no export"})
    assert choice.chosen == TORCH
    assert [trial.rejected for trial in choice.trials] == [None, "not installed", "no export"]
    assert choice.reason.endswith("no other engine could be tried)")


def test_of_many_dev_texts_some_are_taken_evenly(folder: Path, in_torch: Engine) -> None:
    many = [Example(id=str(i), text=WORDS[i // 500], gold=("Notes",)) for i in range(3000)]
    seen: list[str] = []

    class Listening(BertClassifier):
        def classify(self, texts: list[str]) -> Iterator:  # type: ignore[type-arg]
            seen[:] = texts
            return super().classify(texts)

    choice = choose(
        many,
        [TORCH, INT8],
        open_engine=lambda _: in_torch,
        answer_with=lambda engine: Listening("tiny", TAXONOMY, folder, engine),
        progress=lambda _done, _total: None,
    )
    assert choice.texts == len(seen) == engine_choice.TEXTS
    assert {word: seen.count(word) for word in WORDS} == pytest.approx(dict.fromkeys(WORDS, 256 / 6), abs=1)


def test_candidates_are_torch_float32_its_own_precision_and_the_engines_of_the_cpu() -> None:
    native = choose_precision("auto", choose_device("cpu"))
    in_torch = dict.fromkeys([TORCH, Candidate(engine="torch", precision=native)])
    others = [INT8, OPENVINO, Candidate(engine="onnx")]
    assert candidates(SETTINGS) == [*in_torch, *others]
    assert candidates(SETTINGS.model_copy(update={"precision": "float32"})) == [TORCH, *others]


@pytest.mark.parametrize(
    ("device", "has_bfloat16", "half"),
    [("cuda:0", True, "bfloat16"), ("cuda:0", False, "float16"), ("mps", False, "float16")],
)
def test_on_a_gpu_float32_is_tried_beside_the_half_precision_it_has(
    device: str, has_bfloat16: bool, half: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_choice, "choose_device", lambda _wanted: torch.device(device))
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_including: has_bfloat16)
    auto = SETTINGS.model_copy(update={"device": device})
    tried = candidates(auto)
    assert tried == [TORCH, Candidate(engine="torch", precision=half), *compiled(device, half)]
    assert not any(one.stated for one in tried)
    assert unmeasured(auto, "there are no dev texts").chosen == TORCH
    in_float32 = candidates(auto.model_copy(update={"precision": "float32"}))
    assert in_float32 == [TORCH, *compiled(device, "float32")]
    other = "bfloat16" if half == "float16" else "float16"
    told = candidates(auto.model_copy(update={"precision": other}))
    assert told == [TORCH, Candidate(engine="torch", precision=other), *compiled(device, other)]
    assert (
        unmeasured(auto.model_copy(update={"precision": other}), "there are no dev texts").chosen == told[1]
    )


def compiled(device: str, precision: str) -> list[Candidate]:
    """Only on CUDA it is tried unasked."""
    return [Candidate(engine="torch-compile", precision=precision)] if "cuda" in device else []


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("compiles_s", "pays"), [(50.0, True), (150.0, False)])
def test_compiling_is_taken_where_a_hundred_thousand_texts_win_its_time_back(
    folder: Path, in_torch: Engine, dev: list[Example], compiles_s: float, pays: bool
) -> None:
    class Compiling(Altered):
        def logits(self, batch: Batch) -> NDArray[np.float32]:
            if not self._altered:
                CLOCK.now_s += compiles_s
            return super().logits(batch)

    candidate = Candidate(engine="torch-compile", precision="float32")
    quicker = Compiling("torch-compile", in_torch, takes_s=0.001)  # by 1 ms a text: 100 s over all of them
    choice = chosen_among(folder, dev, {TORCH: Altered("torch", in_torch, takes_s=0.002), candidate: quicker})
    assert choice.chosen == (candidate if pays else TORCH)
    assert choice.trials[1].first_s == pytest.approx(compiles_s + 16 * 0.001)
    assert choice.reason == (
        "torch-compile float32 (1 ms a text after 50 s of compiling; torch float32 2 ms; "
        "labels equal on 216 of 216 dev texts)"
        if pays
        else "torch float32 (2 ms a text; tried beside it: torch-compile float32)"
    )


def test_a_processor_without_bfloat16_is_not_tried_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    assert candidates(SETTINGS) == [TORCH, INT8, OPENVINO, Candidate(engine="onnx")]


def test_thirty_dev_texts_are_enough(folder: Path, in_torch: Engine, dev: list[Example]) -> None:
    assert chosen_among(folder, dev[:30], {TORCH: in_torch, INT8: in_torch}).texts == 30


@pytest.mark.usefixtures("clock")
def test_a_stated_precision_is_said_to_concern_torch_alone(
    folder: Path, in_torch: Engine, dev: list[Example]
) -> None:
    stated = Candidate(engine="torch", precision="bfloat16", stated=True)
    slow = Altered("torch", in_torch, takes_s=0.004)
    fast = Altered("onnx-int8", in_torch, takes_s=0.001)
    by_engine = chosen_among(folder, dev, {TORCH: slow, stated: slow, INT8: fast})
    assert by_engine.reason.endswith("on 216 of 216 dev texts; precision = 'bfloat16' concerns torch alone)")
    in_half = Altered("torch", in_torch, takes_s=0.002)
    by_precision = chosen_among(folder, dev, {TORCH: slow, stated: in_half, INT8: slow})
    assert by_precision.chosen == stated
    assert "concerns" not in by_precision.reason


class Failing:
    """Runs out of something while it answers."""

    name: EngineName = "onnx"
    precision = "by hand"
    device = "by hand"
    batch_tokens = 64

    def __init__(self, exc: Exception) -> None:
        self.facts: Mapping[str, Scalar] = {}
        self._exc = exc

    def logits(self, _batch: Batch) -> NDArray[np.float32]:
        raise self._exc


@pytest.mark.parametrize(
    ("exc", "reason"),
    [
        (ClassifierError("no such operator"), "no such operator"),
        (OutOfMemory("32 MB"), "one text of 8 tokens has no room on by hand (32 MB)"),
        (MemoryError(), "out of memory"),
    ],
    ids=["refused", "no room", "no memory"],
)
def test_what_fails_while_it_answers_is_left_out_with_its_reason(
    folder: Path, in_torch: Engine, dev: list[Example], exc: Exception, reason: str
) -> None:
    choice = chosen_among(folder, dev, {TORCH: in_torch, INT8: Failing(exc)})
    assert choice.chosen == TORCH
    assert (choice.trials[1].rejected or "").startswith(reason)
