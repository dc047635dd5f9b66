"""The data of the page: scripts that hand over JSON, for ``file://`` lets a page fetch nothing.

Arrays are in the order of the ranking and of the board's languages; null is missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from polyglot_harness.leaderboard.site.robustness import robustness
from polyglot_harness.scoring.items import FloatArray

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.boards import ScoredBoard
    from polyglot_harness.leaderboard.ranking import TeacherRow
    from polyglot_harness.leaderboard.records import TeacherFacts

DIGITS = 4
"""Significant digits of the page's numbers."""
FEW = 3
"""Of what the page has of each cell, but for accuracies: 500 x 50 cells stay below 2 MB."""
ACCURACIES = ("raw", "gain", "pgr")
QUANTITIES = (*ACCURACIES, "z", "score", "stable")
MOST_PAIRS = 2000
MOST_LEFT_OUT = 50
RANKED_BY = {"polyglot": "score", "stable": "stable"}


def script(value: Any) -> str:
    """Return a script that hands a value over. ASCII, and without ``<``, so that no text ends it.

    Raises:
        ValueError: If NaN or an infinity is in it.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return f"POLYGLOT.add({text.replace('<', chr(92) + 'u003c')});\n"


def number(value: float | None) -> float | None:
    """Return a number in `DIGITS` significant digits; None for what is missing or no number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")


def numbers(values: FloatArray, digits: int = DIGITS) -> Any:
    """Return an array as nested lists of what `number` returns, whole numbers as integers."""
    known = np.isfinite(values)
    found = np.where(known, values, 0.0)
    with np.errstate(divide="ignore"):
        places = np.where(found == 0, 0, digits - 1 - np.floor(np.log10(np.abs(found))))
    # Division by a power of ten is rounded exactly, so that the shortest text has few digits.
    up, down = 10.0 ** np.clip(places, 0, 22), 10.0 ** np.clip(-places, 0, 22)
    found = np.round(found * up / down) / up * down
    whole = bool((found == np.round(found)).all()) and bool((np.abs(found) < 2**53).all())
    as_objects = (found.astype(np.int64) if whole else found).astype(object)
    as_objects[~known] = None
    return as_objects.tolist()


def numbers_or_none(values: FloatArray | None, digits: int = DIGITS) -> Any:
    """Return None where not one number is known, else `numbers`."""
    return None if values is None or not np.isfinite(values).any() else numbers(values, digits)


def safe_url(url: str) -> str:
    """Return the address if it is one of the web, else the empty text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def languages(codes: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return English name, own name and direction by code, from the CLDR."""
    return {code: _language(code) for code in sorted(set(codes))}


@cache
def _language(code: str) -> dict[str, str]:
    from babel import Locale
    from babel.core import UnknownLocaleError

    try:
        locale = Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        return {"name": code, "own_name": "", "direction": "auto"}
    return {
        "name": locale.get_display_name("en") or code,
        "own_name": locale.get_display_name() or "",
        "direction": locale.text_direction,
    }


def summary(board: ScoredBoard) -> dict[str, Any]:
    """Return what the index says of a board."""
    from polyglot_harness.leaderboard.reading import board_reading

    examples = dict(board.conditions).get("n", "")
    return {
        "key": board.key,
        "title": board.title,
        "student": board.student.name,
        "student_family": board.student.family,
        "student_size_b": number(board.student.size_b),
        "mixture": board.mixture,
        "strategies": board.strategies,
        "n": int(examples) if examples.isascii() and examples.isdigit() else None,
        "seeds": board.seeds,
        "languages": board.languages,
        "teachers": len(board.teachers),
        "ranked_by": board.ranking.ranked_by,
        "reading": board_reading(board),
    }


