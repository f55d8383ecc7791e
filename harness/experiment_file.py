"""Station 1: the experiment file, found, read and checked.

In: a path, the name of a built-in experiment, or nothing. Out: an `ExperimentFile`, or one line that says
which key is wrong and what would be right.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from classifiers.settings import BaselineSettings, BertSettings, LlmSettings, Price
from harness.experiment import CompareSettings, DataSettings, Experiment
from prompts.errors import ConfigError

SAMPLE_FOLDER = Path(__file__).parent / "sample"
BUILT_IN = {"sample": "experiment.toml", "sample-zh": "experiment_zh.toml"}


@dataclass(frozen=True, kw_only=True)
class ExperimentFile:
    """An experiment and the place it was read from.

    Attributes:
        experiment: as checked.
        folder: what the relative paths in it are relative to.
        source: the file, for messages.
    """

    experiment: Experiment
    folder: Path
    source: Path

    @property
    def env_file(self) -> Path | None:
        """The file that the experiment names for its keys."""
        named = self.experiment.env_file
        return None if named is None else self.folder / Path(named).expanduser()


def find(argument: str | None) -> Path:
    """Return the file of an experiment: a path, a built-in name, or the default.

    Args:
        argument: None takes `experiment.toml` in the current folder, else the built-in sample.

    Raises:
        ConfigError: no such file and no such built-in name.
    """
    if argument is None:
        here = Path("experiment.toml")
        return here if here.exists() else SAMPLE_FOLDER / BUILT_IN["sample"]
    if argument in BUILT_IN:
        return SAMPLE_FOLDER / BUILT_IN[argument]
    path = Path(argument)
    if path.is_dir():
        path = path / "experiment.toml"
    if not path.exists():
        raise ConfigError(
            f"{argument}: no such experiment file; name one that exists, a built-in one "
            f"({', '.join(BUILT_IN)}), or write one with `harness init`"
        )
    return path


def read(path: Path) -> ExperimentFile:
    """Read and check an experiment file.

    Raises:
        ConfigError: not readable, not TOML, an unknown key or kind, a value out of range, or a secret.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 at byte {exc.start}; save it as UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: not valid TOML: {exc}") from exc
    refuse_secrets(raw, path)
    try:
        experiment = Experiment.model_validate(raw)
    except ValidationError as exc:
        raise ConfigError(_explain(exc, path)) from exc
    return ExperimentFile(experiment=experiment, folder=path.resolve().parent, source=path)


def resolved(file: ExperimentFile) -> dict[str, Any]:
    """Return the experiment as TOML takes it, every default filled in and every path absolute."""
    out = file.experiment.model_dump(mode="python", exclude_none=True)
    if "env_file" in out:
        out["env_file"] = str(file.env_file)
    data = out["data"]
    for key in ("train", "dev", "test", "labels"):
        value = data.get(key)
        if isinstance(value, str) and not value.startswith("hf:"):
            data[key] = str(file.folder / value)
    for classifier in out["classifiers"].values():
        for key in ("base", "prompt", "examples_base"):
            if key in classifier:
                classifier[key] = beside(file.folder, classifier[key])
        if classifier.get("model", "").startswith("local:"):
            classifier["model"] = "local:" + beside(file.folder, classifier["model"].removeprefix("local:"))
    return out


def beside(folder: Path, value: str) -> str:
    """Return `value` as an absolute path where it names a file or folder in `folder`, else unchanged."""
    candidate = folder / value
    looks_like_path = value.startswith((".", "/", "~")) or candidate.exists()
    return str(Path(value).expanduser() if value.startswith("~") else candidate) if looks_like_path else value


_SECRET_KEY = re.compile(r"^(api[_-]?key|key|token|secret|password|authorization)$", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"^(sk-|sk_|Bearer |AIza|hf_|gsk_|xai-)\S{8,}")
_PASSWORD_IN_URL = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#@]*@", re.IGNORECASE)
_ENV_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def refuse_secrets(raw: object, path: Path, keys: tuple[str, ...] = ()) -> None:
    """Refuse an experiment that holds a key itself; the message never repeats it.

    Raises:
        ConfigError: a key by its name or by its looks.
    """
    if isinstance(raw, dict):
        for key, value in raw.items():
            refuse_secrets(value, path, (*keys, str(key)))
    elif isinstance(raw, list):
        for value in raw:
            refuse_secrets(value, path, keys)
    elif isinstance(raw, str) and keys:
        cure = 'put it into an environment variable and name that: api_key_env = "OPENAI_API_KEY"'
        if _PASSWORD_IN_URL.match(raw):
            raise ConfigError(f"{path}: {'.'.join(keys)} holds a password; {cure}")
        if _SECRET_KEY.match(keys[-1]) or _SECRET_VALUE.match(raw):
            raise ConfigError(f"{path}: {'.'.join(keys)} holds a key; {cure}")
        if keys[-1] == "api_key_env" and raw and (not _ENV_NAME.match(raw) or len(raw) > 60):
            raise ConfigError(f"{path}: {'.'.join(keys)} is not the name of an environment variable; {cure}")


_KINDS: Mapping[str, type[BaseModel]] = {
    "bert": BertSettings,
    "llm": LlmSettings,
    "baseline": BaselineSettings,
}


def _explain(exc: ValidationError, path: Path) -> str:
    """Say the first mistake in one line, and how many more there are."""
    first, *rest = sorted(
        exc.errors(), key=lambda error: (error["loc"][-1:] != ("[key]",), error["type"] != "extra_forbidden")
    )
    loc = [str(part) for part in first["loc"]]
    if len(loc) > 2 and loc[0] == "classifiers" and loc[2] in _KINDS:
        fields: type[BaseModel] = _KINDS[loc.pop(2)]
    else:
        tables: Mapping[str, type[BaseModel]] = {
            "data": DataSettings,
            "compare": CompareSettings,
            "prices": Price,
        }
        fields = tables.get(loc[0], Experiment) if len(loc) > 1 else Experiment
    where = ".".join(loc)
    if loc[-1:] == ["[key]"]:  # a name, which may hold what no message should
        message = f"[{loc[0]}.{first['input']!r}] {first['msg'].removeprefix('Value error, ')}"
    elif first["type"] == "extra_forbidden":
        lacking = [
            str(e["loc"][-1]) for e in rest if e["type"] == "missing" and e["loc"][:-1] == first["loc"][:-1]
        ]
        wanted = difflib.get_close_matches(loc[-1], lacking) or fields.model_fields
        message = f"unknown key {where!r}{_did_you_mean(loc[-1], wanted)}"
    elif first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kind = first["input"].get("kind") if isinstance(first["input"], dict) else None
        named = f"unknown kind {kind!r}" if kind is not None else "has no kind"
        message = f"[{where}] {named}{_did_you_mean(str(kind), _KINDS)}"
    elif first["type"] == "missing":
        message = f"{where!r} is missing"
    else:
        reason = first["msg"].removeprefix("Value error, ")
        if isinstance(first["input"], dict):  # of settings that do not go together
            message = f"[{where}] {reason}" if where else reason
        else:
            message = f"{where} = {first['input']!r}: {reason}"
    more = f" (and {len(rest)} more)" if rest else ""
    return f"{path}: {message}{more}"


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names)}"
