"""The `baseline` classifiers: TF-IDF with logistic regression, and always the most frequent label.

Station 3 of 6. What a cheap method reaches on the same texts: the floor every report shows. In: examples, or
the folder a fit wrote. Out: a folder (JSON and safetensors, no pickle), or predictions with scores.
"""

from __future__ import annotations

import json
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers.contract import Example, Prediction, Scalar, Training
from classifiers.devices import describe_cpu
from classifiers.encoders import sha256_of
from classifiers.leaf_scores import LeafScores
from classifiers.settings import BaselineSettings
from classifiers.training_record import write_training
from prompts.errors import ClassifierError, ConfigError
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 512
"""Texts that are scored together; memory grows with this, not with the test set."""

GRAM_LIMIT = 10_000
"""Training texts up to which the regression is solved between texts instead of between terms."""

_SETTINGS, _WEIGHTS = "baseline.json", "model.safetensors"


def fit_baseline(
    settings: BaselineSettings, *, train: list[Example], taxonomy: Taxonomy, seed: int, folder: Path
) -> Training:
    """Fit on `train` and write the model into `folder`; training.json is written last.

    TF-IDF (sublinear) over words 1-2, or characters 1-3 where most letters are Chinese, Japanese or Korean,
    then logistic regression over the leaves, summed up to the parents, so that the path is always consistent.

    Args:
        settings: what `[classifiers.<name>]` says.
        train: examples with gold paths of the taxonomy.
        taxonomy: the labels; a leaf without an example gets probability 0.
        seed: unused, there is no chance in it; kept so that every kind is trained alike.
        folder: where the model goes.

    Raises:
        ClassifierError: no examples, or no words in them.
        ConfigError: the folder cannot be written.
    """
    del seed
    if not train:
        raise ClassifierError("baseline learns from examples: give [data] train at least one")
    start = time.perf_counter()
    if settings.method == "majority":
        described, weights = _fit_majority(train, taxonomy)
    else:
        described, weights = _fit_tfidf(settings, train, taxonomy)
    training = Training(
        train_s=time.perf_counter() - start,
        device=describe_cpu(),
        examples=len(train),
        facts={key: value for key, value in described.items() if isinstance(value, str | int | bool)},
    )
    _write(folder, described | {"taxonomy_sha256": taxonomy.sha256}, weights)
    write_training(folder, training)
    return training


class BaselineClassifier:
    """Classify with the model that `fit_baseline` wrote into `folder`.

    Raises:
        ClassifierError: no model in the folder, or one with other labels.
    """

    def __init__(self, name: str, taxonomy: Taxonomy, folder: Path) -> None:
        from safetensors.numpy import load_file

        try:
            described = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
            self._weights = load_file(folder / _WEIGHTS)
        except OSError as exc:
            raise ClassifierError(f"{folder} holds no baseline ({exc}): train it first") from exc
        if described["taxonomy_sha256"] != taxonomy.sha256:
            raise ClassifierError(f"the baseline in {folder} was fitted on another label set: train it again")
        self.name = name
        self.taxonomy = taxonomy
        self._leaf_scores = LeafScores(taxonomy)
        self._vectorizer = None
        if described["method"] == "tfidf":
            self._vectorizer = _vectorizer(
                described["analyzer"], vocabulary={term: i for i, term in enumerate(described["terms"])}
            )
            self._vectorizer.idf_ = self._weights["idf"]
        self.identity: dict[str, Scalar] = {
            "kind": "baseline",
            "method": described["method"],
            "weights_sha256": sha256_of(folder / _WEIGHTS),
            "terms_sha256": sha256_of(folder / _SETTINGS),
            "taxonomy_sha256": taxonomy.sha256,
        }
        self.facts: Mapping[str, Scalar] = {
            "device": describe_cpu(),
            **{key: described[key] for key in ("method", "analyzer", "features") if key in described},
        }

    def classify(self, texts: list[str]) -> Iterator[Prediction]:
        """Yield one prediction per text, in order."""
        rest = enumerate(texts)
        while chunk := list(islice(rest, CHUNK)):
            begin = time.perf_counter()
            answers = self._leaf_scores.answers(self._probabilities([text for _, text in chunk]))
            latency_s = time.perf_counter() - begin
            for (index, _), answer in zip(chunk, answers, strict=True):
                yield Prediction(index=index, path=answer.path, scores=answer.scores, latency_s=latency_s)

    def _probabilities(self, texts: list[str]) -> NDArray[np.float64]:
        from scipy.special import softmax

        bias = self._weights["bias"]  # (leaves,), log of the share or -inf
        if self._vectorizer is None:
            return np.tile(softmax(bias), (len(texts), 1))
        logits = self._vectorizer.transform(texts) @ self._weights["coefficients"] + bias
        return softmax(logits.astype(np.float64), axis=1)  # type: ignore[no-any-return]  # (texts, leaves)


