"""Claim: generation through the harness is as fast as a bare client, and cheap beside other tools.

Every tool asks the same loopback server for 2,000 completions with 64 requests in flight, each
answered after 200 ms; server and client have one core each. All take turns. Columns:

* start: from the launch of the command to its first request (imports and preparation), s
* span: from the first request to the last answer, by the server's clock, s; the ideal is
  requests / concurrency x latency
* end: from the last answer to the end of the process, s
* rate: examples a second of the span, in units of the bare client's in the same repeat
* CPU: processor seconds per 1,000 requests after the first request, and of the whole process
* peak: memory of the process and its children, MB
* examples: left in the tool's output, the least of the repeats; the harness rejects what fails
  its checks

A tool that ends with another exit status than 0 did not do all of the work: do not compare it. With
``--limited`` a share of requests gets a 429 with Retry-After; the bare client then fails.

Other tools are installed in virtual environments of their own by ``--install`` (some GB in
~/.cache/polyglot-benchmarks). Linux only.

    python benchmarks/generation_peers.py --install
    python benchmarks/generation_peers.py [--repeats 5] [--tools bare polyglot] [--limited 0.02]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from _peers import (
    BARE,
    ENVIRONMENT,
    Harness,
    Peer,
    at_hand,
    delivered,
    fresh_job,
    install,
    write_prompts,
)
from _timing import interleave, machine
from _watch import watch

SERVER_CORE, CLIENT_CORE = 0, 1
COLUMNS = (
    "tool", "start s", "span s", "end s", "whole s", "rate",
    "CPU-s per 1,000, from the first request", "CPU-s per 1,000, all", "peak MB", "examples",
    "repeated or refused", "exit status",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """The numbers of one run."""

    start: float
    span: float
    end: float
    wall: float
    cpu_span: float
    cpu_all: float
    peak: float
    rate: float
    examples: int
    extra: int
    """Requests that had been asked before, or were refused."""
    status: int


def measure(tool: Peer | Harness, prompts: Path, args: argparse.Namespace) -> Run:
    """Run a tool once against a fresh server."""
    options = ("--limited", str(args.limited))
    with fresh_job(prompts, args, *options, core=SERVER_CORE) as (server, job, log):
        run = watch(tool.command(job), log, core=CLIENT_CORE, env=ENVIRONMENT)
        stats = server.stats()
        if not stats["received"]:
            raise SystemExit(f"{tool} asked nothing, and ended with {run.status}:\n{run.log}")
        first = stats["first_received"]
        last = max(first, stats["last_answered"])
        before = run.cpu_until(first)
        per_1000 = 1000 / args.count
        return Run(
            start=first - run.started,
            span=last - first,
            end=run.ended - last,
            wall=run.wall,
            cpu_span=(run.cpu - before) * per_1000,
            cpu_all=run.cpu * per_1000,
            peak=run.peak,
            rate=stats["distinct_answered"] / ((last - first) or 1),
            examples=delivered(tool, job.folder),
            extra=int(stats["repeated"] + stats["limited"]),
            status=run.status,
        )


def row(name: str, runs: list[Run], bare: list[Run] | None) -> str:
    """Return a line of the table: medians, in brackets the smallest and the largest."""

    def cell(get: Callable[[Run], float], digits: int = 1) -> str:
        values = [get(run) for run in runs]
        low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
        return f"{median(values):.{digits}f} ({low} - {high})"

    rates = [a.rate / b.rate for a, b in zip(runs, bare, strict=True)] if bare else []
    rate = f"{median(rates):.2f} ({min(rates):.2f} - {max(rates):.2f})" if rates else "?"
    return (
        f"| {name} | {cell(lambda r: r.start)} | {cell(lambda r: r.span, 2)} "
        f"| {cell(lambda r: r.end)} | {cell(lambda r: r.wall)} | {rate} "
        f"| {cell(lambda r: r.cpu_span, 2)} | {cell(lambda r: r.cpu_all, 2)} "
        f"| {cell(lambda r: r.peak, 0)} | {min(r.examples for r in runs)} "
        f"| {max(r.extra for r in runs)} | {max(abs(r.status) for r in runs)} |"
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--install", action="store_true", help="make the environments and stop")
    parser.add_argument("--tools", nargs="+", help="beginnings of names (default: all installed)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--limited", type=float, default=0.0, help="share of requests answered 429")
    args = parser.parse_args()
    if args.install:
        install()
        return
    print(machine())
    os.sched_setaffinity(0, {SERVER_CORE})  # watching must not take from the client
    tools = at_hand(args.tools)
    runs: dict[str, list[Run]] = {name: [] for name in tools}

    def once(name: str) -> None:
        runs[name].append(measure(tools[name], prompts, args))
        print(f"  {name}: {runs[name][-1]}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        prompts = write_prompts(Path(folder) / "prompts.jsonl", args.count)
        interleave({name: partial(once, name) for name in tools}, args.repeats)
    ideal = args.count / args.concurrency * args.latency
    print(f"\n{args.count} requests, {args.concurrency} in flight, {args.latency * 1000:g} ms: "
          f"the ideal span is {ideal:.2f} s; medians of {args.repeats}\n")  # fmt: skip
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in tools:
        print(row(name, runs[name], runs.get(BARE)))


if __name__ == "__main__":
    main()
