"""Mixtures as a dimension of the grid: a teacher's data in place of a part of an English set.

One student a teacher and mixture learns from all languages of the run together, and is evaluated in
each of them, in English, and in languages that it has not seen (arXiv 2401.01854).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from polyglot_harness import cells, stages
from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.executors.local import LocalExecutor
from polyglot_harness.languages import load_pack
from polyglot_harness.scoring.items import Items
from polyglot_harness.scoring.mixtures import (
    CONTROL,
    ENGLISH,
    MixedStudent,
    MixtureRow,
    mixture_rows,
)
from polyglot_harness.scoring.polyglot import Anchors
from polyglot_harness.spec import Example, LanguagePack, Mixture, RunSpec, digest
from polyglot_harness.stages import Done, Workshop


@dataclass(frozen=True)
class EnglishSet:
    """The English instruction set of a run."""

    examples: tuple[Example, ...]
    digest: str


def english_set(spec: RunSpec) -> EnglishSet:
    """Read the English instruction set of a run; it is read once.

    Raises:
        ConfigError: If it cannot be read.
    """
    return _read(spec.english, spec.include_path)


@cache
def _read(names: tuple[str, ...], include_path: str | None) -> EnglishSet:
    from polyglot_harness.data_sources.examples import read_examples

    found = tuple(
        example
        for name in names
        for example in read_examples(name, include_path=include_path, language=ENGLISH)
    )
    return EnglishSet(found, digest(list(found)))


def students(
    shop: Workshop, executor: LocalExecutor, data: Mapping[str, list[Done]]
) -> list[MixedStudent]:
    """Train and evaluate the students of all mixtures.

    Args:
        shop: The run.
        executor: Runs them.
        data: Generate stages by teacher and language (``"<teacher> <code>"``).
    """
    spec = shop.spec
    grid = grid_of(spec)

    def train(cell: tuple[str, Mixture]) -> Done:
        teacher, mixture = cell
        codes = () if teacher == CONTROL else spec.languages
        examples = {code: cells.examples_of(data.get(f"{teacher} {code}", [])) for code in codes}
        chosen = training_data(spec, mixture, examples)
        return stages.train(shop, f"{teacher}-{mixture}", spec.student, chosen)

    trained = executor.map("student", train, grid)
    tests = {
        f"{name} {code}": (name, load_pack(code, spec.include_path))
        for name in trained
        for code in languages_tested(spec)
    }

    def evaluate(test: tuple[str, LanguagePack]) -> Items:
        name, pack = test
        return cells.evaluate_trained(shop, name.replace(" ", "-"), trained[name], pack)

    answers: dict[str, dict[str, Items]] = {name: {} for name in trained}
    for key, items in executor.map("evaluate", evaluate, tests).items():
        name, pack = tests[key]
        answers[name][pack.code] = items
    return [MixedStudent(*grid[name], items) for name, items in answers.items()]


def compare(
    shop: Workshop,
    executor: LocalExecutor,
    found: Sequence[MixedStudent],
    anchors: Mapping[str, Anchors],
) -> tuple[MixtureRow, ...]:
    """Compare students of mixtures with the base, which also answers what only they are asked."""
    if not found:
        return ()
    base = {code: anchor.base for code, anchor in anchors.items() if anchor.base}
    others = {
        code: load_pack(code, shop.spec.include_path)
        for code in languages_tested(shop.spec)
        if code not in shop.spec.languages
    }
    base |= executor.map("base", lambda pack: cells.base(shop, pack), others)
    return mixture_rows(found, base, shop.spec.languages)


def training_data(
    spec: RunSpec, mixture: Mixture, data: Mapping[str, Sequence[Example]]
) -> tuple[Example, ...]:
    """Return what a student of a mixture learns from.

    Args:
        spec: The run.
        mixture: One that is not ``alone``.
        data: A teacher's examples by language; nothing for English alone.

    Raises:
        ConfigError: If the English set is smaller than its budget.
        StageError: If the teacher has no example in a language of the run.
    """
    from polyglot_harness.training.mixing import mix

    lacking = [code for code in data if not data[code]]
    if lacking:
        raise StageError(f"mixture {mixture}: no example in {', '.join(lacking)}")
    english = english_set(spec).examples
    return tuple(mix(english, data, mixture, budget=budget_of(spec), seed=spec.seed).examples)


def budget_of(spec: RunSpec) -> int:
    """Return the number of examples of a mixture, English and others."""
    there = len(english_set(spec).examples)
    return spec.mix_budget or min(there, spec.recipe.max_train_samples)


def check_mixtures(spec: RunSpec) -> None:
    """Check that mixtures fit into the English set.

    Raises:
        ConfigError: If the set cannot be read or is smaller than its budget, or a pinch is larger.
    """
    if all(mixture.kind == "alone" for mixture in spec.mixtures):
        return
    there, budget = len(english_set(spec).examples), budget_of(spec)
    if budget > there:
        raise ConfigError(f"--mix_budget {budget}: the English set has {there} examples")
    for mixture in spec.mixtures:
        if mixture.kind == "pinch" and mixture.amount > budget:
            raise ConfigError(
                f"--mixture {mixture}: replaces more than the {budget} examples of the mixture; "
                f"give --mix_budget up to {there} (default: the recipe's max_train_samples)"
            )


def languages_tested(spec: RunSpec) -> tuple[str, ...]:
    """Return the languages in which students of mixtures are evaluated."""
    return tuple(dict.fromkeys((*spec.languages, *spec.also_evaluate)))


def grid_of(spec: RunSpec) -> dict[str, tuple[str, Mixture]]:
    """Return the students of mixtures by name; English alone is one, whoever teaches."""
    grid: dict[str, tuple[str, Mixture]] = {}
    for mixture in spec.mixtures:
        if mixture.kind == "alone":
            continue
        teachers = [teacher.name for teacher in spec.teachers] if mixture.amount else [CONTROL]
        grid |= {f"{teacher} {mixture}": (teacher, mixture) for teacher in teachers}
    return grid
