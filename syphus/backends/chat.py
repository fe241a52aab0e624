"""Chat completions over HTTP: one backend for one deployment.

aiohttp carries the requests, because the openai package's own call costs some ten times the
processor time. Nothing is retried here but what the endpoint taught us to say otherwise, and an
expired Entra token: the engine owns retries.
"""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from yarl import URL

from syphus.backends.addressing import address_of
from syphus.backends.classify import client_error, http_error, reply_error
from syphus.backends.completion import holds_error, most_bytes, read_completion
from syphus.backends.credentials import EntraToken
from syphus.backends.headers import keep_headers, tell_rate_limits
from syphus.backends.parsing import parse_json
from syphus.backends.phrasing import Phrasing
from syphus.backends.proxies import proxy_for
from syphus.backends.redaction import show
from syphus.core.errors import BadRequest, MalformedReply, TimedOut, UnsupportedParameter
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
_KEEPALIVE = 75.0
_DNS_CACHE = 300
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
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

    The proxy is the one that the environment names (`HTTPS_PROXY`, `NO_PROXY`), looked up once:
    aiohttp's own look-up takes a thread per request, and reads passwords from `.netrc`. Redirects
    aren't followed, since they would take the key to another host. Cookies are ignored.

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
        self._chat_url = URL(self._address.chat_url, encoded=True)
        self._phrasing = Phrasing(name=deployment.name, model=deployment.model, on_notice=on_notice)
        self._connections = connections
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._on_headers = on_headers
        self._token = EntraToken(token_provider) if token_provider else None
        self._proxy = proxy_for(self._address.chat_url)
        self._own_secrets = (*self._address.secrets, *secrets_in_url(self._proxy or ""))
        self._hidden: tuple[tuple[str, ...], Secrets] = ((), Secrets())
        self._clock = clock
        self._wall_clock = wall_clock
        self._session: aiohttp.ClientSession

    @property
    def dialect(self) -> Dialect:
        """What the endpoint is known to accept so far."""
        return self._phrasing.writer.dialect

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections, ttl_dns_cache=_DNS_CACHE, keepalive_timeout=_KEEPALIVE
            ),
            headers=_HEADERS | ({} if self._token else self._address.headers),
            cookie_jar=aiohttp.DummyCookieJar(),
            # `asyncio.timeout` holds the total: aiohttp's is per request, ours per attempt.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
            proxy=self._proxy,
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def ask(self, request: Request, *, attempt: int) -> Reply:
        """The reply to `request`. Raises RequestError; cancellation passes."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(request, attempt)
        except TimeoutError as exc:
            raise self._timed_out() from exc

    async def models(self) -> list[str]:
        """The models that the endpoint lists, in its order; empty on Azure, which lists none.

        Costs nothing. Raises RequestError.
        """
        if self._address.models_url is None:
            return []
        hide = self._secrets_now().hide
        url = URL(self._address.models_url, encoded=True)
        try:
            async with asyncio.timeout(self._timeout):
                _, raw = await self._send("GET", url, None)
        except TimeoutError as exc:
            raise self._timed_out() from exc
        try:
            return [hide(str(model["id"])) for model in self._parse(raw)["data"]]
        except (LookupError, TypeError) as exc:
            raise self._malformed("no list of models", raw) from exc

    async def _ask(self, request: Request, attempt: int) -> Reply:
        writer = self._phrasing.writer
        repeats = 0
        while True:
            try:
                reply = await self._complete(writer, request, attempt)
            except (BadRequest, UnsupportedParameter) as refusal:
                repeats += 1
                reworded = self._phrasing.reworded(writer, refusal, request.shape)
                if reworded is None or repeats > _MOST_REPEATS:
                    raise
                writer = reworded
            else:
                self._phrasing.answered(writer, request.shape)
                return reply

    async def _complete(self, writer: BodyWriter, request: Request, attempt: int) -> Reply:
        started = self._clock()
        room = most_bytes(request.shape.sampling.max_tokens, ceiling=_LARGEST_BODY)
        headers, raw = await self._send("POST", self._chat_url, writer.write(request), room)
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
        self, method: str, url: URL, body: bytes | None, room: int = _LARGEST_BODY
    ) -> tuple[dict[str, str], bytes]:
        """The kept headers and the body of a success, of at most `room` bytes."""
        bearer = None
        if self._token is not None:
            bearer = self._token.value or await self._token.renewed(None)
        status, headers, raw = await self._exchange(method, url, body, bearer, room)
        if status == HTTPStatus.UNAUTHORIZED and self._token is not None:
            bearer = await self._token.renewed(bearer)
            status, headers, raw = await self._exchange(method, url, body, bearer, room)
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return headers, raw
        raise http_error(status, raw, headers, secrets=self._secrets(), now=self._wall_clock())

    async def _exchange(
        self, method: str, url: URL, body: bytes | None, bearer: str | None, room: int
    ) -> tuple[int, dict[str, str], bytes]:
        credentials = {"Authorization": f"Bearer {bearer}"} if bearer else None
        try:
            async with self._session.request(
                method, url, data=body, headers=credentials, allow_redirects=False
            ) as response:
                headers = self._hide_in(keep_headers(response.raw_headers))
                if tell_rate_limits(headers):
                    self._on_headers(headers)
                return response.status, headers, await self._read(response, room)
        except (aiohttp.ClientError, OSError) as exc:
            raise client_error(exc, secrets=self._secrets()) from exc

    async def _read(self, response: aiohttp.ClientResponse, room: int) -> bytes:
        chunks: list[bytes] = []
        left = room
        is_over = (response.content_length or 0) > room
        try:
            while not is_over and (chunk := await response.content.readany()):
                chunks.append(chunk)
                left -= len(chunk)
                is_over = left < 0
            if is_over:
                response.close()
                if response.status < HTTPStatus.BAD_REQUEST:
                    raise MalformedReply(
                        f"a reply of over {room / (1 << 20):.1f} MiB, more than any completion of "
                        "the tokens allowed",
                        status=response.status,
                        maybe_billed=True,
                    )
        except (aiohttp.ClientError, OSError):
            # A refusal whose text is cut off is still that refusal.
            if response.status < HTTPStatus.BAD_REQUEST:
                raise
        return b"".join(chunks)

    def _parse(self, raw: bytes) -> Any:
        try:
            return parse_json(raw)
        except ValueError as exc:
            raise self._malformed("no JSON", raw) from exc

    def _malformed(self, what: str, raw: bytes) -> MalformedReply:
        text = show(raw[:2000].decode("utf-8", "replace"), secrets=self._secrets())
        excerpt = text[:80] or "an empty body"
        return MalformedReply(f"HTTP 200 with {what}: {excerpt}", status=200, maybe_billed=True)

    def _timed_out(self) -> TimedOut:
        return TimedOut(f"no whole answer within {self._timeout:g} s", maybe_billed=True)

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
