"""Reading a chat request, and refusing what no provider would take."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from syphus.core.identity import canonical_json
from syphus.testing.answers import count_images, has_good_images, last_user_text, message_key
from syphus.testing.completion import estimate_prompt
from syphus.testing.errors import Circumstances, refuse

if TYPE_CHECKING:
    from aiohttp import web

    from syphus.testing.script import Dialect, Script


class Refused(Exception):
    """The request is answered with `response`, an error of the provider's shape."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it was understood.

    `model` is the body's, or the deployment where the body names none; `images` counts image
    parts, `max_tokens` is either spelling of it; `prompt_tokens` an estimate.
    """

    dialect: Dialect
    model: str
    credential: str
    body: dict[str, Any]
    messages: list[dict[str, Any]]
    text: str
    images: int
    key: str
    prompt_tokens: int
    max_tokens: int | None

    def about(self, param: str = "max_tokens") -> Circumstances:
        """What an error about this request speaks of."""
        return Circumstances(
            dialect=self.dialect, model=self.model, credential=self.credential, param=param
        )


def read_call(request: web.Request, raw: bytes, script: Script) -> Call:
    """The request, understood and found good. Raises Refused."""
    deployment = request.match_info.get("deployment")
    about = check_access(request, script, needs_version=deployment is not None)
    return read_body(load_json(raw), about, script, deployment=deployment)


def read_body(
    body: Any, about: Circumstances, script: Script, *, deployment: str | None = None
) -> Call:
    """A chat request's body, understood and found good; its address may name a deployment.

    Raises Refused.
    """
    if not isinstance(body, dict):
        raise _bad(about, "The body is no JSON object.")
    model = body.get("model") or deployment
    if not isinstance(model, str):
        raise _bad(about, "The model is missing.")
    about = replace(about, model=deployment or model)
    if script.models is not None and about.model not in script.models:
        raise Refused(refuse("not_found", about))
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise _bad(about, "The messages are no list of objects.")
    if not has_good_images(messages):
        raise _bad(about, "An image part has no data: URL of an image.")
    max_tokens = _check_parameters(body, script, about)
    canonical = canonical_json(messages)
    return Call(
        dialect=about.dialect,
        model=model,
        credential=about.credential,
        body=body,
        messages=messages,
        text=last_user_text(messages),
        images=count_images(messages),
        key=message_key(canonical),
        prompt_tokens=estimate_prompt(messages, canonical),
        max_tokens=max_tokens,
    )


def check_access(
    request: web.Request, script: Script, *, needs_version: bool = False
) -> Circumstances:
    """Who asks in which dialect. Raises Refused for a wrong key and a missing api-version."""
    dialect: Dialect = "azure" if request.path.startswith("/openai/") else "openai"
    own_header = request.headers.get("api-key")
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    credential = own_header or bearer
    deployment = request.match_info.get("deployment", "")
    about = Circumstances(dialect=dialect, model=deployment, credential=credential)
    if script.api_keys is not None and credential not in script.api_keys:
        by_token = dialect == "azure" and not own_header and bearer
        raise Refused(refuse("expired_token" if by_token else "invalid_api_key", about))
    if needs_version and "api-version" not in request.query:
        raise Refused(refuse("no_such_path", about))
    return about


def _check_parameters(body: dict[str, Any], script: Script, about: Circumstances) -> int | None:
    for param in script.refuses:
        if param in body:
            raise Refused(refuse("unsupported_parameter", replace(about, param=param)))
    if body.get("stream"):
        raise _bad(about, "Streams are not played here.")
    max_tokens = body.get("max_completion_tokens", body.get("max_tokens"))
    if max_tokens is None or (isinstance(max_tokens, int) and max_tokens > 0):
        return max_tokens
    raise _bad(about, "max_tokens is a whole number from 1.")


def _bad(about: Circumstances, detail: str) -> Refused:
    return Refused(refuse("bad_request", about, detail=detail))


def load_json(raw: bytes) -> Any:
    """The JSON value of `raw`, None where it is none."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        # Lone surrogates, which orjson refuses.
        with suppress(ValueError, RecursionError):
            return json.loads(raw)
        return None
