"""The main job as users start it: `python main.py ...` against an endpoint."""

from __future__ import annotations

import re
import subprocess
import sys
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
    for name, content in (
        *files.items(),
        ("stdout", done.out.encode()),
        ("err", done.err.encode()),
    ):
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


def test_a_reparse_of_more_queries_says_that_it_asks_none(
    desk: Any, server: ScriptedServer
) -> None:
    """What is missing isn't there by the same command, so that isn't said."""
    desk.call("run", *NAME, *at(server))
    desk.photos(8)
    done = desk.call("run", *NAME, "--reparse")
    assert done.status == 3
    assert "3 queries have no reply yet; --reparse asks nothing" in done.err
    assert "the same command goes on" not in done.err
    assert server.log.requests == 5


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


@pytest.mark.shared_data
@pytest.mark.skipif(not SPOT_THE_DIFFERENCE.exists(), reason="needs ../shared/data")
def test_the_real_spot_the_difference_file(
    desk: Any, server: ScriptedServer, tmp_path: Path
) -> None:
    """1,634 records, some with the same id: 1,628 are asked, 6 are empty, each has one result."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    name = ("--name", "SpotTheDifference.change", "-in", SPOT_THE_DIFFERENCE)
    done = desk.main(*name, *at(server), "--num_threads", 64, "--output_dir", "out", cwd=folder)
    assert done.status == 0, done.err
    assert number_after("queries", done.out) == 1634
    assert number_after("asked", done.out) == number_after("valid", done.out) == 1628
    assert server.log.requests == server.log.successes == 1628
    out = folder / "out"
    ids = [query["id"] for query in orjson.loads((out / "query_input.json").read_bytes())]
    valid = [record["id"] for record in orjson.loads((out / "valid_output.json").read_bytes())]
    empty = [record["id"] for record in orjson.loads((out / "error_messages.json").read_bytes())]
    assert len(set(ids)) == len(ids) == 1634
    assert sorted({*valid, *empty}) == sorted(ids)
    assert len(valid) == 3 * 1628
    assert len(empty) == 6
    data = orjson.loads((out / "SD_instructions.json").read_bytes())["data"]
    assert len(data) == 3 * 1628
    assert all(re.fullmatch(r"SD_IMG_\d{5,}_1", entry["image_ids"][0]) for entry in data.values())


def test_main_py_takes_the_other_commands_too(desk: Any) -> None:
    """`python main.py datasets` is `syphus datasets`; what is missing names the help."""
    command = [sys.executable, str(ROOT / "main.py"), "datasets"]
    done = subprocess.run(
        command, cwd=desk.root, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Photos.photos" in done.stdout
    missing = desk.call("report")
    assert missing.status == 2
    assert "syphus report --help" in missing.err


def test_a_python_without_the_packages_is_told_in_a_line() -> None:
    """Outside the environment `main.py` names the one that `make demo` made; exit status 2."""
    command = [sys.executable, "-S", str(ROOT / "main.py"), *NAME]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert ".venv/bin/activate" in done.stderr


def test_written_anew_what_cost_nothing_still_costs_nothing(
    desk: Any, server: ScriptedServer
) -> None:
    """`--reparse` asks nobody and knows no price; what the replies cost stands in the journal."""
    entry = f'[[deployments]]\nbase_url = "{server.base_url}"\nmodel = "m"\n'
    desk.write("d.toml", entry + "price = { prompt = 0.0, completion = 0.0 }\n")
    assert desk.call("run", *NAME, "--config", "d.toml").status == 0
    assert desk.read(f"{FOLDER}/meta.json")["cost"] == 0.0
    done = desk.call("run", *NAME, "--reparse")
    assert done.status == 0, done.err
    assert "cost      $0.0000\n" in done.out
    assert desk.read(f"{FOLDER}/meta.json")["cost"] == 0.0
