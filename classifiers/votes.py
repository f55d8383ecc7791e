"""Several answers to one text: the path most of them agree on, and the shares as scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from classifiers.contract import Failure
from prompts.taxonomy import Path, Taxonomy


@dataclass(frozen=True, kw_only=True)
class Count:
    """What the votes come to.

    Attributes:
        path: level by level the label with the most votes, among the votes for the label above; of equals the
            one that was voted for first.
        failure: where no vote has a whole path, the most frequent reason.
        scores: per level, display name -> share of all votes, the failed ones included; None with a failure.
    """

    path: Path
    failure: Failure | None
    scores: tuple[dict[str, float], ...] | None


def count(votes: Sequence[tuple[Path, Failure | None]], taxonomy: Taxonomy) -> Count:
    """Count the votes for one text.

    Args:
        votes: each a path with None, or the levels answered before a failure, with its kind.
        taxonomy: the labels.
    """
    whole = [path for path, failure in votes if failure is None]
    if not whole:
        failures = Counter(failure for _, failure in votes if failure is not None)
        kind = failures.most_common(1)[0][0]
        return Count(path=next(path for path, failure in votes if failure == kind), failure=kind, scores=None)
    path: Path = ()
    scores = []
    for level in range(1, taxonomy.depth + 1):
        tally = Counter(vote[:level] for vote in whole)
        path = Counter(vote[:level] for vote in whole if vote[: level - 1] == path).most_common(1)[0][0]
        scores.append({taxonomy.display_names[node]: n / len(votes) for node, n in tally.items()})
    return Count(path=path, failure=None, scores=tuple(scores))
