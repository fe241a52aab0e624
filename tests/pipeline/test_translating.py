"""What goes wrong in a translation is noticed, asked again piece by piece, and never hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from syphus.core.languages import TARGETS
from syphus.testing import Fault, Script, draw_answer
from syphus.testing.translating import draw_translation, read_translation_request

PAIRS = (
    (
        "What is the man in the red jacket doing near the fountain?",
        "He is feeding 12 pigeons while some children watch him from a bench.",
    ),
    (
        "How many boats are moored along the wooden pier?",
        "There are 7 boats along the pier, and most of them are covered for the winter.",
    ),
    (
        "Why do the people in the street carry umbrellas?",
        "It has just begun to rain, so they hold umbrellas over their heads.",
    ),
)
NUMBERS = {instruction: number for number, (instruction, _) in enumerate(PAIRS, 1)}
ENGLISH = "All along the pier there are 7 boats, which somebody has covered because of the winter."
FIELDS = ("instruction", "answer")
IDS = [f"PH_INS_{number:05d}" for number in (1, 2, 3)]
EVERYTHING = {(number, code) for number in (1, 2, 3) for code in TARGETS}

Reply = dict[str, Any]


@dataclass
class Translator:
    """Gives `PAIRS` to every query, and the server's own translations, some of them spoiled.

    `spoil` changes a reply that has all three pairs, or, `always`, any reply in the same way.
    """

    spoil: Callable[[Reply], None] = lambda _: None
    always: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        """What a script answers."""
        request = read_translation_request(messages[-1]["content"])
        if request is None:
            return "\n\n".join(f"Question: {ask}\nAnswer: {say}" for ask, say in PAIRS)
        self.requests.append(request)
        reply: Reply = orjson.loads(draw_answer(messages, body))
        if "rejected" not in request:
            self.spoil(reply)
        elif self.always:
            self._spoil_again(request, reply)
        return orjson.dumps(reply).decode()

    def _spoil_again(self, request: dict[str, Any], reply: Reply) -> None:
        """Spoils a smaller reply as the whole one was, and gives no more than was asked for."""
        whole = {
            str(number): {
                name: {code: draw_translation(text, code) for code in TARGETS}
                for name, text in zip(FIELDS, pair, strict=True)
            }
            for number, pair in enumerate(PAIRS, 1)
        }
        self.spoil(whole)
        for place, pair in request["pairs"].items():
            texts = whole[str(NUMBERS[pair["instruction"]])]
            reply[place] = {
                name: {
                    code: said for code, said in texts[name].items() if code in reply[place][name]
                }
                for name in FIELDS
            }


@dataclass(frozen=True)
class Spoiled:
    """A fault: what it does to a reply, what it makes unusable, and a word of each reason."""

    spoil: Callable[[Reply], None]
    reasons: dict[tuple[int, str], str]
    texts: dict[tuple[int, str], str | None]


def leave_out_korean(reply: Reply) -> None:
    """The second pair has no Korean."""
    for name in FIELDS:
        del reply["2"][name]["ko"]


def swap_spanish_and_german(reply: Reply) -> None:
    """Each of the two stands under the name of the other."""
    for texts in reply["2"].values():
        texts["es"], texts["de"] = texts["de"], texts["es"]


def answer_arabic_in_english(reply: Reply) -> None:
    """English, and no copy of the source."""
    reply["2"]["answer"]["ar"] = ENGLISH


def change_a_number(reply: Reply) -> None:
    """7 boats become 8."""
    reply["2"]["answer"]["fr"] = reply["2"]["answer"]["fr"].replace("7", "8")


def put_japanese_for_chinese(reply: Reply) -> None:
    """Japanese stands where Chinese should."""
    reply["2"]["answer"]["zh"] = reply["2"]["answer"]["ja"]


def say_nothing_in_german(reply: Reply) -> None:
    """The answer is there and empty."""
    reply["2"]["answer"]["de"] = ""


def leave_the_arabic_instruction(reply: Reply) -> None:
    """The answer is translated, its instruction is not."""
    reply["2"]["instruction"]["ar"] = PAIRS[1][0]


def said(number: int, code: str, name: str = "answer") -> str:
    """What the server says of one text."""
    return draw_translation(PAIRS[number - 1][FIELDS.index(name)], code)


SPOILED = {
    "one language missing": Spoiled(leave_out_korean, {(2, "ko"): "missing"}, {(2, "ko"): None}),
    "two languages swapped": Spoiled(
        swap_spanish_and_german,
        {(2, "es"): "German", (2, "de"): "Spanish"},
        {
            (2, "es"): said(2, "de", "instruction"),
            (2, "de"): said(2, "es", "instruction"),
        },
    ),
    "English for Arabic": Spoiled(
        answer_arabic_in_english, {(2, "ar"): "English"}, {(2, "ar"): ENGLISH}
    ),
    "a number changed": Spoiled(
        change_a_number, {(2, "fr"): "7"}, {(2, "fr"): said(2, "fr").replace("7", "8")}
    ),
    "Japanese for Chinese": Spoiled(
        put_japanese_for_chinese, {(2, "zh"): "Japanese"}, {(2, "zh"): said(2, "ja")}
    ),
    "an empty string": Spoiled(
        say_nothing_in_german,
        {(2, "de"): "answer is empty"},
        {(2, "de"): said(2, "de", "instruction")},
    ),
    "the instruction left as it was": Spoiled(
        leave_the_arabic_instruction, {(2, "ar"): "instruction"}, {(2, "ar"): PAIRS[1][0]}
    ),
}


def units(request: dict[str, Any]) -> set[tuple[int, str]]:
    """The pairs and languages that a request asks for."""
    pairs = request["pairs"].values()
    return {(NUMBERS[one["instruction"]], code) for one in pairs for code in request["languages"]}


def reasons_in(requests: Iterable[dict[str, Any]]) -> dict[tuple[int, str], str]:
    """The reasons that requests give, by pair and language."""
    return {
        (NUMBERS[request["pairs"][place]["instruction"]], code): reason
        for request in requests
        for place, by_code in request.get("rejected", {}).items()
        for code, reason in by_code.items()
    }


def file_of(job: Any, code: str) -> dict[str, Any]:
    """The entries of one language's file."""
    return job.read(f"PH_instructions_{code}.json")["data"]


