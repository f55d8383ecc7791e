"""Station 6: report.html, one self-contained page.

In: the run and its scores. Out: HTML that loads nothing and runs one script of its own, named to the browser
by its hash; what comes from data is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from reports import apps, cascade_page, charts, curves, economics_page, wording
from reports.all_charts import colours, drawer, trained, training_charts
from reports.answers import RunData
from reports.arrays import FAILURES
from reports.next_steps import FEWEST_RIGHT, next_steps, right_of_doubters
from reports.pairs import FEW_DISCORDANT
from reports.samples import collect, named, pairs_with_examples
from reports.seeds import is_whole, judged
from reports.sentences import about
from reports.templates import environment
from reports.wording import Words

MOST_LABELS_IN_A_MATRIX = 24
MOST_CONFUSIONS = 10
MOST_LABELS_IN_A_TABLE = 60
FEW = 30


def render(run: RunData, scores: dict[str, Any]) -> str:
    """Return the page for a run and the scores made from it."""
    words = Words.of(scores["language"])
    everyone = scores["classifiers"]
    names = judged(everyone)
    choice = apps.choose(run, names)
    texts = collect(run, named(scores) | set(choice.ids))
    colour = colours(everyone)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            t=words,
            level_name=lambda level: words.level(level, scores["levels"]),
            per_1000=lambda one: economics_page.per_1000(one, words),
            only_answered=lambda one: economics_page.only_answered(one, words),
            level_head=lambda level: words.column(level, scores["levels"]),
            run=run,
            scores=scores,
            verdict=scores["verdict"],
            next_steps=next_steps(scores, words),
            doubters=right_of_doubters(scores),
            fewest_right=FEWEST_RIGHT,
            classifiers={name: everyone[name] for name in names},
            everyone=everyone,
            colour=colour,
            chart=drawer(run, scores),
            cascade_drawn=cascade_page.drawn_sentence(scores, words),
            curve_charts=lambda name: training_charts(run, name, words, colour),
            title=_title(run.name),
            created=_moment(run.created),
            any_failed=any(one["failures"]["total"] or one["missing"] for one in everyone.values()),
            on_paper=_on_paper(scores, names),
            not_stated={name for name, one in everyone.items() if not is_whole(one)}
            | set(scores["verdict"]["left_out"]),
            trainings=trained(run),
            facts=lambda facts: [
                (words.known("fact", key), words.fact(key, value))
                for key, value in facts.items()
                if value is not None
            ],
            texts=texts,
            with_examples={(pair["a"], pair["b"]) for pair in pairs_with_examples(scores)},
            apps=apps.describe(choice, texts, scores, names, words),
            matrix_labels=_matrix_labels(run),
            top_confusions={name: _top_confusions(everyone[name]["levels"][-1]) for name in names},
            top_labels=lambda level: _top_labels(level["labels"]),
            environment=_flat(run.environment),
            failure_kinds=FAILURES,
            few=FEW,
            few_discordant=FEW_DISCORDANT,
            resamples=_resamples,
        )
    )


def prepare() -> None:
    """Compile the templates ahead of the first page."""
    for name in _environment().list_templates(["j2"]):
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    script = (Path(__file__).parent / "page.js").read_text(encoding="utf-8")
    return environment(
        script=Markup(script),  # its own file, not data
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        seconds=wording.seconds,
        about=about,
        p_value=wording.p_value,
        volume=economics_page.about,
        probability=cascade_page.threshold,
        share_axis=charts.share_axis(),
        curve_keys=curves.keys,
        difference_axis=charts.difference_axis,
        percent_tick=lambda value: wording.percent(value, 0),
        points_tick=lambda value: wording.points(value, 0),
    )


def _on_paper(scores: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Return whose labels are printed one by one: the recommended, or who gets most whole paths right."""
    chosen = scores["verdict"]["choice"]["name"]
    if chosen in names:
        return str(chosen)
    right = {name: scores["classifiers"][name]["levels"][-1]["accuracy"]["right"] for name in names}
    return max(right, key=lambda name: right[name], default=None)


def _title(name: str) -> str:
    """Take the start off the name of a run folder: `20261122-140000-game-apps` is called game-apps."""
    parts = name.split("-", 2)
    return parts[2] if len(parts) == 3 and parts[0].isdigit() and parts[1].isdigit() else name


def _moment(created: str) -> str:
    return f"{datetime.fromisoformat(created).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _matrix_labels(run: RunData) -> list[str]:
    """Return the labels of level 1 in their order, or none where the matrix would be too large to read."""
    roots = run.taxonomy.nodes[0]
    return (
        [run.taxonomy.display_names[path] for path in roots] if len(roots) <= MOST_LABELS_IN_A_MATRIX else []
    )


def _top_confusions(level: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the most frequent wrong answers of a level, the most frequent first."""
    wrong = [
        {
            "gold": gold,
            "predicted": predicted,
            "count": count,
            "share": count / level["labels"][gold]["support"],
        }
        for gold, row in level["confusion"].items()
        for predicted, count in row.items()
        if gold != predicted
    ]
    return sorted(wrong, key=lambda one: -one["count"])[:MOST_CONFUSIONS]


def _top_labels(labels: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the labels a table shows: all, or the most frequent, in the order of the taxonomy."""
    kept = set(sorted(labels, key=lambda name: -labels[name]["support"])[:MOST_LABELS_IN_A_TABLE])
    return [(name, label) for name, label in labels.items() if name in kept]


def _resamples(everyone: Mapping[str, Mapping[str, Any]]) -> str:
    """Write how often the rows were drawn again; it is less often where labels are many."""
    found = [level["resamples"] for one in everyone.values() for level in one["levels"]]
    fewest, most = wording.count(min(found, default=0)), wording.count(max(found, default=0))
    return most if fewest == most else f"{fewest}{wording.DASH}{most}"


def _flat(values: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        name = f"{above}.{key}" if above else str(key)
        rows += _flat(value, name) if isinstance(value, Mapping) else [(name, value)]
    return rows
