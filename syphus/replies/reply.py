"""The raw text of a reply -> its pairs, or the reason why not."""

from __future__ import annotations

from syphus.core.records import Parsed, Rejected
from syphus.replies import reasons
from syphus.replies.json_data import begins_with_json, find_json
from syphus.replies.json_pairs import parse_json
from syphus.replies.plain_pairs import parse_plain
from syphus.replies.text_pairs import parse_text


def parse_reply(
    text: str | None, *, finish_reason: str = "stop", refusal: str | None = None
) -> Parsed:
    """Return every pair of a reply, and every piece that gave none with the reason.

    Pure: the same reply gives the same result. Takes any string and never raises. Read are
    replies with labels (`Question:` or `Instruction:` or `Q:`, `Answer:` or `Response:` or `A:`,
    numbered and decorated as models do) and JSON, which may be slightly broken. Of a reply that
    the token limit cut off, the pairs before the cut are kept.
    """
    truncated = reasons.is_cut(finish_reason)
    withheld = reasons.say_withheld(text, finish_reason=finish_reason, refusal=refusal)
    if withheld or text is None:
        response = refusal or text or ""
        rejected = Rejected(response=response, reason=withheld or reasons.NO_CONTENT)
        return Parsed(rejected=(rejected,), truncated=truncated)
    plain = None if truncated else parse_plain(text)
    return plain or _parse_any(text, truncated=truncated)


def _parse_any(text: str, *, truncated: bool) -> Parsed:
    start = begins_with_json(text)
    as_json = parse_json(text[start:], truncated=truncated) if start >= 0 else None
    if as_json is not None and as_json.pairs:
        return as_json
    labelled = parse_text(text, truncated=truncated)
    if labelled is not None and labelled.pairs:
        return labelled
    if start < 0:
        start = find_json("\n" + text) - 1
        as_json = parse_json(text[start:], truncated=truncated) if start >= 0 else None
    if as_json is not None and (as_json.pairs or labelled is None):
        return as_json
    if labelled is not None:
        return labelled
    reason = reasons.CUT_OFF if truncated else reasons.NO_QUESTION
    return Parsed(rejected=(Rejected(response=text, reason=reason),), truncated=truncated)
