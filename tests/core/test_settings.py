"""Flags over a settings file over defaults, and variables over a `.env` file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.errors import SettingsError
from syphus.core.settings import environment, load_settings

SECRET = "sk-proj-4f9vQ0aZ7wLkP2sT"


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a settings file."""

    def write(text: str) -> Path:
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_defaults() -> None:
    """A name is all that must be given; --help tells the rest."""
    settings = load_settings({"name": "Photos.photos"})
    assert settings.num_threads == 16
    assert (settings.slice_start, settings.slice_end) == (0, None)
    assert (settings.random_sample, settings.seed) == (False, 0)
    assert (settings.backend, settings.max_reasks, settings.timeout) == ("auto", 1, 300)
    assert settings.folder == Path("output_Photos.photos_v1")


def test_the_folder_is_named_after_data_set_and_version() -> None:
    """Unless --output_dir names another."""
    named = load_settings({"name": "A.b", "dataset_version": "v2.1"})
    assert named.folder == Path("output_A.b_v2.1")
    assert load_settings({"name": "A.b", "output_dir": "here"}).folder == Path("here")


def test_a_flag_goes_before_the_file(config: Callable[[str], Path]) -> None:
    """What was given counts, what wasn't is the file's, and the rest the default."""
    path = config("num_threads = 9\nseed = 5\nrandom_sample = true\ntemperature = 0.1")
    flags = {"name": "A.b", "num_threads": 3, "seed": None, "random_sample": None, "rpm": None}
    settings = load_settings(flags, config=path)
    assert settings.num_threads == 3
    assert settings.seed == 5
    assert settings.random_sample is True
    assert settings.temperature == 0.1
    assert settings.max_reasks == 1


def test_a_flag_that_is_nothing_goes_before_the_file_too(config: Callable[[str], Path]) -> None:
    """Zero and False were given; only None wasn't."""
    path = config("seed = 5\nrandom_sample = true\nmax_reasks = 4\ntemperature = 1.0")
    flags = {"name": "A.b", "seed": 0, "random_sample": False, "max_reasks": 0, "temperature": 0.0}
    settings = load_settings(flags, config=path)
    assert (settings.seed, settings.max_reasks, settings.temperature) == (0, 0, 0.0)
    assert settings.random_sample is False


def test_the_file_may_name_the_data_set(config: Callable[[str], Path]) -> None:
    """A settings file alone can describe a whole run."""
    assert load_settings({}, config=config('name = "A.b"')).name == "A.b"


def test_deployments_come_from_the_file(config: Callable[[str], Path]) -> None:
    """Tables with an address, a model, limits and a price."""
    path = config(
        "[[deployments]]\nbase_url = 'http://one/v1'\nrpm = 60\n"
        "[[deployments]]\nbase_url = 'https://two'\napi_type = 'azure'\nmodel = 'm'\n"
        "price = { prompt = 1, completion = 2 }\n"
    )
    first, second = load_settings({"name": "A.b"}, config=path).deployments
    assert (first.api_type, first.base_url, first.rpm) == ("openai", "http://one/v1", 60)
    assert (second.api_type, second.model) == ("azure", "m")
    assert second.price is not None
    assert (second.price.prompt, second.price.completion, second.price.cached) == (1, 2, None)


def test_a_key_in_the_file_is_never_shown(config: Callable[[str], Path]) -> None:
    """Neither the settings' representation nor their JSON holds it."""
    path = config(f"[[deployments]]\nbase_url = 'http://one/v1'\napi_key = '{SECRET}'")
    settings = load_settings({"name": "A.b"}, config=path)
    assert SECRET not in repr(settings) + settings.model_dump_json()
    assert settings.deployments[0].api_key is not None
    assert settings.deployments[0].api_key.get_secret_value() == SECRET


