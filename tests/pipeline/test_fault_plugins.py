"""Plugins that misbehave: each is told in one line, and nothing that was answered is lost."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from syphus.core.errors import PluginError
from syphus.testing import Script

LONGEST_LINE = 700
LATE = 1_040  # behind the thousand items that are read before anything is sent
MANY = 1_050


class Unreadable(Exception):
    """An error that can't even be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


class Ended(BaseException):
    """An error that `except Exception` doesn't catch."""


ERRORS: list[Callable[[], BaseException]] = [
    Unreadable,
    lambda: PluginError("buy boats\nfirst"),
    lambda: ValueError("two\nlines\ud800\x1b[31m" * 1000),
    lambda: SystemExit(0),
    lambda: GeneratorExit("left"),
    lambda: asyncio.CancelledError("cancelled"),
    lambda: Ended("over"),
    MemoryError,
    lambda: StopIteration("stop"),
]
# The thread that reads the plugin gets no Ctrl-C, so one that is raised there is the plugin's.
LATE_ERRORS = [Unreadable, Ended, asyncio.CancelledError, KeyboardInterrupt]
RAISING = pytest.mark.parametrize("error", ERRORS, ids=lambda make: type(make()).__name__)


def raises(error: Callable[[], BaseException]) -> Callable[..., Any]:
    """A method that raises."""

    def method(*_: object) -> Any:
        raise error()

    return method


def overflow(*_: object) -> Any:
    """A method without an end."""
    return overflow()


def items(total: int, *, at: int = -1, error: Callable[[], BaseException] | None = None) -> Any:
    """A generator's function, of so many items, that raises in place of the item `at`."""

    def generate() -> Iterator[dict[str, Any]]:
        for number in range(total):
            if number == at and error is not None:
                raise error()
            yield {"id": f"p{number}", "sentences": f"Photo number {number}."}

    return generate


def says_one_line(said: BaseException | None) -> str:
    """The message of an error, checked to be fit for a terminal."""
    line = " ".join(str(said).split())
    assert len(line) <= LONGEST_LINE
    assert "\x1b" not in line
    return line


@RAISING
@pytest.mark.parametrize("method", ["_load_query_inputs", "user_message", "image_ids"])
def test_a_method_that_raises_sends_nothing(
    job: Any, photos: Callable[..., Any], method: str, error: Callable[[], BaseException]
) -> None:
    """Whatever a plugin raises, it is told in one line that names plugin and error."""
    with pytest.raises(PluginError) as caught:
        job.run(photos(3, **{method: raises(error)}))
    line = says_one_line(caught.value)
    assert "buy boats" in line or f"{type(error()).__name__}: " in line
    assert "buy boats" in line or "Photos" in line
    assert job.server.log.requests == 0


@pytest.mark.parametrize("method", ["_load_query_inputs", "user_message", "image_ids"])
def test_a_method_that_calls_itself_sends_nothing(
    job: Any, photos: Callable[..., Any], method: str
) -> None:
    """A recursion without end is the plugin's error, not a crash."""
    with pytest.raises(PluginError, match=r"Photos.*RecursionError"):
        job.run(photos(3, **{method: overflow}))


@RAISING
def test_a_generator_that_raises_early_sends_nothing(
    job: Any, photos: Callable[..., Any], error: Callable[[], BaseException]
) -> None:
    """The line names the item among those that are read ahead."""
    with pytest.raises(PluginError) as caught:
        job.run(photos(items(9, at=4, error=error)))
    line = says_one_line(caught.value)
    assert "item 5: " in line or line == "buy boats first"
    assert job.server.log.requests == 0


@pytest.mark.parametrize("error", LATE_ERRORS)
def test_a_generator_that_raises_late_loses_no_reply(
    job: Any, photos: Callable[..., Any], error: type[BaseException]
) -> None:
    """What was answered stays; the mended plugin is asked only for what has no reply yet."""
    stopped = job.run(photos(items(MANY, at=LATE, error=error)), num_threads=64)
    assert stopped.outcome.exit_status == 3
    assert f"item {LATE + 1}: {error.__name__}: " in says_one_line(stopped.outcome.stopped_by)
    answered = stopped.outcome.snapshot.valid
    assert answered == stopped.requests == job.server.log.successes
    assert len(job.read("valid_output.json")) == 3 * answered
    mended = job.run(photos(items(MANY)), num_threads=64)
    assert (mended.outcome.exit_status, mended.counts) == (0, (MANY, 0, 0))
    assert mended.requests == MANY - answered


def test_a_generator_that_raises_at_item_seven_thousand(
    job: Any, photos: Callable[..., Any]
) -> None:
    """The item is named, 7,000 answers are kept, and mending costs the rest alone."""
    broken = photos(items(7_003, at=7_000, error=lambda: KeyError("caption")))
    stopped = job.run(broken, num_threads=128)
    assert (stopped.outcome.exit_status, stopped.counts) == (3, (stopped.requests, 0, 0))
    line = says_one_line(stopped.outcome.stopped_by)
    assert "Photos" in line
    assert "item 7001: KeyError: 'caption'" in line
    assert line.endswith("What was answered is kept")
    mended = job.run(photos(items(7_003)), num_threads=128)
    assert (mended.outcome.exit_status, mended.counts) == (0, (7_003, 0, 0))
    assert stopped.requests + mended.requests == 7_003
    assert all(query.answered == 1 for query in job.server.log.queries())


