"""Tokens that a translated pair costs: pairs of a query together, or one request for each text.

    python benchmarks/translation_tokens.py --annotations ../shared/data/spot_the_diff_val.json

The pairs are three a query, drawn from the annotations' words as the scripted server draws them.
Nothing is sent, so the lengths of the translations are assumed: the source's tokens times a ratio
for each language, measured on the prompt's example or (`--ratios django`) on the message
catalogues of Django, where it is installed, for messages of 20 characters or more.

The other way is one request for each pair and language, with the same system message and the first
pair of the same example in that one language. "Weighted" counts prompt tokens of the shared prefix
half, as OpenAI charges those that its cache serves. It does so for both ways, although the cache
keeps only prefixes of 1,024 tokens or more, the schema of the response format included
(https://platform.openai.com/docs/guides/prompt-caching); the schema's tokens are shown beside and
are in no other column. Tokens are those of o200k_base.
"""

from __future__ import annotations

import argparse
import gettext
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from syphus.core.identity import canonical_json
from syphus.core.reading import read_json
from syphus.prompting.tokens import TOKENS_PER_MESSAGE, TOKENS_PER_REPLY, TokenCounter
from syphus.replies import parse_reply
from syphus.testing import draw_answer
from syphus.translation.chunks import chunk_pairs
from syphus.translation.prompt import load_example, load_prefix
from syphus.translation.request import write_request
from syphus.translation.shape import FIELDS, response_format
from syphus.translation.values import Chunk, SourcePair

PAIRS_PER_QUERY = 3
CACHED_PRICE = 0.5
LOCALES = {
    "ar": "ar",
    "de": "de",
    "es": "es",
    "fr": "fr",
    "ja": "ja",
    "ko": "ko",
    "zh": "zh_Hans",
}
SHORTEST_MESSAGE = 20

Count = Callable[[str], int]


@dataclass(slots=True)
class Bill:
    """Tokens of many requests."""

    requests: int = 0
    texts: int = 0
    prefix: int = 0
    prompt: int = 0
    completion: int = 0
    schema: int = 0

    def add(self, chunk: Chunk, *, prefix: int, count: Count, ratios: dict[str, float]) -> None:
        """Adds the request for a chunk."""
        self.requests += 1
        self.texts += len(chunk.pairs) * len(chunk.languages)
        self.prefix += prefix
        self.prompt += prefix + TOKENS_PER_REPLY + message_tokens(write_request(chunk), count)
        self.completion += completion_tokens(chunk, count, ratios)
        self.schema += count(response_format(chunk).decode())


def message_tokens(text: str, count: Count) -> int:
    """Tokens of one message, its frame and role included."""
    return TOKENS_PER_MESSAGE + 1 + count(text)


def completion_tokens(chunk: Chunk, count: Count, ratios: dict[str, float]) -> int:
    """Tokens of the reply: the JSON without its texts, and the texts by their source's length."""
    empty = dict.fromkeys(FIELDS, dict.fromkeys(chunk.languages, ""))
    places = (str(place) for place in range(1, len(chunk.pairs) + 1))
    around = canonical_json(dict.fromkeys(places, empty)).decode()
    return count(around) + sum(
        round(count(getattr(pair, name)) * ratios[code])
        for pair in chunk.pairs
        for name in FIELDS
        for code in chunk.languages
    )


def example_ratios(count: Count) -> dict[str, float]:
    """Target tokens for each source token, over the four texts of the prompt's example."""
    chunk, translations = load_example()
    source = sum(count(getattr(pair, name)) for pair in chunk.pairs for name in FIELDS)
    target: Counter[str] = Counter()
    for each in (one for translated in translations for one in translated):
        target[each.language] += sum(count(getattr(each, name)) for name in FIELDS)
    return {code: tokens / source for code, tokens in target.items()}


