"""What a translation keeps as it is: code, tags, addresses, placeholders and timestamps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

# (kind, text) -> how often it stands in the text.
Items: TypeAlias = "Mapping[tuple[str, str], int]"

# Repetitions are bounded or possessive, so no text takes more than linear time.
_TIMESTAMP: Final = (
    r"(?<![\d:.])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?:[.,]\d{1,3})?(?![\d:])(?!\s?[aApP]\.?[mM]\b)"
)
_TAG: Final = r"""
    </?[A-Za-z][\w:.-]{0,60}
    (?: \s{1,20}[\w:@.-]{1,60}\s?=\s?
        (?: "[^"<>]{0,500}" | '[^'<>]{0,500}' | [^\s"'<>=]{1,200} )
    ){0,20}
    \s?/?>
"""
_MAILBOX: Final = (
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_ADDRESS: Final = r"(?:https?://|www\.)[\w!\#$%&'()*+,./:;=?@~-]++"
_PERCENT: Final = r"""
    %\(\w{1,60}\)[\#0+-]?\d{0,3}(?:\.\d{1,2})?[a-zA-Z]
  | (?<![\d%])%(?:\d\$)?(?:\.\d)?[sdifgrx](?![A-Za-z])
"""
# What marks a kind of item in a text, its name, its pattern. In this order: an address in a tag is
# part of the tag. A block between three backticks has no name: comments in code may be translated.
_KINDS: Final = tuple(
    (mark, kind, re.compile(pattern, re.VERBOSE | re.ASCII))
    for mark, kind, pattern in (
        ("```", "", r"```[\s\S]*?```"),
        ("`", "code span", r"`(?!\s)[^`\n]{1,500}(?<!\s)`"),
        ("<", "tag", _TAG),
        ("://", "address", _ADDRESS),
        ("www.", "address", _ADDRESS),
        ("@", "e-mail address", _MAILBOX),
        ("{", "placeholder", r"\{\{[^{}\n]{1,60}\}\} | \$?\{[\w.:!$-]{0,60}\}"),
        ("%", "placeholder", _PERCENT),
        (":", "timestamp", _TIMESTAMP),
    )
)
_TRAILING: Final = ".,;:!?)'"
_ADDED: Final = frozenset({"code span", "timestamp"})
_HOURS: Final = 24


def split_kept(text: str) -> tuple[str, Items]:
    """Return the text without its kept items, and the items with their counts.

    Digits are expected as 0-9.
    """
    items: dict[tuple[str, str], int] = {}
    for mark, kind, pattern in _KINDS:
        if mark in text:
            text = _take(pattern, kind, text, items)
    return text, items


def _take(pattern: re.Pattern[str], kind: str, text: str, items: dict[tuple[str, str], int]) -> str:
    prose: list[str] = []
    end = 0
    for match in pattern.finditer(text):
        value = match[0].rstrip(_TRAILING) if kind == "address" else match[0]
        prose.append(text[end : match.start()])
        end = match.start() + len(value)
        if kind:
            items[kind, value] = items.get((kind, value), 0) + 1
    if not prose:
        return text
    prose.append(text[end:])
    return " ".join(prose)


def find_kept_fault(source: Items, text: Items, prose: str) -> str | None:
    """Return what the translation lost, changed or added of the kept items, or None.

    Code spans and timestamps may be added: a term may be set as code, and "5 p.m." be told as
    "17:00". A clock time may be told in the way of the language: "10:30" as "10 h 30". `prose` is
    the translation without its kept items.
    """
    if source == text:
        return None
    for (kind, value), count in source.items():
        found = text.get((kind, value), 0)
        if found == count or (kind in _ADDED and found > count):
            continue
        if kind == "timestamp" and _tells_clock_time(value, prose):
            continue
        if not found:
            return f"the {kind} {value} is missing"
        return f"the {kind} {value} is there {found} times, not {count}"
    for kind, value in text:
        if kind not in _ADDED and (kind, value) not in source:
            return f"the {kind} {value} is not in the source"
    return None


def _tells_clock_time(value: str, prose: str) -> bool:
    hour, _, minute = value.partition(":")
    if hour.startswith("0") or not minute.isdigit() or int(hour) > _HOURS:
        return False
    minutes = f"{minute}|{int(minute)}" if int(minute) else f"{minute}|"
    told = rf"(?<!\d){hour}\s?(?:h|Uhr|[.:時时点點시])\s?(?:{minutes})(?!\d)"
    return re.search(told, prose) is not None
