"""The words on charts, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {}
