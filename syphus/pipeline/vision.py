"""Images that go with the questions: found and hashed when a query is read, read when it is sent.

A request carries the hash of each image; the bytes are put in for one attempt. Until then they are
nowhere but in a small memory of the latest, so that most images are decoded once: queries that wait
hold none. What was hashed is what is sent: an image that has changed meanwhile fails its query. One
that isn't there any more has no bytes to be sent, but answers about it may be in the journal.
"""

from __future__ import annotations

import asyncio
import errno
import io
import re
from binascii import b2a_base64
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

from syphus.convert.question_images import ImageEncoder
from syphus.convert.unreadable import Unreadable, printable
from syphus.core.errors import ImageUnusable, PluginError, RetryableError
from syphus.core.images import SentImage, show_address
from syphus.core.records import Failure
from syphus.pipeline.gone_images import name_image
from syphus.pipeline.plugin_calls import sent_images_of
from syphus.plugins.dataset import find_file
from syphus.prompting.image_tokens import count_image_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from syphus.convert.question_images import Encoded
    from syphus.core.records import Query, Reply, Request
    from syphus.engine.lane import Backend
    from syphus.export.queries import QuerySpool
    from syphus.pipeline.gone_images import GoneImages
    from syphus.plugins.dataset import AbstractDataset

# "Image input requirements" in https://developers.openai.com/api/docs/guides/images-vision.
MOST_IMAGES = 1500
_MOST_REMEMBERED = 32 << 20
_MOST_AT_ONCE = 1 << 20
_THREADS = 8
_LONGEST_NAME = 200
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
# In a text the quotes would be escaped, so this stands nowhere but in a part.
_PART = re.compile(rb'"url":"image:b2:([0-9a-f]{32})"')
# The machine's trouble, no image's: the next attempt or sitting may go well.
_NONE_TO_BLAME = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE}


class Vision:
    """The images of one run's queries, as a plugin names them, for requests to any of `models`.

    `answered_before` has the queries that were answered before an image of theirs went away.
    """

    def __init__(
        self,
        dataset: AbstractDataset,
        *,
        side: int,
        may_fetch: bool,
        models: Collection[str],
        gone: GoneImages,
    ) -> None:
        self._dataset = dataset
        self._encoder = ImageEncoder(side)
        self._side = side
        self._may_fetch = may_fetch
        self._models = models
        self._gone = gone
        self._plugin = Lock()
        self._latest = _Latest(_MOST_REMEMBERED)
        self._found: dict[str, tuple[SentImage, ...] | Failure] = {}
        self._lacking: dict[str, Failure] = {}
        self.answered_before: set[str] = set()
        self._spool: QuerySpool

    def attach(self, spool: QuerySpool) -> None:
        """Names where the queries are kept; before anything is sent."""
        self._spool = spool

    def prepare(self, queries: list[Query]) -> list[Query]:
        """Finds the images of some queries, for `take`. Blocks. Raises PluginError."""
        if queries:
            with ThreadPoolExecutor(min(_THREADS, len(queries))) as pool:
                for query, found in zip(queries, pool.map(self._look, queries), strict=True):
                    self._found[query.id] = found
        return queries

    def take(
        self, query: Query, look: Callable[[Sequence[SentImage]], int] = lambda _: -1
    ) -> tuple[SentImage, ...] | Failure:
        """The images of a query that was prepared, or why it can't be asked; once.

        Where one isn't there any more, only an answer about the images as they were does without:
        `look` tells where it stands, below 0 if nowhere.
        """
        images = self._found.pop(query.id)
        lack = self._lacking.pop(query.id, None)
        if lack is None or isinstance(images, Failure):
            return images
        if look(images) < 0:
            return lack
        self.answered_before.add(query.id)
        return images

    def is_gone(self, query: Query) -> bool:
        """Whether a query stands on its answer, for an image of it isn't there any more."""
        return query.id in self.answered_before

    async def filled(self, request: Request) -> Request:
        """The request with the bytes in the place of the addresses.

        Raises ImageUnusable where an image is no longer the one that the request was made for.
        """
        contents = self._remembered(request)
        if contents is None:
            query = self._spool.at(request.position)
            contents = await asyncio.to_thread(self._read_again, request, query)
        if sum(map(len, contents.values())) > _MOST_AT_ONCE:
            return await asyncio.to_thread(_with_contents, request, contents)
        return _with_contents(request, contents)

    def fill(self, request: Request) -> Request:
        """As `filled`; blocks where an image isn't among the latest."""
        contents = self._remembered(request)
        if contents is None:
            contents = self._read_again(request, self._spool.at(request.position))
        return _with_contents(request, contents)

    def measure(self, query: Query) -> list[tuple[int, int] | str]:
        """Width and height of each image as it will be sent, or what is wrong with it.

        Reads no more than heads. What would be fetched counts as large as can be.
        """
        measured: list[tuple[int, int] | str] = []
        for number, source in enumerate(self._sources(query), 1):
            try:
                if isinstance(source, str) and _ADDRESS.match(source) and self._may_fetch:
                    measured.append((self._side, self._side))
                    continue
                with self._opened(source) as content:
                    measured.append(self._encoder.measure(content))
            except Unreadable as error:
                measured.append(f"{_name(source, number)} {error}")
            except ImageUnusable as error:
                measured.append(str(error))
        return measured

    def would_fetch(self, query: Query) -> bool:
        """Whether an image of the query isn't here."""
        return any(isinstance(each, str) and _ADDRESS.match(each) for each in self._sources(query))

    def tokens(self, size: tuple[int, int]) -> int:
        """The tokens of an image of this width and height, by the model that counts most."""
        return max(count_image_tokens(model, *size) for model in self._models)

    def _look(self, query: Query) -> tuple[SentImage, ...] | Failure:
        images: list[SentImage] = []
        try:
            for number, source in enumerate(self._checked(query), 1):
                try:
                    encoded = self._encode(source, number)
                except _Gone as error:
                    known = self._gone.find(error.source)
                    if known is None:
                        raise
                    self._lacking[query.id] = _failure(error)
                    images.append(known)
                else:
                    images.append(self._describe(encoded, source))
        except ImageUnusable as error:
            self._lacking.pop(query.id, None)
            return _failure(error)
        return tuple(images)

    def _describe(self, encoded: Encoded, source: str | bytes) -> SentImage:
        size = encoded.width, encoded.height
        image = SentImage(
            digest=encoded.digest,
            size=len(encoded.content),
            width=encoded.width,
            height=encoded.height,
            tokens=self.tokens(size),
            source="" if isinstance(source, bytes) else name_image(source),
        )
        self._latest.add(image.digest, encoded.content)
        return image

    def _remembered(self, request: Request) -> dict[str, bytes] | None:
        """The bytes of a request's images by their hashes, if all are among the latest."""
        found = {image.digest: self._latest.get(image.digest) for image in request.images}
        contents = {digest: content for digest, content in found.items() if content is not None}
        return contents if len(contents) == len(found) else None

    def _read_again(self, request: Request, query: Query) -> dict[str, bytes]:
        try:
            encoded = [self._encode(each, n) for n, each in enumerate(self._checked(query), 1)]
            contents = {each.digest: each.content for each in encoded}
        except PluginError as error:
            raise ImageUnusable(str(error)) from error
        except OSError as error:  # no image is to blame: too many open files, say
            raise RetryableError(f"images can't be read: {error}") from error
        if any(image.digest not in contents for image in request.images):
            raise ImageUnusable("an image has changed since its query was read; not sent")
        return contents

    def _checked(self, query: Query) -> list[str | bytes]:
        sources = self._sources(query)
        if len(sources) > MOST_IMAGES:
            raise ImageUnusable(f"{len(sources)} images; a request takes {MOST_IMAGES} at most")
        return sources

    def _encode(self, source: str | bytes, number: int) -> Encoded:
        try:
            with self._opened(source) as content:
                return self._encoder.encode(content)
        except Unreadable as error:
            raise ImageUnusable(f"{_name(source, number)} {error}") from None

    def _sources(self, query: Query) -> list[str | bytes]:
        with self._plugin:
            return sent_images_of(self._dataset, query)

    @contextmanager
    def _opened(self, source: str | bytes) -> Iterator[IO[bytes]]:
        if isinstance(source, bytes):
            yield io.BytesIO(source)
        elif _ADDRESS.match(source):
            yield io.BytesIO(self._fetch(source))
        else:
            with _open_file(source, self._dataset.root_folder) as file:
                yield file

    def _fetch(self, address: str) -> bytes:
        if not self._may_fetch:
            shown = show_address(address)
            raise _Gone(f"{shown}: not fetched; --fetch_images allows it", source=address)
        from syphus.backends.image_fetch import fetch_image  # noqa: PLC0415 - only where allowed

        try:
            return fetch_image(address)
        except ImageUnusable as error:
            raise _Gone(str(error), source=address) from error


