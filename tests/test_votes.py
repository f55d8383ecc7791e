"""Several answers to one text."""

from classifiers.contract import Failure
from classifiers.votes import count
from prompts.taxonomy import Path, Taxonomy

TREE = Taxonomy.from_paths([("A", "x"), ("A", "y"), ("B", "z")])
Vote = tuple[Path, Failure | None]


def test_the_path_follows_the_majority_level_by_level() -> None:
    # "z" has as many votes as any last label, but two of three say A.
    votes: list[Vote] = [(("A", "x"), None), (("B", "z"), None), (("A", "y"), None)]
    result = count(votes, TREE)
    assert (result.path, result.failure) == (("A", "x"), None)
    assert result.scores == ({"A": 2 / 3, "B": 1 / 3}, {"x": 1 / 3, "y": 1 / 3, "z": 1 / 3})


def test_failed_votes_take_their_share_but_do_not_decide() -> None:
    votes: list[Vote] = [((), "unreadable"), ((), "unreadable"), (("B", "z"), None)]
    result = count(votes, TREE)
    assert result.path == ("B", "z")
    assert result.scores == ({"B": 1 / 3}, {"z": 1 / 3})


def test_without_a_whole_vote_the_most_frequent_failure_stands() -> None:
    votes: list[Vote] = [((), "empty"), (("A",), "unreadable"), (("B",), "unreadable")]
    assert count(votes, TREE) == count(votes[1:], TREE)
    assert (count(votes, TREE).path, count(votes, TREE).failure) == (("A",), "unreadable")
