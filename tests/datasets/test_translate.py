"""`Translation.translate`: instruction files of one's own in other languages."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syphus.cli.app import run_app
from syphus.core.languages import TARGETS
from syphus.testing import Script, ScriptedServer, draw_answer
from syphus.testing.translating import draw_translation, read_translation_request

ROOT = Path(__file__).parents[2]
HEAD = {"version": "0.0.1", "time": "2023-06", "author": "someone"}


def entry(number: int, images: list[str], related: list[str]) -> dict[str, Any]:
    """An instruction with its answer, different for each number."""
    return {
        "instruction": f"What does the cook put on shelf {number} of the old kitchen?",
        "answer": f"The cook puts {number + 2} plates there and closes the door behind them.",
        "image_ids": images,
        "rel_ins_ids": related,
    }


DATA = {
    "DC_INS_00017": entry(1, ["DC_IMG_v_1", "DC_IMG_v_2"], ["DC_INS_00018"]),
    "DC_INS_00018": entry(2, ["DC_IMG_v_1", "DC_IMG_v_2"], ["DC_INS_00017"]),
    "DC_INS_x-9": entry(3, ["DC_IMG_w"], []),
    "DC_INS_00002": entry(4, [], ["DC_INS_x-9"]),
}


@dataclass(frozen=True)
class Done:
    """How a command ended, what it printed, and how much it sent."""

    status: int
    out: str
    err: str
    requests: int


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder without plugins; what loading one leaves is undone."""
    monkeypatch.chdir(tmp_path)
    path, modules = sys.path.copy(), sys.modules.keys()
    before = set(modules)
    yield tmp_path
    sys.path[:] = path
    for name in modules - before:
        if name.startswith("_syphus_dataset_"):
            del sys.modules[name]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that translates."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def translate(
    folder: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the data set on a file, whose content is given as text or value."""

    def run(name: str, content: Any, *arguments: str, languages: str = "all") -> Done:
        if content is not None:
            text = content if isinstance(content, str) else json.dumps(content)
            (folder / name).write_text(text)
        words = ["run", "--name", "Translation.translate", "--query_inputs_path", name]
        words += ["--base_url", server.base_url, "--model", "m", "--output_dir", "out"]
        words += ["--languages", languages, "--no_progress", *arguments]
        capsys.readouterr()
        before = server.log.requests
        status = run_app(words, root=ROOT)
        printed = capsys.readouterr()
        return Done(status, printed.out, printed.err, server.log.requests - before)

    return run


@pytest.fixture
def read(folder: Path) -> Callable[[str], Any]:
    """The JSON in one of the run's files."""
    return lambda name: json.loads((folder / "out" / name).read_bytes())


def lines(*values: Any) -> str:
    """JSON lines."""
    return "".join(json.dumps(each) + "\n" for each in values)


def refused(done: Done, *words: str) -> None:
    """The command ended with status 2 and one line that has these words; nothing was sent."""
    assert done.status == 2, done.err
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("syphus: ")
    assert all(word in done.err for word in words), done.err
    assert done.requests == 0


@pytest.mark.parametrize("indent", [None, 2])
def test_ids_images_and_relations_stay(
    translate: Callable[..., Done], read: Callable[[str], Any], indent: int | None
) -> None:
    """A MIMIC-IT file in any layout becomes one a language, under the ids that it has."""
    done = translate(
        "DC_instructions.json", json.dumps({"meta": HEAD, "data": DATA}, indent=indent)
    )
    assert done.status == 0, done.err
    for code in TARGETS:
        found = read(f"DC_instructions_{code}.json")["data"]
        assert list(found) == list(DATA)
        for name, entry in found.items():
            source = DATA[name]
            assert entry == {
                "instruction": draw_translation(source["instruction"], code),
                "answer": draw_translation(source["answer"], code),
                "image_ids": source["image_ids"],
                "rel_ins_ids": source["rel_ins_ids"],
            }
    assert read("translation_errors.json") == []
    coverage = read("meta.json")["translations"]
    assert {one["translated"] for one in coverage.values()} == {4}


