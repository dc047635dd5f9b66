"""Released PG-score files of arXiv 2604.11290: JSON lines with ``result``, ``pgr``, ``z_score``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyglot_harness.analysis.sizes import size_in_name
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import jsonl_rows
from polyglot_harness.languages import pack_folders
from polyglot_harness.leaderboard.importing import Imported, Request
from polyglot_harness.leaderboard.importing.anchor_line import Anchor
from polyglot_harness.leaderboard.importing.audit import audit
from polyglot_harness.leaderboard.importing.checks import (
    accuracy,
    check_language,
    check_regular,
    check_storable,
    number,
    plain_name,
)
from polyglot_harness.leaderboard.importing.foreign_rows import gap_flags
from polyglot_harness.leaderboard.records import ResultsFile, Row, StudentFacts, TeacherFacts
from polyglot_harness.scoring.items import Estimate
from polyglot_harness.scoring.pgr import ANCHOR_INCONSISTENT
from polyglot_harness.signature import format_signature
from polyglot_harness.spec import Pairs, pairs
from polyglot_harness.store import file_sha256

SOURCE = "polyglot-teachers"
NAMES = ("teacher_model", "target_lang")
NUMBERS = ("result", "pgr", "z_score", "pg_score")


@dataclass(frozen=True)
class Cell:
    """A line of the file; None is missing."""

    teacher: str
    language: str
    result: float | None
    pgr: float | None
    z_score: float | None
    pg_score: float | None


def read(request: Request) -> Imported:
    """Read one released file: each is of one student, which it does not name.

    Raises:
        ConfigError: If it is not of this form, a number is NaN or no share, a cell comes twice, or
            a flag is missing or says what such a file says itself.
    """
    if len(request.files) != 1:
        raise ConfigError(f"--format {SOURCE}: one file at a time, for each is of one student")
    if not request.student:
        raise ConfigError(f"--format {SOURCE}: --student is needed: the file does not name it")
    for flag in ("teacher", "language", "base", "reference", "tasks", "metric", "seed"):
        if getattr(request, "metrics" if flag == "metric" else flag) not in (None, "", (), {}):
            raise ConfigError(f"--format {SOURCE}: --{flag} has no use here")
    (path,) = request.files
    cells = read_cells(path, request.include_path)
    found = audit(cells)
    return Imported(_results(path, cells, found.anchors, request), found.notes, found.tables)


def read_cells(path: Path, include_path: str | None = None) -> tuple[Cell, ...]:
    """Return the cells of a file, by language and teacher.

    Raises:
        ConfigError: As `read`; the line is named.
    """
    check_regular(path)
    languages = pack_folders(include_path)
    lines: dict[tuple[str, str], int] = {}
    cells = []
    for line, row in jsonl_rows(path):
        cell = _cell(row, f"{path}:{line}")
        check_language(cell.language, languages, f"{path}:{line}")
        first = lines.setdefault((cell.teacher, cell.language), line)
        if first != line:
            raise ConfigError(
                f"{path}: two cells of {cell.teacher} in {cell.language}: lines {first} and {line}"
            )
        cells.append(cell)
    if not cells:
        raise ConfigError(f"{path}: no rows in it")
    return tuple(sorted(cells, key=lambda c: (c.language, c.teacher)))


def _cell(row: dict[str, Any], where: str) -> Cell:
    for name in (*NAMES, *NUMBERS):
        if name not in row:
            raise ConfigError(f"{where}: no {name!r}; each row has {', '.join((*NAMES, *NUMBERS))}")
    for name in NAMES:
        if not isinstance(row[name], str) or not row[name].strip():
            raise ConfigError(f"{where}: {name} is {row[name]!r:.40}, expected a name")
        check_storable(row[name], f"{where}: {name}")
    numbers = {name: _number(row[name], f"{where}: {name}") for name in NUMBERS}
    if numbers["result"] is not None:
        accuracy(row["result"], f"{where}: result")
    return Cell(row["teacher_model"], row["target_lang"], **numbers)


def _number(value: Any, what: str) -> float | None:
    if isinstance(value, bool):
        raise ConfigError(f"{what} is {value}, expected a finite number or null")
    return None if value is None else number(value, what)


def _results(
    path: Path, cells: Sequence[Cell], anchors: Sequence[Anchor], request: Request
) -> tuple[ResultsFile, ...]:
    sha256 = file_sha256(path)
    by_language = {anchor.language: anchor for anchor in anchors}
    student = StudentFacts(name=request.student, size_b=size_in_name(request.student))
    said = pairs({"format": SOURCE, "file": path.name, "sha256": sha256})
    return tuple(
        ResultsFile(
            teacher=TeacherFacts(
                name=cell.teacher, revision=request.revision, size_b=size_in_name(cell.teacher)
            ),
            student=student,
            language=cell.language,
            rows=(_row(cell, by_language[cell.language], request, sha256, said),),
        )
        for cell in cells
    )


def _row(cell: Cell, anchor: Anchor, request: Request, sha256: str, said: Pairs) -> Row:
    # z was made over the cells of this file: rows of another one are not their like
    signature = {
        "lang": cell.language, "source": SOURCE, "base": plain_name(request.student),
        "file": sha256[:8],
    }  # fmt: skip
    base, gap = anchor.base, anchor.gap
    reference = None if base is None or gap is None else base + gap
    gain = None if base is None or cell.result is None else cell.result - base
    inconsistent = (ANCHOR_INCONSISTENT,) if anchor.inconsistent else ()
    parts = {"raw": cell.result, "base": base, "reference": reference, "pgr": cell.pgr,
             "z": cell.z_score}  # fmt: skip
    return Row(
        signature=format_signature(signature),
        raw=cell.result,
        base=base,
        reference=reference,
        gain=gain,
        gap=gap,
        pgr=cell.pgr,
        z=cell.z_score,
        flags=inconsistent if gap is None else gap_flags(Estimate(gap)),
        missing=tuple(name for name, value in parts.items() if value is None),
        source=SOURCE,
        provenance=said,
    )
