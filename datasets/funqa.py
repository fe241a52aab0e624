"""Surprising videos: FunQA's descriptions and reasons, translated, as a quiz, as a dialogue."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, model_serializer

from syphus import AbstractDataset, stream_json
from syphus.plugins.sampling import dice_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syphus.core.records import Query

_LETTERS = "ABCDE"
_FEWEST_OPTIONS = 3
_DESCRIPTION, _REASON = "2", "3"
# Where records have no "task", as those that MIMIC-IT was made of, these are their instructions.
# The published ones have a task, and put the same question in many other words.
_TASKS = (
    (re.compile(r"find the videos \w+ moment"), "1"),
    (re.compile(r"description of the videos \w+ moment"), _DESCRIPTION),
    (re.compile(r"why is the whole video \w+"), _REASON),
    (re.compile(r"please provide a caption for the video"), "4"),
    (re.compile(r"please score the videos \w+ in"), "5"),
)
_NO_LETTER = re.compile(r"[^a-z ]")
_IN_WORDS = (_DESCRIPTION, _REASON, "4")


class _Pair(BaseModel):
    """A question and its answer."""

    question: str
    answer: str


class _Rephrased(BaseModel):
    """A pair in English, and the same in five other ways."""

    translation: _Pair
    rephrasings: list[_Pair] = Field(min_length=5, max_length=5)


class _Choice(BaseModel):
    """A question with five options, of which one is right."""

    question: str
    right_option: str
    wrong_options: list[str] = Field(min_length=4, max_length=4)

    @model_serializer
    def as_pair(self) -> dict[str, str]:
        """The options in an order drawn by the question, so that no letter is right more often.

        An option that comes twice is offered once. Where fewer than three are left there is no
        answer: that question is rejected, not the quiz.
        """
        different: dict[str, str] = {}
        for option in map(str.strip, [self.right_option, *self.wrong_options]):
            different.setdefault(option.lower(), option)
        options = [option for option in different.values() if option]
        right = self.right_option.strip()
        is_choice = right in options and len(options) >= _FEWEST_OPTIONS
        dice_for(self.question).shuffle(options)
        lines = [f"{letter}. {option}" for letter, option in zip(_LETTERS, options, strict=False)]
        answer = lines[options.index(right)] if is_choice else ""
        return {"question": "\n".join([self.question, *lines]), "answer": answer}


class _Quiz(BaseModel):
    """Five questions about one video."""

    questions: list[_Choice] = Field(min_length=5, max_length=5)


class FunQATranslation(AbstractDataset):
    """Surprising videos: a Chinese annotation in English, and five rephrasings (FunQA).

    The file is [{"instruction", "visual_input", "output"}, ...], optionally with "task" (H2, C3,
    M2, ...), its outputs in Chinese. Times and scores aren't asked about.
    """

    short = "FunQA"
    prompt_path = "prompts/funqa_translation.json"
    query_inputs_path = "datasets/samples/funqa_chinese.json"
    response_model = _Rephrased
    # Five rephrasings are nearly the same by design.
    quality_skips = ("near_in_source",)

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        for record in _read_records(path):
            if "skip" in record:
                yield record
            elif record["task"] in _IN_WORDS:
                text = f"Question: {record['instruction']}\nAnswer: {record['output']}"
                yield {"id": f"{record['id']}_{record['task']}", "sentences": text}

    def image_ids(self, query: Query) -> Sequence[str]:
        """The video, without the task that the query's id has behind it."""
        return (f"{self.short}_IMG_{query.source_id.rpartition('_')[0]}",)


class FunQAMultipleChoice(AbstractDataset):
    """Surprising videos: five questions with five options each (FunQA).

    The file is that of FunQATranslation, in English. A video's description and the reason why it
    surprises are shown; of several in other words one, drawn by the video's id.
    """

    short = "FunQA_MC"
    prompt_path = "prompts/funqa_mcqa.json"
    query_inputs_path = "datasets/samples/funqa.json"
    response_model = _Quiz

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        return _describe_videos(path)

    def image_ids(self, query: Query) -> Sequence[str]:
        """The video, under the name that all of FunQA's data sets share."""
        return (f"FunQA_IMG_{query.source_id}",)


class FunQADialogue(AbstractDataset):
    """Surprising videos: a dialogue from what is seen to why, and what may follow (FunQA).

    The file is that of FunQAMultipleChoice.
    """

    short = "FunQA_DIA"
    relations = "previous_turns"
    prompt_path = "prompts/funqa_dia.json"
    query_inputs_path = "datasets/samples/funqa.json"

    def _load_query_inputs(self, path: str) -> Iterator[dict[str, Any]]:
        return _describe_videos(path)

    def image_ids(self, query: Query) -> Sequence[str]:
        """The video, under the name that all of FunQA's data sets share."""
        return (f"FunQA_IMG_{query.source_id}",)


def _describe_videos(path: str) -> Iterator[dict[str, Any]]:
    videos: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for record in _read_records(path):
        if "skip" in record:
            yield record
        else:
            videos[record["id"]][record["task"]].append(record["output"])
    for name, tasks in videos.items():
        if not tasks[_DESCRIPTION] or not tasks[_REASON]:
            what = "reason why it surprises" if tasks[_DESCRIPTION] else "description"
            yield {"id": name, "skip": f"the video has no {what}"}
            continue
        dice = dice_for(name)
        yield {
            "id": name,
            "sentences": f"Description: {dice.choice(tasks[_DESCRIPTION])}\n"
            f"Why it surprises: {dice.choice(tasks[_REASON])}",
        }


def _read_records(path: str) -> Iterator[dict[str, Any]]:
    """The records with the video as id and the task's number; those with a fault to be skipped."""
    for number, entry in enumerate(stream_json(path), 1):
        fields = entry if isinstance(entry, dict) else {}
        video, instruction = fields.get("visual_input"), fields.get("instruction")
        if not isinstance(video, str) or not video:
            yield {"id": "", "skip": f"record {number} has no visual_input"}
            continue
        name = PurePosixPath(video).stem
        output = fields.get("output")
        task = _find_task(fields.get("task"), instruction)
        if task is None or not isinstance(instruction, str):
            yield {
                "id": name,
                "skip": f"record {number} has neither a task nor a known instruction",
            }
        elif task in _IN_WORDS and not (isinstance(output, str) and output.strip()):
            yield {"id": name, "skip": f"record {number} has no output"}
        else:
            said = " ".join(str(output).split())
            yield {"id": name, "task": task, "instruction": instruction, "output": said}


def _find_task(task: Any, instruction: Any) -> str | None:
    if isinstance(task, str) and task[-1:] in set("12345"):
        return task[-1]
    words = instruction.lower() if isinstance(instruction, str) else ""
    words = _NO_LETTER.sub("", words).strip()
    return next((number for known, number in _TASKS if known.fullmatch(words)), None)
