"""The process that serves the small model: `python local_server.py MODEL NAME`, run as a script to start quickly.

Its standard input carries the key in its first line, and closes when the worker is gone, however that ended: then
this process ends too. Its first line of output is its address. Nothing of the package is imported.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

CONTEXT_TOKENS = 8192


def main(model: str, name: str) -> None:
    """Serves a model under a name until standard input closes."""
    xllamacpp: Any = importlib.import_module("xllamacpp")

    key = sys.stdin.readline().strip()
    # The library writes to standard output; its first line there is ours.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {name}
    params.use_jinja = True
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    # CORS headers are of no use without a browser: no page may read an answer.
    params.cors_origins, params.cors_credentials = "", False
    params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = params.ui = False
    params.n_ctx = CONTEXT_TOKENS
    # Two threads on a busy machine are many times slower than one.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_threads_http = 2
    params.verbosity = 0
    params.warmup = False
    server = xllamacpp.Server(params)
    answer.write(json.dumps({"url": server.listening_address}) + "\n")
    answer.flush()
    while sys.stdin.readline():
        pass
    # Its threads would be waited for; the one it worked for is gone.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:3])
