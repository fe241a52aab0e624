"""What can go wrong between a request and its answer.

TransportError
├── NoConnection             nothing was sent
│   ├── NameUnknown          the name server knows of no such name
│   ├── ConnectTimedOut
│   └── ProxyRefused         the proxy opens no tunnel
├── DeadlinePassed
├── ConnectionLost           after the request was written
├── UnreadableAnswer         no HTTP, or in an encoding that wasn't asked for
└── AnswerTooLarge
"""

from __future__ import annotations


class TransportError(Exception):
    """The root of the tree above."""


class NoConnection(TransportError):
    """No way to the server: a name, a route, a handshake or a certificate that fails."""


class NameUnknown(NoConnection):
    """Nobody has the name; a name server that can't be asked says no such thing."""


class ConnectTimedOut(NoConnection):
    """A connection took longer than it may."""


class ProxyRefused(NoConnection):
    """The proxy answers a request for a tunnel with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answers HTTP {status}")
        self.status = status


class DeadlinePassed(TransportError):
    """The exchange took longer than it may; `sent` says whether the request had been written."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("no whole answer in time")
        self.sent = sent


class ConnectionLost(TransportError):
    """The connection ended before the answer was whole."""


class UnreadableAnswer(TransportError):
    """Something came that can't be read as an answer."""


class AnswerTooLarge(TransportError):
    """The body has over `most` bytes; `status` is that of the answer."""

    def __init__(self, most: int, *, status: int) -> None:
        super().__init__(
            f"a reply of over {most / (1 << 20):.1f} MiB, more than any completion of the tokens "
            "allowed"
        )
        self.status = status
