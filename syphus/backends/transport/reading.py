"""Reads answers from the bytes of a connection; it knows nothing of sockets or time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from syphus.backends.transport.content import decode
from syphus.backends.transport.errors import (
    AnswerTooLarge,
    ConnectionLost,
    TransportError,
    UnreadableAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERIM = range(100, 200)
_SWITCHING = 101
_FIRST_REFUSAL = 400
_LONGEST_IDLE = 75.0
_KEEP_ALIVE = re.compile(rb"timeout\s*=\s*(\d{1,9})", re.IGNORECASE)
_MOST_HEAD = 64 << 10
# A chunk of one byte has five others around it, and more with an extension.
_MOST_AROUND_A_BYTE = 8
_MEANT_FOR_US = frozenset(
    {b"content-length", b"transfer-encoding", b"content-encoding", b"keep-alive"}
)


class Answer(NamedTuple):
    """A response. The names of its headers are in lower case; `body` is without its encoding."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class AnswerReader:
    """Reads the answers of one connection, one after another.

    `is_expecting` says that one is due and neither it nor a fault has come, `is_kept` whether
    another may follow, `idle_seconds` how soon its request must. Where an answer of status 400 or
    more is cut off, too large or can't be decoded, it is given with what there is of its body: a
    refusal without its words is still that refusal.
    """

    def __init__(self) -> None:
        self.is_expecting = False
        self.is_kept = True
        self.idle_seconds = _LONGEST_IDLE
        self._parser = HttpResponseParser(self)
        # What other clients let pass, too: line feeds alone, odd bytes in values.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )

    def expect(self, most: int) -> None:
        """A request goes out, whose answer may have `most` bytes of body, encoded or not."""
        self.is_expecting = True
        self._result: Answer | TransportError | None = None
        self._most = most
        self._received = 0
        self._size = 0
        self._pieces: list[bytes] = []
        self._begin_head()

    def feed(self, data: bytes) -> bool:
        """Takes what has come; says whether there is an answer or a fault now."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.fail(UnreadableAnswer("the answer isn't HTTP"))
        if self._received - self._size > _MOST_HEAD + _MOST_AROUND_A_BYTE * self._size:
            self.fail(UnreadableAnswer("the answer has too much around its body"))
        return not self.is_expecting

    def end(self, exc: Exception | None) -> None:
        """The connection has ended: in order, which is how some answers end, or by `exc`."""
        self.is_kept = False
        if not self.is_expecting:
            return
        is_framed = b"content-length" in self._told or b"transfer-encoding" in self._told
        if exc is None and self._has_head and not is_framed:
            self._complete()
        elif self._received:
            self.fail(ConnectionLost("the connection closed before the reply was whole"))
        else:
            why = type(exc).__name__ if exc else "closed by the server"
            self.fail(ConnectionLost(f"the connection was lost ({why})"))

    def fail(self, fault: TransportError) -> None:
        """There will be no whole answer, and none after it."""
        self.is_kept = False
        if not self.is_expecting:
            return
        self.is_expecting = False
        if self._has_head and self._status >= _FIRST_REFUSAL:
            self._result = Answer(self._status, self._headers, b"".join(self._pieces))
        else:
            self._result = fault

    def result(self) -> Answer:
        """The answer, when none is expected any more. Raises TransportError if there is none."""
        if isinstance(self._result, Answer):
            return self._result
        raise self._result or ConnectionLost("the connection was given up")

    def on_message_begin(self) -> None:
        """Called by the parser, as are those below."""
        if not self.is_expecting:
            self.is_kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keeps a header, but no trailer."""
        if not self._has_head:
            name = name.lower()
            self._headers.append((name, value))
            if name in _MEANT_FOR_US:
                self._told[name] = value

    def on_headers_complete(self) -> None:
        """Refuses what can't become an answer."""
        self._has_head = True
        self._status = self._parser.get_status_code()
        if self._status == _SWITCHING:
            self.fail(UnreadableAnswer("the answer switches to another protocol"))
        elif int(self._told.get(b"content-length", 0)) > self._most:
            self.fail(AnswerTooLarge(self._most, status=self._status))

    def on_body(self, data: bytes) -> None:
        """Keeps a piece of the body, as long as it stays within bounds."""
        self._size += len(data)
        if self._size > self._most:
            self.fail(AnswerTooLarge(self._most, status=self._status))
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """Gives the answer; interim ones are passed over."""
        if self._status in _INTERIM:
            self._begin_head()
        elif self.is_expecting:
            self.is_kept = self._parser.should_keep_alive()
            self._complete()

    def _begin_head(self) -> None:
        self._status = 0
        self._has_head = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._told: dict[bytes, bytes] = {}

    def _complete(self) -> None:
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._told:
            self._learn_how_long(self._told.get(b"keep-alive"))
            encoding = self._told.get(b"content-encoding")
            if encoding is not None:
                try:
                    body = decode(body, encoding.decode("latin-1"), most=self._most)
                except ValueError as exc:
                    self.fail(UnreadableAnswer(f"the answer can't be read: {exc}"))
                    return
                if len(body) > self._most:
                    self.fail(AnswerTooLarge(self._most, status=self._status))
                    return
        self.is_expecting = False
        self._result = Answer(self._status, self._headers, body)

    def _learn_how_long(self, told: bytes | None) -> None:
        said = _KEEP_ALIVE.search(told) if told else None
        if said:
            seconds = float(said[1])
            # The server counts from when it sent the answer, so it is a little ahead.
            self.idle_seconds = min(_LONGEST_IDLE, max(seconds - 1, seconds / 2))
