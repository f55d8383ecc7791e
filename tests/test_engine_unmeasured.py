from __future__ import annotations

import pytest

from classifiers import engines
from classifiers.bert import BertClassifier
from classifiers.contract import Example
from classifiers.engine_choice import Candidate, Choice, candidates, choose, unmeasured
from classifiers.engines import Engine
from classifiers.settings import BertSettings

SETTINGS = BertSettings(kind="bert", base="tiny", device="cpu")
TORCH, INT8, OPENVINO = (
    Candidate(engine="torch", precision="float32"),
    Candidate(engine="onnx-int8"),
    Candidate(engine="openvino"),
)
DEV = [Example(id=str(i), text=f"text {i}", gold=("Notes",)) for i in range(40)]


def test_without_dev_texts_torch_answers_in_float32_or_as_told() -> None:
    assert unmeasured(SETTINGS, "there are no dev texts") == Choice(
        chosen=TORCH, reason="torch float32, as there are no dev texts"
    )
    told = SETTINGS.model_copy(update={"precision": "bfloat16"})
    assert unmeasured(told, "so").chosen == Candidate(engine="torch", precision="bfloat16")


def chosen_unopened(dev: list[Example], tried: list[Candidate]) -> Choice:
    def opened(candidate: Candidate) -> Engine:
        raise AssertionError(candidate)

    def answer_with(_engine: Engine) -> BertClassifier:
        raise AssertionError

    return choose(
        dev, tried, open_engine=opened, answer_with=answer_with, progress=lambda _done, _total: None
    )


@pytest.mark.parametrize(
    ("texts", "words"), [(1, "1 dev text is"), (29, "29 dev texts are")], ids=["one", "many"]
)
def test_on_too_few_dev_texts_no_engine_is_opened(texts: int, words: str) -> None:
    choice = chosen_unopened(DEV[:texts], [TORCH, INT8])
    assert choice.reason == f"torch float32, as {words} too few to compare engines on: 30 are needed"
    assert (choice.chosen, choice.texts, choice.trials, choice.took_s) == (TORCH, 0, (), None)


def test_on_too_few_dev_texts_a_stated_precision_is_taken() -> None:
    told = SETTINGS.model_copy(update={"precision": "bfloat16"})
    choice = chosen_unopened(DEV[:3], candidates(told))
    assert choice.chosen == Candidate(engine="torch", precision="bfloat16")
    assert choice.reason.startswith("torch bfloat16, as 3 dev texts")


def test_where_no_other_engine_is_installed_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _package: None)
    choice = chosen_unopened(DEV, [TORCH, INT8, OPENVINO])
    assert choice.reason == "torch float32, as no other engine is installed"
    assert {one.candidate: (one.rejected or "").partition(",")[0] for one in choice.trials} == {
        INT8: "engine = 'onnx-int8' needs onnx and onnxscript and onnxruntime",
        OPENVINO: "engine = 'openvino' needs onnx and onnxscript and openvino",
    }


def test_where_a_device_has_one_candidate_nothing_is_measured() -> None:
    choice = chosen_unopened(DEV, [TORCH])
    assert (choice.reason, choice.trials) == ("torch float32, as nothing else runs on this device", ())


def test_where_a_precision_leaves_one_candidate_the_reason_says_so() -> None:
    stated = Candidate(engine="torch", precision="float32", stated=True)
    choice = chosen_unopened(DEV, [stated])
    assert choice.chosen == stated
    assert choice.reason == (
        "torch float32, as precision = 'float32' is set and no other engine runs on this device"
    )
