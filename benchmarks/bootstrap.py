"""Claim: 10,000 resamples of a board of 10 teachers x 6 languages take less than two seconds.

The board: 5 tasks of 200 items a language, base and reference, four intrinsic metrics with their
errors. *ours* is ``polyglot_harness.scoring.uncertainty``: intervals of seven quantities of each
cell and mean, of ranks, and all pairs. Against it

- *loop*: what one writes by hand in numpy, a resample at a time, of the scores and ranks alone;
- *scipy*: ``scipy.stats.bootstrap`` (paired, vectorised, percentile) of a single number, the gain
  of one teacher on one task.

All three must agree: ends of intervals to a twentieth of their width, which is the chance of the
draws. The z-scores are against a frozen pool, for over the cells at hand ours are corrected for
noise that a loop counts twice (docs/scoring.md). Also: a board of 500 x 50 without answers, which
is done in closed form.

    python benchmarks/bootstrap.py [--repeats 5] [--resamples 10000]
"""

from __future__ import annotations

import argparse
import resource

import numpy as np
from _timing import interleave, machine, report
from numpy.typing import NDArray

from polyglot_harness.scoring import METRICS, Grid, Pool, score_grid, uncertainty
from polyglot_harness.scoring.grid import LanguageItems, Uncertainty

Floats = NDArray[np.float64]
ALIKE = 0.05
"""Of the width of an interval."""
MEANS, SDS = np.array([0.3, 0.3, -2.4, 3.0]), np.array([0.025, 0.025, 0.14, 0.25])
POOL = Pool("frozen", tuple(zip(METRICS, MEANS.tolist(), SDS.tolist(), strict=True)))


def board(teachers: int, languages: int, tasks: int, items: int, seed: int = 0) -> Grid:
    """Return a board of right-or-wrong answers; without items, of standard errors."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(0.55, 0.05, teachers)
    shape = (teachers, languages)
    values = {n: np.full(shape, np.nan) for n in ("raw", "gain", "pgr")}
    values |= {f"{n}_stderr": np.full(shape, e) for n, e in (("raw", 0.01), ("gain", 0.015),
                                                             ("pgr", 0.08))}  # fmt: skip
    levels = np.concatenate([skill, [0.4, 0.7]])[:, None, None]
    found = []
    for j in range(languages):
        answers = [0.5 * rng.random(items) + 0.5 * rng.random((teachers + 2, 1, items)) < levels
                   for _ in range(tasks)]  # fmt: skip
        own = [task.astype(float) for task in answers]
        found.append(LanguageItems(
            tuple(map(str, range(tasks))), tuple(t[:-2] for t in own), tuple(t[-2] for t in own),
            tuple(t[-1] for t in own)))  # fmt: skip
        mean = np.mean([t.mean(axis=(1, 2)) for t in own], axis=0) if items else levels[:, 0, 0]
        values["raw"][:, j], values["gain"][:, j] = mean[:-2], mean[:-2] - mean[-2]
        values["pgr"][:, j] = (mean[:-2] - mean[-2]) / (mean[-1] - mean[-2])
    error = np.array([0.005, 0.005, 0.3, 0.05])
    metrics = np.array([0.3, 0.3, 10.0, 3.0]) + 5 * error * rng.standard_normal((*shape, 4))
    return Grid(
        tuple(f"t{i}" for i in range(teachers)), tuple(f"l{j}" for j in range(languages)), values,
        metrics, np.broadcast_to(error, metrics.shape), items=tuple(found) if items else (),
    )  # fmt: skip


def by_loop(grid: Grid, resamples: int, seed: int = 1) -> tuple[Floats, Floats]:
    """Return intervals of the teachers' mean scores, and of their ranks."""
    rng = np.random.default_rng(seed)
    means, ranks = [], []
    for _ in range(resamples):
        scores = []
        for j, items in enumerate(grid.items):
            assert items is not None and items.base is not None and items.reference is not None
            tasks = []
            for student, base, reference in zip(
                items.student, items.base, items.reference, strict=True
            ):
                draw = rng.integers(0, base.shape[1], base.shape[1])
                models = np.vstack([student[:, 0], base, reference])
                tasks.append(models[:, draw].mean(axis=1))
            mean = np.mean(tasks, axis=0)
            pgr = (mean[:-2] - mean[-2]) / (mean[-1] - mean[-2])
            metrics = rng.normal(grid.metrics[:, j], grid.metric_stderrs[:, j])
            metrics[:, 2] = -np.log1p(metrics[:, 2])
            scores.append((((metrics - MEANS) / SDS).mean(axis=1) + pgr) / 2)
        mean = np.mean(scores, axis=0)
        means.append(mean)
        ranks.append((-mean).argsort().argsort() + 1)
    ends = [2.5, 97.5]
    return np.percentile(means, ends, axis=0), np.percentile(ranks, ends, axis=0)


