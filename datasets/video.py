"""Videos and albums with captions: ActivityNet Captions, TV show Captions (TVC), VIST."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syphus import AbstractDataset, read_json_lines, stream_json
from syphus.core.json_stream import stream_pairs
from syphus.plugins.sampling import keep_some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query

_MOST_PHOTOS = 16
_MOST_SENTENCES = 3
# Ten days: beyond it no second is one.
_MOST_SECONDS = 1_000_000


class DenseCaptions(AbstractDataset):
    """Videos whose events are captioned with their start and end (ActivityNet Captions).

    The file is {video id: {"duration", "timestamps": [[start, end], ...], "sentences": [...]}},
    times in seconds.
    """

    short = "DC"
    prompt_path = "prompts/dense_captions.json"
    query_inputs_path = "datasets/samples/dense_captions.json"
    giveaway_phrases = ("the list of events", "the event list", "the timestamps")

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        # As a list: a file that is cut off is told before anything has been sent.
        for video_id, video in list(stream_pairs(path)):
            events, faults = _read_events(video)
            for fault in faults:
                yield {"id": video_id, "skip": fault}
            if events:
                yield {"id": video_id, "sentences": events}


class TVCaptions(AbstractDataset):
    """Clips of TV shows with several captions each (TVC).

    The file has one {"vid_name", "descs": [{"desc"}, ...]} a line.
    """

    short = "TVC"
    prompt_path = "prompts/tv_captions.json"
    query_inputs_path = "datasets/samples/tv_captions.jsonl"
    giveaway_phrases = ("the sentences",)

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        for number, clip in enumerate(read_json_lines(path), 1):
            fields = clip if isinstance(clip, dict) else {}
            name = fields.get("vid_name")
            if not isinstance(name, str) or not name.strip():
                yield {"id": "", "skip": f"clip {number} has no vid_name"}
                continue
            captions, faults = _read_captions(fields.get("descs"))
            for fault in faults:
                yield {"id": name, "skip": fault}
            if captions:
                yield {"id": name, "sentences": captions}


class VisualStoryTelling(AbstractDataset):
    """Photo albums with stories: titles, tags and a sentence a photo by several people (VIST).

    The file is {"albums": [{"id", "title", "description"}], "images": [{"id", "album_id", "title",
    "tags"}], "annotations": [[{"photo_flickr_id", "text"}], ...]}. Of an album's photos that a
    story tells of up to 16 are shown, drawn by the album's id.
    """

    short = "VST"
    prompt_path = "prompts/visual_story_telling.json"
    query_inputs_path = "datasets/samples/visual_story_telling.json"
    giveaway_phrases = (
        *("according to the tags", "the tags say", "the tags show", "the tags mention"),
        *("[male]", "[female]", "[location]", "[organization]"),  # in the place of names
    )

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        strays: list[dict[str, str]] = []
        albums = _read_albums(path, strays)
        self._photos = {name: list(album.shown()) for name, album in albums.items()}
        for name, album in albums.items():
            if album.fault is not None:
                yield {"id": name, "skip": album.fault}
            elif not self._photos[name]:
                yield {"id": name, "skip": "no story tells of its photos"}
            else:
                yield {"id": name, "sentences": album.describe()}
        yield from strays

    def image_ids(self, query: Query) -> Sequence[str]:
        """The photos that are shown, in the album's order."""
        return [f"{self.short}_IMG_{photo}" for photo in self._photos[query.source_id]]


def _read_events(video: Any) -> tuple[list[str], list[str]]:
    """What happens in a video, each with its seconds, and what can't be used and why."""
    fields = video if isinstance(video, dict) else {}
    times, sentences = fields.get("timestamps"), fields.get("sentences")
    if not isinstance(times, list) or not isinstance(sentences, list):
        return [], [f"it has no {'sentences' if isinstance(times, list) else 'timestamps'}"]
    if len(times) != len(sentences):
        return [], [f"it has {len(times)} timestamps and {len(sentences)} sentences"]
    events, faults = [], []
    for number, (span, sentence) in enumerate(zip(times, sentences, strict=True), 1):
        try:
            events.append(f"{_read_span(span, fields.get('duration'))}: {_read_sentence(sentence)}")
        except ValueError as wrong:
            faults.append(f"event {number} {wrong}")
    return events, faults if sentences else ["it has no sentence"]


def _read_span(span: Any, duration: Any) -> str:
    """The seconds of an event, as far as the video goes."""
    if not (isinstance(span, list) and len(span) == len(("start", "end"))):
        raise ValueError("has no [start, end]")
    if not all(_is_seconds(each) for each in span):
        raise ValueError("has no [start, end] in seconds")
    last = duration if _is_seconds(duration) and duration > 0 else math.inf
    start, end = sorted(span)
    if start > last:
        raise ValueError(f"begins at {start} s, and the video ends at {last} s")
    return f"{round(start)} to {round(min(end, last))} s"


