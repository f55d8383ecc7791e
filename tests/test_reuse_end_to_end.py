"""What a second `harness compare` takes over from the first, and what `--explain-reuse` says of it before."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import prompts
from harness.reuse import Earlier, take_weights
from harness.run_folder import RunFolder
from tests.chat_server import Call, ChatServer, Reply, chat_server
from tests.command import harness

ROWS = 8
EXPERIMENT = """
name = "again"
[data]
train = "train.csv"
test = "test.csv"
[classifiers.llm]
kind = "llm"
model = "loopback"
base_url = "URL"
api_key_env = "HARNESS_TEST_KEY"
prompt = "zero_shot"
path = "stepwise"
examples = 0
temperature = 0.0
max_tokens = 64
"""
BASELINE = '[classifiers.tfidf]\nkind = "baseline"\n'
CHANGES = {  # every one on its own makes another classifier
    'model = "loopback"': 'model = "another"',
    'prompt = "zero_shot"': 'prompt = "own.jinja"',
    'path = "stepwise"': 'path = "joint"',
    "examples = 0": "examples = 2",
    "temperature = 0.0": "temperature = 0.5",
    "max_tokens = 64": "max_tokens = 32",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_TEST_KEY", "sk-test-a83f")
    for split, words in {"train": "a lesson of", "test": "app number"}.items():
        rows = [
            f"{words} {n} {'jump' if n % 2 else 'think'},{'Action' if n % 2 else 'Puzzle'}\n"
            for n in range(ROWS)
        ]
        (tmp_path / f"{split}.csv").write_text("text,label\n" + "".join(rows))
    return tmp_path


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(lambda _: Reply(text="Action")) as running:
        yield running


def write(folder: Path, server: ChatServer, more: str = "") -> str:
    text = EXPERIMENT.replace("URL", server.url) + more
    (folder / "experiment.toml").write_text(text)
    return text


def asked(server: ChatServer) -> Counter[str]:
    found = (re.search(r"app number (\d+) ", call.text) for call in server.calls)
    return Counter(match[1] for match in found if match)


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def failing(call: Call) -> Reply:
    """Refuse text 3, cut the answer to text 4 off, break on text 5."""
    if "number 3 " in call.text:
        return Reply(text=None, refusal="no")
    if "number 4 " in call.text:
        return Reply(text="Act", finish_reason="length")
    if "number 5 " in call.text:
        return Reply(status=500, body="{}")
    return Reply(text="Action")


def test_another_model_prompt_or_decoding_setting_takes_nothing_over(
    folder: Path, server: ChatServer
) -> None:
    built_in = Path(prompts.__file__).parent / "templates/zero_shot.jinja"
    (folder / "own.jinja").write_text(built_in.read_text(encoding="utf-8").replace("label", "tag", 1))
    text = all_changed = write(folder, server)
    assert harness("compare", cwd=folder).code == 0
    for runs, (old, new) in enumerate(CHANGES.items(), 2):
        (folder / "experiment.toml").write_text(text.replace(old, new))
        said = harness("compare", cwd=folder)
        assert (said.code, "taken from run" in said.out) == (0, False), (new, said)
        assert asked(server) == {str(n): runs for n in range(ROWS)}, new
        all_changed = all_changed.replace(old, new)
    (folder / "experiment.toml").write_text(all_changed)
    explained = harness("compare", "--explain-reuse", cwd=folder)
    assert f"llm: would take 0 of {ROWS} answers" in explained.out
    for changed in ('model: "loopback" -> "another"', "example_ids: ", "temperature: 0.0 -> 0.5"):
        assert f"      {changed}" in explained.out
    assert "and 2 more runs" in explained.out


def test_another_concurrency_timeout_or_number_of_attempts_takes_everything_over(
    folder: Path, server: ChatServer
) -> None:
    write(folder, server)
    assert harness("compare", cwd=folder).code == 0
    write(folder, server, "concurrency = 3\ntimeout_s = 9.0\nmax_retries = 1\n")
    explained = harness("compare", "--explain-reuse", cwd=folder)
    assert f"llm: would take {ROWS} of {ROWS} answers" in explained.out
    assert f"llm: {ROWS} answers taken from run" in harness("compare", cwd=folder).out
    assert asked(server) == {str(n): 1 for n in range(ROWS)}


def test_a_refused_or_truncated_answer_is_final_in_its_run_and_asked_again_in_the_next(
    folder: Path, server: ChatServer
) -> None:
    server.script = failing
    write(folder, server, "max_retries = 0\n")
    harness("compare", cwd=folder)
    (run,) = (folder / "runs").iterdir()
    server.calls.clear()
    harness("compare", "--resume", run, cwd=folder)
    assert asked(server) == {"5": 1}, "only a failed request is asked again in the same run"
    server.calls.clear()
    explained = harness("compare", "--explain-reuse", cwd=folder)
    assert f"llm: would take 5 of {ROWS} answers (5 from run {run.name}); 3 texts to answer" in explained.out
    assert "never taken over: 1 refused, 1 request_failed, 1 truncated" in explained.out
    assert not server.calls
    again = harness("compare", cwd=folder)
    assert f"llm: 5 answers taken from run {run.name}" in again.out
    assert asked(server) == {"3": 1, "4": 1, "5": 1}


def test_an_explanation_needs_no_endpoint_and_no_key_and_writes_nothing(
    folder: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = write(folder, server, BASELINE)
    assert harness("compare", cwd=folder).code == 0
    (run,) = (folder / "runs").iterdir()
    monkeypatch.delenv("HARNESS_TEST_KEY")
    elsewhere = text.replace(server.url, "https://llm.invalid/v1")
    (folder / "experiment.toml").write_text(f'env_file = "nowhere.env"\n{elsewhere}')
    before, calls = snapshot(folder), len(server.calls)
    said = harness("compare", "--explain-reuse", cwd=folder)
    assert (said.code, said.err) == (0, ""), said
    assert 'endpoint: "127.0.0.1:' in said.out
    assert '-> "llm.invalid/v1"' in said.out
    assert f"tfidf: would take the trained weights of run {run.name}; would take 8 of 8 answers" in said.out
    assert len(server.calls) == calls
    assert snapshot(folder) == before


def test_an_explanation_before_the_first_run_makes_no_folder(folder: Path, server: ChatServer) -> None:
    write(folder, server)
    said = harness("compare", "--explain-reuse", cwd=folder)
    assert said.code == 0, said
    assert "no run in runs holds a classifier of kind llm, or one of this name" in said.out
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("options", [["--fresh"], ["--resume", "runs/x"]])
def test_an_explanation_is_refused_beside_options_that_take_nothing_over(
    folder: Path, options: list[str]
) -> None:
    said = harness("compare", "--explain-reuse", *options, cwd=folder)
    assert said.code == 2
    assert "leave --fresh and --resume out" in said.err


def test_what_is_explained_for_changed_texts_is_what_the_next_run_takes(
    folder: Path, server: ChatServer
) -> None:
    write(folder, server, BASELINE)
    assert harness("compare", cwd=folder).code == 0
    test = folder / "test.csv"
    test.write_text(
        test.read_text().replace("app number 6 ", "app number 60 ") + "app number 9 jump,Action\n"
    )
    explained = harness("compare", "--explain-reuse", cwd=folder)
    assert "7 fit by id and text; 1 text changed; 1 text not in that run" in explained.out
    assert explained.out.count("would take 7 of 9 answers") == 2
    again = harness("compare", cwd=folder)
    for name in ("llm", "tfidf"):
        assert f"{name}: 7 answers taken from run" in again.out
    newest = max((folder / "runs").iterdir())
    timing = json.loads((newest / "classifiers/llm/timing.json").read_text())
    assert (timing["reused"], timing["answered"]) == (7, 2)


def test_a_run_killed_while_it_took_answers_over_takes_the_rest_on_resume(
    folder: Path, server: ChatServer
) -> None:
    write(folder, server)
    assert harness("compare", cwd=folder).code == 0
    assert harness("compare", cwd=folder).code == 0
    second = max((folder / "runs").iterdir())
    _cut(second, 3)
    said = harness("compare", "--resume", second, cwd=folder)
    assert said.code == 0, said
    assert asked(server) == {str(n): 1 for n in range(ROWS)}
    scores = json.loads((second / "scores.json").read_text())["classifiers"]["llm"]
    assert scores["answered"] == scores["time"]["reused"] == ROWS


def test_a_fresh_run_that_was_stopped_stays_fresh(folder: Path, server: ChatServer) -> None:
    write(folder, server)
    assert harness("compare", cwd=folder).code == 0
    assert harness("compare", "--fresh", cwd=folder).code == 0
    before = asked(server).total()
    second = max((folder / "runs").iterdir())
    _cut(second, 3)
    assert harness("compare", "--resume", second, cwd=folder).code == 0
    assert asked(server).total() - before == ROWS - 3


def test_weights_are_taken_over_without_the_onnx_graphs_which_onnx_refuses_to_read_as_hard_links(
    tmp_path: Path,
) -> None:
    earlier = Earlier(RunFolder(tmp_path / "earlier"), "tiny")
    model, taken = earlier.run.model("tiny"), tmp_path / "current" / "model"
    kept = ["config.json", "engine.json", "model.safetensors", "training_identity.json"]
    left = ["onnx/float32-ab12/model.onnx", "checkpoints/checkpoint-5/optimizer.pt", "engine.json.part"]
    for name in (*kept, *left):
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_text(name)
    taken.parent.mkdir()
    take_weights(earlier, taken)
    assert sorted(path.name for path in taken.iterdir()) == kept
    assert all((taken / name).read_text() == name for name in kept)
    assert all((model / name).read_text() == name for name in left), "the earlier run keeps its own"


def _cut(run: Path, rows: int) -> None:
    """Leave a run as a kill after so many rows would have left it."""
    answers = run / "classifiers/llm/predictions.jsonl"
    answers.write_text("".join(answers.read_text().splitlines(keepends=True)[:rows]))
    (run / "classifiers/llm/timing.json").unlink()
