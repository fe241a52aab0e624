"""From the bytes of an image to those of a small PNG or JPEG, by Pillow.

The number of pixels is known from an image's head; one that has too many is refused before a
single one is decoded. Pillow's threads run beside each other: it lets go of the interpreter while
it decodes, resizes and encodes.
"""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from syphus.convert.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from syphus.convert.gate import PixelGate
    from syphus.convert.settings import ConvertSettings

_READ = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
_JPEG_QUALITY = 95
_WHITE = 255
# A JPEG is decoded at an eighth, a quarter or a half where that leaves three times what is wanted.
SPARE = 3


@contextmanager
def pillow_in_use() -> Iterator[None]:
    """Pillow's own bound on pixels, which only warns up to its double, gives way to ours.

    What it warns and logs about single images would stand between our lines.
    """
    from PIL import Image  # noqa: PLC0415 - an extra

    Image.init()
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    silence = logging.NullHandler()
    logging.getLogger("PIL").addHandler(silence)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
        logging.getLogger("PIL").removeHandler(silence)


def convert_still(content: IO[bytes], settings: ConvertSettings, gate: PixelGate) -> bytes:
    """The image in `content` at the size and in the format that the settings want.

    Raises Unreadable for what is no image or too large, and whatever Pillow raises for a damaged
    one.
    """
    from PIL import ImageOps  # noqa: PLC0415 - an extra

    with open_still(content) as image:
        check_pixels(image.width, image.height, settings.most_pixels)
        if settings.size is not None:
            width, height = settings.size
            image.draft("RGB", (SPARE * width, SPARE * height))
        with gate.holding(image.width * image.height):
            image.load()
            upright = ImageOps.exif_transpose(image)
            return encode_image(upright, settings)


def open_still(content: IO[bytes]) -> Image:
    """The image in `content`, of which only the head is read. Raises Unreadable."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - an extra

    try:
        return Image.open(content, formats=known_formats())
    except UnidentifiedImageError:
        raise Unreadable("is no image of a known format") from None


def check_pixels(width: int, height: int, most: int, *, flag: str = "--max_pixels") -> None:
    """Raises Unreadable where there are more than `most` pixels; `flag` is what allows more."""
    if width * height > most:
        hint = f" ({flag})" if flag else ""
        raise Unreadable(f"has {width}x{height} pixels; at most {most} are decoded{hint}")


def encode_image(image: Image, settings: ConvertSettings) -> bytes:
    """A loaded image as the bytes of a file."""
    from PIL.Image import Resampling  # noqa: PLC0415 - an extra

    flat = flatten(image)
    if settings.size is not None and flat.size != settings.size:
        flat = flat.resize(settings.size, Resampling.LANCZOS)
    file = io.BytesIO()
    if settings.image_format == "jpeg":
        flat.save(file, "JPEG", quality=_JPEG_QUALITY)
    else:
        flat.save(file, "PNG")
    return file.getvalue()


def known_formats() -> list[str]:
    """The formats that are read, as far as this Pillow knows them."""
    from PIL import Image  # noqa: PLC0415 - an extra

    return [each for each in _READ if each in Image.OPEN]


def flatten(image: Image) -> Image:
    """Eight bits of red, green and blue; what shines through is white.

    Raises Unreadable for floating point, of which only its maker knows what is white.
    """
    from PIL import Image as pillow  # noqa: N813, PLC0415 - a module that is called as its class

    if image.mode == "RGB":
        return image
    if image.mode == "F":
        raise Unreadable("has pixels of floating point; save it with 8 or 16 bits")
    if _is_deep(image):
        upper = image.convert("I").point([level >> 8 for level in range(1 << 16)], "L")
        return upper.convert("RGB")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = pillow.new("RGB", image.size, "white")
        white.paste(seen, mask=seen.getchannel("A"))
        return white
    return image.convert("RGB")


def _is_deep(image: Image) -> bool:
    """Whether it has 16 bits of grey, which Pillow would clip at 255."""
    if image.mode == "I":
        brightest = image.getextrema()[1]
        return isinstance(brightest, int | float) and brightest > _WHITE
    return image.mode.startswith("I;16")
