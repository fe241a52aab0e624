"""How many pixels are decoded at once, over all threads."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class PixelGate:
    """Lets in as many images as `most` pixels hold, and a larger one alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0
        self._left = Condition()

    @contextmanager
    def holding(self, pixels: int) -> Iterator[None]:
        """Waits for room, and takes it while the block runs."""
        with self._left:
            self._left.wait_for(lambda: not self._inside or self._inside + pixels <= self._most)
            self._inside += pixels
        try:
            yield
        finally:
            with self._left:
                self._inside -= pixels
                self._left.notify_all()
