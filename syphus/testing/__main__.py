"""The scripted server as a process: `python -m syphus.testing --help`.

GET /_seen answers what it saw as JSON, `/_seen?each_query` with every query, batch and line of a
batch. SIGTERM and SIGINT stop it, with exit status 0.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from syphus.testing.batch_script import Batches
from syphus.testing.faults import FAULT_KINDS, Fault
from syphus.testing.instant import fixed_reply, serve_instant
from syphus.testing.log import Log
from syphus.testing.script import HeaderStyle, Limits, Script
from syphus.testing.service import Service

if TYPE_CHECKING:
    from collections.abc import Coroutine

_HOST = "127.0.0.1"
_TRANSIENT = (
    Fault("rate_limited", retry_after=0.1, retry_after_as="ms"),
    Fault("server_error"),
    Fault("unavailable", retry_after=0.1, retry_after_as="ms"),
    Fault("request_timeout"),
    Fault("reset"),
    Fault("close_after_post"),
    Fault("truncated_body"),
)


def serve(
    *,
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.")] = 0,
    latency: Annotated[
        str, typer.Option(help="Seconds before an answer, or LOW:HIGH.", metavar="SECONDS")
    ] = "0",
    seed: Annotated[int, typer.Option(help="Decides answers, faults and latencies.")] = 1,
    pairs: Annotated[int, typer.Option(help="Question-answer pairs in a reply.")] = 3,
    cached_tokens: Annotated[int, typer.Option(help="Prompt tokens reported as cached.")] = 0,
    fault_rate: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of attempts that meet a fault, evenly over the kinds."
        ),
    ] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A kind of fault, repeatable; by default those that pass by. There are: "
            f"{', '.join(FAULT_KINDS)}."
        ),
    ] = None,
    rpm: Annotated[int | None, typer.Option(help="Requests a minute that are let through.")] = None,
    tpm: Annotated[int | None, typer.Option(help="Tokens a minute that are let through.")] = None,
    window: Annotated[float, typer.Option(help="Seconds over which limits are enforced.")] = 1.0,
    style: Annotated[
        str, typer.Option(help="Rate-limit headers: auto, openai, azure or none.")
    ] = "auto",
    api_key: Annotated[
        list[str] | None, typer.Option(help="An accepted key, repeatable; by default any.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="Add a JSON line for each request to this file.")
    ] = None,
    script: Annotated[
        str | None,
        typer.Option(help="A Script to play instead of one made of the options: module:name."),
    ] = None,
    batch_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds until a batch is completed.")
    ] = 0.0,
    instant: Annotated[
        bool, typer.Option("--instant", help="One fixed reply, nothing looked at.")
    ] = False,
) -> None:
    """Serve chats and batches on loopback; print the base URL, then serve until stopped."""
    if instant:
        fixed = _read_latency(latency)
        if isinstance(fixed, tuple):
            raise typer.BadParameter("--instant goes with one latency")
        _run(_serve_instant(port=port, latency=fixed))
        return
    if style not in get_args(HeaderStyle):
        raise typer.BadParameter(f"{style} is none of {', '.join(get_args(HeaderStyle))}")
    limits = None
    if rpm is not None or tpm is not None:
        limits = Limits(
            requests_per_minute=rpm,
            tokens_per_minute=tpm,
            window=window,
            style=style,  # type: ignore[arg-type]  # checked above
        )
    playing = (
        _load(script)
        if script
        else Script(
            latency=_read_latency(latency),
            seed=seed,
            pairs=pairs,
            cached_tokens=cached_tokens,
            limits=limits,
            faults=_faults(fault_rate, fault or []),
            api_keys=api_key,
            batches=Batches(by="seconds", validating=0, running=batch_seconds, finalizing=0),
        )
    )
    _run(_serve(playing, port=port, log_file=log))


def _read_latency(text: str) -> float | tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        return (float(low), float(high)) if colon else float(low)
    except ValueError as error:
        raise typer.BadParameter(f"a latency is 0.05 or 0.02:0.2, not {text}") from error


def _faults(rate: float, kinds: list[str]) -> tuple[Fault, ...]:
    if kinds and not rate:
        raise typer.BadParameter("--fault goes with --fault-rate")
    if not rate:
        return ()
    try:
        faults = tuple(Fault(kind) for kind in kinds) or _TRANSIENT  # type: ignore[arg-type]  # Fault checks it
        share = rate / len(faults)
        # A later fault is only drawn where no earlier one was due; the last rate of a whole may
        # come out above 1 by a rounding.
        return tuple(
            replace(fault, rate=min(share / (1 - number * share), 1.0))
            for number, fault in enumerate(faults)
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _load(name: str) -> Script:
    module, _, attribute = name.partition(":")
    try:
        script = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise typer.BadParameter(f"{name}: {error}") from error
    if not isinstance(script, Script):
        raise typer.BadParameter(f"{name} is no Script")
    return script


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        loop_factory = None
    else:
        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main)


async def _serve(script: Script, *, port: int, log_file: Path | None) -> None:
    log = Log(log_file)
    service = Service(script, log, host=_HOST, port=port)
    try:
        await service.start()
        await _announce_and_wait(service.port)
    finally:
        await service.stop()
        log.close()


async def _serve_instant(*, port: int, latency: float) -> None:
    reply = fixed_reply("Question: What is told?\nAnswer: Always the same.")
    server = await serve_instant(reply, host=_HOST, port=port, latency=latency)
    async with server:
        await _announce_and_wait(server.sockets[0].getsockname()[1])


async def _announce_and_wait(port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    typer.echo(f"http://{_HOST}:{port}/v1")
    sys.stdout.flush()
    await stopped.wait()


if __name__ == "__main__":
    typer.run(serve)
