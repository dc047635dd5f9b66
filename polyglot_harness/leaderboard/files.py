"""The leaderboard on disk: JSON of record, and a Markdown and a CSV file made from it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from polyglot_harness.csv_cells import csv_cell
from polyglot_harness.errors import StoreError
from polyglot_harness.files import explain
from polyglot_harness.leaderboard.migrations import migrated
from polyglot_harness.leaderboard.ranking import Ranking
from polyglot_harness.leaderboard.render import markdown
from polyglot_harness.spec import Pairs, PolyglotScore, Record
from polyglot_harness.store import disk_errors, write_atomically

JSON, MARKDOWN, CSV = "leaderboard.json", "LEADERBOARD.md", "leaderboard.csv"
_NONE = (None, None)
_NESTED = ("measurements", "flags", "missing", "intervals")


class Board(Record):
    """What ``leaderboard.json`` holds."""

    schema_version: Literal[2] = 2
    scores: tuple[PolyglotScore, ...]
    ranking: Ranking
    provenance: Pairs = ()


def write_leaderboard(
    folder: Path, scores: Sequence[PolyglotScore], ranking: Ranking, provenance: Pairs
) -> tuple[Path, Path, Path]:
    """Write the three files, each atomically: a reader sees the old or the new one.

    Args:
        folder: Where; made if it is not there.
        scores: The cells.
        ranking: Their ranking.
        provenance: What made them.

    Returns:
        Paths of leaderboard.json, LEADERBOARD.md and leaderboard.csv.

    Raises:
        StoreError: If the disk is full or not writable.
    """
    board = Board(scores=tuple(scores), ranking=ranking, provenance=provenance)
    texts = {
        JSON: board.model_dump_json(indent=1) + "\n",
        MARKDOWN: markdown(board.scores, ranking),
        CSV: to_csv(board.scores),
    }
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return folder / JSON, folder / MARKDOWN, folder / CSV


def read_leaderboard(path: Path) -> Board:
    """Read ``leaderboard.json``; one of an older schema is migrated.

    Args:
        path: The file, or its folder.

    Raises:
        StoreError: If it is missing, cut short, edited into something else, or of no known schema.
    """
    path = path / JSON if path.is_dir() else path
    remedy = "delete it and make the leaderboard again from its run"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise StoreError(f"{path}: damaged or cut short ({error}); {remedy}") from None
    if not isinstance(data, dict):
        raise StoreError(f"{path}: not a leaderboard (no JSON object); {remedy}")
    try:
        return Board.model_validate(_tuples(migrated("leaderboard", data, path)))
    except ValidationError as error:
        raise StoreError(f"{path}: not a leaderboard ({explain(error)}); {remedy}") from None


def _tuples(value: Any) -> Any:
    """Return JSON with tuples for lists, as the records had them when they were written."""
    if isinstance(value, dict):
        return {key: _tuples(v) for key, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def to_csv(scores: Sequence[PolyglotScore]) -> str:
    """Return one line a cell: its fields, its intervals, each measurement and its standard error.

    Numbers are in full precision; what is missing is empty; flags are joined by ``;``. No text can
    begin a formula in a spreadsheet.
    """
    names = sorted({m.name for s in scores for m in s.measurements})
    bounded = list(dict.fromkeys(name for s in scores for name, *_ in s.intervals))
    plain = [field for field in PolyglotScore.model_fields if field not in _NESTED]
    header = [*plain, "flags", "missing"]
    header += [f"{name}_{end}" for name in bounded for end in ("low", "high")]
    header += [column for name in names for column in (name, f"{name}_stderr")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(csv_cell, header))
    for score in scores:
        intervals = {name: ends for name, *ends in score.intervals}
        found = {m.name: (m.value, m.stderr) for m in reversed(score.measurements)}
        row = [getattr(score, field) for field in plain]
        row += [";".join(score.flags), ";".join(score.missing)]
        row += [end for name in bounded for end in intervals.get(name, _NONE)]
        row += [number for name in names for number in found.get(name, _NONE)]
        writer.writerow(map(csv_cell, row))
    return out.getvalue()
