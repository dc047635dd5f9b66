"""What the answers of student, base and reference say of one cell."""

from __future__ import annotations

from dataclasses import dataclass

from polyglot_harness.scoring.cells import Anchors, Cell
from polyglot_harness.scoring.items import (
    Arrays,
    Estimate,
    align,
    count,
    estimate,
    shared,
    subtract,
)
from polyglot_harness.scoring.pgr import Method, anchor_flags, recovered

_NOTHING = Estimate()


@dataclass(frozen=True)
class Extrinsic:
    """Means and differences over the tasks that all have."""

    raw: Estimate = _NOTHING
    base: Estimate = _NOTHING
    reference: Estimate = _NOTHING
    gain: Estimate = _NOTHING
    gap: Estimate = _NOTHING
    pgr: Estimate = _NOTHING
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    n_items: int = 0

    def numbers(self) -> dict[str, float | None]:
        """Return the fields of `spec.PolyglotScore`, and of a row of results, that these are."""
        named = {
            name: getattr(self, name) for name in ("raw", "base", "reference", "gain", "gap", "pgr")
        }
        values = {name: found.value for name, found in named.items()}
        with_error = ("raw", "gain", "gap", "pgr")
        return values | {f"{name}_stderr": named[name].stderr for name in with_error}


def extrinsic(cell: Cell, anchors: Anchors, method: Method, seed: int, resamples: int) -> Extrinsic:
    """Compare a cell's answers with those of its anchors.

    Args:
        cell: Its student's answers.
        anchors: Of the same student and language.
        method: How PGR is averaged over tasks.
        seed: Of the bootstrap of its error.
        resamples: Likewise.

    Raises:
        StageError: If they share no task, or differ in the items of one.
    """
    parts = {"student": cell.items, "base": anchors.base, "reference": anchors.reference}
    present = {name: items for name, items in parts.items() if items is not None}
    where = f"{cell.teacher}, {cell.language}"
    common, left_out = shared(present, where)
    arrays = align(common, where)
    student, base, reference = (arrays.get(name) for name in parts)
    pgr = _NOTHING
    flags: tuple[str, ...] = ()
    if base and reference:
        flags = anchor_flags(base, reference, method)
        if student:
            pgr = recovered(student, base, reference, method=method, seed=seed, resamples=resamples)
    return Extrinsic(
        raw=_estimate(student),
        base=_estimate(base),
        reference=_estimate(reference),
        gain=_paired(student, base),
        gap=_paired(reference, base),
        pgr=pgr,
        flags=flags,
        missing=(*(name for name in parts if name not in present), *left_out),
        n_items=count(student) if student else 0,
    )


def _estimate(arrays: Arrays | None) -> Estimate:
    return estimate(arrays) if arrays else _NOTHING


def _paired(upper: Arrays | None, lower: Arrays | None) -> Estimate:
    return estimate(subtract(upper, lower)) if upper and lower else _NOTHING
