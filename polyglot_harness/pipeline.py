"""The main job: plan the cells, call the stages in order, join the scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from polyglot_harness import stages
from polyglot_harness.errors import HarnessError
from polyglot_harness.executors.local import LocalExecutor
from polyglot_harness.languages import load_pack
from polyglot_harness.leaderboard.ranking import Ranking, rank
from polyglot_harness.lm.evaluate import ITEMS, read_items
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.lm.tally import Spending
from polyglot_harness.reporting import Reporter
from polyglot_harness.run_signature import cell_signature
from polyglot_harness.scoring.items import Items
from polyglot_harness.scoring.polyglot import Anchors, Cell, score_cells
from polyglot_harness.spec import LanguagePack, PolyglotScore, RunSpec, StudentCard, TeacherCard
from polyglot_harness.stages import Done, Workshop
from polyglot_harness.store import verify_output
from polyglot_harness.training.data import choose, gold_examples


@dataclass
class Outcome:
    """What a run found."""

    scores: tuple[PolyglotScore, ...] = ()
    ranking: Ranking | None = None
    errors: dict[str, HarnessError] = field(default_factory=dict)


def run(
    spec: RunSpec,
    root: Path,
    reporter: Reporter,
    *,
    only_finished: bool = False,
    spending: Spending | None = None,
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

    Returns:
        Scores, ranking, and the errors of the cells that failed.
    """
    shop = Workshop(root, spec, ModelPool(), reporter, only_finished, spending or Spending())
    executor = LocalExecutor(reporter)
    packs = {code: load_pack(code, spec.include_path) for code in spec.languages}
    cells = {
        f"{teacher.name} {code}": (teacher, pack)
        for teacher in spec.teachers
        for code, pack in packs.items()
    }
    data = executor.map("generate", lambda cell: _generate(shop, *cell), cells)
    ready = {name: (*cells[name], done) for name, done in data.items()}
    measured = executor.map("measure", lambda cell: _measure(shop, *cell), ready)
    anchors = executor.map("anchors", lambda pack: _anchors(shop, pack), packs)
    students = executor.map("student", lambda cell: _student(shop, *cell), ready)
    scores = score_cells(
        [
            Cell(
                teacher=teacher.name,
                language=pack.code,
                student=spec.student.name,
                signature=cell_signature(spec, pack),
                items=_items(students[name]) if name in students else None,
                measurements=measured[name].record.measurements if name in measured else (),
            )
            for name, (teacher, pack) in cells.items()
        ],
        anchors,
        alpha=spec.alpha,
        seed=spec.seed,
    )
    return Outcome(scores, rank(scores), executor.errors)


def _generate(shop: Workshop, teacher: TeacherCard, pack: LanguagePack) -> list[Done]:
    return [stages.generate(shop, teacher, pack, strategy) for strategy in shop.spec.strategies]


def _measure(shop: Workshop, teacher: TeacherCard, pack: LanguagePack, data: list[Done]) -> Done:
    files = [stages.data_files(done) for done in data]
    found = stages.stage_data(shop.spec, pack.code, files)
    return stages.measure_data(shop, teacher.name, pack, found)


def _student(shop: Workshop, teacher: TeacherCard, pack: LanguagePack, data: list[Done]) -> Done:
    examples = [example for d in data for example in stages.examples_of(d)]
    chosen = choose(examples, shop.spec.recipe.max_train_samples, seed=shop.spec.seed)
    trained = stages.train(shop, f"{teacher.name}-{pack.code}", shop.spec.student, chosen)
    return _evaluate_trained(shop, teacher.name, shop.spec.student, trained, pack)


def _anchors(shop: Workshop, pack: LanguagePack) -> Anchors:
    student = shop.spec.student
    base = stages.evaluate(
        shop, f"base-{student.name}", stages.base_args(student),
        stages.base_identity(student), pack,
    )  # fmt: skip
    if shop.spec.reference == "gold":
        gold = choose(gold_examples(pack), shop.spec.recipe.max_train_samples, seed=shop.spec.seed)
        trained = stages.train(shop, f"gold-{pack.code}", student, gold)
        reference = _evaluate_trained(shop, "gold", student, trained, pack)
    else:
        official = student.model_copy(update={"pretrained": shop.spec.reference, "revision": ""})
        reference = stages.evaluate(
            shop, "reference", stages.base_args(official), stages.base_identity(official), pack
        )
    return Anchors(_items(base), _items(reference))


def _evaluate_trained(
    shop: Workshop, name: str, student: StudentCard, trained: Done, pack: LanguagePack
) -> Done:
    weights = stages.trained_folder(trained)
    return stages.evaluate(
        shop,
        f"{student.name}-by-{name}",
        stages.trained_args(student, weights),
        stages.trained_identity(student, weights),
        pack,
    )


def _items(evaluated: Done) -> Items:
    return read_items(verify_output(evaluated.folder, evaluated.record, ITEMS))
