"""A scripted OpenAI-compatible server, for tests and measurements without a provider.

`ScriptedServer` runs in a thread; `python -m syphus.testing` runs as a process.
"""

from syphus.testing.answers import draw_answer
from syphus.testing.log import Log, QuerySeen
from syphus.testing.script import (
    FAULT_KINDS,
    Answer,
    Fault,
    FaultKind,
    LimitChange,
    Limits,
    Script,
)
from syphus.testing.server import ScriptedServer

__all__ = [
    "FAULT_KINDS",
    "Answer",
    "Fault",
    "FaultKind",
    "LimitChange",
    "Limits",
    "Log",
    "QuerySeen",
    "Script",
    "ScriptedServer",
    "draw_answer",
]
