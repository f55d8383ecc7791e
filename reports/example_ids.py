"""Station 5: ids of rows worth looking at, the same ones every time."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from reports.arrays import Flags


def pick(ids: Sequence[str], rows: Flags, most: int, seed: str) -> list[str]:
    """Pick at most `most` of the marked rows' ids, in the order of the file."""
    places = np.flatnonzero(rows).tolist()
    if len(places) > most:
        places = sorted(Random(seed).sample(places, most))
    return [ids[place] for place in places]
