"""Videos with captions: ActivityNet Captions and TV show Captions (TVC)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from syphus import AbstractDataset, read_json, read_json_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


class DenseCaptions(AbstractDataset):
    """Videos whose events are captioned with their start and end (ActivityNet Captions).

    The file is {video id: {"duration", "timestamps": [[start, end], ...], "sentences": [...]}},
    times in seconds.
    """

    short = "DC"
    prompt_path = "prompts/dense_captions.json"
    query_inputs_path = "datasets/samples/dense_captions.json"

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        videos = read_json(path)
        if not isinstance(videos, dict):
            raise TypeError(f"{path} must hold one object, from video id to its captions")
        for video_id, video in videos.items():
            yield {"id": video_id, "sentences": _list_events(video_id, video)}


class TVCaptions(AbstractDataset):
    """Clips of TV shows with several captions each (TVC).

    The file has one {"vid_name", "descs": [{"desc"}, ...]} a line.
    """

    short = "TVC"
    prompt_path = "prompts/tv_captions.json"
    query_inputs_path = "datasets/samples/tv_captions.jsonl"

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        for number, clip in enumerate(read_json_lines(path), 1):
            if not isinstance(clip, dict) or "vid_name" not in clip:
                raise ValueError(f"clip {number} has no vid_name")
            name = clip["vid_name"]
            try:
                captions = [caption["desc"].strip() for caption in clip["descs"]]
            except (KeyError, TypeError, AttributeError):
                raise ValueError(f'{name} must have descs like [{{"desc": "..."}}]') from None
            yield {"id": name, "sentences": captions}


def _list_events(video_id: str, video: Any) -> str:
    try:
        times, sentences = video["timestamps"], video["sentences"]
        events = [
            f"{_round(start)} to {_round(end)} s: {sentence.strip()}"
            for (start, end), sentence in zip(times, sentences, strict=True)
        ]
    except KeyError as exc:
        raise ValueError(f"{video_id} has no {exc.args[0]}") from None
    except (TypeError, AttributeError, ValueError):
        raise ValueError(
            f"{video_id} must have as many timestamps [start, end], in seconds, as sentences"
        ) from None
    return "\n".join(events)


def _round(seconds: float) -> int:
    if not math.isfinite(seconds):
        raise ValueError
    return round(seconds)
