"""The benchmark of the BERT classifier runs through, with tiny models in place of the real ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.bert_data import ROOT, absent
from tests.benchmarks.bert_scenarios import SCENARIOS

pytestmark = pytest.mark.skipif(absent() is not None, reason=str(absent()))


# A tiny training is too short to be killed half-way for sure; tests/test_checkpoints.py does it step by step.
LEFT_OUT = "resume"


def test_every_scenario_makes_its_runs_and_fills_its_lines(tmp_path: Path) -> None:
    sizes = ["--items", "16", "--memory-items", "2000", "--epochs", "1", "--engine", "torch-float32"]
    command = [sys.executable, "-m", "tests.benchmarks.bert", "--tiny", *sizes]
    command += [argument for name in SCENARIOS if name != LEFT_OUT for argument in ("--only", name)]
    done = subprocess.run(
        [*command, "--cache", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.stderr == ""
    assert re.search(r"^(\d+ of the bounds are not|All bounds are) met\.$", done.stdout, re.MULTILINE)
    lines = {name: re.findall(rf"^{name} .*$", done.stdout, re.MULTILINE) for name in SCENARIOS}
    assert {name: len(found) for name, found in lines.items()} == {
        "inference": 8,
        LEFT_OUT: 0,
        "parity": 1,
        "training": 3,
        "memory": 3,
    }
    # What does not hang on the size of the model holds here, too.
    assert "labels unlike the trial's" in lines["inference"][5]
    assert lines["inference"][5].endswith("ok")
