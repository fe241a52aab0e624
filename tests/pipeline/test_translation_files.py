"""What the translation stage sends, when it sends it, and the files it leaves."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from syphus.core.deployments import Deployment
from syphus.core.languages import TARGETS
from syphus.testing import Fault, Script, draw_answer
from syphus.testing.translating import read_translation_request

CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


@dataclass
class Clerk:
    """Answers as a server does by default and keeps every request, in order of arrival."""

    change: Callable[[str, str], str] = lambda _code, text: text
    messages: list[list[dict[str, Any]]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        """What a script answers."""
        self.messages.append(messages)
        self.bodies.append(body)
        text = draw_answer(messages, body)
        if read_translation_request(messages[-1]["content"]) is None:
            return text
        reply = orjson.loads(text)
        for pair in reply.values():
            for texts in pair.values():
                for code, said in texts.items():
                    texts[code] = self.change(code, said)
        return orjson.dumps(reply).decode()

    @property
    def stages(self) -> str:
        """A letter for each request: g asks for pairs, t for translations."""
        return "".join(
            "g" if read_translation_request(each[-1]["content"]) is None else "t"
            for each in self.messages
        )

    @property
    def translations(self) -> list[list[dict[str, Any]]]:
        """The messages of the translation requests."""
        return [
            each for each, stage in zip(self.messages, self.stages, strict=True) if stage == "t"
        ]


def entries(job: Any, code: str | None = None) -> dict[str, Any]:
    """The entries of a language's file, of the English one if no code is given."""
    return job.read(f"PH_instructions{'_' + code if code else ''}.json")["data"]


def translated_files(job: Any) -> dict[str, Any]:
    """All that the stage wrote, without the moment at which the run began."""
    files = {code: job.read(f"PH_instructions_{code}.json") for code in TARGETS}
    for file in files.values():
        del file["meta"]["time"]
    return {**files, "errors": job.read("translation_errors.json")}


def test_the_same_ids_stand_in_all_eight_files(job: Any, photos: Callable[..., Any]) -> None:
    """By default each pair is there in seven languages, with the images and relations it had."""
    sitting = job.run(photos(20), languages=None)
    assert sitting.outcome.exit_status == 0
    english = entries(job)
    assert len(english) == 60
    for code in TARGETS:
        found = entries(job, code)
        assert list(found) == list(english)
        for name, entry in found.items():
            assert entry["image_ids"] == english[name]["image_ids"]
            assert entry["rel_ins_ids"] == english[name]["rel_ins_ids"] != []
            assert entry["instruction"] != english[name]["instruction"]
    assert job.read("run.json")["languages"] == list(TARGETS)
    assert job.read("run.json")["counts"]["translated"] == dict.fromkeys(TARGETS, 60)


