"""Claim: distinct-RI in one pass needs memory that does not grow with the number of texts.

Ours, ``polyglot_harness.intrinsic.distinct_ri.distinct_ri``, gets the vectors in batches as they
are embedded, and gives a standard error besides; the other is the usual ``u @ u.T`` in numpy,
without one, whose memory and time grow with n^2. Both get the same random unit vectors, d = 384,
float32. Speed is no claim: for a few thousand vectors, and with numpy's threads on busy cores, the
matrix is quicker. Time is measured without tracemalloc, peak memory (beyond the vectors themselves)
in a run with it.

    python benchmarks/distinct_ri.py [--repeats 5] [--sizes 2000 10000] [--batch 64]

``OPENBLAS_NUM_THREADS=1`` before it takes out the noise of numpy's threads (much, on busy cores).
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
from _timing import interleave, machine, report
from numpy.typing import NDArray

from polyglot_harness.intrinsic.distinct_ri import distinct_ri

DIMENSIONS = 384


def one_pass(u: NDArray[np.float32], batch: int) -> float:
    """Return distinct-RI as we compute it."""
    value, _ = distinct_ri(u[i : i + batch] for i in range(0, len(u), batch))
    return value


def by_matrix(u: NDArray[np.float32]) -> float:
    """Return distinct-RI by the matrix of all cosines."""
    n = len(u)
    cosines = u @ u.T
    return 1.0 - float(cosines.sum(dtype=np.float64) - np.trace(cosines)) / (n * (n - 1))


def peak(call: Callable[[], object]) -> float:
    """Return the peak of the memory that a call allocates, in MB."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 10000])
    parser.add_argument("--batch", type=int, default=64, help="64 is what the embedder gives")
    args = parser.parse_args()
    print(machine())
    for n in args.sizes:
        u = np.random.default_rng(n).normal(size=(n, DIMENSIONS)).astype(np.float32)
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        calls = {"ours": partial(one_pass, u, args.batch), "matrix": partial(by_matrix, u)}
        values = {name: call() for name, call in calls.items()}  # a warm-up, too
        report(f"n = {n}", interleave(calls, args.repeats), "ours")
        memory = {name: peak(call) for name, call in calls.items()}
        for name in calls:
            print(f"  {name:<34} {memory[name]:9.1f} MB at most, value {values[name]:.9f}")
        print(f"  memory: {memory['matrix'] / memory['ours']:.0f} x", end=", ")
        print(f"difference of the values: {abs(values['matrix'] - values['ours']):.1e}")
        if not np.isclose(values["matrix"], values["ours"], rtol=0, atol=1e-6):
            raise SystemExit("the values differ")


if __name__ == "__main__":
    main()
