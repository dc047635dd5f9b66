"""From numbers to the shapes of the page: ticks, histograms, intervals. Units are those of SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from polyglot_harness.report.columns import Column
from polyglot_harness.report.values import Distribution
from polyglot_harness.spec import Measurement

WIDTH, LEFT, RIGHT = 360, 50, 12
"""Of a histogram."""
TOP, BOTTOM = 18, 34
ROW, ONE_ROW = 46, 92
"""Height of a strategy's bars, and of those that stand alone."""
WIDEST = 40
"""Width of a bar at most, where there are few."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Facet:
    """The histogram of one strategy."""

    strategy: str
    baseline: float
    top: float
    bars: str
    """Path."""
    median: float | None
    """Place on the x axis."""
    says: str


@dataclass(frozen=True)
class Histogram:
    """One card of the distributions."""

    height: int
    facets: tuple[Facet, ...]
    ticks: tuple[Tick, ...]
    most: str
    """The largest share, at the top of each facet."""
    notes: tuple[str, ...]


def number(value: float) -> str:
    """Return a number with at most four digits, e.g. for an axis."""
    size = abs(value)
    if 1000 <= size < 1e6:
        return _minus(f"{value:,.0f}")
    return _minus(f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-"))


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def with_error(value: float, stderr: float | None) -> str:
    """Return a value with as many decimals as its standard error has two digits."""
    if stderr is None or not 0 < stderr < math.inf:
        return _minus(f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}")
    return _minus(f"{value:,.{decimals(stderr)}f}")


def decimals(stderr: float) -> int:
    """Return the decimals that show two digits of a standard error."""
    return min(6, max(0, 1 - math.floor(math.log10(stderr))))


def ticks(low: float, high: float, log: bool = False, most: int = 5) -> list[float]:
    """Return round numbers between two bounds."""
    if log:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        every = [m * 10.0**d for d in decades for m in (1, 2, 5)]
        inside = [x for x in every if low <= x <= high]
        tens = [x for x in inside if math.isclose(math.log10(x) % 1, 0, abs_tol=1e-9)]
        return inside if len(inside) <= most else (tens or inside)[:: -(-len(tens) // most) or 1]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + i) * step, 12) for i in range(count)]


def histogram(found: Distribution, strategies: list[str]) -> Histogram:
    """Lay a distribution out: one row of bars a strategy, over a common axis."""
    scale = np.log if found.scale == "log" else np.asarray
    low, high = float(scale(found.edges[0])), float(scale(found.edges[-1]))

    def x(value: float) -> float:
        place = (float(scale(value)) - low) / (high - low)
        return round(LEFT + min(max(place, 0.0), 1.0) * (WIDTH - LEFT - RIGHT), 1)

    row = ROW if len(strategies) > 1 else ONE_ROW
    totals = found.counts.sum(axis=1, keepdims=True)
    shares = found.counts / np.maximum(totals, 1)
    most = float(shares.max())
    facets = []
    for i, strategy in enumerate(strategies):
        top = TOP + i * (row + TOP)
        places = [x(edge) for edge in found.edges]
        median = float(found.quartiles[i, 1])
        facets.append(
            Facet(
                strategy=strategy,
                baseline=top + row,
                top=top,
                bars=_bars(places, shares[i] / most * row, top + row),
                median=None if math.isnan(median) else x(median),
                says=_says(found, i, int(totals[i, 0])),
            )
        )
    marks = ticks(float(found.edges[0]), float(found.edges[-1]), found.scale == "log")
    if found.scale == "whole":
        marks = [mark for mark in marks if mark == round(mark)]
    return Histogram(
        height=TOP + len(strategies) * (row + TOP) - TOP + BOTTOM,
        facets=tuple(facets),
        ticks=tuple(Tick(x(mark), number(mark)) for mark in marks),
        most=f"{100 * most:.0f} %",
        notes=_notes(found),
    )


def _bars(edges: list[float], heights: list[float], baseline: float) -> str:
    """Return the bars as one path; a bar of no height is left out, one of little can be seen."""
    drawn = []
    for left, right, height in zip(edges, edges[1:], heights, strict=False):
        if height > 0:
            gap = max(min(1.0, (right - left) / 4), right - left - WIDEST)
            tall, wide = max(height, 0.8), right - left - gap
            drawn.append(f"M{left + gap / 2:.1f} {baseline:g}v{-tall:.1f}h{wide:.1f}v{tall:.1f}z")
    return "".join(drawn)


def _says(found: Distribution, i: int, n: int) -> str:
    low, median, high = found.quartiles[i]
    missing = f", {found.missing[i]:,} missing" if found.missing[i] else ""
    if not n:
        return f"no value{missing}"
    if low == high:
        return f"median {number(median)}{missing}"
    return f"median {number(median)} ({number(low)} to {number(high)}){missing}"


def _notes(found: Distribution) -> tuple[str, ...]:
    notes = []
    if found.beyond:
        notes.append(f"{found.beyond:,} beyond the axis, in the outermost bars")
    if found.scale == "log":
        notes.append("log axis")
    return tuple(notes)


@dataclass(frozen=True)
class Interval:
    """A 95 % interval on a scale, in percent of its width."""

    low: float
    width: float
    value: float
    scale: tuple[str, str]


def interval(found: Measurement, column: Column) -> Interval | None:
    """Return the bar of an interval: on the value's range, else from 0; None where neither is."""
    if found.value is None or found.low is None or found.high is None:
        return None
    if not all(map(math.isfinite, (found.value, found.low, found.high))):
        return None
    if column.range:
        start, end = column.range
    elif min(found.low, found.value) >= 0 and found.high > 0:
        start, end = 0.0, ticks(0, found.high * 1.6)[-1]
    else:
        return None
    if not end > start:
        return None

    def at(value: float) -> float:
        return round(100 * min(max((value - start) / (end - start), 0.0), 1.0), 2)

    return Interval(
        low=at(found.low),
        width=round(max(at(found.high) - at(found.low), 0.4), 2),
        value=at(found.value),
        scale=(number(start), number(end)),
    )
