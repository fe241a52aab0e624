"""How many images a run would send, and how large, without sending or fetching any.

The heads of all are read; the first are encoded as well, to learn how many bytes a pixel takes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from syphus.convert.unreadable import printable
from syphus.core.records import Failure

if TYPE_CHECKING:
    from syphus.core.images import SentImage
    from syphus.core.records import Query
    from syphus.pipeline.vision import Vision

_MOST_ENCODED = 20
_MOST_KEPT = 20


class ImageTally:
    """Counts of the images that were added.

    `largest` is width and height of the largest as it is sent, `unsendable` counts the queries that
    would not be asked, `problems` says why for the first of them.
    """

    def __init__(self, vision: Vision) -> None:
        self.count = 0
        self.tokens = 0
        self.largest = (0, 0)
        self.unsendable = 0
        self.problems: list[str] = []
        self._vision = vision
        self._pixels = 0
        self._encoded = self._encoded_pixels = self._encoded_bytes = 0

    def add(self, query: Query) -> int | None:
        """Counts a query's images; None if it would not be asked, for one is unusable."""
        measured = self._vision.measure(query)
        wrong = [each for each in measured if isinstance(each, str)]
        if wrong:
            self._leave_out(query, wrong[0])
            return None
        sizes = [each for each in measured if not isinstance(each, str)]
        self.count += len(sizes)
        for size in sizes:
            self.tokens += self._vision.tokens(size)
            self._pixels += math.prod(size)
            self.largest = max(self.largest, size, key=math.prod)
        return len(sizes)

    def encode(self, query: Query) -> tuple[SentImage, ...]:
        """The images of a query, if it is one of the first; none of an image to be fetched."""
        if self._encoded >= _MOST_ENCODED or self._vision.would_fetch(query):
            return ()
        self._vision.prepare([query])
        images = self._vision.take(query)
        if isinstance(images, Failure):
            self._tell(query, images.message)
            return ()
        for image in images:
            self._encoded += 1
            self._encoded_pixels += image.width * image.height
            self._encoded_bytes += image.size
        return images

    @property
    def megabytes(self) -> float | None:
        """Of all images as they are sent, judged by the first; None where none was encoded."""
        if not self._encoded_pixels:
            return None
        return self._pixels * self._encoded_bytes / self._encoded_pixels / 1e6

    def _leave_out(self, query: Query, problem: str) -> None:
        self.unsendable += 1
        self._tell(query, problem)

    def _tell(self, query: Query, problem: str) -> None:
        if len(self.problems) < _MOST_KEPT:
            self.problems.append(f"{printable(query.id)}: {problem}")
