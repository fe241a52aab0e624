"""Wrong input ends with status 2 and one readable line, and nothing has been sent."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from typing import Any

import pytest

from syphus.testing import ScriptedServer

LONGEST_LINE = 700
MORE = """
    from syphus import AbstractDataset

    class Wrong(AbstractDataset):
        def _load_prefix(self):
            return {"system_message": "Write pairs."}
"""


@pytest.fixture
def refuse(desk: Any, server: ScriptedServer) -> Callable[..., str]:
    """Runs a command that must be refused; gives the line that says why."""

    def run(*arguments: object, name: str = "Photos.photos", endpoint: bool = True) -> str:
        reach = ("--base_url", server.base_url, "--model", "m") if endpoint else ()
        return check(desk.call("run", "--name", name, *reach, *arguments), server)

    return run


def check(done: Any, server: ScriptedServer) -> str:
    """The one line of a command that was refused."""
    assert done.status == 2, done.err
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("syphus: ")
    assert "Traceback" not in done.err
    assert len(done.err) < LONGEST_LINE
    assert server.log.requests == 0
    return done.err


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


def test_no_name_at_all(desk: Any, server: ScriptedServer) -> None:
    """A run without --name says that it wants one."""
    line = check(desk.call("run", "--base_url", server.base_url), server)
    assert "--name" in line


# Plugins


def test_a_plugin_that_raises_at_import(desk: Any, refuse: Callable[..., str]) -> None:
    """The line names the file, the error, and the line of the file."""
    desk.write("datasets/wrong.py", "import json\n\nraise RuntimeError('no weights')\n")
    line = refuse(name="Wrong.wrong")
    assert "wrong.py" in line
    assert "RuntimeError: no weights" in line
    assert "line 3" in line


def test_a_plugin_that_is_no_python(desk: Any, refuse: Callable[..., str]) -> None:
    """A syntax error is told by its file and line."""
    desk.write("datasets/wrong.py", "class Wrong:\n    pass pass\n")
    line = refuse(name="Wrong.wrong")
    assert "wrong.py" in line
    assert "line 2" in line


def test_a_plugin_that_raises_at_construction(desk: Any, refuse: Callable[..., str]) -> None:
    """The line names the plugin and the error."""
    source = MORE + (
        "\n        def __init__(self, name):\n            raise OSError('no disk')\n"
        "\n        def _load_query_inputs(self):\n            return []\n"
    )
    desk.write("datasets/wrong.py", source)
    line = refuse(name="Wrong.wrong")
    assert "Wrong" in line
    assert "no disk" in line


def test_a_generator_that_raises_at_item_seven(desk: Any, refuse: Callable[..., str]) -> None:
    """The line names the plugin, the item's position and the error."""
    source = MORE + (
        "\n        def _load_query_inputs(self):\n"
        "            for number in range(50):\n"
        "                if number == 6:\n"
        "                    raise KeyError('caption')\n"
        "                yield {'id': number, 'sentences': 'A dog.'}\n"
    )
    desk.write("datasets/wrong.py", source)
    line = refuse(name="Wrong.wrong")
    assert "Wrong" in line
    assert "item 7" in line
    assert "KeyError: 'caption'" in line


@pytest.mark.parametrize("method", ["user_message", "image_ids"])
def test_a_method_that_raises(desk: Any, refuse: Callable[..., str], method: str) -> None:
    """A plugin's further methods are tried before the first request, too."""
    source = MORE + (
        "\n        def _load_query_inputs(self):\n"
        "            return [{'id': 1, 'sentences': 'A dog.'}]\n"
        f"\n        def {method}(self, query):\n"
        "            return query.caption\n"
    )
    desk.write("datasets/wrong.py", source)
    line = refuse(name="Wrong.wrong")
    assert method in line
    assert "caption" in line


# Annotations


def test_a_missing_annotation_file(desk: Any, refuse: Callable[..., str]) -> None:
    """The line names the file and the flag that sets it."""
    (desk.root / "photos.json").unlink()
    line = refuse()
    assert "photos.json" in line
    assert "--query_inputs_path" in line
    assert "nowhere.json" in refuse("-in", "nowhere.json")


