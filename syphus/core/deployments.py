"""A deployment: one endpoint, key and model that can answer, with its limits and prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pydantic import SecretStr

    from syphus.core.prices import Rates

ApiType: TypeAlias = Literal["openai", "azure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where requests can be sent.

    `base_url` is the API's root: for `openai` the address that `/chat/completions` is added to
    (usually ending in `/v1`), for `azure` the resource's endpoint without a path. `model` is sent
    as the model, and on Azure is the deployment's name in the address. Either `api_key` or
    `entra_token` may be absent; both are where a compatible server asks for none. `entra_identity`
    says that tokens come from the identity of whoever runs Syphus. No representation shows a
    credential, nor the address, whose query may hold one.

    `rates` are those of single requests, `batch_rates` those of the Batch API, where that is used.

    `requests_per_minute` and `tokens_per_minute` are the user's own limits (None: learn them from
    the response headers); `max_in_flight` bounds concurrency below `--num_threads`.
    """

    name: str
    api_type: ApiType
    base_url: str = field(repr=False)
    model: str
    api_version: str | None = None
    api_key: SecretStr | None = None
    entra_token: SecretStr | None = None
    entra_identity: bool = False
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_in_flight: int | None = None
    rates: Rates | None = None
    batch_rates: Rates | None = None
