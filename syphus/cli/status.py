"""`syphus status RUN`: how far a run is."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, Any

import typer

from syphus.core.errors import JournalInUse, SettingsError


def status(
    run: Annotated[Path, typer.Argument(help="The run's folder, output_<name>_<version>.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show how far a run is, while it goes on or afterwards."""
    from syphus.core.durable import dump  # noqa: PLC0415 - not needed by --help
    from syphus.export.run_file import read_run_file  # noqa: PLC0415

    facts = read_run_file(run)
    if not facts:
        raise SettingsError(f"{run} is no run's folder: it has no run.json")
    facts["state"] = _state(run, facts["state"])
    facts["batches"] = _batches(run)
    if facts["state"] == "killed":
        from syphus.pipeline.journalled import counts_after_kill  # noqa: PLC0415

        facts["counts"] |= counts_after_kill(run, facts)
    if json:
        typer.echo(dump(facts, indent=True).decode())
    else:
        typer.echo(_describe(facts))


def _state(run: Path, written: str) -> str:
    from syphus.journal.lock import run_lock  # noqa: PLC0415 - not needed by --help

    if written != "running":
        return written
    try:
        with run_lock(run / "journal"):
            return "killed"
    except JournalInUse:
        return "running"


def _batches(run: Path) -> list[dict[str, Any]]:
    """What the run's ledger tells of its batches; empty where it has none."""
    if not (run / "journal" / "batches.jsonl").exists():
        return []
    from syphus.backends.batch.reading import read_states  # noqa: PLC0415 - not needed by --help

    return [asdict(state) for state in read_states(run / "journal")]


def _describe_batch(batch: dict[str, Any], *, has_price: bool) -> str:
    age = "not sent"
    if batch["created"] is not None:
        age = f"begun {timedelta(seconds=round(max(0.0, time.time() - batch['created'])))} ago"
    name = batch["remote_id"] or "no id yet"
    if batch["cost"] is not None:
        cost = f"${batch['cost']:.4f}"
    elif has_price or batch["cost_at_most"]:
        cost = f"at most ${batch['cost_at_most']:.4f}"
    else:
        cost = "cost unknown"
    return (
        f"batch     {batch['name']} {batch['status']}: {batch['done']} done and "
        f"{batch['failed']} failed of {batch['lines']}, {age}, "
        f"{cost}, {name}"
    )


def _describe_costs(batches: list[dict[str, Any]]) -> list[str]:
    """What is paid for batches, and the most that the others may cost; nothing without a price."""
    if not any(batch["cost_at_most"] for batch in batches):
        return []
    known = [batch["cost"] for batch in batches if batch["cost"] is not None]
    others = [batch["cost_at_most"] for batch in batches if batch["cost"] is None]
    line = f"batches   ${sum(known):.4f} for {len(known)} that are done"
    return [line + (f", at most ${sum(others):.4f} for the others" if others else "")]


def _describe(facts: dict[str, Any]) -> str:
    counts = facts["counts"]
    total = counts["total"] or counts["read"]
    done = counts["valid"] + counts["invalid"] + counts["failed"] + counts["empty"]
    label, at_least = "done     ", ""
    if "answered" in counts:
        label, at_least = "answered ", "at least "
        done = max(done, counts["answered"])
    cost = "unknown" if counts["cost"] is None else f"${counts['cost']:.4f}"
    if counts["cost"] is not None and 0 < done < total:
        cost += f", at the end ${counts['cost'] * total / done:.4f}"
    lines = [
        f"{facts['name']} {facts['dataset_version']}: {facts['state']}",
        f"model     {facts['model']}",
        f"{label} {done} of {total or '?'}",
        f"valid     {at_least}{counts['valid']} ({counts['pairs']} pairs)",
        f"invalid   {at_least}{counts['invalid']}",
        f"failed    {at_least}{counts['failed']}",
        *([f"judged    {at_least}{counts['judged']} pairs"] if counts.get("judged") else []),
        *(
            f"in {code}     {at_least}{count} pairs"
            for code, count in counts.get("translated", {}).items()
        ),
        f"tokens    {counts['prompt_tokens']} prompt, {counts['completion_tokens']} completion",
        f"cost      {cost}",
        f"seconds   {facts['seconds']}",
    ]
    has_price = counts["cost"] is not None
    lines += [_describe_batch(batch, has_price=has_price) for batch in facts["batches"]]
    lines += _describe_costs(facts["batches"])
    if facts["stopped_by"]:
        lines.append(f"stopped   {facts['stopped_by']}")
    if facts["state"] in ("stopped", "killed"):
        lines.append("resume    by the same command")
    return "\n".join(lines)
