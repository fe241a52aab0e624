"""Calls into a plugin's optional methods while a run goes on: its errors become ours here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.core.durable import without_surrogates
from syphus.core.errors import PluginError
from syphus.core.records import Parsed, QuestionAnswer, Rejected
from syphus.plugins.faults import RAISED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syphus.core.records import Pair, Query
    from syphus.plugins.dataset import AbstractDataset


def message_for(dataset: AbstractDataset, query: Query) -> str:
    """What the model is told about `query`, with U+FFFD for what UTF-8 can't hold.

    Raises PluginError where the plugin's `user_message` raises or gives no text.
    """
    try:
        text = dataset.user_message(query)
    except RAISED as error:
        raise _failed(dataset, "user_message", query, f"raised {_name(error)}") from error
    if not isinstance(text, str):
        raise _failed(dataset, "user_message", query, f"returned {type(text).__name__}, not a text")
    try:
        text.encode()
    except UnicodeEncodeError:
        return str(without_surrogates(text))
    return text


def images_of(dataset: AbstractDataset, query: Query) -> tuple[str, ...]:
    """The ids of the images that the pairs of `query` belong to.

    Raises PluginError where the plugin's `image_ids` raises.
    """
    try:
        return tuple(str(image) for image in dataset.image_ids(query))
    except RAISED as error:
        raise _failed(dataset, "image_ids", query, f"raised {_name(error)}") from error


def ready_pairs(dataset: AbstractDataset, query: Query) -> Sequence[Pair] | None:
    """The pairs that `query` brings, or None where they are asked for.

    Raises PluginError where the plugin's `ready_pairs` raises.
    """
    try:
        return dataset.ready_pairs(query)
    except RAISED as error:
        raise _failed(dataset, "ready_pairs", query, f"raised {_name(error)}") from error


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
        for pair in found:
            question, answer = pair["question"], pair["answer"]
            if _is_text(question) and _is_text(answer):
                pairs.append(QuestionAnswer(question=question, answer=answer))
            else:
                reason = "the plugin's parse gave a pair without a text"
                rejected.append(Rejected(response=repr(pair), reason=reason))
    except RAISED as error:
        reason = f"the plugin's parse raised {_name(error)}"
        return Parsed(rejected=(Rejected(response=text, reason=reason),))
    if not pairs and not rejected:
        rejected.append(Rejected(response=text, reason="the plugin's parse found no pair"))
    return Parsed(pairs=tuple(pairs), rejected=tuple(rejected))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _failed(dataset: AbstractDataset, method: str, query: Query, what: str) -> PluginError:
    return PluginError(f"{type(dataset).__name__}.{method} {what} for the query {query.id!r}")


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