def coverage(job: Any) -> dict[str, tuple[int, int]]:
    """Pairs translated and pairs missing, by language, as `meta.json` has them."""
    found = job.read("meta.json")["translations"]
    return {code: (one["translated"], one["missing"]) for code, one in found.items()}


def check_whole(job: Any) -> None:
    """All pairs stand in all languages, in the server's own words."""
    for code in TARGETS:
        for number, name in enumerate(IDS, 1):
            entry = file_of(job, code)[name]
            assert entry["instruction"] == said(number, code, "instruction")
            assert entry["answer"] == said(number, code)
    assert job.read("translation_errors.json") == []
    assert coverage(job) == dict.fromkeys(TARGETS, (3, 0))


def check_left_out(job: Any, gone: dict[tuple[int, str], str | None]) -> dict[tuple[int, str], str]:
    """Exactly `gone` is left out, listed with these texts (None: any); gives the reasons."""
    assert list(job.read("PH_instructions.json")["data"]) == IDS
    for code in TARGETS:
        there = [name for number, name in enumerate(IDS, 1) if (number, code) not in gone]
        assert list(file_of(job, code)) == there
        for name, entry in file_of(job, code).items():
            assert sorted(entry["rel_ins_ids"]) == [each for each in there if each != name]
    errors = job.read("translation_errors.json")
    listed = {(IDS.index(one["id"]) + 1, one["language"]): one for one in errors}
    assert len(errors) == len(listed)
    assert listed.keys() == gone.keys()
    assert {name for name, one in listed.items() if gone[name] not in (None, one["text"])} == set()
    counts = {code: sum(each == code for _, each in gone) for code in TARGETS}
    assert coverage(job) == {code: (3 - count, count) for code, count in counts.items()}
    return {name: one["error_message"] for name, one in listed.items()}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_only_what_failed_is_asked_again(
    job: Any, photos: Callable[..., Any], spoiled: Spoiled
) -> None:
    """The second request has the pairs and languages that failed, with the reason, no others."""
    translator = Translator(spoiled.spoil)
    job.server.play(Script(answer=translator))
    sitting = job.run(photos(1), languages="all")
    assert sitting.outcome.exit_status == 0
    first, again = translator.requests
    assert units(first) == EVERYTHING
    assert units(again) == spoiled.reasons.keys()
    told = reasons_in([again])
    assert told.keys() == spoiled.reasons.keys()
    assert all(word in told[name] for name, word in spoiled.reasons.items())
    check_whole(job)


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_what_fails_again_and_again_is_left_out_and_listed(
    job: Any, photos: Callable[..., Any], spoiled: Spoiled
) -> None:
    """After --max_reasks the pair is left out of that language alone, with its text and reason."""
    translator = Translator(spoiled.spoil, always=True)
    job.server.play(Script(answer=translator))
    sitting = job.run(photos(1), languages="all", max_reasks=2)
    assert sitting.outcome.exit_status == 0
    assert [units(one) for one in translator.requests[1:]] == [spoiled.reasons.keys()] * 2
    listed = check_left_out(job, spoiled.texts)
    assert all(word in listed[name] for name, word in spoiled.reasons.items())
    assert job.run(photos(1), languages="all", max_reasks=2).requests == 0


