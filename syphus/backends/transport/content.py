"""Bodies that a server compressed.

Syphus asks for none: a reply of some kilobytes costs more to inflate than to carry. Some gateways
compress whatever passes.
"""

from __future__ import annotations

import zlib

_GZIP = 16 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS
_ZLIB_METHOD = 8


def decode(body: bytes, encoding: str, *, most: int) -> bytes:
    """`body` without its content encoding: gzip, deflate or none.

    Never more than one byte over `most` is made, so that a longer result means "too large".
    Raises ValueError for another encoding, and for a body that is damaged or cut off.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflate(body, _GZIP, most)
        case "deflate":
            # By the standard it has zlib's header; some servers leave that out.
            is_zlib = body[:1] and body[0] & 0x0F == _ZLIB_METHOD
            return _inflate(body, zlib.MAX_WBITS if is_zlib else _RAW, most)
        case other:
            raise ValueError(f"it is encoded as {other[:40]}, which wasn't asked for")


def _inflate(body: bytes, window: int, most: int) -> bytes:
    parts: list[bytes] = []
    left = most + 1
    while body or not parts:
        inflater = zlib.decompressobj(window)
        try:
            part = inflater.decompress(body, left)
        except zlib.error as exc:
            raise ValueError("its compression is damaged") from exc
        parts.append(part)
        left -= len(part)
        if not left:
            break
        if not inflater.eof:
            raise ValueError("its compression is cut off")
        body = inflater.unused_data
    return b"".join(parts)
