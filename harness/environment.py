"""What a run was made with: versions, hardware, revision, so that a report can be reproduced."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from classifiers.devices import describe_cpu

PACKAGES = (
    "llm-vs-bert",
    "torch",
    "transformers",
    "accelerate",
    "tokenizers",
    "openai",
    "xllamacpp",
    "scikit-learn",
    "scipy",
    "numpy",
    "pandas",
    "datasketch",
    "genai-prices",
)


def describe_environment(folder: Path) -> dict[str, Any]:
    """Return the versions and the hardware, and the git revision of `folder` where it has one."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": describe_cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "git_revision": _git_revision(folder),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory_gb() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)


def _git_revision(folder: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
