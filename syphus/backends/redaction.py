"""Text from a server, made fit to be shown and stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HIDDEN = "***"
_LONGEST = 500
_LONGEST_READ = 4_000
_WORD_LIKE = 8

# Providers echo the key they refuse, whole or with its middle starred out.
_LOOKS_SECRET = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai)[-_][\w.*\-…]{3,}"
    r"|(?<=Bearer )(?=\S*\d)\S+"
    r"|\beyJ[\w\-]+\.[\w\-.]+"
    r"|(?<=://)[^/\s@]+(?=@)",
    re.IGNORECASE,
)


def show(text: str, *, secrets: Iterable[str]) -> str:
    """`text` as one line of at most 500 characters, with secrets replaced by `***`.

    Hidden are the `secrets` themselves and what looks like a key, a bearer token, a key with
    stars in it, or a password in an address. A secret of under eight characters is a placeholder
    such as "none" more often than a key, so it is hidden only where it stands alone.
    """
    text = " ".join(_HIDDEN if _HIDDEN in word else word for word in text[:_LONGEST_READ].split())
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        pattern = re.escape(secret)
        if len(secret) < _WORD_LIKE:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, _HIDDEN, text)
    text = _LOOKS_SECRET.sub(_HIDDEN, text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
