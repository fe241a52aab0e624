"""Single images become eight bits of red, green and blue."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from syphus.convert.gate import PixelGate
from syphus.convert.recipes import RECIPES
from syphus.convert.settings import ConvertSettings
from syphus.convert.stills import convert_still
from syphus.convert.unreadable import Unreadable

GATE = PixelGate(1 << 20)


def settings(**more: Any) -> ConvertSettings:
    """Settings of which only those of single images matter."""
    base = {"image_path": Path(), "output_dir": Path(), "short": "G", "num_threads": 1}
    return ConvertSettings(**{**base, "recipe": RECIPES["2d.General"], "size": (4, 4), **more})


def converted(image: Image.Image, form: str = "PNG", **saving: Any) -> Image.Image:
    """The image as it comes out."""
    file = io.BytesIO()
    image.save(file, form, **saving)
    file.seek(0)
    return Image.open(io.BytesIO(convert_still(file, settings(), GATE)))


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("LA", (7, 0), (255, 255, 255)),
        ("I;16", 40_000, (156, 156, 156)),
    ],
)
def test_every_mode_becomes_colours(mode: str, colour: Any, seen: Any) -> None:
    """What shines through is white; 16 bits keep their upper eight."""
    out = converted(Image.new(mode, (8, 8), colour))
    assert (out.mode, out.size, out.getpixel((1, 1))) == ("RGB", (4, 4), seen)


def test_colours_of_print() -> None:
    """Cyan, magenta, yellow and black become red, green and blue."""
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for form in ("JPEG", "TIFF"):
        assert converted(red, form).getpixel((1, 1)) == (255, 0, 0)


@pytest.mark.parametrize(("level", "seen"), [(40_000, 156), (77, 77)])
def test_grey_of_32_bits(level: int, seen: int) -> None:
    """As a 16-bit PGM is read: the upper eight of 16 bits, unless eight are all there is."""
    assert converted(Image.new("I", (8, 8), level), "TIFF").getpixel((1, 1)) == (seen,) * 3


def test_floating_point_is_refused() -> None:
    """It would come out black or white."""
    with pytest.raises(Unreadable, match="floating point"):
        converted(Image.new("F", (8, 8), 0.5), "TIFF")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_image_is_taken(form: str) -> None:
    """Whatever comes later."""
    first, *later = (Image.new("RGB", (8, 8), (level, 0, 0)) for level in (200, 100, 0))
    shown = converted(first, form, save_all=True, append_images=later, lossless=True)
    pixel = shown.getpixel((1, 1))
    assert isinstance(pixel, tuple)
    assert pixel == pytest.approx((200, 0, 0), abs=2)


def test_a_palette_keeps_its_colours() -> None:
    """Resizing blends colours, not their numbers."""
    image = Image.new("RGB", (8, 8), (200, 10, 10)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert converted(image).getpixel((2, 2)) == (200, 10, 10)


def test_a_photo_stands_upright() -> None:
    """The orientation that a camera noted is applied."""
    image = Image.new("RGB", (8, 4), "black")
    image.paste((255, 255, 255), (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = converted(image, exif=exif)
    assert out.getpixel((1, 0)) == (255, 255, 255)
    assert out.getpixel((1, 3)) == (0, 0, 0)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_an_image_cut_anywhere_is_converted_or_listed(bench: Any, form: str) -> None:
    """Whatever a decoder makes of the damage, the other images are converted."""
    file = io.BytesIO()
    Image.effect_noise((40, 40), 50).convert("RGB").save(file, form)
    whole = file.getvalue()
    ends = range(1, len(whole), len(whole) // 30)
    for end in ends:
        bench.put(f"{end}.{form.lower()}", whole[:end])
    bench.put(f"whole.{form.lower()}", whole)
    bench.convert()
    assert "G_IMG_whole" in bench.images()
    assert len(bench.images()) + len(bench.broken()) == len(ends) + 1
    assert bench.broken()


def test_too_many_pixels_are_never_decoded() -> None:
    """The bound is on width times height, read from the head alone."""
    file = io.BytesIO()
    Image.new("RGB", (30, 30)).save(file, "PNG")
    head = io.BytesIO(file.getvalue()[:60])
    with pytest.raises(Unreadable, match="30x30"):
        convert_still(head, settings(most_pixels=899), GATE)


def test_the_gate_lets_in_what_fits_and_the_largest_alone() -> None:
    """Together no more than the bound, unless one alone is above it."""
    gate = PixelGate(10)
    inside: list[int] = []
    peaks: list[int] = []
    lock = threading.Lock()

    def enter(pixels: int) -> None:
        for _ in range(50):
            with gate.holding(pixels):
                with lock:
                    inside.append(pixels)
                    peaks.append(sum(inside))
                with lock:
                    inside.remove(pixels)

    threads = [threading.Thread(target=enter, args=(size,)) for size in (3, 4, 6, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(peaks) <= {3, 4, 6, 7, 9, 10, 25}
    assert len(peaks) == 200
