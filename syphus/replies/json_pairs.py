"""Pairs in decoded JSON, wherever they stand in it."""

from __future__ import annotations

import json
import re
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from syphus.replies import reasons
from syphus.replies.json_data import decode_json
from syphus.replies.pairing import Pairing

if TYPE_CHECKING:
    from syphus.core.records import Parsed

# Where one object has several words for a kind, the first of these is meant.
_QUESTION_WORDS: Final = ("question", "q", "query", "instruction")
_ANSWER_WORDS: Final = ("answer", "a", "response", "output")
_RANK: Final = {
    word: rank for words in (_QUESTION_WORDS, _ANSWER_WORDS) for rank, word in enumerate(words)
}
_KEY: Final = re.compile(
    rf"[\W_]*+({'|'.join(sorted(_RANK, key=len, reverse=True))})[\W_]*+(\d{{1,4}})?[\W_]*+",
    re.IGNORECASE,
)
_LONGEST_KEY: Final = 40
_QUESTION_KEY: Final = re.compile(
    rf"[\"'“][ ]?(?:{'|'.join(_QUESTION_WORDS)})[ _]?\d{{0,4}}[\"'”][ ]?:", re.IGNORECASE
)
_QUOTED_DEPTH: Final = 8
_KINDS: Final = 2


class _Member(NamedTuple):
    key: str
    word: str
    number: int | None
    value: Any

    @property
    def asks(self) -> bool:
        return self.word in _QUESTION_WORDS


def parse_json(text: str, *, truncated: bool) -> Parsed | None:
    """Return the pairs of a JSON reply, or None where nothing in it is a question or an answer.

    `text` begins with the JSON. A pair is an object with a question and an answer under any of
    their usual names, or numbered ones ("Question 1", "Answer 1") side by side in one object.
    Numbers and true or false become text as written; lists of such become lines. null and
    anything nested is rejected.
    """
    values, rest, reason, is_guess = decode_json(text, truncated=truncated)
    pairing = Pairing()
    collect_pairs(values, pairing)
    pairing.flush()
    if is_guess:
        _reject_unread(pairing, text)
        if truncated and pairing.pairs:
            last = pairing.pairs.pop()
            pairing.reject(f"{last.question}\n{last.answer}", reasons.CUT_OFF)
    is_read = bool(pairing.pairs or pairing.rejected)
    if reason is not None and rest and (is_read or reason != reasons.REMARK):
        pairing.reject(rest, reason)
        is_read = True
    return pairing.finish(truncated=truncated) if is_read else None


def collect_pairs(values: list[Any], pairing: Pairing) -> None:
    """Add every pair in `values` to `pairing`, in the order of the reply."""
    waiting: list[Any] = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(item for item in reversed(value) if _is_container(item))
            continue
        items = tuple(value.items()) if isinstance(value, dict) else value
        if _is_plain(items):
            (_, question), (_, answer) = items
            pairing.ask(question.strip(), partial(_quote, "question", question))
            pairing.answer(answer.strip(), partial(_quote, "answer", answer))
            continue
        members: list[_Member] = []
        inner: list[Any] = []
        for key, item in items:
            member = _read_member(key, item)
            if member is not None:
                members.append(member)
            elif _is_container(item):
                inner.append(item)
        if len({member.asks for member in members}) < _KINDS:
            # {"response": {"pairs": [...]}}: a word for one kind may also be the list's name.
            inner += [member.value for member in members if _holds_objects(member.value)]
            members = [member for member in members if not _holds_objects(member.value)]
        _pair_members(members, pairing)
        waiting.extend(reversed(inner))


def _is_plain(items: tuple[tuple[str, Any], ...]) -> bool:
    """Whether this is the object that most replies are made of; to take it costs a third."""
    if len(items) != _KINDS or (items[0][0], items[1][0]) != ("question", "answer"):
        return False
    return isinstance(items[0][1], str) and isinstance(items[1][1], str)


def _read_member(key: str, value: Any) -> _Member | None:
    if key in _RANK:
        return _Member(key, key, None, value)
    match = _KEY.fullmatch(key) if len(key) <= _LONGEST_KEY else None
    if match is None:
        return None
    word, number = match.groups()
    return _Member(key, word.lower(), int(number) if number else None, value)


def _pair_members(members: list[_Member], pairing: Pairing) -> None:
    if len(members) == _KINDS and members[0].number == members[1].number:
        _add_all(members, pairing)  # by far the most usual object
        return
    groups: dict[int | None, list[_Member]] = {}
    for member in members:
        groups.setdefault(member.number, []).append(member)
    for group in groups.values():
        best = {
            asks: min((_RANK[m.word] for m in group if m.asks is asks), default=0)
            for asks in (True, False)
        }
        _add_all([m for m in group if _RANK[m.word] == best[m.asks]], pairing)


def _add_all(members: list[_Member], pairing: Pairing) -> None:
    if len(members) == _KINDS and members[1].asks and not members[0].asks:
        members.reverse()
    for member in members:
        add = pairing.ask if member.asks else pairing.answer
        raw = partial(_quote, member.key, member.value)
        add(_as_text(member.value), raw, member.number)


def _is_container(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict))


def _holds_objects(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_container(item) for item in value)
    return isinstance(value, (tuple, dict))


def _as_text(value: Any) -> str | None:
    """Return a plain value as text, or None where it has no plain text."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        try:
            return str(value) if isfinite(value) else None
        except (ValueError, OverflowError):  # an integer of thousands of digits
            return None
    if isinstance(value, list) and not _holds_objects(value):
        lines = [_as_text(item) for item in value]
        return None if None in lines else "\n".join(line for line in lines if line)
    return None


def _quote(key: str, value: Any) -> str:
    """Return one member of an object as JSON again, without what is nested very deep."""
    quoted = json.dumps(_shorten(value, _QUOTED_DEPTH), ensure_ascii=False)
    return f"{json.dumps(key, ensure_ascii=False)}: {quoted}"


def _shorten(value: Any, depth: int) -> Any:
    if not _is_container(value):
        return value if isinstance(value, (str, bool)) or value is None else str(value)
    if depth == 0:
        return "..."
    if isinstance(value, list):
        return [_shorten(item, depth - 1) for item in value]
    items = value.items() if isinstance(value, dict) else value
    return {key: _shorten(item, depth - 1) for key, item in items}


def _reject_unread(pairing: Pairing, text: str) -> None:
    """Say so where the repair lost a question on the way."""
    if len(_QUESTION_KEY.findall(text)) > len(pairing.pairs) + len(pairing.rejected):
        pairing.reject(text, reasons.UNREAD)
