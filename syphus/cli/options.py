"""The flags that several commands have, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

NumThreads: TypeAlias = Annotated[
    int | None, typer.Option("--num_threads", help="Most requests in flight. [16]")
]
Backend: TypeAlias = Annotated[
    Literal["auto", "openai", "batch", "local"] | None,
    typer.Option(
        "--backend",
        help="auto: an endpoint if one is set, else the local model; batch: within a day, at half "
        "the price.",
    ),
]
PollSeconds: TypeAlias = Annotated[
    float | None, typer.Option("--poll_seconds", help="How often batches are looked at. [60]")
]
EnqueuedTokens: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--enqueued_tokens", help="Most prompt tokens in batches under way. [learned if refused]"
    ),
]
BatchFallback: TypeAlias = Annotated[
    Literal["online"] | None,
    typer.Option("--batch_fallback", help="online: finish a small rest without a batch."),
]
BatchFallbackBelow: TypeAlias = Annotated[
    int | None,
    typer.Option("--batch_fallback_below", help="Most requests that are a small rest. [100]"),
]
BaseUrl: TypeAlias = Annotated[
    str | None, typer.Option("--base_url", help="Any OpenAI-compatible endpoint.")
]
Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings and deployments.")
]
RequestsPerMinute: TypeAlias = Annotated[
    int | None, typer.Option("--rpm", help="Requests per minute.")
]
TokensPerMinute: TypeAlias = Annotated[int | None, typer.Option("--tpm", help="Tokens per minute.")]
Money: TypeAlias = Annotated[
    float | None, typer.Option("--budget", help="US dollars that the run may cost in all.")
]
QualityMode: TypeAlias = Annotated[
    Literal["off", "report", "drop"] | None,
    typer.Option(
        "--quality", help="Check every pair; count those with faults, or drop them. [off]"
    ),
]
Judge: TypeAlias = Annotated[
    bool | None,
    typer.Option("--judge", help="Have the model grade every pair by the annotation."),
]
JudgeLeast: TypeAlias = Annotated[
    int | None,
    typer.Option("--judge_least", help="The least mark, of 1 to 5, that is no fault. [3]"),
]
PersonalData: TypeAlias = Annotated[
    bool | None,
    typer.Option("--personal_data", help="Mail addresses, telephone numbers etc. are faults."),
]
ImageSide: TypeAlias = Annotated[
    int | None,
    typer.Option("--image_side", help="Longest side of an image that is sent, in pixels. [768]"),
]
FetchImages: TypeAlias = Annotated[
    bool | None,
    typer.Option("--fetch_images", help="Fetch images whose public address the data names."),
]
GlossaryFile: TypeAlias = Annotated[
    Path | None, typer.Option("--glossary", help="Terms and their forms, for translation.")
]
NoProgress: TypeAlias = Annotated[bool, typer.Option("--no_progress", help="Draw no progress.")]