def test_no_pair_is_asked_for_only_translations(
    translate: Callable[..., Done], server: ScriptedServer
) -> None:
    """Neighbours with the same images travel together; the same command again sends nothing."""
    seen: list[Any] = []

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        seen.append(read_translation_request(messages[-1]["content"]))
        return draw_answer(messages, body)

    server.play(Script(answer=answer))
    assert translate("DC_instructions.json", {"meta": HEAD, "data": DATA}).requests == 3
    assert sorted(len(request["pairs"]) for request in seen) == [1, 1, 2]
    assert translate("DC_instructions.json", None).requests == 0


def test_languages_can_be_added(translate: Callable[..., Done], read: Callable[[str], Any]) -> None:
    """One after the other into one folder, each paid for once."""
    translate("DC_instructions.json", {"meta": HEAD, "data": DATA}, languages="de")
    before = read("DC_instructions_de.json")
    done = translate("DC_instructions.json", None, languages="de,ko")
    assert done.requests == 3
    assert read("DC_instructions_de.json") == before
    assert list(read("DC_instructions_ko.json")["data"]) == list(DATA)


def test_json_lines_are_read_too(
    translate: Callable[..., Done], read: Callable[[str], Any]
) -> None:
    """With ids and relations where a line has them, numbered where it doesn't."""
    plain = {key: entry(5, [], [])[key] for key in ("instruction", "answer")}
    done = translate(
        "mine.jsonl",
        lines({"id": "a", **entry(1, ["i"], ["b"])}, {"id": "b", **entry(2, ["i"], [])}, plain),
        languages="fr,zh",
    )
    assert done.status == 0, done.err
    for code in ("fr", "zh"):
        found = read(f"mine_instructions_{code}.json")["data"]
        assert list(found)[:2] == ["a", "b"]
        assert len(found) == 3
        assert found["a"]["image_ids"] == ["i"]
        assert found["a"]["rel_ins_ids"] == ["b"]
        last = list(found.values())[2]
        assert last["answer"] == draw_translation(plain["answer"], code)


def test_a_pair_that_fails_is_taken_out_of_relations(
    translate: Callable[..., Done], read: Callable[[str], Any], server: ScriptedServer
) -> None:
    """What a language lacks is related to nothing there, and listed under its own id."""

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        reply = json.loads(draw_answer(messages, body))
        request = read_translation_request(messages[-1]["content"])
        for place, pair in request["pairs"].items():
            if "shelf 2" in pair["instruction"] and "ar" in reply[place]["answer"]:
                reply[place]["answer"]["ar"] = pair["answer"]
        return json.dumps(reply)

    server.play(Script(answer=answer))
    done = translate("DC_instructions.json", {"meta": HEAD, "data": DATA}, languages="ar,es")
    assert done.status == 0
    arabic = read("DC_instructions_ar.json")["data"]
    assert list(arabic) == [name for name in DATA if name != "DC_INS_00018"]
    assert arabic["DC_INS_00017"]["rel_ins_ids"] == []
    assert list(read("DC_instructions_es.json")["data"]) == list(DATA)
    (listed,) = read("translation_errors.json")
    assert (listed["id"], listed["language"]) == ("DC_INS_00018", "ar")
    assert listed["text"] == DATA["DC_INS_00018"]["answer"]


def test_a_slice_has_relations_within_itself(
    translate: Callable[..., Done], read: Callable[[str], Any]
) -> None:
    """Every related id of a language's file exists in it, however little of the source is taken."""
    data = {
        "A_INS_1": entry(1, ["v1"], ["A_INS_2"]),
        "A_INS_2": entry(2, ["v2"], ["A_INS_1"]),
        "A_INS_3": entry(3, ["v3"], ["A_INS_1"]),
    }
    content = {"meta": HEAD, "data": data}
    assert translate("A_instructions.json", content, "--slice_end", "2", languages="de").status == 0
    found = read("A_instructions_de.json")["data"]
    assert list(found) == ["A_INS_1", "A_INS_2"]
    assert found["A_INS_1"]["rel_ins_ids"] == ["A_INS_2"]
    translate("A_instructions.json", content, "--slice_end", "1", languages="de")
    found = read("A_instructions_de.json")["data"]
    assert found["A_INS_1"]["rel_ins_ids"] == []


