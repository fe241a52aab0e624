"""Replies written with labels -> pairs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from syphus.replies import reasons
from syphus.replies.labels import find_labels, keep_one_style
from syphus.replies.layout import Surroundings, split_remark, strip_rules
from syphus.replies.pairing import Pairing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syphus.core.records import Parsed
    from syphus.replies.labels import Label


def parse_text(text: str, *, truncated: bool) -> Parsed | None:
    """Return the pairs of a labelled reply, or None where it has no label.

    Questions and answers are pieces of `text`, stripped, with their inner line breaks. What
    stands before the first label is dropped. Of a truncated reply, the last question or answer
    is rejected: the cut may have damaged it.
    """
    text = "\n" + text
    found = find_labels(text)
    labels = keep_one_style(found)
    if truncated:
        labels = _drop_doubtful(labels, text)
    if not labels:
        return None
    preamble = text[: labels[0].start]
    surroundings = Surroundings(preamble, text) if "```" in text or preamble.strip() else None
    pairing = Pairing()
    if text[found[0].end : labels[0].start].strip():
        reason = reasons.NO_ANSWER if found[0].asks else reasons.ORPHAN
        pairing.reject(text[found[0].start : labels[0].start], reason)
    for (_, asks, number, start, end, opener, _), following in pairwise(labels):
        body = text[end : following.start].strip()
        body = surroundings.strip_end(body) if surroundings else strip_rules(body)
        if opener:
            body = _close(body, opener)
        if asks and (body or not following.asks):  # an empty one is a heading above the next
            pairing.ask(body, text[start : following.start], number)
        elif not asks and (body or following.asks):
            pairing.answer(body, text[start : following.start], number)
    last = labels[-1]
    if truncated:
        pairing.cut(text[last.start :], answers=not last.asks)
    else:
        _add_last(pairing, last, text, surroundings)
    return pairing.finish(truncated=truncated)


def _add(pairing: Pairing, label: Label, body: str, raw: str) -> None:
    if label.opener:
        body = _close(body, label.opener)
    add = pairing.ask if label.asks else pairing.answer
    add(body, raw, label.number)


def _add_last(pairing: Pairing, label: Label, text: str, surroundings: Surroundings | None) -> None:
    body = text[label.end :].strip()
    remarks = ["", ""]
    if surroundings:
        body, remarks[1] = surroundings.split_fence(body)
    body = strip_rules(body)
    if not label.asks:
        body, remarks[0] = split_remark(body)
    _add(pairing, label, body, text[label.start :])
    for remark in remarks:
        if remark:
            pairing.reject(remark, reasons.REMARK)


def _close(body: str, opener: str) -> str:
    """Return `body` without the end of the bold or italics that its label opened."""
    if body.endswith(opener) and body.count(opener) == 1:
        return body[: -len(opener)].rstrip()
    return body


def _drop_doubtful(labels: Sequence[Label], text: str) -> Sequence[Label]:
    """Leave out a last label that the cut may have made of a line of prose ("Question 1 asks")."""
    if labels and not labels[-1].sure and not text[labels[-1].end :].strip():
        return labels[:-1]
    return labels