def django_messages(locale: str) -> Iterator[tuple[str, str]]:
    """English messages of Django and their translations."""
    spec = find_spec("django")
    if spec is None or spec.origin is None:
        raise SystemExit("--ratios django: Django is not installed")
    for path in sorted(Path(spec.origin).parent.glob(f"**/locale/{locale}/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            catalog: dict[Any, str] = vars(gettext.GNUTranslations(file))["_catalog"]
        for key, target in catalog.items():
            source = (key[0] if isinstance(key, tuple) else key).split("\x04")[-1]
            if len(source) >= SHORTEST_MESSAGE and target:
                yield source, target


def django_ratios(count: Count) -> dict[str, float]:
    """Target tokens for each source token, over Django's messages."""
    ratios = {}
    for code, locale in LOCALES.items():
        source = target = 0
        for message, translation in django_messages(locale):
            source += count(message)
            target += count(translation)
        ratios[code] = target / source
    return ratios


def draw_pairs(annotations: str) -> Iterator[list[SourcePair]]:
    """The pairs of each query that has a text."""
    for item in read_json(annotations):
        text = "\n".join(item["sentences"])
        if not text.strip():
            continue
        messages = [{"role": "user", "content": text}]
        parsed = parse_reply(draw_answer(messages, {}, pairs=PAIRS_PER_QUERY))
        yield [
            SourcePair(number=number, instruction=pair.question, answer=pair.answer)
            for number, pair in enumerate(parsed.pairs, 1)
        ]


def single_prefixes(count: Count) -> dict[str, int]:
    """Tokens of the prefix that asks for one language, with one pair of the example."""
    system_message = load_prefix().system_message
    chunk, translations = load_example()
    prefixes = {}
    for each in translations[0]:
        single = replace(chunk, pairs=chunk.pairs[:1], languages=(each.language,))
        reply = {"1": {name: {each.language: getattr(each, name)} for name in FIELDS}}
        texts = (system_message, write_request(single), canonical_json(reply).decode())
        prefixes[each.language] = sum(message_tokens(text, count) for text in texts)
    return prefixes


def print_table(rows: dict[str, Bill]) -> None:
    """Tokens for each translated pair and language."""
    print(
        f"{'':30}{'requests':>9}{'prompt':>9}{'completion':>11}{'total':>8}{'weighted':>9}"
        f"{'schema':>8}"
    )
    for name, bill in rows.items():
        weighted = bill.prompt + bill.completion - bill.prefix * (1 - CACHED_PRICE)
        figures = (bill.prompt, bill.completion, bill.prompt + bill.completion, weighted)
        prompt, completion, total, cached = (figure / bill.texts for figure in figures)
        print(
            f"{name:30}{bill.requests:9,}{prompt:9.1f}{completion:11.1f}{total:8.1f}{cached:9.1f}"
            f"{bill.schema / bill.texts:8.1f}"
        )


def main() -> None:
    """Counts both ways and prints them."""
    parser = argparse.ArgumentParser(description="Tokens for each translated pair and language.")
    parser.add_argument("--annotations", default="../shared/data/spot_the_diff_val.json")
    parser.add_argument("--ratios", choices=("example", "django"), default="example")
    options = parser.parse_args()
    counter = TokenCounter("gpt-4o")
    if not counter.is_exact:
        raise SystemExit("the vocabulary of o200k_base can't be loaded")
    count = counter.count
    ratios = example_ratios(count) if options.ratios == "example" else django_ratios(count)
    prefix = load_prefix()
    texts = (prefix.system_message, *(turn.content for turn in prefix.in_context))
    shared = sum(message_tokens(text, count) for text in texts)
    single = single_prefixes(count)
    together, apart = Bill(), Bill()
    queries = pairs = source = 0
    for drawn in draw_pairs(options.annotations):
        queries += 1
        pairs += len(drawn)
        source += sum(count(getattr(pair, name)) for pair in drawn for name in FIELDS)
        for chunk in chunk_pairs(drawn, languages=LOCALES, count_tokens=count):
            together.add(chunk, prefix=shared, count=count, ratios=ratios)
        for pair in drawn:
            for code in LOCALES:
                chunk = Chunk(pairs=(pair,), languages=(code,))
                apart.add(chunk, prefix=single[code], count=count, ratios=ratios)
    said = ", ".join(f"{code} {ratio:.2f}" for code, ratio in sorted(ratios.items()))
    print(f"{queries:,} queries, {pairs:,} pairs, {source / pairs:.1f} source tokens a pair")
    print(f"tokens for each source token, measured on {options.ratios}: {said}")
    print(
        f"shared prefix: {shared} tokens for all languages, "
        f"{sum(single.values()) / len(single):.0f} for one"
    )
    print(
        f"the same with the schema: {shared + together.schema / together.requests:.0f} and "
        f"{(sum(single.values()) / len(single)) + apart.schema / apart.requests:.0f}"
    )
    print("tokens for each translated pair and language:")
    print_table({"a query's pairs, all languages": together, "one request for each": apart})
    for name, ours, theirs in (
        ("total", together.prompt + together.completion, apart.prompt + apart.completion),
        ("prompt", together.prompt, apart.prompt),
    ):
        print(f"{name}: {theirs / ours:.1f} times as many tokens with one request for each")


if __name__ == "__main__":
    main()