@given(st.integers(max_value=0), st.sampled_from(["num_threads", "rpm", "tpm", "max_tokens"]))
def test_what_counts_something_is_at_least_one(number: int, flag: str) -> None:
    """Zero or less is refused by the flag's name, in one line."""
    with pytest.raises(SettingsError, match=f"--{flag}: ") as caught:
        load_settings({"name": "A.b", flag: number})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("name", ""),
        ("budget", float("nan")),
        ("budget", -1.0),
        ("timeout", float("inf")),
        ("temperature", 2.5),
        ("dataset_version", "../v1"),
        ("dataset_version", "v 1"),
        ("max_reasks", -1),
        ("redo", "everything"),
        ("backend", "cloud"),
        ("num_threads", "many"),
        ("no_such_flag", 1),
    ],
)
def test_a_value_that_cannot_be_is_told_by_its_flag(flag: str, value: object) -> None:
    """One line, beginning with the flag."""
    with pytest.raises(SettingsError, match=rf"^--{flag}: \S") as caught:
        load_settings({"name": "A.b"} | {flag: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("no_such_field = 1", "no_such_field"),
        ("[[deployments]]\nbase_url = 'http://h'\nurl = 'x'", "deployments.0.url"),
        ("[[deployments]]\nbase_url = 'http://h'\nrpm = 0", "deployments.0.rpm"),
        ("[[deployments]]\nbase_url = 'http://h'\nprice = 3", "deployments.0.price"),
        ("num_threads = [1]", "num_threads"),
    ],
)
def test_a_wrong_field_is_told_by_file_and_field(
    config: Callable[[str], Path], text: str, field: str
) -> None:
    """The line says which file, and where in it."""
    path = config(text)
    with pytest.raises(SettingsError) as caught:
        load_settings({"name": "A.b", "num_threads": 2}, config=path)
    assert str(caught.value).startswith(f"--config {path}: {field}: ")


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 9**5])
def test_a_value_that_cannot_be_read_is_told_by_the_file(
    config: Callable[[str], Path], value: str
) -> None:
    """A number of thousands of digits and endless nesting are told as broken TOML is."""
    path = config(f"tpm = {value}")
    with pytest.raises(SettingsError) as caught:
        load_settings({"name": "A.b"}, config=path)
    assert str(caught.value).startswith(f"--config {path}: ")
    assert "\n" not in str(caught.value)


def test_a_variable_goes_before_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.env` fills in what the environment lacks."""
    (tmp_path / ".env").write_text("OPENAI_MODEL=stored\nOPENAI_API_KEY=kept\n")
    monkeypatch.setenv("OPENAI_MODEL", "set")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = environment(tmp_path)
    assert (found["OPENAI_MODEL"], found["OPENAI_API_KEY"]) == ("set", "kept")


def test_the_env_file_may_be_written_as_shells_do(tmp_path: Path) -> None:
    """Comments, `export`, quotes and blanks around the equals sign are read."""
    lines = ["# keys", "export SY_A=1", "SY_B='a b'", 'SY_C="#x"', "SY_D = d # why", "", "SY_E="]
    (tmp_path / ".env").write_text("\n".join(lines))
    found = environment(tmp_path)
    values = [found[f"SY_{letter}"] for letter in "ABCDE"]
    assert values == ["1", "a b", "#x", "d", ""]


def test_the_env_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors on Windows write one; the first variable is none the worse for it."""
    (tmp_path / ".env").write_text("SY_FIRST=1\n", encoding="utf-8-sig")
    assert environment(tmp_path)["SY_FIRST"] == "1"


def test_the_env_file_changes_no_variable_of_the_process(tmp_path: Path) -> None:
    """Reading settings has no effect on whoever is asked afterwards."""
    (tmp_path / ".env").write_text("SY_ONLY_HERE=1\n")
    assert environment(tmp_path)["SY_ONLY_HERE"] == "1"
    assert "SY_ONLY_HERE" not in os.environ


def test_without_an_env_file_the_environment_is_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing file is no error, and the working folder's is the one that is meant."""
    assert environment(tmp_path) == dict(os.environ)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SY_HERE=1\n")
    assert environment()["SY_HERE"] == "1"
