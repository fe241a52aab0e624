"""Which deployments settings and environment lead to."""

from __future__ import annotations

from typing import Any

import pytest

from syphus.core.deployments import Deployment
from syphus.core.endpoints import choose_deployments
from syphus.core.errors import SettingsError
from syphus.core.settings import Settings

KEY = "sk-proj-4f9vQ0aZ7wLkP2sT"
AZURE = "https://east.openai.azure.com"
README = {
    "OPENAI_API_TYPE": "azure",
    "OPENAI_API_KEY": KEY,
    "OPENAI_API_BASE": AZURE,
    "OPENAI_API_VERSION": "2023-05-15",
    "OPENAI_API_ENGINE": "chatgpt0301",
}


def choose(env: dict[str, str] | None = None, **settings: Any) -> tuple[Deployment, ...]:
    """The deployments of a run with these settings in this environment."""
    return choose_deployments(Settings(name="A.b", **settings), env or {})


def only(env: dict[str, str] | None = None, **settings: Any) -> Deployment:
    """The only deployment of such a run."""
    (found,) = choose(env, **settings)
    return found


def key_of(deployment: Deployment) -> str | None:
    """The key that would be sent."""
    return deployment.api_key.get_secret_value() if deployment.api_key else None


def refusal(env: dict[str, str] | None = None, **settings: Any) -> str:
    """The line that such a run is refused with."""
    with pytest.raises(SettingsError) as caught:
        choose(env, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert KEY not in message
    return message


def test_the_mimic_it_readme_leads_to_azure() -> None:
    """Its five variables name the resource, the version, the deployment and the key."""
    found = only(README)
    assert found.api_type == "azure"
    assert found.base_url == AZURE
    assert found.api_version == "2023-05-15"
    assert found.model == "chatgpt0301"
    assert key_of(found) == KEY


def test_todays_names_lead_to_azure_too() -> None:
    """An Azure endpoint needs no type beside it, and gets a version of its own."""
    env = {
        "AZURE_OPENAI_ENDPOINT": f"{AZURE}/",
        "AZURE_OPENAI_API_KEY": KEY,
        "OPENAI_MODEL": "gpt-4o",
    }
    found = only(env)
    assert (found.api_type, found.base_url, found.model) == ("azure", AZURE, "gpt-4o")
    assert key_of(found) == KEY
    assert found.api_version is not None


@pytest.mark.parametrize("spelling", ["azure", "Azure", " AZURE "])
def test_azure_may_be_spelled_in_any_case(spelling: str) -> None:
    """As people type it."""
    assert only({**README, "OPENAI_API_TYPE": spelling}).api_type == "azure"


@pytest.mark.parametrize("spelling", ["open_ai", "openai", "OpenAI", "OPEN_AI"])
def test_open_ai_may_be_spelled_in_two_ways(spelling: str) -> None:
    """The first SDK's word and today's mean the same, also where an Azure endpoint is set."""
    env = {
        "OPENAI_API_TYPE": spelling,
        "OPENAI_API_KEY": KEY,
        "AZURE_OPENAI_ENDPOINT": AZURE,
        "AZURE_OPENAI_API_KEY": "another",
    }
    found = only(env)
    assert found.api_type == "openai"
    assert found.base_url == "https://api.openai.com/v1"
    assert key_of(found) == KEY
    assert found.api_version is None


def test_a_key_alone_leads_to_open_ai() -> None:
    """With a model of known price, so that a dry run can tell what it costs."""
    found = only({"OPENAI_API_KEY": KEY})
    assert found.base_url == "https://api.openai.com/v1"
    assert found.model
    assert found.rates is not None


@pytest.mark.parametrize("name", ["OPENAI_API_BASE", "OPENAI_BASE_URL"])
def test_an_address_of_ones_own_needs_no_key(name: str) -> None:
    """Both names of the variable are read; what it costs isn't guessed."""
    found = only({name: "http://gpu-box:8000/v1/", "OPENAI_MODEL": "gpt-4o"})
    assert (found.api_type, found.base_url) == ("openai", "http://gpu-box:8000/v1")
    assert found.api_key is None
    assert found.rates is None


def test_an_address_without_a_model_leaves_the_name_to_the_server() -> None:
    """No model of OpenAI's is asked of another server."""
    assert only({"OPENAI_BASE_URL": "http://gpu-box:8000"}).model == ""


@pytest.mark.parametrize("name", ["OPENAI_API_ENGINE", "OPENAI_MODEL"])
def test_the_model_has_two_names(name: str) -> None:
    """The first Syphus called it an engine."""
    assert only({"OPENAI_API_KEY": KEY, name: "gpt-4.1"}).model == "gpt-4.1"


@pytest.mark.parametrize("env", [{}, {"OPENAI_API_TYPE": "local", "OPENAI_API_KEY": KEY}])
def test_nothing_or_local_leads_to_the_embedded_model(env: dict[str, str]) -> None:
    """No deployment is how the embedded model is meant."""
    assert choose(env) == ()


def test_backend_local_goes_before_every_variable() -> None:
    """A flag is stronger than the environment."""
    assert choose(README, backend="local") == ()


def test_blank_variables_are_not_set() -> None:
    """Shells and compose files export empty ones."""
    assert choose({"OPENAI_API_KEY": " ", "OPENAI_BASE_URL": "", "OPENAI_API_TYPE": ""}) == ()
    found = only({**README, "OPENAI_API_VERSION": "", "AZURE_OPENAI_API_KEY": ""})
    assert found.api_version
    assert key_of(found) == KEY


def test_blanks_around_values_are_dropped() -> None:
    """A key that was pasted with a line break is still that key."""
    found = only({**README, "OPENAI_API_KEY": f" {KEY}\n", "OPENAI_API_ENGINE": "m "})
    assert key_of(found) == KEY
    assert found.model == "m"


@pytest.mark.parametrize("base", [f"{AZURE}/openai/v1", f"{AZURE}/openai/v1/"])
def test_azures_v1_address_is_spoken_to_as_open_ai(base: str) -> None:
    """No version, the model in the body: the address ends where OpenAI's does."""
    found = only({**README, "OPENAI_API_BASE": base})
    assert found.api_type == "openai"
    assert found.base_url == f"{AZURE}/openai/v1"
    assert found.api_version is None
    assert key_of(found) == KEY


def test_an_entra_token_serves_in_place_of_a_key() -> None:
    """As a token of its own, or as the key where the type says so."""
    env = {key: value for key, value in README.items() if key != "OPENAI_API_KEY"}
    found = only({**env, "AZURE_OPENAI_AD_TOKEN": "eyJ.token"})
    assert found.entra_token is not None
    assert found.entra_token.get_secret_value() == "eyJ.token"
    for spelling in ("azure_ad", "azuread"):
        found = only({**README, "OPENAI_API_TYPE": spelling})
        assert found.api_key is None
        assert found.entra_token is not None
        assert found.entra_token.get_secret_value() == KEY


def test_flags_go_before_variables() -> None:
    """Address and model of the command line count."""
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://a/v1", "OPENAI_MODEL": "env"}
    found = only(env, base_url="http://b/v1", model="flag")
    assert (found.base_url, found.model) == ("http://b/v1", "flag")


def test_a_flag_goes_before_the_deployments_of_a_file() -> None:
    """`--base_url` asks there and nowhere else."""
    entries = [{"base_url": "http://a/v1"}, {"base_url": "http://b/v1"}]
    assert only(deployments=entries, base_url="http://c/v1").base_url == "http://c/v1"


def test_limits_of_flags_are_kept() -> None:
    """Requests and tokens per minute go with the deployment."""
    found = only({"OPENAI_API_KEY": KEY}, rpm=60, tpm=90_000)
    assert (found.requests_per_minute, found.tokens_per_minute) == (60, 90_000)
    unlimited = only({"OPENAI_API_KEY": KEY})
    assert (unlimited.requests_per_minute, unlimited.tokens_per_minute) == (None, None)


def test_entries_of_a_file() -> None:
    """Each has its own key, limits and price; what it leaves out is the run's."""
    entries = [
        {
            "name": "east",
            "api_type": "azure",
            "base_url": AZURE,
            "api_version": "2024-06-01",
            "model": "d1",
            "api_key_env": "EAST",
            "rpm": 10,
            "max_in_flight": 4,
        },
        {"base_url": "http://gpu:8000/v1", "price": {"prompt": 2, "completion": 8}},
        {"base_url": f"{AZURE}/openai/v1", "api_type": "azure", "api_key": "k3"},
    ]
    env = {"EAST": "k1", "OPENAI_API_KEY": KEY, "OPENAI_MODEL": "shared"}
    east, gpu, new = choose(env, deployments=entries, rpm=99)
    assert (east.name, east.api_type, east.model, east.api_version) == (
        "east",
        "azure",
        "d1",
        "2024-06-01",
    )
    assert (key_of(east), east.requests_per_minute, east.max_in_flight) == ("k1", 10, 4)
    assert (gpu.model, gpu.requests_per_minute) == ("shared", 99)
    assert gpu.rates is not None
    assert (gpu.rates.prompt, gpu.rates.completion) == pytest.approx((2e-6, 8e-6))
    assert gpu.rates.cached == gpu.rates.prompt
    assert (new.api_type, new.api_version, key_of(new)) == ("openai", None, "k3")


def test_deployments_have_names_of_their_own() -> None:
    """Two on one host can be told apart in the journal."""
    entries = [{"base_url": "http://gpu:8000/v1"}, {"base_url": "http://gpu:8000/v1"}]
    first, second = choose(deployments=entries)
    assert first.name != second.name


def test_no_representation_shows_a_key() -> None:
    """Deployments may end in a log or a traceback."""
    entra = {**README, "OPENAI_API_TYPE": "azure_ad"}
    assert KEY not in repr(choose(README)) + repr(choose(entra))


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("OPENAI_API_BASE", "OPENAI_API_BASE"),
        ("OPENAI_API_ENGINE", "OPENAI_API_ENGINE"),
    ],
)
def test_what_azure_lacks_is_named(missing: str, named: str) -> None:
    """Key, address and deployment must each be there."""
    assert named in refusal({name: text for name, text in README.items() if name != missing})