def _fit_majority(
    train: list[Example], taxonomy: Taxonomy
) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]]:
    counts = Counter(example.gold for example in train)
    shares = np.array([counts[leaf] / len(train) for leaf in taxonomy.leaves])
    with np.errstate(divide="ignore"):
        return {"method": "majority"}, {"bias": np.log(shares)}


def _fit_tfidf(
    settings: BaselineSettings, train: list[Example], taxonomy: Taxonomy
) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]]:
    texts = [example.text for example in train]
    analyzer = settings.analyzer if settings.analyzer != "auto" else choose_analyzer(texts)
    vectorizer = vectorizer_for(analyzer, examples=len(train))
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError as exc:
        raise ClassifierError(f"baseline: the training texts hold no words to learn from ({exc})") from exc
    index = {leaf: i for i, leaf in enumerate(taxonomy.leaves)}
    gold = np.array([index[example.gold] for example in train])
    fitted = _regress(counts, gold, settings.c)
    coefficients = np.zeros((counts.shape[1], len(index)), dtype=np.float32)
    bias = np.full(len(index), -np.inf)
    coefficients[:, fitted["classes"]] = fitted["coefficients"]
    bias[fitted["classes"]] = fitted["bias"]
    described = {
        "method": "tfidf",
        "analyzer": analyzer,
        "features": counts.shape[1],
        "terms": vectorizer.get_feature_names_out().tolist(),
    }
    return described, {"coefficients": coefficients, "bias": bias, "idf": vectorizer.idf_}


def _regress(counts: Any, gold: NDArray[np.intp], c: float) -> dict[str, NDArray[np.generic]]:
    import warnings

    from scipy.linalg import cholesky, solve_triangular
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(gold)
    texts, terms = counts.shape
    if len(classes) == 1:
        return {"classes": classes, "coefficients": np.zeros((terms, 1)), "bias": np.zeros(1)}
    model = LogisticRegression(C=c, max_iter=300, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 300 steps are more than any data set here took
        if texts >= min(terms, GRAM_LIMIT + 1):
            model.fit(counts, gold)
            coefficients = model.coef_.T
        else:
            # The best coefficients lie in the span of the texts (representer theorem), so the same problem is
            # solved with one feature per text: 239,000 terms x 119 labels need 27 s and 1 GB instead of 5.
            gram = (counts @ counts.T).toarray()
            gram[np.diag_indices_from(gram)] += 1e-6  # equal texts would make it singular
            lower = cholesky(gram, lower=True, overwrite_a=True)
            model.fit(lower, gold)
            coefficients = counts.T @ solve_triangular(lower, model.coef_.T, lower=True, trans="T")
    bias = model.intercept_
    if len(classes) == 2:  # scikit-learn keeps one column for two classes: the second against the first
        coefficients = np.hstack([np.zeros_like(coefficients), coefficients])
        bias = np.array([0.0, bias[0]])
    return {"classes": classes, "coefficients": coefficients, "bias": bias}


def vectorizer_for(analyzer: str, *, examples: int) -> Any:
    """Return an unfitted TF-IDF vectorizer over "word" or "char" n-grams for so many training texts."""
    # Character n-grams seen in one text only are four fifths of the terms and gain nothing (Chinese sample:
    # 0.684 with, 0.688 without); words seen once do gain (in English: 0.464 with, 0.431 without).
    return _vectorizer(
        analyzer,
        min_df=2 if analyzer == "char" and examples > 100 else 1,
        max_features=None if examples <= GRAM_LIMIT else 20_000,
    )


def _vectorizer(analyzer: str, **kwargs: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        analyzer=analyzer, ngram_range=(1, 2) if analyzer == "word" else (1, 3), sublinear_tf=True, **kwargs
    )


def choose_analyzer(texts: list[str]) -> str:
    """Return "char" where most letters are Chinese, Japanese or Korean, else "word"."""
    letters = [char for text in texts[:2000] for char in text[:1000] if char.isalpha()]
    without_spaces = sum(
        unicodedata.name(char, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL")) for char in letters
    )
    return "char" if 2 * without_spaces > len(letters) else "word"


def _write(folder: Path, described: Mapping[str, Any], weights: dict[str, NDArray[np.generic]]) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "training.json").unlink(missing_ok=True)
        (folder / _SETTINGS).write_text(json.dumps(described, ensure_ascii=False) + "\n", encoding="utf-8")
        save_file(weights, folder / _WEIGHTS)
    except (OSError, SafetensorError) as exc:
        raise ConfigError(f"the baseline cannot be written to {folder} ({exc}); make room there") from exc
