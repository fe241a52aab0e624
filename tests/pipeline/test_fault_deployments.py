"""Several deployments of one settings file: keys, limits, failures; each asked for what it can."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syphus.core.errors import SettingsError
from syphus.testing import Fault, Limits, Script, ScriptedServer

EAST_KEY = "east-4f9vQ0aZ7wLkP2sT8xY1"
WEST_KEY = "west-9b2mR6cD3nHjU5vK0eW7"


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Writes a settings file of these deployments; gives the settings of a run by it."""

    def write(*tables: str, text: str = "") -> dict[str, Any]:
        path = tmp_path / "deployments.toml"
        path.write_text(text + "".join(f"[[deployments]]\n{table}\n" for table in tables))
        return {"config": path, "base_url": None, "model": None}

    return write


@pytest.fixture
def west() -> Any:
    """A second server."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def little_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are a hundredth, the first rest of a deployment 0.3 s."""
    monkeypatch.setattr("syphus.engine.retry._FIRST_WAIT", 0.01)
    monkeypatch.setattr("syphus.engine.breaker.FIRST_REST", 0.3)


def table(name: str, url: str, **more: object) -> str:
    """One deployment; further values are written as they are."""
    lines = [f'name = "{name}"', f'base_url = "{url}"', 'model = "m"']
    return "\n".join([*lines, *(f"{key} = {value}" for key, value in more.items())])


def test_a_slow_deployment_gets_what_it_has_room_for(
    job: Any, photos: Callable[..., Any], config: Callable[..., Any], west: ScriptedServer
) -> None:
    """Work goes to whoever is free: most of it to the one that answers sooner."""
    job.server.play(Script(latency=0.4))
    west.play(Script(latency=0.01))
    settings = config(table("slow", job.server.base_url), table("fast", west.base_url))
    assert job.run(photos(80), **settings).counts == (80, 0, 0)
    assert job.server.log.successes > 0
    assert west.log.successes > 2 * job.server.log.successes
    assert job.server.log.successes + west.log.successes == 80


def test_each_deployment_keeps_its_own_limits(
    job: Any, photos: Callable[..., Any], config: Callable[..., Any], west: ScriptedServer
) -> None:
    """Two a second at one and ten in flight at most at the other, without a refusal."""
    job.server.play(Script(limits=Limits(requests_per_minute=120, style="none")))
    west.play(Script(latency=0.05))
    settings = config(
        table("tight", job.server.base_url, rpm=120),
        table("wide", west.base_url, max_in_flight=10),
    )
    began = time.monotonic()
    assert job.run(photos(150), num_threads=64, **settings).counts == (150, 0, 0)
    seconds = time.monotonic() - began
    assert job.server.log.rate_limited == 0
    assert 1 <= job.server.log.successes <= 2 * seconds + 2
    assert 0 < west.log.most_in_flight <= 10


@pytest.mark.usefixtures("little_waiting")
def test_a_deployment_that_fails_is_set_aside_and_comes_back(
    job: Any, photos: Callable[..., Any], config: Callable[..., Any], west: ScriptedServer
) -> None:
    """After ten failures in a row the others do its work; once it answers, it has its share."""
    job.server.play(Script(latency=0.005, faults=[Fault("server_error", until=11)]))
    west.play(Script(latency=0.1))
    settings = config(table("ill", job.server.base_url), table("well", west.base_url))
    sitting = job.run(photos(250), num_threads=8, **settings)
    assert sitting.counts == (250, 0, 0)
    assert job.server.log.successes + west.log.successes == 250
    assert job.server.log.statuses[500] == 11
    assert job.server.log.successes > 20
    aside = [line for line in sitting.notices if "left alone" in line]
    assert aside
    assert all(line.startswith("ill: ") for line in aside)


