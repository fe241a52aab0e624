"""What tokens cost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core import prices
from syphus.core.prices import Rates, batch_rates, known_rates
from syphus.core.records import Usage

OPENAI = "https://api.openai.com/v1"
COUNTS = st.integers(0, 10**7)
PRICES = st.floats(0, 0.01)
RATES = st.builds(Rates, prompt=PRICES, completion=PRICES, cached=PRICES)


def test_each_kind_of_token_has_its_own_rate() -> None:
    """Cached prompt tokens are part of the prompt, and charged at their own price only."""
    rates = Rates(prompt=4.0, completion=16.0, cached=1.0)
    usage = Usage(prompt_tokens=10, completion_tokens=3, cached_tokens=6)
    assert rates.cost(usage) == 4 * 4.0 + 6 * 1.0 + 3 * 16.0


def test_nothing_used_costs_nothing() -> None:
    """A failed attempt without usage is free."""
    assert Rates(prompt=1.0, completion=1.0, cached=1.0).cost(Usage()) == 0


@given(RATES, COUNTS, COUNTS, COUNTS)
def test_no_reply_costs_more_than_at_most(
    rates: Rates, tokens: int, answer: int, hits: int
) -> None:
    """A budget that reserves `at_most` covers every reply within those tokens."""
    usage = Usage(prompt_tokens=tokens, completion_tokens=answer, cached_tokens=min(hits, tokens))
    bound = rates.at_most(tokens, answer)
    cost = rates.cost(usage)
    assert cost <= bound or math.isclose(cost, bound, rel_tol=1e-12)


def test_list_prices_of_a_known_model() -> None:
    """GPT-4o at OpenAI: 2.50, 10.00 and, cached, 1.25 dollars a million tokens."""
    rates = known_rates("gpt-4o", base_url=OPENAI)
    assert rates is not None
    assert (rates.prompt, rates.completion, rates.cached) == pytest.approx((2.5e-6, 1e-5, 1.25e-6))


def test_a_dated_model_has_the_price_of_its_family() -> None:
    """Providers answer with dated names; both cost the same."""
    dated = known_rates("gpt-4o-mini-2024-07-18", base_url=OPENAI)
    assert dated is not None
    assert dated == known_rates("gpt-4o-mini", base_url=OPENAI)


def test_azure_sells_at_list_price_under_the_model_name() -> None:
    """A deployment named after its model is recognised at any Azure resource."""
    azure = known_rates("gpt-4o", base_url="https://some-resource.openai.azure.com")
    assert azure == known_rates("gpt-4o", base_url=OPENAI)


def test_without_a_cache_price_cached_tokens_cost_as_others() -> None:
    """GPT-4 has no discount for the cache."""
    rates = known_rates("gpt-4", base_url=OPENAI)
    assert rates is not None
    assert rates.cached == rates.prompt > 0


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        ("gpt-4o", "http://127.0.0.1:8000/v1"),
        ("gpt-4o", "http://localhost/api.openai.com"),
        ("gpt-4o", ""),
        ("no-such-model", OPENAI),
        ("my-deployment", "https://some-resource.openai.azure.com"),
        ("", OPENAI),
    ],
)
def test_where_no_price_is_known_there_is_none(model: str, base_url: str) -> None:
    """A server of one's own and an unknown model have no rates rather than invented ones."""
    assert known_rates(model, base_url=base_url) is None


def test_a_fee_per_request_is_no_price_per_token() -> None:
    """Perplexity's sonar: 1 dollar a million tokens, beside a fee for each request."""
    rates = known_rates("sonar", base_url="https://api.perplexity.ai")
    assert rates is not None
    assert rates.prompt == pytest.approx(1e-6)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://localhost:8000/v1",
        "http://127.0.0.1/v1",
        "https://[::1]:8000/v1",
        "https://[::ffff:1.2.3.4]/v1",
        "http://vllm/v1",
        "http://10.0.0.7:8000",
    ],
)
def test_addresses_without_a_public_name_have_no_list_price(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The price list, which isn't even loaded for them, has no provider at such an address."""
    assert known_rates("gpt-4o", base_url=base_url) is None
    monkeypatch.setattr(prices, "_is_public_name", bool)
    assert known_rates("gpt-4o", base_url=base_url) is None


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "gpt-5-mini"])
@pytest.mark.parametrize("base_url", [OPENAI, "https://some-resource.openai.azure.com"])
def test_a_batch_costs_half(model: str, base_url: str) -> None:
    """At OpenAI as genai-prices lists it, at Azure by the discount that is stated."""
    single, batch = known_rates(model, base_url=base_url), batch_rates(model, base_url=base_url)
    assert single is not None
    assert batch is not None
    assert batch.prompt == pytest.approx(single.prompt / 2)
    assert batch.completion == pytest.approx(single.completion / 2)
    assert batch.cached <= single.cached


def test_a_batch_without_a_known_price_has_none() -> None:
    """Half of nothing isn't invented."""
    assert batch_rates("no-such-model", base_url=OPENAI) is None
