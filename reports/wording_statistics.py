"""The words on intervals, hierarchy and pairs, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {}