@pytest.mark.parametrize("fault", ["invalid_api_key", "forbidden", "not_found"])
def test_a_deployment_that_refuses_leaves_the_work_to_the_others(
    job: Any,
    photos: Callable[..., Any],
    config: Callable[..., Any],
    west: ScriptedServer,
    *,
    monkeypatch: pytest.MonkeyPatch,
    fault: Any,
) -> None:
    """It is said once, without the key, and the query that met it is answered elsewhere."""
    monkeypatch.setenv("EAST", EAST_KEY)
    job.server.play(Script(latency=0.01, faults=[Fault(fault)]))
    west.play(Script(latency=0.01, api_keys={WEST_KEY}))
    settings = config(
        table("east", job.server.base_url, api_key_env='"EAST"'),
        table("west", west.base_url, api_key=f'"{WEST_KEY}"'),
    )
    sitting = job.run(photos(30), **settings)
    assert sitting.counts == (30, 0, 0)
    assert sitting.outcome.exit_status == 0
    assert west.log.successes == 30
    assert job.server.log.requests <= 8
    assert [line.partition(":")[0] for line in sitting.notices if "no more" in line] == ["east"]
    assert EAST_KEY not in sitting.said


def test_a_run_whose_keys_are_all_wrong_ends_and_says_so(
    job: Any, photos: Callable[..., Any], config: Callable[..., Any], west: ScriptedServer
) -> None:
    """Each deployment is named, nothing more is sent, and right keys go on."""
    job.server.play(Script(api_keys={EAST_KEY}))
    west.play(Script(api_keys={WEST_KEY}))

    def keys(east: str, other: str) -> dict[str, Any]:
        settings: dict[str, Any] = config(
            table("east", job.server.base_url, api_key=f'"{east}"'),
            table("west", west.base_url, api_key=f'"{other}"'),
        )
        return settings

    sitting = job.run(photos(40), **keys(WEST_KEY, EAST_KEY))
    assert sitting.outcome.exit_status == 3
    assert "401" in str(sitting.outcome.stopped_by)
    refused = {line.partition(":")[0] for line in sitting.notices if "no more" in line}
    assert refused == {"east", "west"}
    assert job.server.log.requests + west.log.requests <= 16
    assert job.run(photos(40), **keys(EAST_KEY, WEST_KEY)).counts == (40, 0, 0)


def test_each_key_goes_to_its_own_deployment(
    job: Any,
    photos: Callable[..., Any],
    config: Callable[..., Any],
    west: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From a variable or from the file, at OpenAI's address and at Azure's."""
    monkeypatch.setenv("EAST", f" {EAST_KEY}\n")
    job.server.play(Script(latency=0.02, api_keys={EAST_KEY}))
    west.play(Script(latency=0.02, api_keys={WEST_KEY}, models={"m"}))
    settings = config(
        table("east", job.server.base_url, api_key_env='"EAST"'),
        table("west", west.azure_endpoint, api_type='"azure"', api_key=f'"{WEST_KEY}"'),
    )
    assert job.run(photos(40), **settings).counts == (40, 0, 0)
    assert min(job.server.log.successes, west.log.successes) >= 5
    assert job.server.log.statuses.keys() | west.log.statuses.keys() == {200}


@pytest.mark.parametrize(
    ("text", "tables", "expected"),
    [
        ("", ["base_url = 'http://h/v1'\nrmp = 60"], "rmp: there is no such field; rpm?"),
        ("", ["base_url = 'http://h/v1'\nwhatever = 60"], "whatever: there is no such field"),
        ("[[deployment]]\nbase_url = 'http://h'\n", [], "no such field; deployments?"),
        ("deployments = []\n", [], "deployments: "),
        ("", ["name = 'a'\nbase_url = 'http://h'", "name = 'a'\nbase_url = 'http://i'"], "'a'"),
        ("", ["base_url = 'http://h'\napi_key_env = 'NOT_SET'"], "NOT_SET"),
        ("", ["base_url = 'h'"], "base_url"),
        ("", ["base_url = 'http://h'\napi_type = 'azure'\napi_key = 'k'"], "model"),
        ("", ["base_url = 'https://x.openai.azure.com'\napi_type = 'azure'"], "entra = true"),
        ("num_threads = 4\nnum_threads = 5\n", [], "line 2"),
    ],
)
def test_a_wrong_file_is_refused(
    job: Any,
    photos: Callable[..., Any],
    config: Callable[..., Any],
    *,
    text: str,
    tables: list[str],
    expected: str,
) -> None:
    """One line that names the file and what is wrong in it; no folder, nothing sent."""
    with pytest.raises(SettingsError) as caught:
        job.run(photos(3), **config(*tables, text=text))
    line = str(caught.value)
    assert line.startswith("--config ")
    assert "deployments.toml: " in line
    assert expected in line
    assert "\n" not in line
    assert not job.folder.exists()
