"""The order of the teachers by the published score, and what it becomes by the stable one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from polyglot_harness.leaderboard.importing.anchor_line import Anchor
from polyglot_harness.leaderboard.tables import MISSING, Grid
from polyglot_harness.scoring.grid import Grid as ScoreGrid
from polyglot_harness.scoring.grid import score_grid
from polyglot_harness.scoring.intrinsic_z import METRICS
from polyglot_harness.scoring.items import FloatArray


def orders(
    values: Mapping[str, FloatArray],
    gain: FloatArray,
    anchors: Sequence[Anchor],
    teachers: tuple[str, ...],
    languages: tuple[str, ...],
) -> tuple[str, Grid]:
    """Return how the order changes from the published score to the stable one, and the table.

    Args:
        values: Columns of the file as [T, L]; NaN is missing.
        gain: [T, L], NaN where the anchors are not known.
        anchors: By language.
        teachers: T names.
        languages: L codes.
    """
    fit = [i for i, a in enumerate(anchors) if a.base is not None]
    some = tuple(languages[i] for i in fit)
    published = values["pg_score"].mean(axis=1)
    same, stable = values["pg_score"][:, fit], _stable(teachers, some, values, gain, fit)
    means = [published, *(_means(v) for v in (same, stable))]
    places = [_places(mean) for mean in means]
    order = sorted(range(len(teachers)), key=lambda i: (_last(float(places[0][i])), teachers[i]))
    rows = tuple(
        (teachers[i], *(cell for mean, place in zip(means, places, strict=True)
                        for cell in (_place(place[i]), _number(mean[i]))),
         _moved(places[1][i], places[2][i]))
        for i in order
    )  # fmt: skip
    table = Grid(
        f"From the published to the stable score; anchors known in: {', '.join(some) or 'none'}",
        ("Teacher", "#", "Published, all", "#", "Published, these", "#", "Stable, these", "Moves"),
        (True, *[False] * 7),
        rows,
    )  # fmt: skip
    rho = _spearman(means[1], means[2])
    if rho is None:
        return "too few teachers or languages to compare the published and the stable order", table
    return (
        f"over {', '.join(some)} the order of the teachers by the stable score has a Spearman of "
        f"{rho:+.2f} with that by the published one"
    ), table


def _stable(
    teachers: tuple[str, ...],
    languages: tuple[str, ...],
    values: Mapping[str, FloatArray],
    gain: FloatArray,
    fit: list[int],
) -> FloatArray:
    shape = (len(teachers), len(languages), len(METRICS))
    measured = {"raw": values["result"], "gain": gain, "pgr": values["pgr"], "z": values["z_score"]}
    grid = ScoreGrid(
        teachers=teachers,
        languages=languages,
        values={name: array[:, fit] for name, array in measured.items()},
        metrics=np.full(shape, np.nan),
        metric_stderrs=np.full(shape, np.nan),
    )
    return score_grid(grid).stable


def _means(values: FloatArray) -> FloatArray:
    return values.mean(axis=1) if values.shape[1] else np.full(len(values), np.nan)


def _places(values: FloatArray) -> FloatArray:
    """Return ranks, 1 the best; NaN where there is no value."""
    higher = (values[None, :] > values[:, None]).sum(axis=1) + 1.0
    return np.where(np.isnan(values), np.nan, higher)


def _last(place: float) -> float:
    return float("inf") if np.isnan(place) else place


def _place(place: float) -> str:
    return MISSING if np.isnan(place) else f"{place:.0f}"


def _number(value: float) -> str:
    return MISSING if np.isnan(value) else f"{value:+.3f}"


def _moved(before: float, after: float) -> str:
    if np.isnan(before) or np.isnan(after):
        return MISSING
    return f"{before - after:+.0f}" if before != after else "0"


def _spearman(a: FloatArray, b: FloatArray) -> float | None:
    from scipy.stats import spearmanr

    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3 or np.ptp(a[known]) == 0 or np.ptp(b[known]) == 0:
        return None
    return float(spearmanr(a[known], b[known]).statistic)
