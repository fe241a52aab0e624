"""`<SHORT>_instructions_<lang>.json`: the same ids as in English, in another language.

What a language lacks is left out of its file, from the related ids too, and listed in
`translation_errors.json`. The texts pass through a part file, because related ids can only be
written once it is known which pairs are there; only the ids that are missing stay in memory.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from syphus.core.durable import dump, json_list, open_to_write
from syphus.export.instructions import InstructionsMeta, instructions_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from syphus.core.records import Pair

TRANSLATION_ERRORS = "translation_errors.json"
_TEXTS = ".translations.part"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTranslations:
    """One pair in other languages.

    `texts` has instruction and answer by language code; `missing` the reason and the text that was
    refused, for each language that has none.
    """

    texts: Mapping[str, tuple[str, str]]
    missing: Mapping[str, tuple[str, str]]


def translated_path(folder: Path, short: str, language: str) -> Path:
    """Where the instructions of the data set named `short` stand in `language`."""
    return folder / f"{short}_instructions_{language}.json"


def write_translated(
    folder: Path,
    *,
    short: str,
    languages: Iterable[str],
    pairs: Callable[[], Iterable[Pair]],
    translations: Iterable[PairTranslations],
    meta: InstructionsMeta,
) -> None:
    """Writes one file a language, and `translation_errors.json`.

    `pairs` opens the English pairs; `translations` has one element for each of them, in order.
    """
    languages = tuple(languages)
    missing: dict[str, set[str]] = {code: set() for code in languages}
    part = folder / _TEXTS
    try:
        with open_to_write(part) as texts, json_list(folder / TRANSLATION_ERRORS) as errors:
            for pair, translated in zip(pairs(), translations, strict=True):
                texts.write(dump(dict(translated.texts)) + b"\n")
                for code in languages:
                    if code in translated.texts:
                        continue
                    missing[code].add(pair.id)
                    reason, text = translated.missing[code]
                    errors.add(
                        {"id": pair.id, "language": code, "text": text, "error_message": reason}
                    )
        with ExitStack() as stack:
            writers = {
                code: stack.enter_context(
                    instructions_file(translated_path(folder, short, code), meta)
                )
                for code in languages
            }
            for pair, found in zip(pairs(), _texts(part), strict=True):
                for code, (instruction, answer) in found.items():
                    if code in writers:
                        writers[code].add(
                            replace(
                                pair,
                                instruction=instruction,
                                answer=answer,
                                related_ids=tuple(
                                    each for each in pair.related_ids if each not in missing[code]
                                ),
                            )
                        )
    finally:
        if part.exists():
            part.unlink()


def _texts(path: Path) -> Iterator[dict[str, tuple[str, str]]]:
    with path.open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)
