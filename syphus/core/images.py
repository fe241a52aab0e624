"""An image of a question, as the stages hand it to each other: all but its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_SHOWN = 200
# The second kind is none that a server would get: a slash in a password, where a port should be.
_USER = re.compile(r"//(?:[^/]*@|[^/\[]*:(?!\d*(?:/|$)).*@)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentImage:
    """What is known of an image that goes with a question.

    `digest` is BLAKE2b (128 bits, hexadecimal) of the bytes that are sent, of which there are
    `size`; `width` and `height` are pixels, `tokens` an estimate. `source` is a hash of the path or
    the address that the plugin gave, empty where it gave the bytes themselves.
    """

    digest: str
    size: int
    width: int
    height: int
    tokens: int
    source: str = ""

    @property
    def address(self) -> str:
        """What stands in the messages in the place of its bytes."""
        return f"image:b2:{self.digest}"


def show_address(address: str) -> str:
    """An address to name in an error: on one line, without the user and the query, maybe keys."""
    bare = _USER.sub("//", re.split(r"[?#]", address, maxsplit=1)[0])
    return "".join(mark if mark.isprintable() else "?" for mark in bare)[:_LONGEST_SHOWN]


def describe_images(images: Iterable[SentImage]) -> list[list[Any]]:
    """The images as JSON values, for journals and batches."""
    return [
        [each.digest, each.size, each.width, each.height, each.tokens, each.source]
        for each in images
    ]


def read_images(found: Iterable[Any]) -> tuple[SentImage, ...]:
    """The images that `describe_images` described; the first journals have no `source`."""
    return tuple(
        SentImage(
            digest=digest,
            size=size,
            width=width,
            height=height,
            tokens=tokens,
            source="".join(source),
        )
        for digest, size, width, height, tokens, *source in found
    )
