"""What judging and translating will take, before there are pairs.

Pairs that a data set brings are counted. Those that a model is to write are taken to be like those
of the in-context examples, and at most as many of them as fit into `max_tokens`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syphus.core.records import QuestionAnswer, Reply, Usage
from syphus.judging.division import TOKENS_A_PAIR, divide_pairs
from syphus.judging.prompt import load_prefix as judge_prefix
from syphus.judging.request import write_request as write_judge_request
from syphus.judging.values import Graded
from syphus.pipeline.verdicts import judge
from syphus.prompting.tokens import estimate_tokens
from syphus.translation.chunks import chunk_pairs, estimate_completion
from syphus.translation.prompt import load_prefix
from syphus.translation.request import write_request
from syphus.translation.values import SourcePair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from syphus.core.records import Pair
    from syphus.pipeline.plan import Plan
    from syphus.prompting.tokens import TokenCounter
    from syphus.translation.values import Chunk

    # From the pairs of one query to the load that they are.
    Weigh: TypeAlias = Callable[[Sequence[QuestionAnswer]], "Load"]

USUAL_COMPLETION = 300
# Where no example shows it: three pairs in a reply of the usual length.
_USUAL_PAIR = QuestionAnswer(question="word " * 20, answer="word " * 80)
_USUAL_PAIRS = 3
_LONGEST_WRITTEN = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests and their tokens; `most_completion` is `max_tokens` for each of them."""

    requests: int = 0
    prompt: int = 0
    completion: int = 0
    most_completion: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(
            requests=self.requests + other.requests,
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            most_completion=self.most_completion + other.most_completion,
        )

    def times(self, number: float) -> Load:
        """So many of them."""
        return Load(
            requests=math.ceil(self.requests * number),
            prompt=math.ceil(self.prompt * number),
            completion=math.ceil(self.completion * number),
            most_completion=math.ceil(self.most_completion * number),
        )


class Forecast:
    """Weighs translations into `languages`, divided over requests as a run would."""

    def __init__(self, plan: Plan, languages: tuple[str, ...], counter: TokenCounter) -> None:
        self._plan = plan
        self._languages = languages
        self._counter = counter
        self._prefix = load_prefix()
        self._prefix_tokens = counter.count_prefix(self._prefix)
        self._max_tokens = plan.translation_sampling.max_tokens or 0

    def of(self, pairs: Sequence[QuestionAnswer]) -> Load:
        """The load of the pairs of one query."""
        load = Load()
        for chunk in self._chunks(pairs):
            sizes = (
                estimate_completion(pair, chunk.languages, self._counter.count)
                for pair in chunk.pairs
            )
            load += Load(
                requests=1,
                prompt=self._prefix_tokens + self._counter.count_message(self._text(chunk)),
                completion=min(sum(sizes), self._max_tokens),
                most_completion=self._max_tokens,
            )
        return load

    def messages(self, pairs: Sequence[QuestionAnswer]) -> list[dict[str, Any]]:
        """The first request for `pairs`."""
        texts = [("system", self._prefix.system_message)]
        texts += [(turn.role, turn.content) for turn in self._prefix.in_context]
        texts += [("user", self._text(chunk)) for chunk in self._chunks(pairs)[:1]]
        return [{"content": text, "role": role} for role, text in texts]

    def _text(self, chunk: Chunk) -> str:
        return write_request(chunk, glossary=self._plan.glossary)

    def _chunks(self, pairs: Sequence[QuestionAnswer]) -> list[Chunk]:
        numbered = (
            SourcePair(number=number, instruction=pair.question, answer=pair.answer)
            for number, pair in enumerate(pairs, start=1)
        )
        return chunk_pairs(
            numbered,
            languages=self._languages,
            count_tokens=estimate_tokens,
            max_tokens=self._max_tokens,
        )


class JudgeForecast:
    """Weighs judgements, divided over requests as a run would.

    `shown` are the tokens of an annotation with its images, on average: each request has them.
    """

    def __init__(self, plan: Plan, counter: TokenCounter, *, shown: float) -> None:
        self._plan = plan
        self._counter = counter
        self._shared = counter.count_prefix(judge_prefix()) + shown
        self._max_tokens = plan.judge_sampling.max_tokens or 0

    def of(self, pairs: Sequence[QuestionAnswer]) -> Load:
        """The load of the pairs of one query."""
        load = Load()
        numbered = list(enumerate(pairs, start=1))
        for numbers in divide_pairs(
            numbered, count_tokens=estimate_tokens, max_tokens=self._max_tokens
        ):
            graded = Graded(
                task=self._plan.prefix.system_message,
                annotation="",
                pairs=tuple(pairs[number - 1] for number in numbers),
            )
            prompt = self._shared + self._counter.count_message(write_judge_request(graded))
            load += Load(
                requests=1,
                prompt=math.ceil(prompt),
                completion=min(len(numbers) * TOKENS_A_PAIR, self._max_tokens),
                most_completion=self._max_tokens,
            )
        return load


def weigh_usual(plan: Plan, weigh: Weigh, queries: int) -> Load:
    """The load of so many queries whose replies are like the examples."""
    examples = _examples(plan)
    loads = sum(map(weigh, examples), start=Load())
    return loads.times(queries / len(examples))


def weigh_most(plan: Plan, weigh: Weigh, queries: int, counter: TokenCounter) -> Load:
    """The load of so many queries whose replies are pairs like the examples', to the end."""
    pairs = [pair for example in _examples(plan) for pair in example]
    tokens = sum(counter.count(pair.question) + counter.count(pair.answer) for pair in pairs) or 1
    longest = plan.sampling.max_tokens or 0
    repeats = max(1, min(longest, _LONGEST_WRITTEN) // tokens)
    return weigh(pairs * repeats).times(queries * max(1.0, longest / (tokens * repeats)))


def _examples(plan: Plan) -> list[list[QuestionAnswer]]:
    """The pairs of each in-context answer; usual ones where none can be read."""
    found = []
    for turn in plan.prefix.in_context:
        if turn.role == "assistant":
            verdict = judge(plan.dataset, _as_reply(turn.content))
            if verdict.parsed is not None and verdict.parsed.pairs:
                found.append(list(verdict.parsed.pairs))
    return found or [[_USUAL_PAIR] * _USUAL_PAIRS]


def texts_of(pairs: Sequence[Pair]) -> list[QuestionAnswer]:
    """The texts of pairs that a data set brings."""
    return [QuestionAnswer(question=pair.instruction, answer=pair.answer) for pair in pairs]


def _as_reply(text: str) -> Reply:
    return Reply(
        text=text, finish_reason="stop", usage=Usage(), latency=0.0, deployment="", attempt=1
    )
