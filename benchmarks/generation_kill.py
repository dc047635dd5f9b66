"""Claim: a killed generation repeats no more requests than were in flight, and loses none.

Every tool asks the loopback server for 2,000 completions. When half of them are answered, the
command and its children get SIGKILL; then the same command is given again. The server, which runs
on, counts: in flight at the kill, requests that had been asked before (repeated), prompts that it
never answered, and the tool's folder tells how many examples are there in the end.

    python benchmarks/generation_peers.py --install
    python benchmarks/generation_kill.py [--repeats 3] [--tools polyglot datatrove]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from _peers import (
    ENVIRONMENT,
    Harness,
    Peer,
    at_hand,
    delivered,
    fresh_job,
    write_prompts,
)
from _timing import interleave, machine
from _watch import watch

SERVER_CORE, CLIENT_CORE = 0, 1
FIELDS = ("in flight", "repeated", "never answered", "examples", "status")


def kill_and_resume(tool: Peer | Harness, prompts: Path, args: argparse.Namespace) -> list[int]:
    """Kill a tool at half, run it again; return the numbers of `FIELDS`."""
    with fresh_job(prompts, args, core=SERVER_CORE) as (server, job, log):
        at_kill: dict[str, float] = {}

        def half() -> bool:
            found = server.stats()
            if not at_kill and found["distinct_answered"] >= args.count / 2:
                at_kill.update(found)
            return bool(at_kill)

        def run(kill: bool) -> int:
            return watch(
                tool.command(job),
                log,
                core=CLIENT_CORE,
                env=ENVIRONMENT,
                kill_when=half if kill else None,
                timeout=args.timeout,
            ).status

        if run(True) >= 0:
            raise SystemExit(f"{tool} was not killed:\n{log.read_text(errors='replace')[-3000:]}")
        status = run(False)
        stats = server.stats()
        return [
            int(at_kill["in_flight"]),
            int(stats["repeated"]),
            args.count - int(stats["distinct_answered"]),
            delivered(tool, job.folder),
            status,
        ]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tools", nargs="+", help="beginnings of names (default: all installed)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--timeout", type=float, default=120, help="seconds a run may take")
    args = parser.parse_args()
    print(machine())
    os.sched_setaffinity(0, {SERVER_CORE})
    tools = at_hand(args.tools)
    found: dict[str, list[list[int]]] = {name: [] for name in tools}

    def variant(name: str) -> None:
        found[name].append(kill_and_resume(tools[name], prompts, args))
        print(f"  {name}: {dict(zip(FIELDS, found[name][-1], strict=True))}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        prompts = write_prompts(Path(folder) / "prompts.jsonl", args.count)
        interleave({name: partial(variant, name) for name in tools}, args.repeats)
    print(f"\n{args.count} requests, {args.concurrency} in flight, killed at half; "
          f"medians of {args.repeats} (smallest - largest)\n")  # fmt: skip
    print("| tool | " + " | ".join(FIELDS) + " |\n|" + "---|" * (len(FIELDS) + 1))
    for name, runs in found.items():
        columns = zip(*runs, strict=True)
        cells = (f"{median(c):g} ({min(c)} - {max(c)})" for c in columns)
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
