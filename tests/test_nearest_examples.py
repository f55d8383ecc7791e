"""The training examples nearest to a text: found exactly, shown nearest last, and only ever from train."""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from safetensors.numpy import load_file, save_file

from classifiers.contract import Example
from classifiers.few_shot import Examples
from classifiers.llm import LlmClassifier
from classifiers.nearest_examples import NearestExamples
from classifiers.settings import LlmSettings
from classifiers.text_vectors import EncoderVectors, TextVectors, TfidfVectors
from harness.experiment_file import read, resolved
from harness.session import check
from prompts.errors import ClassifierError, ConfigError
from prompts.taxonomy import Path as LabelPath
from prompts.taxonomy import Taxonomy
from tests.chat_server import Call, Reply, chat_server
from tests.tiny_encoders import make_encoder, one_thread

TREE = Taxonomy.from_paths([("Play", "Puzzle"), ("Play", "Racing"), ("Work", "Notes"), ("Work", "Mail")])
WORDS = {"Puzzle": "blocks gems", "Racing": "cars speed", "Notes": "memo paper", "Mail": "letters post"}
TRAIN = [
    Example(id=f"{leaf[1]}-{n}", text=f"{WORDS[leaf[1]]} {extra}", gold=leaf)
    for leaf in TREE.leaves
    for n, extra in enumerate(["fun", "fast daily", "new"])
]


class LetterVectors:
    """Vectors that can be followed by hand: how often a, b and c stand in a text, brought to length 1."""

    method = "letters"
    base_sha256 = None

    def __init__(self) -> None:
        self.calls: list[int] = []

    def learn(self, texts: list[str]) -> Any:
        return self.of(texts)

    def of(self, texts: list[str]) -> Any:
        self.calls.append(len(texts))
        counts = np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=float)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-12)


def nearest(
    train: Sequence[Example] = TRAIN, *, count: int = 3, vectors: TextVectors | None = None
) -> NearestExamples:
    return NearestExamples(train, TREE, count=count, vectors=vectors or TfidfVectors())


def ids(examples: Sequence[Example]) -> list[str]:
    return [example.id for example in examples]


def cosine(a: str, b: str) -> float:
    one, two = Counter(a), Counter(b)
    lengths = [math.sqrt(sum(c[letter] ** 2 for letter in "abc")) for c in (one, two)]
    return sum(one[letter] * two[letter] for letter in "abc") / (lengths[0] * lengths[1] or 1)


LETTERS = st.text("abc", max_size=5)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(LETTERS, st.sampled_from(TREE.leaves)), min_size=1, max_size=12),
    st.lists(LETTERS, min_size=1, max_size=4),
    st.sampled_from([(), ("Play",), ("Work",)]),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_the_nearest_are_those_that_sorting_all_of_them_gives(
    pairs: list[tuple[str, LabelPath]], texts: list[str], path: LabelPath, count: int, random: Any
) -> None:
    train = [Example(id=f"{n:02}", text=text, gold=gold) for n, (text, gold) in enumerate(pairs)]
    random.shuffle(train)
    found = nearest(train, count=count, vectors=LetterVectors())
    found.look_up(texts)
    for text in [*texts, "not looked up: abc"]:
        below = [example for example in train if example.gold[: len(path)] == path]
        below.sort(key=lambda example: (-round(cosine(text, example.text), 6), example.id))
        assert ids(found.near(path, text)) == ids(below[:count])[::-1]


def test_texts_are_looked_up_together_in_blocks_that_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["cars", "memo fast", "gems", "post", "cars"]
    whole = nearest()
    whole.look_up(texts)
    monkeypatch.setattr("classifiers.nearest_examples.BLOCK", 1)
    blocks = nearest()
    blocks.look_up(texts)
    for text in texts:
        assert ids(blocks.near((), text)) == ids(whole.near((), text))
    vectors = LetterVectors()
    counted = nearest(vectors=vectors)
    counted.look_up(texts)
    for text in texts:
        counted.near(("Play",), text)
    assert vectors.calls == [len(TRAIN), 4]


def test_equal_training_sets_in_any_order_give_equal_examples() -> None:
    for text in ("fast cars", "nothing alike", ""):
        assert nearest().near((), text) == nearest(TRAIN[::-1]).near((), text)
    assert nearest().identity == nearest(TRAIN[::-1]).identity


