"""The example workflow: its `run:` steps are run as GitHub runs them; only `uses:` and the installation are not."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import harness
from tests.gate_runs import CLASSIFIERS, a_run, write_experiment

WORKFLOW = Path(__file__).resolve().parent.parent / "docs" / "github-actions.yml"
NOT_RUN = "Install"  # needs the package index; the harness of this checkout stands on the path instead


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    content = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@dataclass(frozen=True, kw_only=True)
class Job:
    """How a job ended: the exit code of each step that ran, and the step summary."""

    codes: dict[str, int]
    summary: str
    failed: bool


def run_job(workflow: dict[Any, Any], folder: Path) -> Job:
    """Run the steps in one folder as a GitHub runner does: a failure skips what does not say `if: always()`."""
    job = workflow["jobs"]["gate"]
    summary = folder.parent / "summary.md"
    summary.touch()
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    environment = {
        **os.environ, **job["env"], "PATH": path, "CI": "true", "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(folder), "GITHUB_STEP_SUMMARY": str(summary),
    }  # fmt: skip
    codes: dict[str, int] = {}
    failed = False
    for step in job["steps"]:
        if "uses" in step or step["name"] == NOT_RUN or (failed and step.get("if") != "always()"):
            continue
        script = folder.parent / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        codes[step["name"]] = done.returncode
        failed = failed or done.returncode != 0
    return Job(codes=codes, summary=summary.read_text(), failed=failed)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("baseline") / "checkout"
    said = harness("baseline", a_run(folder, classifiers=CLASSIFIERS), "baseline.json", cwd=folder)
    assert said.code == 0, said
    return (folder / "baseline.json").read_text()


def checkout(folder: Path, baseline: str | None, classifiers: str) -> Path:
    place = folder / "checkout"
    place.mkdir()
    write_experiment(place, classifiers=classifiers)
    if baseline is not None:
        (place / "baseline.json").write_text(baseline)
    return place


def test_a_model_as_good_as_the_baseline_passes(
    workflow: dict[Any, Any], baseline: str, tmp_path: Path
) -> None:
    job = run_job(workflow, checkout(tmp_path, baseline, CLASSIFIERS))
    assert job.codes == {"Compare": 0, "Check against the baseline": 0, "Summary": 0}
    assert "**Not worse than the baseline at any level" in job.summary


def test_a_worse_model_fails_the_job_and_the_summary_says_why(
    workflow: dict[Any, Any], baseline: str, tmp_path: Path
) -> None:
    place = checkout(tmp_path, baseline, CLASSIFIERS + 'method = "majority"\n')
    job = run_job(workflow, place)
    assert job.failed
    assert job.codes == {"Compare": 0, "Check against the baseline": 1, "Summary": 0}
    assert "**Worse than the baseline: tfidf at level 1" in job.summary
    assert job.summary.count("| test-") == 30
    (upload,) = (
        step for step in workflow["jobs"]["gate"]["steps"] if "upload-artifact" in step.get("uses", "")
    )
    patterns = upload["with"]["path"].split()
    assert all(list(place.glob(pattern)) for pattern in patterns), patterns


def test_without_a_baseline_the_job_fails_and_the_summary_is_empty(
    workflow: dict[Any, Any], tmp_path: Path
) -> None:
    job = run_job(workflow, checkout(tmp_path, None, CLASSIFIERS))
    assert job.codes == {"Compare": 0, "Check against the baseline": 2, "Summary": 0}
    assert job.summary == ""


def test_the_workflow_has_the_form_that_github_wants(workflow: dict[Any, Any]) -> None:
    assert set(workflow) == {"name", True, "permissions", "jobs"}  # YAML 1.1 reads the key `on` as true
    assert "pull_request" in workflow[True]
    assert workflow["permissions"] == {"contents": "read"}
    job = workflow["jobs"]["gate"]
    assert job["defaults"]["run"]["shell"] == "bash"
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
        else:
            assert "${{" not in step["run"]  # an expression in a script would run what a branch is named


def test_the_job_sets_only_names_that_its_steps_use(workflow: dict[Any, Any]) -> None:
    job = workflow["jobs"]["gate"]
    scripts = "\n".join(step.get("run", "") for step in job["steps"])
    assert all(f"${name}" in scripts for name in job["env"])
