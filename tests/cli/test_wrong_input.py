"""Wrong input ends with status 2 and one readable line, and nothing has been sent."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from typing import Any

import pytest

from syphus.testing import ScriptedServer

# Names


def test_an_unknown_name_is_told_with_the_nearest(refuse: Callable[..., str]) -> None:
    """A mistyped name gets the name that was probably meant."""
    line = refuse(name="Photo.photos")
    assert "Photo" in line
    assert "Photos" in line


def test_a_class_that_its_file_does_not_have(refuse: Callable[..., str]) -> None:
    """The line names the file, the class, and the classes that are there."""
    line = refuse(name="Paintings.photos")
    assert "photos.py" in line
    assert "Paintings" in line
    assert "Photos" in line


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a.b.c", "x y.z", "..", ".photos", "Photos.", "", "a\nb.c"],
)
def test_what_is_no_name(refuse: Callable[..., str], name: str) -> None:
    """A path, three words, blanks or nothing name no data set, whatever files there are."""
    assert "name" in refuse(name=name)


def test_no_name_at_all(desk: Any, server: ScriptedServer, refused: Callable[..., str]) -> None:
    """A run without --name says that it wants one."""
    line = refused(desk.call("run", "--base_url", server.base_url))
    assert "--name" in line


# Flags


@pytest.mark.parametrize("number", ["0", "-3", "abc", "1.5", ""])
def test_a_number_of_threads_that_is_none(refuse: Callable[..., str], number: str) -> None:
    """Only whole numbers from 1 on are a number of requests."""
    assert "--num_threads" in refuse("--num_threads", number)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--temperature", "3"),
        ("--temperature", "nan"),
        ("--budget", "0"),
        ("--budget", "nan"),
        ("--budget", "inf"),
        ("--rpm", "0"),
        ("--timeout", "0"),
        ("--timeout", "inf"),
        ("--timeout", "1e300"),
        ("--max_tokens", "0"),
        ("--max_reasks", "-1"),
        ("--max_reasks", "1000000000000000000000"),
        ("--output_dir", ""),
        ("--redo", "all"),
        ("--backend", "cloud"),
        ("--dataset_version", "v/1"),
        ("--dataset_version", ""),
        ("--base_url", "localhost:8000"),
        ("--base_url", "http://"),
        ("--base_url", "http://[::1"),
    ],
)
def test_a_value_that_a_flag_cannot_have(refuse: Callable[..., str], flag: str, value: str) -> None:
    """The line names the flag."""
    assert flag in refuse(flag, value)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--enqueued_tokens", 9), "--enqueued_tokens"),
        (("--batch_fallback", "online"), "--batch_fallback"),
        (("--poll_seconds", 9, "--backend", "openai"), "--poll_seconds"),
        (("--backend", "batch", "--batch_fallback_below", 9), "--batch_fallback_below"),
        (("--backend", "local"), "--base_url"),
        (("--redo", "failed", "--reparse"), "--redo"),
    ],
)
def test_a_flag_that_would_do_nothing(
    refuse: Callable[..., str], flags: tuple[object, ...], named: str
) -> None:
    """Whoever gives one forgot another: without --backend batch a query costs twice as much."""
    assert f"{named}:" in refuse(*flags)


def test_a_settings_file_may_hold_what_is_for_batches(desk: Any, server: ScriptedServer) -> None:
    """It serves runs of either kind."""
    desk.write("d.toml", "enqueued_tokens = 9\nbatch_fallback = 'online'\n")
    reach = ("--base_url", server.base_url, "--model", "m", "--config", "d.toml")
    done = desk.call("run", "--name", "Photos.photos", *reach)
    assert done.status == 0, done.err


def test_a_port_that_no_host_has(refuse: Callable[..., str]) -> None:
    """An address is looked at closely before anything is sent there."""
    assert "99999" in refuse("--base_url", "http://127.0.0.1:99999/v1")


@pytest.mark.parametrize("flag", ["--nmae", "--num_thread", "-x", "--query-input"])
def test_an_unknown_flag(refuse: Callable[..., str], flag: str) -> None:
    """A mistyped flag is told as it was typed, or nearly so."""
    assert flag.strip("-").replace("-", "_") in refuse(flag, "4").replace("-", "_")


def test_an_argument_too_many(refuse: Callable[..., str]) -> None:
    """A word without a flag is a mistake, not something to leave out."""
    assert "surplus" in refuse("surplus")


def test_an_unknown_command(desk: Any, refused: Callable[..., str]) -> None:
    """`syphus rnu` says that there is no such command."""
    assert "rnu" in refused(desk.call("rnu"))


def test_an_output_folder_that_cannot_be(desk: Any, refuse: Callable[..., str]) -> None:
    """A path below a regular file, or a regular file itself, is no folder."""
    for folder in (desk.root / "photos.json" / "out", desk.root / "photos.json"):
        line = refuse("--output_dir", folder)
        assert "--output_dir" in line
        assert "photos.json" in line


def test_a_budget_without_a_known_price(refuse: Callable[..., str]) -> None:
    """A stop on money needs a price; the line says where to give it."""
    line = refuse("--budget", 5)
    assert "--budget" in line
    assert "--config" in line


def test_reparse_of_nothing(refuse: Callable[..., str]) -> None:
    """There must have been a run."""
    assert "--reparse" in refuse("--reparse")


# The environment


def test_open_ai_without_a_key(refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the variable that is missing."""
    monkeypatch.setenv("OPENAI_API_TYPE", "open_ai")
    assert "OPENAI_API_KEY" in refuse(endpoint=False)


