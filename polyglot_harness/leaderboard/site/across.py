"""What no single board shows: families matched with families, and what more data brings.

Boards are fed one at a time and only sums are kept, so memory grows with the numbers of teachers
and of boards, never with cells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from polyglot_harness.leaderboard.site.loadings import loadings
from polyglot_harness.scoring.items import FloatArray

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.boards import ScoredBoard
    from polyglot_harness.leaderboard.results import ResultsTable

LEVEL = 0.95
MOST_SERIES = 1000
"""Lines of data-scaling that the page gets."""
_SIZE = "n"
"""The field of a signature that says how many examples a teacher was asked for."""
_Sums = dict[str, list[float]]


def across(table: ResultsTable, boards: Iterable[ScoredBoard] = ()) -> dict[str, Any]:
    """Return `Across.done` of all boards, in one pass over them."""
    found = Across(table)
    for board in boards:
        found.add(board)
    return found.done()


@dataclass
class Across:
    """Sums over boards."""

    table: ResultsTable
    """All rows, for the components of the metrics."""
    _pairs: dict[tuple[str, str], _Sums] = field(default_factory=dict)
    """(family of the teacher, of the student) -> teacher -> n, gain, n compared, lead."""
    _no_family: int = 0
    _series: dict[tuple[Any, ...], dict[tuple[str, str], list[dict[str, Any]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    """All conditions but the size -> (teacher, revision) -> points."""

    def add(self, board: ScoredBoard) -> None:
        """Take note of a board."""
        self._add_families(board)
        self._add_sizes(board)

    def done(self) -> dict[str, Any]:
        """Return what the page draws.

        Returns:
            ``families`` (cells of the matrix: gain and lead in accuracy, 0 to 1, with interval, n
            cells, teachers), ``scaling`` (series of points by number of examples) and ``pca`` (see
            `loadings`). What is missing is None; nothing is NaN.
        """
        return {
            "families": self._families(),
            "scaling": self._scaling(),
            "pca": loadings(self.table),
        }

    def _add_families(self, board: ScoredBoard) -> None:
        gain = np.asarray(board.grid.values["gain"], dtype=np.float64)
        known = np.isfinite(gain)
        families = np.array([t.family for t in board.teachers])
        stated = (families != "") & (board.student.family != "")
        self._no_family += int(known[~stated].sum())
        lead = lead_over_others(gain, families)
        compared = np.isfinite(lead)
        sums = np.stack(
            [known.sum(1), np.nansum(gain, 1), compared.sum(1), np.nansum(lead, 1)], axis=1
        )
        for i in np.flatnonzero(stated & known.any(1)):
            of_pair = self._pairs.setdefault((str(families[i]), board.student.family), {})
            name = board.teachers[i].name
            before = of_pair.get(name, [0.0] * 4)
            of_pair[name] = [a + b for a, b in zip(before, sums[i].tolist(), strict=True)]

    def _families(self) -> dict[str, Any]:
        cells = []
        for (teacher, student), by_teacher in sorted(self._pairs.items()):
            sums = np.array(list(by_teacher.values()))
            cells.append(
                {
                    "teacher": teacher,
                    "student": student,
                    "n": int(sums[:, 0].sum()),
                    "teachers": len(sums),
                    "gain": clustered_mean(sums[:, 0], sums[:, 1]),
                    "n_lead": int(sums[:, 2].sum()),
                    "lead": clustered_mean(sums[:, 2], sums[:, 3]),
                }
            )
        return {
            "teachers": sorted({c["teacher"] for c in cells}),
            "students": sorted({c["student"] for c in cells}),
            "cells": cells,
            "left_out": self._no_family,
        }

    def _add_sizes(self, board: ScoredBoard) -> None:
        conditions = dict(board.conditions)
        asked = _number(conditions.pop(_SIZE, ""))
        key = (board.student, tuple(conditions.items()), board.mixture, board.languages)
        gains = _row_means(board.grid.values["gain"])
        written = _row_means(board.n_examples)
        interval = board.uncertainty.means.get("gain", np.full((2, len(gains)), np.nan))
        for i in np.flatnonzero(np.isfinite(gains)):
            size = float(written[i]) if np.isfinite(written[i]) else asked
            if size is None or size <= 0:
                continue
            point = {
                "n": _short(size),
                "asked": asked,
                "gain": _short(gains[i]),
                "low": _short(interval[0, i]),
                "high": _short(interval[1, i]),
                "board": board.key,
            }
            teacher = board.teachers[i]
            self._series[key][teacher.name, teacher.revision].append(point)

    def _scaling(self) -> dict[str, Any]:
        series = [
            {
                "teacher": teacher,
                "revision": revision,
                "student": key[0].name,
                "mixture": key[2],
                "languages": list(key[3]),
                "conditions": "|".join(f"{name}:{value}" for name, value in key[1]),
                "points": sorted(points, key=lambda p: (p["n"], p["board"])),
            }
            for key, by_teacher in self._series.items()
            for (teacher, revision), points in sorted(by_teacher.items())
            if len(points) > 1
        ]
        series.sort(key=lambda s: (s["student"], s["mixture"], s["conditions"], s["languages"]))
        return {"series": series[:MOST_SERIES], "left_out": max(0, len(series) - MOST_SERIES)}


def lead_over_others(gain: FloatArray, families: Any) -> FloatArray:
    """Return how far each cell is ahead of the mean of other families' cells in its language.

    Languages and students differ in how much there is to gain; this compares within both.

    Args:
        gain: [T, L], NaN for missing.
        families: Of the teachers, [T].

    Returns:
        [T, L]; NaN where no other family has a gain.
    """
    _, code = np.unique(families, return_inverse=True)
    member = np.eye(code.max(initial=0) + 1)[code]
    known = np.isfinite(gain)
    total, count = np.where(known, gain, 0.0), known.astype(np.float64)
    others = total.sum(0) - member @ (member.T @ total)
    n_others = count.sum(0) - member @ (member.T @ count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n_others > 0, gain - others / n_others, np.nan)


def clustered_mean(counts: FloatArray, sums: FloatArray) -> dict[str, float | None]:
    """Return the mean of all cells and its 95 % interval, the cells of a teacher dependent.

    The interval is Student's t with the cluster-robust standard error (Liang and Zeger 1986),
    ``G / (G - 1) * sum_g (sum_g - n_g * mean)^2 / n^2`` of G teachers.

    Args:
        counts: Cells of each teacher, [G].
        sums: Their sums, [G].

    Returns:
        ``mean``, ``low`` and ``high``; no interval of fewer than two teachers.
    """
    from scipy.special import stdtrit

    there = counts > 0
    counts, sums = counts[there], sums[there]
    if not len(counts):
        return {"mean": None, "low": None, "high": None}
    n, groups = counts.sum(), len(counts)
    mean = float(sums.sum() / n)
    if groups < 2:
        return {"mean": _short(mean), "low": None, "high": None}
    variance = groups / (groups - 1) * float(((sums - counts * mean) ** 2).sum()) / n**2
    half = float(stdtrit(groups - 1, (1 + LEVEL) / 2)) * variance**0.5
    return {"mean": _short(mean), "low": _short(mean - half), "high": _short(mean + half)}


def _row_means(values: FloatArray) -> FloatArray:
    """Return means over languages, NaN where one is missing."""
    return values.mean(axis=1) if values.shape[1] else np.full(len(values), np.nan)


def _number(text: str) -> float | None:
    return float(text) if text.isdecimal() else None


def _short(value: float) -> float | None:
    """Return a number with four significant digits, None for one that is not finite."""
    return float(f"{value:.4g}") if np.isfinite(value) else None
