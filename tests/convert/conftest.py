"""Small pictures, videos and archives, and conversions of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from syphus.convert.conversion import convert
from syphus.convert.recipes import RECIPES
from syphus.convert.settings import Converted, ConvertSettings

SECOND = 10


def picture(at: int = 0, size: tuple[int, int] = (40, 30), form: str = "PNG") -> bytes:
    """A picture that differs from others by its number."""
    image = Image.new("RGB", size, (at * 40 % 256, at * 7 % 256, 200))
    image.putpixel((at % size[0], 0), (255, 255, 255))
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def film(path: Path, frames: int, *, rate: int = SECOND, options: Any = None) -> Path:
    """A video whose frames get brighter; each tenth of a second has one."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"threads": "1", "g": "10"}
        for at in range(frames):
            image = Image.new("RGB", (64, 48), (at * 3 % 256,) * 3)
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path


@dataclass
class Watched:
    """What was said."""

    said: list[str] = field(default_factory=list)

    def notice(self, text: str) -> None:
        self.said.append(text)


@dataclass
class Bench:
    """A folder `in` to fill, and conversions of it into a folder `out`."""

    root: Path
    watched: Watched = field(default_factory=Watched)

    @property
    def inside(self) -> Path:
        return self.root / "in"

    @property
    def out(self) -> Path:
        return self.root / "out"

    def put(self, name: str, content: bytes) -> Path:
        """A file in the folder that is converted."""
        path = self.inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def convert(self, name: str = "2d.General", **settings: Any) -> Converted:
        """Converts the folder; what was said before is forgotten."""
        self.watched.said.clear()
        recipe = RECIPES[name]
        chosen = {
            "image_path": self.inside,
            "output_dir": self.out,
            "short": recipe.short,
            "recipe": recipe,
            "num_threads": 2,
            "size": (16, 16),
        }
        return convert(ConvertSettings(**{**chosen, **settings}), self.watched)

    def images(self, short: str = "G") -> dict[str, str]:
        """The JSON file of images."""
        images: dict[str, str] = json.loads((self.out / f"{short}.json").read_bytes())
        return images

    def broken(self, short: str = "G") -> dict[str, str]:
        """The files with a problem, and what it is."""
        listed = json.loads((self.out / f"{short}_broken.json").read_bytes())
        return {each["file"]: each["reason"] for each in listed}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty folder to fill and to convert."""
    made = Bench(tmp_path)
    made.inside.mkdir()
    return made


@pytest.fixture
def make_picture() -> Callable[..., bytes]:
    """Makes the bytes of a picture."""
    return picture


@pytest.fixture
def make_film() -> Callable[..., Path]:
    """Makes a video file."""
    return film
