"""The data card of a Hugging Face data set: what is in it, and how it was made.

Its head is YAML, in which every text is written as JSON writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syphus.core.durable import dump
from syphus.core.languages import LANGUAGES
from syphus.export.editions import ENGLISH
from syphus.export.run_file import count_unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syphus.core.records import Stage

# The classes that the Hub knows: more than the number before it, less than this one.
_SIZES = {
    1_000: "n<1K",
    10_000: "1K<n<10K",
    100_000: "10K<n<100K",
    1_000_000: "100K<n<1M",
    10_000_000: "1M<n<10M",
    100_000_000: "10M<n<100M",
}
_LARGEST = "100M<n<1B"
_FEATURES = """\
  features:
  - name: id
    dtype: string
  - name: language
    dtype: string
  - name: instruction
    dtype: string
  - name: answer
    dtype: string
  - name: image_ids
    sequence: string
  - name: rel_ins_ids
    sequence: string"""
_ABOUT = """\
Instruction-response pairs for training vision-language models, in the fields of
[MIMIC-IT](https://arxiv.org/abs/2306.05425). A language model wrote them from annotations of the
images; it didn't necessarily see these."""
_LOADING = """\
```python
from datasets import load_dataset

load_dataset("THIS_FOLDER", split="train")  # all languages
load_dataset("THIS_FOLDER", "{language}", split="train")  # one of them
```"""
_OTHER_TERMS = (
    "The terms of the annotations, of the images and of the model's provider hold besides."
)
_COLUMNS = """\
| column | what it holds |
|---|---|
| `id` | the instruction's id, the same in every language |
| `language` | ISO 639-1 code; `zh` is Simplified Chinese |
| `instruction`, `answer` | the pair |
| `image_ids` | the images that the pair is about; the images themselves aren't part of this |
| `rel_ins_ids` | ids of related pairs, of the same language |"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The pairs of one language: their file, their number, and what they take."""

    file: str
    pairs: int
    bytes_on_disk: int
    bytes_in_memory: int


def data_card(
    facts: Mapping[str, Any],
    *,
    parts: Mapping[str, Part],
    models: Mapping[Stage, Sequence[str]],
    licence: str,
) -> str:
    """The text of `README.md`; `facts` is what `run.json` says, `parts` by language.

    `models` are those of each stage's replies, where that is known.
    """
    title = _line(f"{facts['name']} {facts['dataset_version']}")
    sections = [
        "\n".join(("---", *_head(title, parts, licence), "---")),
        f"# {title}",
        _ABOUT,
        _languages(parts),
        _LOADING.format(language=next(iter(parts))),
        _COLUMNS,
        "## How it was made",
        "\n".join(f"- {what}: {value}" for what, value in _making(facts, models, parts)),
        "## Licence",
        f"`{licence}`. {_OTHER_TERMS}",
    ]
    return "\n\n".join(sections) + "\n"


def _head(title: str, parts: Mapping[str, Part], licence: str) -> Iterator[str]:
    configs = {"default": list(parts.values()), **{code: [part] for code, part in parts.items()}}
    yield f"pretty_name: {_quoted(title)}"
    yield f"license: {_quoted(licence)}"
    yield from _listed("language", parts)
    yield from _listed("multilinguality", ["multilingual" if len(parts) > 1 else "monolingual"])
    yield from _listed("size_categories", [_size(sum(part.pairs for part in parts.values()))])
    yield from _listed("task_categories", ["visual-question-answering", "image-text-to-text"])
    yield from _listed("annotations_creators", ["machine-generated"])
    yield from _listed("language_creators", ["machine-generated"])
    yield from _listed("tags", ["mimic-it", "instruction-tuning", "synthetic", "syphus"])
    yield "configs:"
    for name, found in configs.items():
        yield from _config(name, found)
    yield "dataset_info:"
    for name, found in configs.items():
        yield from _info(name, found)


def _listed(name: str, values: Iterable[str]) -> Iterator[str]:
    yield f"{name}:"
    for value in values:
        yield f"- {_quoted(value)}"


def _config(name: str, parts: Sequence[Part]) -> Iterator[str]:
    yield f"- config_name: {_quoted(name)}"
    if name == "default":
        yield "  default: true"
    yield "  data_files:\n  - split: train\n    path:"
    for part in parts:
        yield f"    - {_quoted(part.file)}"


def _info(name: str, parts: Sequence[Part]) -> Iterator[str]:
    """What `load_dataset` checks and tells; it warns of a card without one of these fields."""
    pairs = sum(part.pairs for part in parts)
    in_memory = sum(part.bytes_in_memory for part in parts)
    yield f"- config_name: {_quoted(name)}\n{_FEATURES}"
    yield f"  splits:\n  - name: train\n    num_bytes: {in_memory}\n    num_examples: {pairs}"
    yield f"  download_size: {sum(part.bytes_on_disk for part in parts)}"
    yield f"  dataset_size: {in_memory}"


def _size(total: int) -> str:
    return next((name for bound, name in _SIZES.items() if total < bound), _LARGEST)


def _languages(parts: Mapping[str, Part]) -> str:
    rows = ["| language | pairs |", "|---|---|"]
    for code, part in parts.items():
        name = "English" if code == ENGLISH else LANGUAGES[code].name
        rows.append(f"| {name} (`{code}`) | {part.pairs:,} |")
    return "\n".join(rows)


def _making(
    facts: Mapping[str, Any], models: Mapping[Stage, Sequence[str]], languages: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """What is known of it, and nothing of the machine it was made on."""
    counts = facts["counts"]
    yield "data set", f"`{_line(facts['name'])}`, version `{_line(facts['dataset_version'])}`"
    writers, translators = models.get("generate"), models.get("translate")
    yield "model", _code(writers or _models(facts))
    if translators and set(languages) - {ENGLISH}:
        yield "translated by", _code(translators)
    if facts.get("judge_model") and facts["settings"].get("judge"):
        yield "judge", f"`{_line(facts['judge_model'])}`"
    yield "prompt", f"SHA-256 `{_line(facts['prompt_hash'])}`"
    none = f"{counts['invalid']:,} gave none that passed the checks, {counts['failed']:,} no reply"
    yield "annotations", f"{counts['read']:,}: {counts['valid']:,} gave pairs, {none}"
    if facts["state"] != "finished":
        open_ones = count_unanswered(facts)
        yield "not finished", f"this is a part; {open_ones:,} annotations weren't asked about yet"
    sent = f"{counts['prompt_tokens']:,} in prompts"
    yield "tokens", f"{sent}, {counts['completion_tokens']:,} in replies"
    yield "begun", _line(facts["started"])
    if facts.get("resumed"):
        yield "last resumed", _line(facts["resumed"])
    yield "made by", f"Syphus {_line(facts.get('syphus', ''))}".strip()


def _code(texts: Iterable[str]) -> str:
    return ", ".join(f"`{_line(each)}`" for each in texts)


def _models(facts: Mapping[str, Any]) -> list[str]:
    """For want of a journal: who was asked for pairs, and the last sitting's, also translators."""
    deployments = facts.get("deployments")
    others = deployments if isinstance(deployments, list) else []
    named = [facts["model"], facts["settings"].get("model")]
    named += [each.get("model") for each in others if isinstance(each, dict)]
    judge = facts.get("judge_model")
    wrote = [each for each in named if each and (each != judge or judge == facts["model"])]
    return list(dict.fromkeys(map(str, wrote)))


def _line(value: object) -> str:
    return " ".join(str(value).replace("`", "'").split())


def _quoted(text: str) -> str:
    return dump(text).decode()
