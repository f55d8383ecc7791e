"""Which classifier is chosen, and if none, why: the whole table of what two levels can say of two and of three."""

from itertools import combinations, permutations, product

import pytest

from reports.choice import against, best_at, choose, hinges, unbeaten_among

MARGIN = 0.02
# How a pair looks from its better side: verdict, 95 % interval, p of equivalence.
PAIRS = {
    "ahead": ("better", [0.03, 0.09], 1.0),
    "partly ahead": ("better", [0.004, 0.03], 0.4),
    "ahead within": ("better", [0.001, 0.015], 0.001),
    "equivalent": ("equivalent", [-0.012, 0.014], 0.001),
    "open": ("undecided", [-0.02, 0.08], 0.6),
}
TURNED = {"better": "worse", "equivalent": "equivalent", "undecided": "undecided"}


def side(relation, turned):
    verdict, (low, high), p = PAIRS[relation]
    if turned:
        verdict, low, high = TURNED[verdict], -high, -low
    return {
        "n": 800,
        "verdict": verdict,
        "difference": (low + high) / 2,
        "interval_95": [low, high],
        "interval_90": [low, high],
        "beyond_margin": abs(low + high) / 2 > 0.05,
        "equivalent_p_holm": p,
        "equivalent_p": p,
        "different_p": 1.0 if verdict == "undecided" else 0.001,
        "pairs_judged": 1,
        "rows_to_decide": 1_000 if verdict == "undecided" else None,
        "rows_would_show": None,
    }


def table(*levels):
    """Scores and levels of a verdict from (ranking, {(better ranked, worse ranked): relation}) a level."""
    pairs = [
        {
            "a": a,
            "b": b,
            "levels": [
                side(relations[(a, b) if (a, b) in relations else (b, a)], (b, a) in relations)
                for _, relations in levels
            ],
        }
        for a, b in combinations(sorted(levels[0][0]), 2)
    ]
    scores = {"margin": MARGIN, "pairs": pairs}
    made = [
        {
            "level": number + 1,
            "ranking": list(ranking),
            "comparisons": [against(scores, ranking[0], other, number) for other in ranking[1:]],
        }
        for number, (ranking, _) in enumerate(levels)
    ]
    return scores, made


def chosen(*levels):
    scores, made = table(*levels)
    found = choose(scores, True, sorted(levels[0][0]), made)
    return found["reason"], found["name"] or "".join(found["candidates"])


AHEAD, ALIKE = ("ahead", "partly ahead"), ("ahead within", "equivalent")


@pytest.mark.parametrize(("first", "last"), list(product(PAIRS, PAIRS)))
@pytest.mark.parametrize("leader_of_last", ["a", "b"])
def test_of_two_classifiers_every_case_of_both_levels_is_settled(first, last, leader_of_last):
    ranking = ("a", "b") if leader_of_last == "a" else ("b", "a")
    found = chosen((("a", "b"), {("a", "b"): first}), (ranking, {ranking: last}))
    if first in AHEAD and last in AHEAD:
        expected = ("accuracy", "a") if leader_of_last == "a" else ("levels_differ", "ab")
    elif first in AHEAD and last in ALIKE:
        expected = ("accuracy", "a")
    elif first in ALIKE and last in AHEAD:
        expected = ("accuracy", leader_of_last)
    elif first in ALIKE and last in ALIKE:
        expected = ("equivalent", "ab")
    else:
        expected = ("undecided", "ab")
    assert found == expected


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ("ahead", ("accuracy", "a")),
        ("partly ahead", ("accuracy", "a")),
        ("ahead within", ("equivalent", "ab")),
        ("equivalent", ("equivalent", "ab")),
        ("open", ("undecided", "ab")),
    ],
)
def test_of_two_classifiers_at_a_single_level(relation, expected):
    assert chosen((("a", "b"), {("a", "b"): relation})) == expected


