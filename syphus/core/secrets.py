"""Keeps keys, tokens and passwords out of text, however a server or a traceback spells them.

A server may repeat the key that it was sent: whole, in part, URL-encoded, JSON-escaped, or as the
base64 of a header. Whatever is shown or stored goes through here.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HIDDEN = "***"
# A piece of fewer characters gives nothing away, and words of its length stand in any text.
_PIECE = 16
_PROBE = 8
_MOST_PROBES = 32
_ALIGNMENTS = 3
_MARK = b"x"
# JSON in JSON in JSON: a reply's text, quoted by an error, quoted by a gateway.
_NESTED = 3
# "EMPTY", "lm-studio" or "not-needed" stand where a server asks for no key.
_PLACEHOLDER = re.compile(r"[A-Z]?[a-z_-]*|[A-Z_-]*")
_SECRET_NAME = re.compile(r"key|token|secret|passw|pwd|code|sig|auth|credential", re.IGNORECASE)
# Every shell exports these two, and they match "pwd".
_FOLDER_NAMES = frozenset({"PWD", "OLDPWD"})
_PROXY_NAME = re.compile(r"_proxy$", re.IGNORECASE)
# Providers echo the key that they refuse, whole or with its middle starred out.
_LOOKS_SECRET = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai)[-_][\w.*\-…]{3,}"
    r"|(?<=Bearer )(?=\S*\d)\S+"
    r"|\beyJ[\w\-]+\.[\w\-.]+"
    r"|(?<=://)[^/\s@]+(?=@)",
    re.IGNORECASE,
)


class Secrets:
    """What no text may repeat. Placeholders such as "none" and "not-needed" aren't secrets."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        found = {value for value in values if is_secret(value)}
        encoded = {core for value in found for core in _encoded(value)}
        found |= {escaped for value in found for escaped in _escaped(value)}
        probes = {(probe, value) for value in found for probe in _probes_of(value)}
        probes |= {(end, core) for core in encoded for end in (core[:_PIECE], core[-_PIECE:])}
        self._probes = sorted(probes, key=lambda probe: (-len(probe[1]), probe))
        forms = found | encoded
        self._run = _MARK * min((_least(form) for form in forms), default=0)
        self._marks = _marking("".join(forms))

    def hide(self, text: str) -> str:
        """`text` with every secret, and every piece of 16 characters of one, replaced by `***`.

        Of a secret of over 256 characters, pieces of a sixteenth of it.
        """
        # Most texts have no such run of characters that secrets are made of: their words are
        # shorter. That is found out in a microsecond a thousand characters, the rest in six.
        if self._run not in text.encode("ascii", "replace").translate(self._marks):
            return text
        for probe, whole in self._probes:
            if probe in text:
                text = _without(text, probe, whole)
        return text


def is_secret(value: str) -> bool:
    """Whether a credential is one that can be given away.

    One of under eight characters, and a word of under sixteen, is a placeholder.
    """
    if len(value) < _PROBE:
        return False
    return len(value) >= _PIECE or not _PLACEHOLDER.fullmatch(value)


def hide_looks(text: str) -> str:
    """`text` without what looks like a key, a bearer token or a password in an address."""
    return _LOOKS_SECRET.sub(HIDDEN, text)


def hide_in_url(url: str) -> str:
    """An address fit for a message: no user, no password, no value of its query.

    It may be no address at all, but a key in the wrong place.
    """
    shown = re.sub(r"^(\w*://)?.*@", rf"\1{HIDDEN}@", url)
    return hide_looks(re.sub(r"=[^&\s]*", f"={HIDDEN}", shown))


def secrets_in_url(url: str) -> Iterator[str]:
    """The credentials in an address: its password, and keys in its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    credential = parts.password or parts.username
    if credential:
        yield unquote(credential)
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        yield base64.b64encode(pair.encode()).decode()
    for name, value in parse_qsl(parts.query):
        if _SECRET_NAME.search(name):
            yield value


def secrets_in_environment(env: Mapping[str, str]) -> Iterator[str]:
    """The values of variables that are named like secrets, and the passwords of proxies.

    Paths aren't secrets, though SSH_AUTH_SOCK or VSCODE_GIT_ASKPASS_MAIN holds one: were they, the
    home folder would be hidden in every message.
    """
    for name, value in env.items():
        if _PROXY_NAME.search(name) or "://" in value:
            yield from secrets_in_url(value if "://" in value else f"http://{value}")
        elif (
            name not in _FOLDER_NAMES and _SECRET_NAME.search(name) and not _is_path(value.strip())
        ):
            yield value.strip()


def _is_path(value: str) -> bool:
    try:
        return Path(value).is_absolute() and Path(value).exists()
    except (OSError, ValueError):  # too long, or not to be looked at
        return False


def _escaped(secret: str) -> Iterator[str]:
    """Most keys are spelled alike in all of these; passwords aren't."""
    yield quote(secret, safe="")
    yield quote_plus(secret)
    text = secret
    for _ in range(_NESTED):
        text = json.dumps(text)[1:-1]
        yield text
        yield text.replace("/", "\\/")


def _encoded(secret: str) -> Iterator[str]:
    """Base64, wherever in three bytes the secret begins."""
    raw = secret.encode("utf-8", "surrogatepass")
    for skipped in range(_ALIGNMENTS):
        # What stands before and after the secret in the same three bytes changes the outer letters.
        encoded = base64.b64encode(bytes(skipped) + raw).decode().rstrip("=")
        core = encoded[skipped and skipped + 1 :]
        if (skipped + len(raw)) % _ALIGNMENTS:
            core = core[:-1]
        yield core
        yield core.translate(str.maketrans("+/", "-_"))


def _probes_of(whole: str) -> Iterator[str]:
    """Pieces of which at least one stands in every longer piece of `whole`."""
    size = max(_PROBE, len(whole) // _MOST_PROBES)
    for start in range(0, len(whole) - size + 1, size):
        yield whole[start : start + size]


def _least(whole: str) -> int:
    """The length from which on a piece of `whole` is hidden."""
    return min(_PIECE, len(whole))


def _marking(characters: str) -> bytes:
    """A table that writes `_MARK` for each of these; what isn't ASCII is a question mark."""
    marked = set(characters.encode("ascii", "replace"))
    return b"".join(_MARK if code in marked else b" " for code in range(256))


def _without(text: str, probe: str, whole: str) -> str:
    least = _least(whole)
    at = text.find(probe)
    while at >= 0:
        left, right = max(
            (_grown(text, at, whole, start) for start in _places(probe, whole)),
            key=lambda span: span[1] - span[0],
        )
        if right - left >= least:
            text = text[:left] + HIDDEN + text[right:]
            at = text.find(probe, left + len(HIDDEN))
        else:
            at = text.find(probe, at + 1)
    return text


def _places(probe: str, whole: str) -> Iterator[int]:
    at = whole.find(probe)
    while at >= 0:
        yield at
        at = whole.find(probe, at + 1)


def _grown(text: str, at: int, whole: str, start: int) -> tuple[int, int]:
    """The span of `text` around `at` that is equal to `whole` around `start`."""
    left, right = at, at
    begin, end = start, start
    while left > 0 and begin > 0 and text[left - 1] == whole[begin - 1]:
        left, begin = left - 1, begin - 1
    while right < len(text) and end < len(whole) and text[right] == whole[end]:
        right, end = right + 1, end + 1
    return left, right
