"""The last user message of a translation request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from syphus.core.durable import dump
from syphus.translation.check_glossary import terms_in
from syphus.translation.shape import describe_format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syphus.translation.check_glossary import Glossary
    from syphus.translation.values import Chunk

_KEEP: Final = "keep"
_LONGEST_REASON: Final = 300


def write_request(
    chunk: Chunk,
    *,
    glossary: Glossary | None = None,
    reasons: Mapping[tuple[int, str], str] | None = None,
    describe: bool = False,
) -> str:
    """The pairs of a chunk and the languages they are wanted in, as compact JSON.

    Of the glossary it has the terms that occur in the pairs. `reasons` says, by pair number and
    language, what was wrong with an earlier translation; those of other chunks are left out.
    `describe` adds the wanted shape in words, for an endpoint that knows no response format.
    """
    request: dict[str, Any] = {
        "languages": chunk.languages,
        "pairs": {
            str(place): {"instruction": pair.instruction, "answer": pair.answer}
            for place, pair in enumerate(chunk.pairs, 1)
        },
    }
    if glossary and (lines := _glossary_lines(chunk, glossary)):
        request["glossary"] = lines
    if rejected := _rejected(chunk, reasons or {}):
        request["rejected"] = rejected
    text = dump(request).decode()
    return f"{text}\n\n{describe_format(chunk)}" if describe else text


def _glossary_lines(chunk: Chunk, glossary: Glossary) -> dict[str, dict[str, str] | str]:
    lines: dict[str, dict[str, str] | str] = {}
    for text in (text for pair in chunk.pairs for text in (pair.instruction, pair.answer)):
        for term in terms_in(text, glossary):
            forms = {code: term.forms[code] for code in chunk.languages if code in term.forms}
            stays = len(forms) == len(chunk.languages) and set(forms.values()) == {term.term}
            if forms:
                lines[term.term] = _KEEP if stays else forms
    return lines


def _rejected(chunk: Chunk, reasons: Mapping[tuple[int, str], str]) -> dict[str, dict[str, str]]:
    rejected: dict[str, dict[str, str]] = {}
    for place, pair in enumerate(chunk.pairs, 1):
        said = {
            code: reasons[pair.number, code][:_LONGEST_REASON]
            for code in chunk.languages
            if (pair.number, code) in reasons
        }
        if said:
            rejected[str(place)] = said
    return rejected
