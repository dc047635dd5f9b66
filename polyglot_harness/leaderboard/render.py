"""The leaderboard for people: tables for the terminal, and LEADERBOARD.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from polyglot_harness.leaderboard.ranking import Ranking
from polyglot_harness.leaderboard.reading import reading
from polyglot_harness.leaderboard.tables import (
    FLAG_KEY,
    Grid,
    anchor_grid,
    cell_grid,
    teacher_grid,
)
from polyglot_harness.spec import PolyglotScore

__all__ = ["LEGEND", "markdown", "reading", "terminal_tables"]

DATA_COLUMNS = {"Accept", "d prompts", "d resp.", "PPL", "z"}
STUDENT_COLUMNS = {"Raw", "Gain", "PGR", "Polyglot", "Stable", "Flags"}
LEGEND = (
    "**Accept**: share of the teacher's replies that became training examples.",
    "**d prompts**, **d resp.**: distinct-RI, 1 - mean pairwise cosine similarity of the prompts, "
    "of the responses; higher is more diverse.",
    "**PPL**: perplexity of the responses under a base model; lower is more fluent.",
    "**Raw**: mean accuracy of the student over the tasks, in points (0-100).",
    "**Gain**: raw minus the base model's, in points, paired by item.",
    "**PGR**: performance gap recovered, (student - base) / (reference - base); 1 is the reference "
    "(arXiv 2412.03679). Struck through, with the Polyglot Score made of it, where the anchor is "
    "inverted (the reference is not above the base) or weak (above by less than two standard "
    "errors). Its error is half the width of the central 68.27 % of a paired bootstrap.",
    "**z**: mean z-score of the intrinsic metrics over the pool.",
    "**Polyglot**: alpha * z + (1 - alpha) * PGR (arXiv 2604.11290); its error is that of PGR's "
    "share only.",
    "**Stable**: mean of z and of the z-score of the gain, within language and student; it does "
    "not need the reference.",
    "**±**: one standard error over items; it knows nothing of training seeds and data draws. "
    "**—**: missing; a mean over languages is shown only if every language has the number.",
    f"**Flags**: {FLAG_KEY}. Small pool: fewer than five cells to take z-scores over; with two, "
    "each z-score is -1 or 1 whatever the difference.",
)


def terminal_tables(
    scores: Sequence[PolyglotScore], ranking: Ranking
) -> tuple[RenderableType, ...]:
    """Return tables by teacher and, for data and students, by cell; they fit 80 columns."""
    cells = cell_grid(scores, ranking)
    return (
        terminal_table(_without(teacher_grid(ranking), {"Langs", "z"})),
        terminal_table(_without(cells, STUDENT_COLUMNS, "Data")),
        terminal_table(
            _without(cells, DATA_COLUMNS, "Students"),
            f"Raw and Gain in points, ± one standard error; {FLAG_KEY}",
        ),
    )


def _without(grid: Grid, headers: set[str], title: str = "") -> Grid:
    """Return the grid without some columns."""
    keep = [i for i, header in enumerate(grid.headers) if header not in headers]
    return replace(
        grid,
        title=title or grid.title,
        headers=tuple(grid.headers[i] for i in keep),
        left=tuple(grid.left[i] for i in keep),
        rows=tuple(tuple(row[i] for i in keep) for row in grid.rows),
    )


def terminal_table(grid: Grid, caption: str = "") -> Table:
    """Return a table for the terminal."""
    table = Table(
        title=Text(grid.title, style="bold"),
        title_justify="left",
        caption=Text(caption) if caption else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
    )
    for header, left in zip(grid.headers, grid.left, strict=True):
        # Only names may be cut short where the terminal is narrow: never a number.
        table.add_column(
            header.replace(" ", "\n"),
            justify="left" if left else "right",
            no_wrap=header != "Teacher",
        )
    for row in grid.rows:
        table.add_row(*(_text(cell) for cell in row))
    return table


def _text(cell: str) -> Text:
    struck = len(cell) > 4 and cell.startswith("~~") and cell.endswith("~~")
    shown, style = (cell[2:-2], "strike dim") if struck else (cell, "")
    return Text(shown, style=style, no_wrap=True, overflow="ellipsis")


def markdown(scores: Sequence[PolyglotScore], ranking: Ranking) -> str:
    """Return LEADERBOARD.md: the reading, tables, legend and signatures.

    Args:
        scores: The cells.
        ranking: Their ranking.
    """
    grids = (teacher_grid(ranking), cell_grid(scores, ranking), anchor_grid(scores))
    conditions = sorted({(s.language, s.pool, s.signature) for s in scores})
    parts = [
        "# Polyglot leaderboard",
        reading(scores, ranking),
        *(f"## {_escape(grid.title)}\n\n{markdown_table(grid)}" for grid in grids),
        "## Legend\n\n" + "\n".join(f"- {line}" for line in LEGEND),
        "## Signatures\n\n"
        + "\n".join(f"- {lang}: `{text}`; z over `{pool}`" for lang, pool, text in conditions),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def markdown_table(grid: Grid) -> str:
    """Return a table in Markdown."""
    rule = tuple(":--" if left else "--:" for left in grid.left)
    rows = (grid.headers, rule, *grid.rows)
    return "\n".join(f"| {' | '.join(_escape(cell) for cell in row)} |" for row in rows)


def _escape(cell: str) -> str:
    """Keep a name from breaking its table."""
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
