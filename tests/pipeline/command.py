"""The command line as a process, for tests that kill it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@contextmanager
def started(root: Path, settings: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process."""
    flags = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *flags, "--no_progress"],
        cwd=root,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