def test_below_a_label_only_examples_below_it_are_shown_and_fewer_where_there_are_fewer() -> None:
    found = nearest(count=5)
    assert {example.gold[0] for example in found.near(("Work",), "cars speed fun")} == {"Work"}
    assert ids(found.near(("Work", "Mail"), "letters post new")) == ["Mail-1", "Mail-0", "Mail-2"]
    play_only = nearest([example for example in TRAIN if example.gold[0] == "Play"])
    assert play_only.near(("Work",), "memo") == []


def test_no_texts_and_texts_without_any_known_word_are_no_trouble() -> None:
    found = nearest(count=2)
    found.look_up([])
    found.look_up(["", "???", "花瓣"])
    assert ids(found.near((), "???")) == ["Mail-1", "Mail-0"]


def test_chinese_texts_are_compared_by_their_characters() -> None:
    train = [
        Example(id="1", text="赛车狂飙竞速", gold=("Play", "Racing")),
        Example(id="2", text="消除宝石方块", gold=("Play", "Puzzle")),
        Example(id="3", text="收发邮件", gold=("Work", "Mail")),
    ]
    assert ids(nearest(train, count=1).near((), "一款好玩的竞速赛车")) == ["1"]
    assert ids(nearest(train, count=1).near((), "邮件助手")) == ["3"]


def test_training_texts_without_words_are_refused_with_the_cure() -> None:
    train = [Example(id="1", text="!", gold=("Play", "Racing"))]
    with pytest.raises(ClassifierError, match=r"hold no words.* use examples_by = 'label'"):
        nearest(train).look_up(["!"])


def test_the_identity_holds_method_count_encoder_and_all_that_is_drawn_from_and_computes_no_vector(
    tmp_path: Path,
) -> None:
    vectors = LetterVectors()
    one = EncoderVectors(make_encoder(tmp_path / "one", ["cars"]))
    two = EncoderVectors(make_encoder(tmp_path / "two", ["memo"]))
    changed = [Example(id=TRAIN[0].id, text="changed", gold=TRAIN[0].gold), *TRAIN[1:]]
    moved = [Example(id=TRAIN[0].id, text=TRAIN[0].text, gold=("Work", "Mail")), *TRAIN[1:]]
    identities = [
        nearest(vectors=vectors).identity,
        nearest().identity,
        nearest(count=4).identity,
        nearest(changed).identity,
        nearest(moved).identity,
        nearest(TRAIN[1:]).identity,
        nearest(vectors=one).identity,
        nearest(vectors=two).identity,
    ]
    assert len({json.dumps(dict(identity), sort_keys=True) for identity in identities}) == len(identities)
    assert vectors.calls == []


def test_an_encoder_gives_the_mean_over_a_texts_own_tokens_whatever_stands_beside_it(tmp_path: Path) -> None:
    import torch

    words = {word for example in TRAIN for word in example.text.split()}
    vectors = EncoderVectors(make_encoder(tmp_path / "base", words))
    texts = ["cars", "memo paper fast daily new fun", "gems " * 100, "letters post", ""]
    with one_thread():
        learned = vectors.learn(texts)
        alone = np.vstack([vectors.of([text]) for text in texts])
        tokens = vectors._tokenizer("cars", return_tensors="pt")
        with torch.inference_mode():
            hidden = vectors._encoder(**tokens).last_hidden_state[0].numpy()
    assert learned.shape == (5, 16)
    assert learned.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(learned, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(learned, alone, atol=1e-5)
    mean = hidden.mean(axis=0)
    np.testing.assert_allclose(learned[0], mean / np.linalg.norm(mean), atol=1e-5)
    assert ids(nearest(count=1, vectors=vectors).near((), TRAIN[4].text)) == [TRAIN[4].id]


def test_an_encoder_that_lacks_weights_is_refused_and_not_filled_up_by_chance(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "base", ["cars"])
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "attention" in name)
    kept = {name: weight for name, weight in weights.items() if name != lost}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ClassifierError, match=rf"do not fit .* \(1 missing .*'{re.escape(lost)}'\)"):
        EncoderVectors(folder).learn(["cars"])


def answer_first(call: Call) -> Reply:
    offered = call.body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
    return Reply(text=json.dumps({"label": offered[0]}))


def asked(texts: list[str], path: str, examples: Examples) -> list[list[dict[str, str]]]:
    with chat_server(answer_first) as server:
        own = {"model": "m", "base_url": server.url, "api_key_env": None, "concurrency": 1, "path": path}
        classifier = LlmClassifier(
            name="llm",
            taxonomy=TREE,
            settings=LlmSettings(kind="llm", examples=2, examples_by="tfidf", **own),  # type: ignore[arg-type]
            examples=examples,
        )
        assert all(prediction.failure is None for prediction in classifier.classify(texts))
        assert classifier.facts["examples_by"] == "tfidf"
        assert classifier.identity["examples_by"] == "tfidf"
    return [call.body["messages"] for call in server.calls]


