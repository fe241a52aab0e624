"""What the journal knows of images that aren't where they were.

An answer is found by the hash of the images that were sent. Whoever moves their images away when
all is answered has the answers all the same: each line of the journal names its images, by hashes
of what the plugin called them. An image that is there is always read, so a changed one is never
taken for its earlier self; of one that isn't there, the last that was sent under its name counts.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING

import orjson

from syphus.core.images import read_images
from syphus.journal.places import Places
from syphus.journal.reader import JournalReader, scan

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.core.images import SentImage
    from syphus.journal.format import Head

_NAME_BYTES = 16
# The quotes of a text are escaped, so this stands nowhere but at the field itself.
_IMAGES = re.compile(rb',"images":(\[\[.*?\]\]),"')


def name_image(source: str) -> str:
    """The hash of a path or an address by which the journal names an image: 32 digits."""
    content = source.encode("utf-8", "surrogatepass")
    return blake2b(content, digest_size=_NAME_BYTES).hexdigest()


class GoneImages:
    """Finds images by their names in the journal of a run, which is read when the first is gone.

    From any thread. Holds 24 bytes an image.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._places: Places | None = None
        self._lock = Lock()

    def find(self, source: str) -> SentImage | None:
        """The last image that was sent under this name; None if the journal has none.

        Raises JournalError as the journal's reader does.
        """
        name = name_image(source)
        with self._lock:
            if self._places is None:
                self._places = self._read()
            place = self._places.find(int(name, 16))
        if place is None:
            return None
        reader = JournalReader(self._journal)
        try:
            images = reader.at(place).images
        finally:
            reader.close()
        return next(image for image in reversed(images) if image.source == name)

    def _read(self) -> Places:
        places = Places()
        if not self._journal.exists():
            return places

        def take(line: memoryview, _: Head, offset: int) -> None:
            found = _IMAGES.search(line)
            if found is not None:
                for image in read_images(orjson.loads(found[1])):
                    if image.source:
                        places.put(int(image.source, 16), offset)

        scan(self._journal, take)
        return places
