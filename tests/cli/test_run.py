"""The main job as users start it: `python main.py ...` against an endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.testing import Fault, Script, ScriptedServer

ROOT = Path(__file__).parents[2]
SPOT_THE_DIFFERENCE = ROOT.parent / "shared/data/spot_the_diff_val.json"
KEY = "sk-proj-4f9vQ0aZ7wLkP2sT"
NAME = ("--name", "Photos.photos")
FOLDER = "output_Photos.photos_v1"
ALL_FILES = {
    "run.json",
    "run.log",
    "journal",
    "query_input.json",
    "valid_output.json",
    "invalid_output.json",
    "error_messages.json",
    "meta.json",
    "PH_instructions.json",
    "PH_train.json",
}
META = {
    "completion_tokens",
    "prompt_tokens",
    "total_tokens",
    "valid_outputs",
    "invalid_outputs",
    "error_messages",
    "time",
    "total_examples",
    "cost",
}


def at(server: ScriptedServer) -> tuple[str, ...]:
    """The flags that lead to the server."""
    return ("--base_url", server.base_url, "--model", "m")


def number_after(word: str, text: str) -> float:
    """The first number on the line that begins with `word`."""
    found = re.search(rf"^{word}\s+\D?([\d.]+)", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_every_file_in_its_shape(desk: Any, server: ScriptedServer) -> None:
    """Exit status 0, numbers on stdout, and the files of a run, each as it is documented."""
    faults = [Fault("no_pairs", containing="number 3")]
    server.play(Script(api_keys={KEY}, faults=faults))
    desk.env |= {"OPENAI_API_KEY": KEY}
    done = desk.main(*NAME, *at(server), "--max_reasks", 0)
    assert done.status == 0, done.err
    assert number_after("queries", done.out) == 5
    assert number_after("valid", done.out) == 4
    assert number_after("invalid", done.out) == 1
    assert number_after("failed", done.out) == 0
    assert "12 pairs" in done.out
    assert FOLDER in done.out

    folder = desk.root / FOLDER
    assert {path.name for path in folder.iterdir()} == ALL_FILES
    files = files_of(folder)
    for name, content in (*files.items(), ("stdout", done.out.encode()), ("err", done.err.encode())):
        assert KEY.encode() not in content, name

    queries = desk.read(f"{FOLDER}/query_input.json")
    assert queries[0] == {"id": "p0", "sentences": "Photo number 0."}
    assert [query["id"] for query in queries] == ["p0", "p1", "p2", "p3", "p4"]
    valid = desk.read(f"{FOLDER}/valid_output.json")
    assert {tuple(record) for record in valid} == {("id", "question", "answer")}
    (invalid,) = desk.read(f"{FOLDER}/invalid_output.json")
    assert tuple(invalid) == ("id", "response", "error_message")
    assert desk.read(f"{FOLDER}/error_messages.json") == []
    meta = desk.read(f"{FOLDER}/meta.json")
    assert meta.keys() >= META
    assert meta["total_tokens"] == meta["prompt_tokens"] + meta["completion_tokens"] > 0
    assert (meta["valid_outputs"], meta["invalid_outputs"], meta["total_examples"]) == (12, 1, 5)

    instructions = desk.read(f"{FOLDER}/PH_instructions.json")
    assert instructions.keys() == {"meta", "data"}
    assert instructions["meta"].keys() == {"version", "time", "author"}
    data = instructions["data"]
    assert list(data) == [f"PH_INS_{number:05d}" for number in range(1, 13)]
    for name, entry in data.items():
        assert tuple(entry) == ("instruction", "answer", "image_ids", "rel_ins_ids")
        assert len(entry["rel_ins_ids"]) == 2
        assert name not in entry["rel_ins_ids"]
        assert set(entry["rel_ins_ids"]) < data.keys()
    train = desk.read(f"{FOLDER}/PH_train.json")
    assert train == {name: entry["rel_ins_ids"] for name, entry in data.items()}
    facts = desk.read(f"{FOLDER}/run.json")
    assert (facts["state"], facts["model"]) == ("finished", "m")
    for line in (folder / "run.log").read_bytes().splitlines():
        assert "event" in orjson.loads(line)


def test_the_variables_of_the_mimic_it_readme(desk: Any, listener: Callable[..., Any]) -> None:
    """The five names lead to Azure's address, with the key in its header and the version."""
    with listener() as heard:
        desk.env |= {
            "OPENAI_API_TYPE": "azure",
            "OPENAI_API_KEY": KEY,
            "OPENAI_API_BASE": heard.base,
            "OPENAI_API_VERSION": "2023-05-15",
            "OPENAI_API_ENGINE": "chatgpt0301",
        }
        done = desk.main(*NAME)
    assert done.status == 0, done.err
    path = "/openai/deployments/chatgpt0301/chat/completions?api-version=2023-05-15"
    assert heard.paths == [path] * 5
    assert {headers["api-key"] for headers in heard.headers} == {KEY}
    assert not any("authorization" in headers for headers in heard.headers)
    assert not any(KEY.encode() in content for content in files_of(desk.root).values())
    assert KEY not in done.out + done.err


