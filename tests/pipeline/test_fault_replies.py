"""Strange replies, from the wire to the files: each is a result or a named reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from syphus.testing import Fault, Script, draw_answer

ODD = [
    Fault("lone_surrogate"),
    Fault("u2028"),
    Fault("nul"),
    Fault("not_utf8"),
    Fault("huge_number"),
    Fault("deep_nesting"),
    Fault("deep_nesting_body"),
    Fault("huge", size=1_000_000),
    Fault("huge", size=2_000_000),
]
GOOD = 27
DIGITS = "7" * 5_000
DEPTH = 10_000
CONTENTS = {
    "thousands of pairs": "\n".join(f"Question: q{at}\nAnswer: a" for at in range(2_000)),
    "digits": f'[{{"question": "How many?", "answer": {DIGITS}}}]',
    "digits alone": DIGITS,
    "exponent": '[{"question": "How many?", "answer": 1e999999}]',
    "nested answer": '[{"question": "a?", "answer": ' + "[" * DEPTH + "]" * DEPTH + "}]",
    "nested objects": '{"question":' * DEPTH + '"a"' + "}" * DEPTH,
    "open brackets": "[" * DEPTH,
    "surrogates": "Question: a \ud83d b?\nAnswer: \udc00\ud800.",
    "surrogate escapes": r'[{"question": "a \ud83d?", "answer": "\udc00"}]',
    "separators": "Question: a\u2028b?\nAnswer: c\u2029d\x85e\x1cf\x00.",
    "nothing but NUL": "\0" * 5_000,
}


class Talk(BaseModel):
    """A question and its answer."""

    question: str
    answer: str


class Talks(BaseModel):
    """What a structured reply holds."""

    talks: list[Talk]


def parse_lines(_: object, reply: str) -> Iterator[dict[str, str]]:
    """A plugin's own way to read: a question to the left of a colon."""
    for line in filter(str.strip, reply.splitlines()):
        question, answer = line.split(":", 1)
        yield {"question": question, "answer": answer}


PLUGINS: dict[str, dict[str, Any]] = {
    "own parser": {},
    "response_model": {"response_model": Talks},
    "parse": {"parse": parse_lines},
    "free_text": {"free_text": True},
}
# Three of them give no reply at all: at three tries each too few to open the breaker.
FAULTS = [
    Fault(fault.kind, size=fault.size, containing=f"number {at}.") for at, fault in enumerate(ODD)
]
EACH_PLUGIN = pytest.mark.parametrize("attributes", PLUGINS.values(), ids=PLUGINS)


