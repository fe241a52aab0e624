"""Reading a prompt file, as data sets do that don't say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syphus.core.errors import PromptError
from syphus.core.reading import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_prompt(path: Any) -> Mapping[str, Any]:
    """What the JSON file at `path` says; `syphus.prompting.prefix` checks it.

    Raises PromptError where no file is named, and what `read_json` raises.
    """
    if path is None:
        raise PromptError(
            "no prompt file is named: --prompt_path sets it, or prompt_path in the class"
        )
    prompt: Mapping[str, Any] = read_json(path)
    return prompt
