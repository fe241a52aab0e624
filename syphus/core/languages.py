"""The languages that every pair is said again in, and the `--languages` flag that chooses them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

Script: TypeAlias = Literal["Hans", "Jpan", "Latn", "Kore", "Arab"]

TARGETS: Final = ("zh", "ja", "es", "de", "fr", "ko", "ar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A target language.

    `code` is its ISO 639-1 code, which names files and properties; `name` is what prompts call it,
    in English; `script` is the ISO 15924 code of the letters it is written in.
    """

    code: str
    name: str
    script: Script


LANGUAGES: Final[Mapping[str, Language]] = MappingProxyType(
    {
        language.code: language
        for language in (
            Language(code="zh", name="Simplified Chinese", script="Hans"),
            Language(code="ja", name="Japanese", script="Jpan"),
            Language(code="es", name="Spanish", script="Latn"),
            Language(code="de", name="German", script="Latn"),
            Language(code="fr", name="French", script="Latn"),
            Language(code="ko", name="Korean", script="Kore"),
            Language(code="ar", name="Arabic", script="Arab"),
        )
    }
)


def choose_languages(flag: str) -> tuple[str, ...]:
    """Return the codes that `--languages` asks for, in the order of `TARGETS`.

    The flag is `all`, `none`, or codes with commas between them.

    Raises SettingsError for a code that is unknown, missing or there twice.
    """
    word = flag.strip().lower()
    if word == "all":
        return TARGETS
    if word == "none":
        return ()
    codes = [code.strip() for code in word.split(",")]
    for position, code in enumerate(codes):
        if not code:
            raise SettingsError(f"--languages {flag}: a code is missing; {_choices()}")
        if code not in LANGUAGES:
            raise SettingsError(f"--languages {flag}: {code!r} is none of them; {_choices()}")
        if code in codes[:position]:
            raise SettingsError(f"--languages {flag}: {code!r} is there twice")
    return tuple(code for code in TARGETS if code in codes)


def _choices() -> str:
    return f"give all, none, or some of {','.join(TARGETS)}"
