"""The shape of the tree: imports go one way, the command line starts fast, files stay small and portable."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
LAYERS = ("prompts", "classifiers", "reports", "harness")  # each may import itself and what stands before it
LINES_AT_MOST = 300
HELP_AT_MOST_S = 0.5
HEAVY = (
    *("torch", "transformers", "openai", "pandas", "sklearn", "scipy", "numpy"),
    *("statsmodels", "datasets", "datasketch", "genai_prices", "xllamacpp", "dotenv"),
    *("onnx", "onnxruntime", "openvino"),
)


def modules() -> list[Path]:
    return sorted(path for layer in LAYERS for path in (REPOSITORY / layer).rglob("*.py"))


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import, those inside functions and `if TYPE_CHECKING` included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def against_the_grain(layer: str, source: str) -> list[tuple[int, str]]:
    later = {*LAYERS[LAYERS.index(layer) + 1 :], "tests"}
    return [
        (line, name)
        for line, name in imported(source)
        if name.split(".")[0] in later or name.startswith("..")
    ]


def test_imports_go_one_way() -> None:
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for path in modules()
        for line, name in against_the_grain(
            path.relative_to(REPOSITORY).parts[0], path.read_text(encoding="utf-8")
        )
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "statement",
    [
        "import harness.cli",
        "from harness import cli",
        "def later():\n    from reports.answers import read",
        "import json, tests.test_sample",
        "from ..harness import cli",
    ],
)
def test_an_import_against_the_direction_is_found_wherever_it_hides(statement: str) -> None:
    assert against_the_grain("classifiers", statement)


def test_an_import_in_the_direction_or_of_a_similar_name_is_allowed() -> None:
    source = (
        "import harness_of_others\nfrom prompts.errors import ConfigError\nfrom classifiers import contract"
    )
    assert against_the_grain("classifiers", source) == []


def test_importing_the_command_line_loads_no_heavy_library() -> None:
    code = "import sys, harness.cli; print(' '.join({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "harness" in loaded
    assert loaded & set(HEAVY) == set()


def test_help_answers_in_under_half_a_second() -> None:
    # The best of several: the rest is what else this machine is doing.
    command = [str(Path(sysconfig.get_path("scripts")) / "harness"), "--help"]
    seconds = []
    for _ in range(8):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0, done.stderr
        assert "compare" in done.stdout
    assert min(seconds) < HELP_AT_MOST_S, f"{min(seconds):.2f} s at best of {len(seconds)}"


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    too_long = {str(path.relative_to(REPOSITORY)): n for path, n in lengths.items() if n > LINES_AT_MOST}
    assert too_long == {}


def places_of_this_machine() -> list[str]:
    """Return patterns for what only means something here: folders, and where packages come from."""
    folders = {REPOSITORY}
    if sys.prefix != sys.base_prefix:
        folders.add(Path(sys.prefix))
    if REPOSITORY.parent not in (Path(tempfile.gettempdir()).resolve(), Path("/")):
        folders.add(REPOSITORY.parent)
    settings = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    settings += [f"{key}={value}" for key, value in os.environ.items() if "INDEX" in key]
    sources = "\n".join(line for line in settings if re.search(r"index|find-links|trusted", line, re.I))
    folders |= {Path(found) for found in re.findall(r"(?:file://|(?<=[\s'\"=]))(/[^\s'\"]+)", sources)}
    hosts = {host for host in re.findall(r"https?://(?:[^\s'\"/@]*@)?([^\s'\"/:]+)", sources) if "." in host}
    return [
        *(rf"(?<![\w.-]){re.escape(str(folder))}(?![\w.-])" for folder in folders),
        *(re.escape(host) for host in hosts if not host.startswith("127.")),
        r"(?<!\w)/(?:home|Users)/\w+/",
        r"(?<!\w)/root/\w",
        r"pypi\.org",
        r"pythonhosted\.org",
    ]


def published_files() -> list[Path]:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout, so which files are published is not known")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := REPOSITORY / name).is_file()]


def test_no_published_file_names_a_place_of_this_machine_or_a_package_registry() -> None:
    pattern = re.compile("|".join(places_of_this_machine()))
    found = [
        f"{path.relative_to(REPOSITORY)}:{number} says {hit.group()!r}"
        for path in published_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), start=1)
        if (hit := pattern.search(line))
    ]
    assert found == []


def test_a_place_of_this_machine_is_recognised() -> None:
    pattern = re.compile("|".join(places_of_this_machine()))
    home = "/" + "home/someone/models"
    assert pattern.search(f'base = "{REPOSITORY}"')
    assert pattern.search(f"see {home}")
    assert not pattern.search("prompts/templates, ../shared, /models/some.gguf and https://example.com")
