"""The checks of translations, measured on human ones: Django's message catalogues.

    python benchmarks/language_check.py                right ones accepted, wrong languages refused
    python benchmarks/language_check.py --candidates   the libraries that could do it, side by side
    python benchmarks/language_check.py --catalogues FOLDER   another package's `locale` folders

English source and translation, sentences of 20 characters or more. What the catalogues say is read
from where they are installed and is not kept. Messages with plural forms are left out: which form
is the translation depends on a number.
"""

from __future__ import annotations

import argparse
import gettext
import importlib.util
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from language_candidates import compare_candidates, print_table, share

from syphus.core.languages import TARGETS
from syphus.translation.check_copy import find_copy_fault
from syphus.translation.check_kept import split_kept
from syphus.translation.check_language import check_language
from syphus.translation.check_length import LONG, SHORTEST
from syphus.translation.check_source import find_words, read_source
from syphus.translation.check_text import write_plain_digits
from syphus.translation.checks import Finding, check_translation, normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FOLDERS = {code: (code,) for code in TARGETS} | {
    "zh": ("zh_Hans", "zh_CN"),
    "zh_Hant": ("zh_Hant", "zh_TW"),
}
LEAST = 20
WORDS = 4
ROUNDS = 5


def read_catalogues(roots: Sequence[Path], language: str) -> dict[str, str]:
    """English source -> translation, of all catalogues of a language."""
    found: dict[str, str] = {}
    paths = {
        path
        for root in roots
        for folder in FOLDERS[language]
        for path in root.glob(f"**/{folder}/LC_MESSAGES/*.mo")
    }
    for path in sorted(paths):
        with path.open("rb") as file:
            # The standard library has no public way to list what a catalogue holds.
            messages = vars(gettext.GNUTranslations(file))["_catalog"]
        for key, text in messages.items():
            if isinstance(key, str) and key and text:
                found.setdefault(normalise(key.split("\4")[-1]), normalise(text))
    return found


def is_sentence(source: str, *, whole: bool) -> bool:
    """Whether a message has 20 characters or more, and besides its placeholders four words."""
    known = read_source(source)
    if whole:
        return len(source) >= LEAST
    return len(known.prose.strip()) >= LEAST and len(known.words) >= WORDS


def judge_language(source: str, text: str, language: str) -> Finding:
    """The language check and the check against copies: what tells the language of a text."""
    known = read_source(source)
    prose, _ = split_kept(write_plain_digits(text))
    words = find_words(prose)
    if reason := find_copy_fault(prose, words, known, language):
        return Finding(reason=reason)
    return check_language(prose, words, known, language)


def measure_right(
    catalogues: dict[str, dict[str, str]], *, whole: bool, misses: bool
) -> list[list[str]]:
    """Of each language: right translations that the language check and all checks accept."""
    rows = []
    for language in TARGETS:
        pairs = [pair for pair in catalogues[language].items() if is_sentence(pair[0], whole=whole)]
        given = [(source, text) for source, text in pairs if source.casefold() != text.casefold()]
        judged = [judge_language(*pair, language) for pair in given]
        checked = [check_translation(*pair, language) for pair in given]
        rows.append(
            [
                language,
                str(len(given)),
                str(len(pairs) - len(given)),
                share(sum(each.ok for each in judged), len(given)),
                str(sum(each.unjudged for each in judged)),
                share(sum(each.ok for each in checked), len(given)),
            ]
        )
        if misses:
            for pair, finding in zip(given, checked, strict=True):
                if not finding.ok:
                    print(f"    {language}: {finding.reason}: {pair[0]!r} -> {pair[1]!r}")
    return rows


def measure_wrong(
    catalogues: dict[str, dict[str, str]], *, whole: bool, misses: bool
) -> list[list[str]]:
    """Of each field and each other language: texts of the other that are refused in the field."""
    rows = []
    for field in TARGETS:
        row = [field]
        for other in (*TARGETS, "en", "zh_Hant"):
            if other == field:
                row.append("")
                continue
            texts = catalogues.get(other) or {source: source for source in catalogues[field]}
            pairs = [
                (source, texts[source])
                for source, right in catalogues[field].items()
                if is_sentence(source, whole=whole)
                and texts.get(source, right) != right
                and (other == "en" or texts[source] != source)
            ]
            found = [judge_language(*pair, field) for pair in pairs]
            row.append(share(sum(not each.ok for each in found), len(pairs)))
            if misses:
                for pair, finding in zip(pairs, found, strict=True):
                    if finding.ok:
                        print(f"    {other} in {field}: {pair[0]!r} -> {pair[1]!r}")
        rows.append(row)
    return rows


