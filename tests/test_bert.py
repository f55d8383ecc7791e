from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from classifiers.bert import WINDOW, BertClassifier
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy
from tests.tiny_encoders import POSITIONS, make_encoder, one_thread, open_bert

TAXONOMY = Taxonomy.from_paths([("Play", "Puzzle"), ("Play", "Racing"), ("Work", "Notes")])
WORDS = ["blocks", "cars", "memo", "new", "fast", "daily"]


def save_model(folder: Path, labels: list[str], architecture: str = "bert") -> Path:
    make_encoder(folder, WORDS, architecture)
    config = AutoConfig.from_pretrained(folder)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("bert") / "model", ["Puzzle", "Racing", "Notes"])


def classifier(folder: Path, **options: object) -> BertClassifier:
    return open_bert(TAXONOMY, folder, **({"precision": "float32"} | options))


def scores_by_index(folder: Path, texts: list[str], **options: object) -> list[list[float]]:
    answers = {p.index: p for p in classifier(folder, **options).classify(texts)}
    return [list(answers[i].scores[-1].values()) for i in range(len(texts))]


TEXTS = ["blocks", "cars fast new", "memo daily " * 6, "", "unheard words", "cars", "new " * 14]


def test_scores_equal_those_of_transformers_one_text_at_a_time(folder: Path) -> None:
    from transformers import AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, scores in zip(TEXTS, scores_by_index(folder, TEXTS), strict=True):
        with torch.inference_mode():
            logits = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=32)).logits
        assert scores == pytest.approx(logits.softmax(-1)[0].tolist(), abs=1e-5)


def test_how_texts_are_batched_changes_no_score(folder: Path) -> None:
    one_by_one = scores_by_index(folder, TEXTS, batch_tokens=1)
    together = scores_by_index(folder, TEXTS, batch_tokens=10_000)
    for alone, batched in zip(one_by_one, together, strict=True):
        assert alone == pytest.approx(batched, abs=1e-5)


def test_bfloat16_stays_close_to_float32(folder: Path) -> None:
    for exact, rough in zip(
        scores_by_index(folder, TEXTS), scores_by_index(folder, TEXTS, precision="bfloat16"), strict=True
    ):
        assert exact == pytest.approx(rough, abs=0.02)


def test_labels_are_matched_by_name_not_by_position(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model", ["Puzzle", "Racing", "Notes"])
    (before,) = classifier(folder).classify(["cars fast"])
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["id2label"] = {"0": "Notes", "1": "Puzzle", "2": "Racing"}
    config["label2id"] = {"Notes": 0, "Puzzle": 1, "Racing": 2}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (after,) = classifier(folder).classify(["cars fast"])
    assert after.scores[-1]["Notes"] == pytest.approx(before.scores[-1]["Puzzle"])


def test_a_model_with_other_labels_is_refused_by_name(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model", ["Puzzle", "Racing", "Sport"])
    with pytest.raises(ClassifierError, match=r"lacks \['Notes'\] and has \['Sport'\]"):
        classifier(folder)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="no trained model"):
        classifier(tmp_path)


def test_facts_count_texts_cut_and_unknown_tokens(folder: Path) -> None:
    tiny = classifier(folder, max_length=6)
    list(tiny.classify(["cars fast", "new new new new new", "花 cars", "fast fast"]))
    facts = tiny.facts
    assert facts["texts"] == 4
    assert facts["cut_share"] == 1 / 4
    assert facts["unknown_token_share"] == pytest.approx(1 / (2 + 4 + 2 + 2))
    assert facts["device"].endswith("threads")


def test_facts_of_an_unused_classifier_leave_the_shares_open(folder: Path) -> None:
    assert classifier(folder).facts["cut_share"] is None


def test_a_length_beyond_the_positions_is_clipped_in_the_identity(folder: Path) -> None:
    assert classifier(folder, max_length=4096).identity["max_length"] == POSITIONS


@pytest.mark.parametrize("architecture", ["roberta", "xlm-roberta"])
def test_positions_that_start_behind_the_padding_are_counted(architecture: str, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model", ["Puzzle", "Racing", "Notes"], architecture)
    tiny = classifier(folder, max_length=4096)
    assert tiny.identity["max_length"] == POSITIONS
    assert len(list(tiny.classify(["cars " * 100]))) == 1


def test_identity_knows_the_weights_the_tokenizer_and_the_precision(folder: Path, tmp_path: Path) -> None:
    same = classifier(folder, batch_tokens=7).identity
    assert same == classifier(folder).identity
    assert same != classifier(folder, precision="bfloat16").identity
    assert same != classifier(folder, max_length=8).identity
    other = save_model(tmp_path / "model", ["Puzzle", "Racing", "Notes"], "roberta")
    assert same["weights_sha256"] != classifier(other).identity["weights_sha256"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that the message misses")
def test_a_gpu_that_is_not_there_is_refused_with_the_cure(folder: Path) -> None:
    with pytest.raises(ClassifierError, match=r"no CUDA GPU.*device = 'auto'"):
        classifier(folder, device="cuda:0")


def test_a_device_that_does_not_exist_is_refused(folder: Path) -> None:
    with pytest.raises(ClassifierError, match="'gpu' is not a device"):
        classifier(folder, device="gpu")


def test_float16_on_a_cpu_is_refused(folder: Path) -> None:
    with pytest.raises(ClassifierError, match="needs a GPU"):
        classifier(folder, precision="float16")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU; this machine has none")
def test_a_gpu_gives_the_scores_of_the_cpu(folder: Path) -> None:
    for cpu, gpu in zip(
        scores_by_index(folder, TEXTS), scores_by_index(folder, TEXTS, device="cuda:0"), strict=True
    ):
        assert cpu == pytest.approx(gpu, abs=1e-3)


def test_answers_come_before_all_texts_are_read(folder: Path) -> None:
    tiny = classifier(folder)
    next(tiny.classify(["cars"] * (10 * WINDOW)))
    assert tiny.facts["texts"] == WINDOW


def test_memory_stays_flat_over_many_texts(folder: Path) -> None:
    tiny = classifier(folder, batch_tokens=65536)
    process = psutil.Process()
    peaks = []
    for i, _ in enumerate(tiny.classify(["cars fast new daily memo"] * (24 * WINDOW))):
        if i % WINDOW == 0:
            peaks.append(process.memory_info().rss)
    assert max(peaks[4:]) - peaks[3] < 30e6


def test_latency_of_a_batch_covers_every_text_in_it(folder: Path) -> None:
    predictions = list(classifier(folder, batch_tokens=10_000).classify(["cars"] * 50))
    assert len({prediction.latency_s for prediction in predictions}) == 1
    assert all(math.isfinite(prediction.latency_s) for prediction in predictions)
