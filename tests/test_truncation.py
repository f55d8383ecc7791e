from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from classifiers.bert_training import train_bert
from classifiers.contract import Example
from classifiers.settings import BertSettings
from classifiers.temperature import read_temperature
from classifiers.training_identity import training_identity
from classifiers.truncation import MAX_WINDOWS, Truncation, Truncator, window_spans
from prompts.taxonomy import Taxonomy
from tests.tiny_encoders import make_encoder, one_thread, open_bert

WORDS = [f"w{i}" for i in range(40)]
MODES: list[Truncation] = ["head", "tail", "head_tail", "windows"]
FRAMES = {
    "bert": processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)),
    "roberta": processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2)),
    "types": processors.TemplateProcessing(
        single="$A:1 [SEP]:1 [CLS]:2", special_tokens=[("[SEP]", 3), ("[CLS]", 2)]
    ),
    "three": processors.TemplateProcessing(
        single="[CLS] [MASK] $A [SEP]", special_tokens=[("[CLS]", 2), ("[MASK]", 4), ("[SEP]", 3)]
    ),
    "none": processors.TemplateProcessing(single="$A", special_tokens=[]),
}


def tokenizer(frame: str = "bert") -> PreTrainedTokenizerBase:
    known = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    plain = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    plain.post_processor = FRAMES[frame]
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def text_of(tokens: int) -> str:
    return " ".join(WORDS[i % len(WORDS)] for i in range(tokens))


def words_read(tokens: int, truncation: Truncation, max_length: int = 10) -> list[list[int]]:
    """Return per window which words of a text of `tokens` words a BERT reads."""
    (one,) = Truncator(tokenizer(), max_length=max_length, truncation=truncation).tokenise([text_of(tokens)])
    for window in one.windows:
        ids = window["input_ids"].tolist()
        assert ids[0] == 2
        assert ids[-1] == 3
    return [(window["input_ids"][1:-1] - 5).tolist() for window in one.windows]


@pytest.mark.parametrize("tokens", [0, 1, 7, 8, 9, 10, 30])
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(("truncation", "side"), [("head", "right"), ("tail", "left")])
def test_head_and_tail_are_what_transformers_cuts(
    tokens: int, frame: str, truncation: Truncation, side: str
) -> None:
    theirs = tokenizer(frame)
    theirs.truncation_side = side
    expected = theirs(text_of(tokens), truncation=True, max_length=10)
    (one,) = Truncator(tokenizer(frame), max_length=10, truncation=truncation).tokenise([text_of(tokens)])
    (window,) = one.windows
    assert {name: values.tolist() for name, values in window.items()} == dict(expected)