def three(ranking, relations):
    """`relations`: of the first and second, the second and third, the first and third."""
    x, y, z = ranking
    return ranking, dict(zip([(x, y), (y, z), (x, z)], relations, strict=True))


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # one leads at both
        (("abc", "ahead ahead ahead"), ("abc", "ahead ahead ahead"), ("accuracy", "a")),
        (("abc", "ahead open ahead"), ("acb", "ahead open ahead"), ("accuracy", "a")),
        # a and b are alike at the first level; the whole path decides
        (("abc", "equivalent ahead ahead"), ("abc", "ahead ahead ahead"), ("accuracy", "a")),
        (("bac", "equivalent ahead ahead"), ("abc", "ahead ahead ahead"), ("accuracy", "a")),
        (("bac", "ahead_within ahead ahead"), ("acb", "ahead ahead ahead"), ("accuracy", "a")),
        # all alike at the first level
        (("abc", "equivalent equivalent equivalent"), ("cab", "ahead open ahead"), ("accuracy", "c")),
        (("abc", "equivalent equivalent equivalent"), ("cab", "open ahead ahead"), ("undecided", "ac")),
        (
            ("abc", "equivalent equivalent equivalent"),
            ("cab", "equivalent ahead ahead"),
            ("equivalent", "ac"),
        ),
        # b is second everywhere: whoever knows which level matters does not take it
        (("abc", "ahead ahead ahead"), ("cba", "ahead ahead ahead"), ("levels_differ", "ac")),
        # b equals the leader of each level and beats it at the other
        (("abc", "equivalent ahead ahead"), ("cba", "equivalent ahead ahead"), ("accuracy", "b")),
        # a and b are alike at both, c leads on the whole path
        (("abc", "equivalent ahead ahead"), ("cab", "ahead equivalent ahead"), ("level_decides", "abc")),
        # the same with an open question between a and b
        (("abc", "open ahead ahead"), ("cab", "ahead equivalent ahead"), ("undecided", "abc")),
        # an open question between two that are both out decides nothing
        (("abc", "ahead open ahead"), ("abc", "ahead open ahead"), ("accuracy", "a")),
        # beaten at one level, open at the other: it may still be the better one there
        (("abc", "ahead ahead ahead"), ("abc", "open ahead ahead"), ("undecided", "ab")),
    ],
)
def test_of_three_classifiers(first, last, expected):
    levels = [
        three(ranking, [one.replace("_", " ") for one in how.split()]) for ranking, how in (first, last)
    ]
    assert chosen(*levels) == expected


def orders(relations=("ahead", "equivalent", "open")):
    """Every way a level can order three, in which the outer two are at least as far apart as their neighbours."""
    for ranking in permutations("abc"):
        for upper, lower, outer in product(relations, repeat=3):
            far = "ahead" not in (upper, lower) or outer == "ahead"
            near = outer != "equivalent" or (upper, lower) == ("equivalent", "equivalent")
            if far and near:
                yield three(ranking, (upper, lower, outer))


def test_whatever_three_classifiers_do_the_choice_keeps_its_promises():
    reasons = set()
    for first, last in product([one for one in orders() if one[0] == ("a", "b", "c")], orders()):
        scores, levels = table(first, last)
        found = choose(scores, True, ["a", "b", "c"], levels)
        name, reason, candidates = found["name"], found["reason"], found["candidates"]
        reasons.add(reason)
        beaten_at = {
            (other, at)
            for at, (_, relations) in enumerate((first, last))
            for (_, other), relation in relations.items()
            if relation == "ahead"
        }
        case = (first, last, found)
        assert candidates, case
        assert (name is not None) == (reason == "accuracy") == (len(candidates) == 1), case
        if name is not None:
            assert not {(name, 0), (name, 1)} & beaten_at, case
            others = {"a", "b", "c"} - {name}
            assert all({(other, 0), (other, 1)} & beaten_at for other in others), case
            continue
        open_questions = [one for one in hinges(scores, candidates, levels) if one["verdict"] == "undecided"]
        assert bool(open_questions) == (reason == "undecided"), case
        if reason == "level_decides":
            assert {*best_at(scores, candidates, levels[0])} != {*best_at(scores, candidates, levels[1])}, (
                case
            )
        for one in unbeaten_among(scores, candidates, levels):
            assert not {(one, 0), (one, 1)} & beaten_at, case
        if reason == "equivalent":
            assert unbeaten_among(scores, candidates, levels), case
    assert reasons == {"accuracy", "equivalent", "undecided", "levels_differ", "level_decides"}
