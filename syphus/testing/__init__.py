"""A scripted OpenAI-compatible server, for tests and measurements without a provider.

`ScriptedServer` runs in a thread; `python -m syphus.testing` runs as a process. It answers chat
completions, and takes them in files and batches too.
"""

from syphus.testing.answers import draw_answer
from syphus.testing.batch_log import BatchLog, BatchSeen, LineSeen
from syphus.testing.batch_script import BatchEnding, Batches, BatchProblem, RouteFault
from syphus.testing.faults import FAULT_KINDS, Fault, FaultKind
from syphus.testing.log import Log, QuerySeen
from syphus.testing.script import Answer, LimitChange, Limits, Script
from syphus.testing.server import ScriptedServer

__all__ = [
    "FAULT_KINDS",
    "Answer",
    "BatchEnding",
    "BatchLog",
    "BatchProblem",
    "BatchSeen",
    "Batches",
    "Fault",
    "FaultKind",
    "LimitChange",
    "Limits",
    "LineSeen",
    "Log",
    "QuerySeen",
    "RouteFault",
    "Script",
    "ScriptedServer",
    "draw_answer",
]
