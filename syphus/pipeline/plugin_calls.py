"""Calls into a plugin's optional methods while a run goes on: its errors become ours here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from syphus.core.durable import without_surrogates
from syphus.core.errors import PluginError
from syphus.core.records import Pair, Parsed, QuestionAnswer, Rejected
from syphus.plugins.dataset import AbstractDataset
from syphus.plugins.faults import is_fault, say
from syphus.replies import parse_structured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from syphus.core.records import Query, Reply

_LONGEST_ID = 100
# Far more than a picture is good for: a reply that holds more went round in circles.
MOST_PAIRS = 1000
TOO_MANY = f"more than {MOST_PAIRS} pairs in one reply"


def message_for(dataset: AbstractDataset, query: Query) -> str:
    """What the model is told about `query`, with U+FFFD for what UTF-8 can't hold.

    Raises PluginError where the plugin's `user_message` raises or gives no text.
    """
    try:
        text = dataset.user_message(query)
    except BaseException as error:
        raise _fault(dataset, "user_message", query, error) from error
    if not isinstance(text, str):
        raise _failed(dataset, "user_message", query, f"returned {type(text).__name__}, not a text")
    try:
        text.encode()
    except UnicodeEncodeError:
        return str(without_surrogates(text))
    return text


def names_images(dataset: AbstractDataset) -> bool:
    """Whether the plugin says which images a query has; by default each source has its own."""
    return type(dataset).image_ids is not AbstractDataset.image_ids


def images_of(dataset: AbstractDataset, query: Query) -> tuple[str, ...]:
    """The ids of the images that the pairs of `query` belong to; a text alone is one id.

    Raises PluginError where the plugin's `image_ids` raises.
    """
    try:
        found = dataset.image_ids(query)
        return (found,) if isinstance(found, str) else tuple(map(str, found))
    except BaseException as error:
        raise _fault(dataset, "image_ids", query, error) from error


def sent_images_of(dataset: AbstractDataset, query: Query) -> list[str | bytes]:
    """The images that the plugin has the model shown with `query`; one alone may stand bare.

    Raises PluginError where the plugin's `sent_images` raises or gives something else.
    """
    try:
        found = dataset.sent_images(query)
        images: list[Any] = [found] if isinstance(found, str | bytes | os.PathLike) else list(found)
    except BaseException as error:
        raise _fault(dataset, "sent_images", query, error) from error
    sources: list[str | bytes] = []
    for image in images:
        source = os.fspath(image) if isinstance(image, os.PathLike) else image
        if not isinstance(source, str | bytes):
            kind = type(image).__name__
            raise _failed(dataset, "sent_images", query, f"gave {kind}, no path and no bytes")
        sources.append(source)
    return sources


def ready_pairs(dataset: AbstractDataset, query: Query) -> Sequence[Pair] | None:
    """The pairs that `query` brings; None where the plugin has every query asked.

    Raises PluginError where the plugin's `ready_pairs` raises or gives something else, or brings
    the pairs of some queries alone: it has no prompt to ask about the others.
    """
    try:
        found = dataset.ready_pairs(query)
        pairs: tuple[Any, ...] | None = None if found is None else tuple(found)
    except BaseException as error:
        raise _fault(dataset, "ready_pairs", query, error) from error
    if pairs is None and dataset.has_ready_pairs():
        raise _failed(dataset, "ready_pairs", query, "gave None; () says that there is no pair")
    for each in pairs or ():
        if not isinstance(each, Pair):
            raise _failed(dataset, "ready_pairs", query, f"gave {type(each).__name__}, no Pair")
    return pairs


def parse_by_plugin(dataset: AbstractDataset, text: str) -> Parsed | None:
    """What the plugin's own `parse` finds; None where it leaves the reply to Syphus.

    A `parse` that raises makes the reply invalid, with the error as the reason: the reply was
    paid for, and a mended plugin can read it again.
    """
    pairs: list[QuestionAnswer] = []
    rejected: list[Rejected] = []
    try:
        found = dataset.parse(text)
        if found is None:
            return None
        for number, pair in enumerate(found):
            if number == MOST_PAIRS:
                rejected.append(Rejected(response=text, reason=TOO_MANY))
                break
            question, answer = pair["question"], pair["answer"]
            if _is_text(question) and _is_text(answer):
                pairs.append(QuestionAnswer(question=question, answer=answer))
            else:
                reason = "the plugin's parse gave a pair without a text"
                rejected.append(Rejected(response=repr(pair), reason=reason))
    except BaseException as error:
        if not is_fault(error):
            raise
        return _spoilt(text, "the plugin's parse", error)
    if not pairs and not rejected:
        rejected.append(Rejected(response=text, reason="the plugin's parse found no pair"))
    return Parsed(pairs=tuple(pairs), rejected=tuple(rejected))


def parse_by_model(model: type[BaseModel], reply: Reply) -> Parsed:
    """What a reply holds that was asked for as data of the plugin's `model`.

    A validator that raises makes the reply invalid, with the error as the reason.
    """
    text = reply.text or ""
    try:
        return parse_structured(
            text, model, finish_reason=reply.finish_reason, refusal=reply.refusal
        )
    except BaseException as error:
        if not is_fault(error):
            raise
        return _spoilt(text, "the response model", error)


def _spoilt(text: str, what: str, error: BaseException) -> Parsed:
    return Parsed(rejected=(Rejected(response=text, reason=f"{what} raised {say(error)}"),))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _failed(dataset: AbstractDataset, method: str, query: Query, what: str) -> PluginError:
    name = query.id[:_LONGEST_ID]
    return PluginError(f"{type(dataset).__name__}.{method} {what} for the query {name!r}")


def _fault(
    dataset: AbstractDataset, method: str, query: Query, error: BaseException
) -> PluginError:
    """What a plugin's error is to a run; raises it again where it isn't the plugin's fault."""
    if not is_fault(error):
        raise error
    return _failed(dataset, method, query, f"raised {say(error)}")
