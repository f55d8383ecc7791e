"""A batch in parts: every row once, no column missing, and the gradient of the whole."""

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import load_file

from classifiers.batch_parts import split
from tests.tiny_encoders import make_encoder, one_thread
from tests.tiny_training import WORDS, train


def batch_of(lengths, side="right"):
    width = max([*lengths, 1])
    ids = torch.zeros((len(lengths), width), dtype=torch.long)
    for row, length in enumerate(lengths):
        columns = slice(0, length) if side == "right" else slice(width - length, width)
        ids[row, columns] = torch.arange(1, length + 1) + 1000 * row
    return {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": torch.arange(len(lengths))}


@example([0, 2], "left", 1, 1)
@example([0, 0], "right", 1, 1)
@given(
    st.lists(st.integers(0, 70), min_size=1, max_size=20),
    st.sampled_from(["left", "right"]),
    st.sampled_from([1, 8, 16]),
    st.sampled_from([1, 300, 5_000, 10**9]),
)
def test_every_row_stands_in_one_part_with_all_its_tokens(lengths, side, length_step, most):
    batch = batch_of(lengths, side)
    parts = split(batch, length_step=length_step, most=most)
    labels = [label for part in parts for label in part["labels"].tolist()]
    assert sorted(labels) == list(range(len(lengths)))
    for part in parts:
        rows, width = part["input_ids"].shape
        assert part["attention_mask"].shape == (rows, width)
        assert rows == 1 or rows * width**2 <= most
        for ids, mask, label in zip(part["input_ids"], part["attention_mask"], part["labels"], strict=True):
            assert (
                ids[mask > 0].tolist()
                == batch["input_ids"][label][batch["attention_mask"][label] > 0].tolist()
            )
        longest = int(part["attention_mask"].sum(dim=1).max())
        assert width <= -(-max(longest, 1) // length_step) * length_step


def test_a_batch_without_a_mask_stays_in_one_piece():
    batch = {"input_ids": torch.ones((4, 9)), "labels": torch.arange(4)}
    (part,) = split(batch, length_step=8, most=1)
    assert part["input_ids"].shape == (4, 9)


def test_a_training_in_parts_comes_to_the_weights_of_one_in_whole_batches(tmp_path, monkeypatch):
    base = make_encoder(tmp_path / "base", WORDS)
    weights = {}
    cut = []
    with one_thread():
        for name, most in (("whole", 10**9), ("parts", 1)):

            def watched(batch, *, length_step, most=most):
                parts = split(batch, length_step=length_step, most=most)
                cut.append(len(parts))
                return parts

            monkeypatch.setattr("classifiers.trainers.split", watched)
            train(
                base,
                tmp_path / name,
                dropout=0.0,
                precision="float32",
                gradient_accumulation=2,
                class_weights="balanced",
            )
            weights[name] = load_file(tmp_path / name / "model.safetensors")
    assert max(cut) == 4
    assert min(cut) == 1
    for key, whole in weights["whole"].items():
        if "key.bias" not in key:  # its gradient is 0 but for rounding, which Adam blows up
            torch.testing.assert_close(weights["parts"][key], whole, rtol=1e-3, atol=1e-4, msg=key)


def test_long_texts_are_cut_into_parts_and_a_batch_of_short_ones_is_not():
    assert len(split(batch_of([64] * 32), length_step=16)) == 1
    assert max(len(part["labels"]) for part in split(batch_of([512] * 8), length_step=16)) == 1
