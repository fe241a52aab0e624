"""`--dry_run` shows a run before it is paid for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from syphus.cli.app import run_app
from syphus.testing import ScriptedServer

TRANSLATE = Path(__file__).parents[2] / "datasets/translate.py"
NAME = ("--name", "Photos.photos")


def settings(url: str) -> str:
    """A settings file with a model whose price is given: 2 and 8 dollars a million tokens."""
    return f"""
        [[deployments]]
        base_url = "{url}"
        model = "gpt-4o"
        price = {{ prompt = 2.0, completion = 8.0 }}
    """


def figures(word: str, text: str) -> list[float]:
    """The numbers on the line that begins with `word`."""
    (line,) = [line for line in text.splitlines() if line.startswith(word)]
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", line)]


def test_a_dry_run_shows_messages_counts_tokens_and_cost(desk: Any, server: ScriptedServer) -> None:
    """The first query's messages as they would be sent, then figures that agree; nothing else."""
    desk.write("priced.toml", settings(server.base_url))
    done = desk.main(*NAME, "--config", "priced.toml", "--dry-run", "--max_tokens", 100)
    assert done.status == 0, done.err
    shown, end = re.split(r"(?<=\n])\n", done.out, maxsplit=1)
    messages = orjson.loads(shown)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[0]["content"] == "Write pairs about the photo."
    assert messages[-1]["content"] == "Photo number 0."
    assert figures("model", end) == [4]
    assert figures("queries", end) == [5]
    prompt, shared = figures("prompt", end)
    (completion,) = figures("completion", end)
    assert 5 * shared < prompt < 5 * shared + 5 * 15
    assert 0 < completion < 500
    usual, most = figures("cost", end)
    assert usual == pytest.approx((prompt * 2 + completion * 8) / 1e6, abs=1e-4)
    assert most == pytest.approx((prompt * 2 + 500 * 8) / 1e6, abs=1e-4)
    assert server.log.requests == 0
    assert not list(desk.root.glob("output_*"))


def test_the_estimate_is_near_what_the_run_then_uses(desk: Any, server: ScriptedServer) -> None:
    """Prompt tokens of a dry run lie near those that the endpoint bills, and cost is known."""
    desk.photos(20)
    desk.write("priced.toml", settings(server.base_url))
    dry = desk.call("run", *NAME, "--config", "priced.toml", "--dry_run")
    assert desk.call("run", *NAME, "--config", "priced.toml").status == 0
    meta = desk.read("output_Photos.photos_v1/meta.json")
    prompt, _ = figures("prompt", dry.out)
    # The scripted server bills a token for four bytes of JSON, keys and quotes included.
    assert prompt == pytest.approx(meta["prompt_tokens"], rel=0.4)
    cost = (meta["prompt_tokens"] * 2 + meta["completion_tokens"] * 8) / 1e6
    assert meta["cost"] == pytest.approx(cost)


def test_an_unknown_price_is_called_unknown(desk: Any, server: ScriptedServer) -> None:
    """A server of one's own has no price, which isn't the same as costing nothing."""
    flags = ("--base_url", server.base_url, "--model", "m", "--dry_run")
    done = desk.call("run", *NAME, *flags)
    assert done.status == 0
    (line,) = [line for line in done.out.splitlines() if line.startswith("cost")]
    assert "unknown" in line


def test_a_dry_run_looks_at_the_slice_alone(desk: Any, server: ScriptedServer) -> None:
    """Counts are those of the queries that would be asked."""
    desk.write(
        "photos.json",
        [
            {"id": "a", "sentences": "A dog."},
            {"id": "b", "sentences": "A cat."},
            {"id": "b", "sentences": "A cat."},
            {"id": "b", "sentences": "A cow."},
            {"id": "c", "sentences": ""},
        ],
    )
    flags = ("--base_url", server.base_url, "--model", "m", "--dry_run", "--slice_start", 1)
    done = desk.call("run", *NAME, *flags)
    assert done.status == 0
    assert "A cat." in done.out
    assert "A dog." not in done.out
    assert figures("queries", done.out) == [2]
    assert figures("not asked", done.out) == [1]
    assert figures("repeated", done.out) == [1, 1]


def test_a_dry_run_leaves_a_run_alone(desk: Any, server: ScriptedServer) -> None:
    """Looking at a finished run changes none of its files."""
    reach = ("--base_url", server.base_url, "--model", "m")
    assert desk.call("run", *NAME, *reach).status == 0
    folder = desk.root / "output_Photos.photos_v1"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert desk.call("run", *NAME, *reach, "--dry_run").status == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def dry(desk: Any, *arguments: object) -> str:
    """What a dry run in all languages prints behind the messages."""
    desk.capsys.readouterr()
    words = ["run", *arguments, "--dry_run"]
    assert run_app([str(each) for each in words], root=desk.root) == 0
    out: str = desk.capsys.readouterr().out
    return out[out.index("\nmodel ") :]


