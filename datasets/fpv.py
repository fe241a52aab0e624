"""What a person sees who wears the camera: Ego4D's narrations, clip by clip."""

from __future__ import annotations

import re
from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from syphus import AbstractDataset
from syphus.core.json_stream import stream_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query

# narration.json has two passes of narrators, all_narrations_redacted.json one list of other names.
_PASSES = (
    ("narration_pass_1", "timestamp_sec", "narration_text"),
    ("narration_pass_2", "timestamp_sec", "narration_text"),
    ("", "time", "text"),
)
_CLIP_SECONDS = 32
_FRAME_SECONDS = 2
_MOST_SECONDS = 1_000_000
# "#C C opens the door": the wearer acts; "#O man X waves": another does; "#unsure": not to be seen.
_WEARER = re.compile(r"[#@]\s*C\s*C?\b\s*", re.IGNORECASE)
_MARK = re.compile(r"#\s*(?:O|summary)\b\s*", re.IGNORECASE)
_UNSURE = re.compile(r"#\s*unsure\b", re.IGNORECASE)


class EGO4D(AbstractDataset):
    """First-person videos in clips of 32 seconds, with what the wearer does (Ego4D).

    The file is all_narrations_redacted.json of the second release, {"videos": {video uid:
    {"narrations": [{"time", "text"}, ...]}, ...}}, or narration.json, {video uid:
    {"narration_pass_1": {"narrations": [{"timestamp_sec", "narration_text"}, ...]}, ...}}. The
    sentences of all narrators are taken, in their order; what comes later than the last of them
    belongs to no clip.
    """

    short = "E4D"
    prompt_path = "prompts/ego4d.json"
    query_inputs_path = "datasets/samples/ego4d.json"
    # The wearer speaks of the real world: nobody wears a camera, and strangers have no letters.
    giveaway_phrases = (
        *("in the video", "in this video", "in this clip", "the footage", "the narration"),
        *("the camera wearer", "the cameraman", "the wearer"),
        *(f"{who} {letter}" for who in ("man", "woman", "person", "lady") for letter in "cxyz"),
    )

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        for uid, video in stream_pairs(path, within="videos"):
            if isinstance(video, str | int | float):
                continue  # the file's version or date
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
    for name, *keys in _PASSES:
        found = video.get(name) if name and isinstance(video, dict) else video
        listed = found.get("narrations") if isinstance(found, dict) else None
        for number, narration in enumerate(listed if isinstance(listed, list) else (), 1):
            try:
                narrations.append(_read_narration(narration, *keys))
            except ValueError as wrong:
                place = f" of {name}" if name else ""
                faults.append(f"narration {number}{place} has no {wrong}")
    if not narrations and not faults:
        faults.append("it has no narration")
    return sorted(narrations, key=itemgetter(0)), faults


def _read_narration(narration: Any, time: str, text: str) -> tuple[float, str]:
    fields = narration if isinstance(narration, dict) else {}
    seconds, written = fields.get(time), fields.get(text)
    if seconds is None or not _is_second(seconds):
        raise ValueError(f"{time}, in seconds")
    said = " ".join(_MARK.sub("", written).split()) if isinstance(written, str) else ""
    said = _UNSURE.sub("something", _WEARER.sub("C ", said))
    if not said.strip("C "):
        raise ValueError(text)
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
