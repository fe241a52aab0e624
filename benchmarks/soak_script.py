"""The soak's queries, and the server's script that plays what stands in them.

A query names in brackets the faults that it meets: `Photo number 17. [reset]`. So what happens to
a query is decided by its text, whatever was killed meanwhile, and a run without the faults that
pass by must come to the same outputs. `(later reset)` asks the answer to name the fault:
judging and translating the pairs meet it then. The judge, who is shown the query, meets its faults
too.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from syphus.core.identity import canonical_json
from syphus.testing import Fault, Script, draw_answer
from syphus.testing.judging import read_judge_request
from syphus.testing.translating import read_translation_request

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIRS = 3
SYSTEM_MESSAGE = "Write pairs about the photo."
TURNS = "turns.jsonl"
STUBBORN = "[stubborn]"
PROSE = "I would rather tell a story about the sea."
_LATENCY = (0.01, 0.1)
_STOPS_OF_A_KIND = 2
_STUBBORN_SHARE = 0.01
_TWICE_SHARE = 0.1

# Met once by a query; asked again, it is answered.
PASSING: dict[str, tuple[Fault, ...]] = {
    "rate_limited": (
        Fault("rate_limited"),
        Fault("rate_limited", retry_after=0.2, retry_after_as="ms"),
        Fault("rate_limited", retry_after=0.5),
        Fault("rate_limited", retry_after=1, retry_after_as="date"),
        Fault("rate_limited", retry_after=-5),
        Fault("rate_limited", retry_after=float("nan")),
    ),
    "unavailable": (Fault("unavailable"), Fault("unavailable", retry_after=0.5)),
    "request_timeout": (Fault("request_timeout"),),
    "conflict": (Fault("conflict"),),
    "server_error": (Fault("server_error"),),
    "bad_gateway": (Fault("bad_gateway"),),
    "truncated_json": (Fault("truncated_json"),),
    "html_200": (Fault("html_200"),),
    "empty_object": (Fault("empty_object"),),
    "not_utf8": (Fault("not_utf8"),),
    "deep_nesting_body": (Fault("deep_nesting_body"),),
    "reset": (Fault("reset"),),
    "close_after_post": (Fault("close_after_post"),),
    "truncated_body": (Fault("truncated_body"),),
    "trickle": (Fault("trickle"),),
    "stall": (Fault("stall"),),
}
# Met by every attempt: the query is given up, or its reply is odd.
FAILING: dict[str, tuple[Fault, ...]] = {
    "bad_request": (Fault("bad_request"),),
    "content_filter": (Fault("content_filter"),),
    "context_length": (Fault("context_length"),),
    # A parameter that isn't sent, so there is no other wording to try.
    "unsupported_parameter": (Fault("unsupported_parameter", param="logit_bias"),),
}
CUT = "finish_length"
ODD: dict[str, tuple[Fault, ...]] = {
    CUT: (Fault("finish_length"),),
    "finish_content_filter": (Fault("finish_content_filter"),),
    "null_content": (Fault("null_content"),),
    "refusal": (Fault("refusal"),),
    "no_pairs": (Fault("no_pairs"),),
    "lone_surrogate": (Fault("lone_surrogate"),),
    "u2028": (Fault("u2028"),),
    "nul": (Fault("nul"),),
    "deep_nesting": (Fault("deep_nesting"),),
    "huge": (Fault("huge", size=100_000),),
    "huge_number": (Fault("huge_number"),),
}
# They stop a run by design; the same command is typed again.
STOPPING: dict[str, tuple[Fault, ...]] = {
    "invalid_api_key": (Fault("invalid_api_key"),),
    "expired_token": (Fault("expired_token"),),
    "forbidden": (Fault("forbidden"),),
    "not_found": (Fault("not_found"),),
    "insufficient_quota": (Fault("insufficient_quota"),),
}


def draw_texts(count: int, *, share: float, seed: int, later: bool) -> Iterator[str]:
    """The queries: `share` of them meet a fault, evenly over the kinds; `later`: in later stages.

    A query meets at most two faults that pass by: a third that may have been billed would end it.
    """
    dice = random.Random(seed)  # noqa: S311 - faults, not secrets
    kinds = _shuffled({**PASSING, **FAILING, **ODD}, dice)
    passing = _shuffled(PASSING, dice)
    stops = [kind for kind in STOPPING for _ in range(_STOPS_OF_A_KIND)]
    stopping = dict(zip(dice.sample(range(count), min(count, len(stops))), stops, strict=False))
    for number in range(count):
        text = f"Photo number {number}."
        if number in stopping:
            yield f"{text} [{stopping[number]}]"
        elif dice.random() < share:
            kind = next(kinds)
            text += _mark(kind, dice)
            if kind in PASSING and dice.random() < _TWICE_SHARE:
                other = next(passing)
                text += _mark(other, dice) if other != kind else ""
            yield text
        elif dice.random() < _STUBBORN_SHARE:
            yield f"{text} {STUBBORN}"
        elif later and dice.random() < share:
            yield f"{text} (later {_mark(next(kinds), dice).strip(' []')})"
        else:
            yield text


def final_state(text: str) -> str:
    """How a query with that text must end."""
    if any(f"[{kind}" in text for kind in FAILING):
        return "failed"
    if f"[{CUT}" in text:
        return "truncated"
    return "invalid" if STUBBORN in text else "valid"


def _shuffled(kinds: dict[str, tuple[Fault, ...]], dice: random.Random) -> Iterator[str]:
    names = list(kinds)
    dice.shuffle(names)
    return cycle(names)


def _mark(kind: str, dice: random.Random) -> str:
    ways = {**PASSING, **FAILING, **ODD}[kind]
    return f" [{kind} {dice.randrange(len(ways))}]"


def _play(kinds: dict[str, tuple[Fault, ...]], at_most: int | None) -> tuple[Fault, ...]:
    return tuple(
        replace(fault, containing=f"[{kind} {way}]", per_query_at_most=at_most)
        for kind, ways in kinds.items()
        for way, fault in enumerate(ways)
    )


def _stop() -> tuple[Fault, ...]:
    return tuple(
        replace(fault, containing=f"[{kind}]", per_query_at_most=1)
        for kind, (fault,) in STOPPING.items()
    )


def answer(messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
    """Pairs, judgements or translations, by the messages alone.

    A correcting turn doesn't say which query it belongs to, so `turns.jsonl` in the working folder
    tells it.
    """
    last = messages[-1]["content"]
    if read_translation_request(last) is not None or read_judge_request(last) is not None:
        return draw_answer(messages, body)
    asked, turn = messages[1]["content"], len(messages) // 2 - 1
    if turn:
        key = hashlib.sha256(canonical_json(messages)).hexdigest()
        line = orjson.dumps({"key": key, "asked": asked, "turn": turn})
        with Path(TURNS).open("ab") as file:
            file.write(line + b"\n")
    if STUBBORN in asked:
        return PROSE
    photo, _, rest = asked.removeprefix("Photo number ").partition(".")
    _, _, later = rest.partition("(later ")
    mark = f" [{later.rstrip(')')}]" if later else ""
    return "\n\n".join(
        f"Question: What is thing {pair} of photo {photo}?\n"
        f"Answer: It is a wooden bench beside a narrow path, seen from place {pair}.{mark}"
        for pair in range(1, PAIRS + 1)
    )


_DECIDED = (*_play(FAILING, None), *_play(ODD, None))
STORMY = Script(answer=answer, latency=_LATENCY, faults=(*_play(PASSING, 1), *_DECIDED, *_stop()))
CALM = Script(answer=answer, faults=_DECIDED)