@RAISING
@pytest.mark.parametrize("method", ["user_message", "image_ids"])
def test_a_method_that_raises_at_the_end_keeps_the_journal(
    job: Any, photos: Callable[..., Any], method: str, error: Callable[[], BaseException]
) -> None:
    """A plugin that turns bad after a finished run is told; once mended, nothing is missing."""
    job.run(photos(4))
    with pytest.raises(PluginError) as caught:
        job.run(photos(4, **{method: raises(error)}))
    says_one_line(caught.value)
    again = job.run(photos(4), reparse=True)
    assert (again.counts, again.requests) == ((4, 0, 0), 0)


@pytest.mark.parametrize("error", [*ERRORS, KeyboardInterrupt])
def test_a_parse_that_raises_spoils_its_reply_alone(
    job: Any, photos: Callable[..., Any], error: Callable[[], BaseException]
) -> None:
    """The reason names the error; a mended parse reads the same reply again for nothing."""

    def parse(_: object, reply: str) -> None:
        if "number 1" in reply:
            raise error()

    job.server.play(Script(answer=lambda messages, _: f"Question: A?\nAnswer: {messages[-1]}"))
    assert job.run(photos(3, parse=parse), max_reasks=0).counts == (2, 1, 0)
    (record,) = job.read("invalid_output.json")
    assert type(error()).__name__ in record["error_message"]
    assert "\n" not in record["error_message"]
    assert len(record["error_message"]) <= LONGEST_LINE
    mended = job.run(photos(3), reparse=True)
    assert (mended.counts, mended.requests) == ((3, 0, 0), 0)


@RAISING
def test_a_response_model_that_raises_spoils_its_reply_alone(
    job: Any, photos: Callable[..., Any], error: Callable[[], BaseException]
) -> None:
    """A validator's error is a reason like any other."""

    class Talk(BaseModel):
        """A pair whose question is looked up."""

        question: str
        answer: str

        @field_validator("question")
        @classmethod
        def look_up(cls, value: str) -> str:
            """Raises for one of them."""
            if "1" in value:
                raise error()
            return value

    def answer(messages: list[dict[str, Any]], _: object) -> str:
        return json.dumps({"question": messages[-1]["content"], "answer": "b"})

    job.server.play(Script(answer=answer))
    assert job.run(photos(3, response_model=Talk), max_reasks=0).counts == (2, 1, 0)
    (record,) = job.read("invalid_output.json")
    assert record["error_message"]
    assert len(record["error_message"]) <= LONGEST_LINE


class Hostile:
    """A value that raises whatever is done with it."""

    def _refuse(self, *_: object) -> Any:
        raise Unreadable

    __str__ = __repr__ = __getitem__ = __iter__ = __len__ = __eq__ = __hash__ = _refuse
    __bool__ = keys = get = strip = _refuse


@pytest.mark.parametrize(
    "found",
    [
        Hostile(),
        [Hostile()],
        [{"question": Hostile(), "answer": "x"}],
        [{"question": "x", "answer": 10**5000}],
        [{"question": b"x", "answer": ["x"]}],
        [[["question", "x"], ["answer", "x"]]],
        {"question": "x", "answer": "y"},
        "Question: x",
        object(),
        True,
        float("nan"),
    ],
    ids=lambda found: type(found).__name__,
)
def test_a_parse_that_returns_garbage_is_a_reason(
    job: Any, photos: Callable[..., Any], found: Any
) -> None:
    """No value that a parse returns raises further than its own reply."""
    assert job.run(photos(2, parse=lambda *_: found), max_reasks=0).counts == (0, 2, 0)
    assert all(record["error_message"] for record in job.read("invalid_output.json"))


