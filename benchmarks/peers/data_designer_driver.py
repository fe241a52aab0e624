"""NVIDIA's data-designer: seed rows and one text column; it saves its own artifacts."""

from __future__ import annotations

import os
from pathlib import Path

os.environ |= {"NEMO_TELEMETRY_ENABLED": "false", "HF_HUB_OFFLINE": "1"}

import data_designer.config as dd
import pandas as pd
from data_designer.interface import DataDesigner
from task import read_task


def main() -> None:
    """Asks all; the examples stand in the system prompt, for a column has no other place."""
    task = read_task()
    folder = Path(task.folder)
    provider = dd.ModelProvider(
        name="local", endpoint=task.url, provider_type="openai", api_key="none"
    )
    designer = DataDesigner(artifact_path=folder / "artifacts", model_providers=[provider])
    model = dd.ModelConfig(
        alias="asked",
        model=task.model,
        provider="local",
        inference_parameters=dd.ChatCompletionInferenceParams(
            max_tokens=task.max_tokens,
            temperature=task.temperature,
            max_parallel_requests=task.in_flight,
        ),
        skip_health_check=True,
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.with_seed_dataset(dd.DataFrameSeedSource(df=pd.DataFrame({"text": list(task.texts())})))
    builder.add_column(
        dd.LLMTextColumnConfig(
            name="answer",
            model_alias="asked",
            system_prompt="\n\n".join(turn["content"] for turn in task.prefix),
            prompt="{{ text }}",
        )
    )
    designer.set_run_config(
        dd.RunConfig(max_in_flight_tasks=max(1024, 2 * task.in_flight), otel_metrics_port=None)
    )
    designer.create(builder, num_records=task.queries, dataset_name="bench")


if __name__ == "__main__":
    main()
