"""What tokens cost.

Prices come from the `genai-prices` package or from the user, never from a table of our own. They
are looked up once a deployment and kept as rates per token, because the package's lookup takes
some 80 microseconds and a reply's cost is wanted for each of millions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.core.records import Usage

_PROBE_TOKENS = 1000
# What genai-prices calls the Batch API among the variants of a model's price.
_BATCH = {"processing": "batch"}
_BATCH_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """US dollars per token."""

    prompt: float
    completion: float
    cached: float

    def cost(self, usage: Usage) -> float:
        """The price of one reply in US dollars; cached prompt tokens at their own rate."""
        fresh = usage.prompt_tokens - usage.cached_tokens
        return (
            fresh * self.prompt
            + usage.cached_tokens * self.cached
            + usage.completion_tokens * self.completion
        )

    def at_most(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The most that a request can cost in US dollars: nothing cached, every token used."""
        return prompt_tokens * max(self.prompt, self.cached) + completion_tokens * self.completion


def batch_rates(model: str, *, base_url: str) -> Rates | None:
    """The list price of `model` in the Batch API of the provider behind `base_url`, or None.

    Where genai-prices has no batch price (it has none for Azure), half of the list price: "50% cost
    discount compared to synchronous APIs" (OpenAI, "Batch API" guide), "50% less cost than global
    standard" (Azure OpenAI, "Getting started with batch deployments").
    """
    usual = known_rates(model, base_url=base_url)
    batch = known_rates(model, base_url=base_url, context=_BATCH)
    if usual is None or batch != usual:
        return batch
    return halved(usual)


def halved(rates: Rates) -> Rates:
    """What batches cost where single requests cost `rates` and nothing else is known."""
    return Rates(
        prompt=rates.prompt * _BATCH_SHARE,
        completion=rates.completion * _BATCH_SHARE,
        cached=rates.cached * _BATCH_SHARE,
    )


def known_rates(
    model: str, *, base_url: str, context: Mapping[str, str] | None = None
) -> Rates | None:
    """The list price of `model` at the provider behind `base_url`, or None where none is known.

    `context` chooses among the variants of that price, in genai-prices' words.

    The rates are those of short prompts, where a provider charges long ones more.

    A server of one's own has no list price, even if it serves a model that others sell: the
    provider is recognised by its address.
    """
    if not _is_public_name(urlsplit(base_url).hostname or ""):
        return None
    from genai_prices import Usage as PricedUsage  # noqa: PLC0415 - 160 ms, not needed by --help
    from genai_prices import calc_price  # noqa: PLC0415

    def price(tokens: int, *kinds: str) -> float:
        usage = PricedUsage(**dict.fromkeys(kinds, tokens))
        found = calc_price(usage, model, provider_api_url=base_url, price_context=context)
        return float(found.total_price)

    def rate(*kinds: str) -> float:
        # The difference leaves out a fee that is charged for each request.
        return (price(2 * _PROBE_TOKENS, *kinds) - price(_PROBE_TOKENS, *kinds)) / _PROBE_TOKENS

    try:
        return Rates(
            prompt=rate("input_tokens"),
            completion=rate("output_tokens"),
            cached=rate("input_tokens", "cache_read_tokens"),
        )
    except LookupError:
        return None


def _is_public_name(host: str) -> bool:
    """Whether a provider could be there: at no IP address, and under no name without a dot."""
    return "." in host and not host[-1].isdigit()
