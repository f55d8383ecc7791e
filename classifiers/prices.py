"""What tokens cost: from an endpoint's usage to US dollars, by a dated table or the user's own price.

An unknown price stays unknown: None, never 0. Tokens of a model on this machine have no price at all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.metadata import version
from urllib.parse import urlsplit

from classifiers.contract import Usage
from classifiers.settings import Price


@dataclass(frozen=True, kw_only=True)
class PriceSource:
    """Where the price of one model comes from.

    Attributes:
        model: as the endpoint calls it.
        base_url: which provider's price it is.
        override: the user's own price, or None to look it up in the table.
    """

    model: str
    base_url: str
    override: Price | None = None

    def cost_usd(self, usage: Usage) -> float | None:
        """Return what the tokens cost, or None where the price is not known.

        Cached input is charged at its own price; where an own price names none, at that of other input.
        """
        if self.override is not None:
            cached = self.override.cached_input_usd_per_mtok
            full = self.override.input_usd_per_mtok
            fresh_tokens = usage.input_tokens - usage.cached_input_tokens
            micro_usd = (
                fresh_tokens * full
                + usage.cached_input_tokens * (full if cached is None else cached)
                + usage.output_tokens * self.override.output_usd_per_mtok
            )
            return micro_usd / 1e6
        if not self.known:
            return None
        return _table_cost_usd(self.model, self.base_url, usage)

    @cached_property
    def known(self) -> bool:
        """Whether there is a price."""
        if self.override is not None:
            return True
        if is_this_machine(self.base_url):
            return False
        nothing = Usage(calls=0, input_tokens=0, cached_input_tokens=0, output_tokens=0)
        return _table_cost_usd(self.model, self.base_url, nothing) is not None

    @property
    def source(self) -> str | None:
        """Which price this is and of what day, in words, or None where it is unknown."""
        if self.override is not None:
            return f"{self.override.source}, {self.override.date}"
        if not self.known:
            return None
        return f"genai-prices {version('genai-prices')}, prices in force on {date.today().isoformat()}"


def price_of(model: str, base_url: str, overrides: Mapping[str, Price]) -> PriceSource:
    """Find out what a model at an endpoint costs; an override by the model's name goes first."""
    return PriceSource(model=model, base_url=base_url, override=overrides.get(model))


def is_this_machine(base_url: str) -> bool:
    """Tell whether an endpoint is on this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, not an address
        return host == "localhost" or host.endswith(".localhost")


def _table_cost_usd(model: str, base_url: str, usage: Usage) -> float | None:
    from genai_prices import Usage as TableUsage
    from genai_prices import calc_price

    counted = TableUsage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
    )
    try:
        return float(calc_price(counted, model, provider_api_url=base_url).total_price)
    except LookupError:  # no such provider, or no such model there
        return None