def byte_level(*, unknown: str | None) -> PreTrainedTokenizerBase:
    """As RoBERTa and ModernBERT come: pieces of UTF-8, so that no text is unknown."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", *([unknown] if unknown else [])]
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    plain.train_from_iterator(["daily puzzle game, daily notes app", "每日解谜游戏"] * 3, trainer)
    plain.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", **names, **({"unk_token": unknown} if unknown else {})
    )


@pytest.mark.parametrize("unknown", ["<unk>", None])
@pytest.mark.parametrize("text", ["daily puzzle game", "解谜🎮 " * 20, "e\u0301\u200b\ud7ff", ""])
@pytest.mark.parametrize(("truncation", "side"), [("head", "right"), ("tail", "left")])
def test_pieces_of_bytes_are_cut_as_transformers_does_and_never_unknown(
    text: str, truncation: Truncation, side: str, unknown: str | None
) -> None:
    theirs = byte_level(unknown=unknown)
    theirs.truncation_side = side
    expected = theirs(text, truncation=True, max_length=10)
    ours = Truncator(byte_level(unknown=unknown), max_length=10, truncation=truncation)
    (one,) = ours.tokenise([text])
    assert {name: values.tolist() for name, values in one.windows[0].items()} == dict(expected)
    assert one.unknown_tokens == 0
    assert one.is_cut == (len(theirs(text)["input_ids"]) > 10)


def test_only_the_inputs_of_the_architecture_are_given() -> None:
    distilled = tokenizer()
    distilled.model_input_names = ["input_ids", "attention_mask"]
    (one,) = Truncator(distilled, max_length=8, truncation="head").tokenise(["w1 w2"])
    assert set(one.windows[0]) == {"input_ids", "attention_mask"}


def test_what_the_tokenizer_itself_would_cut_or_pad_does_not_count() -> None:
    careless = tokenizer()
    careless("w1", truncation=True, max_length=3, padding="max_length")
    (one,) = Truncator(careless, max_length=6, truncation="head").tokenise(["w1 w2 w3"])
    assert one.windows[0]["input_ids"].tolist() == [2, 6, 7, 8, 3]


def test_special_tokens_written_in_a_text_are_text() -> None:
    (one,) = Truncator(tokenizer(), max_length=5, truncation="head").tokenise(["[SEP] w0 [PAD] w1"])
    assert one.windows[0]["input_ids"].tolist() == [2, 3, 5, 0, 3]
    assert one.read_tokens == 3


def test_head_and_tail_are_a_quarter_and_three_quarters() -> None:
    assert words_read(30, "head_tail") == [[0, 1, 24, 25, 26, 27, 28, 29]]


def test_windows_overlap_by_half_and_end_with_the_text() -> None:
    assert words_read(16, "windows") == [list(range(8)), list(range(4, 12)), list(range(8, 16))]
    assert words_read(17, "windows")[-1] == list(range(9, 17))


@pytest.mark.parametrize("truncation", MODES)
def test_a_text_that_fits_is_read_whole_once(truncation: Truncation) -> None:
    assert words_read(8, truncation) == [list(range(8))]


@given(tokens=st.integers(0, 3000), room=st.integers(1, 40), mode=st.sampled_from(MODES))
def test_spans_keep_the_order_fill_the_room_and_stay_in_the_text(
    tokens: int, room: int, mode: Truncation
) -> None:
    spans = window_spans(tokens, room, mode)
    assert 1 <= len(spans) <= (MAX_WINDOWS if mode == "windows" else 1)
    for window in spans:
        read = [i for part in window for i in range(part.start, part.stop)]
        assert read == sorted(set(read))
        assert len(read) == min(tokens, room)
        assert all(0 <= i < tokens for i in read)


@given(tokens=st.integers(1, 3000), room=st.integers(2, 40))
def test_windows_reach_from_the_first_token_to_the_last_and_leave_gaps_only_at_the_bound(
    tokens: int, room: int
) -> None:
    parts = [window[0] for window in window_spans(tokens, room, "windows")]
    assert parts[0].start == 0
    assert parts[-1].stop == tokens
    steps = [after.start - before.start for before, after in pairwise(parts)]
    assert all(step > 0 for step in steps)
    assert len(parts) == MAX_WINDOWS or all(step <= max(room // 2, 1) for step in steps)
    assert max(steps, default=0) - min(steps, default=0) <= 1


@given(tokens=st.integers(0, 400), mode=st.sampled_from(MODES))
def test_a_text_is_cut_when_some_token_is_in_no_window(tokens: int, mode: Truncation) -> None:
    (one,) = Truncator(tokenizer(), max_length=10, truncation=mode).tokenise([" ".join(["w1"] * tokens)])
    read = {i for window in window_spans(tokens, 8, mode) for part in window for i in range(tokens)[part]}
    assert one.is_cut == (len(read) < tokens)


def test_unknown_tokens_are_counted_where_they_are_read() -> None:
    (one,) = Truncator(tokenizer(), max_length=5, truncation="tail").tokenise(["odd w1 odd w2 w3"])
    assert (one.unknown_tokens, one.read_tokens) == (1, 3)


def test_many_texts_come_out_in_order() -> None:
    texts = [text_of(i % 23) for i in range(300)]
    together = Truncator(tokenizer(), max_length=10, truncation="windows").tokenise(texts)
    assert len(together) == 300
    for text, one in zip(texts, together, strict=True):
        (alone,) = Truncator(tokenizer(), max_length=10, truncation="windows").tokenise([text])
        np.testing.assert_equal(one.windows, alone.windows)


TAXONOMY = Taxonomy.from_paths([("Head",), ("Tail",)])


def examples_told_apart_by_the_end(count: int) -> list[Example]:
    return [
        Example(
            id=str(i),
            text=" ".join(["start"] * 20 + ["left" if i % 2 else "right"] * 4),
            gold=("Head",) if i % 2 else ("Tail",),
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("truncation", ["tail", "head_tail"])
def test_training_and_prediction_read_the_end_of_a_long_text(truncation: Truncation, tmp_path: Path) -> None:
    base = make_encoder(tmp_path / "base", ["start", "left", "right"])
    settings = BertSettings(
        kind="bert",
        base=str(base),
        epochs=6,
        batch_size=4,
        learning_rate=0.01,
        max_length=8,
        truncation=truncation,
        device="cpu",
        precision="float32",
    )
    examples = examples_told_apart_by_the_end(32)
    model = tmp_path / "model"
    with one_thread():
        train_bert(
            settings,
            base,
            train=examples,
            dev=[],
            taxonomy=TAXONOMY,
            seed=1,
            folder=model,
            progress=lambda *_: None,
        )
        tiny = open_bert(TAXONOMY, model, max_length=8, truncation=truncation)
        answers = {p.index: p.path for p in tiny.classify([example.text for example in examples])}
    assert [answers[i] for i in range(len(examples))] == [example.gold for example in examples]


def test_a_training_for_another_truncation_is_another_one(tmp_path: Path) -> None:
    base = make_encoder(tmp_path / "base", ["start"])

    def identity(truncation: Truncation) -> str:
        settings = BertSettings(kind="bert", base=str(base), truncation=truncation, device="cpu")
        return str(
            training_identity(settings, base, train_sha256="1", dev_sha256="2", taxonomy=TAXONOMY, seed=3)
        )

    assert len({identity(mode) for mode in MODES}) == len(MODES)


def test_windows_learn_what_head_learns_and_fit_the_temperature_to_all_that_is_read(tmp_path: Path) -> None:
    base = make_encoder(tmp_path / "base", ["start", "left", "right"])
    # The beginnings tell train apart; in dev the ends speak against them.
    train, dev = (
        [
            Example(id=str(i), text=" ".join([word] * 8 + [other] * ends), gold=(label,))
            for i, (word, other, label) in enumerate(
                [("left", "right", "Head"), ("right", "left", "Tail"), ("left", "left", "Head")] * 12
            )
        ]
        for ends in (0, 20)
    )
    for truncation in ("head", "windows"):
        settings = BertSettings(
            kind="bert",
            base=str(base),
            epochs=3,
            batch_size=4,
            learning_rate=0.01,
            max_length=8,
            truncation=truncation,
            device="cpu",
            precision="float32",
        )
        with one_thread():
            train_bert(
                settings,
                base,
                train=train,
                dev=dev,
                taxonomy=TAXONOMY,
                seed=1,
                folder=tmp_path / truncation,
                progress=lambda *_: None,
            )
    head, windows = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("head", "windows"))
    assert head == windows
    assert read_temperature(tmp_path / "windows") != read_temperature(tmp_path / "head")