def board_data(board: ScoredBoard, slugs: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return all that the page shows of a board."""
    rows = board.ranking.rows
    place = {name: i for i, name in enumerate(board.grid.teachers)}
    order = [place[row.teacher] for row in rows]
    facts = [board.teachers[i] for i in order]
    by = RANKED_BY[board.ranking.ranked_by]
    flag_sets = _flag_sets(board, rows)
    number_of = {flags: i for i, flags in enumerate(flag_sets)}

    def cells(values: FloatArray | None, digits: int = DIGITS) -> Any:
        return None if values is None else numbers_or_none(values[order], digits)

    return {
        "kind": "board",
        **{name: getattr(board, name) for name in _COPIED},
        "student": board.student.model_dump() | {"url": safe_url(board.student.url)},
        "pools": board.scores.pools,
        "ranked_by": board.ranking.ranked_by,
        "by": by,
        "aggregate": board.ranking.aggregate,
        "reason": board.ranking.reason,
        "uncertainty": board.uncertainty.method,
        "notes": board.uncertainty.notes,
        "left_out": board.left_out[:MOST_LEFT_OUT],
        "left_out_total": len(board.left_out),
        "teachers": [
            _teacher(row.teacher, fact, slugs) for row, fact in zip(rows, facts, strict=True)
        ],
        "rank": {
            "rank": [row.rank for row in rows],
            "low": [number(row.rank_low) for row in rows],
            "high": [number(row.rank_high) for row in rows],
            "borda": [number(row.borda) for row in rows],
            "mrr": [number(row.mrr) for row in rows],
        },
        "means": {name: _mean(board, name, order) for name in QUANTITIES},
        "cost": [number(row.cost_usd) for row in rows],
        "acceptance": [number(row.acceptance_rate) for row in rows],
        "cells": {
            name: cells(_values(board, name), DIGITS if name in ACCURACIES else FEW)
            for name in QUANTITIES
        },
        "interval": _interval(board.uncertainty.cells.get(by), order),
        "cell_cost": cells(board.cost_usd, FEW),
        "cell_acceptance": cells(board.acceptance, FEW),
        "n_examples": cells(board.n_examples),
        "n_items": cells(board.n_items),
        "flag_sets": flag_sets,
        "flags": [[number_of[flags] for flags in board.flags[i]] for i in order],
        "unsound": _unsound(board, order),
        "teacher_flags": [number_of[row.flags] for row in rows],
        "pairs": _pairs(board),
        "robustness": robustness(board),
    }


_COPIED = (
    "key", "title", "conditions", "mixture", "strategies", "seeds", "signatures", "languages",
)  # fmt: skip


def _teacher(
    shown: str, fact: TeacherFacts, slugs: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    return {
        "name": shown,
        "slug": slugs[fact.name, fact.revision],
        "revision": fact.revision,
        "family": fact.family,
        "licence": fact.licence,
        "size_b": number(fact.size_b),
        "url": safe_url(fact.url),
        "price_in": number(fact.price_in),
        "price_out": number(fact.price_out),
    }


def _values(board: ScoredBoard, name: str) -> FloatArray | None:
    """Return the cells of a quantity, [T, L]."""
    if name in ("z", "score", "stable"):
        return np.asarray(getattr(board.scores, name))
    return board.grid.values.get(name)


def _mean(board: ScoredBoard, name: str, order: Sequence[int]) -> dict[str, Any]:
    interval = board.uncertainty.means.get(name)
    low, high = (None, None) if interval is None else numbers(interval[:, order])
    return {
        "value": [number(getattr(row, name)) for row in board.ranking.rows],
        "low": low,
        "high": high,
    }


def _interval(cells: FloatArray | None, order: Sequence[int]) -> dict[str, Any] | None:
    if cells is None or not np.isfinite(cells).any():
        return None
    low, high = numbers(cells[:, order], FEW)
    return {"low": low, "high": high}


def _flag_sets(board: ScoredBoard, rows: Sequence[TeacherRow]) -> list[tuple[str, ...]]:
    """Return the different sets of flags, the empty one first."""
    found = {flags for teacher in board.flags for flags in teacher} | {row.flags for row in rows}
    return [(), *sorted(found - {()})]


def _unsound(board: ScoredBoard, order: Sequence[int]) -> list[list[int]] | None:
    unsound = board.grid.unsound
    if unsound is None or not unsound.any():
        return None
    return [[int(flag) for flag in unsound[i]] for i in order]


def _pairs(board: ScoredBoard) -> list[tuple[int, int, float | None, float | None]]:
    """Return (row, row, P(better), p by Holm), of the best teachers first."""
    place = {row.teacher: i for i, row in enumerate(board.ranking.rows)}
    found = [
        (place[pair.a], place[pair.b], number(pair.better), number(pair.p_holm))
        for pair in board.ranking.pairs
    ]
    return sorted(found)[:MOST_PAIRS]
