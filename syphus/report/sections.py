"""The parts of the page, each a heading and what stands under it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from syphus.report.svg import bar, columns
from syphus.report.verb_rings import draw_verbs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syphus.report.contents import Cost, Report, Texts, Yield
    from syphus.report.counting import Sizes

_NO_PAIRS = "<p>There are no pairs.</p>"


def all_of(report: Report) -> Iterator[tuple[str, str]]:
    """The headings of a report, with what stands under each."""
    yield "Yield", _yield(report.yielded)
    if report.free_text is not None:
        yield "Replies", _free_text(report.free_text)
    else:
        first = next(iter(report.texts), None)
        yield "Pairs per source", _sources(first)
        yield "Lengths", _lengths(report, first)
        yield "Root verbs and nouns of the instructions", draw_verbs(report.verbs, "instructions")
        if report.answer_verbs is not None:
            yield "Root verbs and nouns of the answers", draw_verbs(report.answer_verbs, "answers")
        yield "Languages", _languages(report)
    if report.quality is not None:
        yield "Quality", _quality(report.quality)
    yield "Tokens and cost", _cost(report.cost, report)


def printable(text: str) -> str:
    """Text without the control characters that HTML forbids."""
    return "".join(each if each >= " " and not "\x7f" <= each <= "\x9f" else " " for each in text)


def facts(rows: Mapping[str, str]) -> str:
    """A table of names and values."""
    return _table(([_cell(name), _cell(value)] for name, value in rows.items()), head=())


def _yield(found: Yield) -> str:
    of = f" of {found.total:,}" if found.total is not None and found.total != found.read else ""
    parts = [f"<p>{found.read:,} queries read{of}.</p>", _bars(found.counts.items())]
    if found.skipped:
        parts.append(f"<p>{found.skipped:,} items of the annotations were left out.</p>")
    for heading, reasons in (
        ("Invalid replies and pairs, by reason", found.invalid),
        ("Failed queries, by kind", found.failures),
    ):
        if reasons.total:
            parts.append(f"<h3>{heading}</h3>{_bars(reasons.most_common(), hue=3)}")
    return "".join(parts)


def _sources(texts: Texts | None) -> str:
    if texts is None or not texts.pairs:
        return _NO_PAIRS
    sizes, without = texts.sources.sizes(), texts.sources.without
    said = f"<p>{without:,} pairs name no image: their source isn't known.</p>" if without else ""
    if not sizes.total:
        return said
    picture = columns(sizes.bins(), title="Sources by number of pairs", unit="pairs of a source")
    return (
        f"<p>{sizes.total:,} sources, {sizes.mean:.1f} pairs each on average. A source is the "
        f"image, the images or the clip that pairs are about.</p>{picture}{said}"
    )


def _lengths(report: Report, texts: Texts | None) -> str:
    if texts is None or not texts.pairs:
        return _NO_PAIRS
    named = _language(report, texts.language)
    return (
        f"<h3>Instructions, {named}</h3>{_histogram(texts.questions, texts.unit, 'Instructions')}"
        f"<h3>Answers, {named}</h3>{_histogram(texts.answers, texts.unit, 'Answers')}"
    )


def _free_text(texts: Texts) -> str:
    if not texts.pairs:
        return "<p>There are no replies.</p>"
    return (
        f"<p>{texts.pairs:,} replies, kept whole: there are no pairs to show.</p>"
        f"{_histogram(texts.answers, texts.unit, 'Replies')}"
    )


def _histogram(sizes: Sizes, unit: str, what: str) -> str:
    picture = columns(sizes.bins(), title=f"{what} by number of {unit}", unit=unit)
    middle = f"half have at most {sizes.quantile(0.5):,} {unit}, 95% at most"
    return f'{picture}<p class="note">Mean {sizes.mean:.1f}; {middle} {sizes.quantile(0.95):,}.</p>'


def _languages(report: Report) -> str:
    if not report.texts and not report.lacking:
        return _NO_PAIRS
    most = max((texts.pairs for texts in report.texts), default=0)
    rows = [
        [
            f"<td>{_language(report, texts.language)}</td>",
            _number(f"{texts.pairs:,}"),
            _number(f"{100 * texts.pairs / most:.1f}%" if most else ""),
            f"<td>{bar(texts.pairs, most, hue=2)}</td>",
            _number(f"{texts.answers.quantile(0.5):,} {texts.unit}" if texts.pairs else ""),
        ]
        for texts in report.texts
    ]
    rows += [[f"<td>{_language(report, code)}</td>", _number("no file")] for code in report.lacking]
    head = ("language", "pairs", "of all", "", "half the answers have at most")
    parts = [_table(rows, head=head)]
    if not report.lacking and len(report.texts) == 1:
        parts.append("<p>The run has no translations.</p>")
    if report.untranslated.total:
        parts.append(
            "<h3>Missing translations, by reason</h3>"
            f"{_bars(report.untranslated.most_common(), hue=3)}"
        )
    return "".join(parts)


def _quality(found: Mapping[str, object]) -> str:
    pairs, faulty, checks = found.get("pairs"), found.get("faulty"), found.get("checks")
    if not (isinstance(pairs, int) and isinstance(faulty, int) and isinstance(checks, dict)):
        return "<p>meta.json tells nothing that can be shown.</p>"
    end = "they were dropped" if found.get("mode") == "drop" else "they are in the files"
    share = f" ({100 * faulty / pairs:.1f}%)" if pairs else ""
    counts = [(str(name), n) for name, n in checks.items() if isinstance(n, int)]
    said = f"<p>{faulty:,} of {pairs:,} pairs have faults{share}; {end}.</p>"
    return said + _bars(counts, hue=3) + _marks(found.get("judge"))


def _marks(found: object) -> str:
    """What the judge gave, criterion by criterion; nothing where there was none."""
    scores = found.get("scores") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(scores, dict):
        return ""
    parts = [f"<p>{_whole(found, 'judged'):,} pairs were judged by {_model(found)}.</p>"]
    if lacking := _whole(found, "unjudged"):
        parts.append(f"<p>{lacking:,} have no judgement; they are in the files.</p>")
    for name, each in scores.items():
        counts = each.get("counts") if isinstance(each, dict) else None
        if isinstance(counts, dict):
            rows = [(str(mark), n) for mark, n in counts.items() if isinstance(n, int)]
            title = escape(printable(f"{name}, mean {each.get('mean')}"))
            parts.append(f"<h3>Marks for {title}</h3>{_bars(rows, hue=4)}")
    return "".join(parts)


def _whole(found: Mapping[str, object], name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) else 0


def _model(found: Mapping[str, object]) -> str:
    return f"<bdi>{escape(printable(str(found.get('model'))))}</bdi>"


def _cost(cost: Cost, report: Report) -> str:
    tokens = {
        "prompt, not cached": cost.prompt_tokens - cost.cached_tokens,
        "prompt, from the cache": cost.cached_tokens,
        "completion": cost.completion_tokens,
    }
    known = "unknown: no price" if cost.dollars is None else f"${cost.dollars:,.4f}"
    rows = {"cost": known}
    pairs = sum(texts.pairs for texts in report.texts)
    if cost.dollars and pairs:
        rows["for 1,000 pairs, of all languages"] = f"${1000 * cost.dollars / pairs:,.4f}"
    if cost.perhaps_billed:
        rows["perhaps billed besides"] = (
            f"{cost.perhaps_billed:,} attempts without a reply, up to ${cost.perhaps_dollars:,.4f}"
        )
    rows["seconds of work"] = f"{cost.seconds:,.1f}"
    return _bars(tokens.items(), hue=6) + facts(rows)


def _bars(rows: Iterable[tuple[str, int]], *, hue: int = 0) -> str:
    rows = list(rows)
    most = max((count for _, count in rows), default=0)
    return _table(
        [_cell(name), _number(f"{n:,}"), f"<td>{bar(n, most, hue=hue)}</td>"] for name, n in rows
    )


def _table(rows: Iterable[Sequence[str]], *, head: Sequence[str] = ()) -> str:
    top = "".join(f"<th>{escape(each)}</th>" for each in head)
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{lines}</table>"


def _cell(text: str) -> str:
    return f"<td><bdi>{escape(printable(text))}</bdi></td>"


def _number(text: str) -> str:
    return f'<td class="n">{escape(text)}</td>'


def _language(report: Report, code: str) -> str:
    return escape(f"{report.names.get(code, code)} ({code})")
