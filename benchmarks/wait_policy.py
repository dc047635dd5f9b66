"""Claim: a short spin keeps decoding fast on busy cores and hardly costs on idle ones.

Our command line sets OMP_WAIT_POLICY=PASSIVE and GOMP_SPINCOUNT=1000 where they are unset; the
other sides are PASSIVE alone, and the environment as it is, unset. Three worker processes with two
threads each hold SmolLM2-135M and take turns with decode-like forward steps (batch 4, one new
token, with a key-value cache): first with nothing else of ours running, then while another process
keeps one core busy. They sleep while it is not their turn.

    python benchmarks/wait_policy.py [--repeats 9] [--steps 5] [--threads 2] [--busy 1]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from functools import partial
from typing import Any


def work(steps: int, threads: int) -> None:
    """Be a worker: for every line on stdin, take `steps` steps and print the seconds."""
    import time

    import torch
    from transformers import AutoModelForCausalLM

    from polyglot_harness.models import resolve

    torch.set_num_threads(threads)
    folder = resolve("smollm2-135m-instruct")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        ids = torch.randint(0, 1000, (4, 32), generator=torch.Generator().manual_seed(0))
        cache = model(ids, use_cache=True).past_key_values
        model(ids[:, :1], past_key_values=cache)
        print("ready", flush=True)
        for _ in sys.stdin:
            started = time.perf_counter()
            for _ in range(steps):
                model(ids[:, :1], past_key_values=cache)
            print(time.perf_counter() - started, flush=True)


VARIANTS: dict[str, dict[str, str]] = {
    "ours": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"},
    "PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "unset": {},
}


def spawn(variant: dict[str, str], steps: int, threads: int) -> subprocess.Popen[str]:
    """Start a worker, and wait until its model is loaded."""
    env = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    worker = subprocess.Popen(
        [sys.executable, __file__, "--worker", f"--steps={steps}", f"--threads={threads}"],
        env={**env, **variant},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout
    while (line := worker.stdout.readline()).strip() != "ready":
        if not line:
            raise SystemExit("the worker ended early")
    return worker


def turn(worker: subprocess.Popen[str]) -> float:
    """Let a worker take its steps; return its seconds."""
    assert worker.stdin and worker.stdout
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


def main() -> None:
    """Run and print; with ``--worker``, be a worker."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", type=int, default=1, help="processes that keep a core busy")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.steps, args.threads)
        return
    # not for the workers: it sets the policy
    from _timing import interleave, machine, report

    print(machine())
    # one after the other: two that load at once would disturb each other
    workers = {name: spawn(env, args.steps, args.threads) for name, env in VARIANTS.items()}
    turns = {name: partial(turn, worker) for name, worker in workers.items()}
    processes: list[subprocess.Popen[Any]] = list(workers.values())
    try:
        interleave(turns, 1)  # warm-up
        runs = interleave(turns, args.repeats, own_clock=True)
        report(f"{args.steps} steps, nothing else", runs, "ours")
        for _ in range(args.busy):
            processes.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
        runs = interleave(turns, args.repeats, own_clock=True)
        report(f"{args.steps} steps, busy processes: {args.busy}", runs, "ours")
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