def test_azure_without_a_key(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch, server: ScriptedServer
) -> None:
    """Azure's address alone isn't enough."""
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    monkeypatch.setenv("OPENAI_API_BASE", server.azure_endpoint)
    monkeypatch.setenv("OPENAI_API_ENGINE", "chat")
    assert "OPENAI_API_KEY" in refuse(endpoint=False)


@pytest.mark.parametrize("missing", ["OPENAI_API_BASE", "OPENAI_API_ENGINE"])
def test_azure_without_an_address_or_a_deployment(
    refuse: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    server: ScriptedServer,
    missing: str,
) -> None:
    """The line names the variable that is missing."""
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_API_BASE", server.azure_endpoint)
    monkeypatch.setenv("OPENAI_API_ENGINE", "chat")
    monkeypatch.delenv(missing)
    assert missing in refuse(endpoint=False)


def test_an_unknown_kind_of_endpoint(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names the variable and the kinds there are."""
    monkeypatch.setenv("OPENAI_API_TYPE", "bedrock")
    line = refuse()
    assert "OPENAI_API_TYPE" in line
    assert "bedrock" in line
    assert "azure" in line


@pytest.mark.parametrize("key", ["sk-a\u00fcthentic-1234", "sk-authentic\n1234"])
def test_a_key_that_no_key_can_be(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A key with a letter that no key has was copied wrongly; it isn't repeated on the screen."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    line = refuse()
    assert "key" in line
    assert "1234" not in line


def test_an_env_file_that_is_no_text(desk: Any, refuse: Callable[..., str]) -> None:
    """A `.env` file in another encoding is told by its name."""
    (desk.root / ".env").write_bytes("OPENAI_MODEL=caf\u00e9".encode("utf-16"))
    assert ".env" in refuse()


# Settings files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed = 1\nnum_threads = = 2", "line 2"),
        ("nmae = 'x'", "nmae"),
        ("num_threads = 0", "num_threads"),
        ("num_threads = 'many'", "num_threads"),
        ("[[deployments]]\nmodel = 'm'", "base_url"),
        ("[[deployments]]\nbase_url = 'http://h/v1'\nkey = 'sk-secret-1234'", "key"),
        ("[[deployments]]\nbase_url = 'http://h/v1'\napi_key_env = 'NOT_SET'", "NOT_SET"),
        ("[[deployments]]\nbase_url = 'h'", "base_url"),
        ("[[deployments]]\nbase_url = 'http://h/v1'\nprice = {prompt = 1.0}", "completion"),
        (
            "[[deployments]]\nbase_url = 'http://h/v1'\nprice = {prompt = 1e308, completion = 1}",
            "deployments.0.price.prompt",
        ),
        ("budget = 1e300", "budget: input should be less"),
        ("output_dir = ''", "output_dir"),
        ("deployments = 3", "deployments"),
    ],
)
def test_a_wrong_settings_file(
    desk: Any, refuse: Callable[..., str], text: str, expected: str
) -> None:
    """The line names the field, or the line, that is wrong, and no value that may be secret."""
    desk.write("run.toml", text)
    line = refuse("--config", "run.toml", endpoint=False)
    assert expected in line
    assert "secret" not in line


def test_a_missing_settings_file(refuse: Callable[..., str]) -> None:
    """The line names the flag and the file."""
    line = refuse("--config", "nowhere.toml")
    assert "--config" in line
    assert "nowhere.toml" in line


def test_a_settings_file_that_is_no_text(desk: Any, refuse: Callable[..., str]) -> None:
    """TOML is UTF-8."""
    (desk.root / "run.toml").write_bytes(b"model = '\xff'")
    assert "run.toml" in refuse("--config", "run.toml")


# As processes


def test_a_second_process_on_the_same_run(
    desk: Any, server: ScriptedServer, refused: Callable[..., str]
) -> None:
    """The second one is told which folder is taken; the first one's lock is the kernel's."""
    journal = desk.root / "out" / "journal"
    journal.mkdir(parents=True)
    with (journal / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        options = ("--base_url", server.base_url, "--model", "m", "--output_dir", "out")
        line = refused(desk.main("--name", "Photos.photos", *options))
    assert "another process" in line
    assert "out" in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--name", "../x"), "../x"),
        (("--name", "Photos.photos", "--num_threads", "0"), "--num_threads"),
        (("--name", "Photos.photos", "-in", "broken.json"), "line 2"),
    ],
)
def test_a_process_that_is_refused(
    desk: Any,
    server: ScriptedServer,
    refused: Callable[..., str],
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    """`python main.py` prints the same one line, and leaves no folder behind."""
    desk.write("broken.json", "[\n{]")
    line = refused(desk.main(*arguments, "--base_url", server.base_url, "--model", "m"))
    assert expected in line
    assert not list(desk.root.glob("output_*"))


def test_a_choice_that_is_none_is_told_plainly(desk: Any) -> None:
    """The choices there are, and no word of the library that compared them."""
    done = desk.call("run", "--name", "Photos.photos", "--redo", "faild")
    assert done.err == (
        "syphus: Invalid value for '--redo': 'faild' is not one of 'failed', 'truncated', "
        "'invalid'.\n"
    )
