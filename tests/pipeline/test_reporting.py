"""The report of a run: what the page shows, and that it fetches nothing."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from syphus.core.errors import AnnotationError, JournalInUse, SettingsError
from syphus.core.records import Pair, Reply, Request, RequestShape, Sampling, Usage
from syphus.journal.format import encode_reply
from syphus.journal.lock import run_lock
from syphus.pipeline.reporting import report_run
from syphus.report.svg import Sector, sunburst
from tests.pipeline.finished_run import FACTS, make_pairs, make_run

EVIL = '<script src="http://evil.example/x.js">alert(1)</script><img src=//evil.example/y.png>'
FETCHING = {"src", "href", "xlink:href", "srcset", "data", "poster", "action", "background"}


class Page(HTMLParser):
    """The tags of a page, its text, and what a browser would fetch or run."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asks: list[str] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in FETCHING or name.startswith("on") or "url(" in (value or ""):
                self.asks.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.tags[-1:] == ["style"]:
            self.asks += re.findall(r"url\(|@import|@font-face", data)


def page_of(run: Path) -> Page:
    """The report of a run; no matter what is in it, the page asks no network and runs nothing."""
    content = report_run(run).path.read_text(encoding="utf-8")
    page = Page(content)
    assert page.asks == []
    assert {"script", "link", "iframe", "img", "object", "embed", "base"}.isdisjoint(page.tags)
    assert "default-src 'none'" in content
    return page


def evil_pairs() -> Iterator[Pair]:
    """Pairs whose every text is an attack."""
    for pair in make_pairs(5):
        yield Pair(
            id=pair.id,
            query_id="",
            instruction=EVIL,
            answer=EVIL,
            image_ids=(EVIL,),
            related_ids=(),
        )


def test_what_a_page_shows(tmp_path: Path) -> None:
    """Yield, sources, lengths, roots, languages, quality and cost, in inline pictures."""
    run = make_run(tmp_path / "run")
    marks = {"grounding": {"mean": 3.25, "counts": {"1": 2, "2": 0, "3": 7, "4": 3, "5": 6}}}
    judge = {"model": "a judge", "judged": 18, "unjudged": 2, "scores": marks}
    quality = {"mode": "drop", "pairs": 20, "faulty": 3, "checks": {"giveaway": 2, "length": 1}}
    quality["judge"] = judge
    (run / "meta.json").write_text(json.dumps({"quality": quality, "skipped_items": 4}))
    bad = {"id": "a", "response": "x", "error_message": "no question found"}
    (run / "invalid_output.json").write_text(f"[\n{json.dumps(bad)}\n]\n")
    page = page_of(run)
    assert page.tags.count("svg") > 10
    for part in (
        "finished",
        "9 queries read",
        "4 items of the annotations were left out",
        "no question found",
        "15 sources, 1.0 pairs each",
        "5 pairs name no image",
        "German (de)",
        "3 of 20 pairs have faults (15.0%); they were dropped",
        "giveaway",
        "18 pairs were judged by a judge",
        "2 have no judgement",
        "Marks for grounding, mean 3.25",
        "unknown: no price",
    ):
        assert part in page.text, part


def test_pictures_have_their_colours_without_a_style_sheet(tmp_path: Path) -> None:
    """Whatever prints or copies a picture finds them in it; words and lines only turn light."""
    content = report_run(make_run(tmp_path / "run")).path.read_text(encoding="utf-8")
    shapes = re.findall(r"<(rect|path|line|svg)\b([^>]*)>", content)
    assert {name for name, _ in shapes} == {"rect", "path", "line", "svg"}
    for name, attributes in shapes:
        if 'class="bar"' not in attributes:
            assert re.search(r'(?:stroke|fill)="#[0-9a-f]{3,6}"', attributes), (name, attributes)
    assert "prefers-color-scheme:dark" in content


@pytest.mark.parametrize("count", [1, 2, 12, 13, 20, 25])
def test_neighbours_in_a_ring_differ(count: int) -> None:
    """Also where the ring closes."""
    sectors = [Sector(name=f"v{at}", count=1, parts=(("n", 1),)) for at in range(count)]
    picture = sunburst(sectors, title="Ring")
    colours = re.findall(r'fill="(#[0-9a-f]{6})" fill-opacity="0.85"', picture)
    assert len(colours) == count
    assert count == 1 or all(a != b for a, b in itertools.pairwise([*colours, colours[0]]))


def test_the_pairs_that_are_told(tmp_path: Path) -> None:
    """How many each language has, and a report beside the run's folder."""
    done = report_run(make_run(tmp_path / "run"))
    assert done.pairs == {"en": 20, "de": 20}
    assert (done.path, done.lacking, done.missing) == (tmp_path / "run_report.html", (), None)
    assert not list((tmp_path / "run").glob("*.html"))


def test_texts_that_attack(tmp_path: Path) -> None:
    """Markup in names, pairs, reasons and counts is shown as text and never run."""
    counts = {**FACTS["counts"], "cost": 1.5}
    pairs = {"en": evil_pairs(), "zh": evil_pairs()}
    run = make_run(tmp_path / "run", pairs, name=EVIL, model=EVIL, counts=counts, started=EVIL)
    wrong = [{"id": EVIL, "error_message": EVIL, "kind": EVIL, "response": EVIL}]
    for name in ("invalid_output.json", "error_messages.json", "translation_errors.json"):
        (run / name).write_text(f"[\n{json.dumps(wrong[0])}\n]\n")
    marks = {EVIL: {"mean": EVIL, "counts": {EVIL: 1, "2": EVIL}}, "odd": EVIL}
    judge = {"model": EVIL, "judged": EVIL, "scores": marks}
    quality = {"pairs": 5, "faulty": 1, "checks": {EVIL: 1}, "mode": EVIL, "judge": judge}
    (run / "meta.json").write_text(json.dumps({"quality": quality}))
    page = page_of(run)
    assert "<script src=" in page.text
    assert "$1.5000" in page.text


def test_texts_that_utf_8_cannot_hold(tmp_path: Path) -> None:
    """Lone surrogates and control characters are replaced."""
    run = make_run(tmp_path / "run", name="Odd.\ud800\x07\u2028")
    assert "Odd." in page_of(run).text


def test_a_run_without_pairs(tmp_path: Path) -> None:
    """It has a page all the same."""
    page = page_of(make_run(tmp_path / "run", {"en": []}))
    assert "There are no pairs" in page.text
    assert "no English instructions" in page.text


@pytest.mark.parametrize(
    ("state", "why", "said"),
    [
        ("stopped", "the budget of $1 is used up", "not finished: the budget of $1 is used up"),
        ("running", None, "not finished: it was killed"),
    ],
)
def test_a_run_that_is_not_finished(tmp_path: Path, state: str, why: str | None, said: str) -> None:
    """It says why, what isn't answered yet, and which files aren't there."""
    counts = {**FACTS["counts"], "read": 12, "total": 100}
    run = make_run(tmp_path / "run", state=state, stopped_by=why, counts=counts)
    (run / "PH_instructions_de.json").unlink()
    page = page_of(run)
    for part in (said, "12 queries read of 100", "not answered yet", "no file"):
        assert part in page.text
    assert report_run(run).lacking == ("de",)


def test_a_run_that_was_killed_before_its_files(tmp_path: Path) -> None:
    """Only run.json is there: what it tells is shown."""
    run = make_run(tmp_path / "run", state="running")
    for path in run.glob("*_*.json"):
        path.unlink()
    assert "9 queries read" in page_of(run).text


def test_a_killed_run_has_the_counts_of_its_journal(tmp_path: Path) -> None:
    """What came after its file was last written counts: replies, tokens and dollars."""
    counts = {**FACTS["counts"], "read": 0, "valid": 0, "invalid": 0, "failed": 0, "pairs": 0}
    run = make_run(tmp_path / "run", {}, state="running", counts={**counts, "prompt_tokens": 0})
    shape = RequestShape(model="m", sampling=Sampling())
    lines = [
        encode_reply(
            Request(
                key=f"{number:032x}",
                identity="",
                query_id=f"q{number}",
                stage="generate",
                shape=shape,
                messages=b"[]",
                prompt_tokens=1,
            ),
            Reply(
                text="Q",
                finish_reason="stop",
                usage=Usage(prompt_tokens=1_000, completion_tokens=10),
                latency=0.1,
                deployment="a",
                attempt=1,
                cost=0.25,
            ),
            time=0,
        )
        for number in range(4)
    ]
    (run / "journal/generate.jsonl").write_bytes(b"".join(lines) + lines[0][:50])
    text = page_of(run).text
    for part in ("4 queries read of 9", "answered, not judged yet", "4,000", "$1.0000"):
        assert part in text, part
    assert (run / "journal/generate.jsonl").stat().st_size == sum(map(len, lines)) + 50


def test_a_run_of_free_text(tmp_path: Path) -> None:
    """It has replies and no pairs."""
    run = make_run(tmp_path / "run", {})
    records = ",\n".join(json.dumps({"id": str(n), "results": "one two " * n}) for n in range(1, 4))
    (run / "valid_output.json").write_text(f"[\n{records}\n]\n")
    text = page_of(run).text
    assert "3 replies, kept whole" in text
    assert "Mean 4.0" in text
    assert "Pairs per source" not in text


def test_a_run_that_only_translated(tmp_path: Path) -> None:
    """Its languages alone are shown, the first of them in full."""
    run = make_run(tmp_path / "run", {"zh": make_pairs(8, "zh")})
    (run / "valid_output.json").unlink()
    text = page_of(run).text
    assert "Answers, Simplified Chinese (zh)" in text
    assert "no English instructions" in text


def test_without_the_tagger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the page is there, and it says what would be needed."""
    monkeypatch.setitem(sys.modules, "HanTa", None)
    run = make_run(tmp_path / "run")
    missing = report_run(run).missing
    assert missing == "pip install 'syphus-engine[report]'"
    assert missing in page_of(run).text


def test_a_second_report(tmp_path: Path) -> None:
    """It replaces the first one, but no other file."""
    run = make_run(tmp_path / "run")
    assert report_run(run).path.read_bytes() == report_run(run).path.read_bytes()
    mine = tmp_path / "mine.html"
    mine.write_text("<h1>mine</h1>")
    with pytest.raises(SettingsError, match="is no report"):
        report_run(run, path=mine)
    with pytest.raises(SettingsError, match="name another file"):
        report_run(run, path=tmp_path)
    assert mine.read_text() == "<h1>mine</h1>"


def test_a_run_that_is_worked_on(tmp_path: Path) -> None:
    """It isn't read meanwhile."""
    run = make_run(tmp_path / "run")
    with run_lock(run / "journal"), pytest.raises(JournalInUse, match="wait for it"):
        report_run(run)


def test_files_that_are_broken(tmp_path: Path) -> None:
    """One line names the file, and nothing is written."""
    run = make_run(tmp_path / "run")
    (run / "invalid_output.json").write_text("[\n{oops\n]\n")
    with pytest.raises(SettingsError, match=r"invalid_output\.json can't be read"):
        report_run(run)
    (run / "PH_instructions.json").write_text('{"data": {"a": 1}}')
    with pytest.raises(AnnotationError, match=r"PH_instructions\.json: a isn't"):
        report_run(run)
    (run / "PH_instructions.json").unlink()
    (run / "invalid_output.json").unlink()
    (run / "meta.json").write_text("{")
    with pytest.raises(SettingsError, match=r"meta\.json can't be read"):
        report_run(run)
    assert not list(tmp_path.glob("*.html"))
