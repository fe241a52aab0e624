"""How much of a limit is used, and how often it is overrun.

    python benchmarks/limits.py

A scripted server enforces 1,200 requests and 400,000 tokens a minute over any one second: 20
requests and 6,666 tokens, counted when a request comes, its prompt and `max_tokens`. Replies take
0.2 to 0.8 s; 64 may be in flight. The command line gets the limits by `--rpm` and `--tpm`, or
nothing, and learns them from the headers.

"Used" is what the server let through in whole seconds from the first, as a share of what a second
allows of requests of that size: the smaller of 20 and as many as fit into 6,666 tokens. Refused
counts answers of status 429 among all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import middle, print_table, say, verdict
from workload import environment, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

RPM, TPM = 1200, 400_000
# How large requests are: `--max_tokens`, and how many a second are about to be allowed.
SIZES = {
    "small, requests bind": (64, 20),
    "both limits bind": (88, 20),
    "large, tokens bind": (1000, 5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One run: parts of one."""

    used: float
    refused: float
    tokens: float


@contextlib.contextmanager
def limited_server() -> Iterator[str]:
    """Gives the base URL of a server that enforces the limits."""
    command = [sys.executable, "-m", "syphus.testing", "--latency", "0.2:0.8", "--window", "1"]
    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, "--rpm", str(RPM), "--tpm", str(TPM)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


def measure(*, max_tokens: int, queries: int, given: bool) -> Use:
    """One run of the command line against a fresh server."""
    with tempfile.TemporaryDirectory() as name, limited_server() as url:
        folder = Path(name)
        command = [*make_folder(folder, queries=queries), "--base_url", url]
        command += ["--num_threads", "64", "--max_tokens", str(max_tokens)]
        if given:
            command += ["--rpm", str(RPM), "--tpm", str(TPM)]
        subprocess.run(  # noqa: S603 - our own command line
            [str(part) for part in command],
            cwd=folder,
            env=environment(folder),
            check=True,
            capture_output=True,
        )
        seen_at = url.removesuffix("/v1") + "/_seen"
        with urllib.request.urlopen(seen_at) as response:  # noqa: S310 - our own server
            return read(json.load(response))


def read(seen: dict[str, Any]) -> Use:
    """What the server counted, as shares."""
    requests, tokens = seen["admitted_each_second"][:-1], seen["tokens_admitted_each_second"][:-1]
    size = sum(tokens) / sum(requests)
    allowed = min(RPM // 60, int(TPM / 60 / size))
    return Use(
        used=sum(requests) / (allowed * len(requests)),
        refused=seen["rate_limited"] / seen["requests"],
        tokens=size,
    )


def main() -> None:
    """Runs every case and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="what a run lasts at the limit")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each case")
    options = parser.parse_args()
    rows = []
    for given in (True, False):
        least, most = (0.97, 0.005) if given else (0.90, 0.02)
        for name, (max_tokens, a_second) in SIZES.items():
            how = "given" if given else "learned"
            say(f"limits {how}, {name}")
            uses = [
                measure(max_tokens=max_tokens, queries=a_second * options.seconds, given=given)
                for _ in range(options.rounds)
            ]
            used, refused = [use.used for use in uses], [use.refused for use in uses]
            rows.append(
                (
                    f"{how}: {name}",
                    f"{middle([use.tokens for use in uses]):.0f}",
                    f"{middle(used):.1%} ({min(used):.1%}-{max(used):.1%})",
                    f"{middle(refused):.2%} ({min(refused):.2%}-{max(refused):.2%})",
                    verdict(reached=middle(used) >= least and middle(refused) <= most),
                )
            )
    head = ("limits", "tokens a request", "used of what is allowed", "refused (429)", "bound")
    print_table(f"{RPM:,} requests and {TPM:,} tokens a minute, in any one second", head, rows)
    print("bounds: given 97% used, 0.5% refused; learned 90% used, 2% refused")


if __name__ == "__main__":
    main()
