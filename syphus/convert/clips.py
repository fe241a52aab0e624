"""Which frames a clip has, by the log of its conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syphus.convert.log import Done, read_log
from syphus.core.image_ids import frame_name, image_id

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.convert.settings import ConvertSettings


class ClipFrames:
    """The ids of each clip's frames, found by the id that an instruction has for the clip."""

    def __init__(self, log: Path, settings: ConvertSettings) -> None:
        self._short = settings.short
        self._digits = settings.recipe.digits
        self._frames: dict[str, int | list[str]] = {}
        for told, _ in read_log(log):
            if isinstance(told, Done) and told.clip is not None and told.count > told.skipped:
                self._keep(told.clip, told)

    @property
    def example(self) -> str | None:
        """The id of one clip of the conversion, as an instruction would have it."""
        first = next(iter(self._frames), None)
        return None if first is None else image_id(self._short, first)

    def ids(self, clip_id: str) -> list[str] | None:
        """The ids of the frames of the clip with this id, in order; None where there is none."""
        prefix = image_id(self._short, "")
        frames = self._frames.get(clip_id.removeprefix(prefix))
        if frames is None or not clip_id.startswith(prefix):
            return None
        if isinstance(frames, int):
            clip = clip_id.removeprefix(prefix)
            frames = [frame_name(clip, at, digits=self._digits) for at in range(frames)]
        return [image_id(self._short, name) for name in frames]

    def _keep(self, clip: str, told: Done) -> None:
        if told.is_clip:
            self._frames.setdefault(clip, told.count)
            return
        frames = self._frames.setdefault(clip, [])
        if isinstance(frames, list):
            frames.append(told.name)
