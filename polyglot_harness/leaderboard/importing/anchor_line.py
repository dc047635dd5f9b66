"""The anchors behind released scores: PGR is linear in the raw score, so several give both back.

``pgr = (raw - base) / gap`` with one base and one reference for all teachers of a language. Cells
that do not lie on one line were not made with one pair of anchors.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

import numpy as np

from polyglot_harness.scoring.items import FloatArray

MIN_DISTINCT = 3
"""Different raw scores below which a line fits whatever the anchors were."""
_WHOLE = 1e-4  # so near to whole numbers lie 5 cells by chance in 1 of 10 million languages
_MIN_WHOLE, _TRIED = 5, 30


@dataclass(frozen=True)
class Anchor:
    """What raw scores and PGR of a language say of base and reference."""

    language: str
    base: float | None
    gap: float | None
    """reference - base; None where no single pair of anchors gives the PGR."""
    residual: float
    """Largest distance of a PGR from the line through all of the language."""
    distinct: int
    """Different raw scores; with less than `MIN_DISTINCT` there are no anchors to be had."""
    whole_gap: float | None = None
    """Where no line fits: the gap with which each PGR is off by a whole number, if there is one."""

    @property
    def inconsistent(self) -> bool:
        """Whether no line fits, though there are scores enough to tell."""
        return self.gap is None and self.distinct >= MIN_DISTINCT


def back_out(language: str, raw: FloatArray, pgr: FloatArray) -> Anchor:
    """Return the anchors that the cells of a language were made with.

    Args:
        language: Code.
        raw: Mean accuracies [n].
        pgr: Performance gap recovered [n], finite.
    """
    distinct = len(np.unique(raw))
    if distinct < MIN_DISTINCT:
        return Anchor(language, None, None, 0.0, distinct)
    centred = raw - raw.mean()
    slope = float(centred @ pgr / (centred @ centred))
    residual = float(np.abs(pgr - pgr.mean() - slope * centred).max())
    rounding = 4 * (_half_unit(pgr) + abs(slope) * _half_unit(raw)) + 1e-9
    if residual > rounding or abs(slope) * np.ptp(raw) <= rounding:
        return Anchor(language, None, None, residual, distinct, _whole_gap(raw, pgr))
    gap = 1 / slope
    return Anchor(language, float(raw.mean() - pgr.mean() * gap), gap, residual, distinct)


def _half_unit(values: FloatArray) -> float:
    """Return half a unit of the last place that the numbers are written to."""
    exponents = (Decimal(repr(float(v))).as_tuple().exponent for v in values)
    return 0.5 * 10.0 ** min(e for e in exponents if isinstance(e, int))


def _whole_gap(raw: FloatArray, pgr: FloatArray) -> float | None:
    """Return the largest gap that explains each PGR up to a whole number, None if there is none."""
    found = []
    for i, j in combinations(range(min(len(raw), _TRIED)), 2):
        if len(raw) >= _MIN_WHOLE and raw[i] != raw[j] and pgr[i] != pgr[j]:
            gap = float((raw[j] - raw[i]) / (pgr[j] - pgr[i]))
            off = pgr - pgr[i] - (raw - raw[i]) / gap
            whole = off.round()
            if whole.any() and np.abs(off - whole).max() < _WHOLE:
                found.append(gap)
    return max(found, key=abs, default=None)
