"""Counts tokens without a network.

tiktoken fetches its vocabularies at first use, so the package `bpe-openai` is used, which carries
them. Models that aren't OpenAI's are counted by the same vocabulary: an estimate, corrected later
by the usage that the endpoint reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken_for_chat_completions:
# three tokens frame each message, three begin the reply.
TOKENS_PER_MESSAGE = 3
TOKENS_PER_REPLY = 3
# About four bytes of English a token: OpenAI help centre, "What are tokens".
_BYTES_PER_TOKEN = 4
_LONGEST_COUNTED = 1 << 16


def estimate_tokens(text: str) -> int:
    """Tokens of `text` from its size alone."""
    return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + 1


class TokenCounter:
    """Counts the tokens of texts for `model`; estimates where the vocabulary can't be loaded."""

    def __init__(self, model: str) -> None:
        self._encode: Callable[[str], list[int]] | None = _load_vocabulary(model)

    @property
    def is_exact(self) -> bool:
        """Whether a vocabulary does the counting."""
        return self._encode is not None

    def count(self, text: str) -> int:
        """Tokens of one text. Very long ones are estimated: counting would hold up the run."""
        if self._encode is None or len(text) > _LONGEST_COUNTED:
            return estimate_tokens(text)
        return len(self._encode(text))


def _load_vocabulary(model: str) -> Callable[[str], list[int]] | None:
    try:
        import bpe_openai  # noqa: PLC0415 - 0.4 s, not needed by --help
    except ImportError:
        return None
    try:
        encoding = bpe_openai.encoding_for_model(model)
    except (KeyError, ValueError, RuntimeError):
        encoding = bpe_openai.get_encoding("o200k_base")
    encode: Callable[[str], list[int]] = encoding.encode_ordinary
    return encode
