"""The raw text of replies -> question-answer pairs, or the reasons why not. Pure and repeatable."""

from syphus.replies.correction import CORRECTION, STRUCTURED_CORRECTION, correction_for
from syphus.replies.reasons import reject_reason
from syphus.replies.reply import parse_reply
from syphus.replies.structured import parse_structured

__all__ = [
    "CORRECTION",
    "STRUCTURED_CORRECTION",
    "correction_for",
    "parse_reply",
    "parse_structured",
    "reject_reason",
]
