"""Videos and albums with captions: ActivityNet Captions, TV show Captions (TVC), VIST."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syphus import AbstractDataset, read_json, read_json_lines, stream_json
from syphus.plugins.sampling import keep_some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query

_MOST_PHOTOS = 16
_MOST_SENTENCES = 3


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
    giveaway_phrases = ("the sentences",)

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
    for entry in stream_json(path, "albums"):
        name, title, description = _read_texts(entry, "id", "title", "description")
        if name is None or name in albums:
            reason = "the album comes a second time; the first stands" if name else "it has no id"
            strays.append({"id": name or "", "skip": reason})
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
        reason = f"image {number} belongs to the album {home}, which the file lacks"
        strays.append({"id": photo or "", "skip": reason})
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
