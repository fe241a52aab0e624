"""Text from a server, made fit to be shown and stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from syphus.core.secrets import HIDDEN, Secrets, hide_looks

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 500
_LONGEST_READ = 4_000
_WORD_LIKE = 8


def show(text: str, *, secrets: Iterable[str]) -> str:
    """`text` as one line of at most 500 characters, with secrets replaced by `***`.

    Hidden are the `secrets` themselves, long pieces and other spellings of them, and what looks
    like a key, a bearer token, a key with stars in it, or a password in an address. A secret of
    under eight characters is a placeholder such as "none" more often than a key, so it is hidden
    only where it stands alone.
    """
    hidden = sorted(filter(None, secrets), key=len, reverse=True)
    text = " ".join(HIDDEN if HIDDEN in word else word for word in text[:_LONGEST_READ].split())
    for secret in hidden:
        pattern = re.escape(secret)
        if len(secret) < _WORD_LIKE:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, HIDDEN, text)
    text = hide_looks(Secrets(hidden).hide(text))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
