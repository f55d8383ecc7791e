"""`harness data`: what is in the data and what is wrong with it, on a terminal."""

from __future__ import annotations

STYLES = {"error": "bold red", "warning": "yellow", "note": ""}
