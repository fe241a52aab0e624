"""Runs by batches against the scripted server: the same files, nothing asked twice."""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus import Syphus
from syphus.backends.batch.batch import BatchApi
from syphus.core.errors import SettingsError
from syphus.core.events import BatchCounts
from syphus.pipeline.batches import cancel_batches
from syphus.pipeline.run import Outcome
from syphus.testing import BatchEnding, Batches, Fault, Script, ScriptedServer
from tests.pipeline.eight_photos import files_of, lines_of

ROOT = Path(__file__).parents[2]
SPOT_THE_DIFFERENCE = ROOT.parent / "shared/data/spot_the_diff_val.json"
SAMPLES = (
    "DenseCaptions.video",
    "TVCaptions.video",
    "SpotTheDifference.change",
    "YourDataset.your_dataset",
)
BATCH = {"backend": "batch", "poll_seconds": 0.01}
ENDLESS = Batches(running=math.inf)
TRANSLATED = {"languages": "de,zh"}
# A tenth of a cent a token.
PRICE = {"prompt": 1000.0, "completion": 1000.0}


def without_meta(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """All but the sums: a batch costs half."""
    return {name: content for name, content in files.items() if name != "meta.json"}


def priced(job: Any, **more: Any) -> dict[str, Any]:
    """Settings with a deployment that costs a tenth of a cent a token."""
    entry = {"base_url": job.server.base_url, "model": "m", "price": PRICE, **more}
    return {"base_url": None, "deployments": [entry], "max_tokens": 200}


def created(server: ScriptedServer) -> list[int]:
    """The lines of each batch, in the order of their creation."""
    return [batch.lines for batch in server.log.batches.batches()]


def stop_when(job: Any, dataset: Any, due: Callable[[], bool], **settings: Any) -> Outcome:
    """A sitting that is stopped as soon as `due` holds."""

    async def go() -> Outcome:
        syphus = job.syphus(dataset, **settings)
        running = asyncio.create_task(syphus.run())
        while not due():  # noqa: ASYNC110 - the server is in a thread
            await asyncio.sleep(0.005)
        syphus.stop()
        outcome: Outcome = await running
        return outcome

    return asyncio.run(go())


def run_by_name(folder: Path, server: ScriptedServer, name: str, **settings: Any) -> Outcome:
    """A run of a data set that ships."""
    told = {"base_url": server.base_url, "model": "m", "num_threads": 64, "output_dir": folder}
    return asyncio.run(Syphus(name=name, root=ROOT, **told | settings).run())


@pytest.mark.parametrize("name", SAMPLES)
def test_the_files_of_a_sample_are_those_of_an_online_run(
    name: str, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file, translations included, byte for byte."""
    monkeypatch.chdir(ROOT)
    for folder, how in (("online", {}), ("batch", BATCH)):
        assert run_by_name(tmp_path / folder, server, name, **TRANSLATED, **how).exit_status == 0
    assert files_of(tmp_path / "batch") == files_of(tmp_path / "online")
    assert len(created(server)) == 2


@pytest.mark.shared_data
@pytest.mark.skipif(not SPOT_THE_DIFFERENCE.exists(), reason="needs ../shared/data")
def test_the_files_of_the_real_spot_the_difference_are_those_of_an_online_run(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,634 records, one batch for all that is asked, one for all translations."""
    monkeypatch.chdir(ROOT)
    asked = {"query_inputs_path": str(SPOT_THE_DIFFERENCE), "languages": "zh"}
    for folder, how in (("online", {}), ("batch", BATCH)):
        done = run_by_name(tmp_path / folder, server, SAMPLES[2], **asked, **how)
        assert done.exit_status == 0
    assert files_of(tmp_path / "batch") == files_of(tmp_path / "online")
    assert created(server) == [1628, 1628]


def test_translations_follow_by_themselves_and_replies_without_a_pair_are_asked_again(
    job: Any, another: Any, photos: Callable[..., Any], by_text: Callable[..., Script]
) -> None:
    """One command: a batch of queries, one of correcting turns and translations, as online."""
    job.server.play(by_text({"number 3.": ["Nothing to see.", "Question: Q?\nAnswer: A."]}))
    sitting = job.run(photos(12), **BATCH)
    online = another.run(photos(12))
    assert sitting.counts == online.counts == (12, 0, 0)
    assert created(job.server) == [12, 1]
    assert without_meta(files_of(job.folder)) == without_meta(files_of(another.folder))


def test_on_azure_it_is_the_same(job: Any, another: Any, photos: Callable[..., Any]) -> None:
    """Its addresses, its names of things, a deployment of its own, an expired batch."""
    azure = {
        "base_url": job.server.azure_endpoint,
        "api_type": "azure",
        "api_key": "k",
        "model": "d",
    }
    settings = {"base_url": None, "model": None, "deployments": [azure]} | TRANSLATED
    job.server.play(Script(batches=Batches(endings=[BatchEnding("expired", at=(1,))])))
    assert job.run(photos(12), **settings, **BATCH).counts == (12, 0, 0)
    assert created(job.server) == [12, 12, 6]
    assert another.run(photos(12), **settings).counts == (12, 0, 0)
    assert without_meta(files_of(job.folder)) == without_meta(files_of(another.folder))


def test_other_deployments_answer_the_rest(job: Any, photos: Callable[..., Any]) -> None:
    """The first takes the batches, as a Global Batch deployment must; the others are for online."""
    fault = Fault("server_error", containing="number 2.", per_query_at_most=1)
    job.server.play(Script(faults=[fault]))
    url = job.server.base_url
    entries = [{"name": name, "base_url": url, "model": "m"} for name in ("nightly", "quick")]
    settings = {"base_url": None, "deployments": entries} | BATCH
    first = job.run(photos(10), batch_fallback="online", **settings)
    assert first.counts == (10, 0, 0)
    assert created(job.server) == []
    assert "batches go to nightly alone" not in first.said
    replies = [line for line in lines_of(job.folder, "generate") if line["kind"] == "reply"]
    assert {reply["deployment"] for reply in replies} == {"quick"}
    assert "batches go to nightly alone" in job.run(photos(12), **settings).said
    assert created(job.server) == [2]


def test_stopped_and_resumed_on_another_day(job: Any, photos: Callable[..., Any]) -> None:
    """A stop leaves the batch alone; the same command takes it up and sends nothing again."""
    server = job.server
    server.play(Script(batches=Batches(running=60)))
    outcome = stop_when(
        job, photos(20), lambda: server.log.batches.creates == 1, **BATCH, **TRANSLATED
    )
    assert outcome.exit_status == 3
    assert "the same command fetches it" in "\n".join(job.notices)
    assert server.log.batches.cancels == 0
    again = job.run(photos(20), **BATCH, **TRANSLATED)
    assert again.outcome.exit_status == 0
    assert "20 requests are in batches" in again.said
    assert again.outcome.snapshot.translated == {"de": 60, "zh": 60}
    assert created(server) == [20, 20]
    assert {line.taken for line in server.log.batches.lines()} == {1}
    assert server.log.batches.deletes == server.log.batches.uploads + 2


def test_resumed_with_other_queries_nothing_that_was_paid_for_is_lost(
    job: Any, photos: Callable[..., Any]
) -> None:
    """Positions follow the new sitting; a reply that nobody asks for stays in the journal."""
    job.server.play(Script(batches=Batches(running=20)))
    stop_when(job, photos(8), lambda: job.server.log.batches.creates == 1, **BATCH)
    assert job.run(photos(8), slice_start=5, **BATCH).counts == (3, 0, 0)
    assert [each["id"] for each in job.read("query_input.json")] == ["p5", "p6", "p7"]
    done = job.run(photos(8), **BATCH)
    assert done.counts == (8, 0, 0)
    assert created(job.server) == [8]
    kinds = [line["kind"] for line in lines_of(job.folder, "generate")]
    assert kinds.count("reply") == 8


def test_the_rest_of_an_expired_batch_goes_into_the_next(
    job: Any, another: Any, photos: Callable[..., Any]
) -> None:
    """What was done within the day is kept."""
    job.server.play(Script(batches=Batches(endings=[BatchEnding("expired", at=(1,), done=0.6)])))
    assert job.run(photos(10), **BATCH).counts == (10, 0, 0)
    assert created(job.server) == [10, 4]
    assert max(line.billed for line in job.server.log.batches.lines()) == 1
    another.run(photos(10))
    assert without_meta(files_of(job.folder)) == without_meta(files_of(another.folder))


def test_failed_lines_are_retried_or_given_up_as_online(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A server's fault goes into the next batch; a refused query fails alone."""
    faults = [
        Fault("server_error", containing="number 2.", per_query_at_most=1),
        Fault("context_length", containing="number 5."),
    ]
    job.server.play(Script(faults=faults))
    sitting = job.run(photos(10), **BATCH)
    assert sitting.counts == (9, 0, 1)
    assert sitting.outcome.exit_status == 4
    assert created(job.server) == [10, 1]
    (failed,) = job.read("error_messages.json")
    assert (failed["id"], failed["kind"], failed["attempts"]) == ("p5", "context_too_long", 1)
    redone = job.run(photos(10), redo="failed", **BATCH)
    assert redone.counts == (9, 0, 1)
    assert created(job.server) == [10, 1, 1]


def test_asking_again_for_what_was_invalid_pays_for_a_new_reply(
    job: Any, photos: Callable[..., Any]
) -> None:
    """`--redo invalid` after a batch: the same words under another custom id."""
    job.server.play(Script(answer="Nothing to see."))
    assert job.run(photos(3), max_reasks=0, **BATCH).counts == (0, 3, 0)
    job.server.play(Script())
    assert job.run(photos(3), max_reasks=0, redo="invalid", **BATCH).counts == (3, 0, 0)
    assert len(job.server.log.batches.lines()) == 6


def test_parameters_that_the_model_refuses_are_said_otherwise_from_then_on(
    job: Any, photos: Callable[..., Any]
) -> None:
    """One batch teaches it, also to the sittings after."""
    job.server.play(Script(refuses={"max_tokens"}))
    sitting = job.run(photos(30), **BATCH)
    assert sitting.counts == (30, 0, 0)
    assert "max_completion_tokens is sent instead" in sitting.said
    assert created(job.server) == [30, 30]
    assert job.run(photos(40), **BATCH).counts == (40, 0, 0)
    assert created(job.server) == [30, 30, 10]


def test_the_budget_is_held_before_each_batch(job: Any, photos: Callable[..., Any]) -> None:
    """Batches are no larger than the money left for the most they can cost; then the run stops."""
    settings = priced(job) | BATCH
    first = job.run(photos(40), budget=2.0, **settings)
    assert first.outcome.exit_status == 3
    assert "--budget" in str(first.outcome.stopped_by)
    cost = first.outcome.snapshot.cost
    assert 0 < cost <= 2.0
    assert len(created(job.server)) > 1
    assert all(line.taken == 1 for line in job.server.log.batches.lines())
    done = job.run(photos(40), budget=80.0, **settings)
    assert done.counts == (40, 0, 0)
    assert sum(created(job.server)) == 40
    assert job.read("meta.json")["cost"] == pytest.approx(done.outcome.snapshot.cost)


def test_money_in_batches_under_way_counts_as_spent(job: Any, photos: Callable[..., Any]) -> None:
    """A sitting that finds a batch out there has only the rest of the budget for more."""
    job.server.play(Script(batches=ENDLESS))
    settings = priced(job) | BATCH
    stop_when(job, photos(6), lambda: job.server.log.batches.creates == 1, budget=100.0, **settings)
    stopped = stop_when(
        job,
        photos(40),
        lambda: job.server.log.batches.calls.get("find_batch", 0) > 20,
        budget=6.0,
        **settings,
    )
    assert stopped.exit_status == 3
    ledger = (job.folder / "journal" / "batches.jsonl").read_bytes().splitlines()
    most = [line["most_cost"] for line in map(orjson.loads, ledger) if line["step"] == "closed"]
    assert created(job.server)[0] == 6 < sum(created(job.server))
    assert most[0] < sum(most) <= 6.0


def test_a_small_rest_is_finished_online(job: Any, photos: Callable[..., Any]) -> None:
    """With --batch_fallback online, what one batch left isn't worth another."""
    fault = Fault("server_error", containing="number 2.", per_query_at_most=1)
    job.server.play(Script(faults=[fault]))
    how = {"batch_fallback": "online", "batch_fallback_below": 3}
    sitting = job.run(photos(10), **BATCH, **how)
    assert sitting.counts == (10, 0, 0)
    assert "asked online" in sitting.said
    assert created(job.server) == [10]


def test_a_cancelled_run_keeps_what_its_batches_have_done(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The endpoint is told, done lines are journalled, and an online run asks the others only."""
    job.server.play(Script(batches=Batches(running=400)))
    seen = job.server.log.batches
    stop_when(job, photos(40), lambda: seen.calls.get("find_batch", 0) > 150, **BATCH)
    with pytest.raises(SettingsError, match="40 requests of this run are in batches"):
        job.run(photos(40))
    plan = job.syphus(photos(40), **BATCH)._plan()
    kept = asyncio.run(cancel_batches(plan.settings, plan.deployments[0], job))
    assert 0 < kept < 40
    assert seen.cancels == 1
    rest = job.run(photos(40))
    assert rest.counts == (40, 0, 0)
    assert rest.requests == 40 - kept


def test_a_run_that_sent_nothing_tells_of_no_batch(job: Any, photos: Callable[..., Any]) -> None:
    """With a key that is refused nothing is at the endpoint, and nothing will be paid for."""
    job.server.play(Script(api_keys=["another"]))
    sitting = job.run(photos(20), **BATCH)
    assert sitting.outcome.exit_status == 3
    assert job.server.log.batches.creates == 0
    assert "requests are in batches" not in sitting.said


def test_a_line_journalled_as_sent_is_not_told_to_be_sent_again(
    job: Any, photos: Callable[..., Any]
) -> None:
    """A kill between two lines of the journal asks nothing: the batch brings the reply again."""
    place = job.folder / "journal"
    real = BatchApi.durable
    copies: dict[Path, bytes] = {}

    def durable(self: BatchApi, batch: str, *, cost: float | None = None) -> None:
        for path in place.rglob("*"):
            if path.is_file():
                copies.setdefault(path, path.read_bytes())
        real(self, batch, cost=cost)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BatchApi, "durable", durable)
        job.run(photos(4), **BATCH)
    for path, content in copies.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    journal = place / "generate.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    again = job.run(photos(4), **BATCH)
    assert again.counts == (4, 0, 0)
    assert "sent and have no reply: 1; they may have been billed and what no batch" in again.said
    assert created(job.server) == [4]


def test_each_run_has_custom_ids_of_its_own(job: Any, photos: Callable[..., Any]) -> None:
    """The run's name in custom ids is drawn once, and a resume finds it again."""
    job.run(photos(2), **BATCH)
    name = orjson.loads((job.folder / "journal" / "batches.json").read_bytes())["run"]
    assert len(name) == 16
    job.run(photos(4), **BATCH)
    assert orjson.loads((job.folder / "journal" / "batches.json").read_bytes())["run"] == name
    shutil.rmtree(job.folder)
    job.run(photos(2), **BATCH)
    assert orjson.loads((job.folder / "journal" / "batches.json").read_bytes())["run"] != name
    assert len({line.custom_id for line in job.server.log.batches.lines()}) == 6


def test_a_run_tells_how_far_its_batches_are(job: Any, photos: Callable[..., Any]) -> None:
    """While the endpoint works and at the end; an online run has none."""
    job.server.play(Script(batches=Batches(running=60)))
    log, seen = job.server.log.batches, []

    async def go() -> Outcome:
        syphus = job.syphus(photos(20), **BATCH)
        running = asyncio.create_task(syphus.run())
        while not running.done():
            now = syphus.snapshot()
            if now is not None and now.batches is not None and log.creates:
                seen.append(now.batches)
            await asyncio.sleep(0.005)
        outcome: Outcome = await running
        return outcome

    end = asyncio.run(go()).snapshot.batches
    assert any(each.under_way == 1 and 0 < each.answered < 20 for each in seen)
    assert end == BatchCounts(to_send=0, under_way=0, ended=1, lines=20, answered=20)
    assert job.run(photos(30)).outcome.snapshot.batches is None