def test_azure_answers_a_run(
    desk: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that insists on Azure's rules, and on the deployment's name, is satisfied."""
    server.play(Script(api_keys={KEY}, models={"chatgpt0301"}))
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.azure_endpoint)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_MODEL", "chatgpt0301")
    assert desk.call("run", *NAME).status == 0
    assert server.log.successes == 5


def test_azures_v1_address_answers_a_run(
    desk: Any, listener: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the model in the body and the key as a bearer, and no version."""
    with listener() as heard:
        monkeypatch.setenv("OPENAI_API_TYPE", "azure")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_API_BASE", f"{heard.base}/openai/v1/")
        monkeypatch.setenv("OPENAI_API_ENGINE", "gpt-4o")
        assert desk.call("run", *NAME).status == 0
    assert set(heard.paths) == {"/openai/v1/chat/completions"}
    assert {headers["authorization"] for headers in heard.headers} == {f"Bearer {KEY}"}


def test_a_bare_address_and_the_only_model_are_enough(desk: Any, server: ScriptedServer) -> None:
    """A host and a port get /v1, and a server that offers one model is asked for that one."""
    done = desk.call("run", *NAME, "--base_url", server.azure_endpoint)
    assert done.status == 0
    assert "scripted" in done.err
    assert desk.read(f"{FOLDER}/run.json")["model"] == "scripted"


def test_several_models_must_be_chosen_from(desk: Any, server: ScriptedServer) -> None:
    """Where a server offers more than one model the run asks which, and sends nothing."""
    server.play(Script(models={"large", "small"}))
    done = desk.call("run", *NAME, "--base_url", server.base_url)
    assert done.status == 2
    assert "large, small" in done.err
    assert "--model" in done.err
    assert server.log.requests == 0


def test_flags_may_have_hyphens(desk: Any, server: ScriptedServer) -> None:
    """`--num-threads` is `--num_threads`, and so for every flag; values keep their hyphens."""
    desk.write("other-photos.json", [{"id": "x", "sentences": "A bird."}])
    done = desk.call(
        "run",
        *NAME,
        *("--base-url", server.base_url, "--model", "my-model", "--num-threads", 2),
        *("--query-inputs-path", "other-photos.json", "--dataset-version", "v-2"),
        *("--max-tokens=99", "--no-progress"),
    )
    assert done.status == 0, done.err
    facts = desk.read("output_Photos.photos_v-2/run.json")
    assert facts["model"] == "my-model"
    assert facts["settings"]["max_tokens"] == 99
    assert [query.text for query in server.log.queries()] == ["A bird."]


def test_in_is_short_for_the_annotations(desk: Any, server: ScriptedServer) -> None:
    """`-in FILE` names the annotation file."""
    desk.write("more.json", [{"id": "x", "sentences": "A bird."}])
    assert desk.call("run", *NAME, *at(server), "-in", "more.json").status == 0
    assert [query.text for query in server.log.queries()] == ["A bird."]


def test_another_prompt_file(desk: Any, server: ScriptedServer) -> None:
    """`--prompt_path FILE` goes before the plugin's own."""
    seen: list[str] = []

    def answer(messages: list[dict[str, Any]], _: object) -> str:
        seen.append(messages[0]["content"])
        return "Question: What?\nAnswer: That."

    server.play(Script(answer=answer))
    desk.write("strict.json", {"system_message": "Be strict."})
    assert desk.call("run", *NAME, *at(server), "--prompt_path", "strict.json").status == 0
    assert set(seen) == {"Be strict."}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--slice_start", 3), ["p3", "p4"]),
        (("--slice_end", 2), ["p0", "p1"]),
        (("--slice_start", 1, "--slice_end", 3), ["p1", "p2"]),
        (("--slice_start", 1, "--slice_end", -1), ["p1", "p2", "p3", "p4"]),
        (("--slice_start", 4, "--slice_end", 99), ["p4"]),
    ],
)
def test_a_slice_is_what_is_asked(
    desk: Any, server: ScriptedServer, flags: tuple[object, ...], expected: list[str]
) -> None:
    """From --slice_start, counted from 0, up to before --slice_end, of which -1 means all."""
    assert desk.call("run", *NAME, *at(server), *flags).status == 0
    queries = desk.read(f"{FOLDER}/query_input.json")
    assert [query["id"] for query in queries] == expected
    assert server.log.requests == len(expected)


