"""Station 1: the key of an endpoint, from the environment or from the file of variables that the user names.

In: the settings of an LLM and the experiment. Out: the key, which goes to the endpoint and nowhere else: not
into `os.environ`, so that no process this one starts inherits it, nor into a file or a message.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping

from classifiers.settings import LlmSettings
from harness.experiment_file import ExperimentFile
from prompts.errors import ClassifierError, ConfigError


def find_api_key(name: str, settings: LlmSettings, file: ExperimentFile) -> str | None:
    """Return the key of an endpoint, or None where it needs none; the environment goes before `env_file`.

    Args:
        name: of the classifier, for messages.
        settings: which variable holds the key.
        file: the experiment.

    Raises:
        ClassifierError: the variable is set nowhere, or holds what cannot be a key.
        ConfigError: `env_file` cannot be read, or the variable is not in it.
    """
    from classifiers.prices import is_this_machine

    variable = settings.api_key_env
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    known: Mapping[str, str] = {}
    if not key and file.env_file:
        known = _variables(file)
        key = known.get(variable, "")
    if not (key.isascii() and key.isprintable()):
        # A header cannot carry it, and the error that says so repeats it.
        raise ClassifierError(f"{name}: {variable} holds a line break or a letter beyond ASCII; set it again")
    if key or is_this_machine(settings.base_url):
        return key or None
    if file.env_file:
        near = difflib.get_close_matches(variable, known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(
            f"{name}: neither the environment nor {file.env_file} sets {variable}: {hint}"
            f"put a line {variable}=... into that file, or set api_key_env to the variable that holds the key"
        )
    raise ClassifierError(
        f"{name}: the environment variable {variable} is not set; put the key of the endpoint into it, set "
        'api_key_env to the one that holds it, or name a file of variables with env_file = ".env"'
    )


def _variables(file: ExperimentFile) -> Mapping[str, str]:
    from dotenv import dotenv_values

    assert file.env_file is not None
    cure = "write it with a line NAME=value for each key, or mend env_file"
    try:
        with file.env_file.open(encoding="utf-8-sig") as stream:
            found = dotenv_values(stream=stream)
    except OSError as exc:
        why = f"cannot be read ({exc.strerror})"
        raise ConfigError(f"{file.source}: env_file: {file.env_file} {why}; {cure}") from exc
    except UnicodeDecodeError as exc:
        why = f"is not UTF-8 at byte {exc.start}"
        # Not "from exc", which holds what the file holds.
        raise ConfigError(f"{file.source}: env_file: {file.env_file} {why}; save it as UTF-8") from None
    # A name without a value may be a key alone on its line: never to be taken, or shown, for a name.
    return {name: value.strip() for name, value in found.items() if value and value.strip()}
