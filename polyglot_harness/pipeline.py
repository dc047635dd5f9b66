"""The main job: plan the cells, call the stages in order, join the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polyglot_harness import cells, mixtures
from polyglot_harness.errors import HarnessError
from polyglot_harness.executors.local import LocalExecutor
from polyglot_harness.languages import load_pack
from polyglot_harness.leaderboard.ranking import Ranking, score_and_rank
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.lm.tally import Spending
from polyglot_harness.reporting import Reporter
from polyglot_harness.run_signature import cell_signature
from polyglot_harness.scoring.cells import Anchors, Cell
from polyglot_harness.scoring.items import Items
from polyglot_harness.scoring.mixtures import MixtureRow
from polyglot_harness.scoring.options import Scoring
from polyglot_harness.spec import (
    LanguagePack,
    Mixture,
    PolyglotScore,
    RunSpec,
    TeacherCard,
    TrainingOptions,
)
from polyglot_harness.stages import Done, Workshop

ALONE = Mixture()


@dataclass(frozen=True)
class Board:
    """The cells of one mixture, and the ranking of their teachers."""

    scores: tuple[PolyglotScore, ...]
    ranking: Ranking


@dataclass(frozen=True)
class CellData:
    """What a teacher wrote in a language, and what was measured of it."""

    teacher: TeacherCard
    language: str
    generated: tuple[Done, ...] = ()
    """A stage a strategy; () if one failed."""
    measured: Done | None = None


@dataclass
class Outcome:
    """What a run found. A cell is named ``"<teacher> <language>"``."""

    boards: dict[str, Board] = field(default_factory=dict)
    """By mixture."""
    cells: dict[str, CellData] = field(default_factory=dict)
    """All of the grid, those that failed too."""
    answers: dict[str, dict[str, Items]] = field(default_factory=dict)
    """Mixture -> cell -> what its student answered."""
    anchors: dict[str, Anchors] = field(default_factory=dict)
    """By language."""
    mixtures: tuple[MixtureRow, ...] = ()
    """Students of mixtures by language."""
    errors: dict[str, HarnessError] = field(default_factory=dict)


def run(
    spec: RunSpec,
    root: Path,
    reporter: Reporter,
    *,
    only_finished: bool = False,
    spending: Spending | None = None,
    options: TrainingOptions | None = None,
    scoring: Scoring | None = None,
) -> Outcome:
    """Run all cells of a spec.

    Stages run grouped by the model they need, so that each model is loaded as seldom as possible:
    all generation of a teacher, all measuring, then anchors, then students.

    Args:
        spec: What to run.
        root: The store.
        reporter: Hears of the progress.
        only_finished: Run no stage; those that are not finished count as failed.
        spending: The money that teachers may cost; None for no limit.
        options: How trainings are run.
        scoring: How scores are made; None for alpha and seed of the spec, and else the defaults.

    Returns:
        Scores and rankings, and the errors of the cells that failed.
    """
    shop = Workshop(
        root, spec, ModelPool(), reporter, only_finished, spending or Spending(),
        options or TrainingOptions(),
    )  # fmt: skip
    executor = LocalExecutor(reporter)
    packs = {code: load_pack(code, spec.include_path) for code in spec.languages}
    grid = {
        f"{teacher.name} {code}": (teacher, pack)
        for teacher in spec.teachers
        for code, pack in packs.items()
    }
    data = executor.map("generate", lambda cell: cells.generate(shop, *cell), grid)
    ready = {name: (*grid[name], done) for name, done in data.items()}
    measured = executor.map("measure", lambda cell: cells.measure(shop, *cell), ready)
    evaluated = executor.map("anchors", lambda pack: cells.anchors(shop, pack), packs)
    # a stage that failed has left its error: its cells are shown as incomplete
    anchors = {code: evaluated.get(code, Anchors(failed="anchors failed")) for code in packs}
    answers: dict[str, dict[str, Items]] = {}
    if ALONE in spec.mixtures:
        answers[str(ALONE)] = executor.map(
            "student", lambda cell: cells.student_alone(shop, *cell), ready
        )
    students = mixtures.students(shop, executor, data)
    for student in students:
        own = {f"{student.teacher} {code}": items for code, items in student.items.items()}
        answers.setdefault(str(student.mixture), {}).update(own)
    # English alone says nothing of a teacher
    taught = [mixture for mixture in spec.mixtures if mixture == ALONE or mixture.amount]
    scoring = scoring or Scoring(alpha=spec.alpha, seed=spec.seed)
    boards = {
        str(mixture): _board(
            spec, mixture, grid, answers.get(str(mixture), {}), measured, anchors, scoring
        )
        for mixture in taught
    }
    return Outcome(
        boards=boards,
        cells={
            name: CellData(teacher, pack.code, tuple(data.get(name, ())), measured.get(name))
            for name, (teacher, pack) in grid.items()
        },
        answers=answers,
        anchors=anchors,
        mixtures=mixtures.compare(shop, executor, students, anchors),
        errors=executor.errors,
    )


def _board(
    spec: RunSpec,
    mixture: Mixture,
    grid: Mapping[str, tuple[TeacherCard, LanguagePack]],
    answers: Mapping[str, Items],
    measured: Mapping[str, Done],
    anchors: Mapping[str, Anchors],
    scoring: Scoring,
) -> Board:
    """Score and rank the cells of one mixture."""
    made = [
        Cell(
            teacher=teacher.name,
            language=pack.code,
            student=spec.student.name,
            signature=cell_signature(spec, pack, mixture),
            items=answers.get(name),
            measurements=measured[name].record.measurements if name in measured else (),
        )
        for name, (teacher, pack) in grid.items()
    ]
    return Board(*score_and_rank(made, anchors, scoring))
