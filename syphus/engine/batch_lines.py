"""What a line of a batch is called, and what of a request goes with it and comes back.

A batch may end in another sitting than the one that sent it, a day later. So nothing of a request
stays in memory: its facts lie beside the chunk's file and make the request again.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from syphus.core.images import describe_images, read_images
from syphus.core.records import Request, RequestShape, Sampling
from syphus.engine.retry import Tries

if TYPE_CHECKING:
    from array import array

    from syphus.core.records import Stage

_DIGITS = 30
_SHORT_DIGITS = 16
_MOST_SHAPES = 256
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def custom_id(run: str, key: str, attempt: int) -> str:
    """The name of one attempt at one request of one run: the same whenever it is asked for."""
    name = f"{run}\0{key}\0{attempt}".encode("utf-8", "surrogatepass")
    return "s" + hashlib.sha256(name).hexdigest()[:_DIGITS]


def name_of(request: Request) -> str:
    """What tells a request from all others.

    Translations of one query share their key, and a pair is asked for again by equal messages.
    """
    return f"{request.key}:{request.identity}:{request.turn}"


def short_id(custom: str) -> int:
    """The first 64 bits of a custom id: enough to tell those of one run apart."""
    return int(custom[1 : 1 + _SHORT_DIGITS], 16)


class KeptIds:
    """Custom ids whose replies the journal has: a sorted array of `short_id`, 8 bytes each."""

    def __init__(self, ids: array[int]) -> None:
        self._ids = ids

    def __contains__(self, custom: object) -> bool:
        if not isinstance(custom, str):
            return False
        number = short_id(custom)
        at = bisect_left(self._ids, number)
        return at < len(self._ids) and self._ids[at] == number


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts:
    """A request as it was put into a batch: `tries` count this attempt, `wording` names the body's.

    `sitting` names the process that did it; the request's position is that sitting's.
    """

    request: Request
    tries: Tries
    sitting: str
    wording: str


def encode_facts(facts: LineFacts) -> bytes:
    """ASCII JSON on one line."""
    request = facts.request
    shape = request.shape
    return _encode(
        {
            "sitting": facts.sitting,
            "wording": facts.wording,
            "tries": asdict(facts.tries),
            "shape": [
                shape.model,
                shape.sampling.max_tokens,
                shape.sampling.temperature,
                None if shape.response_format is None else shape.response_format.decode(),
            ],
            "key": request.key,
            "identity": request.identity,
            "query": request.query_id,
            "stage": request.stage,
            "messages": request.messages.decode(),
            "prompt_tokens": request.prompt_tokens,
            "position": request.position,
            "turn": request.turn,
            "pairs": request.pairs,
            "languages": request.languages,
            **({"images": describe_images(request.images)} if request.images else {}),
        }
    ).encode("ascii")


class FactsReader:
    """Makes requests of facts; equal shapes become one object, as engines and writers want it."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[Any, ...], RequestShape] = {}

    def read(self, line: bytes, *, sitting: str) -> LineFacts:
        """The facts of one line, as the process called `sitting` sees them."""
        found: dict[str, Any] = json.loads(line)
        tries = Tries(**found["tries"])
        if found["sitting"] != sitting:
            tries = replace(tries, good_seen=0, bad_seen=0)
        stage: Stage = found["stage"]
        request = Request(
            key=found["key"],
            identity=found["identity"],
            query_id=found["query"],
            stage=stage,
            shape=self._shape(tuple(found["shape"])),
            messages=found["messages"].encode(),
            prompt_tokens=found["prompt_tokens"],
            position=found["position"],
            turn=found["turn"],
            pairs=tuple(found["pairs"]),
            languages=tuple(found["languages"]),
            images=read_images(found.get("images", ())),
        )
        return LineFacts(
            request=request, tries=tries, sitting=found["sitting"], wording=found["wording"]
        )

    def _shape(self, found: tuple[Any, ...]) -> RequestShape:
        shape = self._shapes.get(found)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            model, max_tokens, temperature, response_format = found
            shape = self._shapes[found] = RequestShape(
                model=model,
                sampling=Sampling(max_tokens=max_tokens, temperature=temperature),
                response_format=response_format and response_format.encode(),
            )
        return shape
