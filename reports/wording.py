"""How figures are written and where the words of each language come from.

Every sentence a reader sees lies in `wording_en` or `wording_zh`, under the same keys, or in a module on its
topic with both languages side by side; what is measured is named in `wording_terms`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports import (
    wording_apps,
    wording_calibration,
    wording_cascade,
    wording_charts,
    wording_economics,
    wording_en,
    wording_gate,
    wording_history,
    wording_label_quality,
    wording_next,
    wording_statistics,
    wording_terms,
    wording_zh,
)

_LANGUAGES = ("en", "zh")
_TOPICS = (
    wording_statistics,
    wording_calibration,
    wording_economics,
    wording_cascade,
    wording_label_quality,
    wording_apps,
    wording_next,
    wording_charts,
    wording_gate,
    wording_history,
    wording_terms,
)
SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Words:
    """The words of one language, and its way to write figures."""

    language: str
    texts: Mapping[str, str]

    @classmethod
    def of(cls, language: str) -> Words:
        """Return the words of `en` or `zh`."""
        texts = dict({"en": wording_en.TEXTS, "zh": wording_zh.TEXTS}[language])
        place = _LANGUAGES.index(language)
        for topic in _TOPICS:
            texts |= {key: both[place] for key, both in topic.TEXTS.items()}
        return cls(language, texts)

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of `key` with the values filled in.

        Raises:
            KeyError: no such text, or a value is missing.
        """
        return self.texts[key].format_map(values)

    def known(self, prefix: str, kind: str) -> str:
        """Return the text of `prefix.kind`, or `kind` itself where the language has no word for it."""
        return self.texts.get(f"{prefix}.{kind}", kind)

    def fact(self, key: str, value: object) -> str:
        """Write the value of a fact about a classifier: shares as percent, words where there are some."""
        if isinstance(value, bool):
            return self("term.yes" if value else "term.no")
        if isinstance(value, int | float):
            if key.endswith("_share"):
                return percent(value)
            return count(value) if isinstance(value, int) else f"{value:,.4g}"
        return DASH if value is None else self.known(f"fact.{key}", str(value))

    def listed(self, items: Sequence[str], kind: str = "list") -> str:
        """Join to one enumeration, of names (`list`) or of what is said of each (`clauses`)."""
        if len(items) < 2:
            return "".join(items)
        return self(f"{kind}.comma").join(items[:-1]) + self(f"{kind}.and") + items[-1]

    def level(self, level: int, levels: int) -> str:
        """Name a level: the deepest of several is the whole path."""
        if levels == 1:
            return self("level.only")
        return self("level.last") if level == levels else self("level.one", level=level)

    def column(self, level: int, levels: int) -> str:
        """Name a level at the head of a column."""
        if levels == 1:
            return self("column.level.only")
        return self("column.level.last") if level == levels else self("column.level.one", level=level)


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share of 0..1 as percent."""
    return DASH if share is None else f"{_signless(100 * share, digits)}{SPACE}%"


def points(difference: float | None, digits: int = 1, *, sign: bool = True) -> str:
    """Write a difference of shares in percentage points, without the unit."""
    if difference is None:
        return DASH
    text = _signless(100 * difference, digits)
    return f"+{text}" if sign and not text.startswith(MINUS) and float(text) != 0 else text


def count(number: float | None) -> str:
    """Write a whole number with thousands apart."""
    return DASH if number is None else f"{number:,.0f}"


def rate(per_s: float | None) -> str:
    """Write items per second with three figures."""
    return DASH if per_s is None else _three(per_s)


def seconds(value_s: float | None) -> str:
    """Write a duration in the unit a reader would use."""
    if value_s is None:
        return DASH
    if value_s == 0:
        return f"0{SPACE}s"
    if value_s < 0.001:
        return f"{_three(value_s * 1e6)}{SPACE}µs"
    if value_s < 1:
        return f"{_three(value_s * 1000)}{SPACE}ms"
    if value_s < 120:
        return f"{_three(value_s)}{SPACE}s"
    minutes, rest = divmod(round(value_s), 60)
    if minutes < 120:
        return f"{minutes}{SPACE}min {rest}{SPACE}s" if rest else f"{minutes}{SPACE}min"
    return f"{minutes // 60}{SPACE}h {minutes % 60}{SPACE}min"


def p_value(p: float | None) -> str:
    """Write a p-value; below one in ten thousand only that it is."""
    if p is None:
        return DASH
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.001 else f"{p:.3f}"


def usd(value_usd: float | None) -> str:
    """Write US dollars, small sums with two figures; below a hundredth of a cent only that it is."""
    if value_usd is None:
        return DASH
    if value_usd == 0 or value_usd >= 0.995:
        return f"${value_usd:,.2f}"
    if value_usd < 0.0001:
        return "<\N{NARROW NO-BREAK SPACE}$0.0001"
    return f"${value_usd:.{max(2, 1 - math.floor(math.log10(value_usd)))}f}"


def _signless(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def _three(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