def test_a_language_more_leaves_the_others_as_they_are(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The same command with one language more asks for that alone, under the same ids."""
    job.run(photos(6), languages="de,ar")
    before = entries(job, "de")
    clerk = Clerk()
    job.server.play(Script(answer=clerk))
    job.run(photos(6), languages="de,ar,ko")
    assert entries(job, "de") == before
    assert list(entries(job, "ko")) == list(before)
    assert clerk.stages == "t" * 6
    asked = [read_translation_request(each[-1]["content"]) for each in clerk.translations]
    assert [one["languages"] for one in asked] == [["ko"]] * 6


@pytest.mark.parametrize("languages", ["ko", "none"])
def test_a_language_less_leaves_no_file_behind(
    job: Any, photos: Callable[..., Any], languages: str
) -> None:
    """Files of languages that are left out are written from the journal, under the ids of now."""
    job.run(photos(6), languages="de,ar")
    before = entries(job, "de")
    clerk = Clerk()
    job.server.play(Script(answer=clerk))
    sitting = job.run(photos(8), languages=languages, slice_start=2)
    assert sitting.outcome.exit_status == 0
    english = entries(job)
    asked = [read_translation_request(each[-1]["content"]) for each in clerk.translations]
    assert [one["languages"] for one in asked] == ([] if languages == "none" else [["ko"]] * 6)
    for code in ("de", "ar"):
        found = entries(job, code)
        assert list(found) == list(english)[:12]
        assert {name: each["image_ids"] for name, each in found.items()} == {
            name: english[name]["image_ids"] for name in found
        }
    assert [each["answer"] for each in entries(job, "de").values()] == [
        each["answer"] for each in list(before.values())[6:]
    ]
    (told,) = [line for line in sitting.notices if "written from the journal" in line]
    assert "(de, ar)" in told
    meta = job.read("meta.json")
    assert meta["languages_left_out"] == ["de", "ar"]
    assert meta["translations"]["de"]["translated"] == 12
    assert meta["translations"]["de"]["missing"] == 6
    assert sitting.outcome.missing_translations == 0
    assert job.read("run.json")["languages"] == ([] if languages == "none" else ["ko"])


def test_a_language_that_the_journal_knows_nothing_of_stays_as_it_was(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Paid translations aren't written over by an empty file; it is said whose they are."""
    job.run(photos(3), languages="de")
    file = job.folder / "PH_instructions_de.json"
    before = file.read_bytes()
    (job.folder / "journal" / "translate.jsonl").unlink()
    sitting = job.run(photos(3), languages="none")
    assert file.read_bytes() == before
    (told,) = [line for line in sitting.notices if "left as they were" in line]
    assert "PH_instructions_de.json" in told
    assert job.read("meta.json")["languages_of_an_earlier_run"] == ["de"]
    assert job.read("meta.json")["languages_left_out"] == []
    again = job.run(photos(3), languages="ar")
    assert file.read_bytes() == before
    assert "PH_instructions_de.json" in again.said


def test_an_empty_file_of_another_language_goes_and_is_not_told(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A run that got no reply leaves files without pairs; the next one isn't troubled by them."""
    job.server.play(Script(faults=[Fault("insufficient_quota")]))
    job.run(photos(2), languages="de,ar")
    assert job.read("PH_instructions_de.json")["data"] == {}
    job.server.play(Script())
    sitting = job.run(photos(2), languages="ar")
    assert "left as they were" not in sitting.said
    assert job.read("meta.json")["languages_of_an_earlier_run"] == []
    assert not (job.folder / "PH_instructions_de.json").exists()
    assert job.read("PH_instructions_ar.json")["data"]


def test_text_is_stored_in_nfc(job: Any, photos: Callable[..., Any]) -> None:
    """A model that writes letters and their accents apart is no reason to ask again."""
    clerk = Clerk(lambda _code, text: unicodedata.normalize("NFD", text))
    job.server.play(Script(answer=clerk))
    job.run(photos(3), languages="all")
    assert clerk.stages.count("t") == 3
    for code in TARGETS:
        text = (job.folder / f"PH_instructions_{code}.json").read_text("utf-8")
        assert unicodedata.is_normalized("NFC", text)
        assert len(entries(job, code)) == 9


def test_added_control_characters_are_taken_away(job: Any, photos: Callable[..., Any]) -> None:
    """Invisible marks of direction are not worth a second request, and stand in no file."""
    clerk = Clerk(lambda code, text: f"\u200f{text}\u202c" if code == "ar" else text)
    job.server.play(Script(answer=clerk))
    job.run(photos(3), languages="ar,fr")
    assert clerk.stages.count("t") == 3
    assert len(entries(job, "ar")) == 9
    text = (job.folder / "PH_instructions_ar.json").read_text("utf-8")
    assert not set(CONTROLS) & set(text)


def test_right_to_left_text_stands_as_it_came(job: Any, photos: Callable[..., Any]) -> None:
    """Arabic is stored in the order in which it is read, character for character."""
    given: set[str] = set()

    def keep(_code: str, text: str) -> str:
        given.add(text)
        return text

    job.server.play(Script(answer=Clerk(keep)))
    job.run(photos(2), languages="ar")
    stored = {
        entry[name] for entry in entries(job, "ar").values() for name in ("instruction", "answer")
    }
    assert stored == given
    raw = (job.folder / "PH_instructions_ar.json").read_text("utf-8")
    assert not set(CONTROLS) & set(raw)


def test_translation_begins_before_generation_ends(job: Any, photos: Callable[..., Any]) -> None:
    """The first pairs are sent on while later queries haven't been answered yet."""
    clerk = Clerk()
    job.server.play(Script(answer=clerk, latency=0.03))
    job.run(photos(40), languages="all", num_threads=4)
    assert clerk.stages.count("g") == clerk.stages.count("t") == 40
    assert clerk.stages.index("t") < clerk.stages.rindex("g")


def test_the_pairs_of_a_query_travel_together(job: Any, photos: Callable[..., Any]) -> None:
    """Three short pairs in seven languages are one request, not twenty-one."""
    clerk = Clerk()
    job.server.play(Script(answer=clerk))
    job.run(photos(5), languages="all")
    for messages in clerk.translations:
        request = read_translation_request(messages[-1]["content"])
        assert request["languages"] == sorted(TARGETS)
        assert len(request["pairs"]) == 3
    assert clerk.stages.count("t") == 5


def test_what_comes_before_a_request_is_always_the_same(
    job: Any, another: Any, photos: Callable[..., Any]
) -> None:
    """Whatever the languages: a provider's cache serves all but the last message."""
    clerk = Clerk()
    job.server.play(Script(answer=clerk))
    job.run(photos(3), languages="all")
    another.run(photos(4), languages="ja", model="other", temperature=1.0)
    before = {orjson.dumps(messages[:-1]) for messages in clerk.translations}
    assert len(clerk.translations) == 7
    assert len(before) == 1
    assert [each["role"] for each in clerk.translations[0]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_the_schema_has_each_pair_and_each_language(job: Any, photos: Callable[..., Any]) -> None:
    """It is strict, a pair is a property of its own, and texts are named by language codes."""
    clerk = Clerk()
    job.server.play(Script(answer=clerk))
    job.run(photos(1), languages="de,ar")
    (sent,) = [body["response_format"] for body in clerk.bodies if "response_format" in body]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["strict"] is True
    schema = sent["json_schema"]["schema"]
    assert schema["required"] == ["1", "2", "3"]
    for pair in schema["properties"].values():
        for texts in pair["properties"].values():
            assert texts["required"] == ["ar", "de"]
            assert texts["additionalProperties"] is False


def test_without_response_formats_the_shape_is_described(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A server that refuses them is asked in words as soon as it is known; that is said once."""
    clerk = Clerk()
    job.server.play(Script(answer=clerk, refuses={"response_format"}, latency=0.01))
    sitting = job.run(photos(60), languages="all", num_threads=4)
    assert sitting.outcome.exit_status == 0
    assert all(len(entries(job, code)) == 180 for code in TARGETS)
    told = [line for line in sitting.notices if "response format" in line or "json_" in line]
    assert len(told) == len(set(told))
    assert [line for line in told if "no response format is sent instead" in line]
    assert len(told) <= 2
    assert sitting.requests <= 120 + 8
    described = ["exactly this shape" in each[-1]["content"] for each in clerk.translations]
    assert described[-1]
    assert job.run(photos(60), languages="all").requests == 0


def test_texts_too_short_to_judge_are_counted(job: Any, photos: Callable[..., Any]) -> None:
    """A one-word answer tells no language: it is let through, and `meta.json` says how many."""

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        request = read_translation_request(messages[-1]["content"])
        if request is None:
            return "Question: What is the colour of the old bicycle?\nAnswer: Beige."
        reply = orjson.loads(draw_answer(messages, body))
        reply["1"]["answer"]["de"] = "Beige."
        return orjson.dumps(reply).decode()

    job.server.play(Script(answer=answer))
    job.run(photos(2), languages="de")
    (found,) = job.read("meta.json")["translations"].values()
    assert found == {"translated": 2, "missing": 0, "unjudged_texts": 2}


def test_free_text_is_not_translated(job: Any, photos: Callable[..., Any]) -> None:
    """A data set whose replies aren't pairs has nothing for the stage."""
    clerk = Clerk()
    job.server.play(Script(answer=clerk))
    job.run(photos(2, free_text=True), languages=None)
    assert clerk.stages == "gg"


def test_a_query_without_a_pair_is_not_translated(
    job: Any, photos: Callable[..., Any], by_text: Callable[..., Script]
) -> None:
    """Nothing is asked for replies that gave nothing, and the files stay in step."""
    job.server.play(by_text({"number 1": ["Nothing to see.", "Still nothing."]}))
    sitting = job.run(photos(3), languages="none")
    assert sitting.counts == (2, 1, 0)
    clerk = Clerk()
    job.server.play(Script(answer=clerk))
    job.run(photos(3), languages="fr")
    assert clerk.stages == "tt"
    assert list(entries(job, "fr")) == list(entries(job))


def test_reparse_writes_the_languages_again(job: Any, photos: Callable[..., Any]) -> None:
    """From the journal alone: nothing is sent, and every file is as it was."""
    job.run(photos(5), languages="all")
    before = translated_files(job)
    for code in TARGETS:
        (job.folder / f"PH_instructions_{code}.json").unlink()
    assert job.run(photos(5), languages=None, reparse=True).requests == 0
    assert translated_files(job) == before


def test_wrong_languages_are_refused(job: Any, photos: Callable[..., Any]) -> None:
    """An unknown code is told before anything is sent."""
    with pytest.raises(Exception, match="'xx'"):
        job.run(photos(1), languages="de,xx")
    assert job.server.log.requests == 0


def test_the_embedded_model_is_not_asked_to_translate(
    job: Any, photos: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default it gets --languages none, said in one line; by name it is asked."""

    async def open_local(*_: object) -> tuple[Deployment, None]:
        deployment = Deployment(
            name="local", api_type="openai", base_url=job.server.base_url, model="embedded"
        )
        return deployment, None

    monkeypatch.setattr("syphus.pipeline.run.open_local", open_local)
    clerk = Clerk()
    job.server.play(Script(answer=clerk))
    local = {"backend": "local", "base_url": None, "model": None}
    sitting = job.run(photos(2), languages=None, **local)
    assert clerk.stages == "gg"
    (told,) = [line for line in sitting.notices if "--languages none" in line]
    assert "\n" not in told
    assert not list(job.folder.glob("PH_instructions_*.json"))
    named = job.run(photos(2), languages="de", **local)
    assert clerk.stages == "ggtt"
    assert not [line for line in named.notices if "--languages none" in line]
