"""``leaderboard show``: boards in the terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli import flags
from polyglot_harness.cli.board_build import board_options
from polyglot_harness.cli.scoring_flags import add_scoring_flags
from polyglot_harness.cli.values import Names

if TYPE_CHECKING:
    from rich.console import RenderableType

    from polyglot_harness.leaderboard.shown import Shown

VIEWS = ("teacher", "language", "student", "strategy", "cost")
LEFT_OUT = 5
"""Rows that are not ranked with the others, of a board."""
EPILOG = """\
examples:
  polyglot-harness leaderboard show                             every board, teachers ranked
  polyglot-harness leaderboard show --by language --languages de,cs
  polyglot-harness leaderboard show runs/first --by cost        quality against dollars
  polyglot-harness leaderboard show --by student --limit 10

[low, high] is a 95 % interval; struck-through numbers rest on an unsound anchor. docs/scoring.md
says how each number is made.
"""


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Add the action."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "show",
        help="the boards in the terminal: by teacher, language, student, strategy or cost",
        description="Print boards made of results, of a run folder or of a leaderboard.json.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "path", nargs="?", type=Path, metavar="PATH", default=Path("leaderboard/results"),
        help="folder of results or of `run`, or a leaderboard.json (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--by", choices=VIEWS, default="teacher",
                        help="what the tables are arranged by (default: %(default)s)")  # fmt: skip
    parser.add_argument("--board", default=None, metavar="TEXT",
                        help="only boards with this in key or title (default: all)")  # fmt: skip
    parser.add_argument("--languages", action=Names, nargs="+", default=(), metavar="CODE,...",
                        help="these only (default: all)")  # fmt: skip
    parser.add_argument("--students", action=Names, nargs="+", default=(), metavar="NAME,...",
                        help="these only (default: all)")  # fmt: skip
    parser.add_argument("--limit", type=int, default=50, metavar="N",
                        help="teachers a table (default: %(default)s)")  # fmt: skip
    flags.alpha_flag(parser)
    add_scoring_flags(parser)
    parser.add_argument("--seed", type=int, default=0,
                        help="of the bootstrap (default: %(default)s)")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Print the tables."""
    from polyglot_harness.cli.console import table_console
    from polyglot_harness.leaderboard.render import printable

    boards = _boards(args)
    console = table_console(width=100)
    for item in _view(args, boards, console.width):
        if isinstance(item, str):
            console.print(printable(item), soft_wrap=True)
        else:
            console.print(item)
        console.print()
    return 0


def _boards(args: argparse.Namespace) -> list[Shown]:
    """Return the boards asked for.

    Raises:
        ConfigError: If there is none.
    """
    from polyglot_harness.errors import ConfigError, unknown_name
    from polyglot_harness.leaderboard.boards import make_boards
    from polyglot_harness.leaderboard.files import read_leaderboard
    from polyglot_harness.leaderboard.results import read_table
    from polyglot_harness.leaderboard.shown import shown, shown_file

    if args.limit < 1:
        raise ConfigError(f"--limit {args.limit}: expected at least 1")
    if not args.path.exists():
        raise ConfigError(
            f"{args.path}: no such file or folder; give a folder of `run`, or make results with: "
            "polyglot-harness leaderboard build RUN"
        )
    if args.path.is_file() and args.path.name.startswith("leaderboard"):
        return [shown_file(read_leaderboard(args.path), str(args.path))]
    found = make_boards(read_table(args.path), board_options(args))
    boards = [shown(board, args.limit) for board in found]
    if not boards:
        raise ConfigError(f"{args.path}: no rows in its files, so there is no board")
    wanted = args.board or ""
    kept = [board for board in boards if wanted in board.key or wanted in board.title]
    if not kept:
        raise unknown_name("board", wanted, [board.key for board in boards])
    return kept


def _view(args: argparse.Namespace, boards: list[Shown], width: int) -> list[str | RenderableType]:
    from polyglot_harness.leaderboard import views
    from polyglot_harness.leaderboard.render import terminal_table

    if args.by == "teacher":
        return [item for board in boards for item in _teachers(board, width, args.limit)]
    if args.by == "language":
        grids = [grid for board in boards for grid in views.by_language(board, args.limit)]
    elif args.by == "cost":
        grids = [views.by_cost(board, args.limit) for board in boards]
    elif args.by == "student":
        grids = views.by_student(boards, args.limit)
    else:
        grids = views.by_strategy(boards, args.limit)
    return [terminal_table(grid, grid.note and f"{grid.note} teachers") for grid in grids]


def _teachers(board: Shown, width: int, limit: int) -> list[str | RenderableType]:
    from polyglot_harness.leaderboard.reading import reading
    from polyglot_harness.leaderboard.render import pair_table, show_pairs, teacher_table

    pairs = [pair_table(board.ranking)] if show_pairs(board.ranking) else []
    left_out = [f"not ranked with these: {line}" for line in board.left_out[:LEFT_OUT]]
    if len(board.left_out) > LEFT_OUT:
        left_out.append(f"and {len(board.left_out) - LEFT_OUT} more")
    return [
        f"{board.title}  ({board.key})",
        teacher_table(board.ranking, width=width, limit=limit),
        *pairs,
        reading(board.scores, board.ranking),
        *(["\n".join(left_out)] if left_out else []),
    ]