def test_a_broken_annotation_file(desk: Any, refuse: Callable[..., str]) -> None:
    """The line has the line number of the mistake."""
    desk.write("photos.json", '[\n{"id": 1, "sentences": "a"},\n{"id": 2 "sentences": "b"}\n]')
    line = refuse()
    assert "photos.json" in line
    assert "line 3" in line


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"sentences": "A dog."}, "id"),
        ({"id": "p1"}, "sentences"),
        ({"id": "", "sentences": "A dog."}, "id"),
        ({"id": "p1", "sentences": {"a": 1}}, "sentences"),
        ("A dog.", "dict"),
        (None, "dict"),
    ],
)
def test_an_item_of_the_wrong_shape(
    desk: Any, refuse: Callable[..., str], item: object, expected: str
) -> None:
    """The line has the item's position and the key that is wrong."""
    desk.write("photos.json", [{"id": "p0", "sentences": "A cat."}, item])
    line = refuse()
    assert "item 2" in line
    assert expected in line


@pytest.mark.parametrize("empty", [[], {}, None, "nothing"])
def test_no_items(desk: Any, refuse: Callable[..., str], empty: object) -> None:
    """An empty data set, or a file of something else than items, is told at once."""
    desk.write("photos.json", empty if empty != "nothing" else '"nothing"')
    assert "Photos" in refuse()


@pytest.mark.parametrize(
    "flags",
    [
        ("--slice_start", 5),
        ("--slice_start", 3, "--slice_end", 3),
        ("--slice_start", -1),
        ("--slice_end", 0),
        ("--slice_end", -2),
        ("--slice_start", 7, "--random_sample"),
    ],
)
def test_a_slice_out_of_range(refuse: Callable[..., str], flags: tuple[object, ...]) -> None:
    """A slice that holds no query is told with its numbers, also where they are shuffled."""
    assert "--slice_start" in refuse(*flags)
    assert "--slice_start" in refuse(*flags, "--dry_run")


# Prompts


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ({"system_message": "Look.", "in_context": [{"role": "bot", "content": "a"}]}, "bot"),
        ({"in_context": []}, "system_message"),
        ({"system_message": " "}, "system_message"),
        ({"system_message": "Look.", "in_context": [{"role": "user", "content": "a"}]}, "turn 1"),
        ('{"system_message": "Look.",\n "in_context": [,]}', "line 2"),
    ],
)
def test_a_wrong_prompt(
    desk: Any, refuse: Callable[..., str], prompt: object, expected: str
) -> None:
    """The line says what is wrong and where in the prompt it stands."""
    desk.write("prompts/photos.json", prompt)
    assert expected in refuse()


def test_a_missing_prompt(refuse: Callable[..., str]) -> None:
    """The line names the file and the flag that sets it."""
    line = refuse("--prompt_path", "nowhere.json")
    assert "nowhere.json" in line
    assert "--prompt_path" in line


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
        ("--max_tokens", "0"),
        ("--max_reasks", "-1"),
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


def test_an_unknown_command(desk: Any, server: ScriptedServer) -> None:
    """`syphus rnu` says that there is no such command."""
    assert "rnu" in check(desk.call("rnu"), server)


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


def test_a_second_process_on_the_same_run(desk: Any, server: ScriptedServer) -> None:
    """The second one is told which folder is taken; the first one's lock is the kernel's."""
    journal = desk.root / "out" / "journal"
    journal.mkdir(parents=True)
    with (journal / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        options = ("--base_url", server.base_url, "--model", "m", "--output_dir", "out")
        line = check(desk.main("--name", "Photos.photos", *options), server)
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
    desk: Any, server: ScriptedServer, arguments: tuple[str, ...], expected: str
) -> None:
    """`python main.py` prints the same one line, and leaves no folder behind."""
    desk.write("broken.json", "[\n{]")
    line = check(desk.main(*arguments, "--base_url", server.base_url, "--model", "m"), server)
    assert expected in line
    assert not list(desk.root.glob("output_*"))
