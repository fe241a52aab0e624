"""Frames of a video at a given rate, by PyAV and the decoders that it carries.

One thread decodes one video, since what FFmpeg makes of a damaged stream may depend on how many
do. Only containers that hold their own data are opened: a playlist that calls itself `clip.mp4`
could have other files and addresses read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus.convert.stills import check_pixels
from syphus.convert.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PIL.Image import Image

    from syphus.convert.settings import ConvertSettings

_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,asf,ogg"
_MICROSECONDS = 1_000_000
# A container may count the sound's last moments, or round; less is missing than one would miss.
_MISSING_SECONDS = 1.5
_MISSING_SHARE = 0.05
# Times are rounded to the container's clock.
_TINY = 1e-3


def read_frames(path: Path, settings: ConvertSettings) -> Iterator[Image]:
    """The frames that the settings' rate takes, upright, in order, at their own size.

    Raises Unreadable where the file is no video or ends early, the latter after what there is, and
    whatever PyAV raises for a damaged one.
    """
    import av  # noqa: PLC0415 - an extra

    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    try:
        container = av.open(str(path.absolute()), options=options, metadata_errors="replace")
    except av.FFmpegError as error:
        raise Unreadable(
            f"can't be opened, it is no video or lacks a part: {error.strerror}"
        ) from None
    with container:
        stream = next(iter(container.streams.video), None)
        if stream is None or stream.codec_context is None:
            raise Unreadable("has no picture that a known decoder reads")
        codec = stream.codec_context
        codec.thread_count = 1
        codec.options = {"max_pixels": str(settings.most_pixels)}
        check_pixels(codec.width, codec.height, settings.most_pixels)
        rate = float(stream.average_rate or 0)
        is_due = _choose(rate, settings)
        begin = float((stream.start_time or 0) * (stream.time_base or 0))
        end = 0.0
        try:
            for frame in container.decode(stream):
                check_pixels(frame.width, frame.height, settings.most_pixels)
                time = None if frame.time is None else frame.time - begin
                end = max(end, time or 0.0)
                if is_due(time):
                    yield _upright(frame)
        except av.FFmpegError as error:
            raise Unreadable(f"is damaged after {end:.1f} s: {error.strerror}") from None
        _check_end(end, _duration(container, stream))


def whole_stride(rate: float, wanted: float) -> int:
    """Every how many frames one is taken, by whole frames a second: 29.97 counts as 29."""
    return max(1, int(int(rate) / wanted))


def _choose(rate: float, settings: ConvertSettings) -> Callable[[float | None], bool]:
    """A test of each frame in turn, by its time in seconds, whether it is taken."""
    stride = whole_stride(rate, settings.fps)
    counted = -1
    due = 0.0

    def by_count(_time: float | None) -> bool:
        nonlocal counted
        counted += 1
        return counted % stride == 0

    def by_time(time: float | None) -> bool:
        nonlocal due
        if time is None:
            return by_count(time)
        if time < due - _TINY:
            return False
        due = (int(time * settings.fps + _TINY) + 1) / settings.fps
        return True

    return by_count if settings.recipe.whole_rate else by_time


def _upright(frame: Any) -> Image:
    image: Image = frame.to_image()
    turned = int(frame.rotation or 0)
    return image.rotate(turned, expand=True) if turned else image


def _duration(container: Any, stream: Any) -> float:
    """Seconds as the container states them, 0 where it doesn't."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return float(container.duration or 0) / _MICROSECONDS


def _check_end(end: float, duration: float) -> None:
    if duration - end > max(_MISSING_SECONDS, _MISSING_SHARE * duration):
        raise Unreadable(f"ends at {end:.1f} s of {duration:.1f} s")