def measure_time(catalogues: dict[str, dict[str, str]]) -> list[list[str]]:
    """Of each language: microseconds a text, best of five rounds; and of texts as a run has them.

    A run checks a source in seven languages one after the other, which saves taking it apart.
    """
    rows = []
    for language in TARGETS:
        pairs = [
            (source, text, language)
            for source, text in catalogues[language].items()
            if is_sentence(source, whole=False)
        ]
        rows.append([language, *time_checks(pairs)])
    shared = [
        source
        for source in set.intersection(*(set(catalogues[language]) for language in TARGETS))
        if is_sentence(source, whole=False)
    ]
    for count in (1, 2, 4):
        groups = [shared[i : i + count] for i in range(0, len(shared), count)]
        texts = [
            (
                " ".join(group),
                " ".join(catalogues[language][source] for source in group),
                language,
            )
            for group in groups
            for language in TARGETS
        ]
        rows.append([f"a run, {count} sentences a text", *time_checks(texts)])
    return rows


def time_checks(texts: Sequence[tuple[str, str, str]]) -> list[str]:
    """Characters a text, and microseconds for the language check and for all checks."""
    row = [f"{sum(len(text) for _, text, _ in texts) / len(texts):.0f}"]
    for judge in (judge_language, check_translation):
        best = min(time_once(judge, texts) for _ in range(ROUNDS))
        row.append(f"{best / len(texts) * 1e6:.1f}")
    return row


def time_once(
    judge: Callable[[str, str, str], Finding], texts: Sequence[tuple[str, str, str]]
) -> float:
    """Seconds of processor time for one round, no source being known at its beginning."""
    read_source.cache_clear()
    start = time.process_time()
    for source, text, language in texts:
        judge(source, text, language)
    return time.process_time() - start


def measure_length(catalogues: dict[str, dict[str, str]]) -> list[list[str]]:
    """Of each language and size: characters of the translation per character of the source."""
    rows = []
    for language in TARGETS:
        for least, most, name in ((SHORTEST, LONG, "20-99"), (LONG, sys.maxsize, "100-")):
            ratios = sorted(
                len(split_kept(text)[0]) / len(read_source(source).prose)
                for source, text in catalogues[language].items()
                if is_sentence(source, whole=False)
                and source.casefold() != text.casefold()
                and least <= len(read_source(source).prose) < most
            )
            marks = [ratios[int((len(ratios) - 1) * mark)] for mark in (0, 0.01, 0.5, 0.99, 1)]
            rows.append([language, name, str(len(ratios)), *(f"{mark:.2f}" for mark in marks)])
    return rows


def choose_texts(catalogues: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """Sentences by language, without placeholders, for libraries that see nothing else."""
    texts = {
        language: [
            split_kept(text)[0]
            for source, text in catalogue.items()
            if is_sentence(source, whole=False) and source.casefold() != text.casefold()
        ]
        for language, catalogue in catalogues.items()
    }
    english = [split_kept(source)[0] for source in catalogues["de"]]
    return texts | {"en": [text for text in english if is_sentence(text, whole=False)]}


def report(catalogues: dict[str, dict[str, str]], *, misses: bool) -> None:
    """Print every table."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    check_translation("The cat sleeps on the sofa.", "El gato duerme en el sofá.", "es")
    loading = time.process_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"first check, loading eldc: {loading * 1e3:.0f} ms, {grown / 1024:.1f} MiB more memory")
    for whole in (False, True):
        which = "all messages: labels, names and placeholders too"
        if not whole:
            which = f"sentences: {WORDS} words besides placeholders, tags and addresses"
        print(f"\n=== {LEAST} characters or more; {which} (* is below 99) ===")
        print_table(
            "right translations accepted, per cent (copies are left as English by the translator)",
            ["field", "texts", "copies", "language", "unjudged", "all checks"],
            measure_right(catalogues, whole=whole, misses=misses),
        )
        print_table(
            "texts of another language refused, per cent (row: field, column: text)",
            ["field", *TARGETS, "en", "zh_Hant"],
            measure_wrong(catalogues, whole=whole, misses=misses),
        )
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\nmemory at the end: {after / 1024:.0f} MiB, {(after - before) / 1024:.1f} MiB more")
    print_table(
        "time, ms per thousand texts, that is microseconds a text",
        ["field", "characters", "language", "all checks"],
        measure_time(catalogues),
    )
    print_table(
        "length: characters of the translation per character of the source, by its length",
        ["field", "source", "texts", "least", "1 %", "median", "99 %", "most"],
        measure_length(catalogues),
    )


def main() -> int:
    """Read the arguments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--candidates", action="store_true", help="compare installed libraries")
    parser.add_argument("--catalogues", type=Path, action="append", help="in place of Django's")
    parser.add_argument("--misses", action="store_true", help="print each text judged wrongly")
    args = parser.parse_args()
    roots = args.catalogues
    if not roots:
        spec = importlib.util.find_spec("django")
        if spec is None or spec.origin is None:
            print("Django is not installed: pip install django", file=sys.stderr)
            return 2
        roots = [Path(spec.origin).parent]
    catalogues = {language: read_catalogues(roots, language) for language in FOLDERS}
    if args.candidates:
        compare_candidates(choose_texts(catalogues))
    else:
        report(catalogues, misses=args.misses)
    return 0


if __name__ == "__main__":
    sys.exit(main())