def test_a_random_sample_is_the_same_for_the_same_seed(desk: Any, server: ScriptedServer) -> None:
    """The queries are shuffled before they are sliced; another seed gives others."""
    desk.photos(60)

    def sample(*flags: object) -> list[str]:
        flags = ("--random_sample", "--slice_end", 12, *flags)
        folder = f"out{sample.calls}"  # type: ignore[attr-defined]
        sample.calls += 1  # type: ignore[attr-defined]
        assert desk.call("run", *NAME, *at(server), *flags, "--output_dir", folder).status == 0
        return [query["id"] for query in desk.read(f"{folder}/query_input.json")]

    sample.calls = 0  # type: ignore[attr-defined]
    first, same, other = sample("--seed", 4), sample("--seed", 4), sample("--seed", 5)
    assert len(set(first)) == 12
    assert first == same != other
    assert first != sorted(first, key=lambda name: int(name[1:]))


def test_an_env_file_is_read(desk: Any, server: ScriptedServer) -> None:
    """Address, key and model may stand in `.env` in the working folder; the key stays there."""
    server.play(Script(api_keys={KEY}, models={"from-file"}))
    lines = [f"OPENAI_BASE_URL={server.base_url}", f'OPENAI_API_KEY="{KEY}"']
    desk.write(".env", "\n".join([*lines, "export OPENAI_MODEL=from-file"]))
    assert desk.call("run", *NAME).status == 0
    assert server.log.successes == 5
    kept = files_of(desk.root / FOLDER)
    assert not any(KEY.encode() in content for content in kept.values())