def test_a_repeated_id_loses_no_pair(translate: Callable[..., Done], folder: Path) -> None:
    """Two lines with one id: either refused, or both in the file under ids of their own."""
    done = translate(
        "mine.jsonl",
        lines({"id": "a", **entry(1, ["i"], [])}, {"id": "a", **entry(2, ["j"], [])}),
        languages="de",
    )
    if done.status != 2:
        path = folder / "out" / "mine_instructions_de.json"
        assert len(json.loads(path.read_bytes())["data"]) == 2


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("none.json", None, "none.json"),
        ("DC.json", "", "DC.json"),
        ("DC.json", '{"meta": {}, "data": {', "DC.json"),
        ("DC.json", [1, 2], "data"),
        ("DC.json", {"data": ["a"]}, "data"),
        ("DC.json", {"data": {"DC_INS_7": {"instruction": "What?"}}}, "DC_INS_7"),
        ("DC.json", {"data": {"DC_INS_7": {"instruction": "What?", "answer": None}}}, "DC_INS_7"),
        ("DC.json", {"data": {"DC_INS_7": "What?"}}, "DC_INS_7"),
        ("mine.jsonl", lines({"question": "What?", "answer": "That."}), "item 1"),
        ("mine.jsonl", lines(entry(1, [], []), [1]), "item 2"),
        ("mine.jsonl", lines({"instruction": "What?", "answer": None}), "item 1"),
        ("mine.jsonl", lines({"instruction": ["What?"], "answer": "That."}), "item 1"),
        ("mine.jsonl", lines(entry(1, [], [])) + "{broken\n", "mine.jsonl"),
    ],
)
def test_a_wrong_file_is_refused(
    translate: Callable[..., Done], name: str, content: Any, word: str
) -> None:
    """One line that names the file, or the entry and what it lacks; nothing is sent."""
    refused(translate(name, content), word)


def test_a_glossary_goes_with_its_terms(
    translate: Callable[..., Done],
    read: Callable[[str], Any],
    server: ScriptedServer,
    folder: Path,
) -> None:
    """Only requests whose pairs have a term carry it, and what lacks its form is left out."""
    (folder / "terms.json").write_text(json.dumps({"Kitchen": {"de": "Küche"}, "ship": "keep"}))
    data = {"A_1": entry(1, ["v"], []), "A_2": entry(2, ["w"], [])}
    data["A_2"]["instruction"] = "What does the man put there?"
    seen: list[Any] = []

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        request = read_translation_request(messages[-1]["content"])
        seen.append(request)
        reply = json.loads(draw_answer(messages, body))
        if "glossary" in request and "rejected" in request:
            reply["1"]["instruction"]["de"] += " in der Küche"
        return json.dumps(reply)

    server.play(Script(answer=answer))
    done = translate(
        "A.json", {"meta": HEAD, "data": data}, "--glossary", "terms.json", languages="de"
    )
    assert done.status == 0
    terms = [request.get("glossary") for request in seen]
    assert terms.count({"Kitchen": {"de": "Küche"}}) == 2
    assert terms.count(None) == 1
    (rejected,) = [request["rejected"] for request in seen if "rejected" in request]
    assert "Küche" in rejected["1"]["de"]
    assert "Küche" in read("A_instructions_de.json")["data"]["A_1"]["instruction"]
    assert list(read("A_instructions_de.json")["data"]) == ["A_1", "A_2"]


def test_a_broken_glossary_is_refused(translate: Callable[..., Done], folder: Path) -> None:
    """One line with the flag and the file; nothing is sent."""
    (folder / "terms.json").write_text('{"kitchen": 5}')
    done = translate(
        "A.json", {"meta": HEAD, "data": DATA}, "--glossary", "terms.json", languages="de"
    )
    refused(done, "--glossary", "terms.json", "kitchen")


def test_the_sample_is_translated(translate: Callable[..., Done], read: Callable[..., Any]) -> None:
    """The file that comes with Syphus, from any folder, under its own ids."""
    sample = ROOT / "datasets" / "samples" / "translate.json"
    done = translate(str(sample), None, languages="ja")
    assert done.status == 0, done.err
    found = read("translate_instructions_ja.json")["data"]
    assert list(found) == list(json.loads(sample.read_bytes())["data"])
