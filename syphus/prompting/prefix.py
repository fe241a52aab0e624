"""Checking what comes before every query: the system message and the in-context examples.

Every query is paid for with this text in front of it, and the model imitates it, so a wrong shape
or a broken example is refused before anything is sent.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from syphus.core.durable import without_surrogates
from syphus.core.errors import PromptError
from syphus.core.records import Prefix, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syphus.core.records import Role

_KEYS = frozenset({"system_message", "in_context"})
_TURN_KEYS = frozenset({"role", "content"})
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL | re.IGNORECASE)
_JSON_OBJECT = re.compile(r"""\s*\{\s*["'}]""")
_JSON_ARRAY = re.compile(r"\s*\[\s*[\"{\[\]].*\]\s*", re.DOTALL)


def read_prefix(value: Any, *, where: str) -> Prefix:
    """The prefix that `value` describes: {"system_message": str, "in_context": [turns]}.

    A turn is {"role": "user" or "assistant", "content": str}. The turns begin with a user's,
    alternate, and end with an assistant's; an absent list means no examples. An assistant's
    content may be a list of objects of strings, which become lines of "key: value", with a blank
    line between two objects.

    Raises PromptError, whose message begins with `where` and names the turn, counted from 1.
    """
    try:
        return _read(value)
    except PromptError as exc:
        raise PromptError(f"{where}: {exc}") from exc.__cause__


def _read(value: Any) -> Prefix:
    if not _is_object(value):
        raise PromptError(
            f"the prompt is {_kind(value)}; it must be an object with system_message and in_context"
        )
    _refuse_others(value, _KEYS, "the prompt")
    if "system_message" not in value:
        raise PromptError("system_message is missing")
    system_message = value["system_message"]
    if not isinstance(system_message, str) or not system_message.strip():
        raise PromptError(f"system_message is {_kind(system_message)}; it must be a text")
    turns = value.get("in_context", ())
    if not isinstance(turns, list | tuple):
        raise PromptError(f"in_context is {_kind(turns)}; it must be a list of turns")
    return Prefix(
        system_message=without_surrogates(system_message),
        in_context=tuple(_turn(turn, number) for number, turn in _check_order(turns)),
    )


def _check_order(turns: list[Any] | tuple[Any, ...]) -> Iterable[tuple[int, Any]]:
    for number, turn in enumerate(turns, 1):
        if not _is_object(turn):
            raise PromptError(
                f"in_context turn {number} is {_kind(turn)}; it must be an object with role and "
                "content"
            )
        _refuse_others(turn, _TURN_KEYS, f"in_context turn {number}")
        expected: Role = "user" if number % 2 else "assistant"
        role = turn.get("role")
        if role not in ("user", "assistant"):
            shown = repr(role) if isinstance(role, str) else _show(role)
            raise PromptError(
                f"in_context turn {number} has the role {shown}; only user and assistant are known"
            )
        if role != expected:
            raise PromptError(
                f"in_context turn {number} is by {role}; turns begin with user and alternate, "
                f"so it must be by {expected}"
            )
        yield number, turn
    if len(turns) % 2:
        raise PromptError(
            f"in_context ends with turn {len(turns)} by user; the last turn must be by assistant"
        )


def _turn(turn: Mapping[str, Any], number: int) -> Turn:
    name = f"in_context turn {number}"
    content = turn.get("content")
    role: Role = turn["role"]
    if role == "assistant" and isinstance(content, list | tuple):
        content = _render(content, name)
    if not isinstance(content, str) or not content.strip():
        raise PromptError(f"the content of {name} is {_kind(content)}; it must be a text")
    if role == "assistant":
        _check_json(content, name)
    return Turn(role=role, content=without_surrogates(content))


def _render(pairs: list[Any] | tuple[Any, ...], name: str) -> str:
    blocks = []
    for count, pair in enumerate(pairs, 1):
        texts = pair.values() if _is_object(pair) else ()
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise PromptError(
                f'pair {count} of {name} must look like {{"Question": "...", "Answer": "..."}}'
            )
        blocks.append("\n".join(f"{key}: {text}" for key, text in pair.items()))
    return "\n\n".join(blocks)


def _check_json(content: str, name: str) -> None:
    fenced = _FENCED.fullmatch(content)
    text = fenced[1] if fenced else content
    if not (_JSON_OBJECT.match(text) or _JSON_ARRAY.fullmatch(text)):
        return
    try:
        json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise PromptError(f"the content of {name} looks like JSON but isn't: {exc}") from exc


def _refuse_others(value: Mapping[str, Any], known: frozenset[str], name: str) -> None:
    others = sorted(_show(key) for key in value if key not in known)
    if others:
        raise PromptError(
            f"{name} has the unknown key {', '.join(others)}; known are {', '.join(sorted(known))}"
        )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _show(value: Any) -> str:
    try:
        return value if isinstance(value, str) else repr(value)
    except ValueError:  # Python writes no integer of over 4,300 digits
        return f"of type {type(value).__name__}"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str | list | dict | tuple) and not value:
        return "empty"
    if isinstance(value, str) and not value.strip():
        return "blank"
    return f"of type {type(value).__name__}"
