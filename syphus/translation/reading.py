"""The text of a reply -> translations, and a reason for each that isn't there. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from syphus.core.records import Rejected
from syphus.translation.check_text import normalise
from syphus.translation.objects import decode_objects, mend_object
from syphus.translation.shape import FIELDS
from syphus.translation.values import ReadTranslations, Translated, Untranslated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syphus.translation.values import SourcePair

NO_CONTENT: Final = "the reply has no content"
REFUSED: Final = "the model refused"
FILTERED: Final = "the content filter withheld the reply"
NO_JSON: Final = "the reply is not JSON"
BROKEN: Final = "the JSON is broken"
CUT_OFF: Final = "the reply was cut off"
NO_PAIR: Final = "the pair is missing"
OTHER_NUMBERS: Final = "the pairs have other numbers than in the request"
NO_LANGUAGE: Final = "the language is missing"

_MOST_MENDED: Final = 2

_Key: TypeAlias = tuple[int, str]
_Texts: TypeAlias = dict[tuple[int, str, str], list[Any]]


def read_translations(
    text: str | None,
    *,
    pairs: Sequence[SourcePair],
    languages: Iterable[str],
    finish_reason: str = "stop",
    refusal: str | None = None,
) -> ReadTranslations:
    """Reads the reply to a chunk of `pairs` in `languages`.

    Takes any text and never raises. A pair counts as translated into a language if its instruction
    and its answer are both there as text. Talk and fences around the JSON are passed over, slightly
    broken JSON is repaired, and of a reply that was cut off the texts before the cut are kept. Of
    several JSON objects the one that gives most is read, the last of equals. One that lacks a pair
    and has another number in its place gives nothing: nobody knows whose its texts are.
    """
    wanted = _Wanted(pairs=pairs, languages=tuple(languages))
    truncated = finish_reason == "length"
    if withheld := _say_withheld(text, finish_reason, refusal):
        return _reject(refusal or text or "", withheld, wanted)
    text = text or ""
    whole, broken = decode_objects(text)
    readings = [_read(value, wanted, CUT_OFF if truncated else None) for value in whole]
    if not any(reading.given for reading in readings):
        problem = CUT_OFF if truncated else NO_JSON
        for start in broken[:_MOST_MENDED]:
            mended = mend_object(text[start:])
            reading = _read(mended.value, wanted, CUT_OFF if mended.is_cut else None)
            if reading.given:
                return reading
            problem = CUT_OFF if mended.is_cut else BROKEN
        if broken or not readings:
            return _reject(text, problem, wanted)
    readings.reverse()
    best = max(readings, key=lambda reading: len(reading.given))
    return best if best.given else _with_rejected(best, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    pairs: Sequence[SourcePair]
    languages: tuple[str, ...]

    def each(self) -> Iterator[tuple[SourcePair, str]]:
        return product(self.pairs, self.languages)


@dataclass(slots=True)
class _Found:
    """What stands in one JSON object under the names that were asked for."""

    texts: _Texts = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)
    extra_keys: int = 0
    no_pair: str = NO_PAIR


def _say_withheld(text: str | None, finish_reason: str, refusal: str | None) -> str | None:
    if refusal:
        return REFUSED
    if finish_reason == "content_filter":
        return FILTERED
    if text and not text.isspace():
        return None
    return CUT_OFF if finish_reason == "length" else NO_CONTENT


def _reject(text: str, reason: str, wanted: _Wanted) -> ReadTranslations:
    missing = {
        (pair.number, code): Untranslated(number=pair.number, language=code, reason=reason)
        for pair, code in wanted.each()
    }
    return ReadTranslations(missing=missing, rejected=Rejected(response=text, reason=reason))


def _with_rejected(reading: ReadTranslations, text: str) -> ReadTranslations:
    reason = next((each.reason for each in reading.missing.values()), NO_PAIR)
    return ReadTranslations(
        missing=reading.missing,
        extra_keys=reading.extra_keys,
        rejected=Rejected(response=text, reason=reason),
    )


def _read(value: Any, wanted: _Wanted, absence: str | None) -> ReadTranslations:
    """`absence` is why something isn't there, where that is known."""
    found = _collect(value, wanted)
    given: dict[_Key, Translated] = {}
    missing: dict[_Key, Untranslated] = {}
    for pair, code in wanted.each():
        number = pair.number
        texts: dict[str, str] = {}
        reasons: list[str] = []
        values = {name: found.texts.get((number, code, name), []) for name in FIELDS}
        for name in FIELDS:
            text, reason = _choose(values[name], name, getattr(pair, name))
            if reason is None:
                texts[name] = text
            else:
                reasons.append(reason)
        if not reasons:
            given[number, code] = Translated(language=code, **texts)
            continue
        if absence and not all(values.values()):
            reasons = [absence]
        elif not any(values.values()):
            reasons = [NO_LANGUAGE if number in found.numbers else found.no_pair]
        missing[number, code] = Untranslated(
            number=number,
            language=code,
            reason="; ".join(reasons),
            text="\n".join(texts.values()),
        )
    return ReadTranslations(given=given, missing=missing, extra_keys=found.extra_keys)


def _choose(values: Sequence[Any], name: str, source: str) -> tuple[str, str | None]:
    """The one text among `values`, or why there is none."""
    texts = {normalise(value, source=source) for value in values if isinstance(value, str)} - {""}
    if len(texts) > 1:
        return "", f"the {name} is given more than once"
    if not texts:
        kinds = [isinstance(value, str) for value in values]
        state = "empty" if any(kinds) else "not text" if kinds else "missing"
        return "", f"the {name} is {state}"
    return texts.pop(), None


def _collect(value: Any, wanted: _Wanted) -> _Found:
    numbers = {str(place): pair.number for place, pair in enumerate(wanted.pairs, 1)}
    found, items = _Found(), _unwrap(value, numbers)
    keys = {key for key, _ in items}
    if numbers.keys() - keys and any(key.isdecimal() for key in keys - numbers.keys()):
        # Counted from 0, a pair would get the texts of the next one.
        return _Found(extra_keys=len(items), no_pair=OTHER_NUMBERS)
    for key, pair in items:
        if key not in numbers:
            found.extra_keys += 1
            continue
        found.numbers.add(numbers[key])
        for name, texts in _items(pair):
            if name not in FIELDS:
                found.extra_keys += 1
                continue
            for code, text in _items(texts):
                if code in wanted.languages:
                    found.texts.setdefault((numbers[key], code, name), []).append(text)
                else:
                    found.extra_keys += 1
    return found


def _unwrap(value: Any, numbers: Mapping[str, int]) -> tuple[tuple[str, Any], ...]:
    """The pairs of a reply; they may stand in an object of their own, as they do in the request."""
    items = _items(value)
    if any(key in numbers for key, _ in items):
        return items
    for _, inner in items:
        if any(key in numbers for key, _ in _items(inner)):
            return _items(inner)
    return items


def _items(value: Any) -> tuple[tuple[str, Any], ...]:
    """The members of an object; nothing for anything else."""
    if isinstance(value, dict):
        return tuple(value.items())
    return value if isinstance(value, tuple) else ()
