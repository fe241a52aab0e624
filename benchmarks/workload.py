"""What the benchmarks ask: a folder with a generator plugin, and the same task for the peers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from syphus.backends.body import BodyWriter, Dialect
from syphus.core.identity import canonical_json
from syphus.core.records import Request, RequestShape, Sampling
from syphus.prompting.prefix import read_prefix

ROOT = Path(__file__).resolve().parent.parent
MODEL = "bench"
SAMPLING = Sampling(max_tokens=2048, temperature=0.7)
# {} is the number that makes each query another one.
TEXT = (
    "A woman in a red coat waits at a crossing in the rain, photograph number {}. Beside her a boy "
    "on a bicycle looks at the window of a bakery.\n"
    "Objects: woman, coat, umbrella, boy, bicycle, bakery, traffic light, puddle"
)
_PLUGIN = '''"""Queries made as they are asked for."""

from syphus import AbstractDataset
{imports}

class Bench(AbstractDataset):
    short = "BE"
    prompt_path = "prompts/bench.json"
{more}
    def _load_query_inputs(self):
        for number in range({queries}):
            yield {{"id": f"photo_{{number:07}}", "sentences": {text!r}.format(number)}}
'''
_STRUCTURED = """
from pydantic import BaseModel


class Pair(BaseModel):
    question: str
    answer: str


class Pairs(BaseModel):
    pairs: list[Pair]

"""
_FOREIGN = ("OPENAI_", "AZURE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHON")


def environment(home: Path) -> dict[str, str]:
    """This process's variables without those that point elsewhere; caches go to `home`."""
    kept = {
        name: value for name, value in os.environ.items() if not name.upper().startswith(_FOREIGN)
    }
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}


def read_prompt(padding: int = 0) -> dict[str, object]:
    """The sample's prompt, its system message made longer by `padding` characters."""
    prompt: dict[str, object] = json.loads((ROOT / "prompts" / "your_dataset.json").read_text())
    filling = " Be exact and say no more than is seen." * (padding // 39 + 1)
    prompt["system_message"] = f"{prompt['system_message']}{filling[:padding]}"
    return prompt


def make_folder(
    folder: Path, *, queries: int, structured: bool = False, padding: int = 0
) -> list[str | Path]:
    """Puts plugin and prompt into `folder`; returns the beginning of the command that asks."""
    (folder / "datasets").mkdir(parents=True)
    (folder / "prompts").mkdir()
    (folder / "prompts" / "bench.json").write_text(json.dumps(read_prompt(padding)))
    plugin = _PLUGIN.format(
        imports=_STRUCTURED if structured else "",
        more="    response_model = Pairs\n" if structured else "",
        queries=queries,
        text=TEXT,
    )
    (folder / "datasets" / "bench.py").write_text(plugin)
    return [
        *(sys.executable, ROOT / "main.py", "--name", "Bench.bench", "--model", MODEL),
        *("--languages", "none", "--no_progress", "--output_dir", folder / "out"),
    ]


def make_task(
    folder: Path, *, url: str, in_flight: int, queries: int, padding: int = 0
) -> dict[str, object]:
    """The same questions for a peer: see `peers/task.py`."""
    prefix = read_prefix(read_prompt(padding), where="the benchmark's prompt")
    turns = [{"role": turn.role, "content": turn.content} for turn in prefix.in_context]
    messages = [
        {"role": "system", "content": prefix.system_message},
        *turns,
        {"role": "user", "content": "{}"},
    ]
    request = Request(
        key="",
        identity="",
        query_id="",
        stage="generate",
        shape=RequestShape(model=MODEL, sampling=SAMPLING),
        messages=canonical_json(messages),
        prompt_tokens=0,
    )
    body = BodyWriter(MODEL, Dialect()).write(request).decode()
    head, tail = body.rsplit('"{}"', 1)
    return {
        "url": url,
        "model": MODEL,
        "in_flight": in_flight,
        "queries": queries,
        "prefix": messages[:-1],
        "text": TEXT,
        "max_tokens": SAMPLING.max_tokens,
        "temperature": SAMPLING.temperature,
        "folder": str(folder),
        "head": head,
        "tail": tail,
    }
