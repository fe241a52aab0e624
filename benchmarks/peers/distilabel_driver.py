"""distilabel: a pipeline of a list and a chat task; the result is saved as its users do."""

from __future__ import annotations

import os

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "DISTILABEL_LOG_LEVEL": "WARNING"}

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import ChatGeneration
from task import read_task


def main() -> None:
    """Asks all and saves the data set. It asks in batches: one batch is what is in flight."""
    task = read_task()
    rows = [{"messages": task.messages(text)} for text in task.texts()]
    with Pipeline(name="bench", cache_dir=f"{task.folder}/distilabel") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=task.in_flight)
        ask = ChatGeneration(
            llm=OpenAILLM(
                model=task.model,
                base_url=task.url,
                api_key="none",
                generation_kwargs={
                    "max_new_tokens": task.max_tokens,
                    "temperature": task.temperature,
                },
            ),
            input_batch_size=task.in_flight,
        )
        load >> ask
    answers = pipeline.run(use_cache=False)
    answers["default"]["train"].to_json(str(task.results))


if __name__ == "__main__":
    main()
