"""Seconds and peak memory of `syphus validate` on an instruction file of a given size.

    python benchmarks/validation.py [--mib 1024] [--damage]

The folder has the instructions, which name nine others and an image each, their train file and an
image file. `--damage` breaks one related id in the middle, so that the file is read twice, and
drops it with --fix, which is timed too.
"""

from __future__ import annotations

import argparse
import base64
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

SOURCE = 10
TEXT = "What does the person in the red coat do before the second box is lifted? " * 4
MIB = 1 << 20
COMMAND = "from syphus.cli import main; main(command='validate')"


def related(number: int) -> list[str]:
    """The ids of the others of the same image."""
    first = number - number % SOURCE
    return [f"BM_INS_{other:05d}" for other in range(first, first + SOURCE) if other != number]


def write_folder(folder: Path, size: int, *, damage: bool) -> int:
    """Writes files of which the instructions have at least `size` bytes; says how many pairs."""
    image = base64.b64encode(bytes(range(256)) * 4).decode()
    number = 0
    with (
        (folder / "BM_instructions.json").open("wb") as instructions,
        (folder / "BM_train.json").open("wb") as train,
        (folder / "BM.json").open("wb") as images,
    ):
        instructions.write(b'{"meta":{"version":"v1","time":"","author":""},\n"data":{\n')
        while instructions.tell() < size or number % SOURCE:
            comma = b",\n" if number else b""
            name = orjson.dumps(f"BM_INS_{number:05d}")
            image_id = f"BM_IMG_{number // SOURCE:06d}"
            others = related(number)
            if damage and number and instructions.tell() > size // 2:
                others[0], damage = "BM_INS_GONE", False
            entry: dict[str, Any] = {"instruction": TEXT, "answer": TEXT, "image_ids": [image_id]}
            entry["rel_ins_ids"] = others
            instructions.write(comma + name + b":" + orjson.dumps(entry))
            train.write((comma or b"{") + name + b":" + orjson.dumps(related(number)))
            if number % SOURCE == 0:
                images.write((comma or b"{") + orjson.dumps(image_id) + b':"')
                images.write(image.encode() + b'"')
            number += 1
        instructions.write(b"\n}}\n")
        train.write(b"}\n")
        images.write(b"}\n")
    return number


def validate(folder: Path, *flags: str) -> str:
    """Runs the command; says what it took, and its last line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    ended = subprocess.run(  # noqa: S603 - a command of our own
        [sys.executable, "-c", COMMAND, folder, *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begin
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    said = (ended.stdout or ended.stderr).splitlines()[-1]
    peak = used.ru_maxrss / 1024
    return f"{seconds:.1f} s, {processor:.1f} s of processor, peak {peak:.0f} MiB: {said}"


def main() -> None:
    """Prints one line a run."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--mib", type=int, default=1024)
    arguments.add_argument("--damage", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = write_folder(folder, given.mib * MIB, damage=given.damage)
        size = sum(each.stat().st_size for each in folder.iterdir()) / MIB
        print(f"{pairs} pairs, {given.mib} MiB of instructions, {size:.0f} MiB in all")
        for flags in ([], ["--fix"]) if given.damage else ([],):
            print(f"{' '.join(flags) or 'check'}: {validate(folder, *flags)}")


if __name__ == "__main__":
    main()
