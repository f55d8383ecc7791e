from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from threading import Event

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForSequenceClassification

from classifiers import batching
from classifiers.bert import WINDOW, BertClassifier
from classifiers.engines import Batch
from classifiers.truncation import TokenisedText, Truncation
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy
from tests.tiny_encoders import POSITIONS, configs, make_encoder, one_thread, open_bert

TAXONOMY = Taxonomy.from_paths([("Play", "Puzzle"), ("Play", "Racing"), ("Work", "Notes")])
WORDS = ["blocks", "cars", "memo", "new", "fast", "daily"]


def save_model(folder: Path, labels: list[str], architecture: str = "bert", **changes: int) -> Path:
    make_encoder(folder, WORDS, architecture)
    config = AutoConfig.from_pretrained(folder, **changes)
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


@pytest.mark.parametrize("architecture", configs(vocabulary=12))
def test_how_texts_are_batched_and_padded_changes_no_score(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_model(tmp_path / "model", ["Puzzle", "Racing", "Notes"], architecture)
    together = scores_by_index(folder, TEXTS, batch_tokens=10_000)
    monkeypatch.setattr(batching, "LENGTH_STEP", 1)
    one_by_one = scores_by_index(folder, TEXTS, batch_tokens=1)
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
    assert facts["truncation"] == "head"
    assert "windows_per_text" not in facts


@pytest.mark.parametrize(("truncation", "cut"), [("head", 2), ("tail", 2), ("head_tail", 2), ("windows", 1)])
def test_the_share_of_texts_cut_is_of_those_with_tokens_no_window_has(
    truncation: Truncation, cut: int, folder: Path
) -> None:
    tiny = classifier(folder, max_length=6, truncation=truncation)
    list(tiny.classify(["cars", "new " * 4, "new " * 5, "new " * 1000]))
    assert tiny.facts["cut_share"] == cut / 4
    if truncation == "windows":
        assert tiny.facts["windows_per_text"] == (1 + 1 + 2 + 16) / 4


def test_windows_give_the_mean_of_their_probabilities(folder: Path) -> None:
    read = ["cars fast new daily", "new daily memo blocks", "memo blocks fast fast"]
    text = "cars fast new daily memo blocks fast fast"
    parts = scores_by_index(folder, read, max_length=6)
    texts = ["memo", text, "", text, "new"]
    for batch_tokens in (1, 16, 24, 1000):
        scores = scores_by_index(folder, texts, max_length=6, truncation="windows", batch_tokens=batch_tokens)
        for whole in (scores[1], scores[3]):
            assert whole == pytest.approx([sum(column) / 3 for column in zip(*parts, strict=True)], abs=1e-6)


def test_the_tail_is_what_a_text_that_begins_there_gets(folder: Path) -> None:
    (whole,) = scores_by_index(
        folder, ["cars " * 9 + "fast memo blocks new"], max_length=6, truncation="tail"
    )
    (tail,) = scores_by_index(folder, ["fast memo blocks new"], max_length=6)
    assert whole == pytest.approx(tail, abs=1e-6)


def test_facts_of_an_unused_classifier_leave_the_shares_open(folder: Path) -> None:
    assert classifier(folder).facts["cut_share"] is None


def test_warming_up_counts_in_no_fact(folder: Path) -> None:
    tiny = classifier(folder)
    before = dict(tiny.facts)
    tiny.warm_up()
    assert tiny.facts == before


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
    assert same != classifier(folder, truncation="windows").identity
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
    tiny, read = classifier(folder), Read()
    read.watch(tiny)
    answers = tiny.classify(["cars"] * (10 * WINDOW))
    next(answers)
    answers.close()  # type: ignore[attr-defined]  # of the generator that it is
    assert 1 <= read.windows <= 2
    assert tiny.facts["texts"] == 1


def test_the_next_texts_are_tokenised_while_the_engine_computes(folder: Path) -> None:
    tiny, read = classifier(folder), Read()
    read.watch(tiny)
    logits = tiny._engine.logits

    def only_once_the_next_were_begun(batch: Batch) -> NDArray[np.float32]:
        assert read.second_begun.wait(timeout=30)
        return logits(batch)

    tiny._engine.logits = only_once_the_next_were_begun  # type: ignore[method-assign]
    assert len(list(tiny.classify(["cars"] * (2 * WINDOW)))) == 2 * WINDOW
    assert read.windows == 2


class Read:
    """What a classifier tokenised."""

    def __init__(self) -> None:
        self.windows, self.second_begun = 0, Event()

    def watch(self, tiny: BertClassifier) -> None:
        tokenise = tiny._truncator.tokenise

        def counted(texts: Sequence[str]) -> list[TokenisedText]:
            self.windows += 1
            if self.windows == 2:
                self.second_begun.set()
            return tokenise(texts)

        tiny._truncator.tokenise = counted  # type: ignore[method-assign]


def test_answers_do_not_depend_on_what_was_tokenised_ahead(folder: Path) -> None:
    texts = [" ".join(["cars", "new", "memo"] * (i % 7)) for i in range(2 * WINDOW + 5)]
    tiny = classifier(folder)
    first = [(p.index, p.path, p.scores) for p in tiny.classify(texts)]
    assert first == [(p.index, p.path, p.scores) for p in tiny.classify(texts)]
    assert sorted(index for index, *_ in first) == list(range(len(texts)))
    window = [p.path for p in sorted(tiny.classify(texts[WINDOW : 2 * WINDOW]), key=lambda p: p.index)]
    assert window == [path for i, path, _ in sorted(first) if WINDOW <= i < 2 * WINDOW]


def test_stopping_early_leaves_no_thread(folder: Path) -> None:
    answers = classifier(folder).classify(["cars"] * (5 * WINDOW))
    next(answers)
    answers.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("one-ahead")]


def test_latency_of_a_batch_covers_every_text_in_it(folder: Path) -> None:
    predictions = list(classifier(folder, batch_tokens=10_000).classify(["cars"] * 50))
    assert len({prediction.latency_s for prediction in predictions}) == 1
    assert all(math.isfinite(prediction.latency_s) for prediction in predictions)


def test_latency_holds_neither_the_caller_s_time_nor_that_of_a_window_tokenised_ahead(folder: Path) -> None:
    latencies = []
    for i, prediction in enumerate(classifier(folder).classify(["cars"] * (2 * WINDOW))):
        latencies.append(prediction.latency_s)
        if i % 256 == 0:  # once a batch
            time.sleep(0.3)
    assert len(set(latencies)) == 8
    assert 0 < median(latencies) < 0.3
