"""Assembles requests: the shared prefix once, then what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from syphus.core.identity import IdentityHash, canonical_json, journal_key
from syphus.core.records import Request
from syphus.prompting.tokens import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syphus.core.images import SentImage
    from syphus.core.records import Prefix, RequestShape, Stage


class Assembler:
    """Turns the text of a query into a request of one stage.

    The prefix is serialised and hashed once; it comes first and is byte-identical in all requests,
    so that providers' prompt caches serve it. What differs is put behind it. A request's tokens are
    estimated by its size, as OpenAI and Azure do when they admit it.
    """

    def __init__(self, prefix: Prefix, shape: RequestShape, *, stage: Stage) -> None:
        turns = [{"role": "system", "content": prefix.system_message}]
        turns += [{"role": turn.role, "content": turn.content} for turn in prefix.in_context]
        self.shape = shape
        self._prefix = prefix
        self._formats: dict[bytes, Assembler] = {}
        self._stage: Stage = stage
        self._head = canonical_json(turns)[:-1]
        self._identity = IdentityHash(
            model=shape.model, response_format=shape.response_format, head=self._head
        )
        self._prefix_identity = IdentityHash(model="", response_format=None, head=self._head)

    def with_format(self, response_format: bytes) -> Assembler:
        """The assembler of the same requests in another response format; one for each format."""
        found = self._formats.get(response_format)
        if found is None:
            shape = replace(self.shape, response_format=response_format)
            found = Assembler(self._prefix, shape, stage=self._stage)
            self._formats[response_format] = found
        return found

    def prefix_identity_of(self, rest: bytes) -> str:
        """The identity of the prefix with `rest` behind it, whatever model is asked."""
        return self._prefix_identity.of(rest)

    def key_of(self, query_id: str, text: str, images: Sequence[SentImage] = ()) -> str:
        """The key of `ask(query_id, text)`, for a fifth of what the request costs."""
        return journal_key(query_id, self._identity.of(_first_turn(text, images)))

    def ask(
        self, query_id: str, text: str, *, position: int, images: tuple[SentImage, ...] = ()
    ) -> Request:
        """The first request for a query."""
        rest = _first_turn(text, images)
        request = self._request(query_id, rest, position=position, turn=0)
        return _with_images(request, images) if images else request

    def ask_again(
        self, first: Request, text: str, *, reply: str, correction: str, turn: int
    ) -> Request:
        """The request that shows the model its reply and says what was wrong with it."""
        turns = [{"role": "assistant", "content": reply}, {"role": "user", "content": correction}]
        # One by one: a lone surrogate has all texts beside it written in another way.
        rest = b",".join((_first_turn(text, first.images)[:-1], *map(canonical_json, turns))) + b"]"
        again = self._request(first.query_id, rest, position=first.position, turn=turn)
        return _with_images(again, first.images) if first.images else again

    def _request(self, query_id: str, rest: bytes, *, position: int, turn: int) -> Request:
        identity = self._identity.of(rest)
        messages = self._head + rest
        return Request(
            key=journal_key(query_id, identity),
            identity=identity,
            query_id=query_id,
            stage=self._stage,
            shape=self.shape,
            messages=messages,
            prompt_tokens=estimate_tokens(messages),
            position=position,
            turn=turn,
        )


def _first_turn(text: str, images: Sequence[SentImage] = ()) -> bytes:
    content = _content(text, images) if images else text
    return b',{"content":' + canonical_json(content) + b',"role":"user"}]'


def _content(text: str, images: Sequence[SentImage]) -> Any:
    """A text; with images, the list of parts that the chat API takes: the text, then the images."""
    if not images:
        return text
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text.strip() else []
    return parts + [{"type": "image_url", "image_url": {"url": image.address}} for image in images]


def _with_images(request: Request, images: tuple[SentImage, ...]) -> Request:
    tokens = request.prompt_tokens + sum(image.tokens for image in images)
    return replace(request, images=images, prompt_tokens=tokens)
