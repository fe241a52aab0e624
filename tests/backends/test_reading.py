"""Answers are read from bytes, however these are cut into pieces."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.backends.transport.content import decode
from syphus.backends.transport.errors import (
    AnswerTooLarge,
    ConnectionLost,
    TransportError,
    UnreadableAnswer,
)
from syphus.backends.transport.reading import Answer, AnswerReader

MOST = 1 << 16
BODY = b'{"choices": [{"message": {"content": "Yes."}}]}'
SIZED = b"HTTP/1.1 200 OK\r\nX-Request-ID: r1\r\nContent-Length: 47\r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;name=value\r\n" + BODY[:5] + b"\r\n2A\r\n" + BODY[5:] + b"\r\n0\r\nX-Trailer: t\r\n\r\n"
)
GZIPPED = gzip.compress(BODY, mtime=0)
ZIPPED = (
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIPPED)
) + GZIPPED
BARE = b"HTTP/1.1 200 OK\nContent-Length: 47\n\n" + BODY
INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n"
    b"Link: </x>\r\n\r\n" + SIZED
)
OFFERS = SIZED.replace(b"X-Request-ID", b"Upgrade: h2c\r\nConnection: Upgrade, keep-alive\r\nX", 1)
# What ends by itself; the first bytes of each are no answer.
WHOLE = {
    "sized": SIZED,
    "chunked": CHUNKED,
    "zipped": ZIPPED,
    "bare": BARE,
    "interim": INTERIM,
    "offers": OFFERS,
}
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nX-Request-ID: r1\r\n\r\n" + BODY


def read(reader: AnswerReader, *pieces: bytes, most: int = MOST) -> Answer:
    """The answer that these pieces, and then the end of the connection, make."""
    reader.expect(most)
    for piece in pieces:
        if reader.feed(piece):
            break
    else:
        reader.end(None)
    return reader.result()


def refuse(*pieces: bytes, most: int = MOST) -> TransportError:
    """Why these pieces are no answer; nothing may follow on such a connection."""
    reader = AnswerReader()
    with pytest.raises(TransportError) as caught:
        read(reader, *pieces, most=most)
    assert not reader.is_kept
    return caught.value


@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_the_body_is_read_wherever_it_is_cut(raw: bytes) -> None:
    """At every position, and byte by byte; then the connection carries another exchange."""
    for at in range(len(raw) + 1):
        reader = AnswerReader()
        for _ in range(2):
            assert read(reader, raw[:at], raw[at:]).body == BODY
            assert reader.is_kept
        assert read(reader, *(raw[i : i + 1] for i in range(len(raw)))).body == BODY


@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_no_part_of_a_body_is_taken_for_the_whole(raw: bytes) -> None:
    """A connection that closes at any byte before the last one loses the answer."""
    for at in range(len(raw)):
        fault = refuse(raw[:at])
        assert isinstance(fault, ConnectionLost)
        assert ("before the reply was whole" in str(fault)) is (at > 0)


def test_a_body_until_the_end_of_the_connection() -> None:
    """Without a length the end is the end, unless the connection breaks."""
    for at in range(len(UNTIL_CLOSED) + 1):
        reader = AnswerReader()
        assert read(reader, UNTIL_CLOSED[:at], UNTIL_CLOSED[at:]).body == BODY
        assert not reader.is_kept
    reader.expect(MOST)
    reader = AnswerReader()
    reader.expect(MOST)
    reader.feed(UNTIL_CLOSED)
    reader.end(ConnectionResetError())
    with pytest.raises(ConnectionLost):
        reader.result()
    encoded = UNTIL_CLOSED.replace(b"X-Request-ID: r1", b"Transfer-Encoding: gzip")
    assert isinstance(refuse(encoded), ConnectionLost)


@given(st.data())
def test_any_body_in_any_framing_and_any_pieces(data: st.DataObject) -> None:
    """What a server sends is what is read: sized or in chunks, compressed or not."""
    body = data.draw(st.binary(max_size=3000))
    encoding = data.draw(st.sampled_from(["identity", "gzip", "x-gzip", "deflate"]))
    sent = {
        "identity": lambda: body,
        "gzip": lambda: gzip.compress(body),
        "x-gzip": lambda: gzip.compress(body[:100]) + gzip.compress(body[100:]),
        "deflate": lambda: zlib.compress(body),
    }[encoding]()
    raw = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n".encode()
    if data.draw(st.booleans()):
        raw += b"Transfer-Encoding: chunked\r\n\r\n"
        cuts = [0, *sorted(data.draw(st.sets(st.integers(1, max(1, len(sent)))))), len(sent)]
        for start, end in pairwise(cuts):
            if sent[start:end]:
                raw += b"%x\r\n%b\r\n" % (end - start, sent[start:end])
        raw += b"0\r\n\r\n"
    else:
        raw += b"Content-Length: %d\r\n\r\n" % len(sent) + sent
    cuts = [0, *sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=9))), len(raw)]
    pieces = [raw[start:end] for start, end in pairwise(cuts)]
    assert read(AnswerReader(), *filter(None, pieces)).body == body


@given(st.binary(max_size=300), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n"]))
def test_anything_ends_as_an_answer_or_a_fault(junk: bytes, before: bytes) -> None:
    """Whatever a server sends, there is no other exception."""
    reader = AnswerReader()
    reader.expect(MOST)
    for piece in (before, junk, junk):
        reader.feed(piece)
    reader.end(None)
    assert not reader.is_expecting
    with suppress(TransportError):
        assert 0 <= reader.result().status <= 999


@pytest.mark.parametrize(
    "raw",
    [
        b"220 mail.example ESMTP\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 1000 Odd\r\n\r\n",
        b"HTTP/3.0 200 OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        ZIPPED.replace(GZIPPED, GZIPPED[:-9] + b"x" * 9),
    ],
)
def test_garbage_is_no_answer(raw: bytes) -> None:
    """What isn't HTTP, contradicts itself or can't be decoded is refused."""
    assert isinstance(refuse(raw), UnreadableAnswer)


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body(status: int) -> None:
    """Whatever length is told, nothing comes after the head."""
    raw = b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status
    reader = AnswerReader()
    assert read(reader, raw) == Answer(status, [(b"content-length", b"5")], b"")
    assert reader.is_kept


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_who_keeps_the_connection(head: bytes, *, kept: bool) -> None:
    """The server says whether another exchange may follow."""
    reader = AnswerReader()
    assert read(reader, head + b"Content-Length: 2\r\n\r\n{}").body == b"{}"
    assert reader.is_kept is kept


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(b"timeout=5, max=9", 4), (b"timeout=1", 0.5), (b"max=9", 75), (b"timeout=600", 75)],
)
def test_how_long_the_connection_is_kept(told: bytes, seconds: float) -> None:
    """A little shorter than the server says, and 75 s at most."""
    reader = AnswerReader()
    read(reader, b"HTTP/1.1 200 OK\r\nKeep-Alive: " + told + b"\r\nContent-Length: 0\r\n\r\n")
    assert reader.idle_seconds == seconds


@pytest.mark.parametrize("more", [SIZED, b"HTTP", b"x"])
def test_an_answer_that_nobody_asked_for(more: bytes) -> None:
    """What follows an answer is never the answer to the next request."""
    reader = AnswerReader()
    assert read(reader, SIZED + more).body == BODY
    assert not reader.is_kept


def test_names_in_lower_case_and_no_trailers() -> None:
    """Headers are as they came but for that; trailers, which come after all, are dropped."""
    headers = read(AnswerReader(), CHUNKED.replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 \xff", 1))
    assert headers.headers == [(b"transfer-encoding", b"chunked")]


ENDLESS = {
    "header": (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100),
    "interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40),
    "extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000),
    "trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x" * 1000),
}


@pytest.mark.parametrize("begin", ENDLESS)
def test_what_is_around_a_body_is_bounded(begin: str) -> None:
    """A head, a chunk or a trailer without end is given up."""
    first, more = ENDLESS[begin]
    assert isinstance(refuse(first, *[more] * 200), UnreadableAnswer)


def test_large_heads_and_the_smallest_chunks_are_read() -> None:
    """Some gateways send heads of many kilobytes, some servers a chunk for each byte."""
    head = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000 + b"\r\n"
    assert read(AnswerReader(), head + b"Content-Length: 2\r\n\r\n{}").body == b"{}"
    chunks = [b"1\r\nx\r\n"] * 30_000
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    assert read(AnswerReader(), head, *chunks, b"0\r\n\r\n").body == b"x" * 30_000


@pytest.mark.parametrize("status", [200, 503])
def test_a_body_over_the_bound(status: int) -> None:
    """It is given up as soon as that is known; a refusal stays a refusal."""
    line = b"HTTP/1.1 %d X\r\n" % status
    told = line + b"Content-Length: 11\r\n\r\n"
    chunked = line + b"Transfer-Encoding: chunked\r\n\r\n" + b"8\r\n12345678\r\n" * 2
    bomb = gzip.compress(b" " * 5000)
    zipped = line + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    for raw, most in ((told, 10), (chunked, 10), (zipped, 4999)):
        if status < 400:
            fault = refuse(raw, most=most)
            assert isinstance(fault, AnswerTooLarge)
            assert fault.status == status
        else:
            assert read(AnswerReader(), raw, most=most).status == status


def test_a_refusal_is_one_without_its_words() -> None:
    """From status 400 on, a body that is cut off or unreadable leaves the status."""
    raw = SIZED.replace(b"200 OK", b"429 X")
    start = raw.index(b"\r\n\r\n") + 4
    for at in range(start, len(raw)):
        assert read(AnswerReader(), raw[:at]) == Answer(
            429, [(b"x-request-id", b"r1"), (b"content-length", b"47")], raw[start:at]
        )
    assert read(AnswerReader(), ZIPPED.replace(b"200 OK", b"503 X")[:-5]).status == 503
    assert isinstance(refuse(raw[: start - 1]), ConnectionLost)


def test_gzip_in_parts() -> None:
    """A compressed body may be several, one after another; the bound is for all of them."""
    sent = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two")
    assert decode(sent, "gzip", most=7) == b"one two"
    assert decode(sent, "gzip", most=5) == b"one tw"


@given(st.binary(max_size=2000), st.integers(0, 2000))
def test_no_more_is_inflated_than_asked(body: bytes, most: int) -> None:
    """A body within the bound is whole; of another one comes a byte more than the bound."""
    raw_deflate = zlib.compressobj(wbits=-15)
    for encoding, sent in (
        ("gzip", gzip.compress(body)),
        (" GZIP ", gzip.compress(body)),
        ("deflate", zlib.compress(body)),
        ("deflate", raw_deflate.compress(body) + raw_deflate.flush()),
    ):
        assert decode(sent, encoding, most=most) == body[: most + 1]
        if len(body) <= most:
            for cut in (sent[:-1], sent[: len(sent) // 2]):
                with pytest.raises(ValueError, match="it"):
                    decode(cut, encoding, most=most)