def test_a_parse_may_be_slow_talk_and_reuse_its_dicts(
    job: Any, photos: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Sleeping holds the run up, printing prints, and a pair changed afterwards stays as it was."""
    reused: dict[str, str] = {}

    def parse(_: object, reply: str) -> Iterator[dict[str, str]]:
        time.sleep(0.01)
        print("parsing", len(reply))  # noqa: T201 - what a careless plugin does
        for number in range(2):
            reused["question"] = reused["answer"] = f"text {number}"
            yield reused
        reused.clear()

    assert job.run(photos(8, parse=parse)).counts == (8, 0, 0)
    assert job.pairs_of("p7") == [("text 0", "text 0"), ("text 1", "text 1")]
    assert "parsing" in capsys.readouterr().out


def test_a_parse_without_end_is_cut(job: Any, photos: Callable[..., Any]) -> None:
    """Of one reply a thousand pairs are kept; the reason says that there were more."""

    def parse(_: object, _reply: str) -> Iterator[dict[str, str]]:
        return ({"question": f"q{number}", "answer": "a"} for number in count())

    assert job.run(photos(1, parse=parse)).counts == (1, 0, 0)
    assert len(job.pairs_of("p0")) == 1_000
    (record,) = job.read("invalid_output.json")
    assert record["error_message"] == "more than 1000 pairs in one reply"


def test_a_generator_without_end_is_sliced(job: Any, photos: Callable[..., Any]) -> None:
    """--slice_end is all that is read of it, at first and on a resume."""

    def endless() -> Iterator[dict[str, Any]]:
        return ({"id": number, "sentences": f"Photo number {number}."} for number in count())

    dataset = photos(endless)
    assert job.run(dataset, slice_end=20).counts == (20, 0, 0)
    again = job.run(dataset, slice_start=0, slice_end=25)
    assert (again.counts, again.requests) == ((25, 0, 0), 5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (10**5000, "thousands of digits"),
        (float("nan"), "type float"),
        (b"p", "type bytes"),
        (None, "None"),
        ([["p"]], "type list"),
        ("", "empty id"),
        (Hostile(), "type Hostile"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_wrong_id_is_named_by_its_position(
    job: Any, photos: Callable[..., Any], wrong: Any, said: str
) -> None:
    """Ids are texts or integers; what is none is told before anything is sent."""
    good = {"id": "a", "sentences": "A dog."}
    with pytest.raises(PluginError, match=r"Photos\S*: item 2 ") as caught:
        job.run(photos([good, {"id": wrong, "sentences": "A cat."}]))
    assert said in says_one_line(caught.value)
    assert job.server.log.requests == 0


@pytest.mark.parametrize("broken", [Hostile(), {Hostile: 1}], ids=["item", "keys"])
def test_an_item_that_can_not_be_read_is_named_by_its_position(
    job: Any, photos: Callable[..., Any], broken: Any
) -> None:
    """A mapping that raises, or has keys that can't be shown, is the plugin's fault."""
    with pytest.raises(PluginError, match=r"Photos\S*: item 2") as caught:
        job.run(photos([{"id": "a", "sentences": "A dog."}, broken]))
    says_one_line(caught.value)


def test_a_mapping_that_raises_is_named_by_its_position(
    job: Any, photos: Callable[..., Any]
) -> None:
    """An item's own code may raise when it is read."""

    class Lazy(dict[str, Any]):
        """A dict that can't load its members."""

        def get(self, *_: object) -> Any:
            """Fails."""
            raise Unreadable

    with pytest.raises(PluginError, match=r"Photos\S*: item 1: Unreadable"):
        job.run(photos([Lazy(id="a", sentences="A dog.")]))


def test_odd_ids_are_kept_to_the_letter(job: Any, photos: Callable[..., Any]) -> None:
    """A megabyte, a path or a surrogate as id ends in the files as text and nowhere else."""
    names = ["../x", "/etc/passwd", "k" * 1_000_000, "a\ud800b", "con\0"]
    dataset = photos([{"id": name, "sentences": f"Photo {at}."} for at, name in enumerate(names)])
    before = set(job.folder.parent.iterdir())
    assert job.run(dataset).counts == (5, 0, 0)
    names[3] = "a\ufffdb"
    assert [query["id"] for query in job.read("query_input.json")] == names
    assert set(job.folder.parent.iterdir()) == before | {job.folder}
    assert job.run(dataset).requests == 0


def test_a_plugin_that_ends_the_process_loses_nothing(job: Any, photos: Callable[..., Any]) -> None:
    """os._exit in a generator is a kill: what the journal has is never asked again."""
    code = f"""
        import asyncio, os, sys
        from syphus import AbstractDataset, Syphus

        class Photos(AbstractDataset):
            short = "PH"

            def _load_query_inputs(self):
                for number in range({MANY}):
                    if number == {LATE}:
                        os._exit(9)
                    yield {{"id": f"p{{number}}", "sentences": f"Photo number {{number}}."}}

            def _load_prefix(self):
                return {{"system_message": "Write.", "in_context": []}}

        asyncio.run(Syphus(
            dataset=Photos, base_url=sys.argv[1], model="m", num_threads=16, languages="none",
            output_dir=sys.argv[2],
        ).run())
    """
    arguments = [textwrap.dedent(code), job.server.base_url, str(job.folder)]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", *arguments], env=environ, check=False, timeout=120)
    assert done.returncode == 9
    kept = sum(
        json.loads(line)["kind"] == "reply" for line in job.journal.read_bytes().split(b"\n")[:-1]
    )
    assert kept > 0
    prompt = {"system_message": "Write.", "in_context": []}
    mended = job.run(photos(items(MANY), _load_prefix=lambda _: prompt), num_threads=64)
    assert (mended.outcome.exit_status, mended.counts) == (0, (MANY, 0, 0))
    assert mended.requests == MANY - kept
