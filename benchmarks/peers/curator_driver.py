"""bespokelabs-curator: one LLM over a data set; it keeps its own files of requests and replies."""

from __future__ import annotations

import os
from pathlib import Path
from sysconfig import get_path

# Read when curator is imported. tiktoken would fetch the vocabulary that curator counts by, but
# litellm, which curator brings, holds it.
os.environ |= {
    "TIKTOKEN_CACHE_DIR": str(Path(get_path("purelib"), "litellm/litellm_core_utils/tokenizers")),
    "TELEMETRY_ENABLED": "false",
    "CURATOR_DISABLE_CACHE": "true",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "CURATOR_VIEWER": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPENAI_API_KEY": "none",
}

from typing import Any

from bespokelabs import curator
from task import Task, read_task

_NO_LIMIT = 10**9


class Asker(curator.LLM):  # type: ignore[misc]  # without its types here
    """Asks a row's question after the shared conversation."""

    task: Task

    def prompt(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """The conversation of a row."""
        return self.task.messages(row["text"])

    def parse(self, row: dict[str, Any], response: str) -> dict[str, Any]:
        """The row of the resulting data set."""
        return {"text": row["text"], "answer": response}


def main() -> None:
    """Asks all and saves the data set."""
    task = read_task()
    Asker.task = task
    asker = Asker(
        model_name=task.model,
        backend="openai",
        generation_params={"max_tokens": task.max_tokens, "temperature": task.temperature},
        backend_params={
            "base_url": task.url,
            "api_key": "none",
            "max_concurrent_requests": task.in_flight,
            "max_requests_per_minute": _NO_LIMIT,
            "max_tokens_per_minute": _NO_LIMIT,
        },
    )
    questions = [{"text": text} for text in task.texts()]
    answers = asker(questions, working_dir=f"{task.folder}/curator").dataset
    answers.to_json(str(task.results))


if __name__ == "__main__":
    main()
