"""Opens what answers: the deployments' connections, or the embedded model's server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syphus.core.errors import RequestError, SettingsError
from syphus.engine.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from syphus.core.deployments import Deployment
    from syphus.core.events import Observer
    from syphus.core.settings import Settings
    from syphus.engine.lane import Backend
    from syphus.pipeline.plan import Plan
    from syphus.pipeline.vision import Vision

_NAMELESS_MODEL = "default"


async def open_local(
    plan: Plan, stack: AsyncExitStack, observer: Observer
) -> tuple[Deployment, bytes | None]:
    """Starts the embedded model's server; gives its deployment and the format to ask it for.

    A model this small seldom keeps to a described format, so it is held to one by a grammar.

    Raises SettingsError where the model or its runtime isn't installed.
    """
    from syphus.backends.local import PAIRS_SCHEMA, LocalServer, find_model  # noqa: PLC0415 - 100 MB

    model = find_model(plan.settings.model)
    why = "" if plan.settings.backend == "local" else "no endpoint is configured: "
    observer.notice(f"{why}the embedded model {model.stem} answers")
    if plan.quality is not None and plan.quality.judges:
        observer.notice("--judge: the embedded model is too small to judge; its marks mean nothing")
    deployment = await stack.enter_async_context(LocalServer(model))
    return deployment, None if plan.dataset.free_text else PAIRS_SCHEMA


async def open_lanes(
    deployments: tuple[Deployment, ...],
    settings: Settings,
    stack: AsyncExitStack,
    observer: Observer,
    vision: Vision | None = None,
) -> list[Lane]:
    """One lane a deployment, with its connections open."""
    return [await _open_lane(each, settings, stack, observer, vision) for each in deployments]


async def _open_lane(
    deployment: Deployment,
    settings: Settings,
    stack: AsyncExitStack,
    observer: Observer,
    vision: Vision | None,
) -> Lane:
    from syphus.backends.chat import ChatBackend  # noqa: PLC0415 - not needed by --help

    provider = None
    if deployment.entra_identity:
        from syphus.backends.credentials import entra_identity  # noqa: PLC0415 - only there

        provider = await stack.enter_async_context(entra_identity())

    def learn(headers: Mapping[str, str]) -> None:
        lane.learn_limits(headers)

    most = min(settings.num_threads, deployment.max_in_flight or settings.num_threads)
    backend: Backend = await stack.enter_async_context(
        ChatBackend(
            deployment,
            timeout=settings.timeout,
            connections=most,
            on_notice=observer.notice,
            on_headers=learn,
            token_provider=provider,
        )
    )
    if vision is not None:
        from syphus.pipeline.vision import Seeing  # noqa: PLC0415 - Pillow, only with images

        backend = Seeing(backend, vision)
    lane = Lane(deployment, backend, most_in_flight=most, on_notice=observer.notice)
    return lane


def wants_description(lanes: list[Lane]) -> bool:
    """Whether an endpoint has been found to know no JSON schema, so that words must do."""
    return any(lane.backend.dialect.response_format_mode != "json_schema" for lane in lanes)


async def name_models(
    deployments: tuple[Deployment, ...], settings: Settings, observer: Observer
) -> tuple[Deployment, ...]:
    """Gives each deployment without a model the only one that its server offers.

    Listing models is free. A server that can't list them is sent the name "default".

    Raises SettingsError where there are several to choose from.
    """
    return tuple(
        [
            each if each.model else await _name_model(each, settings, observer)
            for each in deployments
        ]
    )


async def _name_model(deployment: Deployment, settings: Settings, observer: Observer) -> Deployment:
    from syphus.backends.chat import ChatBackend  # noqa: PLC0415 - not needed by --help

    try:
        async with ChatBackend(
            deployment, timeout=settings.timeout, connections=1, on_notice=observer.notice
        ) as backend:
            offered = await backend.models()
    except RequestError as error:
        observer.notice(
            f"{deployment.name} doesn't list its models ({error}); "
            f'the model is called "{_NAMELESS_MODEL}", --model names another'
        )
        return replace(deployment, model=_NAMELESS_MODEL)
    if len(offered) != 1:
        names = ", ".join(offered[:8]) or "none"
        raise SettingsError(
            f"{deployment.name} offers these models: {names}; choose one by --model"
        )
    observer.notice(f"{deployment.name} serves {offered[0]}")
    return replace(deployment, model=offered[0])
