"""What can be checked of released scores: their sums, their anchors, and what the order rests on.

PGR divides by reference - base. Where that is negative, the worse student has the higher PGR; the
stable score, which does without the reference, then orders the teachers otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyglot_harness.leaderboard.importing.anchor_line import MIN_DISTINCT, Anchor, back_out
from polyglot_harness.leaderboard.importing.orders import orders
from polyglot_harness.leaderboard.tables import MISSING, Grid, number
from polyglot_harness.scoring.items import FloatArray

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.importing.polyglot_teachers import Cell

_EXACT = 1e-6
_SHOWN = 10


@dataclass(frozen=True)
class Audit:
    """What was found."""

    anchors: tuple[Anchor, ...]
    """By language."""
    notes: tuple[str, ...]
    tables: tuple[Grid, ...]


def audit(cells: Sequence[Cell]) -> Audit:
    """Check the cells of one student.

    Args:
        cells: At most one a teacher and language.
    """
    teachers = tuple(sorted({c.teacher for c in cells}))
    languages = tuple(sorted({c.language for c in cells}))
    values = {name: _array(cells, teachers, languages, name)
              for name in ("result", "pgr", "z_score", "pg_score")}  # fmt: skip
    anchors = tuple(
        _anchor(language, values["result"][:, i], values["pgr"][:, i])
        for i, language in enumerate(languages)
    )
    notes = [_missing(values, teachers, languages), _sums(values, teachers, languages)]
    notes += _pool(values["z_score"], languages)
    notes += [note for a in anchors if (note := _said(a))]
    gain = values["result"] - np.array([_or_nan(a.base) for a in anchors])
    notes.append(_contradicting(values["pgr"], gain, anchors))
    moved, table = orders(values, gain, anchors, teachers, languages)
    return Audit(anchors, (*notes, moved), (_anchor_table(anchors, values), table))


def _array(
    cells: Sequence[Cell], teachers: Sequence[str], languages: Sequence[str], name: str
) -> FloatArray:
    """Return a column of the file as [T, L]; NaN is missing."""
    found = np.full((len(teachers), len(languages)), np.nan)
    row, column = ({name: i for i, name in enumerate(names)} for names in (teachers, languages))
    for cell in cells:
        found[row[cell.teacher], column[cell.language]] = _or_nan(getattr(cell, name))
    return found


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _anchor(language: str, raw: FloatArray, pgr: FloatArray) -> Anchor:
    known = np.isfinite(raw) & np.isfinite(pgr)
    return back_out(language, raw[known], pgr[known])


def _missing(
    values: dict[str, FloatArray], teachers: Sequence[str], languages: Sequence[str]
) -> str:
    lacking = [f"{t} ({c})" for i, t in enumerate(teachers) for j, c in enumerate(languages)
               if any(np.isnan(v[i, j]) for v in values.values())]  # fmt: skip
    start = f"{len(teachers)} teachers in {len(languages)} languages"
    more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
    some = ", ".join(lacking[:_SHOWN]) or "none"
    return f"{start}: missing or incomplete: {some}{more}; none twice"


def _sums(values: dict[str, FloatArray], teachers: Sequence[str], languages: Sequence[str]) -> str:
    off = np.abs(0.5 * values["z_score"] + 0.5 * values["pgr"] - values["pg_score"])
    if np.isnan(off).all():
        return "pg_score = z / 2 + PGR / 2: nothing to check it on"
    t, c = divmod(int(np.nanargmax(off)), len(languages))
    if off[t, c] <= _EXACT:
        return f"pg_score is z / 2 + PGR / 2 in every cell (largest difference {off[t, c]:.0g})"
    many = int((off > _EXACT).sum())
    return (
        f"pg_score is not z / 2 + PGR / 2 in {many} cells, most of all in {teachers[t]} "
        f"({languages[c]}): off by {off[t, c]:.3g}"
    )


def _pool(z: FloatArray, languages: Sequence[str]) -> list[str]:
    """Say so where z is made over all cells, not within a language as it is here."""
    own = [float(np.nanmean(column)) for column in z.T if np.isfinite(column).any()]
    if len(own) < 2 or abs(float(np.nanmean(z))) > _EXACT or max(map(abs, own)) <= _EXACT:
        return []
    return [
        f"z is made over the cells of all {len(languages)} languages: its means by language run "
        f"from {min(own):+.2f} to {max(own):+.2f}"
    ]


def _said(anchor: Anchor) -> str:
    """Return what is wrong with the anchors of a language; "" if nothing."""
    if anchor.gap is not None:
        return "" if anchor.gap > 0 else (
            f"{anchor.language}: the reference is {-100 * anchor.gap:.2f} points below the base: "
            "the worse the student, the higher its PGR"
        )  # fmt: skip
    if anchor.distinct < MIN_DISTINCT:
        return f"{anchor.language}: too few different results to tell the anchors"
    whole = "" if anchor.whole_gap is None else (
        f"; up to whole numbers they lie on one, of a gap of {100 * anchor.whole_gap:+.2f} points, "
        "as if whole numbers had been added to the PGR or taken off"
    )  # fmt: skip
    return (
        f"{anchor.language}: no pair of anchors gives these PGR, they are off one line by up to "
        f"{anchor.residual:.2f}{whole}"
    )


def _contradicting(pgr: FloatArray, gain: FloatArray, anchors: Sequence[Anchor]) -> str:
    known = int(np.isfinite(gain).sum())
    against = int(((pgr > 0) & (gain < 0)).sum()), int(((pgr < 0) & (gain > 0)).sum())
    fit = ", ".join(a.language for a in anchors if a.base is not None) or "none"
    return (
        f"of {known} cells with known anchors ({fit}), {against[0]} have a positive PGR though the "
        f"student is worse than its base, and {against[1]} a negative one though it is better"
    )


def _verdict(anchor: Anchor) -> str:
    if anchor.gap is None:
        return "no one line" if anchor.inconsistent else "too few results"
    return "upside down" if anchor.gap < 0 else "upright, error unknown"


def _anchor_table(anchors: Sequence[Anchor], values: dict[str, FloatArray]) -> Grid:
    rows = []
    for i, a in enumerate(anchors):
        column = values["result"][:, i]
        reference = None if a.base is None or a.gap is None else 100 * (a.base + a.gap)
        rows.append((
            a.language, str(int(np.isfinite(column).sum())), str(a.distinct),
            number(None if a.base is None else 100 * a.base, ".2f"), number(reference, ".2f"),
            number(None if a.gap is None else 100 * a.gap, "+.2f"),
            f"{a.residual:.0e}" if a.distinct >= MIN_DISTINCT else MISSING, _verdict(a),
        ))  # fmt: skip
    return Grid(
        "Anchors backed out of result and pgr, in points",
        ("Lang", "Cells", "Different", "Base", "Reference", "Gap", "Off line", "Verdict"),
        (True, *[False] * 6, True),
        tuple(rows),
    )