def test_an_extra_key_is_passed_over(job: Any, photos: Callable[..., Any]) -> None:
    """A pair, a field and a language that nobody asked for cost no second request."""

    def add(reply: Reply) -> None:
        reply["9"] = {"instruction": {"de": "Wer?"}, "answer": {"de": "Ich."}}
        reply["2"]["note"] = "Done as you asked."
        reply["2"]["answer"]["it"] = "Ci sono 7 barche."

    translator = Translator(add)
    job.server.play(Script(answer=translator))
    job.run(photos(1), languages="all")
    assert len(translator.requests) == 1
    check_whole(job)


def test_of_a_reply_that_is_cut_off_the_whole_texts_are_kept(
    job: Any, photos: Callable[..., Any]
) -> None:
    """What stood before the cut isn't asked for again; the rest is, and is told why."""
    translator = Translator()
    job.server.play(Script(answer=translator, faults=[Fault("finish_length", at=[2])]))
    assert job.run(photos(1), languages="all").outcome.exit_status == 0
    asked = set().union(*map(units, translator.requests[1:]))
    assert {(3, code) for code in TARGETS} <= asked < EVERYTHING
    assert sum(len(units(one)) for one in translator.requests[1:]) == len(asked)
    told = reasons_in(translator.requests[1:])
    assert told.keys() == asked
    assert {reason for reason in told.values() if "cut off" not in reason} == set()
    check_whole(job)


def test_replies_that_are_always_cut_off_lose_no_english(
    job: Any, photos: Callable[..., Any]
) -> None:
    """What never came whole is left out and listed as cut off; the run ends in order."""
    translator = Translator()
    cut = Fault("finish_length", containing='"languages"')
    job.server.play(Script(answer=translator, faults=[cut]))
    assert job.run(photos(1), languages="all", max_reasks=1).outcome.exit_status == 0
    gone = {
        (IDS.index(one["id"]) + 1, one["language"]): one["text"]
        for one in job.read("translation_errors.json")
    }
    assert gone
    reasons = check_left_out(job, gone)
    assert {reason for reason in reasons.values() if "cut off" not in reason} == set()


