"""Claim: the harness's memory hardly grows with the examples, and a finished job is found at once.

On the loopback server at latency 0, each in a process of its own:

* harness, 1,000 and 100,000 examples: time and peak memory;
* the job of 100,000 given again: found finished;
* the same with one example more: time to the request that is new, after the log was read;
* plain lm-eval on the same task (``local-chat-completions``, ``num_concurrent=64``), 10,000
  documents, and the harness beside it.

lm-eval's model needs ``pip install 'lm_eval[api]'``. Linux only. About ten minutes.

    python benchmarks/generation_memory.py [--counts 1000 100000] [--beside 10000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from _loopback import Loopback, loopback
from _peers import ENVIRONMENT, LANGUAGE, OURS, TASKS, TOOLS, Job, delivered
from _timing import interleave, machine
from _watch import Watched, watch

SERVER_CORE, CLIENT_CORE = 0, 1
OPTIONS = ("--latency", "0", "--language", LANGUAGE)
CONCURRENCY = 64
TASK = f"polyglot_teach_{LANGUAGE}_respond"
COLUMNS = "| what | examples | whole s | CPU s | peak MB |"


def ours(server: Loopback, folder: Path, count: int) -> Watched:
    """Have the harness make examples; the same folder again resumes."""
    out = folder / "ours"
    out.mkdir(exist_ok=True)
    job = Job(folder, server.base_url, out, CONCURRENCY, count)
    return checked(TOOLS[OURS].command(job), folder)


def theirs(server: Loopback, folder: Path, count: int) -> Watched:
    """Have lm-eval make them by itself."""
    arguments = f"model=m,base_url={server.base_url}/chat/completions,num_concurrent={CONCURRENCY}"
    command = [
        sys.executable, "-m", "lm_eval", "run", "--include_path", TASKS, "--tasks", TASK,
        "--model", "local-chat-completions", "--model_args", arguments, "--apply_chat_template",
        "--metadata", json.dumps({"n": count}), "--log_samples",
        "--output_path", folder / "theirs",
    ]  # fmt: skip
    return checked(command, folder)


def checked(command: Sequence[str | Path], folder: Path) -> Watched:
    """Run to a good end."""
    run = watch(command, folder / "log", core=CLIENT_CORE, env=ENVIRONMENT, timeout=3600)
    if run.status:
        raise SystemExit(f"{command[:5]} failed with {run.status}:\n{run.log}")
    return run


def line(name: str, examples: int, runs: Sequence[Watched]) -> None:
    """Print a row: medians, in brackets the smallest and the largest."""
    cells = []
    for values, digits in (
        ([run.wall for run in runs], 1),
        ([run.cpu for run in runs], 1),
        ([run.peak for run in runs], 0),
    ):
        spread = f" ({min(values):.{digits}f} - {max(values):.{digits}f})" * (len(values) > 1)
        cells.append(f"{median(values):.{digits}f}{spread}")
    print(f"| {name} | {examples} | {' | '.join(cells)} |", flush=True)


def growth(counts: Sequence[int]) -> None:
    """Measure the harness alone at several sizes, and the largest once more."""
    for count in counts:
        with tempfile.TemporaryDirectory() as name, loopback(*OPTIONS, core=SERVER_CORE) as server:
            folder = Path(name)
            run = ours(server, folder, count)
            line("harness", delivered(TOOLS[OURS], folder / "ours"), [run])
            if count == max(counts):
                again(server, folder, count)


def again(server: Loopback, folder: Path, count: int) -> None:
    """Give a finished job again as it was, and with one example more."""
    asked = server.stats()["received"]
    run = ours(server, folder, count)
    line("the same again", delivered(TOOLS[OURS], folder / "ours"), [run])
    if server.stats()["received"] != asked:
        raise SystemExit("a finished job asked again")
    run = ours(server, folder, count + 1)
    late = server.stats()["last_answered"] - run.started
    there = delivered(TOOLS[OURS], folder / "ours")
    line(f"one more; its answer after {late:.1f} s", there, [run])
    if server.stats()["received"] != asked + 1:
        raise SystemExit("one more example took more than one request")


def beside(count: int, repeats: int) -> None:
    """Measure lm-eval's own way and the harness in turns."""
    runs: dict[str, list[Watched]] = {"lm-eval run": [], "harness": []}

    def once(name: str) -> None:
        with tempfile.TemporaryDirectory() as temp, loopback(*OPTIONS, core=SERVER_CORE) as server:
            make = ours if name == "harness" else theirs
            runs[name].append(make(server, Path(temp), count))
            if server.stats()["distinct_answered"] < 1:
                raise SystemExit(f"{name} asked nothing")

    interleave({name: partial(once, name) for name in runs}, repeats)
    for name, found in runs.items():
        line(f"{name}, in turns, median of {repeats}", count, found)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 100_000])
    parser.add_argument("--beside", type=int, default=10_000, help="0 leaves lm-eval out")
    parser.add_argument("--repeats", type=int, default=3, help="of the runs beside lm-eval")
    args = parser.parse_args()
    print(machine())
    os.sched_setaffinity(0, {SERVER_CORE})
    print(f"\n{COLUMNS}\n|{'---|' * (COLUMNS.count('|') - 1)}")
    if args.counts:
        growth(args.counts)
    if args.beside:
        beside(args.beside, args.repeats)


if __name__ == "__main__":
    main()
