"""The process of the local LLM server: `python -m classifiers.local_server_process '{"gguf": ...}'`.

It reports its address as one line of JSON on standard output, logs to standard error, and ends as soon as its
standard input is closed or its parent is gone, however the parent ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from typing import Any, NoReturn


def main() -> NoReturn:
    settings = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our input
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp logs to both; only the report goes to the parent
    threading.Thread(target=_end_with_parent, args=(settings["parent"],), daemon=True).start()
    start = time.perf_counter()
    server = _start(settings)
    json.dump({"url": server.listening_address, "load_s": time.perf_counter() - start}, report)
    report.write("\n")
    report.close()
    while True:
        signal.pause() if hasattr(signal, "pause") else time.sleep(3600)


def _end_with_parent(parent: int) -> None:
    # Another child of the parent may hold our pipe open, so its end alone is not enough.
    while os.getppid() == parent:
        if os.name == "nt":
            sys.stdin.buffer.read()
            break
        readable, _, _ = select.select([0], [], [], 0.5)
        if readable and not os.read(0, 1024):
            break
    os._exit(0)


def _start(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["gguf"]
    params.model_alias = {settings["model"]}
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context_tokens"]
    # One cache for all slots makes each attend over the others: 3 times slower at 4 slots of 1,000 tokens.
    params.kv_unified = False
    params.cache_ram_mib = 0
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.endpoint_slots = False
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