def test_translation_is_in_the_estimate(desk: Any, server: ScriptedServer) -> None:
    """Requests, tokens and cost of all languages, what they rest on, and the most they may be."""
    desk.write("priced.toml", settings(server.base_url))
    shown = dry(desk, *NAME, "--config", "priced.toml", "--max_tokens", 400)
    lines = [line.strip() for line in shown.splitlines()]
    at = lines.index("translation 5 requests into zh, ja, es, de, fr, ko, ar")
    assert "if pairs are like those of the examples" in lines[at + 1]
    prompt, completion, part = map(float, re.findall(r"\d+(?:\.\d+)?", lines[at + 1]))
    most_prompt, most_completion = map(float, re.findall(r"\d+", lines[at + 2]))
    # The example's pair has some ten tokens: each of seven languages says them, in JSON.
    assert 5 * 7 * 10 < completion < 5 * 7 * 30
    assert part == pytest.approx((prompt * 2 + completion * 8) / 1e6, abs=1e-4)
    assert most_prompt > prompt
    assert most_completion > 5 * 400
    without = dry(desk, *NAME, "--config", "priced.toml", "--languages", "none")
    assert "translation none" in without
    usual, most = figures("cost", shown)
    assert usual == pytest.approx(figures("cost", without)[0] + part, abs=2e-4)
    generated = (figures("prompt", shown)[0] * 2 + 5 * 400 * 8) / 1e6
    translated = (most_prompt * 2 + most_completion * 8) / 1e6
    assert most == pytest.approx(generated + translated, abs=1e-4)
    assert figures("translation", dry(desk, *NAME, "--languages", "de"))[0] == 5
    assert server.log.requests == 0


def test_pairs_that_are_there_are_counted(desk: Any, server: ScriptedServer) -> None:
    """A data set that brings its pairs is asked about none; tokens are near those then billed."""
    pairs = [
        {"instruction": f"What stands on the red table number {n}?", "answer": f"It is vase {n}."}
        for n in range(20)
    ]
    desk.write("pairs.jsonl", "\n".join(json.dumps(pair) for pair in pairs))
    (desk.root / "datasets/translate.py").write_bytes(TRANSLATE.read_bytes())
    desk.write("priced.toml", settings(server.base_url))
    name = ("--name", "Translation.translate", "-in", "pairs.jsonl", "--output_dir", "out")
    words = (*name, "--config", "priced.toml", "--languages", "de,zh")
    shown = dry(desk, *words)
    assert "brings its pairs" in shown
    requests = figures("translation", shown)[0]
    (line,) = [line for line in shown.splitlines() if "tokens of prompt" in line]
    prompt, completion = map(int, re.findall(r"(\d+) (?:tokens )?of \w", line)[:2])
    assert run_app(["run", *map(str, words)], root=desk.root) == 0
    assert server.log.requests == requests
    meta = desk.read("out/meta.json")
    assert prompt == pytest.approx(meta["prompt_tokens"], rel=0.4)
    assert completion == pytest.approx(meta["completion_tokens"], rel=0.6)


@pytest.mark.parametrize("count", [10**6, 10**15])
def test_any_bound_on_tokens_can_be_shown(desk: Any, server: ScriptedServer, count: int) -> None:
    """The most that a run may take is reckoned, not written out."""
    flags = ("--base_url", server.base_url, "--model", "m", "--max_tokens", count)
    assert f"{5 * count} at most" in dry(desk, *NAME, *flags)


def test_items_that_are_left_out_are_shown(desk: Any, server: ScriptedServer) -> None:
    """Before anything is paid for, one line says which they are and why."""
    items = [{"id": "a", "sentences": "A boat."}, {"id": "b", "skip": "the photo is torn"}]
    desk.write("photos.json", items)
    done = desk.main(*NAME, "--base_url", server.base_url, "--model", "m", "--dry_run")
    assert done.status == 0, done.err
    assert figures("queries", done.out) == [1]
    assert "left out    1 items\n            item 2 (b) is left out: the photo is torn" in done.out
    ran = desk.main(*NAME, "--base_url", server.base_url, "--model", "m", "--output_dir", "out")
    assert ran.status == 0, ran.err
    assert "left out  1\n" in ran.out
    assert "item 2 (b) is left out: the photo is torn" in ran.err


SEER = """
from syphus import AbstractDataset

class Seer(AbstractDataset):
    def _load_query_inputs(self):
        return [{"id": f"q{k}", "sentences": f"Photo {k}."} for k in range(3)]

    def _load_prefix(self):
        return {"system_message": "Write pairs.", "in_context": []}

    def sent_images(self, query):
        return ["photo.png"] if query.id != "q2" else ["photo.png", "none.png"]
"""


def test_images_are_counted_and_what_cannot_be_sent_is_said(
    desk: Any, server: ScriptedServer
) -> None:
    """How many, how large, their tokens as part of the prompt's, and the query that won't go."""
    image = pytest.importorskip("PIL.Image").new("RGB", (1200, 900), "red")
    image.save(desk.root / "photo.png")
    desk.write("datasets/seer.py", SEER)
    flags = ("--base_url", server.base_url, "--model", "gpt-4o", "--languages", "none")
    done = desk.call("run", "--name", "Seer.seer", *flags, "--dry_run")
    assert done.status == 0, done.err
    assert figures("queries", done.out) == [2]
    assert figures("images", done.out)[:3] == [2, 768, 576]
    assert f"{2 * 765} tokens" in done.out
    assert figures("not asked", done.out) == [1]
    assert "q2: none.png is no file" in done.out
    assert figures("prompt", done.out)[0] > 2 * 765
    assert server.log.requests == 0


def test_that_no_query_has_its_images_is_said(desk: Any, server: ScriptedServer) -> None:
    """The texts are there, so the line names what is missing."""
    pytest.importorskip("PIL.Image")
    desk.write("datasets/seer.py", SEER)
    done = desk.call("run", "--name", "Seer.seer", "--base_url", server.base_url, "--dry_run")
    assert done.status == 2
    assert "no query can be asked" in done.err
    assert "photo.png is no file" in done.err
    assert "text" not in done.err
