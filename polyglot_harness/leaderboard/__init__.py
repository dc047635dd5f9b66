"""From scores to a leaderboard: ranked, read aloud, shown and kept."""

from polyglot_harness.leaderboard.files import Board, read_leaderboard, to_csv, write_leaderboard
from polyglot_harness.leaderboard.ranking import Ranking, TeacherRow, check_comparable, rank
from polyglot_harness.leaderboard.reading import reading
from polyglot_harness.leaderboard.render import LEGEND, markdown, terminal_tables

__all__ = [
    "LEGEND",
    "Board",
    "Ranking",
    "TeacherRow",
    "check_comparable",
    "markdown",
    "rank",
    "read_leaderboard",
    "reading",
    "terminal_tables",
    "to_csv",
    "write_leaderboard",
]
