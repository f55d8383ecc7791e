"""Tiny encoders with random weights and their tokenizers, made on the spot: one of each architecture of the trial."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AlbertConfig,
    AutoModel,
    BertConfig,
    DebertaConfig,
    DebertaV2Config,
    DistilBertConfig,
    ErnieConfig,
    ModernBertConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

from classifiers.bert import BertClassifier
from classifiers.engines import open_engine
from classifiers.transformer_models import quiet
from classifiers.truncation import Truncation
from prompts.taxonomy import Taxonomy

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_SIZES: dict[str, float] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.3,  # at the usual 0.02 a model this small needs hundreds of steps to learn
}
POSITIONS = 32


def configs(vocabulary: int, layers: int = 1) -> dict[str, PretrainedConfig]:
    """Return a config of each architecture over `vocabulary` tokens, 32 positions long."""
    common = {"vocab_size": vocabulary, "max_position_embeddings": POSITIONS, "pad_token_id": 0} | _SIZES
    common["num_hidden_layers"] = layers
    offset = common | {"max_position_embeddings": POSITIONS + 1}  # positions start behind the padding's
    modern = common | {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    return {
        "bert": BertConfig(**common),
        "distilbert": DistilBertConfig(
            vocab_size=vocabulary,
            max_position_embeddings=POSITIONS,
            dim=16,
            n_layers=layers,
            n_heads=2,
            hidden_dim=32,
        ),
        "roberta": RobertaConfig(**offset),
        "xlm-roberta": XLMRobertaConfig(**offset),
        "deberta": DebertaConfig(**common, relative_attention=True, pos_att_type=["c2p", "p2c"]),
        "deberta-v2": DebertaV2Config(
            **common,
            relative_attention=True,
            pos_att_type=["p2c", "c2p"],
            position_buckets=8,
            position_biased_input=False,
        ),
        "albert": AlbertConfig(**common, embedding_size=8),
        "ernie": ErnieConfig(**common),
        "modernbert": ModernBertConfig(**modern, global_attn_every_n_layers=1),
    }


def tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows `words`, single letters and digits; everything else is [UNK]."""
    known = dict.fromkeys([*_SPECIAL, *sorted({word.lower() for word in words})])
    vocabulary = {token: i for i, token in enumerate(known)}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    plain.normalizer = normalizers.Lowercase()
    plain.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    plain.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=plain,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def make_encoder(folder: Path, words: Iterable[str], architecture: str = "bert", layers: int = 1) -> Path:
    """Save an encoder without a head, as a pretrained one comes, and return its folder."""
    known = tokenizer(words)
    config = configs(len(known), layers)[architecture]
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(7)
        AutoModel.from_config(config).save_pretrained(folder)
    known.save_pretrained(folder)
    return folder


def open_bert(
    taxonomy: Taxonomy,
    folder: Path,
    *,
    name: str = "tiny",
    device: str = "cpu",
    precision: str = "auto",
    max_length: int = 256,
    truncation: Truncation = "head",
    calibrate: bool = True,
    batch_tokens: int | None = None,
) -> BertClassifier:
    """Open a trained model as the harness does, in torch."""
    engine = open_engine("torch", folder, device=device, precision=precision)
    return BertClassifier(
        name,
        taxonomy,
        folder,
        engine,
        max_length=max_length,
        truncation=truncation,
        calibrate=calibrate,
        batch_tokens=batch_tokens,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: for models this small a second one only waits for the first."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
