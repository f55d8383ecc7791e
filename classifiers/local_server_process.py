"""The process that serves a GGUF model behind an OpenAI-compatible API on loopback.

Started by `classifiers.local_server` as `python -m classifiers.local_server_process SETTINGS`. It writes its
address as one line to standard output and logs to standard error. It ends as soon as its standard input is
closed, which the operating system does for a parent that was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any


def serve(settings: dict[str, Any]) -> None:
    """Load the model, say where it listens, and answer until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us in its own time
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp prints where it likes; the address must stand alone
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {settings["alias"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context_tokens"]
    # Measured on 2 cores: slots with a context of their own answer twice as fast as slots that share one.
    params.kv_unified = False
    params.cache_ram_mib = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.n_gpu_layers = -1 if settings["gpu"] else 0
    params.ui = False
    server = xllamacpp.Server(params)
    report.write(json.dumps({"url": server.listening_address}) + "\n")
    report.close()
    sys.stdin.buffer.read()
    os._exit(0)  # threads of the server may be in the middle of an answer that nobody waits for


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