def check_files(folder: Path) -> None:
    """Every file of the run is JSON for every reader: no NaN, no lone surrogate, valid UTF-8."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for path in folder.glob("*.json"):
        raw = path.read_bytes()
        text = raw.decode("utf-8")
        value = json.loads(text, parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        assert orjson.loads(raw) == value
    lines = (folder / "journal" / "generate.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert all(isinstance(json.loads(line, parse_constant=refuse), dict) for line in lines)


def check_each_has_its_place(job: Any, total: int) -> None:
    """Every query stands among the results, the rejected with a reason, or the failed."""
    lists = ("valid_output.json", "invalid_output.json", "error_messages.json")
    found = {name: job.read(name) for name in lists}
    assert {one["id"] for each in found.values() for one in each} == {
        f"p{at}" for at in range(total)
    }
    assert all(
        one["error_message"].strip()
        for name in ("invalid_output.json", "error_messages.json")
        for one in found[name]
    )


def check_again(job: Any, dataset: Any, sitting: Any) -> None:
    """A resume and a reparse of what is finished send nothing and write the same files."""
    before = {path.name: path.read_bytes() for path in job.folder.glob("*_output.json")}
    for settings in ({}, {"reparse": True}):
        again = job.run(dataset, **settings, max_reasks=0)
        assert (again.requests, again.counts) == (0, sitting.counts)
        assert {p.name: p.read_bytes() for p in job.folder.glob("*_output.json")} == before


@EACH_PLUGIN
def test_odd_replies_touch_no_good_one(
    job: Any, photos: Callable[..., Any], attributes: dict[str, Any]
) -> None:
    """Queries that meet a fault every time have their place in the files, the others are valid."""
    job.server.play(Script(faults=FAULTS))
    total = len(ODD) + GOOD
    dataset = photos(total, **attributes)
    sitting = job.run(dataset, max_reasks=0)
    assert sitting.counts[0] >= GOOD
    assert sum(sitting.counts) == total
    check_files(job.folder)
    check_each_has_its_place(job, total)
    valid = {one["id"] for one in job.read("valid_output.json")}
    assert {f"p{at}" for at in range(len(ODD), total)} <= valid
    check_again(job, dataset, sitting)


@EACH_PLUGIN
def test_an_odd_content_is_a_result_or_a_reason(
    job: Any, photos: Callable[..., Any], attributes: dict[str, Any]
) -> None:
    """What a model may write, whoever reads it, ends in files that everyone can read."""
    job.server.play(Script(answer=lambda messages, _: CONTENTS[messages[-1]["content"]]))
    dataset = photos({f"p{at}": name for at, name in enumerate(CONTENTS)}, **attributes)
    sitting = job.run(dataset, max_reasks=0)
    assert sitting.outcome.exit_status == 0
    check_files(job.folder)
    check_each_has_its_place(job, len(CONTENTS))
    check_again(job, dataset, sitting)


def test_a_number_of_5000_digits_is_no_usage(job: Any, photos: Callable[..., Any]) -> None:
    """A count of tokens that no one can have used is taken for none, and the reply is kept."""
    sitting = _answered_with_usage(job, photos, DIGITS)
    assert sitting.counts == (1, 0, 0)
    assert job.read("meta.json")["prompt_tokens"] == 0


@pytest.mark.parametrize("usage", ["[" * DEPTH + "]" * DEPTH, "NaN", "-1", '"many"', "1e400"])
def test_odd_usage_ends_no_run(job: Any, photos: Callable[..., Any], usage: str) -> None:
    """Whatever stands where tokens are counted, the query has its place."""
    sitting = _answered_with_usage(job, photos, usage)
    assert sum(sitting.counts) == 1
    check_files(job.folder)


def _answered_with_usage(job: Any, photos: Callable[..., Any], usage: str) -> Any:
    from aiohttp import web  # noqa: PLC0415 - only these tests write a body by hand

    from syphus.testing import chat  # noqa: PLC0415

    body = (
        '{"choices": [{"message": {"content": "Question: a?\\nAnswer: b."}, "finish_reason": '
        f'"stop"}}], "usage": {{"prompt_tokens": {usage}, "completion_tokens": {usage}}}}}'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            chat, "odd_reply", lambda *_: web.Response(text=body, content_type="application/json")
        )
        job.server.play(Script(faults=[Fault("u2028")]))
        return job.run(photos(1))


def test_a_reply_larger_than_its_tokens_is_refused_unread(
    job: Any, photos: Callable[..., Any]
) -> None:
    """50 MB for 2,048 tokens is no completion: the query fails, with how often it was paid for."""
    job.server.play(Script(faults=[Fault("huge", containing="number 1.")]))
    assert job.run(photos(3)).counts == (2, 0, 1)
    (record,) = job.read("error_messages.json")
    assert (record["id"], record["kind"]) == ("p1", "malformed_reply")
    assert "1.5 MiB" in record["error_message"]
    assert (record["attempts"], record["maybe_billed"]) == (3, True)
    assert job.journal.stat().st_size < 100_000


TRANSLATIONS = {
    "digits": '{"1": {"instruction": {"de": ' + DIGITS + '}, "answer": {"de": ' + DIGITS + "}}}",
    "nested": '{"1": {"instruction": {"de": ' + "[" * DEPTH + "]" * DEPTH + "}}}",
    "open": '{"1": ' * DEPTH,
    "surrogates": '{"1": {"instruction": {"de": "Was \\ud83d?"}, "answer": {"de": "Das \udc00"}}}',
    "NUL": '{"1": {"instruction": {"de": "Was\\u0000?"}, "answer": {"de": "Das \u2028\0"}}}',
    "list": "[" * 5 + "{}" + "]" * 5,
    "number": DIGITS,
}


def test_an_odd_translation_is_a_result_or_a_reason(job: Any, photos: Callable[..., Any]) -> None:
    """The second stage takes the same: each pair is in the German file or among the errors."""

    def answer(messages: list[dict[str, Any]], _: object) -> str:
        asked = messages[-1]["content"]
        if asked in TRANSLATIONS:
            return f"Question: What is it?\nAnswer: A boat of {asked}."
        return next(text for name, text in TRANSLATIONS.items() if f"boat of {name}" in asked)

    job.server.play(Script(answer=answer))
    dataset = photos({name: name for name in TRANSLATIONS})
    _check_translated(job, dataset, pairs=len(TRANSLATIONS))
    assert job.run(dataset, languages="de", max_reasks=0).requests == 0
    _check_translated(job, dataset, pairs=len(TRANSLATIONS), reparse=True)


def test_a_translation_that_meets_a_fault_touches_no_other(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The pairs of some queries meet a fault at each translation, those of the others are given."""

    def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        asked = messages[-1]["content"]
        if asked.startswith("Photo"):
            return f"Question: What is shown here?\nAnswer: It is {asked}"
        return draw_answer(messages, body)

    job.server.play(Script(answer=answer))
    total = len(ODD) + GOOD
    job.run(photos(total))
    job.server.play(Script(answer=answer, faults=FAULTS))
    _check_translated(job, photos(total), pairs=total, at_least=GOOD)


def _check_translated(
    job: Any, dataset: Any, *, pairs: int, at_least: int = 0, **settings: Any
) -> None:
    job.run(dataset, languages="de", max_reasks=0, **settings)
    check_files(job.folder)
    given = job.read("PH_instructions_de.json")["data"]
    missing = job.read("translation_errors.json")
    assert len(given) >= at_least
    assert len(given) + len(missing) == pairs
    assert all(one["error_message"].strip() for one in missing)
