"""Which deployments a run may use, from its settings and the environment.

The environment is spelled as the first Syphus had it (`OPENAI_API_TYPE`, `OPENAI_API_KEY`,
`OPENAI_API_BASE`, `OPENAI_API_VERSION`, `OPENAI_API_ENGINE`) or as the SDKs of today have it
(`OPENAI_BASE_URL`, `OPENAI_MODEL`, `AZURE_OPENAI_ENDPOINT`, `AZURE_OPENAI_API_KEY`,
`AZURE_OPENAI_AD_TOKEN`). The type `azure_ad` means Entra: a token, or the identity of whoever runs
Syphus where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from syphus.core.deployments import ApiType, Deployment
from syphus.core.errors import SettingsError
from syphus.core.prices import Rates, batch_rates, known_rates
from syphus.core.secrets import hide_in_url, hide_looks, secrets_in_environment, secrets_in_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syphus.core.settings import DeploymentEntry, Price, Settings

OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_OPENAI_MODEL = "gpt-4o-mini"
# The newest generally available version of Azure's dated data-plane API.
DEFAULT_AZURE_VERSION = "2024-10-21"
_MILLION = 1e6
_API_TYPES = ("azure", "azure_ad", "azuread", "open_ai", "openai", "local")


def choose_deployments(settings: Settings, env: Mapping[str, str]) -> tuple[Deployment, ...]:
    """The deployments of a run; none means the embedded local model.

    A deployment whose `model` is empty serves a model that only the server can name.

    Raises SettingsError for an endpoint without a key, a key without an endpoint that wants one,
    an unknown type, an address that isn't one, or two deployments of one name.
    """
    if settings.backend == "local":
        return ()
    if not settings.deployments or settings.base_url is not None:
        return _from_environment(settings, env)
    entries = enumerate(settings.deployments, start=1)
    found = tuple(_from_entry(number, entry, settings, env) for number, entry in entries)
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"{_file(settings)}deployments: two have the name {twice!r}")
    return found


def find_secrets(settings: Settings, env: Mapping[str, str]) -> Iterator[str]:
    """Every credential that a run could know, whether it uses it or not."""
    yield from secrets_in_environment(env)
    addresses = [settings.base_url or ""]
    for entry in settings.deployments:
        addresses.append(entry.base_url)
        if entry.api_key:
            yield entry.api_key.get_secret_value().strip()
        if entry.api_key_env:
            yield env.get(entry.api_key_env, "").strip()
    for address in addresses:
        yield from secrets_in_url(address)


def _file(settings: Settings) -> str:
    return f"--config {settings.config}: " if settings.config else ""


def _first(env: Mapping[str, str], *names: str) -> str | None:
    return next((env[name].strip() for name in names if env.get(name, "").strip()), None)


def _chosen(settings: Settings, name: str, from_environment: str | None) -> str | None:
    """A flag, else the environment, else the settings file."""
    value: str | None = getattr(settings, name)
    if name in settings.from_file:
        return from_environment or value
    return value or from_environment


def _chosen_model(settings: Settings, env: Mapping[str, str]) -> str | None:
    return _chosen(settings, "model", _first(env, "OPENAI_API_ENGINE", "OPENAI_MODEL"))


def is_model_named(settings: Settings, env: Mapping[str, str]) -> bool:
    """Whether a flag, the environment or a file names the model, not a default or the server."""
    in_file = settings.base_url is None and any(each.model for each in settings.deployments)
    return in_file or _chosen_model(settings, env) is not None


def is_address_named(settings: Settings, env: Mapping[str, str]) -> bool:
    """Whether a flag, the environment or a file names an endpoint, so that a key doesn't choose."""
    names = ("OPENAI_API_BASE", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT")
    return bool(settings.deployments or settings.base_url or _first(env, *names))


def _api_type(env: Mapping[str, str]) -> str | None:
    spelled = _first(env, "OPENAI_API_TYPE")
    if spelled is None:
        return None
    if spelled.lower() not in _API_TYPES:
        raise SettingsError(
            f"OPENAI_API_TYPE is {hide_looks(spelled)!r}; it must be azure, azure_ad, open_ai, "
            "openai or local"
        )
    return spelled.lower()


def _from_environment(settings: Settings, env: Mapping[str, str]) -> tuple[Deployment, ...]:
    api_type = _api_type(env)
    base_url = _chosen(settings, "base_url", _first(env, "OPENAI_API_BASE", "OPENAI_BASE_URL"))
    if base_url is None and api_type in (None, "azure", "azure_ad", "azuread"):
        base_url = _first(env, "AZURE_OPENAI_ENDPOINT")
        if base_url is not None:
            api_type = api_type or "azure"
    if settings.backend == "auto" and base_url is None:
        has_key = _first(env, "OPENAI_API_KEY") is not None
        if api_type == "local" or (api_type is None and not has_key):
            return _no_endpoint(settings)
    model = _chosen_model(settings, env)
    if api_type in ("azure", "azure_ad", "azuread"):
        return (_azure(settings, env, base_url=base_url, model=model, entra=api_type != "azure"),)
    key = _first(env, "OPENAI_API_KEY")
    url = _checked_url(base_url or OPENAI_URL, "--base_url")
    if key is None and _wants_key(url):
        raise SettingsError(
            f"{hide_in_url(url)} wants a key: set OPENAI_API_KEY, or --base_url for another "
            "endpoint"
        )
    if model is None and url.startswith(OPENAI_URL):
        model = DEFAULT_OPENAI_MODEL
    return (
        _deployment(
            settings,
            name="openai" if url.startswith(OPENAI_URL) else _host(url),
            api_type="openai",
            base_url=url,
            model=model or "",
            api_key=key,
        ),
    )


def _no_endpoint(settings: Settings) -> tuple[()]:
    if settings.model and not settings.model.endswith(".gguf"):
        raise SettingsError(
            f"--model {settings.model}: no endpoint serves it; set OPENAI_API_KEY or --base_url"
        )
    return ()


def _azure(
    settings: Settings,
    env: Mapping[str, str],
    *,
    base_url: str | None,
    model: str | None,
    entra: bool,
) -> Deployment:
    if base_url is None:
        raise SettingsError("Azure needs an address: set OPENAI_API_BASE or AZURE_OPENAI_ENDPOINT")
    url = _checked_url(base_url, "OPENAI_API_BASE")
    token = _first(env, "AZURE_OPENAI_AD_TOKEN")
    key = _first(env, "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY")
    if entra:
        token, key = token or key, None
    if token is None and key is None and not entra:
        raise SettingsError(
            f"{hide_in_url(url)} wants a key: set OPENAI_API_KEY, AZURE_OPENAI_API_KEY or "
            "AZURE_OPENAI_AD_TOKEN, or OPENAI_API_TYPE=azure_ad to use your Entra identity"
        )
    if model is None:
        raise SettingsError(
            "Azure needs the deployment's name: set OPENAI_API_ENGINE, OPENAI_MODEL or --model"
        )
    return _deployment(
        settings,
        name=_host(url),
        api_type=_azure_type(url),
        base_url=url,
        model=model,
        api_version=_first(env, "OPENAI_API_VERSION"),
        api_key=key,
        entra_token=token,
        entra_identity=entra and token is None,
    )


def _from_entry(
    number: int, entry: DeploymentEntry, settings: Settings, env: Mapping[str, str]
) -> Deployment:
    where = f"{_file(settings)}deployments.{entry.name or number}"
    url = _checked_url(entry.base_url, f"{where}.base_url")
    key = entry.api_key.get_secret_value() if entry.api_key else None
    if entry.api_key_env:
        key = _first(env, entry.api_key_env)
        if key is None:
            raise SettingsError(f"{where}.api_key_env: the variable {entry.api_key_env} is not set")
    if key is None:
        key = _first(env, "AZURE_OPENAI_AD_TOKEN" if entry.entra else "OPENAI_API_KEY")
    if key is None and not entry.entra and (entry.api_type == "azure" or _wants_key(url)):
        raise SettingsError(
            f"{where}: {hide_in_url(url)} wants a key: set api_key, api_key_env or "
            "OPENAI_API_KEY, or entra = true"
        )
    model = entry.model or _chosen_model(settings, env)
    if entry.api_type == "azure" and not model:
        raise SettingsError(f"{where}.model: Azure needs the deployment's name")
    return _deployment(
        settings,
        name=entry.name or f"{_host(url)}#{number}",
        api_type=_azure_type(url) if entry.api_type == "azure" else "openai",
        base_url=url,
        model=model or "",
        api_version=entry.api_version,
        api_key=None if entry.entra else key,
        entra_token=key if entry.entra else None,
        entra_identity=entry.entra and key is None,
        entry=entry,
    )


def _deployment(
    settings: Settings,
    *,
    name: str,
    api_type: ApiType,
    base_url: str,
    model: str,
    api_key: str | None,
    api_version: str | None = None,
    entra_token: str | None = None,
    entra_identity: bool = False,
    entry: DeploymentEntry | None = None,
) -> Deployment:
    price = entry.price if entry else None
    in_batches = None
    if settings.backend == "batch":
        in_batches = _rates(price) if price else batch_rates(model, base_url=base_url)
    return Deployment(
        name=name,
        api_type=api_type,
        base_url=base_url,
        model=model,
        api_version=(api_version or DEFAULT_AZURE_VERSION) if api_type == "azure" else None,
        api_key=SecretStr(api_key) if api_key else None,
        entra_token=SecretStr(entra_token) if entra_token else None,
        entra_identity=entra_identity,
        requests_per_minute=(entry.rpm if entry else None) or settings.rpm,
        tokens_per_minute=(entry.tpm if entry else None) or settings.tpm,
        max_in_flight=entry.max_in_flight if entry else None,
        rates=_rates(price) if price else known_rates(model, base_url=base_url),
        batch_rates=in_batches,
    )


def _rates(price: Price) -> Rates:
    cached = price.prompt if price.cached is None else price.cached
    return Rates(
        prompt=price.prompt / _MILLION,
        completion=price.completion / _MILLION,
        cached=cached / _MILLION,
    )


def _checked_url(url: str, where: str) -> str:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        # Its words repeat a part of the address, which may be one of a password.
        raise SettingsError(f"{where}: {hide_in_url(url)!r} is no address") from None
    spaced = any(mark.isspace() for mark in url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or spaced:
        raise SettingsError(
            f"{where}: {hide_in_url(url)!r} is no address; it begins with http:// or https://"
        )
    if parts.username or parts.password:
        raise SettingsError(f"{where}: an address must not hold a user name or password")
    return url.strip().rstrip("/")


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _wants_key(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "api.openai.com" or host.endswith((".azure.com", ".microsoft.com"))


def _azure_type(url: str) -> ApiType:
    """Azure's v1 address speaks plain OpenAI: no api-version, no deployment in the path."""
    return "openai" if urlsplit(url).path.rstrip("/").endswith("/openai/v1") else "azure"
