"""A leaderboard of many boards as files: LEADERBOARD.md, and a CSV file with every cell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from polyglot_harness.csv_cells import csv_cell
from polyglot_harness.leaderboard.boards import ScoredBoard
from polyglot_harness.leaderboard.reading import board_reading
from polyglot_harness.leaderboard.render import code, legend, markdown_table, show_pairs
from polyglot_harness.leaderboard.shown import cells_of
from polyglot_harness.leaderboard.tables import anchor_grid, cell_grid, pair_grid, teacher_grid
from polyglot_harness.markdown import escape
from polyglot_harness.scoring.grid import QUANTITIES, VALUES
from polyglot_harness.scoring.intrinsic_z import METRICS
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.store import disk_errors, write_atomically

MARKDOWN, CSV = "LEADERBOARD.md", "leaderboard.csv"
TEACHERS = 50
"""Of a board in LEADERBOARD.md; all are in the CSV file."""
CELLS = 200
"""Cells up to which a board's are shown in LEADERBOARD.md."""
LEFT_OUT = 20
DECIMALS = 6
"""Of numbers in the CSV file: a share to a ten-thousandth of a point."""


class Document:
    """LEADERBOARD.md, written board by board."""

    def __init__(self, title: str) -> None:
        """Begin with nothing but a title."""
        self.title = title
        self.contents: list[str] = []
        self.sections: list[str] = []
        self.methods: dict[str, None] = {}

    def add(self, board: ScoredBoard) -> str:
        """Add a board; return it read aloud."""
        number = len(self.sections) + 1
        read = board_reading(board)
        self.contents.append(f"{number}. [{escape(board.title)}](#board-{number})")
        self.sections.append(f'<a id="board-{number}"></a>\n\n' + _section(board, read))
        self.methods.setdefault(board.uncertainty.method)
        return read

    def write(self, path: Path) -> None:
        """Write the file, atomically.

        Raises:
            StoreError: If the disk is full or not writable.
        """
        parts = [
            f"# {escape(self.title)}",
            *(["\n".join(self.contents)] if len(self.contents) > 1 else []),
            *self.sections,
            legend(2, " ".join(self.methods)),
        ]
        write_atomically(path, "\n\n".join(part.rstrip() for part in parts) + "\n")


def _section(board: ScoredBoard, read: str) -> str:
    teachers = teacher_grid(board.ranking, limit=TEACHERS)
    parts = [
        f"## {escape(board.title)}",
        escape(read),
        f"### {escape(teachers.title)}",
        markdown_table(teachers),
        f"{teachers.note} in `{CSV}`." if teachers.note else "",
    ]
    if show_pairs(board.ranking):
        pairs = pair_grid(board.ranking, board.ranking.pairs)
        parts += [f"### {escape(pairs.title)}", markdown_table(pairs)]
    if len(board.teachers) * len(board.languages) <= CELLS:
        cells = cells_of(board, len(board.teachers))
        for grid in (cell_grid(cells, board.ranking), anchor_grid(cells)):
            parts += [f"### {escape(grid.title)}", markdown_table(grid)]
    return "\n\n".join(part for part in (*parts, *_left_out(board), _conditions(board)) if part)


def _left_out(board: ScoredBoard) -> list[str]:
    if not board.left_out:
        return []
    more = len(board.left_out) - LEFT_OUT
    lines = [f"- {escape(line)}" for line in board.left_out[:LEFT_OUT]]
    lines += [f"- and {more} more"] if more > 0 else []
    return ["### Not ranked with these", "\n".join(lines)]


def _conditions(board: ScoredBoard) -> str:
    """Return the signatures, which differ between languages in few fields, folded."""
    lines = [
        f"- {language}: {code(text)}; z over {code(pool)}"
        for language, text, pool in zip(
            board.languages, board.signatures, board.scores.pools, strict=True
        )
    ]
    return "<details><summary>Signatures</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


