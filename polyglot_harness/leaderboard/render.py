"""The leaderboard for people: tables for the terminal, and LEADERBOARD.md of one run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from polyglot_harness.leaderboard.ranking import Ranking
from polyglot_harness.leaderboard.reading import reading
from polyglot_harness.leaderboard.tables import (
    FLAG_KEY,
    SCORE_HEADERS,
    Grid,
    anchor_grid,
    cell_grid,
    pair_grid,
    teacher_grid,
)
from polyglot_harness.markdown import escape
from polyglot_harness.spec import PolyglotScore

__all__ = ["LEGEND", "markdown", "reading", "terminal_tables"]

DATA_COLUMNS = {"Accept", "d prompts", "d resp.", "PPL", "z"}
STUDENT_COLUMNS = {"Raw", "Gain", "PGR", "Polyglot", "Stable", "Flags"}
SPARE = ("Langs", "Raw", "Accept", "Cost", "Borda", "MRR", "z", "PGR")
"""Columns that go first where the terminal is narrow; then the score that does not rank."""
NAMES = {"Teacher", "A", "B"}
"""Columns that are wrapped where it is narrow."""
PAIRS_UP_TO = 8
"""Teachers up to which every pair is shown."""
WIDTH = 100
"""Columns that tables fit."""
NAME_WIDTH = 14
"""To which they may be wrapped."""
LEGEND = (
    "**Ranks**: 95 % interval of the rank. Teachers whose intervals overlap may well be in the "
    "other order.",
    "**Accept**: share of the teacher's replies that became training examples.",
    "**d prompts**, **d resp.**: distinct-RI, 1 - mean pairwise cosine similarity of the prompts, "
    "of the responses; higher is more diverse.",
    "**PPL**: perplexity of the responses under a base model; lower is more fluent.",
    "**Raw**: mean accuracy of the student over the tasks, in points (0-100).",
    "**Gain**: raw minus the base model's, in points, paired by item.",
    "**PGR**: performance gap recovered, (student - base) / (reference - base); 1 is the reference "
    "(arXiv 2412.03679). Struck through, with the Polyglot Score made of it, where the anchor is "
    "inverted (the reference is not above the base), weak (above by less than two standard "
    "errors) or inconsistent (published numbers that fit no anchor).",
    "**z**: mean z-score of the intrinsic metrics over the pool.",
    "**Polyglot**: alpha * z + (1 - alpha) * PGR (arXiv 2604.11290).",
    "**Stable**: mean of z and of the z-score of the gain, within language and student; it does "
    "not need the reference.",
    "**P(A better)**: share of resamples in which A is above B. **p (Holm)**: two-sided, of the "
    "difference, corrected for all pairs.",
    "**Cost**: US dollars for all replies, by the prices of the teacher's card; missing where it "
    "has none.",
    "**[low, high]**: 95 % interval. **±**: one standard error over items, where there is no "
    "interval; neither knows of training seeds and data draws that were not tried. "
    "**—**: missing; a mean over languages is shown only if every language has the number.",
    f"**Flags**: {FLAG_KEY}. Small pool: fewer than five cells to take z-scores over; with two, "
    "each z-score is -1 or 1 whatever the difference.",
)


def terminal_tables(
    scores: Sequence[PolyglotScore], ranking: Ranking, *, width: int = WIDTH
) -> tuple[RenderableType, ...]:
    """Return tables by teacher, of pairs where they are few and, for data and students, by cell.

    Args:
        scores: The cells.
        ranking: Their ranking.
        width: At most so many columns; where the console has fewer, tables leave out more of
            theirs to fit. They cut no number.
    """
    cells = cell_grid(scores, ranking, short=True)
    pairs = (pair_table(ranking),) if show_pairs(ranking) else ()
    return (
        teacher_table(ranking, width=width),
        *pairs,
        terminal_table(without(cells, STUDENT_COLUMNS, "Data")),
        terminal_table(
            without(cells, DATA_COLUMNS, "Students"),
            f"Raw and Gain in points; [low, high]: 95 % interval; ±: one standard error; "
            f"{FLAG_KEY}",
            spare=_spare(ranking),
            width=width,
        ),
    )


def teacher_table(
    ranking: Ranking, *, width: int = WIDTH, limit: int | None = None
) -> RenderableType:
    """Return the table by teacher for the terminal."""
    grid = teacher_grid(ranking, short=True, limit=limit)
    caption = grid.note and f"{grid.note} teachers"
    return terminal_table(grid, caption, spare=_spare(ranking), width=width)


def pair_table(ranking: Ranking) -> RenderableType:
    """Return the table of pairs for the terminal."""
    return terminal_table(pair_grid(ranking, ranking.pairs))


def _spare(ranking: Ranking) -> tuple[str, ...]:
    return (*SPARE, *(h for by, h in SCORE_HEADERS.items() if by != ranking.ranked_by))


def show_pairs(ranking: Ranking) -> bool:
    """Say whether a table of all pairs is short enough to be read."""
    return bool(ranking.pairs) and len(ranking.rows) <= PAIRS_UP_TO


def fitted(grid: Grid, width: int, spare: Sequence[str]) -> Grid:
    """Return the table without as many of the spare columns, in their order, as do not fit."""
    for header in spare:
        if table_width(grid) <= width:
            break
        grid = without(grid, {header})
    return grid


def table_width(grid: Grid) -> int:
    """Return the columns that a table takes in the terminal at least, its names wrapped."""
    widths = []
    for i, header in enumerate(grid.headers):
        lines = [line for row in grid.rows for line in row[i].split("\n")]
        longest = max(map(_shown_length, lines), default=0)
        if header in NAMES:
            longest = min(longest, NAME_WIDTH)
        widths.append(max([longest, *map(len, header.split())]))
    return sum(widths) + len(widths) - 1


def _shown_length(cell: str) -> int:
    return len(_unstruck(cell)[0])


def without(grid: Grid, headers: set[str], title: str = "") -> Grid:
    """Return the grid without some columns."""
    keep = [i for i, header in enumerate(grid.headers) if header not in headers]
    return replace(
        grid,
        title=title or grid.title,
        headers=tuple(grid.headers[i] for i in keep),
        left=tuple(grid.left[i] for i in keep),
        rows=tuple(tuple(row[i] for i in keep) for row in grid.rows),
    )


def terminal_table(
    grid: Grid, caption: str = "", *, spare: Sequence[str] = (), width: int = WIDTH
) -> RenderableType:
    """Return a table for the terminal; nothing in it is cut, what does not fit is wrapped.

    Args:
        grid: The table.
        caption: Said below it.
        spare: Columns that are left out, in this order, as far as they do not fit.
        width: In which it is to fit, if the console is not narrower.
    """
    return _Fitted(grid, caption, tuple(spare), width)


@dataclass(frozen=True)
class _Fitted:
    """A table that is made when it is known how wide the console is."""

    grid: Grid
    caption: str
    spare: tuple[str, ...]
    width: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = fitted(self.grid, min(self.width, options.max_width), self.spare)
        yield _table(grid, self.caption, tight=table_width(grid) > options.max_width)


def _table(grid: Grid, caption: str, *, tight: bool) -> Table:
    table = Table(
        title=printable(grid.title, style="bold"),
        title_justify="left",
        caption=printable(caption) if caption else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
    )
    for header, left in zip(grid.headers, grid.left, strict=True):
        table.add_column(
            printable(header.replace(" ", "\n")),
            justify="left" if left else "right",
            no_wrap=not tight and header not in NAMES,
            overflow="fold",
        )
    for row in grid.rows:
        table.add_row(*(_text(cell) for cell in row))
    return table


def printable(text: str, style: str = "") -> Text:
    """Return a text that cannot steer the terminal or turn the line round."""
    safe = "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
    return Text(safe, style=style)


def _unstruck(cell: str) -> tuple[str, bool]:
    struck = len(cell) > 4 and cell.startswith("~~") and cell.endswith("~~")
    return (cell[2:-2], True) if struck else (cell, False)


def _text(cell: str) -> Text:
    shown, struck = _unstruck(cell)
    return printable(shown, "strike dim" if struck else "")


def markdown(scores: Sequence[PolyglotScore], ranking: Ranking) -> str:
    """Return LEADERBOARD.md: the reading, tables, legend and signatures.

    Args:
        scores: The cells.
        ranking: Their ranking.
    """
    conditions = sorted({(s.language, s.pool, s.signature) for s in scores})
    signatures = [f"- {lang}: {code(text)}; z over {code(pool)}" for lang, pool, text in conditions]
    parts = [
        "# Polyglot leaderboard",
        escape(reading(scores, ranking)),
        *(f"## {escape(grid.title)}\n\n{markdown_table(grid)}" for grid in grids(scores, ranking)),
        legend(2),
        "## Signatures\n\n" + "\n".join(signatures),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def grids(scores: Sequence[PolyglotScore], ranking: Ranking) -> list[Grid]:
    """Return the tables of LEADERBOARD.md."""
    pairs = [pair_grid(ranking, ranking.pairs)] if show_pairs(ranking) else []
    return [teacher_grid(ranking), *pairs, cell_grid(scores, ranking), anchor_grid(scores)]


def legend(level: int, uncertainty: str = "") -> str:
    """Return the legend as a section; `uncertainty` says how intervals were made."""
    made = [f"**How intervals were made**: {escape(uncertainty)}"] if uncertainty else []
    return f"{'#' * level} Legend\n\n" + "\n".join(f"- {line}" for line in (*LEGEND, *made))


def markdown_table(grid: Grid) -> str:
    """Return a table in Markdown."""
    rule = tuple(":--" if left else "--:" for left in grid.left)
    head = tuple(map(escape, grid.headers))
    rows = (
        tuple(escape(c) if left else c for c, left in zip(row, grid.left, strict=True))
        for row in grid.rows
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def code(text: str) -> str:
    """Return a text as code in Markdown; it cannot end the code."""
    one_line = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", one_line)), default=0))
    space = " " if len(fence) > 1 else ""
    return f"{fence}{space}{one_line}{space}{fence}"