def labels_shown(messages: list[dict[str, str]]) -> list[str]:
    return [json.loads(m["content"])["label"] for m in messages if m["role"] == "assistant"]


def test_each_question_shows_its_own_nearest_after_what_is_fixed_and_the_nearest_next_to_the_text() -> None:
    texts = ["cars speed fast daily", "letters post new"]
    calls = asked(texts, "stepwise", nearest(count=2))
    for messages in calls:
        assert [m["role"] for m in messages] == ["system", *["user", "assistant"] * 2, "user"]
    above, below = calls[::2], calls[1::2]
    assert above[0][0] == above[1][0]
    assert [labels_shown(messages) for messages in above] == [["Play", "Play"], ["Work", "Work"]]
    assert "cars speed fast daily" in above[0][3]["content"]
    assert "letters post new" in above[1][3]["content"]
    assert labels_shown(below[0]) == ["Racing", "Racing"]
    # "Play" was answered for the mail too, so only examples below "Play" may be shown.
    assert set(labels_shown(below[1])) <= {"Puzzle", "Racing"}
    assert "blocks gems new" in below[1][3]["content"]


def test_joint_questions_show_the_nearest_with_their_last_labels() -> None:
    (messages,) = asked(["memo paper new"], "joint", nearest(count=2))
    assert labels_shown(messages) == ["Notes", "Notes"]
    assert "memo paper new" in messages[3]["content"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('examples_by = "tfidf"', "classifiers.gpt.examples_by = 'tfidf': no examples are shown; set examples = 8"),
        ('examples = 4\nexamples_base = "a/b"', "classifiers.gpt.examples_base = 'a/b': no encoder is used; set examples_by = 'encoder'"),
        ('examples = 4\nexamples_by = "nearest"', "classifiers.gpt.examples_by = 'nearest': Input should be 'label', 'tfidf' or 'encoder'"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_together_are_one_line_with_the_cure(
    tmp_path: Path, lines: str, message: str
) -> None:
    path = tmp_path / "experiment.toml"
    path.write_text(
        'name = "x"\n[data]\ntrain = "a.csv"\ntest = "b.csv"\n[classifiers.gpt]\nkind = "llm"\n'
        f'model = "m"\n{lines}\n'
    )
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["label", "tfidf", "encoder"])
def test_no_example_of_dev_or_test_ever_stands_in_a_prompt_beside_the_text_it_asks_about(
    tmp_path: Path, method: str
) -> None:
    words = list(WORDS.items())
    for split, rows in (("train", 24), ("dev", 12), ("test", 12)):
        lines = [f"{words[n % 4][1]} {split}{n}x,{words[n % 4][0]}" for n in range(rows)]
        (tmp_path / f"{split}.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    if method == "encoder":
        make_encoder(tmp_path / "encoder", " ".join(WORDS.values()).split())
    with chat_server(lambda _: Reply(text="Puzzle")) as server:
        (tmp_path / "experiment.toml").write_text(
            'name = "x"\n[data]\ntrain = "train.csv"\ndev = "dev.csv"\ntest = "test.csv"\n'
            f'[classifiers.llm]\nkind = "llm"\nmodel = "m"\nbase_url = "{server.url}"\n'
            f'examples = 3\nexamples_by = "{method}"\n'
            + ('examples_base = "./encoder"\n' if method == "encoder" else "")
        )
        file = read(tmp_path / "experiment.toml")
        session = check(file, limit=None, console=Console(quiet=True))
        (prepared,) = session.prepared
        assert prepared.llm is not None
        answers = list(prepared.llm(local=None).classify([e.text for e in session.dataset.test]))
        assert len(answers) == 12
    written = resolved(file)["classifiers"]["llm"]
    assert LlmSettings.model_validate(written).examples_by == method
    if method == "encoder":
        assert Path(written["examples_base"]).is_absolute()
    prompts = [call.body["messages"] for call in server.calls]
    about = [found[0] for messages in prompts if (found := re.findall(r"test\d+x", messages[-1]["content"]))]
    assert sorted(about) == sorted(f"test{n}x" for n in range(12))
    for messages in prompts:
        before = json.dumps(messages[:-1])
        assert len(re.findall(r"train\d+x", before)) == 3
        assert not re.search(r"(dev|test)\d+x", before)
        assert "train" not in messages[-1]["content"]
