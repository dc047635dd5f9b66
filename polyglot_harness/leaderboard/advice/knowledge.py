"""What is known of teachers: the cells of all students that may be compared with one another.

Cells may be compared that agree in their signatures but for the teacher, the seed, what a language
brings with it, and the student; a gain does not depend on the reference or on the metrics either.
Scores depend on their pool: they are taken board by board, of one student only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts
from polyglot_harness.scoring.grid import or_nan

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.results import ResultsTable

By = Literal["gain", "stable", "score"]
Condition = tuple[tuple[str, str], ...]
SCALES: Mapping[By, float] = {"gain": 0.02, "stable": 0.5, "score": 0.5}
"""Size of an effect that would surprise nobody: 2 points of accuracy, half a standard deviation."""
LARGEST: Mapping[By, float] = {"gain": 1.0, "stable": 1e3, "score": 1e3}
"""Sizes beyond which a value can be no such thing."""
OF_A_STUDENT = ("base",)
NOT_OF_A_GAIN = ("ref", "intr", "pool")
NORMAL_95 = 1.959964
COUNTS = ("n_items", "n_examples", "n_replies", "cost_usd", "tokens_in", "tokens_out")


@dataclass(frozen=True, slots=True)
class Known:
    """One cell, of one seed or the mean of several."""

    teacher: TeacherFacts
    student: StudentFacts
    language: str
    condition: Condition
    variant: Condition
    """What the language brings with it: its pack, its tasks."""
    value: float
    """NaN is missing."""
    stderr: float
    """NaN where it is not known."""
    counts: Mapping[str, float]
    """Of `COUNTS`; NaN is missing."""
    seeds: tuple[int, ...] = ()

    @property
    def who(self) -> tuple[str, str]:
        """Return what tells the teacher from others."""
        return self.teacher.name, self.teacher.revision


@dataclass(frozen=True)
class Chosen:
    """The cells of one condition."""

    condition: Condition
    cells: tuple[Known, ...]
    others: int
    """Cells of other conditions."""
    conditions: int
    """How many other conditions there are."""
    variants: int
    """Cells left out because others of their student and language have other tasks or packs."""
    missing: int
    """Cells without a value: it was not measured, or its anchor is unsound."""
    impossible: int
    """Cells left out because of values beyond `LARGEST`."""
    elsewhere: tuple[str, ...]
    """Teachers that only have cells of other conditions."""


def read_known(paths: Iterable[Path], by: By = "gain", student: str = "") -> list[Known]:
    """Read the cells of results files, run folders and leaderboards.

    Args:
        paths: Folders of results files, such files, run folders, or ``leaderboard.json`` files.
        by: What is asked for. Scores are made anew with their boards.
        student: Whose boards, where scores are asked for: those of others have other pools.

    Raises:
        ConfigError: If there is nothing to read in a path.
        StoreError: If a file is damaged.
    """
    from polyglot_harness.leaderboard.files import JSON
    from polyglot_harness.leaderboard.results import RESULTS, read_table

    found: list[Known] = []
    for path in paths:
        board = path / JSON if path.is_dir() else path
        if board.name == JSON and board.is_file() and not (path / RESULTS).is_dir():
            found += _of_leaderboard(board, by)
        else:
            found += _of_table(read_table(path), by, student)
    return found


def _of_table(table: ResultsTable, by: By, student: str) -> Iterator[Known]:
    if by == "gain":
        yield from _gains(table)
    elif student in {s.name for s in table.students}:
        yield from _scores(table, by, student)


def _gains(table: ResultsTable) -> Iterator[Known]:
    names = ("teacher_id", "student_id", "language", "signature", "seed", "gain", "gain_stderr")
    columns = [table.rows.column(name).to_pylist() for name in (*names, *COUNTS)]
    parsed: dict[str, tuple[Condition, Condition]] = {}
    for teacher, student, language, signature, seed, gain, stderr, *counts in zip(
        *columns, strict=True
    ):
        if signature not in parsed:
            parsed[signature] = _conditions(signature, "gain")
        condition, variant = parsed[signature]
        yield Known(
            teacher=table.teachers[teacher],
            student=table.students[student],
            language=language,
            condition=condition,
            variant=variant,
            value=or_nan(gain),
            stderr=or_nan(stderr),
            counts=dict(zip(COUNTS, map(or_nan, counts), strict=True)),
            seeds=() if seed is None else (seed,),
        )


def _conditions(signature: str, by: By) -> tuple[Condition, Condition]:
    """Return the fields that cells share, and those that their language brings with it."""
    from polyglot_harness.leaderboard.ranking import PER_LANGUAGE
    from polyglot_harness.signature import parse_signature

    fields = sorted(parse_signature(signature).items())
    skip = {"seed", "teacher", *PER_LANGUAGE, *OF_A_STUDENT, *(NOT_OF_A_GAIN * (by == "gain"))}
    local = {*PER_LANGUAGE} - {"lang"} - {*(NOT_OF_A_GAIN * (by == "gain"))}
    return tuple(f for f in fields if f[0] not in skip), tuple(f for f in fields if f[0] in local)


def _scores(table: ResultsTable, by: By, student: str) -> Iterator[Known]:
    """Yield scores and their errors; a Polyglot Score over an unsound anchor is missing."""
    from polyglot_harness.leaderboard.boards import BoardOptions, make_boards

    for board in make_boards(table, BoardOptions(students=(student,))):
        values = board.scores.stable if by == "stable" else board.scores.score
        if by == "score" and board.grid.unsound is not None:
            values = np.where(board.grid.unsound, np.nan, values)
        low, high = board.uncertainty.cells[by]
        errors = (high - low) / (2 * NORMAL_95)
        own = {"n_items": board.n_items, "n_examples": board.n_examples, "cost_usd": board.cost_usd}
        for t, j in np.argwhere(np.isfinite(values)).tolist():
            condition, variant = _conditions(board.signatures[j], by)
            yield Known(
                teacher=board.teachers[t],
                student=board.student,
                language=board.languages[j],
                condition=condition,
                variant=variant,
                value=float(values[t, j]),
                stderr=float(errors[t, j]),
                counts={n: float(own[n][t, j]) if n in own else np.nan for n in COUNTS},
                seeds=board.seeds,
            )


def _of_leaderboard(path: Path, by: By) -> Iterator[Known]:
    from polyglot_harness.leaderboard.files import read_leaderboard
    from polyglot_harness.leaderboard.ranking import ANCHOR_FLAGS

    for score in read_leaderboard(path).scores:
        condition, variant = _conditions(score.signature, by)
        unsound = by == "score" and set(score.flags) & set(ANCHOR_FLAGS)
        yield Known(
            teacher=_facts(score.teacher),
            student=StudentFacts(name=score.student),
            language=score.language,
            condition=condition,
            variant=variant,
            value=or_nan(None if unsound else getattr(score, by)),
            stderr=or_nan(score.gain_stderr if by == "gain" else None),
            counts={**dict.fromkeys(COUNTS, np.nan), "n_items": float(score.n_items)},
            seeds=_seeds(score.signature),
        )


def _facts(name: str) -> TeacherFacts:
    """Return what the card of that name says, where there is one: a leaderboard does not."""
    from polyglot_harness.analysis.sizes import size_in_name
    from polyglot_harness.teachers import load_teacher, teacher_names

    card = load_teacher(name) if name in teacher_names() else None
    said = {f: getattr(card, f) for f in ("family", "licence", "price_in", "price_out") if card}
    return TeacherFacts(name=name, revision="unknown", size_b=size_in_name(name), **said)


def _seeds(signature: str) -> tuple[int, ...]:
    from polyglot_harness.signature import parse_signature

    seed = parse_signature(signature).get("seed", "")
    return (int(seed),) if seed.isdecimal() else ()


def choose(known: Sequence[Known], language: str, student: str, by: By = "gain") -> Chosen | None:
    """Return the cells of the condition that says most of a student in a language.

    It is the one in which most teachers were measured with this student in this language, then with
    this student, then at all; then the one of most cells.

    Returns:
        Its cells, those of one teacher, student and language joined to their mean; None if no cell
        has a value.
    """
    measured = [cell for cell in known if not np.isnan(cell.value)]
    conditions: dict[Condition, list[Known]] = {}
    for cell in measured:
        if abs(cell.value) <= LARGEST[by]:
            conditions.setdefault(cell.condition, []).append(cell)
    impossible = len(measured) - sum(map(len, conditions.values()))
    if not conditions:
        return None

    def weight(condition: Condition) -> tuple[object, ...]:
        cells = conditions[condition]
        own = [c for c in cells if c.student.name == student]
        exact = {c.who for c in own if c.language == language}
        taught = (exact, {c.who for c in own}, {c.who for c in cells})
        return (*map(len, taught), len(cells), condition)

    best = max(conditions, key=weight)
    found = conditions.pop(best)
    cells = list(_of_one_variant(found))
    here = {c.who for c in cells}
    rest = [c for others in conditions.values() for c in others]
    return Chosen(
        condition=best,
        cells=tuple(_joined(cells)),
        others=len(rest),
        conditions=len(conditions),
        variants=len(found) - len(cells),
        missing=len(known) - len(measured),
        impossible=impossible,
        elsewhere=tuple(sorted({c.teacher.name for c in rest if c.who not in here})),
    )


def _of_one_variant(cells: Iterable[Known]) -> Iterator[Known]:
    """Yield of each student and language the cells whose tasks and pack most teachers share."""
    groups: defaultdict[tuple[str, str], defaultdict[Condition, list[Known]]]
    groups = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        groups[cell.student.name, cell.language][cell.variant].append(cell)
    for variants in groups.values():
        yield from max(variants.items(), key=lambda v: (len({c.who for c in v[1]}), v[0]))[1]


def _joined(cells: Iterable[Known]) -> Iterator[Known]:
    """Yield one cell for each teacher, student and language: the mean of its seeds.

    Students of several seeds answer the same items, so their errors do not cancel, and what they
    differ by comes on top. The same row read twice is one.
    """
    together: defaultdict[tuple[object, ...], dict[tuple[object, ...], Known]] = defaultdict(dict)
    for cell in cells:
        same = together[(*cell.who, cell.student.name, cell.language)]
        same.setdefault((cell.seeds, cell.value), cell)
    for found in together.values():
        seeds = list(found.values())
        if len(seeds) == 1:
            yield seeds[0]
            continue
        values = np.array([c.value for c in seeds])
        apart = values.std(ddof=1) / np.sqrt(len(values))
        yield replace(
            seeds[0],
            value=float(values.mean()),
            stderr=float(np.hypot(np.mean([c.stderr for c in seeds]), apart)),
            counts={n: float(np.mean([c.counts[n] for c in seeds])) for n in COUNTS},
            seeds=tuple(sorted({s for c in seeds for s in c.seeds})),
        )


def teacher_labels(cells: Iterable[Known]) -> dict[tuple[str, str], str]:
    """Return how teachers are shown: with the revision where two have one name."""
    who = {c.who for c in cells}
    count = Counter(name for name, _ in who)
    return {(n, r): n if count[n] == 1 else f"{n}@{r[:12]}" for n, r in sorted(who)}
