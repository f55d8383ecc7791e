"""How fast, how frugal and how hard to break the LLM classifier is: `python -m tests.benchmarks.llm`.

Every figure is of a whole `harness compare` process over a scripted endpoint, beside a plain openai loop over an
endpoint of the same behaviour in the same run. Ratios hold on a busy machine where seconds do not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.benchmarks.behaviour import Behaviour
from tests.benchmarks.figures import Figure
from tests.benchmarks.llm_runs import CONCURRENCY, Runs, item_ids

ITEMS = 800
ITEMS_FOR_MEMORY = 100_000
START_UP_S = 1.2
ATTEMPTS = 6  # of a text, with the default max_retries
TIMES = 3  # what is short beside the noise of a machine is run so often, and the middle one counts
FAULTS_TIMEOUT_S = 5.0

NO_LATENCY = Behaviour()
LIMITED = Behaviour(latency_s=0.2, calls_per_s=50, burst=50)
FAULTY = Behaviour(latency_s=0.2, faults=True)
HOPELESS = Behaviour(latency_s=0.2, faults=True, always_failing=0.05)


def latency(runs: Runs, items: int, latency_s: float, spare_s: float) -> list[Figure]:
    behaviour = Behaviour(latency_s=latency_s)
    ours, peer = runs.ours(behaviour, items), runs.peer(behaviour, items)
    ideal_s = max(items / CONCURRENCY, 1) * latency_s
    name = f"latency {latency_s} s"
    return [
        Figure(name, "wall, s", ours.process.wall_s, at_most=ideal_s + spare_s, peer=peer.process.wall_s),
        Figure(name, "answered", len(ours.answered), exactly=items, peer=peer.answered),
        Figure(name, "most in flight", ours.stats.most_in_flight, at_most=CONCURRENCY),
        Figure(name, "peak memory, MB", ours.process.peak_mb, peer=peer.process.peak_mb),
    ]


def cpu(runs: Runs, items: int) -> list[Figure]:
    behaviour, again = Behaviour(latency_s=0.2), range(TIMES)
    ours = median(runs.ours(behaviour, items, again=n).process.cpu_s for n in again)
    peer = median(runs.peer(behaviour, items, again=n).process.cpu_s for n in again)
    net = ours - median(runs.ours(NO_LATENCY, 1, again=n).process.cpu_s for n in again)
    peer_net = peer - median(runs.peer(NO_LATENCY, 1, again=n).process.cpu_s for n in again)
    each = 1000 / items
    return [
        Figure("cpu", "per item, ms", ours * each, at_most=3.0, peer=peer * each),
        Figure("cpu", "per item without start-up, ms", net * each, peer=peer_net * each),
    ]


def start_up(runs: Runs, items: int) -> list[Figure]:  # noqa: ARG001  # always one item
    ours = median(runs.ours(NO_LATENCY, 1, again=n).process.wall_s for n in range(TIMES))
    peer = median(runs.peer(NO_LATENCY, 1, again=n).process.wall_s for n in range(TIMES))
    return [Figure("start-up", "wall of 1 item, s", ours, at_most=START_UP_S, peer=peer)]


def rate_limit(runs: Runs, items: int) -> list[Figure]:
    ours, peer = runs.ours(LIMITED, items), runs.peer(LIMITED, items)
    ideal_s = max(items - LIMITED.burst, 0) / (LIMITED.calls_per_s or 1)
    return [
        Figure("rate limit", "answered", len(ours.answered), exactly=items, peer=peer.answered),
        Figure("rate limit", "wall, s", ours.process.wall_s, at_most=ideal_s + 2.5, peer=peer.process.wall_s),
        Figure(
            "rate limit",
            "requests",
            ours.stats.requests,
            at_most=items + items // 10,
            peer=peer.stats.requests,
        ),
    ]


def faults(runs: Runs, items: int) -> list[Figure]:
    ours = runs.ours(FAULTY, items, timeout_s=FAULTS_TIMEOUT_S)
    peer = runs.peer(FAULTY, items, timeout_s=FAULTS_TIMEOUT_S)
    least = FAULTY.least_calls(item_ids(items), ATTEMPTS)
    return [
        Figure("faults", "answered", len(ours.answered), exactly=items, peer=peer.answered),
        Figure("faults", "wall, s", ours.process.wall_s, at_most=25.0, peer=peer.process.wall_s),
        Figure(
            "faults",
            f"calls (least {least})",
            ours.stats.requests,
            at_most=items * 27 // 20,
            peer=peer.stats.requests,
        ),
    ]


def always_failing(runs: Runs, items: int) -> list[Figure]:
    ours = runs.ours(HOPELESS, items, timeout_s=FAULTS_TIMEOUT_S)
    unanswered = set(item_ids(items)) - set(ours.stats.answers)
    failed = ours.failed("request_failed")
    name = "always failing"
    return [
        Figure(name, "texts the endpoint never answered", len(unanswered), at_least=1),
        Figure(name, "request_failed that are not these", len(failed ^ unanswered), exactly=0),
        Figure(
            name, "request_failed in scores.json", ours.reported("request_failed"), exactly=len(unanswered)
        ),
        Figure(name, "answered", len(ours.answered), exactly=items - len(unanswered)),
        Figure(name, "exit code", ours.process.code, exactly=1),
        Figure(name, "wall, s", ours.process.wall_s),
        Figure(name, "calls", ours.stats.requests),
    ]


def kill(runs: Runs, items: int) -> list[Figure]:
    behaviour = Behaviour(latency_s=0.2)
    halves = runs.killed_and_resumed(behaviour, items, after=items // 2)
    again = halves.asked_again
    left = items - len(halves.written)
    share_s = START_UP_S + max(left / CONCURRENCY, 1) * behaviour.latency_s + 0.5 * left / items
    name = "kill -9, --resume"
    return [
        Figure(name, "answers written before the kill", len(halves.written), at_least=items // 2),
        Figure(name, "written answers asked again", len(again & halves.written), exactly=0),
        Figure(name, "texts asked again", len(again), at_most=CONCURRENCY),
        Figure(name, "answered in the end", len(halves.second.answered), exactly=items),
        Figure(name, f"wall of the other {left}, s", halves.second.process.wall_s, at_most=share_s),
    ]


def memory(runs: Runs, items: int) -> list[Figure]:
    ours = runs.ours(NO_LATENCY, items)
    return [
        Figure("memory", f"peak at {items:,} items, MB", ours.process.peak_mb, at_most=500),
        Figure("memory", "answered", len(ours.answered), exactly=items),
        Figure("memory", "wall, s", ours.process.wall_s),
    ]


SCENARIOS: dict[str, Callable[[Runs, int], list[Figure]]] = {
    "latency-1.0": lambda runs, items: latency(runs, items, 1.0, spare_s=2.3),
    "latency-0.2": lambda runs, items: latency(runs, items, 0.2, spare_s=1.7),
    "cpu": cpu,
    "start-up": start_up,
    "rate-limit": rate_limit,
    "faults": faults,
    "always-failing": always_failing,
    "kill": kill,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.llm", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[*SCENARIOS, "memory"], help="may be given several times"
    )
    parser.add_argument(
        "--items", type=int, default=ITEMS, help="texts; the bounds are meant for %(default)s"
    )
    parser.add_argument("--memory", action="store_true", help="also the one that takes minutes")
    parser.add_argument("--memory-items", type=int, default=ITEMS_FOR_MEMORY)
    arguments = parser.parse_args()
    chosen = arguments.only or [*SCENARIOS, *(["memory"] if arguments.memory else [])]
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(
        f"{arguments.items} texts, {CONCURRENCY} at once, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    table = Table("scenario", "what", box=None, header_style="bold", pad_edge=False)
    for column in ("figure", "bound", "plain loop", "ratio", ""):
        table.add_column(column, justify="right")
    short = 0
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        runs = Runs(Path(folder))
        for name in chosen:
            console.print(f"running {name} ...")
            figures = (
                memory(runs, arguments.memory_items)
                if name == "memory"
                else SCENARIOS[name](runs, arguments.items)
            )
            for figure in figures:
                table.add_row(*figure.cells())
                short += figure.ok is False
    console.print(table)
    console.print("All bounds are met." if not short else f"{short} of the bounds are not met.")
    return int(short > 0)


if __name__ == "__main__":
    sys.exit(main())