class _Gone(ImageUnusable):
    """An image that isn't where it is said to be, as far as anybody can see."""

    def __init__(self, message: str, *, source: str) -> None:
        super().__init__(message)
        self.source = source


def _open_file(source: str, root: Path) -> IO[bytes]:
    try:
        path = Path(find_file(source, root))
        if path.is_file():
            return path.open("rb")
        is_there = path.exists() or path.is_symlink()
    except (ValueError, RuntimeError):  # a NUL in the name; a home of nobody
        raise Unreadable("is no name of a file") from None
    except OSError as error:
        if error.errno in _NONE_TO_BLAME:
            raise
        raise ImageUnusable(f"{_name(source, 0)} {error.strerror}") from None
    if is_there:  # a folder, or a pipe, which would be waited for
        raise Unreadable("is no file")
    raise _Gone(f"{_name(source, 0)} is no file", source=source)


def _failure(error: ImageUnusable) -> Failure:
    return Failure(kind=error.kind, message=str(error), attempts=0)


class Seeing:
    """A backend whose requests get their images' bytes for the attempt."""

    def __init__(self, backend: Backend, vision: Vision) -> None:
        self._backend = backend
        self._vision = vision

    @property
    def dialect(self) -> Any:
        """What the backend has found to be understood."""
        return self._backend.dialect

    async def ask(self, request: Request, *, attempt: int) -> Reply:
        """One attempt. Raises RequestError."""
        if request.images:
            request = await self._vision.filled(request)
        return await self._backend.ask(request, attempt=attempt)


class _Latest:
    """The bytes of the latest images, of `most` bytes together; from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: str) -> bytes | None:
        with self._lock:
            return self._kept.get(digest)

    def add(self, digest: str, content: bytes) -> None:
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return
            self._kept[digest] = content
            self._size += len(content)
            while self._size > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._size -= len(oldest)


def _with_contents(request: Request, contents: Mapping[str, bytes]) -> Request:
    def fill(found: re.Match[bytes]) -> bytes:
        data = b2a_base64(contents[found[1].decode()], newline=False)
        return b'"url":"data:image/jpeg;base64,%s"' % data

    return replace(request, messages=_PART.sub(fill, request.messages))


def _name(source: str | bytes, number: int) -> str:
    if isinstance(source, bytes):
        return f"image {number} (bytes)"
    if _ADDRESS.match(source):
        return show_address(source)
    return printable(source)[:_LONGEST_NAME] or "an image without a name"