def test_what_open_ai_lacks_is_named() -> None:
    """OpenAI's own address wants a key, however it was arrived at."""
    assert "OPENAI_API_KEY" in refusal({"OPENAI_API_TYPE": "open_ai"})
    assert "OPENAI_API_KEY, or --base_url" in refusal({}, backend="openai")
    assert "OPENAI_API_KEY" in refusal({}, base_url="https://api.openai.com/v1")


def test_an_unknown_type_is_told_with_those_there_are() -> None:
    """A mistyped type never falls back to something else."""
    message = refusal({**README, "OPENAI_API_TYPE": "azzure"})
    assert "azzure" in message
    assert "open_ai" in message


def test_a_model_without_an_endpoint_is_refused() -> None:
    """The embedded model doesn't answer in the name of another; a model file is another matter."""
    assert "gpt-4o" in refusal({}, model="gpt-4o")
    assert choose({}, model="models/mine.gguf") == ()


@pytest.mark.parametrize(
    "address", ["gpu:8000", "ftp://gpu/v1", "http://", "/v1", "http://[::1", "https://:443"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """The line says how an address begins, wherever it stood."""
    assert "http" in refusal({}, base_url=address)
    assert "http" in refusal({"OPENAI_BASE_URL": address, "OPENAI_API_KEY": KEY})
    assert "deployments" in refusal({}, deployments=[{"base_url": address}])


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    """It would end in logs and in the run's file."""
    assert "hunter2" not in refusal({}, base_url="http://me:hunter2@gpu:8000/v1")


def test_a_variable_that_an_entry_names_must_be_set() -> None:
    """The line names the entry and the variable."""
    entry = {"name": "east", "base_url": "http://gpu/v1", "api_key_env": "EAST_KEY"}
    message = refusal({}, deployments=[entry])
    assert "east" in message
    assert "EAST_KEY" in message
