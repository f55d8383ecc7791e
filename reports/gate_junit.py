"""Station 6 for a pipeline: a decision of the gate as JUnit XML, for whatever shows test results.

Worse is a failure, undecided an error: the test could not reach a result, and the exit code is not 0 either.
Apps that flipped stand in the output of their classifier's deepest level, all of them.
"""

from __future__ import annotations

from typing import cast

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from reports.gate import Finding, Verdict
from reports.gate_view import (
    Outcome,
    by_kind,
    flip_line,
    limit_place,
    limit_sentence,
    obstacle_text,
    place,
    plain,
    sentence,
)
from reports.wording import Words


def junit(outcome: Outcome, words: Words) -> str:
    """Return a test case for every classifier and level, every limit, and every label if labels count."""
    decision = outcome.decision
    title = words("gate.title", run=plain(outcome.run), baseline=plain(outcome.baseline))
    suite = TestSuite(title)
    suite.add_property("margin", str(outcome.margin))
    suite.add_property("verdict", decision.verdict)
    for found in decision.levels:
        case = _case(found, outcome, words, found.verdict)
        if found.counted.level == outcome.depth and (
            flips := _flips(found.counted.classifier, outcome, words)
        ):
            case.system_out = flips
        suite.add_testcase(case)
    for found in decision.labels if decision.by_label else ():
        suite.add_testcase(_case(found, outcome, words, "worse" if found.verdict == "worse" else "not_worse"))
    for limit in decision.limits:
        case = TestCase(limit_place(limit, words), f"gate.{plain(limit.classifier)}")
        suite.add_testcase(_judged(case, limit.verdict, limit_sentence(limit, outcome, words)))
    for obstacle in decision.obstacles:
        text = obstacle_text(obstacle, words)
        case = TestCase(text, f"gate.{plain(obstacle.classifier or 'data')}")
        suite.add_testcase(_judged(case, "undecided", text))
    xml = JUnitXml(title)
    xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call]
    return cast("bytes", xml.tostring()).decode("utf-8")  # type: ignore[no-untyped-call]


def _case(found: Finding, outcome: Outcome, words: Words, verdict: Verdict) -> TestCase:
    case = TestCase(place(found, outcome, words), f"gate.{plain(found.counted.classifier)}")
    return _judged(case, verdict, sentence(found, outcome, words))


def _judged(case: TestCase, verdict: Verdict, said: str) -> TestCase:
    if verdict == "worse":
        case.result = Failure(said, "worse")
    elif verdict == "undecided":
        case.result = Error(said, "undecided")
    return case


def _flips(classifier: str, outcome: Outcome, words: Words) -> str:
    told: list[str] = []
    for title, flips in by_kind(outcome, words):
        if flips[0].classifier == classifier:
            told += [title, *(flip_line(flip, outcome, words) for flip in flips)]
    return "\n".join(told)
