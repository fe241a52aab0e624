"""How one deployment is spoken to, and what its refusals teach.

A refusal that names a parameter teaches at once. Many compatible servers refuse a response format
with a 400 that names nothing, and words in a message are no evidence. Those are asked by
experiment: as long as no reply has come with the format, a refused request is repeated with a
plainer one, which is kept if it is answered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syphus.backends.body import BodyWriter, Dialect

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.core.errors import RequestError
    from syphus.core.records import RequestShape

_UNREADABLE = (400, 422)


class Phrasing:
    """The current `writer` for one deployment; `on_notice` gets a sentence for each change."""

    def __init__(self, *, name: str, model: str, on_notice: Callable[[str], None]) -> None:
        self.writer = BodyWriter(model, Dialect())
        self._name = name
        self._model = model
        self._on_notice = on_notice
        self._format_proven = False

    def reworded(
        self, used: BodyWriter, refusal: RequestError, shape: RequestShape
    ) -> BodyWriter | None:
        """The writer to repeat a refused request with at once; None if no wording is left."""
        if used is not self.writer and not used.is_guess:
            return self.writer
        learned = used.dialect.after(refusal)
        if learned is not None:
            if used.is_guess:
                return BodyWriter(self._model, learned, is_guess=True)
            self._keep(learned)
            return self.writer
        return self._guess(used, refusal, shape)

    def answered(self, used: BodyWriter, shape: RequestShape) -> None:
        """Says that the endpoint accepted what `used` wrote for `shape`."""
        if self._format_proven or shape.response_format is None:
            return
        mode = used.dialect.response_format_mode
        if used.is_guess:
            self._keep(replace(self.writer.dialect, response_format_mode=mode))
        self._format_proven = mode != "none"

    def _guess(
        self, used: BodyWriter, refusal: RequestError, shape: RequestShape
    ) -> BodyWriter | None:
        if self._format_proven or shape.response_format is None:
            return None
        if refusal.param is not None or refusal.status not in _UNREADABLE:
            return None
        guess = used.dialect.with_plainer_format()
        return None if guess is None else BodyWriter(self._model, guess, is_guess=True)

    def _keep(self, dialect: Dialect) -> None:
        earlier = self.writer.dialect
        if dialect == earlier:
            return
        self.writer = BodyWriter(self._model, dialect)
        for change in dialect.changes_since(earlier):
            self._on_notice(f"{self._name} {change}")
