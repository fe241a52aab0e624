"""The Batches routes of OpenAI and Azure. Batches stay when another script is played."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from syphus.testing.batch_input import is_endpoint, read_input
from syphus.testing.batch_lines import LineReply, answer_line, lay_out
from syphus.testing.batch_log import BatchSeen
from syphus.testing.batch_script import BatchProblem
from syphus.testing.batches import ENDED, Batch
from syphus.testing.calls import Refused, load_json
from syphus.testing.desk import reply
from syphus.testing.errors import refuse
from syphus.testing.files import make_id
from syphus.testing.paging import cut_page
from syphus.testing.upload import read_life, refuse_call

if TYPE_CHECKING:
    from aiohttp import web

    from syphus.testing.batch_input import BatchInput
    from syphus.testing.batch_script import Batches
    from syphus.testing.errors import Circumstances
    from syphus.testing.files import Files, StoredFile
    from syphus.testing.log import Log
    from syphus.testing.script import Dialect
    from syphus.testing.stage import Playing, Stage

_BATCHES_A_PAGE = 20
_MOST_BATCHES_A_PAGE = 100
_MOST_METADATA = 16
_LONGEST_KEY = 64
_LONGEST_VALUE = 512
_LINES_AT_ONCE = 50
_K = 1000


class BatchRoutes:
    """Answers calls about batches, and runs them as far as they are due whenever one asks."""

    def __init__(self, stage: Stage, files: Files, log: Log) -> None:
        self._stage = stage
        self._files = files
        self._log = log
        self._batches: dict[str, Batch] = {}
        self._listings = 0

    async def create(self, request: web.Request, about: Circumstances) -> web.Response:
        """Makes a batch of an uploaded file."""
        body = load_json(await request.read())
        playing = self._stage.playing
        file, output_life = self._read_order(body, playing, about)
        script, settings = playing.script, playing.batches
        found = await read_input(file.data, script, settings, about.dialect)
        problems = list(found.problems)
        if not problems and self._is_beyond(found, settings):
            told = _tell_limit(settings.enqueued_tokens or 0, found.model, about.dialect)
            if settings.beyond_enqueued != "failed":
                kind = f"enqueued_{settings.beyond_enqueued}"
                raise Refused(refuse(kind, replace(about, model=found.model), detail=told))
            problems.append(BatchProblem("token_limit_exceeded", message=told))
        playing.batch_position += 1
        ending = settings.ending(playing.batch_position)
        if ending.status == "failed" and not problems:
            problems = list(ending.problems) or [BatchProblem("invalid_request")]
        batch = Batch(
            id=make_id("batch_", len(self._batches)),
            dialect=about.dialect,
            endpoint=body["endpoint"],
            metadata=body.get("metadata"),
            input_file=file,
            input=found,
            problems=tuple(problems),
            ending=ending,
            settings=settings,
            output_life=output_life,
            created_at=settings.clock(),
            listed_from=self._listings + settings.batches_unlisted_for,
        )
        self._batches[batch.id] = batch
        self._note(batch)
        return reply(batch.value())

    async def find(self, request: web.Request, about: Circumstances) -> web.Response:
        """Tells of one batch; this is a look at it."""
        batch = self._find(request, about)
        batch.looks += 1
        await self._run(batch)
        return reply(batch.value())

    async def list_all(self, request: web.Request, about: Circumstances) -> web.Response:
        """Tells of many, newest first."""
        if "after" not in request.query:
            self._listings += 1
        batches = [
            batch
            for batch in reversed(self._batches.values())
            if batch.listed_from < self._listings
        ]
        for batch in batches:
            await self._run(batch)
        values = [batch.value() for batch in batches]
        page = cut_page(
            values, request.query, about, default=_BATCHES_A_PAGE, most=_MOST_BATCHES_A_PAGE
        )
        return reply(page)

    async def cancel(self, request: web.Request, about: Circumstances) -> web.Response:
        """Begins to cancel a batch; 409 where there is nothing left to cancel."""
        batch = self._find(request, about)
        await self._run(batch)
        if batch.status in ENDED or batch.status == "finalizing":
            raise Refused(refuse("batch_ended", replace(about, param=batch.status)))
        if batch.status != "cancelling":
            batch.cancel(batch.settings.clock())
            self._log.batches.cancel()
            self._log.batches.enter(batch.id, batch.status)
        return reply(batch.value())

    def _read_order(
        self, body: Any, playing: Playing, about: Circumstances
    ) -> tuple[StoredFile, int | None]:
        if not isinstance(body, dict):
            raise refuse_call(about, "input_file_id", "The body is no JSON object.")
        if not is_endpoint(body.get("endpoint"), about.dialect):
            raise refuse_call(about, "endpoint", "Only chat completions are served here.")
        if body.get("completion_window") != "24h":
            raise refuse_call(about, "completion_window", "The window is 24h.")
        if not _is_metadata(body.get("metadata")):
            raise refuse_call(about, "metadata", "Metadata are up to 16 pairs of short texts.")
        output_life = read_life(body.get("output_expires_after"), about, "output_expires_after")
        file = self._files.find(str(body.get("input_file_id")), playing.batches.clock())
        if file is None:
            about = replace(about, model=str(body.get("input_file_id")))
            raise Refused(refuse("no_such_object", about))
        if file.purpose != "batch":
            raise refuse_call(about, "input_file_id", "The file's purpose is not batch.")
        return file, output_life

    def _is_beyond(self, found: BatchInput, settings: Batches) -> bool:
        if settings.enqueued_tokens is None:
            return False
        now = settings.clock()
        enqueued = sum(
            batch.input.tokens
            for batch in self._batches.values()
            if batch.input.model == found.model and batch.holds_tokens(now)
        )
        return enqueued + found.tokens > settings.enqueued_tokens

    def _note(self, batch: Batch) -> None:
        log = self._log.batches
        lines = [] if batch.problems else batch.input.lines
        log.create(
            BatchSeen(
                id=batch.id,
                position=len(self._batches),
                input_file_id=batch.input_file.id,
                input_sha256=batch.input_file.sha256,
                metadata=batch.metadata or {},
                status=batch.status,
                lines=len(lines),
            )
        )
        for line in lines:
            log.take(line.custom_id)

    def _find(self, request: web.Request, about: Circumstances) -> Batch:
        batch = self._batches.get(request.match_info["id"])
        if batch is None:
            about = replace(about, model=request.match_info["id"])
            raise Refused(refuse("no_such_object", about))
        return batch

    async def _run(self, batch: Batch) -> None:
        async with batch.lock:
            if batch.status in ENDED:
                return
            status, due = batch.stand(batch.settings.clock())
            while len(batch.replies) < due:
                self._answer_next(batch)
                if len(batch.replies) % _LINES_AT_ONCE == 0:
                    await asyncio.sleep(0)
            if status in ENDED and status != "failed":
                self._store_files(batch, status)
                batch.forget()
            batch.enter(status, batch.settings.clock())
            self._log.batches.enter(batch.id, status)

    def _answer_next(self, batch: Batch) -> None:
        number = len(batch.replies)
        line = batch.input.lines[number]
        blank = LineReply(id=f"{batch.id}-{number}", custom_id=line.custom_id)
        answered = answer_line(
            batch.input.load(line), blank, self._stage.playing, self._log, batch.dialect
        )
        batch.replies.append(answered)
        self._log.batches.answer(
            batch.id, line.custom_id, answered.key, billed=answered.billed, answered=answered.good
        )

    def _store_files(self, batch: Batch, status: str) -> None:
        rest = batch.input.lines[len(batch.replies) :]
        unanswered = [
            LineReply(id=f"{batch.id}-{len(batch.replies) + place}", custom_id=line.custom_id)
            for place, line in enumerate(rest)
        ]
        ending = batch.ending
        datas = lay_out(batch.replies, unanswered, ending, status, batch.dialect)
        now = batch.settings.clock()
        for name, state, data in zip(
            ("output", "error"), (ending.output, ending.error), datas, strict=True
        ):
            file_id = None
            if state == "gone":
                file_id = make_id("file-", f"{name} of {batch.id}")
            elif state == "empty" or (state == "there" and data):
                file_id = self._files.add(
                    b"" if state == "empty" else data,
                    purpose="batch_output",
                    filename=f"{batch.id}_{name}.jsonl",
                    now=now,
                    life=batch.output_life,
                ).id
            batch.give_file(f"{name}_file_id", state, file_id)


def _is_metadata(value: Any) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and len(value) <= _MOST_METADATA
        and all(
            isinstance(text, str) and len(key) <= _LONGEST_KEY and len(text) <= _LONGEST_VALUE
            for key, text in value.items()
        )
    )


def _tell_limit(limit: int, model: str, dialect: Dialect) -> str:
    """The limit in the form in which each provider spells its figure."""
    if dialect == "azure":
        figure = f"{limit // _K}K" if limit % _K == 0 else str(limit)
        return f"The enqueued tokens pass the configured limit of {figure} for '{model}'."
    return f"Enqueued token limit reached for {model}. Limit: {limit:,} enqueued tokens."
