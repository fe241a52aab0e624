"""Who wrote a run's replies, by its journals and by what `run.json` lists of its sittings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from syphus.core.records import Reply, Request, RequestShape, Sampling, Stage, Usage
from syphus.journal.format import encode_not_billed, encode_reply, encode_sent
from syphus.pipeline.models_used import find_models
from syphus.pipeline.run_facts import _asked

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp()
SHAPE = RequestShape(model="m", sampling=Sampling())


def since(seconds: float) -> str:
    """So many seconds after noon, as `run.json` has it."""
    return datetime.fromtimestamp(NOON + seconds, UTC).isoformat()


SITTINGS = [
    {"since": since(0), "deployments": {'a"': "old", "b": "other"}},
    {"since": since(100), "deployments": {'a"': "new"}},
]


def write(run: Path, stage: Stage, *replies: tuple[str, float]) -> list[int]:
    """A journal of replies by deployment and second; the bytes at which each begins."""
    path = run / "journal" / f"{stage}.jsonl"
    path.parent.mkdir(exist_ok=True)
    begins, content = [], b""
    for number, (deployment, seconds) in enumerate(replies):
        request = Request(
            key=f"{number:032x}",
            identity="i",
            query_id=',"time":1,"deployment":"b","attempt":1',
            stage=stage,
            shape=SHAPE,
            messages=b"[]",
            prompt_tokens=1,
        )
        reply = Reply(
            text="A cat.",
            finish_reason="stop",
            usage=Usage(),
            latency=0.5,
            deployment=deployment,
            attempt=1,
        )
        begins.append(len(content))
        content += encode_sent(request, attempt=1, deployment="b") + encode_not_billed(request)
        content += encode_reply(request, reply, time=NOON + seconds)
    path.write_bytes(content)
    return begins


def test_a_name_is_read_as_of_the_time_of_the_reply(tmp_path: Path) -> None:
    """Each model once, in order; attempts without a reply wrote nothing."""
    write(tmp_path, "generate", ('a"', 50), ('a"', 60))
    write(tmp_path, "translate", ('a"', 50), ('a"', 150), ("b", 60), ("unheard of", 70))
    found = find_models(tmp_path, {"asked": SITTINGS})
    assert found == {"generate": ["old"], "translate": ["old", "new", "other"]}


def test_replies_to_what_is_no_longer_asked_do_not_count(tmp_path: Path) -> None:
    """Where model or prompt changed, those before stay in the journal alone."""
    _, begin = write(tmp_path, "generate", ('a"', 50), ('a"', 150))
    facts = {"asked": SITTINGS, "counted_from": begin}
    assert find_models(tmp_path, facts)["generate"] == ["new"]


@pytest.mark.parametrize("asked", [None, 1, [], [1, {}, {"since": "x", "deployments": {}}]])
def test_nothing_is_known_of_an_older_run(tmp_path: Path, asked: Any) -> None:
    """Nor of one whose list somebody changed, or whose journal is gone."""
    write(tmp_path, "generate", ('a"', 50))
    assert find_models(tmp_path, {"asked": asked}) == {"generate": [], "translate": []}
    assert find_models(tmp_path / "gone", {"asked": SITTINGS})["generate"] == []


def test_a_sitting_is_listed_where_it_asks_others() -> None:
    """Not one that asks the same or nobody; an older run's last deployments come first."""
    old = {
        "started": since(0),
        "deployments": [{"name": "a", "api_type": "openai", "model": "old"}],
    }
    first = _asked(old, {"a": "new"})
    assert [each["deployments"] for each in first] == [{"a": "old"}, {"a": "new"}]
    assert first[0]["since"] == since(0)
    for models in ({"a": "new"}, {}):
        assert _asked({"asked": first}, models) == first
    assert len(_asked({"asked": first}, {"a": "old"})) == 3
    assert _asked({}, {}) == []
