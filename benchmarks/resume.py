"""Resumes a run of a million replies of 4 KB: time to the first new request, memory, files.

    python benchmarks/resume.py                      4 GB of journal, 8 GB of outputs
    python benchmarks/resume.py --replies 100000 --cold

The journal is written beforehand, line by line through the journal's own encoder, for the queries
of a generator plugin; some queries are left unanswered. Then the same command is started as a user
would, and the server tells when the first new request arrives. `--cold` drops the journal from the
page cache first. All files are deleted at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import MEGABYTE, Cost, print_table, run, say, verdict
from serving import Server
from workload import environment, make_folder

REPLIES = 1_000_000
UNANSWERED = 1_000
REPLY_BYTES = 4096
MOST_SECONDS = 20.0
MOST_PEAK = 400.0
_WRITE = "--write_journal"
_BLOCK = 512
_WORDS = "The umbrella is red, and the puddle at the kerb reflects the traffic light. "


def write_journal(folder: Path, replies: int, pairs: int) -> None:
    """Writes the journal of a run in `folder` whose first `replies` queries are answered.

    Keys come from the plan and the assembler that the run itself will use.
    """
    from syphus.core.records import Reply, RequestShape, Usage  # noqa: PLC0415 - in the child only
    from syphus.core.settings import load_settings  # noqa: PLC0415
    from syphus.journal.format import encode_reply, encode_sent  # noqa: PLC0415
    from syphus.pipeline.plan import make_plan  # noqa: PLC0415
    from syphus.prompting.messages import Assembler  # noqa: PLC0415

    flags = {"name": "Bench.bench", "model": "bench", "base_url": "http://127.0.0.1:9/v1"}
    plan = make_plan(load_settings(flags), root=folder, env={})
    shape = RequestShape(model=plan.model, sampling=plan.sampling)
    assembler = Assembler(plan.prefix, shape, stage="generate")
    text = reply_text(pairs)
    usage = Usage(prompt_tokens=200, completion_tokens=len(text) // 4)
    now = time.time()
    journal = folder / "out" / "journal"
    journal.mkdir(parents=True)
    with (journal / "generate.jsonl").open("wb", buffering=1 << 20) as file:
        for number, query in enumerate(plan.queries()):
            if number == replies:
                break
            request = assembler.ask(query.id, query.text, position=number)
            reply = Reply(
                text=text,
                finish_reason="stop",
                usage=usage,
                latency=1.5,
                deployment="127.0.0.1",
                attempt=1,
            )
            file.write(encode_sent(request, attempt=1, deployment=reply.deployment))
            file.write(encode_reply(request, reply, time=now))
        file.flush()
        os.fsync(file.fileno())


def reply_text(pairs: int) -> str:
    """A reply of `pairs` pairs, 4 KB together."""
    room = REPLY_BYTES // pairs
    blocks = []
    for number in range(pairs):
        start = f"Question: What is seen in part {number + 1}?\nAnswer: "
        filling = _WORDS * (room // len(_WORDS) + 1)
        blocks.append(start + filling[: room - len(start) - 2].rstrip() + ".")
    return "\n\n".join(blocks)


def make_journal(folder: Path, options: argparse.Namespace) -> None:
    """Writes the journal in a process of its own: memory of this one would count as the run's."""
    say(f"writing {options.replies:,} replies")
    subprocess.run(  # noqa: S603 - this file
        [sys.executable, __file__, _WRITE, folder, str(options.replies), str(options.pairs)],
        check=True,
        cwd=folder,
    )


def forget(path: Path) -> None:
    """Drops a file from the page cache."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def show(cost: Cost, first: float, journal: int, out: Path, options: argparse.Namespace) -> None:
    """Prints the table and how the bounds came out."""
    peak = cost.peak / MEGABYTE
    print_table(
        f"resume of {options.replies:,} replies, a journal of {journal / 1e9:.2f} GB, "
        f"{options.unanswered:,} queries unanswered, {'cold' if options.cold else 'warm'}",
        ["measured", "figure"],
        [
            ["seconds to the first new request", f"{first:.1f}"],
            ["journal MB/s until then", f"{journal / first / 1e6:.0f}"],
            ["seconds to the end", f"{cost.wall:.1f}"],
            ["CPU seconds", f"{cost.cpu:.1f}"],
            ["peak MiB", f"{peak:.0f}"],
            *(
                [each.name, f"{each.stat().st_size / 1e6:,.1f} MB"]
                for each in sorted(out.iterdir())
                if each.is_file()
            ),
        ],
    )
    if options.replies >= REPLIES:
        print(
            f"first new request: {first:.1f} s, at most {MOST_SECONDS:g}: "
            f"{verdict(reached=first <= MOST_SECONDS)}"
        )
    print(f"peak: {peak:.0f} MiB, at most {MOST_PEAK:g}: {verdict(reached=peak <= MOST_PEAK)}")


def measure(scratch: Path, options: argparse.Namespace) -> None:
    """Writes the journal, resumes, and prints."""
    folder = scratch / "run"
    command = make_folder(folder, queries=options.replies + options.unanswered)
    make_journal(folder, options)
    journal = folder / "out" / "journal" / "generate.jsonl"
    size = journal.stat().st_size
    if options.cold:
        forget(journal)
    say("resuming")
    with Server() as server:
        cost = run(
            [*command, "--base_url", server.url, "--num_threads", "64"],
            cwd=folder,
            env=environment(folder),
            limit=options.limit,
        )
        answered = server.answered()
        if cost.status or answered != options.unanswered:
            print(
                f"exit status {cost.status}, {answered:,} requests "
                f"in place of {options.unanswered:,}: ...{cost.said}"
            )
        if answered:
            show(cost, server.first() - cost.began, size, folder / "out", options)


def main() -> None:
    """Reads the arguments; writes a journal or measures."""
    if sys.argv[1:2] == [_WRITE]:
        folder, replies, pairs = sys.argv[2:]
        write_journal(Path(folder), int(replies), int(pairs))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replies", type=int, default=REPLIES)
    parser.add_argument("--unanswered", type=int, default=UNANSWERED)
    parser.add_argument("--pairs", type=int, default=1, help="in each reply")
    parser.add_argument("--cold", action="store_true", help="read the journal from the disk")
    parser.add_argument("--folder", type=Path, help="where 13 GB have room; by default /tmp")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for the resumed run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syphus-bench-", dir=options.folder) as scratch:
        measure(Path(scratch), options)


if __name__ == "__main__":
    main()
