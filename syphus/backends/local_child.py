"""Serves a GGUF model on a loopback port until standard input ends: the child of `LocalServer`.

It is run as a file and imports nothing of Syphus, so that it starts wherever its parent runs. Its
argument is a JSON object with `model`, `slots`, `context` (tokens per slot) and `alias`; it writes
its address to standard output as one line. llama.cpp's own lines go to standard error.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from urllib.parse import urlsplit

import xllamacpp

_ERRORS_ONLY = 1
_START_SECONDS = 600
_FEW_CORES = 4


def count_threads() -> int:
    """Threads to compute with; -1 leaves the number to llama.cpp (the physical cores).

    Its threads wait for each other at every layer. On two cores, with another process busy on one
    of them, two threads wrote 6 tokens a second and one thread wrote 22 (88 and 45 undisturbed).
    So small computers keep a core for others.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, cores - 1) if cores <= _FEW_CORES else -1


def serve(*, model: str, slots: int, context: int, alias: str) -> xllamacpp.Server:
    """A running server; it stops when the object dies."""
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {alias}
    params.port = 0
    params.n_parallel = slots
    params.n_ctx = slots * context
    params.cpuparams.n_threads = count_threads()
    params.verbosity = _ERRORS_ONLY
    params.cache_prompt = True
    # Slots keep their own last prompt; a further cache of up to 8 GB isn't worth its memory here.
    params.cache_ram_mib = 0
    params.ui = False
    params.endpoint_slots = False
    params.warmup = False
    params.fit_params = False
    return xllamacpp.Server(params)


def warm_up(address: str) -> None:
    """Has the model answer once, which shows that it can."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=_START_SECONDS)
    body = json.dumps({"prompt": "a", "n_predict": 1})
    connection.request("POST", "/completion", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"the model answers HTTP {response.status}")


def main() -> None:
    """Serves until the parent closes standard input, which its death does too."""
    server = serve(**json.loads(sys.argv[1]))
    warm_up(server.listening_address)
    sys.stdout.write(server.listening_address + "\n")
    sys.stdout.flush()
    while sys.stdin.buffer.read(1 << 16):
        pass
    # The server's destructor waits for ever while a request is answered.
    os._exit(0)


if __name__ == "__main__":
    main()