def by_scipy(grid: Grid, resamples: int) -> tuple[float, float]:
    """Return the interval of the gain of the first teacher on the first task."""
    from scipy.stats import bootstrap

    items = grid.items[0]
    assert items is not None and items.base is not None
    found = bootstrap(
        (items.student[0][0, 0], items.base[0][0]),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        paired=True, vectorized=True, n_resamples=resamples, method="percentile", random_state=0,
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def ours(grid: Grid, resamples: int) -> Uncertainty:
    """Return everything."""
    return uncertainty(grid, score_grid(grid, pool=POOL), pool=POOL, resamples=resamples)


def check(grid: Grid, resamples: int) -> None:
    """Stop unless all three agree."""
    found, (means, ranks) = ours(grid, resamples), by_loop(grid, resamples)
    apart(found.means["score"], means, "mean scores")
    if np.abs(found.ranks - ranks).max() > 1:
        raise SystemExit(f"ranks differ: {found.ranks} and {ranks}")
    items = grid.items[0]
    assert items is not None and items.base is not None
    task = Grid(
        grid.teachers[:1], grid.languages[:1], {}, np.full((1, 1, len(METRICS)), np.nan),
        np.full((1, 1, len(METRICS)), np.nan),
        items=(LanguageItems(("one",), (items.student[0][:1],), items.base[:1], None),),
    )  # fmt: skip
    apart(ours(task, resamples).cells["gain"][:, 0, 0], by_scipy(grid, resamples), "gain")
    print(f"agree to {ALIKE:.0%} of an interval's width: mean scores, gain; ranks to 1")


def apart(mine: Floats, theirs: object, what: str) -> None:
    """Stop if intervals differ."""
    other = np.asarray(theirs)
    worst = np.abs(mine - other).max(axis=0) / (other[1] - other[0])
    print(f"  {what}: ends differ by at most {np.max(worst):.1%} of the width")
    if np.max(worst) > ALIKE:
        raise SystemExit(f"{what} differ: {mine} and {other}")


def main() -> None:
    """Check, then time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=10_000)
    args = parser.parse_args()
    print(machine())
    grid, large = board(10, 6, 5, 200), board(500, 50, 1, 0)
    check(grid, args.resamples)
    seconds = interleave(
        {
            "ours, everything": lambda: ours(grid, args.resamples),
            "loop, scores and ranks": lambda: by_loop(grid, args.resamples),
            "scipy, one number": lambda: by_scipy(grid, args.resamples),
        },
        args.repeats,
    )
    report(f"10 x 6, 5 tasks x 200 items, {args.resamples:,} resamples", seconds,
           "ours, everything")  # fmt: skip
    one, all_of_ours = (np.median(seconds[n]) for n in ("scipy, one number", "ours, everything"))
    print(f"  scipy's time for the gains of 10 x 6 x 5 alone: {300 * one / all_of_ours:.0f} x")
    seconds = interleave(
        {"500 x 50, no answers": lambda: ours(large, args.resamples)}, args.repeats
    )
    report("closed form", seconds, "500 x 50, no answers")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak of the resident set over all: {peak} MB")


if __name__ == "__main__":
    main()