def test_two_deployments_share_the_work(
    desk: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both endpoints of a settings file are asked, each with its key, each query once."""
    server.play(Script(latency=0.03, api_keys={"k-east"}))
    desk.photos(30)
    with ScriptedServer(Script(latency=0.03, api_keys={"k-west"})) as west:
        desk.write(
            "two.toml",
            f"""
            num_threads = 4
            [[deployments]]
            name = "east"
            base_url = "{server.base_url}"
            model = "m"
            api_key_env = "EAST_KEY"
            [[deployments]]
            name = "west"
            api_type = "azure"
            base_url = "{west.azure_endpoint}"
            api_version = "2024-10-21"
            model = "m"
            api_key = "k-west"
            """,
        )
        monkeypatch.setenv("EAST_KEY", "k-east")
        assert desk.call("run", *NAME, "--config", "two.toml").status == 0
        assert server.log.successes + west.log.successes == 30
        assert min(server.log.successes, west.log.successes) >= 8
    kept = files_of(desk.root / FOLDER)
    assert not any(b"k-west" in content or b"k-east" in content for content in kept.values())


def test_a_deployment_that_is_refused_leaves_the_work_to_the_other(
    desk: Any, server: ScriptedServer
) -> None:
    """A wrong key closes one deployment, is said, and fails nothing."""
    server.play(Script(api_keys={"other"}))
    with ScriptedServer() as second:
        tables = [
            f"[[deployments]]\nname = '{name}'\nbase_url = '{url}'\nmodel = 'm'\napi_key = 'k1'\n"
            for name, url in (("east", server.base_url), ("west", second.base_url))
        ]
        desk.write("two.toml", "".join(tables))
        done = desk.call("run", *NAME, "--config", "two.toml")
        assert done.status == 0
        assert second.log.successes == 5
    assert "east" in done.err
    assert "401" in done.err


def test_some_queries_fail(desk: Any, server: ScriptedServer) -> None:
    """Exit status 4, the others have their results, and the file with the reasons is named."""
    server.play(Script(faults=[Fault("context_length", containing="number 2")]))
    done = desk.main(*NAME, *at(server))
    assert done.status == 4
    assert number_after("failed", done.out) == 1
    assert "error_messages.json" in done.err
    (record,) = desk.read(f"{FOLDER}/error_messages.json")
    assert record["id"] == "p2"
    assert len(desk.read(f"{FOLDER}/valid_output.json")) == 12


def test_a_wrong_key_stops_and_the_right_one_goes_on(desk: Any, server: ScriptedServer) -> None:
    """Exit status 3 on a 401, nothing marked failed; the same command then asks everything."""
    server.play(Script(api_keys={KEY}))
    wrong = f"{KEY[:-4]}zzzz"
    desk.env |= {"OPENAI_API_KEY": wrong}
    done = desk.main(*NAME, *at(server))
    assert done.status == 3
    assert "401" in done.err
    assert "same command" in done.err
    assert wrong not in done.out + done.err
    assert desk.read(f"{FOLDER}/error_messages.json") == []
    assert desk.read(f"{FOLDER}/run.json")["state"] == "stopped"
    kept = files_of(desk.root / FOLDER)
    assert not any(wrong.encode() in content for content in kept.values())
    desk.env |= {"OPENAI_API_KEY": KEY}
    again = desk.main(*NAME, *at(server))
    assert again.status == 0
    assert server.log.successes == 5
    assert number_after("valid", again.out) == 5


@pytest.mark.parametrize("model", ["gpt-4", "gpt-3.5-turbo", "gpt-35-turbo", "gpt-5", "o3", "x/y"])
def test_any_model_can_be_asked(desk: Any, server: ScriptedServer, model: str) -> None:
    """A model whose tokens nobody here can count is asked like any other."""
    done = desk.call("run", *NAME, "--base_url", server.base_url, "--model", model)
    assert done.status == 0
    assert server.log.successes == 5


@pytest.mark.shared_data
@pytest.mark.skipif(not SPOT_THE_DIFFERENCE.exists(), reason="needs ../shared/data")
def test_the_real_spot_the_difference_file(desk: Any, server: ScriptedServer) -> None:
    """1,634 records: 1,628 are asked, 6 are empty, and each has one result."""
    server.play(Script(faults=[Fault("no_pairs", rate=0.01, per_query_at_most=1)]))
    done = desk.main(
        *("--name", "SpotTheDifference.change", *at(server), "--num_threads", 64),
        *("-in", SPOT_THE_DIFFERENCE, "--output_dir", "out"),
        *("--prompt_path", ROOT / "prompts/spot_the_difference.json"),
        timeout=100,
    ) if (desk.root / "datasets/photos.py").unlink() or (desk.root / "datasets").rmdir() else None
    assert done
