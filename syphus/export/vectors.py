"""Vectors of texts, kept in the run's folder from one writing of its files to the next.

Embedding takes some milliseconds a text, and files are written again by every resume and
`--reparse`. The file begins with the model's identity; each record is a hash of the text, its
vector as float16 and a CRC-32. It is a copy of what can be computed: it isn't synced, another
model's is replaced, and from the first record on that isn't whole it is cut off and written anew.
Vectors of texts that a later sitting replaced stay: a stopped one may reach a part of the pairs.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

VECTORS: Final = "vectors.bin"
_HEAD: Final = b"syphus vectors 1"
_KEY_BYTES: Final = 16
_SUM_BYTES: Final = 4
_RECORDS_AT_ONCE: Final = 1024


class Model(Protocol):
    """What turns texts into vectors of length 1.

    `width` is their number of dimensions; `identity`, 32 bytes, is equal where the vectors are.
    """

    @property
    def identity(self) -> bytes:
        """Names the model and its version."""
        ...

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        ...

    def embed(self, text: str) -> npt.NDArray[np.float32]:
        """The vector of one text."""
        ...


class VectorFile:
    """Finds vectors by their text and computes those that aren't there. 130 bytes a text."""

    def __init__(self, path: Path, model: Model) -> None:
        self._model = model
        self._vector_bytes = 2 * model.width
        self._record_bytes = _KEY_BYTES + self._vector_bytes + _SUM_BYTES
        self._head = _HEAD + model.identity
        self._places: dict[bytes, int] = {}
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._end = self._read()
            os.ftruncate(self._handle, self._end)
        except BaseException:
            os.close(self._handle)
            raise

    def find(self, text: str) -> bytes:
        """The text's vector as float16. Raises OSError where the disk refuses a new one."""
        import numpy as np  # noqa: PLC0415 - an extra

        key = hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES
        ).digest()
        place = self._places.get(key)
        if place is not None:
            return os.pread(self._handle, self._vector_bytes, place + _KEY_BYTES)
        vector = np.asarray(self._model.embed(text), np.float16).tobytes()
        self._add(key, vector)
        return vector

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)

    def _add(self, key: bytes, vector: bytes) -> None:
        record = key + vector
        record += crc32(record).to_bytes(_SUM_BYTES, "little")
        _write(self._handle, record, self._end)
        self._places[key] = self._end
        self._end += len(record)

    def _read(self) -> int:
        """Notes where each record begins; gives the byte at which the next one goes."""
        end = len(self._head)
        if os.pread(self._handle, end, 0) != self._head:
            _write(self._handle, self._head, 0)
            return end
        while some := os.pread(self._handle, _RECORDS_AT_ONCE * self._record_bytes, end):
            for at in range(0, len(some), self._record_bytes):
                record = some[at : at + self._record_bytes]
                if not self._is_whole(record):
                    return end
                self._places[record[:_KEY_BYTES]] = end
                end += len(record)
        return end

    def _is_whole(self, record: bytes) -> bool:
        body, found = record[:-_SUM_BYTES], record[-_SUM_BYTES:]
        whole = len(record) == self._record_bytes
        return whole and crc32(body).to_bytes(_SUM_BYTES, "little") == found


@contextmanager
def vector_file(path: Path, model: Model) -> Iterator[VectorFile]:
    """The file at `path`, made where there is none."""
    vectors = VectorFile(path, model)
    try:
        yield vectors
    finally:
        vectors.close()


def _write(handle: int, data: bytes, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(handle, data[done:], offset + done)
