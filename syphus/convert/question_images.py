"""From any image to the JPEG that goes with a question: small, upright, without its metadata."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from syphus.convert.gate import PixelGate
from syphus.convert.settings import MOST_PIXELS
from syphus.convert.stills import SPARE, check_pixels, flatten, open_still
from syphus.convert.unreadable import Unreadable, explain
from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow's default is 75; at 85 a photo of 768 pixels takes some 100 kB and its small text stays
# readable. The choice is ours; "JPEG saving" in Pillow's handbook says what the numbers mean.
QUALITY = 85
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An image as it is sent, and its size in pixels."""

    content: bytes
    width: int
    height: int

    @property
    def digest(self) -> str:
        """BLAKE2b of the content, 128 bits in hexadecimal."""
        return hashlib.blake2b(self.content, digest_size=_DIGEST_BYTES).hexdigest()


class ImageEncoder:
    """Encodes images whose longer side is `side` pixels at most; from any thread.

    All threads together decode no more pixels at once than one image may have. Raises SettingsError
    where Pillow isn't installed.
    """

    def __init__(self, side: int) -> None:
        try:
            from PIL import Image  # noqa: PLC0415 - an extra
        except ImportError:
            raise SettingsError(
                "sending images needs Pillow: pip install 'syphus-engine[images]'"
            ) from None
        Image.init()
        # What Pillow finds odd about single images would stand between the progress's lines.
        warnings.filterwarnings("ignore", module=r"PIL\b")
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
        self._side = side
        self._gate = PixelGate(MOST_PIXELS)

    def encode(self, content: IO[bytes]) -> Encoded:
        """The image as it is sent. Raises Unreadable in words that follow its name."""
        try:
            return self._encode(content)
        except Exception as error:  # noqa: BLE001 - decoders raise whatever damage makes them
            raise Unreadable(explain(error)) from None

    def measure(self, content: IO[bytes]) -> tuple[int, int]:
        """Width and height as they will be sent, from the head alone. Raises Unreadable."""
        try:
            with _open(content) as image:
                check_pixels(image.width, image.height, MOST_PIXELS, flag="")
                return self._fit(image.width, image.height)
        except Exception as error:  # noqa: BLE001 - as above
            raise Unreadable(explain(error)) from None

    def _encode(self, content: IO[bytes]) -> Encoded:
        from PIL import ImageOps  # noqa: PLC0415 - an extra
        from PIL.Image import Resampling  # noqa: PLC0415

        with _open(content) as image:
            check_pixels(image.width, image.height, MOST_PIXELS, flag="")
            image.draft("RGB", (SPARE * self._side, SPARE * self._side))
            with self._gate.holding(image.width * image.height):
                image.load()
                flat = flatten(ImageOps.exif_transpose(image))
                size = self._fit(*flat.size)
                if size != flat.size:
                    flat = flat.resize(size, Resampling.LANCZOS)
        file = io.BytesIO()
        # A plain copy: what else a file says of its image (place, camera) is nobody's business.
        flat.info.clear()
        flat.save(file, "JPEG", quality=QUALITY)
        return Encoded(content=file.getvalue(), width=size[0], height=size[1])

    def _fit(self, width: int, height: int) -> tuple[int, int]:
        longer = max(width, height)
        if longer <= self._side:
            return width, height
        return max(1, width * self._side // longer), max(1, height * self._side // longer)


def _open(content: IO[bytes]) -> Image:
    from PIL import Image  # noqa: PLC0415 - an extra

    try:
        return open_still(content)
    except Image.DecompressionBombError:
        raise Unreadable(f"has too many pixels; at most {MOST_PIXELS} are decoded") from None