class CellsFile:
    """leaderboard.csv, written board by board: a line a cell, numbers to `DECIMALS` places."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._writer: Any = None

    def __enter__(self) -> CellsFile:
        """Begin aside of the file."""
        return self

    def add(self, board: ScoredBoard) -> None:
        """Add the cells of a board that have anything."""
        import pyarrow.csv as csv

        table = cells_table(board)
        with disk_errors(self.path):
            if self._writer is None:
                self._writer = csv.CSVWriter(self.temporary, table.schema)
            self._writer.write_table(table)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Put the file in its place if nothing went wrong."""
        with disk_errors(self.path):
            if self._writer is not None:
                self._writer.close()
            if kind is None and self._writer is not None:
                self.temporary.replace(self.path)
            self.temporary.unlink(missing_ok=True)


def cells_table(board: ScoredBoard) -> Any:
    """Return the cells of a board as a pyarrow table, teachers in the order of the ranking."""
    import pyarrow as pa

    place = {name: i for i, name in enumerate(board.grid.teachers)}
    order = np.array([place[row.teacher] for row in board.ranking.rows], dtype=np.int64)
    here = board.grid.there()[order].ravel()
    n_languages = len(board.languages)
    teacher = np.repeat(order, n_languages)[here]
    language = np.tile(np.arange(n_languages), len(order))[here]
    flags = [";".join(board.flags[i][j]) for i, j in zip(teacher, language, strict=True)]

    def words(texts: list[str], codes: Any = None) -> Any:
        safe = pa.array([csv_cell(text) for text in texts], pa.string())
        return safe if codes is None else safe.take(pa.array(codes))

    def everywhere(text: str) -> Any:
        return words([text], np.zeros(len(teacher), dtype=np.int64))

    facts = board.teachers
    columns: dict[str, Any] = {
        "board": everywhere(board.key),
        "teacher": words([fact.name for fact in facts], teacher),
        "revision": words([fact.revision for fact in facts], teacher),
        "family": words([fact.family for fact in facts], teacher),
        "licence": words([fact.licence for fact in facts], teacher),
        "student": everywhere(board.student.name),
        "language": words(list(board.languages), language),
        "mixture": everywhere(board.mixture),
        "strategies": everywhere("+".join(board.strategies)),
        "seeds": everywhere("+".join(map(str, board.seeds))),
        "ranked_by": everywhere(board.ranking.ranked_by),
        "rank": pa.array([row.rank for row in board.ranking.rows], pa.int64()).take(
            pa.array(np.repeat(np.arange(len(order)), n_languages)[here])
        ),
    }
    for name, values in _numbers(board):
        column = np.round(values[order].ravel()[here], DECIMALS)
        columns[name] = pa.array(column, mask=~np.isfinite(column))
    columns["flags"] = words(flags)
    columns["pool"] = words(list(board.scores.pools), language)
    columns["signature"] = words(list(board.signatures), language)
    return pa.table(columns)


def _numbers(board: ScoredBoard) -> Iterator[tuple[str, FloatArray]]:
    """Yield name and values, [T, L], of each column of numbers; the same for every board."""
    nothing = np.full((len(board.teachers), len(board.languages)), np.nan)
    for name in VALUES:
        yield name, board.grid.values.get(name, nothing)
        if name not in ("base", "reference"):
            yield f"{name}_stderr", board.grid.values.get(f"{name}_stderr", nothing)
    for name in ("z", "gain_z", "score", "stable"):
        yield name, getattr(board.scores, name)
    for name in QUANTITIES:
        ends = board.uncertainty.cells.get(name, (nothing, nothing))
        yield f"{name}_low", ends[0]
        yield f"{name}_high", ends[1]
    for k, metric in enumerate(METRICS):
        yield metric, board.grid.metrics[:, :, k]
        yield f"{metric}_stderr", board.grid.metric_stderrs[:, :, k]
    yield "acceptance_rate", board.acceptance
    yield "n_examples", board.n_examples
    yield "n_items", board.n_items
    yield "cost_usd", board.cost_usd


@contextmanager
def documents(folder: Path, title: str) -> Iterator[tuple[Document, CellsFile]]:
    """Write both files into a folder at the end, if nothing went wrong.

    Raises:
        StoreError: If the disk is full or not writable.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    document = Document(title)
    with CellsFile(folder / CSV) as cells:
        yield document, cells
    document.write(folder / MARKDOWN)
