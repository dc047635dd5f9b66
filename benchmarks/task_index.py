"""Claim: the packs' tasks are known in a moment; lm-eval's index of all its tasks takes long.

Ours is ``polyglot_harness.lm.index.task_manager(["polyglot_mini_de"])``; the other is what one
writes with lm-eval alone, ``TaskManager(include_path=...)``, which indexes the built-in tasks too.
Each run is a fresh process: "index" is the call alone, "process" is all, imports included.

    python benchmarks/task_index.py [--repeats 2]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from functools import partial

from _timing import interleave, machine, report

CODE = """
import time
from lm_eval.tasks import TaskManager
from polyglot_harness.assets import tasks_path
from polyglot_harness.lm.index import task_manager
started = time.perf_counter()
manager = {call}
seconds = time.perf_counter() - started
print(seconds, len(manager.all_tasks), "polyglot_mini_de" in manager.all_tasks)
"""
CALLS = {
    "ours": 'task_manager(["polyglot_mini_de"])',
    "lm-eval": "TaskManager(include_path=str(tasks_path()))",
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=2)
    repeats = parser.parse_args().repeats
    print(machine())
    processes: dict[str, list[float]] = {name: [] for name in CALLS}
    known: dict[str, str] = {}

    def run(name: str) -> float:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(call=CALLS[name])],
            capture_output=True,
            text=True,
            check=True,
        )
        processes[name].append(time.perf_counter() - started)
        seconds, known[name], found = done.stdout.split()[-3:]
        if found != "True":
            raise SystemExit(f"{name} does not know polyglot_mini_de")
        return float(seconds)

    indexes = interleave({name: partial(run, name) for name in CALLS}, repeats, own_clock=True)
    report("index", indexes, "ours")
    report("process", processes, "ours")
    for name, count in known.items():
        print(f"  {name}: {count} tasks, groups and tags known")


if __name__ == "__main__":
    main()
