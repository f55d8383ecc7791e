"""The README: what it says about commands, settings and scores.json is what the code does."""

import json
import re
import shlex
import subprocess
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel

from classifiers.contract import Example
from classifiers.llm import LlmClassifier
from classifiers.settings import BaselineSettings, BertSettings, LlmSettings, Price
from harness.experiment import CompareSettings, DataSettings, Experiment
from prompts.taxonomy import Taxonomy
from reports.answers import ClassifierRun, RunData, Timing
from reports.scores import SCHEMA, score
from tests.chat_server import Call, Reply, chat_server

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Return the text below a heading, up to the next one of the same rank or a higher one."""
    rank = len(heading) - len(heading.lstrip("#"))
    below = README.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"\n#{{1,{rank}}} ", below, maxsplit=1)[0]


def code_blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def settings_table(text: str) -> dict[str, str]:
    """Return setting -> default of the first table with a column `default`."""
    table = re.search(
        r"^\| (?:setting|key) \| default \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, flags=re.MULTILINE
    )
    assert table is not None
    cells = (line.strip("|\n").split(" | ") for line in table[1].splitlines())
    return {cell[0].strip(" `|"): cell[1].strip(" `") for cell in cells}


def as_toml(value: object) -> str:
    if value is None:
        return "-"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


@pytest.mark.parametrize(
    ("heading", "extra", "then"),
    [("## Try it", "local", ".venv/bin/harness compare"), ("## Run the tests", "test", ".venv/bin/pytest")],
)
def test_one_command_does_the_set_up(heading: str, extra: str, then: str) -> None:
    assert code_blocks("sh", section(heading)) == [
        f'python3 -m venv .venv && .venv/bin/pip install -e ".[{extra}]" -c constraints.txt && {then}\n'
    ]


def test_every_experiment_shown_is_valid() -> None:
    shown = code_blocks("toml")
    assert len(shown) >= 2
    for block in shown:
        Experiment.model_validate(tomllib.loads(block))


@pytest.mark.parametrize(
    ("settings", "after"),
    [
        (BertSettings, '**`kind = "bert"`**'),
        (LlmSettings, '**`kind = "llm"`**'),
        (BaselineSettings, '**`kind = "baseline"`**'),
        (DataSettings, "`[data]` takes these keys:"),
        (CompareSettings, "`[compare]`:"),
        (Price, '`[prices."model"]`'),
    ],
)
def test_a_table_of_settings_names_every_setting_with_its_default(
    settings: type[BaseModel], after: str
) -> None:
    expected = {
        name: "required" if field.is_required() else as_toml(field.default)
        for name, field in settings.model_fields.items()
        if name != "kind"
    }
    assert settings_table(README.split(after, 1)[1]) == expected


def test_the_keys_above_the_tables_are_named_with_their_default() -> None:
    tables = {"data", "classifiers", "prices", "compare"}
    expected = {
        name: "required" if field.is_required() else as_toml(field.default)
        for name, field in Experiment.model_fields.items()
        if name not in tables
    }
    assert settings_table(README.split("Above the tables stand:", 1)[1]) == expected


def test_the_commands_and_the_options_of_compare_are_those_of_the_command_line() -> None:
    harness = str(Path(sysconfig.get_path("scripts")) / "harness")

    def help_of(*command: str) -> str:
        environment = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
        done = subprocess.run(
            [harness, *command, "--help"], capture_output=True, text=True, env=environment, check=True
        )
        return done.stdout

    text = section("## The command line")
    commands = re.findall(r"^\W*([a-z]+)  +[A-Z]", help_of().split("Commands", 1)[1], flags=re.MULTILINE)
    assert sorted(commands) == sorted(re.findall(r"^\| `harness ([a-z]+)", text, flags=re.MULTILINE))
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", help_of("compare"))) - {"--help"}
    assert options == set(re.findall(r"^\| `(--[a-z-]+)", text, flags=re.MULTILINE))


def tiny_run() -> RunData:
    examples = [Example(id=str(n), text="text", gold=("ab"[n % 2],), meta={"hard": n > 4}) for n in range(10)]

    def answers(failed: int) -> list[dict[str, Any]]:
        usage = {"calls": 1, "input_tokens": 5, "cached_input_tokens": 0, "output_tokens": 2}
        common = {"scores": None, "latency_s": 0.1, "usage": usage, "cost_usd": 0.01, "raw": None}
        return [
            {"id": e.id, "path": [], "failure": "empty", **common}
            if int(e.id) < failed
            else {"id": e.id, "path": ["a"], "failure": None, **common}
            for e in examples
        ]

    timing = Timing(load_s=1.0, train_s=None, answer_s=1.0, answered=10)
    seeds = {"one": None, "one-seed2": "one", "two": None}
    return RunData(
        name="tiny",
        created="2026-11-01T00:00:00+00:00",
        taxonomy=Taxonomy.flat(["a", "b"]),
        test=examples,
        data={"findings": [], "majority": [["a"]], "note": None, "counts": {"test": 10}, "sha256": {}},
        environment={},
        classifiers=[
            ClassifierRun(
                name=name,
                kind="llm",
                identity={"model": name},
                facts={},
                timing=timing,
                predictions=answers(failed),
                further_seed_of=seeds[name],
            )
            for name, failed in (("one", 0), ("one-seed2", 1), ("two", 3))
        ],
    )


def keys(scores: dict[str, Any]) -> Iterator[str]:
    """Yield the keys of scores.json that its README section has to name; names of data are passed over."""
    yield from scores
    classifier = scores["classifiers"]["one"]
    level = classifier["levels"][0]
    pair = scores["pairs"][0]
    verdict = scores["verdict"]
    ranked = verdict["levels"][0]
    seeds = scores["seeds"]["one"]
    for part in [
        *(verdict, verdict["choice"], verdict["sentences"], ranked, ranked["comparisons"][0]),
        *(scores["floor"][0], scores["time"], scores["examples"][0]),
        *(classifier, classifier["failures"], classifier["time"], classifier["time"]["latency_s"]),
        *(classifier["cost"], level, level["accuracy"], level["labels"]["a"], level["slices"][0]),
        *(pair, pair["levels"][0]),
        *(scores["classifiers"]["one-seed2"], seeds, seeds["levels"][0], seeds["levels"][0]["accuracy"]),
    ]:
        yield from part


def test_every_key_of_scores_json_is_documented() -> None:
    scores = score(tiny_run())
    assert scores["schema"] == SCHEMA
    assert f'`"schema": {SCHEMA}`' in section("## scores.json")
    assert f"`{SCHEMA}`; the language" in section("## scores.json")
    named = set(re.findall(r"`([a-z_0-9]+)`", section("## scores.json")))
    assert sorted(set(keys(scores)) - named) == []


def test_every_command_shown_is_one_line_that_a_shell_can_split() -> None:
    for block in code_blocks("sh"):
        assert len(block.splitlines()) == 1
        assert shlex.split(block)


def test_every_file_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


ENDPOINTS = tomllib.loads(next(block for block in code_blocks("toml") if 'name = "endpoints"' in block))


@pytest.mark.parametrize("name", ENDPOINTS["classifiers"])
def test_every_endpoint_shown_is_called_as_its_protocol_wants(name: str) -> None:
    settings = LlmSettings.model_validate(ENDPOINTS["classifiers"][name])
    paths: list[str] = []

    def script(call: Call) -> Reply:
        paths.append(call.path)
        return Reply(text=json.dumps({"label": "Puzzle"}))

    with chat_server(script) as server:
        beside = server.url.removesuffix("/v1") + urlsplit(settings.base_url).path
        classifier = LlmClassifier(
            name=name,
            taxonomy=Taxonomy.flat(["Action", "Puzzle"]),
            settings=settings.model_copy(update={"base_url": beside}),
            api_key="sk-of-this-test",
        )
        (prediction,) = classifier.classify(["a text"])
    assert prediction.path == ("Puzzle",)
    assert paths == [urlsplit(settings.base_url).path + "/chat/completions"]
    assert server.calls[0].body["model"] == settings.model
    assert server.calls[0].headers["authorization"] == "Bearer sk-of-this-test"
