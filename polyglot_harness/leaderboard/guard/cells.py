"""The numbers of one side of a check, from results files or a leaderboard.json."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polyglot_harness.errors import ConfigError
from polyglot_harness.leaderboard.files import JSON, read_leaderboard
from polyglot_harness.leaderboard.guard.guarded import RAW
from polyglot_harness.leaderboard.records import Accuracies, ResultsFile, Row
from polyglot_harness.leaderboard.results import RESULTS, read_files
from polyglot_harness.signature import parse_signature
from polyglot_harness.spec import Measurement, PolyglotScore

SIDE_95 = 1.959964
"""Standard errors on either side of a normal 95 % interval."""


@dataclass(frozen=True)
class Number:
    """A measured number."""

    value: float
    stderr: float | None
    """The larger of the standard error and what half the interval comes to, for the error of a
    share of 0 of 5 is 0 and its interval is not; None where there is neither."""
    n: int
    """Of the items or examples; 0 where it is not known."""
    log_stderr: float | None = None
    """Likewise, of its logarithm."""


@dataclass(frozen=True)
class Cell:
    """One row: a teacher, a student, a language, a condition and a seed."""

    teacher: str
    revision: str
    """"" where the file does not say."""
    student: str
    language: str
    signature: str
    flags: tuple[str, ...] = ()
    numbers: Mapping[str, Number] = field(default_factory=dict)
    """Guarded number -> value; those that are missing are not in it."""
    items: Mapping[str, tuple[str, Accuracies]] = field(default_factory=dict)
    """Task -> digest of the sorted item ids, and the student's answers in their order."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Return teacher, student and language."""
        return self.teacher, self.student, self.language


def read_cells(path: Path, names: Collection[str]) -> list[Cell]:
    """Read all cells of a run folder, a folder of results files, or a single file of either kind.

    Args:
        path: A run folder without results files is read by its leaderboard.json and those of its
            mixtures.
        names: Numbers to keep.

    Raises:
        ConfigError: If there is nothing, or a cell is there twice.
        StoreError: If a file is damaged.
    """
    boards = _boards(path)
    if boards:
        found = [_of_score(s, names) for p in boards for s in read_leaderboard(p).scores]
    else:
        found = [_of_row(f, row, names) for _, f in read_files(path) for row in f.rows]
    if not found:
        raise ConfigError(f"{path}: no cell in it")
    seen: set[tuple[str, ...]] = set()
    for cell in found:
        parse_signature(cell.signature)
        key = (*cell.place, cell.revision, cell.signature)
        if key in seen:
            raise ConfigError(
                f"{path}: two cells of {cell.teacher}, {cell.student}, {cell.language} under the "
                "same conditions: keep one"
            )
        seen.add(key)
    return found


def _boards(path: Path) -> list[Path]:
    """Return the leaderboard.json files that stand for a path; [] where results files do."""
    if path.is_dir():
        if (path / RESULTS).is_dir() or not (path / JSON).is_file():
            return []
        return [path / JSON, *sorted(path.glob(f"mixtures/*/{JSON}"))]
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []  # the reader of results files says what is wrong with it
    return [path] if isinstance(content, dict) and "scores" in content else []


def _of_row(file: ResultsFile, row: Row, names: Collection[str]) -> Cell:
    return Cell(
        teacher=file.teacher.name,
        revision=file.teacher.revision,
        student=file.student.name,
        language=file.language,
        signature=row.signature,
        flags=row.flags,
        numbers=dict(_numbers(row, names)),
        items={t.task: (t.ids, t.student) for t in row.items} if RAW in names else {},
    )


def _of_score(score: PolyglotScore, names: Collection[str]) -> Cell:
    return Cell(
        teacher=score.teacher,
        revision="",
        student=score.student,
        language=score.language,
        signature=score.signature,
        flags=score.flags,
        numbers=dict(_numbers(score, names)),
    )


def _numbers(row: Row | PolyglotScore, names: Collection[str]) -> Iterator[tuple[str, Number]]:
    if RAW in names and row.raw is not None:
        yield RAW, Number(row.raw, row.raw_stderr, row.n_items)
    yield from _measured((m for m in row.measurements if m.name in names), names)


def _measured(
    measurements: Iterable[Measurement], names: Collection[str]
) -> Iterator[tuple[str, Number]]:
    left = set(names) - {RAW}
    for m in measurements:
        if m.name in left and m.value is not None:
            left.remove(m.name)
            yield m.name, Number(m.value, _stderr(m), m.n, _log_stderr(m))


def _stderr(m: Measurement) -> float | None:
    half = None if m.low is None or m.high is None else (m.high - m.low) / 2 / SIDE_95
    return max((s for s in (m.stderr, half) if s is not None), default=None)


def _log_stderr(m: Measurement) -> float | None:
    stderr = _stderr(m)
    return None if stderr is None or not m.value or m.value < 0 else stderr / m.value
