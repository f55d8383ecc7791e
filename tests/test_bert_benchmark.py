"""The benchmark of the BERT classifier runs through, with tiny models in place of the real ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.bert_data import ROOT, absent

pytestmark = pytest.mark.skipif(absent() is not None, reason=str(absent()))


def test_the_contenders_answer_and_fill_the_table(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bert", "--only", "inference", "--tiny"]
    sizes = ["--items", "16", "--engine", "torch-float32", "--cache", str(tmp_path)]
    done = subprocess.run([*command, *sizes], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stderr == ""
    assert re.search(r"^(\d+ of the bounds are not|All bounds are) met\.$", done.stdout, re.MULTILINE)
    lines = re.findall(r"^inference .*$", done.stdout, re.MULTILINE)
    assert len(lines) == 8
    # What does not hang on the size of the model holds here, too.
    assert "labels unlike the trial's" in lines[5]
    assert lines[5].endswith("ok")
