"""What tokens cost: from an endpoint's usage to US dollars, by a dated table or the user's own price.

An unknown price stays unknown: None, never 0. Tokens of a model on this machine have no price at all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from classifiers.contract import Scalar, Usage
from classifiers.settings import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, PriceCalculation, TieredPrices


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

        Every token is charged once. Input that was read from or written to a cache has a price of its own;
        where none is named, that of other input. Reasoning is output.
        """
        if self.override is not None:
            return _own_cost_usd(_own_rates(self.override), usage)
        if not self.known:
            return None
        found = _look_up(self.model, self.base_url, usage)
        return None if found is None else float(found.total_price)

    def cost_of_calls(self, usages: Sequence[Usage | None], *, share: float = 1.0) -> float | None:
        """Return what several calls cost, each priced alone, as some prices rise with the length of a prompt.

        Args:
            usages: of each call.
            share: of the price, what is charged.
        """
        if not any(usage and usage.input_tokens for usage in usages):
            return None  # calls that all failed report no tokens; what they cost is unknown, not 0
        costs = [None if usage is None else self.cost_usd(usage) for usage in usages]
        known = [cost_usd for cost_usd in costs if cost_usd is not None]
        return sum(known) * share if len(known) == len(costs) else None

    @cached_property
    def known(self) -> bool:
        """Whether there is a price."""
        if self.override is not None:
            return True
        if is_this_machine(self.base_url):
            return False
        return _look_up(self.model, self.base_url, _NOTHING) is not None

    @property
    def source(self) -> str | None:
        """Which price this is and of what day, in words, or None where it is unknown."""
        if self.override is not None:
            return f"{self.override.source}, {self.override.date}"
        if not self.known:
            return None
        return f"genai-prices {version('genai-prices')}, prices in force on {date.today().isoformat()}"

    def record(self) -> dict[str, Scalar]:
        """Return an entry of price.json: the prices as applied and their source; None where unknown."""
        own, found, rates = self.override, None, None
        if own is not None:
            rates = _own_rates(own)
        elif self.known and (found := _look_up(self.model, self.base_url, _NOTHING)):
            rates = _table_rates(found.model_price)
        return {
            "model": self.model,
            "endpoint": urlsplit(self.base_url).hostname,
            "provider": found.provider.id if found else None,
            **(asdict(rates) if rates else {field.name: None for field in fields(_Rates)}),
            # In the table's own words, with what four figures cannot say: tiers, a price per request.
            "table_entry": str(found.model_price) if found else None,
            "source": own.source if own else "genai-prices" if found else None,
            "date": str(own.date) if own else date.today().isoformat() if found else None,
            "genai_prices": version("genai-prices"),
        }


@dataclass(frozen=True, kw_only=True)
class _Rates:
    """US dollars per million tokens, as applied."""

    input_usd_per_mtok: float
    cached_input_usd_per_mtok: float
    cache_write_usd_per_mtok: float
    output_usd_per_mtok: float


_NOTHING = Usage(calls=0, input_tokens=0, cached_input_tokens=0, output_tokens=0)


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


def _own_rates(price: Price) -> _Rates:
    cached, written = price.cached_input_usd_per_mtok, price.cache_write_usd_per_mtok
    return _Rates(
        input_usd_per_mtok=price.input_usd_per_mtok,
        cached_input_usd_per_mtok=price.input_usd_per_mtok if cached is None else cached,
        cache_write_usd_per_mtok=price.input_usd_per_mtok if written is None else written,
        output_usd_per_mtok=price.output_usd_per_mtok,
    )


def _own_cost_usd(rates: _Rates, usage: Usage) -> float:
    fresh_tokens = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    micro_usd = (
        fresh_tokens * rates.input_usd_per_mtok
        + usage.cached_input_tokens * rates.cached_input_usd_per_mtok
        + usage.cache_write_tokens * rates.cache_write_usd_per_mtok
        + usage.output_tokens * rates.output_usd_per_mtok
    )
    return micro_usd / 1e6


def _table_rates(prices: ModelPrice) -> _Rates:
    full = _first_tier_usd(prices.input_mtok, 0.0)  # what the table has no price for is not charged
    return _Rates(
        input_usd_per_mtok=full,
        cached_input_usd_per_mtok=_first_tier_usd(prices.cache_read_mtok, full),
        cache_write_usd_per_mtok=_first_tier_usd(prices.cache_write_mtok, full),
        output_usd_per_mtok=_first_tier_usd(prices.output_mtok, 0.0),
    )


def _first_tier_usd(price: Decimal | TieredPrices | None, left_out: float) -> float:
    if price is None:
        return left_out
    return float(price if isinstance(price, Decimal) else price.base)


def _look_up(model: str, base_url: str, usage: Usage) -> PriceCalculation | None:
    from genai_prices import Usage as TableUsage
    from genai_prices import calc_price

    counted = TableUsage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    try:
        return calc_price(counted, model, provider_api_url=base_url)
    except LookupError:  # no such provider, or no such model there
        return None
