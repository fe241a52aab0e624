"""Counts tokens without a network.

tiktoken fetches its vocabularies at first use, so the package `bpe-openai` is used, which carries
them. Models that aren't OpenAI's are counted by the same vocabulary: an estimate. Runs don't count
at all: they go by size (`estimate_tokens`), and what the endpoint reports corrects it.
"""

from __future__ import annotations

import re
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING

from syphus.core.durable import without_surrogates

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.core.records import Prefix

# https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken_for_chat_completions:
# three tokens frame each message, three begin the reply.
TOKENS_PER_MESSAGE = 3
TOKENS_PER_REPLY = 3
# About four bytes of English a token: OpenAI help centre, "What are tokens".
_BYTES_PER_TOKEN = 4
_LONGEST_COUNTED = 1 << 16
_OLDER_MODEL = re.compile(r"gpt-(4(?![o.\d])|3\.?5)")


def estimate_tokens(text: str | bytes) -> int:
    """Tokens of a text from its size alone."""
    if isinstance(text, str):
        text = text.encode("utf-8", "replace")
    return len(text) // _BYTES_PER_TOKEN + 1


class TokenCounter:
    """Counts the tokens of texts for `model`; estimates where the vocabulary can't be loaded."""

    def __init__(self, model: str) -> None:
        self._count = _load_vocabulary(vocabulary_of(model))

    @property
    def is_exact(self) -> bool:
        """Whether a vocabulary does the counting."""
        return self._count is not None

    def count(self, text: str) -> int:
        """Tokens of one text. Very long ones are estimated: counting would hold up the run."""
        if self._count is None or len(text) > _LONGEST_COUNTED:
            return estimate_tokens(text)
        try:
            return self._count(text)
        except UnicodeEncodeError:
            return self._count(without_surrogates(text))

    def count_message(self, text: str) -> int:
        """Tokens that a message of `text` adds to a prompt, one of them for its role."""
        return TOKENS_PER_MESSAGE + 1 + self.count(text)

    def count_prefix(self, prefix: Prefix) -> int:
        """Tokens of what all requests share: the prefix, and the beginning of the reply."""
        texts = (prefix.system_message, *(turn.content for turn in prefix.in_context))
        return TOKENS_PER_REPLY + sum(map(self.count_message, texts))


def vocabulary_of(model: str) -> str:
    """The name of the vocabulary that OpenAI's chat model uses; the newest for all others."""
    return "cl100k_base" if _OLDER_MODEL.match(model) else "o200k_base"


def _load_vocabulary(name: str) -> Callable[[str], int] | None:
    """bpe-openai's native module by itself: 0.08 s and 60 MB.

    The package around it decodes three vocabularies once more, for what isn't wanted here: 0.5 s.
    """
    package = find_spec("bpe_openai")
    if package is None:
        return None
    native = PathFinder.find_spec("_bindings", package.submodule_search_locations)
    if native is None or native.loader is None:
        return None
    module = module_from_spec(native)
    native.loader.exec_module(module)
    count: Callable[[str], int] = module.tokenizer_for_encoding(name).count
    return count
