"""Keys of endpoints: from the environment or from the file the user names, and into nothing but the request."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from classifiers.settings import LlmSettings
from harness.api_key import find_api_key
from harness.experiment_file import read
from prompts.errors import ConfigError, HarnessError
from tests.chat_server import ChatServer, Reply, chat_server, refusal
from tests.command import harness

KEY = "sk-test-51c7e09d3ab8f642"
NAME = "HARNESS_TEST_KEY"
ELSEWHERE = "https://llm.invalid/v1"
ROWS = 6


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(NAME, raising=False)
    (tmp_path / "class.txt").write_text("Action\nPuzzle\n")
    (tmp_path / "test.csv").write_text("text,label\n" + "".join(f"game {n},Action\n" for n in range(ROWS)))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "keys.env").write_text(f"# keys\nOTHER=1\nexport {NAME}='{KEY}'\n")
    return tmp_path


def write(folder: Path, url: str, *, env_file: str | None = "secrets/keys.env", more: str = "") -> Path:
    path = folder / "experiment.toml"
    named = f'env_file = "{env_file}"\n' if env_file else ""
    path.write_text(
        f'name = "keys"\n{named}[data]\ntest = "test.csv"\nlabels = "class.txt"\n[classifiers.llm]\nkind = "llm"\n'
        f'model = "loopback"\nbase_url = "{url}"\napi_key_env = "{NAME}"\nmax_retries = 0\n{more}\n'
    )
    return path


def found_key(experiment: Path) -> str | None:
    file = read(experiment)
    settings = file.experiment.classifiers["llm"]
    assert isinstance(settings, LlmSettings)
    return find_api_key("llm", settings, file)


def refused_with(experiment: Path) -> str:
    with pytest.raises(HarnessError) as caught:
        found_key(experiment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def sent(server: ChatServer) -> set[str]:
    return {call.headers["authorization"] for call in server.calls}


def files_with(text: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_key_from_the_env_file_reaches_the_endpoint_and_no_file_or_output_also_on_resume(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def script(_: object) -> Reply:
        if len(server.calls) == 3:
            return refusal(401, f"Incorrect API key provided: {KEY}")
        return Reply(text="Action")

    with chat_server(script) as server:
        write(folder, server.url, more="concurrency = 1")
        stopped = harness("compare", cwd=folder)
        assert stopped.code == 1, stopped
        (run,) = (folder / "runs").iterdir()
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        resumed = harness("compare", "--resume", run, cwd=elsewhere)
        assert resumed.code == 0, resumed
        assert sent(server) == {f"Bearer {KEY}"}
    assert files_with(KEY, run) == []
    assert KEY not in stopped.out + stopped.err + resumed.out + resumed.err
    stored = tomllib.loads((run / "experiment.toml").read_text())
    assert stored["env_file"] == str(folder / "secrets/keys.env")


def test_the_environment_goes_before_the_env_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "from-the-environment")
    assert found_key(write(folder, ELSEWHERE)) == "from-the-environment"
    assert found_key(write(folder, ELSEWHERE, env_file="nowhere")) == "from-the-environment"
    monkeypatch.setenv(NAME, " ")
    assert found_key(write(folder, ELSEWHERE)) == KEY


def test_reading_the_env_file_leaves_the_environment_as_it_is(folder: Path) -> None:
    before = dict(os.environ)
    assert found_key(write(folder, ELSEWHERE)) == KEY
    assert dict(os.environ) == before


def test_the_env_file_may_begin_with_a_mark_and_lie_at_an_absolute_path(folder: Path) -> None:
    path = folder / "marked.env"
    path.write_bytes(f"\ufeff{NAME}={KEY}\r\n".encode())
    assert found_key(write(folder, ELSEWHERE, env_file=str(path))) == KEY


def test_a_missing_env_file_is_one_line_before_anything_is_written(folder: Path) -> None:
    write(folder, ELSEWHERE, env_file=".env")
    said = harness("compare", cwd=folder)
    assert said.code == 2, said
    (line,) = said.err.splitlines()
    assert f"env_file: {folder / '.env'} cannot be read (No such file or directory)" in line
    assert "NAME=value" in line
    assert not (folder / "runs").exists()


def test_a_folder_or_another_encoding_as_env_file_is_one_line(folder: Path) -> None:
    assert "cannot be read (Is a directory)" in refused_with(write(folder, ELSEWHERE, env_file="secrets"))
    (folder / "wide.env").write_bytes(f"{NAME}={KEY}".encode("utf-16"))
    with pytest.raises(ConfigError, match="is not UTF-8 at byte 0") as caught:
        found_key(write(folder, ELSEWHERE, env_file="wide.env"))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        ("HARNES_TEST_KEY=other\nUNLIKE=1", "did you mean 'HARNES_TEST_KEY'? "),
        ("UNLIKE=1", ""),
        ("", ""),
        (f"{NAME}=", ""),
    ],
)
def test_an_env_file_without_the_key_names_the_nearest_one_it_has(
    folder: Path, lines: str, hint: str
) -> None:
    (folder / "secrets/keys.env").write_text(lines)
    message = refused_with(write(folder, ELSEWHERE))
    assert message == (
        f"llm: neither the environment nor {folder / 'secrets/keys.env'} sets {NAME}: {hint}put a line {NAME}=... "
        "into that file, or set api_key_env to the variable that holds the key"
    )


def test_a_key_alone_on_its_line_is_not_shown_as_a_name(folder: Path) -> None:
    (folder / "secrets/keys.env").write_text(f"{NAME}_9d3ab8f642\n")
    assert "9d3ab8f642" not in refused_with(write(folder, ELSEWHERE))


def test_without_an_env_file_the_message_names_it_as_a_cure(folder: Path) -> None:
    message = refused_with(write(folder, ELSEWHERE, env_file=None))
    assert f"{NAME} is not set" in message
    assert 'env_file = ".env"' in message


def test_a_server_on_this_machine_needs_no_key(folder: Path) -> None:
    (folder / "secrets/keys.env").write_text("OTHER=1\n")
    assert found_key(write(folder, "http://127.0.0.1:9/v1")) is None


@pytest.mark.parametrize("inside", ["\n", "\N{EM DASH}"])
def test_a_key_that_no_header_can_carry_is_refused_without_repeating_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    key = f"{KEY[:8]}{inside}{KEY[8:]}"
    monkeypatch.setenv(NAME, key)
    message = refused_with(write(folder, ELSEWHERE))
    assert message.startswith(f"llm: {NAME} holds a line break or a letter beyond ASCII")
    assert not re.search(f"{KEY[:8]}|{KEY[8:]}", message)


def test_a_line_feed_at_the_end_of_a_key_is_no_part_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, f"{KEY}\n")
    assert found_key(write(folder, ELSEWHERE)) == KEY
