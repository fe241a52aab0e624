"""The picture of root verbs with their nouns, and what it is based on."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from syphus.report.svg import Sector, sunburst

if TYPE_CHECKING:
    from syphus.report.contents import Verbs
    from syphus.report.roots import Root

VERBS, NOUNS = 20, 4
_HOW = (
    "Inner ring: the {verbs} most frequent root verbs; outer ring: up to {nouns} of the most "
    "frequent nouns of each; what is left blank are its other nouns, or none. Found by rules over "
    "part-of-speech tags, without a parse, so that some are wrong: see docs/report.md."
)


def draw_verbs(verbs: Verbs | None, what: str) -> str:
    """The rings of instructions or answers as HTML, or why there are none."""
    if verbs is None:
        return f"<p>There are no English {what} to look at.</p>"
    if verbs.missing is not None:
        return f"<p>Not looked at: {escape(verbs.missing)}</p>"
    sectors = most_frequent(verbs.roots)
    if not sectors:
        return f"<p>No verb was found in the {what}.</p>"
    shown = sum(sector.count for sector in sectors)
    without = sum(count for root, count in verbs.roots.items() if root.verb is None)
    of = f"{verbs.looked_at:,} of {verbs.seen:,} {what}, drawn evenly"
    if verbs.looked_at == verbs.seen:
        of = f"{verbs.seen:,} {what}"
    how = _HOW.format(verbs=len(sectors), nouns=NOUNS)
    return (
        f"<p>{of}: {shown:,} are shown, {without:,} have no verb.</p>"
        f"{sunburst(sectors, title=f'Root verbs of the {what} and their nouns')}<p>{how}</p>"
    )


def most_frequent(roots: Counter[Root]) -> list[Sector]:
    """The most frequent verbs, each with its most frequent nouns; ties in alphabetical order."""
    nouns: dict[str, Counter[str]] = {}
    for root, count in roots.items():
        if root.verb is not None:
            nouns.setdefault(root.verb, Counter())[root.noun or ""] += count
    ranked = sorted(nouns.items(), key=lambda item: (-item[1].total(), item[0]))[:VERBS]
    return [_sector(verb, found) for verb, found in ranked]


def _sector(verb: str, nouns: Counter[str]) -> Sector:
    named = sorted(((n, count) for n, count in nouns.items() if n), key=lambda x: (-x[1], x[0]))
    first = named[:NOUNS]
    left = nouns.total() - sum(count for _, count in first)
    return Sector(name=verb, count=nouns.total(), parts=(*first, ("", left)))
