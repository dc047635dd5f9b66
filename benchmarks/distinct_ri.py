"""Claim: exact distinct-RI costs a hundredth of the matrix of all cosines, and no memory for n.

Speed: n = 10,000 unit vectors of d = 1,024, float32, in memory. *value* is
``polyglot_harness.intrinsic.distinct_ri.distinct_ri``; *all of it* is the metric as it is measured,
with each example's distance on disk, standard error and bootstrap interval. Against them:
``sentence_transformers.util.cos_sim(u, u)`` and the mean off its diagonal. Values must agree to
1e-6.

Memory: n = 1,000,000 in a process of its own, as a stream of blocks that are made on the way
(value), and mapped from a file (all of it, of d = 384). What counts is the peak of the resident set
beyond what it was before; pages of the mapped file are part of it. Linux only.

    python benchmarks/distinct_ri.py [--repeats 5] [--only speed|stream|disk] [--cpu]

On busy cores give ``--cpu``, with ``OMP_NUM_THREADS=1`` before it: seconds are then those of the
CPU, which are those of the clock on idle ones.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from _timing import interleave, machine, report
from numpy.typing import NDArray

from polyglot_harness.intrinsic.distinct_ri import distinct_ri, measure
from polyglot_harness.intrinsic.embedding.vectors import DIMENSIONS, ROWS, open_vectors
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import Measurement

MANY = 1_000_000
BLOCK = 1024
LIMIT = 200
"""MB beyond the stream of vectors."""
Vectors = NDArray[np.float32]


def unit_vectors(n: int, d: int, seed: int) -> Vectors:
    """Return random unit vectors that are somewhat alike, as embeddings are."""
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((n, d), dtype=np.float32) + np.float32(0.5)
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def metric(prompts: Vectors, responses: Vectors) -> tuple[Measurement, ...]:
    """Measure as the harness does."""
    data = SimpleNamespace(
        data=range(len(prompts)),
        pack=SimpleNamespace(code="de"),
        vectors={"prompt": prompts, "response": responses}.__getitem__,
        progress=lambda done, total: None,
    )
    with tempfile.TemporaryDirectory() as folder:
        return measure(data, Values.resume(Path(folder)))  # type: ignore[arg-type]


def by_matrix(u: Vectors) -> float:
    """Return distinct-RI by the matrix of all cosines."""
    import torch
    from sentence_transformers.util import cos_sim

    n, cosines = len(u), cos_sim(u, u)
    return 1.0 - float(cosines.sum(dtype=torch.float64) - cosines.trace()) / (n * (n - 1))


def timed(call: Callable[[], object], times: int, clock: Callable[[], float]) -> float:
    """Return the seconds of one call."""
    began = clock()
    for _ in range(times):
        call()
    return (clock() - began) / times


def speed(repeats: int, clock: Callable[[], float]) -> None:
    """Compare the times."""
    u, few = unit_vectors(10_000, 1_024, 0), np.ones((2, 1_024), np.float32) / 32
    calls = {
        "value": partial(distinct_ri, [u]),
        "all of it (prompts and responses)": partial(metric, u, u),
        "matrix by cos_sim": partial(by_matrix, u),
    }
    metric(few, few)
    values = calls["value"](), calls["matrix by cos_sim"]()
    timers = {
        name: partial(timed, call, 20 if name == "value" else 1, clock)
        for name, call in calls.items()
    }
    seconds = interleave(timers, repeats, own_clock=True)
    report("n = 10,000, d = 1,024", seconds, "value")
    report("n = 10,000, d = 1,024", seconds, "all of it (prompts and responses)")
    print(f"  values {values[0]:.9f} and {values[1]:.9f}: {abs(values[0] - values[1]):.1e} apart")
    if abs(values[0] - values[1]) > 1e-6:
        raise SystemExit("the values differ")


def resident() -> float:
    """Return this process's resident set, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def peak() -> float:
    """Return the largest that it ever was, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def some_blocks(d: int) -> Vectors:
    """Return eight blocks of vectors, made one by one so that making them is no peak."""
    pool = np.empty((8 * BLOCK, d), dtype=np.float32)
    for i in range(8):
        pool[i * BLOCK : (i + 1) * BLOCK] = unit_vectors(BLOCK, d, i)
    return pool


def stream(d: int) -> dict[str, float]:
    """Measure a stream of blocks that are made on the way."""
    spent, before = 0.0, 0.0
    pool = some_blocks(d)

    def blocks() -> Iterator[Vectors]:
        nonlocal spent, before
        for number, start in enumerate(range(0, MANY, BLOCK)):
            # as many different blocks as there are, for little: the pool from another place
            began = time.perf_counter()
            first = number * 7 % (7 * BLOCK)
            block = pool[first : first + min(BLOCK, MANY - start)].copy()
            spent += time.perf_counter() - began
            if number == 0:
                before = resident()
            yield block

    began = time.perf_counter()
    value = distinct_ri(blocks())
    took = time.perf_counter() - began
    return {"value": value, "seconds": took - spent, "MB": peak() - before}


def disk(d: int) -> dict[str, float]:
    """Measure vectors that are mapped from a file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pool = some_blocks(d)
        (folder / DIMENSIONS).write_text(str(d), encoding="utf-8")
        with (folder / ROWS).open("wb") as file:
            for number, start in enumerate(range(0, MANY, BLOCK)):
                first = number * 7 % (7 * BLOCK)
                file.write(pool[first : first + min(BLOCK, MANY - start)].tobytes())
        metric(pool[:BLOCK], pool[:BLOCK])
        before, began = resident(), time.perf_counter()
        found = metric(open_vectors(folder), open_vectors(folder))
        took = time.perf_counter() - began
    return {"value": found[0].value or 0.0, "seconds": took, "MB": peak() - before}


def in_a_process(part: str, d: int) -> None:
    """Run a part for which memory counts, and print what it took."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", part, "--dimensions", str(d)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    print(
        f"  {part:<6} n = {MANY:,}, d = {d:>5}: {found['seconds']:7.1f} s, "
        f"{found['MB']:6.1f} MB more, value {found['value']:.9f}"
    )
    if found["MB"] > LIMIT:
        raise SystemExit(f"more than {LIMIT} MB")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=("speed", "stream", "disk"), default="")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds")
    parser.add_argument("--part", choices=("stream", "disk"), help=argparse.SUPPRESS)
    parser.add_argument("--dimensions", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        print(json.dumps((stream if args.part == "stream" else disk)(args.dimensions)))
        return
    print(machine())
    if args.only in ("", "speed"):
        speed(args.repeats, time.process_time if args.cpu else time.perf_counter)
    for part, d in (("stream", 384), ("stream", 1_024), ("disk", 384)):
        if args.only in ("", part):
            in_a_process(part, d)


if __name__ == "__main__":
    main()
