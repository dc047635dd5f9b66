"""The leaderboard of a run on disk: an old schema, intervals, and cells of a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from test_leaderboard import score, two

from polyglot_harness.csv_cells import csv_cell
from polyglot_harness.errors import StoreError
from polyglot_harness.leaderboard import rank, read_leaderboard, to_csv, write_leaderboard
from polyglot_harness.leaderboard.migrations import NO_INTERVALS

OLD = Path(__file__).parent / "data" / "leaderboard_schema_1.json"
"""As a run of version 0.1.0 left it."""


def test_schema_1_is_read(tmp_path: Path) -> None:
    shutil.copy(OLD, tmp_path / "leaderboard.json")
    old = json.loads(OLD.read_text(encoding="utf-8"))
    assert old["schema_version"] == 1
    board = read_leaderboard(tmp_path)
    assert (board.schema_version, board.ranking.uncertainty) == (2, NO_INTERVALS)
    assert [s.score for s in board.scores] == [s["score"] for s in old["scores"]]
    assert [r.teacher for r in board.ranking.rows] == [r["teacher"] for r in old["ranking"]["rows"]]
    assert not any(s.intervals for s in board.scores)
    write_leaderboard(tmp_path, board.scores, board.ranking, board.provenance)
    assert read_leaderboard(tmp_path) == board
    assert json.loads((tmp_path / "leaderboard.json").read_text("utf-8"))["schema_version"] == 2


@pytest.mark.parametrize("content", ["[]", "3", '"x"', "null"])
def test_what_is_no_object(tmp_path: Path, content: str) -> None:
    (tmp_path / "leaderboard.json").write_text(content, encoding="utf-8")
    with pytest.raises(StoreError, match="not a leaderboard .no JSON object.; delete it"):
        read_leaderboard(tmp_path)


def test_intervals_are_kept(tmp_path: Path) -> None:
    cells = [score("A", intervals=(("gain", 0.05, 0.15), ("score", 0.3, 0.5))), score("B")]
    write_leaderboard(tmp_path, cells, rank(cells), ())
    assert read_leaderboard(tmp_path).scores == tuple(cells)
    a, b = csv.DictReader(io.StringIO(to_csv(cells)))
    assert (a["gain_low"], a["gain_high"], a["score_high"]) == ("0.05", "0.15", "0.5")
    assert (b["gain_low"], b["score_high"]) == ("", "")
    assert "intervals" not in a


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), ("\n=1", "'\n=1"), ("＝1", "'＝1"),
        ("a=1", "a=1"), ("", ""), (-0.5, -0.5), (None, None), (3, 3),
    ],
)  # fmt: skip
def test_a_cell_begins_no_formula(value: object, cell: object) -> None:
    assert csv_cell(value) == cell


def test_a_teacher_cannot_be_a_formula() -> None:
    text = to_csv([score('=cmd|"/c calc"!A0', gain=-0.25), *two()])
    first, *_ = csv.DictReader(io.StringIO(text))
    assert first["teacher"] == '\'=cmd|"/c calc"!A0'
    assert first["gain"] == "-0.25"
