"""What the benchmarks share: interleaved repeats, medians, ratios.

Machines are noisy and cores are shared, so a repeat runs every variant once, in an order that turns
round from repeat to repeat, and what counts is the median over the repeats of the ratio of two runs
of the same repeat. Seconds are printed only to give an idea.

Importing this module sets ``OMP_WAIT_POLICY=PASSIVE`` (if unset) and ``HF_HUB_OFFLINE=1``, the same
for both sides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see wait_policy.py
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

Variant = Callable[[], Any]


def interleave(
    variants: Mapping[str, Variant], repeats: int, *, own_clock: bool = False
) -> dict[str, list[float]]:
    """Run all variants `repeats` times and return the seconds of each run.

    Args:
        variants: What to run, by name.
        repeats: Runs of each.
        own_clock: The variants measure themselves, and return their seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for repeat in range(repeats):
        for name in list(variants)[:: -1 if repeat % 2 else 1]:
            started = time.perf_counter()
            found = variants[name]()
            wall = time.perf_counter() - started
            seconds[name].append(float(found) if own_clock else wall)
    return seconds


def ratios(seconds: Mapping[str, list[float]], ours: str, other: str) -> list[float]:
    """Return, repeat by repeat, how many times as long `other` took as `ours`."""
    return [b / a for a, b in zip(seconds[ours], seconds[other], strict=True)]


def report(title: str, seconds: Mapping[str, list[float]], ours: str) -> None:
    """Print the medians of all variants, and the ratio of each other one to `ours`."""
    print(f"\n{title}")
    for name, runs in seconds.items():
        line = f"  {name:<34} {median(runs):9.3f} s"
        if name != ours:
            found = ratios(seconds, ours, name)
            line += f"   {median(found):7.2f} x ({min(found):.2f} - {max(found):.2f})"
        print(line)
    print(f"  median of {len(seconds[ours])} interleaved runs; x: times as long as {ours!r}")


def machine() -> str:
    """Return a line on the machine: cores and load, for the load tells how noisy it is."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return f"{os.cpu_count()} cores, load average {load} at the start"
