"""Station 6: what the files of charts are called.

In: charts. Out: the same by a name that says what it shows, is safe on every file system and is there once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from reports.plots import Chart

LONGEST = 60  # signs; of four bytes each they stay below the 255 bytes of a file's name


def file_names(charts: Sequence[Chart]) -> dict[str, Chart]:
    """Return the charts by the name of their file, without its ending; two that are alike are numbered."""
    named: dict[str, Chart] = {}
    taken: set[str] = set()
    for chart in charts:
        name = first = _safe(chart.file) or chart.key
        number = 2
        while name.casefold() in taken:  # macOS and Windows take A and a for one
            name, number = f"{first}-{number}", number + 1
        taken.add(name.casefold())
        named[name] = chart
    return named


def _safe(text: str) -> str:
    return re.sub(r"[^\w]+", "-", unicodedata.normalize("NFC", text))[:LONGEST].strip("-")
