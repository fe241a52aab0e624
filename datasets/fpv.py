"""What a person sees who wears the camera: Ego4D's narrations, clip by clip."""

from __future__ import annotations

import re
from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from syphus import AbstractDataset
from syphus.core.json_stream import stream_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query

_PASSES = ("narration_pass_1", "narration_pass_2")
_CLIP_SECONDS = 32
_FRAME_SECONDS = 2
_MOST_SECONDS = 1_000_000
_WEARER = "C"
# "#C C opens the door": the wearer acts; "#O man X waves": another does; "#unsure": not to be seen.
_ACTOR = re.compile(r"#\s*([CO])\b\s*|#\s*summary\s*", re.IGNORECASE)
_UNSURE = re.compile(r"#\s*unsure", re.IGNORECASE)


class EGO4D(AbstractDataset):
    """First-person videos in clips of 32 seconds, with what the wearer does (Ego4D).

    The file is narration.json: {video uid: {"narration_pass_1": {"narrations":
    [{"timestamp_sec", "narration_text"}, ...]}, ...}}. The sentences of both passes are taken,
    in their order; what comes later than the last of them belongs to no clip.
    """

    short = "E4D"
    prompt_path = "prompts/ego4d.json"
    query_inputs_path = "datasets/samples/ego4d.json"

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        for uid, video in stream_object(path):
            if uid in seen:
                yield {"id": uid, "skip": "the video comes a second time; the first stands"}
                continue
            seen.add(uid)
            narrations, faults = _read_video(video)
            for fault in faults:
                yield {"id": uid, "skip": fault}
            for number, sentences in _cut(narrations):
                yield {"id": f"{uid}_clip{number:06d}", "sentences": sentences}

    def image_ids(self, query: Query) -> Sequence[str]:
        """A frame every two seconds of the clip up to its last sentence, of one a second.

        E4D_IMG_<video uid>_00000034 is what is seen 34 seconds into the video.
        """
        uid, number = query.source_id.rsplit("_clip", 1)
        start = int(number) * _CLIP_SECONDS
        last = int(query.text.rpartition("\n")[2].partition(" s:")[0])
        return [
            f"{self.short}_IMG_{uid}_{start + second:08d}"
            for second in range(0, last + 1, _FRAME_SECONDS)
        ]


def _read_video(video: Any) -> tuple[list[tuple[float, str]], list[str]]:
    """What is said of a video, each with its second, and what can't be used and why."""
    narrations, faults = [], []
    for name in _PASSES:
        found = video.get(name) if isinstance(video, dict) else None
        listed = found.get("narrations") if isinstance(found, dict) else None
        for number, narration in enumerate(listed if isinstance(listed, list) else (), 1):
            try:
                narrations.append(_read_narration(narration))
            except ValueError as wrong:
                faults.append(f"narration {number} of {name} has no {wrong}")
    if not narrations and not faults:
        faults.append("it has no narration")
    return sorted(narrations, key=itemgetter(0)), faults


def _read_narration(narration: Any) -> tuple[float, str]:
    fields = narration if isinstance(narration, dict) else {}
    seconds, text = fields.get("timestamp_sec"), fields.get("narration_text")
    if seconds is None or not _is_second(seconds):
        raise ValueError("timestamp_sec, in seconds")
    said = _UNSURE.sub("something", _ACTOR.sub("", text)) if isinstance(text, str) else ""
    if said.strip() in ("", _WEARER):
        raise ValueError("narration_text")
    return float(seconds), " ".join(said.split())


def _is_second(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < _MOST_SECONDS


def _cut(narrations: list[tuple[float, str]]) -> list[tuple[int, list[str]]]:
    """The clips in which something happens: their numbers and sentences."""
    clips: dict[int, dict[str, None]] = defaultdict(dict)
    for seconds, text in narrations:
        number, second = divmod(int(seconds), _CLIP_SECONDS)
        clips[number][f"{second} s: {text}"] = None
    return [(number, list(sentences)) for number, sentences in clips.items()]
