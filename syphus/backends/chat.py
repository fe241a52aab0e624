"""Chat completions over HTTP: one backend for one deployment.

`syphus.backends.transport` carries the requests: an exchange costs some 10 microseconds of
processor time, by aiohttp's client 64, by the openai package 2,000 (`benchmarks/throughput.py`).
Nothing is retried here but what the endpoint taught us to say otherwise, and an expired Entra
token: the engine owns retries.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Self

from syphus.backends.addressing import address_of
from syphus.backends.classify import http_error, reply_error, transport_error
from syphus.backends.completion import holds_error, most_bytes, read_completion
from syphus.backends.credentials import EntraToken
from syphus.backends.headers import keep_headers, tell_rate_limits
from syphus.backends.parsing import parse_json
from syphus.backends.phrasing import Phrasing
from syphus.backends.proxies import proxy_for
from syphus.backends.server_text import show
from syphus.backends.transport.errors import DeadlinePassed, TransportError
from syphus.backends.transport.pool import Pool
from syphus.backends.transport.route import Route
from syphus.core.errors import (
    BadRequest,
    MalformedReply,
    SettingsError,
    TimedOut,
    UnsupportedParameter,
)
from syphus.core.records import Reply, Usage
from syphus.core.secrets import Secrets, secrets_in_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from syphus.backends.body import BodyWriter, Dialect
    from syphus.backends.credentials import TokenProvider
    from syphus.core.deployments import Deployment
    from syphus.core.records import Request

_LARGEST_BODY = 64 << 20
_MOST_REPEATS = 8
# Numbers: to look up a member of HTTPStatus takes longer than to compare it.
_SUCCESSES = range(200, 300)
_UNAUTHORIZED = 401
_HEADERS = {
    "Accept": "application/json",
    # Inflating a reply of some kilobytes costs more than carrying it.
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "syphus",
}
_NO_USAGE = Usage()


def _ignore(_: object) -> None:
    pass


class ChatBackend:
    """Asks one deployment, inside `async with`.

    `timeout` is the whole attempt's deadline in seconds: connecting, sending, reading to the last
    byte, and repeats that change of wording causes. `connect_timeout` is for one connection alone.
    At most `connections` are open; more asks than that wait for one.

    `on_notice` gets a sentence when the endpoint turns out to refuse a parameter. `on_headers`
    gets the allow-listed headers, in lower case, of every response, success or not, that has
    rate-limit headers. `token_provider` gives Entra tokens in place of the deployment's key.

    The proxy is the one that the environment names (`HTTPS_PROXY`, `NO_PROXY`), looked up once.
    Redirects aren't followed, since they would take the key to another host. Cookies are ignored.

    Raises SettingsError when constructed or opened with an address, key or proxy that can't work.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        connections: int,
        timeout: float = 600.0,
        connect_timeout: float = 30.0,
        on_notice: Callable[[str], None] = _ignore,
        on_headers: Callable[[Mapping[str, str]], None] = _ignore,
        token_provider: TokenProvider | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.deployment = deployment
        self._address = address_of(deployment)
        self._phrasing = Phrasing(name=deployment.name, model=deployment.model, on_notice=on_notice)
        self._timeout = timeout
        self._on_headers = on_headers
        self._token = EntraToken(token_provider) if token_provider else None
        proxy = proxy_for(self._address.chat_url)
        self._own_secrets = (*self._address.secrets, *secrets_in_url(proxy or ""))
        self._hidden: tuple[tuple[str, ...], Secrets] = ((), Secrets())
        self._clock = clock
        self._wall_clock = wall_clock
        try:
            self._route = Route.to(self._address.chat_url, proxy=proxy)
        except ValueError as exc:
            raise SettingsError(f"deployment {deployment.name!r}: no host has such a name") from exc
        self._connections = connections
        self._connect_timeout = connect_timeout
        self._pool: Pool
        self._bearer: str | None = None
        self._chat_head = self._head("POST", self._address.chat_url, None)

    @property
    def dialect(self) -> Dialect:
        """What the endpoint is known to accept so far."""
        return self._phrasing.writer.dialect

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(
            self._route, connections=self._connections, connect_timeout=self._connect_timeout
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pool.close()

    async def ask(self, request: Request, *, attempt: int) -> Reply:
        """The reply to `request`. Raises RequestError; cancellation passes."""
        deadline = self._deadline()
        writer = self._phrasing.writer
        repeats = 0
        while True:
            try:
                reply = await self._complete(writer, request, attempt, deadline)
            except (BadRequest, UnsupportedParameter) as refusal:
                repeats += 1
                reworded = self._phrasing.reworded(writer, refusal, request.shape)
                if reworded is None or repeats > _MOST_REPEATS:
                    raise
                writer = reworded
            else:
                self._phrasing.answered(writer, request.shape)
                return reply

    async def models(self) -> list[str]:
        """The models that the endpoint lists, in its order; empty on Azure, which lists none.

        Costs nothing. Raises RequestError.
        """
        url = self._address.models_url
        if url is None:
            return []

        def head(bearer: str | None) -> bytes:
            return self._head("GET", url, bearer)

        _, raw = await self._send(head, b"", _LARGEST_BODY, self._deadline())
        hide = self._secrets_now().hide
        try:
            return [hide(str(model["id"])) for model in self._parse(raw)["data"]]
        except (LookupError, TypeError) as exc:
            raise self._malformed("no list of models", raw) from exc

    async def _complete(
        self, writer: BodyWriter, request: Request, attempt: int, deadline: float
    ) -> Reply:
        started = self._clock()
        room = most_bytes(request.shape.sampling.max_tokens, ceiling=_LARGEST_BODY)
        headers, raw = await self._send(self._chat_head_for, writer.write(request), room, deadline)
        latency = self._clock() - started
        payload = self._parse(raw)
        completion = read_completion(payload)
        failure = holds_error(payload)
        if failure is not None:
            raise reply_error(failure, headers, secrets=self._secrets(), now=self._wall_clock())
        if completion is None:
            raise self._malformed("no chat completion", raw)
        usage, rates = completion.usage, self.deployment.rates
        hide = self._secrets_now().hide
        return Reply(
            text=completion.text and hide(completion.text),
            finish_reason=hide(completion.finish_reason),
            usage=usage or _NO_USAGE,
            latency=latency,
            deployment=self.deployment.name,
            attempt=attempt,
            refusal=completion.refusal and hide(completion.refusal),
            cost=rates.cost(usage) if rates and usage else None,
            headers=headers,
        )

    async def _send(
        self, head: Callable[[str | None], bytes], body: bytes, room: int, deadline: float
    ) -> tuple[dict[str, str], bytes]:
        """The kept headers and the body of a success, of at most `room` bytes.

        `head` gives the request's head for a bearer token.
        """
        bearer = None
        if self._token is not None:
            bearer = self._token.value or await self._renewed(self._token, None, deadline)
        status, headers, raw = await self._exchange(head(bearer), body, room, deadline)
        if status == _UNAUTHORIZED and self._token is not None:
            bearer = await self._renewed(self._token, bearer, deadline)
            status, headers, raw = await self._exchange(head(bearer), body, room, deadline)
        if status in _SUCCESSES:
            return headers, raw
        raise http_error(status, raw, headers, secrets=self._secrets(), now=self._wall_clock())

    async def _exchange(
        self, head: bytes, body: bytes, room: int, deadline: float
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            status, raw_headers, raw = await self._pool.exchange(
                head, body, most=room, deadline=deadline
            )
        except DeadlinePassed as exc:
            raise self._timed_out(maybe_billed=exc.sent) from exc
        except TransportError as exc:
            raise transport_error(exc, secrets=self._secrets()) from exc
        headers = keep_headers(raw_headers)
        if headers:
            headers = self._hide_in(headers)
            if tell_rate_limits(headers):
                self._on_headers(headers)
        return status, headers, raw

    async def _renewed(self, token: EntraToken, refused: str | None, deadline: float) -> str:
        try:
            async with asyncio.timeout_at(deadline):
                return await token.renewed(refused)
        except TimeoutError as exc:
            raise self._timed_out(maybe_billed=False) from exc

    def _deadline(self) -> float:
        return self._loop.time() + self._timeout

    def _head(self, method: str, url: str, bearer: str | None) -> bytes:
        credentials = {"Authorization": f"Bearer {bearer}"} if bearer else self._address.headers
        return self._route.head(method, url, _HEADERS | credentials)

    def _chat_head_for(self, bearer: str | None) -> bytes:
        """The head of a request for a completion; made anew only when a token was."""
        if bearer != self._bearer:
            self._chat_head = self._head("POST", self._address.chat_url, bearer)
            self._bearer = bearer
        return self._chat_head

    def _parse(self, raw: bytes) -> Any:
        try:
            return parse_json(raw)
        except ValueError as exc:
            raise self._malformed("no JSON", raw) from exc

    def _malformed(self, what: str, raw: bytes) -> MalformedReply:
        text = show(raw[:2000].decode("utf-8", "replace"), secrets=self._secrets())
        excerpt = text[:80] or "an empty body"
        return MalformedReply(f"HTTP 200 with {what}: {excerpt}", status=200, maybe_billed=True)

    def _timed_out(self, *, maybe_billed: bool) -> TimedOut:
        return TimedOut(f"no whole answer within {self._timeout:g} s", maybe_billed=maybe_billed)

    def _secrets(self) -> tuple[str, ...]:
        return self._own_secrets + (self._token.issued if self._token else ())

    def _hide_in(self, headers: dict[str, str]) -> dict[str, str]:
        hide, together = self._secrets_now().hide, "\n".join(headers.values())
        if hide(together) == together:
            return headers
        return {name: hide(value) for name, value in headers.items()}

    def _secrets_now(self) -> Secrets:
        """What a reply must not repeat; made anew only when a token was."""
        values = self._secrets()
        if values != self._hidden[0]:
            self._hidden = values, Secrets(values)
        return self._hidden[1]
