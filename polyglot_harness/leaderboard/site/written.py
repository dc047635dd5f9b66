"""What a teacher wrote, for its page: examples, rejections, tokens, one condition a language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from polyglot_harness.leaderboard.records import Shown
from polyglot_harness.leaderboard.results import read_rows

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.results import ResultsTable

IntArray = npt.NDArray[np.intp]
COUNTS = ("n_examples", "n_replies", "tokens_in", "tokens_out", "cost_usd")
EXAMPLES = 30
"""Texts that a page shows at most."""
LANGUAGES = 60
"""Of which a page reads examples and rejections."""


@dataclass(frozen=True)
class Written:
    """One teacher's data."""

    languages: tuple[dict[str, Any], ...]
    """language, n_examples, n_replies, tokens_in, tokens_out, cost_usd (None: not known)."""
    rejections: tuple[tuple[str, int], ...]
    """(reason, replies), the most frequent first."""
    examples: tuple[tuple[str, Shown], ...]
    """(language, example)."""
    read: int
    """Languages of which examples and rejections were read."""


def written(table: ResultsTable, examples: int) -> Callable[[int], Written]:
    """Return what gives the data of a teacher, by its number in the table.

    A teacher's data are the same whatever student they taught. So of each language one row counts:
    that with most examples, the first in the order of files among equals.

    Args:
        table: All rows.
        examples: Texts of each language at most.
    """
    lines = _largest(table)
    teachers = table.rows.column("teacher_id").to_numpy()[lines]
    counts = table.rows.select(["language", *COUNTS]).take(lines)

    def of(teacher: int) -> Written:
        low, high = np.searchsorted(teachers, [teacher, teacher + 1])
        mine = counts.slice(low, high - low).to_pylist()
        read = read_rows(table, lines[low : min(high, low + LANGUAGES)].tolist())
        rejected: Counter[str] = Counter()
        for row in read:
            rejected.update(dict(row.rejections))
        texts = [(line["language"], row.examples) for line, row in zip(mine, read, strict=False)]
        return Written(
            languages=tuple(mine),
            rejections=tuple(sorted(rejected.items(), key=lambda r: (-r[1], r[0]))),
            examples=_spread(texts, examples),
            read=len(read),
        )

    return of


def _largest(table: ResultsTable) -> IntArray:
    """Return of each teacher and language the line with most examples, sorted by both."""
    rows = table.rows
    language = np.asarray(rows.column("language").to_pylist(), dtype=str)
    code = np.unique(language, return_inverse=True)[1]
    teacher = rows.column("teacher_id").to_numpy()
    size = rows.column("n_examples").to_numpy(zero_copy_only=False).astype(np.float64)
    order = np.lexsort((-np.nan_to_num(size, nan=-1.0), code, teacher))
    pair = np.stack([teacher, code])[:, order]
    new = np.append(True, (pair[:, 1:] != pair[:, :-1]).any(axis=0))[: len(order)]
    first: IntArray = order[new]
    return first


def _spread(
    found: Sequence[tuple[str, Sequence[Shown]]], most: int
) -> tuple[tuple[str, Shown], ...]:
    """Return the first of each language, then the second of each, ..., sorted by language."""
    turns = [(code, e[i]) for i in range(most) for code, e in found if i < len(e)]
    return tuple(sorted(turns[:EXAMPLES], key=lambda turn: turn[0]))