def _is_seconds(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < _MOST_SECONDS


def _read_sentence(sentence: Any) -> str:
    if not isinstance(sentence, str) or not sentence.strip():
        raise ValueError("has no sentence")
    return sentence.strip()


def _read_captions(descriptions: Any) -> tuple[list[str], list[str]]:
    """What is said of a clip, and what can't be used and why."""
    if not isinstance(descriptions, list) or not descriptions:
        return [], ["it has no descs"]
    captions, faults = [], []
    for number, each in enumerate(descriptions, 1):
        caption = each.get("desc") if isinstance(each, dict) else None
        if isinstance(caption, str) and caption.strip():
            captions.append(caption.strip())
        else:
            faults.append(f"its caption {number} has no desc")
    return captions, faults


@dataclass(slots=True, kw_only=True)
class _Album:
    """An album of VIST: its photos' titles with tags, and what stories say of each."""

    name: str
    title: str
    description: str
    photos: dict[str, str] = field(default_factory=dict)
    told: dict[str, dict[str, None]] = field(default_factory=dict)
    fault: str | None = None

    def shown(self) -> list[str]:
        """The photos that a story tells of, or some of them, in the album's order."""
        told = [photo for photo in self.photos if photo in self.told]
        return keep_some(told, _MOST_PHOTOS, self.name)

    def describe(self) -> str:
        """The album's title and description, then each photo that is shown."""
        blocks = [f"Album: {self.title}\n{self.description}".strip()]
        for number, photo in enumerate(self.shown(), 1):
            sentences = keep_some(list(self.told[photo]), _MOST_SENTENCES, photo)
            lines = [f"Photo {number}: {self.photos[photo]}", *(f"- {each}" for each in sentences)]
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)


def _read_albums(path: str, strays: list[dict[str, str]]) -> dict[str, _Album]:
    """The albums by their ids; `strays` gets what belongs to none of them."""
    albums: dict[str, _Album] = {}
    for number, entry in enumerate(stream_json(path, "albums"), 1):
        name, title, description = _read_texts(entry, "id", "title", "description")
        if not name:
            strays.append({"id": "", "skip": f"album {number} has no id"})
            continue
        if name in albums:
            strays.append({"id": name, "skip": "the album comes a second time; the first stands"})
            continue
        albums[name] = _Album(name=name, title=title or "", description=description or "")
        if title is None or description is None:
            albums[name].fault = f"it has no {'title' if title is None else 'description'}"
    homes: dict[str, str] = {}
    for number, entry in enumerate(stream_json(path, "images"), 1):
        _add_photo(entry, number, albums, homes, strays)
    for number, story in enumerate(stream_json(path, "annotations"), 1):
        for entry in story if isinstance(story, list) else [story]:
            _add_sentence(entry, number, albums, homes, strays)
    return albums


def _add_photo(
    entry: Any,
    number: int,
    albums: dict[str, _Album],
    homes: dict[str, str],
    strays: list[dict[str, str]],
) -> None:
    photo, home, title, tags = _read_texts(entry, "id", "album_id", "title", "tags")
    album = albums.get(home or "")
    if album is None:
        which = f"belongs to the album {home}, which the file lacks" if home else "names no album"
        strays.append({"id": photo or "", "skip": f"image {number} {which}"})
    elif photo is None or title is None or tags is None:
        lacking = "id" if photo is None else "title" if title is None else "tags"
        album.fault = album.fault or f"its image {photo or number} has no {lacking}"
    elif photo in homes:
        strays.append({"id": photo, "skip": "the image comes a second time; the first stands"})
    else:
        homes[photo] = album.name
        album.photos[photo] = f"{title}; tags: {tags}" if tags else title


def _add_sentence(
    entry: Any,
    number: int,
    albums: dict[str, _Album],
    homes: dict[str, str],
    strays: list[dict[str, str]],
) -> None:
    photo, home, text = _read_texts(entry, "photo_flickr_id", "album_id", "text")
    album = albums.get(home or homes.get(photo or "", ""))
    if album is None:
        strays.append({"id": home or "", "skip": f"annotation {number} belongs to no album"})
    elif photo is None or photo not in album.photos:
        missing = f"names the image {photo}, which the album lacks" if photo else "names no image"
        album.fault = album.fault or f"annotation {number} {missing}"
    elif not text:
        strays.append({"id": photo, "skip": f"annotation {number} has no text"})
    else:
        album.told.setdefault(photo, {})[text] = None


def _read_texts(entry: Any, *keys: str) -> list[str | None]:
    """The values under `keys`, on one line each; None for what isn't there."""
    fields = entry if isinstance(entry, dict) else {}
    found = [fields.get(key) for key in keys]
    return [" ".join(str(each).split()) if isinstance(each, str | int) else None for each in found]
