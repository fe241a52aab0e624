"""How images are named: one rule for the files of instructions and for the files of images."""

from __future__ import annotations


def image_id(short: str, name: str) -> str:
    """`DC_IMG_v_kayak_0003`: the data set's short name and the name of the image within it."""
    return f"{short}_IMG_{name}"


def frame_name(clip: str, number: int, *, digits: int = 4) -> str:
    """The name of a clip's frame: `v_kayak_0003`; `number` counts from 0."""
    return f"{clip}_{number:0{digits}d}"