def test_a_refusal_is_asked_again(job: Any, photos: Callable[..., Any]) -> None:
    """The second request has everything, because nothing was given, and says what was wrong."""
    translator = Translator()
    job.server.play(Script(answer=translator, faults=[Fault("refusal", at=[2])]))
    assert job.run(photos(1), languages="all").outcome.exit_status == 0
    first, again = translator.requests
    assert units(first) == units(again) == EVERYTHING
    assert set(reasons_in([again]).values()) == {"the model refused"}
    check_whole(job)


def test_refusals_to_the_end_are_listed_with_their_words(
    job: Any, photos: Callable[..., Any]
) -> None:
    """English keeps every pair, the languages' files are there and empty."""
    translator = Translator()
    refusal = Fault("refusal", containing='"languages"')
    job.server.play(Script(answer=translator, faults=[refusal]))
    assert job.run(photos(1), languages="all").outcome.exit_status == 0
    assert len(translator.requests) == 2
    reasons = check_left_out(job, dict.fromkeys(EVERYTHING, "I can't help with that."))
    assert set(reasons.values()) == {"the model refused"}


def test_talk_in_place_of_json_is_listed_with_its_words(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A reply without JSON is text that was refused, too: whoever looks for the reason sees it."""
    job.server.play(
        Script(
            answer=lambda messages, _: (
                "Question: What?\nAnswer: That."
                if read_translation_request(messages[-1]["content"]) is None
                else "Which dialect of Spanish would you like?"
            )
        )
    )
    job.run(photos(1), languages="es")
    (listed,) = job.read("translation_errors.json")
    assert listed["error_message"] == "the reply is not JSON"
    assert "Which dialect" in listed["text"]


def test_a_request_that_fails_is_told_by_the_exit_status(
    job: Any, photos: Callable[..., Any]
) -> None:
    """An endpoint's refusal of a translation is no fault of the English pair: status 4.

    A later sitting that asks nothing more says the same.
    """
    filtered = Fault("content_filter", containing='"languages"')
    job.server.play(Script(answer=Translator(), faults=[filtered]))
    sitting = job.run(photos(1), languages="de,ja")
    assert sitting.outcome.exit_status == 4
    assert sitting.counts == (1, 0, 0)
    assert list(job.read("PH_instructions.json")["data"]) == IDS
    assert file_of(job, "de") == file_of(job, "ja") == {}
    assert coverage(job) == {"ja": (0, 3), "de": (0, 3)}
    assert len(job.read("translation_errors.json")) == 6
    job.server.play(Script(answer=Translator()))
    later = job.run(photos(1), languages="de,ja")
    assert (later.requests, later.outcome.exit_status) == (0, 4)
    again = job.run(photos(1), languages="de,ja", redo="failed")
    assert again.outcome.exit_status == 0
    assert coverage(job) == {"ja": (3, 0), "de": (3, 0)}


def test_glossary_terms_are_asked_for_where_they_occur_and_checked(
    job: Any, photos: Callable[..., Any], tmp_path: Any
) -> None:
    """A term stands in the request of its own pairs only; a translation without it is refused."""
    terms = {"pier": {"de": "Seebrücke"}, "unicorn": "keep", "pigeons": "keep"}
    path = tmp_path / "glossary.json"
    path.write_bytes(orjson.dumps(terms))

    def say_pier(reply: Reply) -> None:
        for name in FIELDS:
            reply["1"][name]["de"] += " pigeons"

    translator = Translator(say_pier)
    job.server.play(Script(answer=translator))
    job.run(photos(1), languages="de,fr", glossary=str(path))
    first, again = translator.requests[:2]
    assert first["glossary"] == {"pier": {"de": "Seebrücke"}, "pigeons": "keep"}
    refused = {(2, "de"), (1, "fr")}
    assert set().union(*map(units, translator.requests[1:])) == refused
    assert again["glossary"].keys() <= {"pier", "pigeons"}
    told = reasons_in(translator.requests[1:])
    assert "Seebrücke" in told[2, "de"]
    assert "pigeons" in told[1, "fr"]
    assert file_of(job, "de").keys() == {IDS[0], IDS[2]}
    assert file_of(job, "fr").keys() == {IDS[1], IDS[2]}
