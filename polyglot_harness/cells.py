"""What is done of one cell of the grid: which stages, in which order, on which data."""

from __future__ import annotations

from collections.abc import Sequence

from polyglot_harness import stages
from polyglot_harness.lm.evaluate import ITEMS, read_items
from polyglot_harness.scoring.cells import Anchors
from polyglot_harness.scoring.items import Items
from polyglot_harness.spec import Example, LanguagePack, TeacherCard
from polyglot_harness.stages import Done, Workshop
from polyglot_harness.store import verify_output
from polyglot_harness.training.data import choose, gold_examples


def generate(shop: Workshop, teacher: TeacherCard, pack: LanguagePack) -> list[Done]:
    """Have a teacher write its data of a language, by all strategies."""
    return [stages.generate(shop, teacher, pack, strategy) for strategy in shop.spec.strategies]


def measure(shop: Workshop, teacher: TeacherCard, pack: LanguagePack, data: list[Done]) -> Done:
    """Measure the data of a teacher in a language."""
    files = [stages.data_files(done) for done in data]
    found = stages.stage_data(shop.spec, pack.code, files)
    return stages.measure_data(shop, teacher.name, pack, found)


def student_alone(
    shop: Workshop, teacher: TeacherCard, pack: LanguagePack, data: list[Done]
) -> Items:
    """Train a student on a teacher's data of a language, and return its answers."""
    name = f"{teacher.name}-{pack.code}"
    trained = train_on_sample(shop, name, examples_of(data))
    return evaluate_trained(shop, teacher.name, trained, pack)


def anchors(shop: Workshop, pack: LanguagePack) -> Anchors:
    """Return the answers of base and reference in a language."""
    student = shop.spec.student
    lower = base(shop, pack)
    if shop.spec.reference == "gold":
        trained = train_on_sample(shop, f"gold-{pack.code}", gold_examples(pack))
        upper = evaluate_trained(shop, "gold", trained, pack)
        return Anchors(lower, upper, student=student.name)
    official = student.model_copy(update={"pretrained": shop.spec.reference, "revision": ""})
    reference = stages.evaluate(
        shop, "reference", stages.base_args(official), stages.base_identity(official), pack,
        chat_template="",
    )  # fmt: skip
    return Anchors(lower, _items(reference), student=student.name)


def base(shop: Workshop, pack: LanguagePack) -> Items:
    """Return the answers of the untrained student in a language."""
    student = shop.spec.student
    done = stages.evaluate(
        shop, f"base-{student.name}", stages.base_args(student),
        stages.base_identity(student), pack,
    )  # fmt: skip
    return _items(done)


def evaluate_trained(shop: Workshop, name: str, trained: Done, pack: LanguagePack) -> Items:
    """Return the answers of a trained student in a language."""
    student = shop.spec.student
    weights = stages.trained_folder(trained)
    done = stages.evaluate(
        shop,
        f"{student.name}-by-{name}",
        stages.trained_args(student, weights),
        stages.trained_identity(student, weights),
        pack,
    )
    return _items(done)


def train_on_sample(shop: Workshop, name: str, examples: Sequence[Example]) -> Done:
    """Train a student on as many examples as the recipe says, equal per strategy."""
    spec = shop.spec
    chosen = choose(examples, spec.recipe.max_train_samples, seed=spec.seed)
    return stages.train(shop, name, spec.student, chosen)


def examples_of(data: Sequence[Done]) -> tuple[Example, ...]:
    """Return the accepted examples of generate stages."""
    return tuple(example for done in data for example in stages.examples_of(done))


def _items(evaluated: Done) -> Items:
    return read_items(verify_output(evaluated.folder, evaluated.record, ITEMS))
