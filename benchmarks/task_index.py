"""Claim: the tasks of one language are known in well under a second; lm-eval's index takes long.

Asked for are a pack's own tasks and lm-eval's of that language. Ours is
``polyglot_harness.lm.index.task_manager(TASKS)``, "cold" with no names kept from an earlier run
(all of lm-eval's YAMLs are scanned) and "warm" with them; the other is what one writes with lm-eval
alone, ``TaskManager(include_path=...)``, which parses them all. All find the same files. Each run
is a fresh process: "index" is the call alone, "process" is all, imports included.

    python benchmarks/task_index.py [--repeats 3] [--tasks TASKS]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from _timing import interleave, machine, report

TASKS = (
    "polyglot_mini_de,belebele_deu_Latn,include_base_44_german,mmlu_prox_lite_de,xnli_de,"
    "multiblimp_deu"
)
CODE = """
import sys, time
from lm_eval.tasks import TaskManager
from polyglot_harness.assets import tasks_path
from polyglot_harness.lm.index import task_manager
tasks = sys.argv[1].split(",")
started = time.perf_counter()
manager = {call}
seconds = time.perf_counter() - started
print(seconds, len(manager.all_tasks), [str(manager.task_index[name].yaml_path) for name in tasks])
"""
OURS, THEIRS = "task_manager(tasks)", "TaskManager(include_path=str(tasks_path()))"
CALLS = {"ours, warm": OURS, "ours, cold": OURS, "lm-eval": THEIRS}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", default=TASKS)
    args = parser.parse_args()
    print(machine())
    processes: dict[str, list[float]] = {name: [] for name in CALLS}
    known: dict[str, str] = {}
    files: set[str] = set()

    def run(name: str) -> float:
        home = tempfile.mkdtemp(dir=kept) if name == "ours, cold" else kept
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(call=CALLS[name]), args.tasks],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "POLYGLOT_HOME": home},
        )
        processes[name].append(time.perf_counter() - started)
        seconds, known[name], found = done.stdout.splitlines()[-1].split(" ", 2)
        files.add(found)
        return float(seconds)

    with tempfile.TemporaryDirectory() as kept:
        run("ours, warm")  # leaves the names
        assert any(Path(kept).iterdir())
        for seconds in processes.values():
            seconds.clear()
        variants = {name: partial(run, name) for name in CALLS}
        indexes = interleave(variants, args.repeats, own_clock=True)
    report("index", indexes, "ours, warm")
    report("process", processes, "ours, warm")
    for name, count in known.items():
        print(f"  {name}: {count} tasks, groups and tags known")
    if len(files) != 1:
        raise SystemExit(f"not the same files: {files}")
    print("  the same files by all")


if __name__ == "__main__":
    main()
