"""A page a teacher: its card, its place on each board, its cells, and what it wrote.

Boards are fed one at a time; of each only the numbers that pages show are kept. Files of results
are read at most once, when the pages are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from polyglot_harness.leaderboard.site.data import QUANTITIES, RANKED_BY
from polyglot_harness.leaderboard.site.teacher_page import TeacherPage, template
from polyglot_harness.leaderboard.site.written import written
from polyglot_harness.store import write_atomically

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.boards import ScoredBoard
    from polyglot_harness.leaderboard.results import ResultsTable

CELLS = 150
"""Cells that a page shows; the others are in leaderboard.csv."""
PLACES = 100
"""Boards that a page names."""
Key = tuple[str, str]
"""(name, revision) of a teacher."""


@dataclass
class _Teacher:
    """What is known so far."""

    places: list[dict[str, Any]] = field(default_factory=list)
    cells: list[tuple[_Board, int]] = field(default_factory=list)
    """(board, row in its arrays)."""
    n_places: int = 0
    n_cells: int = 0
    n_kept: int = 0


@dataclass(frozen=True)
class _Board:
    """The numbers of a board that pages show, by quantity [T, L]."""

    key: str
    title: str
    languages: tuple[str, ...]
    signatures: tuple[str, ...]
    values: Mapping[str, npt.NDArray[np.float32]]
    unsound: Any
    flags: tuple[tuple[tuple[str, ...], ...], ...]
    present: Any
    """[T, L]: whether there is any number."""


@dataclass
class TeacherPages:
    """Gathers boards, then writes all pages."""

    folder: Path
    """The site's."""
    table: ResultsTable
    slugs: Mapping[Key, str]
    title: str
    examples: int
    """Texts of each language that a page shows at most."""
    _teachers: dict[Key, _Teacher] = field(default_factory=dict)

    def add(self, board: ScoredBoard) -> None:
        """Take note of a board."""
        kept = _slim(board)
        rows = {row.teacher: row for row in board.ranking.rows}
        by = RANKED_BY[board.ranking.ranked_by]
        bounds = board.uncertainty.means.get(by, np.full((2, len(board.teachers)), np.nan))
        ranked = sum(row.rank is not None for row in board.ranking.rows)
        for i, facts in enumerate(board.teachers):
            mine = self._teachers.setdefault((facts.name, facts.revision), _Teacher())
            n = int(kept.present[i].sum())
            mine.n_places += 1
            mine.n_cells += n
            if mine.n_kept < CELLS:
                mine.n_kept += n
                mine.cells.append((kept, i))
            row = rows.get(board.grid.teachers[i])
            if row is not None and len(mine.places) < PLACES:
                mine.places.append(
                    {
                        "key": board.key,
                        "title": board.title,
                        "languages": len(board.languages),
                        "by": by,
                        "of": ranked,
                        "low": float(bounds[0, i]),
                        "high": float(bounds[1, i]),
                        "row": row,
                    }
                )

    def write(self) -> list[Path]:
        """Write ``teachers/<slug>.html`` of each teacher; return the paths.

        Raises:
            StoreError: If a file of results has become unreadable, or the disk is full.
        """
        folder = self.folder / "teachers"
        folder.mkdir(parents=True, exist_ok=True)
        page, paths = template(), []
        data = written(self.table, self.examples)
        for number, facts in enumerate(self.table.teachers):
            key = (facts.name, facts.revision)
            if key not in self.slugs:
                continue
            mine = self._teachers.get(key, _Teacher())
            path = folder / f"{self.slugs[key]}.html"
            view = TeacherPage(
                title=self.title,
                slug=self.slugs[key],
                facts=facts,
                places=mine.places,
                n_places=mine.n_places,
                cells=list(_cells(mine)),
                n_cells=mine.n_cells,
                data=data(number),
            )
            write_atomically(path, view.html(page))
            paths.append(path)
        return paths


def _slim(board: ScoredBoard) -> _Board:
    """Keep copies of what is shown, so that the rest of the board may go."""
    of_cells = {"z": board.scores.z, "score": board.scores.score, "stable": board.scores.stable}
    values = {
        name: np.array(of_cells.get(name, board.grid.values.get(name)), dtype=np.float32)
        for name in QUANTITIES
    }
    values["n_examples"] = board.n_examples.astype(np.float32)
    values["acceptance"] = board.acceptance.astype(np.float32)
    shape = values["raw"].shape
    return _Board(
        key=board.key,
        title=board.title,
        languages=board.languages,
        signatures=board.signatures,
        values=values,
        unsound=np.zeros(shape, bool) if board.grid.unsound is None else board.grid.unsound.copy(),
        flags=board.flags,
        present=np.isfinite(np.stack(list(values.values()))).any(axis=0),
    )


def _cells(mine: _Teacher) -> Iterator[dict[str, Any]]:
    """Yield a teacher's first `CELLS` cells, board by board."""
    shown = 0
    for board, i in mine.cells:
        for j in np.flatnonzero(board.present[i]):
            if shown == CELLS:
                return
            shown += 1
            yield {
                "key": board.key,
                "title": board.title,
                "language": board.languages[j],
                "signature": board.signatures[j] if board.signatures else "",
                "unsound": bool(board.unsound[i, j]),
                "flags": board.flags[i][j] if board.flags else (),
                **{name: float(values[i, j]) for name, values in board.values.items()},
            }
